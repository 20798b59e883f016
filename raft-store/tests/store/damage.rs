//! Damaged bytes: below the synced mark the replica is refused, above it the tail is cut, and a
//! damaged entry is never served.

use openraft::storage::RaftLogStorage;
use rampart_api::model::ids::Offset;
use rampart_raft_store::error::{OpenGroupError, ReadError};
use rampart_raft_store::{MemoryFaults, Store};

use crate::harness::{GROUP, Replica, batch, data, vote};

/// Three appends of one entry each; the last says that the first two were synced.
async fn three_entries(faults: &MemoryFaults) {
    let mut replica = Replica::in_memory(faults);
    for _ in 0..3 {
        replica.append(1, vec![data(batch(2, 100, 0))]).await;
    }
}

#[tokio::test]
async fn damage_below_the_synced_mark_refuses_the_replica_by_name() {
    for index in 0..2 {
        let faults = MemoryFaults::none();
        three_entries(&faults).await;
        assert!(faults.flip_bit(GROUP, index));
        let error = Replica::open(&Store::in_memory(faults)).err().unwrap();
        let OpenGroupError::Damaged { group, index: at, .. } = &error else { panic!("{error}") };
        assert_eq!((*group, *at), (GROUP, Some(index)));
        assert!(error.to_string().contains("new replica id"), "{error}");
    }
}

#[tokio::test]
async fn a_missing_entry_below_the_synced_mark_refuses_the_replica() {
    for index in 0..2 {
        let faults = MemoryFaults::none();
        three_entries(&faults).await;
        assert!(faults.lose_entry(GROUP, index));
        let error = Replica::open(&Store::in_memory(faults)).err().unwrap();
        assert!(matches!(error, OpenGroupError::Damaged { .. }), "{error}");
    }
}

#[tokio::test]
async fn damage_above_the_synced_mark_is_cut() {
    let faults = MemoryFaults::none();
    three_entries(&faults).await;
    assert!(faults.flip_bit(GROUP, 2));
    let mut replica = Replica::in_memory(&faults);
    assert_eq!(replica.entries().await.unwrap().len(), 2);
    assert_eq!(replica.handle.log_end_offset(), Offset(4));
}

#[tokio::test]
async fn damage_of_an_applied_entry_refuses_the_replica_whatever_the_mark_says() {
    let faults = MemoryFaults::none();
    three_entries(&faults).await;
    let mut replica = Replica::in_memory(&faults);
    replica.apply_all().await;
    replica.handle.save_applied().await.unwrap();
    assert!(faults.flip_bit(GROUP, 2));
    let error = Replica::open(&Store::in_memory(faults)).err().unwrap();
    let OpenGroupError::Damaged { index, .. } = &error else { panic!("{error}") };
    assert_eq!(*index, Some(2), "the last entry is above the mark, but it was committed");
}

/// Such a replica would vote for a leader that lacks what it had acknowledged.
#[tokio::test]
async fn a_log_shorter_than_what_was_committed_is_refused_before_it_can_vote() {
    for lost in [1, 3] {
        let faults = MemoryFaults::none();
        three_entries(&faults).await;
        let mut replica = Replica::in_memory(&faults);
        replica.log.save_vote(&vote(4)).await.unwrap();
        replica.apply_all().await;
        replica.handle.save_applied().await.unwrap();
        for index in 3 - lost..3 {
            assert!(faults.lose_entry(GROUP, index));
        }
        let error = Replica::open(&Store::in_memory(faults)).err().unwrap();
        assert!(matches!(error, OpenGroupError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("new replica id"), "{error}");
    }
}

/// 40 entries, of which opening reads only the end.
async fn forty_applied_entries(faults: &MemoryFaults) {
    let mut replica = Replica::in_memory(faults);
    for _ in 0..40 {
        replica.append(1, vec![data(batch(1, 10_000, 0))]).await;
    }
    replica.apply_all().await;
    replica.handle.save_applied().await.unwrap();
}

#[tokio::test]
async fn one_read_that_fails_is_an_error_once_and_no_damage() {
    let faults = MemoryFaults::none();
    forty_applied_entries(&faults).await;
    let store = Store::in_memory(faults.clone());
    let mut replica = Replica::open(&store).unwrap();
    faults.fail_read_of(GROUP, 3);
    let error = replica.entries().await.unwrap_err();
    assert!(error.to_string().contains("read from the disk in memory failed"), "{error}");
    assert_eq!(replica.entries().await.unwrap().len(), 40);
    assert!(store.damaged().borrow().is_empty());
}

#[tokio::test]
async fn damage_in_the_cold_part_is_found_when_it_is_read() {
    let faults = MemoryFaults::none();
    forty_applied_entries(&faults).await;
    assert!(faults.flip_bit(GROUP, 3));

    // What is read while opening is only the end of the log.
    let store = Store::in_memory(faults.clone());
    let mut replica = Replica::open(&store).unwrap();
    assert!(store.damaged().borrow().is_empty());
    let error = replica.entries().await.unwrap_err();
    assert!(error.to_string().contains("group 7: entry 3 is damaged"), "{error}");
    let error = replica.handle.read(Offset(0), 1 << 20).await.unwrap_err();
    assert!(matches!(error, ReadError::Io(_)), "{error}");
    assert!(store.damaged().borrow()[&GROUP].contains("entry 3 is damaged"));
    let after = replica.handle.read(Offset(20), 1 << 20).await.unwrap();
    assert_eq!(after.len(), 20, "the rest is served");

    // It is remembered, and not for longer than it is so.
    faults.crash(rampart_raft_store::Crash::LoseUnsynced);
    let error = Replica::open(&Store::in_memory(faults.clone())).err().unwrap();
    let OpenGroupError::Damaged { index, .. } = &error else { panic!("{error}") };
    assert_eq!(*index, Some(3));
    assert!(faults.flip_bit(GROUP, 3));
    let store = Store::in_memory(faults);
    assert_eq!(Replica::open(&store).unwrap().entries().await.unwrap().len(), 40);
    assert!(store.damaged().borrow().is_empty());
}

#[tokio::test]
async fn a_disk_that_does_not_answer_is_not_called_damage() {
    let faults = MemoryFaults::none();
    three_entries(&faults).await;
    let store = Store::in_memory(faults.clone());
    faults.fail_reads();
    let error = Replica::open(&store).err().unwrap();
    assert!(matches!(error, OpenGroupError::Io { .. }), "{error}");
}
