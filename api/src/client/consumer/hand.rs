//! The records in a consumer's hands: those that wait to be delivered, those that the application
//! works on, and what was said of them. A record that comes again while it is in hand is not
//! delivered twice: its newer token takes the place of the older one. Times are since the consumer
//! began.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::SettleError;
use super::rebalance::TopicPartition;
use super::record::SettleResult;
use crate::client::ClientError;
use crate::http::groups::{AckRequest, AckResult, RejectItem, RenewItem, RetryItem, Settled};
use crate::model::error_code::ErrorCode;
use crate::model::limits::PARKED_ERROR_BYTES_MAX;

/// The name of a record while it is in hand.
pub(super) type Serial = u64;
/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<SettleResult>;
/// A record: its partition and offset.
type Key = (TopicPartition, u64);

/// What an application says of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Success,
    /// It is to come again.
    Retry {
        /// After so long; the topic's dead-letter switch says so if `None`.
        delay: Option<Duration>,
        /// What went wrong.
        error: String,
    },
    /// It never will be done.
    Reject {
        /// What is wrong with it.
        error: String,
    },
}

/// A record that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) place: TopicPartition,
    pub(super) offset: u64,
    pub(super) attempt: u32,
    pub(super) token: String,
    /// The end of its lock, at the earliest.
    pub(super) locked_until: Duration,
}

#[derive(Debug)]
struct Held {
    key: Key,
    token: String,
    attempt: u32,
    locked_until: Duration,
    /// The cluster knows of the lock.
    is_locked: bool,
    /// It came again while what was said of it was on its way.
    newer: Option<(String, u32)>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Buffered,
    Out { since: Duration },
    Said(Said),
    Settling(Said),
}

#[derive(Debug)]
struct Said {
    verdict: Verdict,
    reply: Option<Reply>,
    since: Duration,
}

impl Said {
    fn answer(self, answer: SettleResult) {
        if let Some(reply) = self.reply {
            // Whoever has dropped the future does not want to know.
            let _ = reply.send(answer);
        }
    }
}

/// What a request about records told, beside the records' own answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The member is not in the group any more.
    pub(super) is_out: bool,
    /// Something is to be said again, after a while.
    pub(super) has_more: bool,
}

/// All records in hand.
#[derive(Debug, Default)]
pub(super) struct Hand {
    held: HashMap<Serial, Held>,
    by_key: HashMap<Key, Serial>,
    queue: VecDeque<Serial>,
    /// Done since the poll that is under way was sent: it may bring them once more.
    done_lately: HashSet<Key>,
    /// Why a record that the application still has is in hand no more.
    gone: HashMap<Serial, SettleError>,
    last: Serial,
}

impl Hand {
    /// Takes a record in hand. `None` if it is there already: then it has its newer token; or if it
    /// was done after the poll was sent.
    pub(super) fn take_in(&mut self, arrival: Arrival) -> Option<Serial> {
        let key = (arrival.place, arrival.offset);
        if self.done_lately.contains(&key) {
            return None;
        }
        let known = self.by_key.get(&key).copied();
        if let Some(held) = known.and_then(|serial| self.held.get_mut(&serial)) {
            match &held.phase {
                // It was said that it shall come again, and it did.
                Phase::Settling(Said { verdict: Verdict::Retry { .. }, .. })
                    if arrival.attempt > held.attempt => {}
                Phase::Settling(_) => {
                    held.newer = Some((arrival.token, arrival.attempt));
                    return None;
                }
                Phase::Buffered | Phase::Out { .. } | Phase::Said(_) => {
                    held.token = arrival.token;
                    held.attempt = arrival.attempt;
                    held.locked_until = arrival.locked_until;
                    held.is_locked = true;
                    return None;
                }
            }
        }
        self.last += 1;
        self.by_key.insert(key.clone(), self.last);
        let held = Held {
            key,
            token: arrival.token,
            attempt: arrival.attempt,
            locked_until: arrival.locked_until,
            is_locked: true,
            newer: None,
            phase: Phase::Buffered,
        };
        self.held.insert(self.last, held);
        Some(self.last)
    }

    /// A poll is sent, or its answer is taken in: what is done is not delivered by the next one.
    pub(super) fn forget_done(&mut self) {
        self.done_lately.clear();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether something was said and is not answered.
    pub(super) fn has_said(&self) -> bool {
        let is_said = |held: &Held| matches!(held.phase, Phase::Said(_) | Phase::Settling(_));
        !self.queue.is_empty() || self.held.values().any(is_said)
    }

    /// Whether something was said of a record of a topic and is not answered.
    pub(super) fn has_said_of(&self, topic: &str) -> bool {
        let is_said = |held: &Held| matches!(held.phase, Phase::Said(_) | Phase::Settling(_));
        self.held.values().any(|held| *held.key.0.topic == *topic && is_said(held))
    }

    /// How much waits to be said.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// When what is first in the queue was said.
    pub(super) fn said_since(&self) -> Option<Duration> {
        match &self.held.get(self.queue.front()?)?.phase {
            Phase::Said(said) => Some(said.since),
            Phase::Buffered | Phase::Out { .. } | Phase::Settling(_) => None,
        }
    }

    /// The application has a record now.
    pub(super) fn delivered(&mut self, serial: Serial, now: Duration) {
        if let Some(held) = self.held.get_mut(&serial) {
            held.phase = Phase::Out { since: now };
        }
    }

    /// The application says what it did with a record. Only the first word counts.
    pub(super) fn say(
        &mut self,
        serial: Serial,
        verdict: Verdict,
        reply: Option<Reply>,
        now: Duration,
    ) {
        let said = Said { verdict, reply, since: now };
        match self.held.get_mut(&serial) {
            Some(held) if matches!(held.phase, Phase::Out { .. } | Phase::Buffered) => {
                held.phase = Phase::Said(said);
                self.queue.push_back(serial);
            }
            // Automatic settling was quicker.
            Some(_) => said.answer(Ok(Settled::AlreadySettled)),
            None => {
                let why = self.gone.remove(&serial);
                said.answer(why.map_or(Ok(Settled::AlreadySettled), Err));
            }
        }
    }

    /// The application has dropped a record. If it is `given_up`, nothing will be said of it.
    pub(super) fn dropped(&mut self, serial: Serial, given_up: bool) {
        self.gone.remove(&serial);
        let is_out =
            self.held.get(&serial).is_some_and(|held| matches!(held.phase, Phase::Out { .. }));
        if given_up && is_out {
            self.forget(serial);
        }
    }

    /// The next request that says what was said: at most so many records.
    pub(super) fn next_said(&mut self, max: usize) -> Option<(AckRequest, Vec<Serial>)> {
        let mut request = AckRequest::default();
        let (mut acked, mut retried, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..max {
            let Some(serial) = self.queue.pop_front() else { break };
            let Some(held) = self.held.get_mut(&serial) else { continue };
            let token = held.token.clone();
            let Phase::Said(said) = std::mem::replace(&mut held.phase, Phase::Buffered) else {
                unreachable!("only what was said is in the queue")
            };
            match &said.verdict {
                Verdict::Success => {
                    request.ack.push(token);
                    acked.push(serial);
                }
                Verdict::Retry { delay, error } => {
                    let delay_ms = delay.map(to_ms);
                    request.retry.push(RetryItem { token, delay_ms, error: kept(error) });
                    retried.push(serial);
                }
                Verdict::Reject { error } => {
                    request.reject.push(RejectItem { token, error: kept(error) });
                    rejected.push(serial);
                }
            }
            held.phase = Phase::Settling(said);
        }
        acked.extend(retried);
        acked.extend(rejected);
        (!acked.is_empty()).then_some((request, acked))
    }

    /// What the cluster answered about them, in their order. What it can't do now is said again until
    /// `patience` is over.
    pub(super) fn settled(
        &mut self,
        serials: &[Serial],
        results: Vec<AckResult>,
        (now, patience): (Duration, Duration),
    ) -> Told {
        let mut told = Told::default();
        let mut results = results.into_iter();
        for serial in serials {
            let result = results.next();
            let Some(said) = self.said(*serial) else { continue };
            match result.map(|result| (result.result, result.code, result.detail)) {
                Some((Some(settled), _, _)) => self.end(*serial, said, Ok(settled)),
                Some((None, Some(ErrorCode::NotHeld | ErrorCode::UnknownMember), _))
                    if self.adopt_newer(*serial) =>
                {
                    self.again(*serial, said);
                }
                Some((None, Some(ErrorCode::UnknownMember), _)) => {
                    told.is_out = true;
                    self.end(*serial, said, Err(SettleError::Lost));
                }
                Some((None, Some(ErrorCode::NotHeld), _)) => {
                    self.end(*serial, said, Err(SettleError::Lost));
                }
                Some((None, Some(code), _))
                    if code.retriable() && now < said.since.saturating_add(patience) =>
                {
                    told.has_more = true;
                    self.again(*serial, said);
                }
                Some((None, code, detail)) => {
                    let code = code.unwrap_or(ErrorCode::Internal);
                    let detail = detail.unwrap_or_else(|| "refused without a reason".to_owned());
                    self.end(*serial, said, Err(SettleError::Refused { code, detail }));
                }
                None => self.end(*serial, said, Err(SettleError::Unknown(None))),
            }
        }
        told
    }

    /// The request had no answer, or was refused as a whole.
    pub(super) fn unsettled(
        &mut self,
        serials: &[Serial],
        error: &Arc<ClientError>,
        (now, patience): (Duration, Duration),
    ) {
        let may_help = match error.as_ref() {
            ClientError::Problem { body, .. } => body.retriable,
            ClientError::BadServer { .. } => false,
            ClientError::Unreachable { .. }
            | ClientError::Interrupted { .. }
            | ClientError::Unexpected { .. } => true,
        };
        // Backwards, so that they are in front in their old order.
        for serial in serials.iter().rev() {
            let Some(said) = self.said(*serial) else { continue };
            self.adopt_newer(*serial);
            if may_help && now < said.since.saturating_add(patience) {
                self.again(*serial, said);
            } else {
                self.end(*serial, said, Err(SettleError::Unknown(Some(error.clone()))));
            }
        }
    }

    /// Takes what was said of a record back from its way.
    fn said(&mut self, serial: Serial) -> Option<Said> {
        let held = self.held.get_mut(&serial)?;
        match std::mem::replace(&mut held.phase, Phase::Buffered) {
            Phase::Settling(said) => Some(said),
            other => {
                held.phase = other;
                None
            }
        }
    }

    fn adopt_newer(&mut self, serial: Serial) -> bool {
        let Some(held) = self.held.get_mut(&serial) else { return false };
        let Some((token, attempt)) = held.newer.take() else { return false };
        held.token = token;
        held.attempt = attempt;
        true
    }

    fn again(&mut self, serial: Serial, said: Said) {
        if let Some(held) = self.held.get_mut(&serial) {
            held.phase = Phase::Said(said);
            self.queue.push_front(serial);
        }
    }

    fn end(&mut self, serial: Serial, said: Said, answer: SettleResult) {
        let is_done = said.verdict == Verdict::Success
            && matches!(answer, Ok(Settled::Acked | Settled::AlreadySettled));
        if is_done && let Some(held) = self.held.get(&serial) {
            self.done_lately.insert(held.key.clone());
        }
        self.forget(serial);
        said.answer(answer);
    }

    /// Records whose locks are to begin anew: those that run out before `until`. At most so many.
    pub(super) fn to_renew(&self, until: Duration, lock: Duration, max: usize) -> Renewal {
        let lock_ms = Some(to_ms(lock));
        let due = self.held.iter().filter(|(_, held)| {
            let is_kept = matches!(held.phase, Phase::Buffered | Phase::Out { .. });
            is_kept && held.is_locked && held.locked_until <= until
        });
        let mut due: Vec<_> = due.collect();
        due.sort_unstable_by_key(|(serial, held)| (held.locked_until, **serial));
        due.truncate(max);
        let item = |held: &Held| RenewItem { token: held.token.clone(), lock_ms };
        let items = due.iter().map(|(_, held)| item(held)).collect();
        (items, due.iter().map(|(serial, _)| **serial).collect())
    }

    /// What the cluster answered to renewals. A lock that it does not know any more is a new
    /// coordinator's: the record comes again, and then has its newer token.
    pub(super) fn renewed(
        &mut self,
        serials: &[Serial],
        results: &[AckResult],
        until: Duration,
    ) -> Told {
        let mut told = Told::default();
        for (serial, result) in serials.iter().zip(results) {
            told.is_out |= result.code == Some(ErrorCode::UnknownMember);
            let Some(held) = self.held.get_mut(serial) else { continue };
            if held.token != result.token {
                continue;
            }
            match result.result {
                Some(_) => held.locked_until = held.locked_until.max(until),
                None if result.code.is_some_and(ErrorCode::retriable) => {}
                None => held.is_locked = false,
            }
        }
        told
    }

    /// Records that the application has had for too long are in hand no more.
    pub(super) fn drop_late(&mut self, now: Duration, processing_max: Duration) -> usize {
        let is_late = |held: &Held| match held.phase {
            Phase::Out { since } => since + processing_max <= now,
            Phase::Buffered | Phase::Said(_) | Phase::Settling(_) => false,
        };
        let late = self.held.iter().filter(|(_, held)| is_late(held));
        let late: Vec<Serial> = late.map(|(serial, _)| *serial).collect();
        for serial in &late {
            self.forget(*serial);
            self.gone.insert(*serial, SettleError::TooLate);
        }
        late.len()
    }

    /// Records of partitions that may be somebody else's now. What is on its way to be settled is
    /// left to its answer.
    pub(super) fn drop_lost(&mut self, is_lost: impl Fn(&TopicPartition) -> bool) {
        let of_it = self.held.iter().filter(|(_, held)| is_lost(&held.key.0));
        let lost: Vec<Serial> = of_it.map(|(serial, _)| *serial).collect();
        for serial in lost {
            let Some(held) = self.held.get_mut(&serial) else { continue };
            match std::mem::replace(&mut held.phase, Phase::Buffered) {
                Phase::Settling(said) => held.phase = Phase::Settling(said),
                Phase::Said(said) => self.end(serial, said, Err(SettleError::Lost)),
                Phase::Buffered => self.forget(serial),
                Phase::Out { .. } => {
                    self.forget(serial);
                    self.gone.insert(serial, SettleError::Lost);
                }
            }
        }
        self.queue.retain(|serial| self.held.contains_key(serial));
    }

    /// Records that wait to be delivered are not waited for any more.
    pub(super) fn drop_buffered(&mut self, is_lost: impl Fn(&TopicPartition) -> bool) {
        let is_of_it = |held: &Held| matches!(held.phase, Phase::Buffered) && is_lost(&held.key.0);
        let lost = self.held.iter().filter(|(_, held)| is_of_it(held));
        let lost: Vec<Serial> = lost.map(|(serial, _)| *serial).collect();
        lost.into_iter().for_each(|serial| self.forget(serial));
    }

    /// All below an offset of a partition is committed.
    pub(super) fn committed(&mut self, place: &TopicPartition, below: u64) {
        let is_done = |held: &Held| held.key.0 == *place && held.key.1 < below;
        let done = self.held.iter().filter(|(_, held)| is_done(held));
        let done: Vec<Serial> = done.map(|(serial, _)| *serial).collect();
        done.into_iter().for_each(|serial| self.forget(serial));
    }

    /// Drops everything: what was said has no answer any more.
    pub(super) fn close(&mut self) {
        let serials: Vec<Serial> = self.held.keys().copied().collect();
        for serial in serials {
            let Some(held) = self.held.remove(&serial) else { continue };
            match held.phase {
                Phase::Said(said) | Phase::Settling(said) => said.answer(Err(SettleError::Closed)),
                Phase::Buffered => {}
                Phase::Out { .. } => drop(self.gone.insert(serial, SettleError::Closed)),
            }
        }
        self.by_key.clear();
        self.queue.clear();
    }

    fn forget(&mut self, serial: Serial) {
        if let Some(held) = self.held.remove(&serial)
            && self.by_key.get(&held.key) == Some(&serial)
        {
            self.by_key.remove(&held.key);
        }
    }
}

/// What is to be renewed, and the records that it is about.
pub(super) type Renewal = (Vec<RenewItem>, Vec<Serial>);

fn to_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// As much of a reason as the cluster keeps.
fn kept(error: &str) -> String {
    let mut end = error.len().min(PARKED_ERROR_BYTES_MAX);
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    error[..end].to_owned()
}

#[cfg(test)]
mod tests;
