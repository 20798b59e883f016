//! `[pure]` What of one partition is in the hands of its holder, and until when. The coordinator
//! keeps it in memory while a holding lasts; what is settled is in the group's state. A record whose
//! lock runs out is handed out again, and that counts.

use std::collections::BTreeMap;
use std::time::Duration;

use rampart_api::model::ids::Offset;
use rampart_raft_store::state::group::ParkedId;
use rampart_raft_store::state::group::delivery::Progress;

use super::token::Delivery;

/// A delivered record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lock {
    attempt: u32,
    until: Duration,
}

/// What to hand out next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Next {
    /// Records that came back, with the attempt that the next delivery is: before all others.
    pub again: Vec<(Offset, u32)>,
    /// Where to read on.
    pub from: Offset,
    /// How many fresh ones, at most.
    pub fresh: usize,
}

/// The records of one partition that one member holds, since one epoch. Times are those of one
/// clock that only grows.
#[derive(Debug)]
pub struct Deliveries {
    epoch: u64,
    in_flight_max: usize,
    /// The next record that was never handed out in this holding.
    next: Offset,
    locks: BTreeMap<Delivery, Lock>,
    /// Not settled and in nobody's hands: the attempts so far.
    back: BTreeMap<Offset, u32>,
}

impl Deliveries {
    /// Of a holding that begins: from the committed offset on.
    pub fn new(epoch: u64, progress: &Progress, in_flight_max: usize) -> Deliveries {
        let next = progress.committed;
        let (locks, back) = (BTreeMap::new(), BTreeMap::new());
        Deliveries { epoch, in_flight_max, next, locks, back }
    }

    /// The epoch of the holding.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the holder has nothing in its hands: then it can let go.
    pub fn is_idle(&self) -> bool {
        self.locks.is_empty()
    }

    /// How many records are in the holder's hands.
    pub fn in_flight(&self) -> usize {
        self.locks.len()
    }

    /// What to hand out to a poll that takes so many records.
    pub fn next(&self, records_max: usize) -> Next {
        let room = self.in_flight_max.saturating_sub(self.locks.len()).min(records_max);
        let back = self.back.iter().take(room);
        let again: Vec<_> = back.map(|(at, attempts)| (*at, attempts.saturating_add(1))).collect();
        // Records that came back keep their order before those that follow.
        let fresh = room - again.len();
        Next { again, from: self.next, fresh }
    }

    /// Whether a record that was read may be handed out: it was not yet, or came back.
    pub fn is_open(&self, offset: Offset) -> bool {
        offset >= self.next || self.back.contains_key(&offset)
    }

    /// Whether the holder may have one more in its hands.
    pub fn has_room(&self) -> bool {
        self.locks.len() < self.in_flight_max
    }

    /// A fresh record was handed out; what lies between the last one and it is no record, or settled.
    /// Answers which attempt it is.
    pub fn hand_out(&mut self, offset: Offset, until: Duration) -> u32 {
        let attempt = self.back.remove(&offset).unwrap_or(0).saturating_add(1);
        self.locks.insert(Delivery::Fresh(offset), Lock { attempt, until });
        self.next = self.next.max(Offset(offset.0 + 1));
        attempt
    }

    /// Nothing below is left to hand out.
    pub fn passed(&mut self, offset: Offset) {
        self.next = self.next.max(offset);
    }

    /// A parked record was handed out, after so many attempts; not if it is in flight already.
    pub fn hand_out_parked(&mut self, id: ParkedId, attempts: u32, until: Duration) -> Option<u32> {
        let delivery = Delivery::Parked(id);
        if self.locks.contains_key(&delivery) || self.locks.len() >= self.in_flight_max {
            return None;
        }
        let attempt = attempts.saturating_add(1);
        self.locks.insert(delivery, Lock { attempt, until });
        Some(attempt)
    }

    /// The attempt of a record that is in the holder's hands.
    pub fn attempt(&self, delivery: Delivery) -> Option<u32> {
        self.locks.get(&delivery).map(|lock| lock.attempt)
    }

    /// The holder keeps a record for longer. Not one that it has no more.
    pub fn renew(&mut self, delivery: Delivery, until: Duration) -> bool {
        match self.locks.get_mut(&delivery) {
            Some(lock) => {
                lock.until = lock.until.max(until);
                true
            }
            None => false,
        }
    }

    /// What became of a record is in the group's state: done, parked or dying.
    pub fn settled(&mut self, delivery: Delivery) {
        self.locks.remove(&delivery);
        if let Delivery::Fresh(offset) = delivery {
            self.back.remove(&offset);
        }
    }

    /// All below an offset is done, whoever has it in hand.
    pub fn settled_below(&mut self, offset: Offset) {
        self.locks.retain(|delivery, _| !matches!(delivery, Delivery::Fresh(at) if *at < offset));
        self.back.retain(|at, _| *at >= offset);
        self.passed(offset);
    }

    /// All of a range is done, parked or dying.
    pub fn settled_within(&mut self, start: Offset, end: Offset) {
        let is_in = |at: &Offset| (start..end).contains(at);
        self.locks.retain(|delivery, _| !matches!(delivery, Delivery::Fresh(at) if is_in(at)));
        self.back.retain(|at, _| !is_in(at));
    }

    /// Parked records are in the holder's hands only while they wait and their delivery has not failed:
    /// `waits` is asked with the attempt that the delivery is.
    pub fn keep_parked(&mut self, waits: impl Fn(ParkedId, u32) -> bool) {
        self.locks.retain(|delivery, lock| match delivery {
            Delivery::Parked(id) => waits(*id, lock.attempt),
            Delivery::Fresh(_) => true,
        });
    }

    /// A record is handed out again in place: without a dead-letter switch, or where there is no room
    /// to park it. A parked one stays what it is.
    pub fn came_back(&mut self, delivery: Delivery) {
        if let (Some(lock), Delivery::Fresh(offset)) = (self.locks.remove(&delivery), delivery) {
            self.back.insert(offset, lock.attempt);
        }
    }

    /// Records that were not settled in time, with the attempt that failed.
    pub fn overdue(&self, now: Duration) -> Vec<(Delivery, u32)> {
        let over = self.locks.iter().filter(|(_, lock)| lock.until <= now);
        over.map(|(delivery, lock)| (*delivery, lock.attempt)).collect()
    }

    /// When the next lock runs out.
    pub fn next_end(&self) -> Option<Duration> {
        self.locks.values().map(|lock| lock.until).min()
    }
}

#[cfg(test)]
mod tests;
