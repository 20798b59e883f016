//! Every family, by an exhaustive match: what its keys look like and how they sort, and that each
//! value it can hold survives. A new family does not compile until it is here.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rampart_api::model::ids::{GroupId, ReplicaId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::applied::AppliedRecord;
use super::group::{GroupKind, GroupRecord};
use super::offset_index::Granule;
use super::purged::PurgedRecord;
use super::snapshot::SnapshotMetaRecord;
use super::vote::VoteRecord;
use super::*;
use crate::Store;
use crate::engine::memory::MemoryFaults;
use crate::format::envelope;
use crate::format::survives::{Harm, harm, survives, survives_in_codec};
use crate::machine::{METADATA_SNAPSHOT_VERSION, decode_partition_snapshot};
use crate::state::partition::{PartitionCommand, PartitionState};
use crate::test_values::{
    self, log_ids, metadata_commands, metadata_states, offsets, partition_states,
    producers_records, stored_memberships,
};
use crate::type_config::{SnapshotMeta, Vote};

mod golden;

/// What stands behind a family's number in its keys.
#[derive(Debug, PartialEq, Eq)]
enum KeyShape {
    Name,
    Group,
    GroupAndIndex,
}

fn key_shape(family: Family) -> KeyShape {
    match family {
        Family::NodeRecord => KeyShape::Name,
        Family::LogTerm | Family::OffsetIndex => KeyShape::GroupAndIndex,
        Family::Group
        | Family::Vote
        | Family::Committed
        | Family::Purged
        | Family::SyncedMark
        | Family::Applied
        | Family::SnapshotMeta
        | Family::SnapshotData
        | Family::Producers => KeyShape::Group,
    }
}

fn key(family: Family, (name, group, index): &(String, u64, u64)) -> Vec<u8> {
    match key_shape(family) {
        KeyShape::Name => node_record::key(name),
        KeyShape::Group => family.group_key(GroupId(*group)),
        KeyShape::GroupAndIndex => family.indexed_key(GroupId(*group), *index),
    }
}

proptest! {
    #[test]
    fn keys_say_what_they_are_of_and_sort_by_it(a: (String, u64, u64), b: (String, u64, u64)) {
        for family in Family::ALL {
            let (key_a, key_b) = (key(family, &a), key(family, &b));
            let group = GroupId(a.1);
            let order = match key_shape(family) {
                KeyShape::Name => a.0.as_bytes().cmp(b.0.as_bytes()),
                KeyShape::Group => a.1.cmp(&b.1),
                KeyShape::GroupAndIndex => (a.1, a.2).cmp(&(b.1, b.2)),
            };
            prop_assert_eq!(key_a.cmp(&key_b), order, "{:?}", family);
            let parsed = registry::parse(&key_a);
            match key_shape(family) {
                // Names are taken as they are; they parse as something by chance alone.
                KeyShape::Name => prop_assert_eq!(&key_a[1..], a.0.as_bytes()),
                KeyShape::Group => prop_assert_eq!(parsed, Some((group, None))),
                KeyShape::GroupAndIndex => prop_assert_eq!(parsed, Some((group, Some(a.2)))),
            }
        }
    }

    #[test]
    fn families_do_not_mix(a: (String, u64, u64), b: (String, u64, u64)) {
        for one in Family::ALL {
            for other in Family::ALL.into_iter().filter(|other| *other != one) {
                prop_assert_eq!(key(one, &a).cmp(&key(other, &b)), one.cmp(&other));
            }
        }
    }

    #[test]
    fn foreign_keys_never_panic(bytes: Vec<u8>) {
        let _ = registry::parse(&bytes);
    }
}

#[test]
fn the_values_of_every_family_survive() {
    for family in Family::ALL {
        values_survive(family);
    }
}

fn values_survive(family: Family) {
    match family {
        Family::NodeRecord => always(family, (".{1,9}", any::<Vec<u8>>()), |(name, value), _| {
            let store = Store::in_memory(MemoryFaults::none());
            store.node_record_put(name, value.clone()).unwrap();
            prop_assert_eq!(&store.node_record_get(name).unwrap().unwrap()[..], &value[..]);
            Ok(())
        }),
        Family::Group => sealed(family, group::VERSION, group_records()),
        Family::Vote => always(family, vote_records(), |record, harm| {
            prop_assert_eq!(VoteRecord::from(&Vote::from(*record)), *record);
            survives(vote::VERSION, record, harm)
        }),
        Family::Committed => sealed(family, committed::VERSION, log_ids()),
        Family::Purged => sealed(family, purged::VERSION, purged_records()),
        Family::SyncedMark => sealed(family, synced_mark::VERSION, any::<u64>()),
        Family::LogTerm => sealed(family, log_term::VERSION, any::<u64>()),
        Family::OffsetIndex => sealed(family, offset_index::VERSION, granules()),
        Family::Applied => {
            sealed(family, applied::VERSION, applied_records());
            always(family, (applied_records(), test_values::sealed()), |(record, sealed), harm| {
                let mut with = record.clone();
                with.state.sealed = Some(*sealed);
                prop_assert_eq!(&AppliedRecord::decode(&with.encode()).unwrap(), &with);
                prop_assert_eq!(&AppliedRecord::decode(&record.encode()).unwrap(), record);
                survives(applied::VERSION_SEALED, &(record.clone(), *sealed), harm)
            });
        }
        Family::SnapshotMeta => always(family, snapshot_metas(), |record, harm| {
            let meta = SnapshotMeta::try_from(record.clone()).unwrap();
            let again = SnapshotMetaRecord::new(&meta, b"data");
            let data_crc = envelope::crc32c(&[b"data"]);
            prop_assert_eq!(again, SnapshotMetaRecord { data_crc, ..record.clone() });
            survives(snapshot::VERSION, record, harm)
        }),
        Family::SnapshotData => {
            let seals = prop::option::of(test_values::sealed());
            let values = (partition_states(), producers_records(), seals);
            always(family, values, |(state, producers, seal), harm| {
                let state = &PartitionState { sealed: *seal, ..state.clone() };
                let data = crate::machine::encode_partition_snapshot(state, producers);
                let back = decode_partition_snapshot(&data).unwrap();
                prop_assert_eq!((&back.0, &back.1), (state, producers));
                prop_assert!(decode_partition_snapshot(&harm.flipped(&data)).is_err());
                prop_assert!(decode_partition_snapshot(harm.cut(&data)).is_err());
                let bare = PartitionState { sealed: None, ..state.clone() };
                match (data[2], *seal) {
                    (version, Some(seal)) => {
                        survives(version, &(bare, producers.clone(), seal), harm)
                    }
                    (1, None) => survives(1, &bare, harm),
                    (version, None) => survives(version, &(bare, producers.clone()), harm),
                }
            });
            sealed(family, METADATA_SNAPSHOT_VERSION, metadata_states());
        }
        Family::Producers => sealed(family, producers::VERSION, producers_records()),
    }
}

/// A family of values in envelopes.
fn sealed<T>(family: Family, version: u8, values: impl Strategy<Value = T>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    always(family, values, |value, harm| survives(version, value, harm));
}

fn always<T: Debug>(
    family: Family,
    values: impl Strategy<Value = T>,
    holds: impl Fn(&T, &Harm) -> Result<(), TestCaseError>,
) {
    let checked =
        TestRunner::default().run(&(values, harm()), |(value, harm)| holds(&value, &harm));
    checked.unwrap_or_else(|wrong| panic!("{family:?}: {wrong}"));
}

proptest! {
    #[test]
    fn metadata_commands_survive(command in metadata_commands(), harm in harm()) {
        survives_in_codec(&command, &harm)?;
    }

    #[test]
    fn partition_commands_survive(offset in offsets(), harm in harm()) {
        let command = PartitionCommand::TrimTo { offset };
        prop_assert_eq!(&PartitionCommand::decode(&command.proposal().body).unwrap(), &command);
        survives_in_codec(&command, &harm)?;
    }
}

fn group_records() -> impl Strategy<Value = GroupRecord> {
    let kinds =
        prop::sample::select(vec![GroupKind::Partition, GroupKind::Metadata, GroupKind::Groups]);
    (any::<u64>(), kinds)
        .prop_map(|(replica, kind)| GroupRecord { replica: ReplicaId(replica), kind })
}

fn vote_records() -> impl Strategy<Value = VoteRecord> {
    any::<(u64, u64, bool)>().prop_map(|(term, voted_for, committed)| VoteRecord {
        term,
        voted_for,
        committed,
    })
}

fn purged_records() -> impl Strategy<Value = PurgedRecord> {
    (log_ids(), offsets()).prop_map(|(log_id, next_offset)| PurgedRecord { log_id, next_offset })
}

fn granules() -> impl Strategy<Value = Granule> {
    let numbers = any::<(u64, u64, u64, i64)>();
    (numbers, offsets(), offsets()).prop_map(|(numbers, base_offset, next_offset)| {
        let (first_index, last_index, bytes, max_timestamp) = numbers;
        Granule { first_index, last_index, base_offset, next_offset, bytes, max_timestamp }
    })
}

fn applied_records() -> impl Strategy<Value = AppliedRecord> {
    let memberships = prop::collection::vec(stored_memberships(), 0..3);
    (prop::option::of(log_ids()), partition_states(), memberships)
        .prop_map(|(log_id, state, memberships)| AppliedRecord { log_id, state, memberships })
}

fn snapshot_metas() -> impl Strategy<Value = SnapshotMetaRecord> {
    (prop::option::of(log_ids()), stored_memberships(), any::<u32>()).prop_map(
        |(last_log_id, membership, data_crc)| SnapshotMetaRecord {
            last_log_id,
            membership,
            data_crc,
        },
    )
}
