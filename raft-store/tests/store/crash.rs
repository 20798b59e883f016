//! Power cuts: what was acknowledged is there, what was not may be gone, and nothing is half.

use openraft::storage::RaftLogStorage;
use rampart_api::model::ids::Offset;
use rampart_api::model::record_batch::BatchHeader;
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::type_config::EntryPayload;
use rampart_raft_store::{Crash, MemoryFaults, Store};

use crate::harness::{GROUP, REPLICA, Replica, batch, data, vote};

#[tokio::test]
async fn an_append_is_readable_at_once_and_acknowledged_after_the_sync() {
    let faults = MemoryFaults::none();
    let mut replica = Replica::in_memory(&faults);
    faults.hold_syncs();
    let mut synced = replica.submit(1, vec![data(batch(3, 10, 0))]).await;
    assert_eq!(replica.entries().await.unwrap().len(), 1);
    assert!(synced.try_recv().is_err(), "acknowledged before the sync");
    faults.sync();
    synced.try_recv().unwrap().unwrap();
}

#[tokio::test]
async fn a_slow_sync_acknowledges_when_it_is_done() {
    let faults = MemoryFaults::none();
    let mut replica = Replica::in_memory(&faults);
    faults.slow_syncs(3);
    let mut synced = replica.submit(1, vec![EntryPayload::Blank]).await;
    for _ in 0..2 {
        faults.tick();
        assert!(synced.try_recv().is_err());
    }
    faults.tick();
    synced.try_recv().unwrap().unwrap();
}

#[tokio::test]
async fn what_nobody_waits_for_is_durable_with_the_next_synced_write_and_no_sooner() {
    let faults = MemoryFaults::none();
    let mut replica = Replica::in_memory(&faults);
    replica.append(1, vec![EntryPayload::Blank, EntryPayload::Blank]).await;
    let first = replica.entries().await.unwrap()[0].log_id;
    faults.slow_syncs(1);
    replica.log.truncate_after(Some(first)).await.unwrap();
    faults.tick();
    assert!(faults.unsynced() > 0, "nobody waits for a truncation");
    let mut synced = replica.submit(1, vec![EntryPayload::Blank]).await;
    faults.tick();
    synced.try_recv().unwrap().unwrap();
    assert_eq!(faults.unsynced(), 0);
}

#[tokio::test]
async fn a_power_cut_takes_only_what_was_not_synced() {
    let faults = MemoryFaults::none();
    let mut replica = Replica::in_memory(&faults);
    replica.append(1, vec![data(batch(3, 10, 0)), data(batch(2, 10, 0))]).await;
    faults.hold_syncs();
    let mut lost = replica.submit(1, vec![data(batch(9, 10, 0))]).await;
    faults.crash(Crash::LoseUnsynced);
    assert!(lost.try_recv().is_err(), "never acknowledged");

    faults.release_syncs();
    let mut replica = Replica::in_memory(&faults);
    assert_eq!(replica.handle.log_end_offset().0, 5);
    replica.append(2, vec![data(batch(1, 10, 0))]).await;
    assert_eq!(replica.handle.log_end_offset().0, 6);
}

#[tokio::test]
async fn a_torn_tail_is_cut_wherever_it_tears() {
    // As many changes as the second append makes, and one more.
    for survivors in 0..14 {
        let faults = MemoryFaults::none();
        let mut replica = Replica::in_memory(&faults);
        replica.append(1, vec![data(batch(3, 10, 0))]).await;
        faults.hold_syncs();
        let payloads = (0..10).map(|_| data(batch(2, 12_000, 0))).collect();
        let _unsynced = replica.submit(2, payloads).await;
        faults.crash(Crash::Torn { survivors });
        faults.release_syncs();

        let mut replica = Replica::in_memory(&faults);
        let left = replica.entries().await.unwrap().len() as u64;
        assert!((1..=11).contains(&left), "{left} entries after {survivors} changes");
        assert_eq!(replica.handle.log_end_offset().0, 3 + 2 * (left - 1));
        replica.append(3, vec![data(batch(1, 60_000, 0)), EntryPayload::Blank]).await;

        let mut replica = Replica::in_memory(&faults);
        assert_eq!(replica.entries().await.unwrap().len() as u64, left + 2);
        replica.apply_all().await;
        assert_eq!(replica.handle.high_watermark().0, 3 + 2 * (left - 1) + 1);
    }
}

/// A tear may take the index of a piece of the log and leave its entries. Found again at the start,
/// it must be there at every later start, too: else reads from there pass over records.
#[tokio::test]
async fn no_record_is_passed_over_when_a_tear_took_a_piece_of_the_index() {
    for survivors in 0..14 {
        let faults = MemoryFaults::none();
        let mut replica = Replica::in_memory(&faults);
        replica.append(1, vec![data(batch(3, 10, 0))]).await;
        let pieces = || (0..10).map(|_| data(batch(2, 12_000, 0))).collect::<Vec<_>>();
        faults.hold_syncs();
        let _unsynced = replica.submit(2, pieces()).await;
        faults.crash(Crash::Torn { survivors });
        faults.release_syncs();

        let mut replica = Replica::in_memory(&faults);
        replica.append(3, pieces()).await;
        let mut replica = Replica::in_memory(&faults);
        replica.apply_all().await;
        let end = replica.handle.high_watermark().0;
        for offset in 0..end {
            let batches = replica.handle.read(Offset(offset), 1).await.unwrap();
            let first = BatchHeader::parse(&batches[0]).unwrap();
            let found = (first.base_offset as u64, first.next_offset() as u64);
            assert!((found.0..found.1).contains(&offset), "{survivors}: {offset}: {found:?}");
        }
    }
}

/// Entries that are gone and a mark that does not say so would be a log that begins nowhere.
#[tokio::test]
async fn a_power_cut_leaves_a_purge_done_or_not_begun() {
    for survivors in 0..8 {
        let faults = MemoryFaults::none();
        let mut replica = Replica::in_memory(&faults);
        replica.append(1, (0..10).map(|_| data(batch(2, 12_000, 0))).collect()).await;
        replica.apply_all().await;
        faults.hold_syncs();
        replica.log.purge(log_id(1, 6)).await.unwrap();
        let all = faults.unsynced();
        faults.crash(Crash::Torn { survivors });
        faults.release_syncs();

        let mut replica = Replica::in_memory(&faults);
        let left = replica.entries().await.unwrap();
        let first = if survivors < all { 0 } else { 7 };
        assert_eq!(left.first().map(|entry| entry.log_id.index), Some(first), "{survivors}/{all}");
        assert_eq!(left.len() as u64, 10 - first);
    }
}

#[tokio::test]
async fn a_vote_is_durable_before_it_is_answered_and_not_visible_before() {
    let faults = MemoryFaults::none();
    let mut replica = Replica::in_memory(&faults);
    replica.log.save_vote(&vote(4)).await.unwrap();
    faults.hold_syncs();
    {
        let next = vote(5);
        let mut saving = Box::pin(replica.log.save_vote(&next));
        let answered = futures_util::future::poll_immediate(&mut saving).await;
        assert!(answered.is_none(), "answered before the sync");
    }
    assert_eq!(read_vote(&mut replica).await, Some(vote(4)));
    faults.crash(Crash::LoseUnsynced);
    faults.release_syncs();
    let mut replica = Replica::in_memory(&faults);
    assert_eq!(read_vote(&mut replica).await, Some(vote(4)));
}

async fn read_vote(replica: &mut Replica) -> Option<rampart_raft_store::type_config::Vote> {
    use openraft::storage::RaftLogReader;
    replica.log.get_log_reader().await.read_vote().await.unwrap()
}

#[tokio::test]
async fn after_a_failed_write_nothing_is_acknowledged_any_more() {
    for kind in [std::io::ErrorKind::Other, std::io::ErrorKind::StorageFull] {
        let faults = MemoryFaults::none();
        let store = Store::in_memory(faults.clone());
        let failed = store.failed();
        let mut replica = Replica::open(&store).unwrap();
        replica.append(1, vec![EntryPayload::Blank]).await;
        assert_eq!(*failed.borrow(), None);

        faults.fail_writes(kind);
        let refused = replica.submit(1, vec![EntryPayload::Blank]).await.await.unwrap();
        assert_eq!(refused.unwrap_err().kind(), kind);
        assert!(failed.borrow().is_some());
        faults.repair();
        let refused = replica.submit(1, vec![EntryPayload::Blank]).await.await.unwrap();
        assert!(refused.is_err(), "INV-13: acknowledged after a failed write");
        assert_eq!(replica.entries().await.unwrap().len(), 3, "reads go on");

        faults.crash(Crash::LoseUnsynced);
        let mut replica = Replica::in_memory(&faults);
        assert_eq!(replica.entries().await.unwrap().len(), 1);
    }
}

#[test]
fn a_failed_write_that_was_waited_for_fails_the_store_too() {
    let faults = MemoryFaults::none();
    let store = Store::in_memory(faults.clone());
    let failed = store.failed();
    faults.fail_writes(std::io::ErrorKind::Other);
    assert!(store.node_record_put("fact", "value").is_err());
    assert!(failed.borrow().is_some(), "INV-13: nobody would stop the process");
}

#[tokio::test]
async fn a_full_disk_is_seen_before_it_fails() {
    let faults = MemoryFaults::none();
    let store = Store::in_memory(faults.clone());
    assert!(!store.is_full().unwrap());
    faults.set_free_bytes(Some(1 << 20));
    assert!(store.is_full().unwrap());
    assert_eq!(store.free_space().unwrap().free_bytes, 1 << 20);
    faults.set_free_bytes(None);
    assert!(!store.is_full().unwrap());
}

#[tokio::test]
async fn a_dropped_group_is_gone_and_its_neighbour_is_not() {
    use rampart_api::model::ids::{GroupId, ReplicaId};

    let faults = MemoryFaults::none();
    let store = Store::in_memory(faults.clone());
    Replica::open(&store).unwrap().append(1, vec![data(batch(3, 10, 0))]).await;
    drop(store.open_partition(GroupId(GROUP.0 + 1), ReplicaId(9)).unwrap());
    store.drop_group(GROUP).unwrap();
    faults.crash(Crash::LoseUnsynced);

    let store = Store::in_memory(faults);
    assert_eq!(store.groups().unwrap(), [(GroupId(GROUP.0 + 1), ReplicaId(9))]);
    let mut group = store.open_partition(GROUP, ReplicaId(REPLICA.0 + 1)).unwrap();
    assert_eq!(group.handle.log_end_offset().0, 0);
    assert_eq!(group.log.get_log_state().await.unwrap().last_log_id, None);
}

#[tokio::test]
async fn what_is_left_of_a_dropped_replica_writes_nothing_any_more() {
    use rampart_api::model::ids::ReplicaId;

    let faults = MemoryFaults::none();
    let store = Store::in_memory(faults.clone());
    let mut dropped = Replica::open(&store).unwrap();
    dropped.append(1, vec![data(batch(3, 10, 0))]).await;
    dropped.apply_all().await;
    store.drop_group(GROUP).unwrap();
    let refused = dropped.handle.save_applied().await.unwrap_err();
    assert!(refused.to_string().contains("closed"), "{refused}");
    let refused = dropped.submit(1, vec![data(batch(3, 10, 0))]).await.await.unwrap();
    assert!(refused.is_err());
    assert!(dropped.log.save_vote(&vote(9)).await.is_err());

    let mut next = store.open_partition(GROUP, ReplicaId(REPLICA.0 + 1)).unwrap();
    assert_eq!(next.handle.applied_index(), None);
    assert_eq!(next.log.get_log_state().await.unwrap().last_log_id, None);
}

#[tokio::test]
async fn a_replica_that_is_opened_again_writes_through_its_new_half_only() {
    let store = Store::in_memory(MemoryFaults::none());
    let mut old = Replica::open(&store).unwrap();
    old.append(1, vec![data(batch(3, 10, 0))]).await;
    let mut new = Replica::open(&store).unwrap();
    assert!(old.submit(1, vec![data(batch(3, 10, 0))]).await.await.unwrap().is_err());
    new.append(2, vec![data(batch(1, 10, 0))]).await;
    assert_eq!(Replica::open(&store).unwrap().handle.log_end_offset().0, 4);
}

#[tokio::test]
async fn a_log_is_not_opened_under_another_replicas_id() {
    let faults = MemoryFaults::none();
    let store = Store::in_memory(faults);
    drop(Replica::open(&store).unwrap());
    let other = rampart_api::model::ids::ReplicaId(REPLICA.0 + 1);
    let error = store.open_partition(GROUP, other).unwrap_err();
    assert!(error.to_string().contains("drop the group"), "{error}");
}

#[tokio::test]
async fn facts_of_the_node_survive() {
    let faults = MemoryFaults::none();
    let store = Store::in_memory(faults.clone());
    assert_eq!(store.node_record_get("boot").unwrap(), None);
    store.node_record_put("boot", vec![7]).unwrap();
    faults.crash(Crash::LoseUnsynced);
    let store = Store::in_memory(faults);
    assert_eq!(store.node_record_get("boot").unwrap().unwrap(), vec![7]);
}
