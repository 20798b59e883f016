//! The entries that are in the journal and in no segment yet, by group. They are visible once their
//! block is synced, and go when the index says where they are.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use rampart_api::model::ids::GroupId;

/// An entry, and the block of the journal that has it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) header: Bytes,
    pub(super) payload: Bytes,
    pub(super) sequence: u64,
}

impl Kept {
    /// Its length.
    pub(super) fn bytes(&self) -> usize {
        self.header.len() + self.payload.len()
    }

    /// Both parts in one.
    fn joined(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.bytes());
        whole.extend_from_slice(&self.header);
        whole.extend_from_slice(&self.payload);
        whole.freeze()
    }
}

/// What an entry takes in memory beside its bytes, about.
const ENTRY_BYTES: usize = 120;

/// One group's entries.
#[derive(Debug, Default)]
struct Tail {
    entries: BTreeMap<u64, Kept>,
    bytes: usize,
}

impl Tail {
    fn remove_range(&mut self, from: u64, to: Option<u64>) {
        let mut gone = self.entries.split_off(&from);
        if let Some(to) = to {
            self.entries.append(&mut gone.split_off(&to));
        }
        self.bytes -= gone.values().map(weight).sum::<usize>();
    }
}

fn weight(kept: &Kept) -> usize {
    kept.bytes() + ENTRY_BYTES
}

/// All groups' entries.
#[derive(Debug, Default)]
pub(super) struct Tails {
    groups: BTreeMap<GroupId, Tail>,
    bytes: usize,
    /// The last block whose changes are visible.
    pub(super) applied: u64,
}

impl Tails {
    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds an entry.
    pub(super) fn append(&mut self, group: GroupId, index: u64, kept: Kept) {
        self.change(group, |tail| {
            tail.bytes += weight(&kept);
            if let Some(before) = tail.entries.insert(index, kept) {
                tail.bytes -= weight(&before);
            }
        });
    }

    /// Removes the entries from this index on, up to but without the other.
    pub(super) fn remove(&mut self, group: GroupId, from: u64, to: Option<u64>) {
        self.change(group, |tail| tail.remove_range(from, to));
    }

    fn change(&mut self, group: GroupId, change: impl FnOnce(&mut Tail)) {
        let tail = self.groups.entry(group).or_default();
        self.bytes -= tail.bytes;
        change(tail);
        self.bytes += tail.bytes;
        if tail.entries.is_empty() {
            self.groups.remove(&group);
        }
    }

    /// Bytes in memory of a group.
    pub(super) fn bytes_of(&self, group: GroupId) -> usize {
        self.groups.get(&group).map_or(0, |tail| tail.bytes)
    }

    /// All of a group's entries; they stay.
    pub(super) fn all_of(&self, group: GroupId) -> Vec<(u64, Kept)> {
        let entries = self.groups.get(&group).into_iter().flat_map(|tail| &tail.entries);
        entries.map(|(index, kept)| (*index, kept.clone())).collect()
    }

    /// First and last index of a group's entries.
    pub(super) fn bounds(&self, group: GroupId) -> Option<(u64, u64)> {
        let entries = &self.groups.get(&group)?.entries;
        Some((*entries.first_key_value()?.0, *entries.last_key_value()?.0))
    }

    /// The first index of a group's entries that is not below this one.
    pub(super) fn next(&self, group: GroupId, from: u64) -> Option<u64> {
        self.groups.get(&group)?.entries.range(from..).next().map(|(index, _)| *index)
    }

    /// Adds a group's entries with `from <= index < to` to those that were found, as many as fit.
    pub(super) fn read(
        &self,
        group: GroupId,
        (from, to): (u64, u64),
        room: &mut Room,
        found: &mut Vec<(u64, Bytes)>,
    ) {
        let Some(tail) = self.groups.get(&group).filter(|_| from < to) else { return };
        let fits = |(_, kept): &(&u64, &Kept)| room.take(kept.bytes());
        let fitting = tail.entries.range(from..to).take_while(fits);
        found.extend(fitting.map(|(index, kept)| (*index, kept.joined())));
    }

    /// The group whose first entry is in the oldest block, and the block.
    pub(super) fn oldest(&self) -> Option<u64> {
        // Of one group the first entry is in its oldest block.
        let firsts = self.groups.values().filter_map(|tail| tail.entries.values().next());
        firsts.map(|kept| kept.sequence).min()
    }

    /// The groups with so many bytes, or with an entry in a block up to this one: these first, the
    /// oldest before the others.
    pub(super) fn worth_writing(&self, bytes_min: usize, upto: u64) -> Vec<GroupId> {
        let oldest = |tail: &Tail| tail.entries.values().next().map(|kept| kept.sequence);
        let old = |tail: &Tail| oldest(tail).filter(|oldest| *oldest <= upto);
        let is_worth = |tail: &Tail| tail.bytes >= bytes_min || old(tail).is_some();
        let groups = self.groups.iter().filter(|(_, tail)| is_worth(tail));
        let mut worth: Vec<(u64, GroupId)> =
            groups.map(|(group, tail)| (old(tail).unwrap_or(u64::MAX), *group)).collect();
        worth.sort_unstable();
        worth.into_iter().map(|(_, group)| group).collect()
    }

    /// The groups that have entries, each with its first index.
    pub(super) fn firsts(&self) -> impl Iterator<Item = (GroupId, u64)> {
        let first = |tail: &Tail| tail.entries.keys().next().copied();
        self.groups.iter().filter_map(move |(group, tail)| Some((*group, first(tail)?)))
    }

    /// A group's oldest entries, to write them, of about so many bytes; they stay. All of a block or
    /// none: with them the last block up to which there are no others.
    pub(super) fn oldest_of(&self, group: GroupId, max_bytes: usize) -> (Vec<(u64, Kept)>, u64) {
        let mut taken: Vec<(u64, Kept)> = Vec::new();
        let mut bytes = 0;
        for (index, kept) in self.groups.get(&group).into_iter().flat_map(|tail| &tail.entries) {
            let begins_block = taken.last().is_some_and(|(_, last)| last.sequence < kept.sequence);
            if begins_block && bytes >= max_bytes {
                return (taken, kept.sequence - 1);
            }
            bytes += kept.bytes();
            taken.push((*index, kept.clone()));
        }
        (taken, self.applied)
    }

    /// Of entries that were written those that are still the group's, if any: first and last. They
    /// are removed.
    pub(super) fn take_written(
        &mut self,
        group: GroupId,
        written: &[(u64, u64)],
    ) -> Option<(u64, u64)> {
        let entries = &self.groups.get(&group)?.entries;
        let is_same = |(index, sequence): &&(u64, u64)| {
            entries.get(index).is_some_and(|kept| kept.sequence == *sequence)
        };
        // A purge takes the front, a truncation the end, and what comes again is in another block.
        let mut still = written.iter().skip_while(|one| !is_same(one)).take_while(is_same);
        let (first, _) = *still.next()?;
        let last = still.last().map_or(first, |(last, _)| *last);
        self.remove(group, first, Some(last + 1));
        Some((first, last))
    }
}

/// How much an answer may still hold. The first entry always fits.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
    is_empty: bool,
}

impl Room {
    /// So many bytes.
    pub(super) fn new(bytes: usize) -> Room {
        Room { left: bytes, is_empty: true }
    }

    /// Takes an entry of this size in, if it fits.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let fits = self.is_empty || bytes <= self.left;
        if fits {
            self.left = self.left.saturating_sub(bytes);
            self.is_empty = false;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const G: GroupId = GroupId(1);

    fn kept(sequence: u64, text: &str) -> Kept {
        let payload = Bytes::copy_from_slice(text.as_bytes());
        Kept { header: Bytes::from_static(b"h"), payload, sequence }
    }

    fn filled() -> Tails {
        let mut tails = Tails::default();
        for index in 1..=6 {
            tails.append(G, index, kept(10 + index, "x"));
        }
        tails
    }

    #[test]
    fn bytes_are_those_of_what_is_there() {
        let mut tails = filled();
        let one = tails.bytes() / 6;
        tails.append(G, 6, kept(20, "xyz"));
        assert_eq!(tails.bytes(), 6 * one + 2, "in the place of another");
        tails.remove(G, 5, None);
        tails.remove(G, 0, Some(3));
        assert_eq!((tails.bytes(), tails.bounds(G)), (2 * one, Some((3, 4))));
        tails.remove(G, 0, None);
        assert_eq!((tails.bytes(), tails.bounds(G), tails.oldest()), (0, None, None));
    }

    #[test]
    fn reads_stop_at_their_room_but_give_one() {
        let tails = filled();
        let read = |from, to, bytes| {
            let (mut room, mut found) = (Room::new(bytes), Vec::new());
            tails.read(G, (from, to), &mut room, &mut found);
            found.iter().map(|(index, _)| *index).collect::<Vec<_>>()
        };
        assert_eq!(read(2, 4, 100), [2, 3]);
        assert_eq!(read(2, 9, 4), [2, 3]);
        assert_eq!(read(2, 9, 0), [2]);
        assert!(read(4, 2, 100).is_empty());
    }

    #[test]
    fn what_was_cut_or_replaced_while_it_was_written_is_not_taken_for_written() {
        let written: Vec<(u64, u64)> = (1..=6).map(|index| (index, 10 + index)).collect();
        let mut tails = filled();
        assert_eq!(tails.take_written(G, &written), Some((1, 6)));
        assert_eq!((tails.take_written(G, &written), tails.bytes()), (None, 0));

        let mut tails = filled();
        tails.remove(G, 0, Some(3));
        tails.remove(G, 5, None);
        tails.append(G, 5, kept(30, "new"));
        assert_eq!(tails.take_written(G, &written), Some((3, 4)));
        assert_eq!(tails.bounds(G), Some((5, 5)), "the new one is not written yet");
    }

    #[test]
    fn what_is_taken_to_be_written_ends_with_a_block() {
        let mut tails = Tails { applied: 50, ..Tails::default() };
        for (index, sequence) in [(1, 11), (2, 11), (3, 11), (4, 12), (5, 14)] {
            tails.append(G, index, kept(sequence, "123456789"));
        }
        let taken = |bytes| {
            let (taken, upto) = tails.oldest_of(G, bytes);
            (taken.len(), upto)
        };
        assert_eq!(
            [1, 30, 31, 40, 41, 99].map(taken),
            [(3, 11), (3, 11), (4, 13), (4, 13), (5, 50), (5, 50)]
        );
        assert_eq!(tails.oldest_of(GroupId(2), 1).1, 50);
    }

    #[test]
    fn groups_are_worth_writing_when_they_are_large_or_old() {
        let mut tails = filled();
        tails.append(GroupId(2), 1, kept(17, &"x".repeat(1_000)));
        tails.append(GroupId(3), 1, kept(18, "x"));
        assert_eq!(tails.worth_writing(1_000, 0), [GroupId(2)]);
        assert_eq!(tails.worth_writing(usize::MAX, 17), [G, GroupId(2)]);
        assert_eq!(tails.worth_writing(1_000, 11), [G, GroupId(2)], "the old one first");
        tails.append(GroupId(2), 0, kept(9, "x"));
        assert_eq!(tails.worth_writing(0, 11), [GroupId(2), G, GroupId(3)]);
        tails.remove(GroupId(2), 0, Some(1));
        assert_eq!(tails.worth_writing(0, 0).len(), 3);
        assert_eq!(tails.oldest(), Some(11));
    }
}
