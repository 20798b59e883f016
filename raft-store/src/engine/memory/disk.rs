//! The disk in memory: what is visible, what of it is durable, and the writes between the two.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use rampart_api::model::ids::GroupId;

use crate::engine::Op;

/// Logs and facts at one moment.
#[derive(Debug, Clone, Default)]
struct Content {
    log: BTreeMap<(GroupId, u64), Bytes>,
    facts: BTreeMap<Vec<u8>, Bytes>,
}

/// A disk with a write cache.
#[derive(Debug, Default)]
pub(super) struct Disk {
    visible: Content,
    durable: Content,
    /// Writes that are not synced, in order.
    pending: Vec<Vec<Op>>,
}

impl Disk {
    pub(super) fn write(&mut self, ops: Vec<Op>) {
        for op in &ops {
            self.visible.apply(op);
        }
        self.pending.push(ops);
    }

    /// Makes everything written durable; answers how many entries that are.
    pub(super) fn sync(&mut self) -> u64 {
        let mut appends = 0;
        for op in self.pending.drain(..).flatten() {
            self.durable.apply(&op);
            appends += u64::from(op.is_append());
        }
        appends
    }

    /// Power is gone: of what was not synced, the first `survivors` changes reached the disk. The
    /// write they end in is torn if it appends, and its next entry is half there; any other write
    /// is there as a whole or not at all, as [`Write`] promises.
    ///
    /// [`Write`]: crate::engine::Write
    pub(super) fn lose_power(&mut self, survivors: usize) {
        let mut left = survivors;
        for ops in self.pending.drain(..) {
            if left < ops.len() {
                if left > 0 && ops.iter().any(Op::is_append) {
                    self.durable.tear(&ops, left);
                }
                break;
            }
            left -= ops.len();
            for op in &ops {
                self.durable.apply(op);
            }
        }
        self.pending.clear();
        self.visible = self.durable.clone();
    }

    pub(super) fn unsynced(&self) -> usize {
        self.pending.iter().map(Vec::len).sum()
    }

    /// Flips one bit of a stored entry; false if there is none.
    pub(super) fn flip_bit(&mut self, group: GroupId, index: u64) -> bool {
        let mut found = false;
        for content in [&mut self.visible, &mut self.durable] {
            if let Some(bytes) = content.log.get_mut(&(group, index)) {
                let mut flipped = BytesMut::from(&bytes[..]);
                let middle = flipped.len() / 2;
                flipped[middle] ^= 0x10;
                *bytes = flipped.freeze();
                found = true;
            }
        }
        found
    }

    /// Removes a stored entry; false if there is none.
    pub(super) fn lose_entry(&mut self, group: GroupId, index: u64) -> bool {
        self.durable.log.remove(&(group, index));
        self.visible.log.remove(&(group, index)).is_some()
    }

    pub(super) fn entries(
        &self,
        group: GroupId,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Vec<(u64, Bytes)> {
        let mut found = Vec::new();
        let mut bytes = 0;
        if range.is_empty() {
            return found;
        }
        for ((_, index), entry) in self.visible.log.range((group, range.start)..(group, range.end))
        {
            bytes += entry.len();
            if bytes > max_bytes && !found.is_empty() {
                break;
            }
            found.push((*index, entry.clone()));
        }
        found
    }

    pub(super) fn log_bounds(&self, group: GroupId) -> Option<(u64, u64)> {
        let mut keys = self.visible.log.range((group, 0)..=(group, u64::MAX)).map(|(key, _)| key.1);
        let first = keys.next()?;
        Some((first, keys.next_back().unwrap_or(first)))
    }

    pub(super) fn fact(&self, key: &[u8]) -> Option<Bytes> {
        self.visible.facts.get(key).cloned()
    }

    pub(super) fn facts(&self, from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Bytes)> {
        if from >= to {
            return Vec::new();
        }
        let range = self.visible.facts.range(from.to_vec()..to.to_vec());
        range.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl Content {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Append { group, index, header, payload } => {
                self.log.insert((*group, *index), join(header, payload));
            }
            Op::Truncate { group, from } => self.remove_entries(*group, *from, u64::MAX),
            Op::Purge { group, upto } => self.remove_entries(*group, 0, *upto),
            Op::Put { key, value } => {
                self.facts.insert(key.clone(), value.clone());
            }
            Op::Erase { from, to } => self.facts.retain(|key, _| !(from <= key && key < to)),
        }
    }

    /// Half of an append: its first changes, and of the next one, if it is an entry, one half.
    fn tear(&mut self, ops: &[Op], whole: usize) {
        for op in &ops[..whole] {
            self.apply(op);
        }
        if let Op::Append { group, index, header, payload } = &ops[whole] {
            let entry = join(header, payload);
            self.log.insert((*group, *index), entry.slice(..entry.len() / 2));
        }
    }

    fn remove_entries(&mut self, group: GroupId, first: u64, last: u64) {
        let gone: Vec<_> = self.log.range((group, first)..=(group, last)).map(|e| *e.0).collect();
        for key in gone {
            self.log.remove(&key);
        }
    }
}

fn join(header: &[u8], payload: &[u8]) -> Bytes {
    let mut whole = BytesMut::with_capacity(header.len() + payload.len());
    whole.extend_from_slice(header);
    whole.extend_from_slice(payload);
    whole.freeze()
}
