//! The read-only dump says what is on disk, and shows damage instead of hiding it.

use openraft::storage::RaftLogStorage;
use rampart_api::model::ids::{Offset, ReplicaId};
use rampart_raft_store::format::log_id::StoredLogId;
use rampart_raft_store::inspect::Inspector;
use rampart_raft_store::type_config::EntryPayload;
use rampart_raft_store::{GroupKind, MemoryFaults, Store};

use crate::harness::{GROUP, REPLICA, Replica, batch, data, vote};

#[tokio::test]
async fn a_replica_is_reported_with_its_entries() {
    let faults = MemoryFaults::none();
    let store = Store::in_memory(faults.clone());
    let mut replica = Replica::open(&store).unwrap();
    replica.log.save_vote(&vote(2)).await.unwrap();
    replica.append(2, vec![EntryPayload::Blank, data(batch(3, 10, 0))]).await;
    replica.append(2, vec![data(batch(4, 10, 0))]).await;
    replica.apply_all().await;
    replica.handle.save_applied().await.unwrap();
    faults.flip_bit(GROUP, 2);

    let inspector = Inspector::of(&store);
    let reports = inspector.groups().unwrap();
    let [report] = &reports[..] else { panic!("{reports:?}") };
    let last = Some(StoredLogId { term: 2, index: 2 });
    assert_eq!((report.group, report.replica), (GROUP, REPLICA));
    assert_eq!(report.kind, GroupKind::Partition);
    assert_eq!(report.vote, Some((2, ReplicaId(REPLICA.0), false)));
    assert_eq!((report.committed, report.applied, report.purged), (last, last, None));
    assert_eq!((report.indexes, report.synced_mark), (Some((0, 2)), Some(1)));
    assert_eq!((report.log_start, report.log_end), (Some(Offset(0)), None));

    let entries: Vec<_> = inspector.entries(GROUP, 1).map(Result::unwrap).collect();
    let (header, _) = entries[0].content.as_ref().unwrap();
    assert_eq!((header.term, header.index, header.records), (2, 1, 3));
    assert!(entries[1].content.as_ref().unwrap_err().contains("checksum"));
    assert_eq!(entries.len(), 2);
}
