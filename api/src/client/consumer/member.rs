//! `[pure]` What a consumer knows of its group in one cluster, and what it does next. All of it is here
//! and in the files that it uses, none of it waits: the task performs what [`Member::next`] asks for and
//! reports what came of it. Times are since the consumer began.

mod delivery;
mod life;
mod polling;
mod settling;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::buffer::Buffer;
use super::hand::{Hand, Serial};
use super::liveness::{Liveness, Standing};
use super::options::ConsumerOptions;
use super::rebalance::{Assignment, Change, TopicPartition};
use crate::client::ClientError;
use crate::client::castle::Throttle;
use crate::client::pause::Pauses;
use crate::http::groups::{AckRequest, PollRequest};

/// Where a consumer is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Running,
    /// It says what is to be said and then leaves, at the latest then.
    Closing {
        until: Duration,
    },
    Ended,
}

/// What the task is to do.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// Tell the listener, before all else.
    pub(super) changes: Vec<Change>,
    pub(super) poll: Option<Ask<PollRequest>>,
    pub(super) settle: Option<Ask<(AckRequest, Vec<Serial>)>>,
    pub(super) renew: Option<Ask<(AckRequest, Vec<Serial>)>>,
    /// Leave the group, and end.
    pub(super) leave: bool,
    /// Look again then.
    pub(super) wake_at: Duration,
}

/// Something to ask, which failed so often.
#[derive(Debug)]
pub(super) struct Ask<T> {
    pub(super) what: T,
    pub(super) failures: u32,
    pub(super) sent: Duration,
}

/// A consumer's state.
#[derive(Debug)]
pub(super) struct Member {
    options: Arc<ConsumerOptions>,
    member: String,
    topics: Vec<String>,
    /// Topics that went on in another cluster.
    left: BTreeSet<String>,
    life: Life,
    was_told_to_end: bool,
    pub(super) hand: Hand,
    pub(super) buffer: Buffer,
    assignment: Assignment,
    liveness: Liveness,
    generation: u64,
    positions: BTreeMap<TopicPartition, u64>,
    /// Delivered by the last poll, and done with the next one.
    last_batch: Vec<Serial>,
    changes: Vec<Change>,
    /// The listener is being told: nothing is delivered before it knows.
    is_telling: bool,
    is_polling: bool,
    is_settling: bool,
    is_renewing: bool,
    polls: Pauses,
    settles: Pauses,
    renewals: Pauses,
    tend_at: Duration,
    /// Who moves the group while no poll may be under way.
    holds: usize,
    /// The generation that a commit named is over.
    is_stale: bool,
    /// When the application was last here, and whether it is.
    visited: Duration,
    visitors: usize,
    refusal: Option<Arc<ClientError>>,
    is_paused: bool,
    throttle: Throttle,
    /// Records and bytes that came, and requests that failed.
    pub(super) counted: Counted,
}

/// What happened since somebody asked last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) errors: u64,
}

impl Member {
    pub(super) fn new(options: Arc<ConsumerOptions>, member: String, seed: u64) -> Member {
        Member {
            liveness: Liveness::new(options.session),
            topics: options.topics.clone(),
            left: BTreeSet::new(),
            options,
            member,
            life: Life::Running,
            was_told_to_end: false,
            hand: Hand::default(),
            buffer: Buffer::default(),
            assignment: Assignment::default(),
            generation: 0,
            positions: BTreeMap::new(),
            last_batch: Vec::new(),
            changes: Vec::new(),
            is_telling: false,
            is_polling: false,
            is_settling: false,
            is_renewing: false,
            polls: Pauses::seeded(seed),
            settles: Pauses::seeded(seed ^ 1),
            renewals: Pauses::seeded(seed ^ 2),
            tend_at: Duration::ZERO,
            holds: 0,
            is_stale: false,
            visited: Duration::ZERO,
            visitors: 0,
            refusal: None,
            is_paused: false,
            throttle: Throttle::default(),
            counted: Counted::default(),
        }
    }

    /// What to do now.
    pub(super) fn next(&mut self, now: Duration) -> Step {
        self.look_after(now);
        let leave = self.may_leave(now);
        let mut step = Step { leave, ..Step::default() };
        if !leave && self.life != Life::Ended {
            step.renew = self.next_renewal(now);
            step.settle = self.next_settle(now);
            step.poll = self.next_poll(now);
        }
        step.changes = std::mem::take(&mut self.changes);
        self.is_telling = !step.changes.is_empty();
        step.wake_at = self.wake_at(now);
        step
    }

    /// The listener knows.
    pub(super) fn told(&mut self) {
        self.is_telling = false;
    }

    /// What time alone changes.
    fn look_after(&mut self, now: Duration) {
        if self.liveness.standing(now) == Standing::Out {
            self.lose_all();
        }
        if now >= self.tend_at {
            let late = self.hand.drop_late(now, self.options.processing_max);
            if late > 0 {
                tracing::warn!(late, "records were worked on for too long and come again");
            }
            self.tend_at = now + self.tend_every();
        }
        // Who was told to end has finished what was in hand.
        if self.was_told_to_end && self.hand.len() == 0 {
            self.close(false, now);
        }
        if self.is_absent(now) && self.buffer.bytes() + self.buffer.ready() > 0 {
            tracing::warn!("nobody asks for records: what was fetched is not kept any longer");
            self.drop_buffered(|_| true);
        }
    }

    fn tend_every(&self) -> Duration {
        let options = &self.options;
        (options.lock.min(options.processing_max).min(options.session) / 8)
            .max(Duration::from_millis(5))
    }

    fn wake_at(&self, now: Duration) -> Duration {
        let sign = self.liveness.sign_due().max(self.polls.until()).max(self.renewals.until());
        let closing = match self.life {
            Life::Closing { until } => Some(until),
            Life::Running | Life::Ended => None,
        };
        let later = [
            Some(self.tend_at),
            Some(sign),
            Some(self.polls.until()),
            Some(self.throttle.free_at()),
            self.settle_due().map(|due| due.max(self.settles.until())),
            self.liveness.next_change(now),
            closing,
        ];
        let later = later.into_iter().flatten().filter(|at| *at > now);
        later.min().unwrap_or(now + self.tend_every())
    }

    pub(super) fn held(&self) -> Vec<TopicPartition> {
        self.assignment.held().iter().cloned().collect()
    }

    pub(super) fn member(&self) -> &str {
        &self.member
    }
}

fn ask<T>(what: T, pauses: &Pauses, now: Duration) -> Ask<T> {
    Ask { what, failures: pauses.failures(), sent: now }
}

fn pause_asked_for(error: &ClientError) -> Option<u64> {
    match error {
        ClientError::Problem { body, .. } => body.retry_after_ms,
        ClientError::BadServer { .. }
        | ClientError::Unreachable { .. }
        | ClientError::Interrupted { .. }
        | ClientError::Unexpected { .. } => None,
    }
}
