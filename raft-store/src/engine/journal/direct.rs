//! Large writes of a group go into its segments at once, and the block says only where they are: each
//! byte is written once. The segments are synced before the block is written, so that a block that is
//! whole never names what is not there. That costs a sync a group, which small writes can't pay: they
//! go into the journal, whose sync serves all groups.

use std::collections::BTreeMap;
use std::io;

use rampart_api::model::ids::GroupId;

use super::Shared;
use super::aligned::AlignedBuffer;
use super::pieces::Piece;
use super::runs;
use super::segments::SegmentWriter;
use super::tails::{Kept, Tails};
use crate::engine::Op;

/// What a block has of a group is large from so many bytes on.
const BYTES_MIN: usize = 96 << 10;
/// What memory has of the group goes with it, since segments are in order; if that is more, and more
/// than some times what is large, the writer is to write it first. A load that takes all of a disk
/// would else stay in the journal once it is there: each byte is written twice, and the writer never
/// comes to its end.
const TAIL_BYTES_MAX: usize = 1 << 20;
const TAIL_TIMES_MAX: usize = 4;

/// Entries of a group that are in its segments when the block comes that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) group: GroupId,
    /// In order and without a gap, each with its first index; at least one.
    pub(super) pieces: Vec<(u64, Piece)>,
}

/// What a block would append to a group's log.
struct Appends {
    first: u64,
    next: u64,
    bytes: usize,
    /// They follow each other, and the log is not cut beside.
    is_run: bool,
}

/// The groups of which these changes are large.
pub(super) fn large(changes: &[Vec<Op>], tails: &Tails) -> Vec<GroupId> {
    let mut of_groups: BTreeMap<GroupId, Appends> = BTreeMap::new();
    for op in changes.iter().flatten() {
        match op {
            Op::Append { group, index, header, payload } => {
                let fresh = || Appends { first: *index, next: *index, bytes: 0, is_run: true };
                let appends = of_groups.entry(*group).or_insert_with(fresh);
                appends.is_run &= appends.next == *index;
                appends.next = index.saturating_add(1);
                appends.bytes += header.len() + payload.len();
            }
            Op::Truncate { group, .. } | Op::Purge { group, .. } => {
                let cut = Appends { first: 0, next: 0, bytes: 0, is_run: false };
                of_groups.entry(*group).and_modify(|appends| appends.is_run = false).or_insert(cut);
            }
            Op::Put { .. } | Op::Erase { .. } => {}
        }
    }
    let is_large = |(group, appends): &(GroupId, Appends)| {
        appends.is_run
            && appends.bytes >= BYTES_MIN
            && tails.bytes_of(*group) <= TAIL_BYTES_MAX.max(appends.bytes * TAIL_TIMES_MAX)
            && tails
                .bounds(*group)
                .is_none_or(|(_, last)| last.checked_add(1) == Some(appends.first))
    };
    of_groups.into_iter().filter(is_large).map(|(group, _)| group).collect()
}

/// Writes these groups' entries into segments, those in memory and those of the changes, which lose
/// them. They last when it returns.
///
/// What is placed begins with what was written behind since the index was flushed. After a crash the
/// entries of that are read from the journal into memory again, and it takes them out: what is in
/// memory of a group always lies behind what is in its segments (INV-22).
pub(super) fn place(
    groups: &[GroupId],
    changes: &mut [Vec<Op>],
    shared: &Shared,
    (segments, buffer): (&mut SegmentWriter, &mut AlignedBuffer),
    sequence: u64,
) -> io::Result<Vec<Placed>> {
    let mut entries: BTreeMap<GroupId, Vec<(u64, Kept)>> = {
        let tails = shared.tails();
        groups.iter().map(|group| (*group, tails.all_of(*group))).collect()
    };
    for ops in changes {
        ops.retain(|op| {
            let Op::Append { group, index, header, payload } = op else { return true };
            let Some(of_group) = entries.get_mut(group) else { return true };
            let (header, payload) = (header.clone(), payload.clone());
            of_group.push((*index, Kept { header, payload, sequence }));
            false
        });
    }
    let mut placed: BTreeMap<GroupId, Placed> = BTreeMap::new();
    for group in entries.keys() {
        let pieces = match segments.take_unflushed(*group) {
            Some(first) => shared.index.pieces_from(*group, first)?,
            None => Vec::new(),
        };
        placed.insert(*group, Placed { group: *group, pieces });
    }
    let entries: Vec<_> = entries.into_iter().collect();
    for run in runs::write(segments, buffer, &entries)? {
        let of_group = placed.get_mut(&run.group).expect("only these groups' entries are written");
        of_group.pieces.extend(run.pieces);
    }
    Ok(placed.into_values().collect())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn append(group: u64, index: u64, bytes: usize) -> Op {
        let (header, payload) = (Bytes::from_static(b"h"), vec![7; bytes].into());
        Op::Append { group: GroupId(group), index, header, payload }
    }

    fn remembered(group: u64, index: u64, bytes: usize) -> Tails {
        let mut tails = Tails::default();
        let (header, payload) = (Bytes::new(), vec![7; bytes].into());
        tails.append(GroupId(group), index, Kept { header, payload, sequence: 1 });
        tails
    }

    #[test]
    fn a_group_is_large_by_all_that_a_block_has_of_it() {
        let half = BYTES_MIN / 2;
        let changes = [
            vec![append(1, 5, half), append(2, 1, half), append(3, 9, BYTES_MIN - 2)],
            vec![append(1, 6, half), Op::put(b"k".to_vec(), "v")],
        ];
        assert_eq!(large(&changes, &Tails::default()), [GroupId(1)]);
    }

    #[test]
    fn a_log_that_is_cut_or_has_a_gap_is_not_placed() {
        let whole = append(1, 5, BYTES_MIN);
        let (group, none) = (GroupId(1), Tails::default());
        for other in [
            Op::Truncate { group, from: 5 },
            Op::Purge { group, upto: 3 },
            append(1, 7, 1),
            append(1, 5, 1),
        ] {
            let changes = [vec![whole.clone()], vec![other]];
            assert!(large(&changes, &none).is_empty(), "{changes:?}");
            let [first, second] = changes;
            assert!(large(&[second, first], &none).is_empty(), "before it");
        }
    }

    #[test]
    fn what_memory_has_of_a_group_must_come_before_and_be_little() {
        let changes = [vec![append(1, 5, BYTES_MIN)]];
        assert_eq!(large(&changes, &remembered(1, 4, 100)), [GroupId(1)]);
        assert_eq!(large(&changes, &remembered(2, 7, 100)), [GroupId(1)], "of another group");
        for index in [3, 5, 9] {
            assert!(large(&changes, &remembered(1, index, 100)).is_empty(), "{index}");
        }
        assert!(large(&changes, &remembered(1, 4, TAIL_BYTES_MAX)).is_empty());
        let larger = [vec![append(1, 5, TAIL_BYTES_MAX)]];
        let tail_max = TAIL_BYTES_MAX * TAIL_TIMES_MAX;
        assert_eq!(large(&larger, &remembered(1, 4, tail_max - 1_000)), [GroupId(1)]);
        assert!(large(&larger, &remembered(1, 4, tail_max + 1_000)).is_empty());
    }
}
