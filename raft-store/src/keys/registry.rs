//! The numbered families. A key is the family's number, then big-endian integers, so that the
//! facts of one group lie together in order.

use rampart_api::model::ids::GroupId;

/// A family of keys. The numbers are on disk: never reuse, never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Family {
    /// Facts of the node itself; see `node_record`.
    NodeRecord = 1,
    /// The groups that live here; see `group`.
    Group = 2,
    /// Votes; see `vote`.
    Vote = 3,
    /// Committed log ids; see `committed`.
    Committed = 4,
    /// Purged log ids; see `purged`.
    Purged = 5,
    /// How far the log was known synced; see `synced_mark`.
    SyncedMark = 6,
    /// Where each term begins in the log; see `log_term`.
    LogTerm = 7,
    /// Sparse index from offsets and timestamps to the log; see `offset_index`.
    OffsetIndex = 8,
    /// The applied state; see `applied`.
    Applied = 9,
    /// What a snapshot is of; see `snapshot`.
    SnapshotMeta = 10,
    /// A snapshot's bytes; see `snapshot`.
    SnapshotData = 11,
    /// Producers and idempotency keys; see `producers`.
    Producers = 12,
}

impl Family {
    /// All families.
    pub(crate) const ALL: [Family; 12] = [
        Family::NodeRecord,
        Family::Group,
        Family::Vote,
        Family::Committed,
        Family::Purged,
        Family::SyncedMark,
        Family::LogTerm,
        Family::OffsetIndex,
        Family::Applied,
        Family::SnapshotMeta,
        Family::SnapshotData,
        Family::Producers,
    ];

    /// The families whose keys begin with a group: what dropping a group erases.
    pub(crate) fn of_groups() -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(|family| *family != Family::NodeRecord)
    }

    /// Key of the group's one fact in this family.
    pub(crate) fn group_key(self, group: GroupId) -> Vec<u8> {
        let mut key = Vec::with_capacity(17);
        key.push(self as u8);
        key.extend_from_slice(&group.0.to_be_bytes());
        key
    }

    /// Key of one of the group's facts in this family, ordered by `index`.
    pub(crate) fn indexed_key(self, group: GroupId, index: u64) -> Vec<u8> {
        let mut key = self.group_key(group);
        key.extend_from_slice(&index.to_be_bytes());
        key
    }

    /// First key of the group in this family and first key after it.
    pub(crate) fn group_range(self, group: GroupId) -> (Vec<u8>, Vec<u8>) {
        let end = match group.0.checked_add(1) {
            Some(next) => self.group_key(GroupId(next)),
            None => vec![self as u8 + 1],
        };
        (self.group_key(group), end)
    }

    /// First key of the family and first key after it.
    pub(crate) fn range(self) -> (Vec<u8>, Vec<u8>) {
        (vec![self as u8], vec![self as u8 + 1])
    }
}

/// The group and, if there is one, the index of a key of a group family.
pub(crate) fn parse(key: &[u8]) -> Option<(GroupId, Option<u64>)> {
    let (_, rest) = key.split_first()?;
    let (group, index) = rest.split_first_chunk::<8>()?;
    let group = GroupId(u64::from_be_bytes(*group));
    match index {
        [] => Some((group, None)),
        index => Some((group, Some(u64::from_be_bytes(index.try_into().ok()?)))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_unique_and_stable() {
        let numbers: Vec<u8> = Family::ALL.iter().map(|family| *family as u8).collect();
        assert_eq!(numbers, (1..=12).collect::<Vec<u8>>());
    }

    proptest! {
        #[test]
        fn keys_parse_and_keep_order(a: (u64, u64), b: (u64, u64)) {
            let family = Family::OffsetIndex;
            let key = |(group, index)| family.indexed_key(GroupId(group), index);
            prop_assert_eq!(parse(&key(a)), Some((GroupId(a.0), Some(a.1))));
            prop_assert_eq!(parse(&family.group_key(GroupId(a.0))), Some((GroupId(a.0), None)));
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        }

        #[test]
        fn a_groups_range_holds_its_keys_and_no_others(
            group in prop_oneof![any::<u64>(), Just(u64::MAX)],
            other: u64,
            index: u64,
        ) {
            for family in Family::of_groups() {
                let (from, to) = family.group_range(GroupId(group));
                let inside = |key: &[u8]| from.as_slice() <= key && key < to.as_slice();
                prop_assert!(inside(&family.group_key(GroupId(group))));
                prop_assert!(inside(&family.indexed_key(GroupId(group), index)));
                let other_key = family.indexed_key(GroupId(other), index);
                prop_assert_eq!(inside(&other_key), other == group);
            }
        }
    }
}
