//! `[pure]` What of a member's records the application gets, and what is not kept for it any more.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Member;
use crate::client::consumer::error::ConsumerError;
use crate::client::consumer::hand::{Serial, Verdict};
use crate::client::consumer::liveness::Standing;
use crate::client::consumer::options::Settle;
use crate::client::consumer::rebalance::TopicPartition;
use crate::client::consumer::record::Message;

impl Member {
    /// Gives the application records. `is_automatic`: those it got before are done.
    pub(in crate::client::consumer) fn take(
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
        if !self.has_told() || self.is_paused || self.liveness.standing(now) != Standing::In {
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
    pub(super) fn finish_batch(&mut self, now: Duration) {
        for serial in std::mem::take(&mut self.last_batch) {
            self.hand.say(serial, Verdict::Success, None, now);
        }
    }

    /// The application has dropped a record without a word.
    pub(in crate::client::consumer) fn abandon(&mut self, serial: Serial) {
        self.hand.dropped(serial, self.options.settle == Settle::Records);
    }

    pub(super) fn lose_all(&mut self) {
        self.changes.extend(self.assignment.lost());
        self.drop_buffered(|_| true);
        self.hand.drop_lost(|_| true);
        self.positions.clear();
        self.last_batch.clear();
    }

    pub(super) fn drop_buffered(&mut self, is_lost: impl Fn(&TopicPartition) -> bool) {
        self.hand.drop_buffered(&is_lost);
        self.buffer.drop_lost(is_lost);
    }

    /// Drops what is in hand of partitions whose offsets were moved.
    pub(in crate::client::consumer) fn drop_moved(
        &mut self,
        is_moved: impl Fn(&TopicPartition) -> bool,
    ) {
        self.buffer.drop_lost(&is_moved);
        self.hand.drop_lost(&is_moved);
        self.positions.retain(|place, _| !is_moved(place));
    }

    /// The next offset of each partition that was delivered of, and the generation.
    pub(in crate::client::consumer) fn positions(&self) -> (BTreeMap<TopicPartition, u64>, u64) {
        (self.positions.clone(), self.generation)
    }
}
