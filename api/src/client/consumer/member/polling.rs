//! `[pure]` What a member asks its group for, when, and what it makes of the answer.

use std::sync::Arc;
use std::time::Duration;

use super::{Ask, Life, Member, ask, pause_asked_for};
use crate::client::ClientError;
use crate::client::consumer::hand::Arrival;
use crate::client::consumer::rebalance::Change;
use crate::client::consumer::record::Message;
use crate::client::consumer::upstream::Polled;
use crate::http::encoding::Encoding;
use crate::http::groups::PollRequest;
use crate::model::error_code::ErrorCode;

/// The longest wait of one poll.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// What is refused for good is asked for again after this: somebody may see to it.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

impl Member {
    pub(super) fn next_poll(&mut self, now: Duration) -> Option<Ask<PollRequest>> {
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

    pub(super) fn can_renew(&self) -> bool {
        !self.hand.to_renew(Duration::MAX, self.options.lock, 1).1.is_empty()
    }

    fn poll_request(&self, records: usize, wait: Duration) -> PollRequest {
        let options = &self.options;
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).ok();
        PollRequest {
            member: self.member.clone(),
            topics: self.topics.clone(),
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

    /// The answer to a poll.
    pub(in crate::client::consumer) fn polled(
        &mut self,
        (sent, now): (Duration, Duration),
        answer: Result<Polled, ClientError>,
    ) {
        self.is_polling = false;
        match answer {
            Ok(mut polled) => {
                self.polls.succeeded();
                self.liveness.got_through(sent);
                (self.refusal, self.is_stale) = (None, false);
                self.generation = polled.generation;
                if !self.left.is_empty() {
                    let is_left = |topic: &str| self.left.contains(topic);
                    polled.assignment.retain(|place| !is_left(&place.topic));
                    polled.records.retain(|(message, _)| !is_left(&message.topic));
                }
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

    /// Keeps polls away while the group is moved, until `release`.
    pub(in crate::client::consumer) fn hold(&mut self) {
        self.holds += 1;
    }

    pub(in crate::client::consumer) fn release(&mut self) {
        self.holds -= 1;
    }

    pub(in crate::client::consumer) fn is_polling(&self) -> bool {
        self.is_polling
    }

    /// The generation is over: a poll tells the next one.
    pub(in crate::client::consumer) fn stale(&mut self) {
        self.is_stale = true;
    }

    pub(in crate::client::consumer) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Castle pauses all of it, or lets it go on.
    pub(in crate::client::consumer) fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Castle bounds its rate; 0 = as much as it can.
    pub(in crate::client::consumer) fn set_rate(&mut self, bytes_per_second: u64, now: Duration) {
        self.throttle.set(bytes_per_second, now);
    }
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
