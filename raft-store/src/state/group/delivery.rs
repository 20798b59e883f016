//! Where a group's records are: how far each partition is, what waits to be delivered again, and
//! what is on its way into a dead-letter topic.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use rampart_api::model::ids::{GroupId, LeaderEpoch, Offset};
use rampart_api::model::limits::INTERNAL_PRODUCER_ID_MIN;
use serde::{Deserialize, Serialize};

use super::ids::{ParkedId, TopicPartition};
use super::ranges::OffsetRanges;

/// How far a group is in one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// First offset that is neither done, parked, dying nor dead: where a successor starts.
    pub committed: Offset,
    /// What is done, parked, dying or dead above it; it starts above it too.
    pub settled: OffsetRanges,
    /// Leader epoch of the last record, as the committer knew it. Kept for Kafka's clients.
    pub leader_epoch: Option<LeaderEpoch>,
    /// What the committer noted beside it.
    pub metadata: String,
    /// When it last changed, by the proposer's clock.
    pub changed_ms: i64,
}

impl Progress {
    /// Whether a record is done, parked, dying or dead.
    pub fn is_settled(&self, offset: Offset) -> bool {
        offset < self.committed || self.settled.contains(offset)
    }

    /// Settles the offsets of a range; the committed offset follows.
    pub(super) fn settle(&mut self, start: Offset, end: Offset) {
        self.settled.insert(start.max(self.committed), end);
        self.committed = self.settled.first_gap(self.committed);
        self.settled.drop_below(self.committed);
    }

    /// Moves to an offset, forwards or back. What is parked or dying beyond it stays settled, or it
    /// would be in two places.
    pub(super) fn move_to(&mut self, offset: Offset, elsewhere: impl Iterator<Item = Offset>) {
        if offset < self.committed {
            self.settled = OffsetRanges::default();
        }
        self.committed = offset;
        for parked in elsewhere.filter(|parked| *parked >= offset) {
            self.settled.insert(parked, Offset(parked.0 + 1));
        }
        self.settled.drop_below(offset);
        self.settle(offset, offset);
    }
}

/// A record as it was read from its partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCopy {
    /// Its timestamp.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers, in order; names may repeat.
    pub headers: Vec<(String, Option<Bytes>)>,
}

impl RecordCopy {
    /// Bytes of key, value and headers.
    pub fn bytes(&self) -> usize {
        let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + size(value));
        size(&self.key) + size(&self.value) + headers.sum::<usize>()
    }
}

/// The content of a parked record. Redelivery never reads the origin, which retention, compaction
/// or deletion may have taken meanwhile. On disk: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParkedBody {
    /// Copied into the state.
    Copied(RecordCopy),
    /// Too large for that: copied to an internal topic first.
    Stored {
        /// Where.
        partition: TopicPartition,
        /// At which offset.
        offset: Offset,
    },
}

impl ParkedBody {
    /// Bytes that it takes in the state.
    pub fn bytes(&self) -> usize {
        match self {
            ParkedBody::Copied(copy) => copy.bytes(),
            ParkedBody::Stored { .. } => 0,
        }
    }
}

/// A record that was not processed and is not given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The partition it came from.
    pub origin: TopicPartition,
    /// Its offset there.
    pub offset: Offset,
    /// How often it was delivered without success.
    pub attempts: u32,
    /// What went wrong the last time.
    pub error: String,
    /// When it was parked first, by the proposer's clock.
    pub parked_ms: i64,
    /// What is delivered again.
    pub body: ParkedBody,
    /// Where it is.
    pub place: Place,
}

/// Where a parked record is. On disk: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// In the state, until it is due.
    Waiting {
        /// When it is delivered again, by the coordinator's clock.
        due_ms: i64,
    },
    /// On its way into a dead-letter topic.
    Dying(Dying),
}

/// What a record is written to its dead-letter topic as. Together with the parked record it says
/// every byte, so that any coordinator writes the same, and the partition takes it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dying {
    /// The dead-letter partition.
    pub into: TopicPartition,
    /// Its producer there.
    pub producer_id: i64,
    /// Its sequence there.
    pub sequence: u32,
    /// Timestamp it gets there.
    pub dying_ms: i64,
}

/// Producer epoch of everything that is written to dead-letter topics: it is never raised.
pub const DEAD_LETTER_EPOCH: i16 = 0;

/// Sequences wrap here, as Kafka's do.
const SEQUENCE_MAX: u32 = i32::MAX as u32;

/// A record that is dying: which one, and its sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DyingRecord {
    /// Its sequence in the lane.
    pub sequence: u32,
    /// The group it is parked in.
    pub group: String,
    /// Which record there.
    pub id: ParkedId,
}

/// What is on its way into one dead-letter partition. They are written one after the other, each
/// when the one before is known to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Used by this lane alone, for ever.
    pub producer_id: i64,
    /// What the next record gets.
    pub next_sequence: u32,
    /// In order of their sequences.
    pub dying: VecDeque<DyingRecord>,
}

/// The lanes of one partition of `__group_state`, by dead-letter partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lanes {
    /// Number that the next lane gets; never reused.
    pub next: u32,
    /// The lanes.
    pub by_partition: BTreeMap<TopicPartition, Lane>,
}

impl Lanes {
    /// Gives a record its place in a lane, which begins with its first record.
    pub(super) fn allocate(
        &mut self,
        state: GroupId,
        into: TopicPartition,
        (group, id): (&str, ParkedId),
    ) -> (i64, u32) {
        let next = &mut self.next;
        let lane = self.by_partition.entry(into).or_insert_with(|| {
            let producer_id = internal_producer_id(state, *next);
            *next += 1;
            Lane { producer_id, next_sequence: 0, dying: VecDeque::new() }
        });
        let sequence = lane.next_sequence;
        lane.next_sequence = if sequence == SEQUENCE_MAX { 0 } else { sequence + 1 };
        lane.dying.push_back(DyingRecord { sequence, group: group.to_owned(), id });
        (lane.producer_id, sequence)
    }
}

/// The id of a lane as a producer: Raft groups and the lanes of each are counted and never reused.
fn internal_producer_id(state: GroupId, lane: u32) -> i64 {
    assert!(state.0 < 1 << 30, "group ids are counted from 1");
    let number = i64::try_from((state.0 << 32) | u64::from(lane)).expect("62 bits");
    INTERNAL_PRODUCER_ID_MIN | number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(progress: &Progress) -> Vec<(u64, u64)> {
        progress.settled.iter().map(|(start, end)| (start.0, end.0)).collect()
    }

    #[test]
    fn the_committed_offset_is_the_first_that_is_not_settled() {
        let mut progress = Progress { committed: Offset(5), ..Progress::default() };
        progress.settle(Offset(7), Offset(9));
        assert_eq!((progress.committed, settled(&progress)), (Offset(5), vec![(7, 9)]));
        progress.settle(Offset(3), Offset(6));
        assert_eq!((progress.committed, settled(&progress)), (Offset(6), vec![(7, 9)]));
        progress.settle(Offset(6), Offset(7));
        assert_eq!((progress.committed, settled(&progress)), (Offset(9), vec![]));
        assert!(progress.is_settled(Offset(8)) && !progress.is_settled(Offset(9)));
    }

    #[test]
    fn a_move_keeps_what_is_parked_settled() {
        let mut progress = Progress { committed: Offset(9), ..Progress::default() };
        progress.settle(Offset(11), Offset(14));
        let parked = || [Offset(3), Offset(7), Offset(12)].into_iter();
        let mut back = progress.clone();
        back.move_to(Offset(4), parked());
        assert_eq!((back.committed, settled(&back)), (Offset(4), vec![(7, 8), (12, 13)]));
        back.move_to(Offset(3), parked());
        assert_eq!((back.committed, settled(&back)), (Offset(4), vec![(7, 8), (12, 13)]));
        progress.move_to(Offset(10), parked());
        assert_eq!((progress.committed, settled(&progress)), (Offset(10), vec![(11, 14)]));
        progress.move_to(Offset(12), parked());
        assert_eq!((progress.committed, settled(&progress)), (Offset(14), vec![]));
    }

    #[test]
    fn a_lane_counts_its_sequences_and_wraps_as_kafka_does() {
        let mut lanes = Lanes::default();
        let into = |partition| TopicPartition { partition, ..TopicPartition::default() };
        let give = |lanes: &mut Lanes, partition| {
            lanes.allocate(GroupId(7), into(partition), ("g", ParkedId(1)))
        };
        let first = (1 << 62) + (7 << 32);
        assert_eq!(give(&mut lanes, 0), (first, 0));
        assert_eq!(give(&mut lanes, 1), (first + 1, 0));
        assert_eq!(give(&mut lanes, 0), (first, 1));
        lanes.by_partition.get_mut(&into(0)).unwrap().next_sequence = i32::MAX as u32;
        assert_eq!(give(&mut lanes, 0), (first, i32::MAX as u32));
        assert_eq!(give(&mut lanes, 0), (first, 0));
    }
}
