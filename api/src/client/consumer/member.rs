//! What a consumer knows and what it does next. All of it is here and in the files that it uses, none
//! of it waits: the task performs what [`Member::next`] asks for and reports what came of it. Times are
//! since the consumer began.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::buffer::Buffer;
use super::error::ConsumerError;
use super::hand::{Arrival, Hand, Reply, Serial, Verdict};
use super::liveness::{Liveness, Standing};
use super::options::{ConsumerOptions, Settle};
use super::rebalance::{Assignment, Change, TopicPartition};
use super::record::Message;
use super::upstream::Polled;
use crate::client::ClientError;
use crate::client::castle::Throttle;
use crate::client::pause::Pauses;
use crate::http::encoding::Encoding;
use crate::http::groups::{AckRequest, AckResponse, PollRequest};
use crate::model::error_code::ErrorCode;

/// Records in one request that settles or renews.
const SETTLED_AT_ONCE_MAX: usize = 1_000;
/// So many records that are done are told without waiting for more.
const TOLD_AT_ONCE: usize = 500;
/// The longest wait of one poll.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// What is refused for good is asked for again after this: somebody may see to it.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

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

    /// Whether the application has been away for too long.
    fn is_absent(&self, now: Duration) -> bool {
        self.visitors == 0 && now.saturating_sub(self.visited) >= self.options.processing_max
    }

    fn next_poll(&mut self, now: Duration) -> Option<Ask<PollRequest>> {
        let is_ending = self.life != Life::Running || self.was_told_to_end;
        let is_barred = self.is_polling || self.holds > 0 || is_ending;
        if is_barred || self.is_absent(now) || now < self.polls.until() {
            return None;
        }
        let wants_sign = self.is_stale || (self.liveness.sign_due() <= now && !self.can_renew());
        let (records, wait) = if self.wants_records(now) {
            (self.room(), WAIT_MAX.min(self.options.session / 6))
        } else if wants_sign {
            // Only to be seen: what comes with it is kept, and renewing it is the next sign.
            (1, Duration::ZERO)
        } else {
            return None;
        };
        self.is_polling = true;
        self.hand.forget_done();
        Some(ask(self.poll_request(records, wait), &self.polls, now))
    }

    /// INV-12: what is in hand and in the buffer is bounded.
    fn wants_records(&self, now: Duration) -> bool {
        let held = self.assignment.held();
        let all_paused = !held.is_empty() && held.is_subset(self.buffer.paused());
        !self.is_paused
            && !all_paused
            && self.throttle.is_free(now)
            && self.buffer.ready() < self.options.records_max
            && self.buffer.bytes() < self.options.buffer_bytes_max
            && self.room() > 0
    }

    /// How many records more may be in hand.
    fn room(&self) -> usize {
        let room = self.options.in_hand_max.saturating_sub(self.hand.len());
        room.min(self.options.records_max)
    }

    fn can_renew(&self) -> bool {
        !self.hand.to_renew(Duration::MAX, self.options.lock, 1).1.is_empty()
    }

    fn poll_request(&self, records: usize, wait: Duration) -> PollRequest {
        let options = &self.options;
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).ok();
        PollRequest {
            member: self.member.clone(),
            topics: options.topics.clone(),
            start: options.start,
            max_records: Some(records as u64),
            max_bytes: Some(options.bytes_max as u64),
            wait_ms: ms(wait),
            lock_ms: ms(options.lock),
            session_ms: ms(options.session),
            client_id: options.client_id.clone(),
            host: options.host.clone(),
            rack: options.rack.clone(),
            instance_id: options.instance_id.clone(),
            encoding: Some(Encoding::Base64),
        }
    }

    fn next_settle(&mut self, now: Duration) -> Option<Ask<(AckRequest, Vec<Serial>)>> {
        if self.is_settling || now < self.settles.until() || now < self.settle_due()? {
            return None;
        }
        let (request, serials) = self.hand.next_said(SETTLED_AT_ONCE_MAX)?;
        self.is_settling = true;
        let request = AckRequest { member: self.member.clone(), ..request };
        Some(ask((request, serials), &self.settles, now))
    }

    /// When what was said is to be told.
    fn settle_due(&self) -> Option<Duration> {
        let since = self.hand.said_since()?;
        let is_urgent = self.life != Life::Running || self.hand.queued() >= TOLD_AT_ONCE;
        Some(match self.options.settle {
            Settle::Automatic { every } if !is_urgent => since + every,
            Settle::Automatic { .. } | Settle::Records | Settle::Positions => since,
        })
    }

    fn next_renewal(&mut self, now: Duration) -> Option<Ask<(AckRequest, Vec<Serial>)>> {
        if self.is_renewing || now < self.renewals.until() {
            return None;
        }
        let lock = self.options.lock;
        // Rounds are an eighth apart, so at the latest in the middle of its lock each has its turn.
        let (mut renew, mut serials) =
            self.hand.to_renew(now + lock * 5 / 8, lock, SETTLED_AT_ONCE_MAX);
        if serials.is_empty() && self.liveness.sign_due() <= now {
            (renew, serials) = self.hand.to_renew(Duration::MAX, lock, 1);
        }
        if serials.is_empty() {
            return None;
        }
        self.is_renewing = true;
        let request = AckRequest { member: self.member.clone(), renew, ..AckRequest::default() };
        Some(ask((request, serials), &self.renewals, now))
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

    /// The answer to a poll.
    pub(super) fn polled(
        &mut self,
        (sent, now): (Duration, Duration),
        answer: Result<Polled, ClientError>,
    ) {
        self.is_polling = false;
        match answer {
            Ok(polled) => {
                self.polls.succeeded();
                self.liveness.got_through(sent);
                (self.refusal, self.is_stale) = (None, false);
                self.generation = polled.generation;
                let changes = self.assignment.becomes(polled.assignment);
                for change in &changes {
                    if let Change::Assigned(come) = change {
                        self.positions.retain(|place, _| !come.contains(place));
                    }
                }
                self.changes.extend(changes);
                self.take_in(sent, now, polled.records);
            }
            Err(error) => {
                self.counted.errors += 1;
                tracing::debug!(%error, failures = self.polls.failures(), "a poll failed");
                let asked_for = pause_asked_for(&error);
                self.polls.failed(now, asked_for);
                if error.code() == Some(ErrorCode::UnknownMember) {
                    self.liveness.is_out();
                } else if is_final(&error) {
                    self.polls.not_before(now + REFUSED_PAUSE);
                    self.refusal = Some(Arc::new(error));
                }
            }
        }
    }

    fn take_in(&mut self, sent: Duration, now: Duration, records: Vec<(Message, String)>) {
        let locked_until = sent + self.options.lock;
        let mut bytes = 0;
        for (message, token) in records {
            bytes += message.size_bytes() as u64;
            self.counted.records += 1;
            let (place, offset, attempt) = (message.place(), message.offset, message.attempt);
            let arrival = Arrival { place, offset, attempt, token, locked_until };
            if let Some(serial) = self.hand.take_in(arrival) {
                self.buffer.push(serial, message);
            }
        }
        self.hand.forget_done();
        self.counted.bytes += bytes;
        self.throttle.took(bytes, now);
    }

    /// The answer to what was said.
    pub(super) fn settled(
        &mut self,
        (sent, now): (Duration, Duration),
        serials: &[Serial],
        answer: Result<AckResponse, ClientError>,
    ) {
        self.is_settling = false;
        let until = (now, self.options.settle_timeout);
        match answer {
            Ok(answer) => {
                self.settles.succeeded();
                let told = self.hand.settled(serials, answer.results, until);
                self.heard(sent, told.is_out);
                if told.has_more {
                    self.settles.failed(now, None);
                }
            }
            Err(error) => {
                self.counted.errors += 1;
                self.settles.failed(now, pause_asked_for(&error));
                tracing::debug!(%error, "records were not settled");
                self.hand.unsettled(serials, &Arc::new(error), until);
            }
        }
    }

    /// The answer to renewals.
    pub(super) fn renewed(
        &mut self,
        (sent, now): (Duration, Duration),
        serials: &[Serial],
        answer: Result<AckResponse, ClientError>,
    ) {
        self.is_renewing = false;
        match answer {
            Ok(answer) => {
                self.renewals.succeeded();
                let until = sent + self.options.lock;
                let told = self.hand.renewed(serials, &answer.results, until);
                self.heard(sent, told.is_out);
            }
            Err(error) => {
                self.counted.errors += 1;
                tracing::debug!(%error, "locks were not renewed");
                self.renewals.failed(now, pause_asked_for(&error));
            }
        }
    }

    fn heard(&mut self, sent: Duration, is_out: bool) {
        if is_out {
            tracing::warn!(member = %self.member, "the member is not in the group any more");
            self.liveness.is_out();
            self.lose_all();
        } else {
            self.liveness.got_through(sent);
        }
    }

    fn lose_all(&mut self) {
        self.changes.extend(self.assignment.lost());
        self.drop_buffered(|_| true);
        self.hand.drop_lost(|_| true);
        self.positions.clear();
        self.last_batch.clear();
    }

    fn drop_buffered(&mut self, is_lost: impl Fn(&TopicPartition) -> bool) {
        self.hand.drop_buffered(&is_lost);
        self.buffer.drop_lost(is_lost);
    }

    /// Drops what is in hand of partitions whose offsets were moved.
    pub(super) fn drop_moved(&mut self, is_moved: impl Fn(&TopicPartition) -> bool) {
        self.buffer.drop_lost(&is_moved);
        self.hand.drop_lost(&is_moved);
        self.positions.retain(|place, _| !is_moved(place));
    }

    /// Gives the application records. `is_automatic`: those it got before are done.
    pub(super) fn take(
        &mut self,
        max: usize,
        is_automatic: bool,
        now: Duration,
    ) -> Result<Vec<(Serial, Message)>, ConsumerError> {
        self.visited = now;
        if is_automatic {
            self.finish_batch(now);
        }
        self.check_running()?;
        if let Some(reason) = self.refusal.take() {
            return Err(ConsumerError::Refused { group: self.options.group.clone(), reason });
        }
        let is_told = self.changes.is_empty() && !self.is_telling;
        if !is_told || self.is_paused || self.liveness.standing(now) != Standing::In {
            return Ok(Vec::new());
        }
        let taken = self.buffer.take(max);
        for (serial, message) in &taken {
            self.hand.delivered(*serial, now);
            let position = self.positions.entry(message.place()).or_default();
            *position = (*position).max(message.offset + 1);
        }
        if is_automatic {
            self.last_batch.extend(taken.iter().map(|(serial, _)| *serial));
        }
        Ok(taken)
    }

    /// What was delivered last is done, unless something else was said of it.
    fn finish_batch(&mut self, now: Duration) {
        for serial in std::mem::take(&mut self.last_batch) {
            self.hand.say(serial, Verdict::Success, None, now);
        }
    }

    /// The application says what it did with a record.
    pub(super) fn say(
        &mut self,
        serial: Serial,
        verdict: Verdict,
        reply: Option<Reply>,
        now: Duration,
    ) {
        self.visited = now;
        self.hand.say(serial, verdict, reply, now);
    }

    /// The application has dropped a record without a word.
    pub(super) fn abandon(&mut self, serial: Serial) {
        self.hand.dropped(serial, self.options.settle == Settle::Records);
    }

    /// Who waits for records is here.
    pub(super) fn enters(&mut self, now: Duration) {
        self.visitors += 1;
        self.visited = now;
    }

    pub(super) fn goes(&mut self, now: Duration) {
        self.visitors -= 1;
        self.visited = now;
    }

    /// Ends the consumer: what is to be said is said, for a while, and then it leaves.
    /// `is_done`: what was delivered last is done.
    pub(super) fn close(&mut self, is_done: bool, now: Duration) {
        if self.life != Life::Running {
            return;
        }
        match is_done {
            true => self.finish_batch(now),
            false => self.last_batch.clear(),
        }
        self.life = Life::Closing { until: now + self.options.close_timeout };
    }

    /// An operator ends the consumer: what is in hand is finished first.
    pub(super) fn end(&mut self) {
        self.was_told_to_end = true;
        self.drop_buffered(|_| true);
    }

    fn may_leave(&self, now: Duration) -> bool {
        match self.life {
            Life::Closing { until } => {
                let is_waiting = self.is_polling || self.hand.has_said();
                !is_waiting || now >= until
            }
            Life::Running | Life::Ended => false,
        }
    }

    pub(super) fn has_ended(&mut self) {
        self.life = Life::Ended;
        self.hand.close();
        self.buffer = Buffer::default();
    }

    pub(super) fn is_over(&self) -> bool {
        self.life == Life::Ended
    }

    pub(super) fn check_running(&self) -> Result<(), ConsumerError> {
        match (self.life, self.was_told_to_end) {
            (_, true) => Err(ConsumerError::Ended),
            (Life::Running, false) => Ok(()),
            (Life::Closing { .. } | Life::Ended, false) => Err(ConsumerError::Closed),
        }
    }

    /// Keeps polls away while the group is moved, until `release`.
    pub(super) fn hold(&mut self) {
        self.holds += 1;
    }

    pub(super) fn release(&mut self) {
        self.holds -= 1;
    }

    pub(super) fn is_polling(&self) -> bool {
        self.is_polling
    }

    pub(super) fn held(&self) -> Vec<TopicPartition> {
        self.assignment.held().iter().cloned().collect()
    }

    pub(super) fn member(&self) -> &str {
        &self.member
    }

    /// The next offset of each partition that was delivered of, and the generation.
    pub(super) fn positions(&self) -> (BTreeMap<TopicPartition, u64>, u64) {
        (self.positions.clone(), self.generation)
    }

    /// All below an offset is committed.
    pub(super) fn committed(&mut self, place: &TopicPartition, below: u64) {
        self.hand.committed(place, below);
    }

    /// The generation is over: a poll tells the next one.
    pub(super) fn stale(&mut self) {
        self.is_stale = true;
    }

    pub(super) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Castle pauses all of it, or lets it go on.
    pub(super) fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Castle bounds its rate; 0 = as much as it can.
    pub(super) fn set_rate(&mut self, bytes_per_second: u64, now: Duration) {
        self.throttle.set(bytes_per_second, now);
    }
}

fn ask<T>(what: T, pauses: &Pauses, now: Duration) -> Ask<T> {
    Ask { what, failures: pauses.failures(), sent: now }
}

/// Asking the same again can't help.
fn is_final(error: &ClientError) -> bool {
    match error {
        ClientError::Problem { body, .. } => !body.retriable,
        ClientError::BadServer { .. } => true,
        ClientError::Unreachable { .. }
        | ClientError::Interrupted { .. }
        | ClientError::Unexpected { .. } => false,
    }
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
