//! Builds beside installs: openraft runs a snapshot's builder parallel to the task that installs
//! snapshots, and what is older must not reach the disk behind what is newer.

use std::io;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use openraft::storage::{RaftLogStorage, RaftSnapshotBuilder, RaftStateMachine};
use rampart_api::model::ids::{Offset, ReplicaId};
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::type_config::{Entry, EntryPayload, Snapshot};
use rampart_raft_store::{Crash, Machine, MemoryFaults, SnapshotBuilder, Store};

use crate::harness::{Replica, batch, data, trim_to};
use crate::retention::filled;

/// Lets a future go on until it waits.
fn poll<T>(future: &mut BoxFuture<'_, T>) {
    assert!(future.as_mut().now_or_never().is_none(), "it waits for the disk");
}

async fn build(mut builder: SnapshotBuilder) -> io::Result<Snapshot> {
    builder.build_snapshot().await
}

/// A follower with a planned cut, and the snapshot of a leader that is far ahead of it.
async fn behind(faults: &MemoryFaults) -> (Replica, Snapshot) {
    let mut leader = filled(&MemoryFaults::none()).await;
    for _ in 0..20 {
        leader.append(1, (0..100).map(|_| data(batch(1, 300, 0))).collect()).await;
    }
    leader.append(1, vec![trim_to(5_000)]).await;
    leader.apply_all().await;
    assert!(leader.handle.plan_cut(None));
    let newer = leader.snapshot_and_purge().await;

    let mut follower = filled(faults).await;
    follower.append(1, vec![trim_to(1_500)]).await;
    follower.apply_all().await;
    assert!(follower.handle.plan_cut(None));
    (follower, newer)
}

/// What openraft does once the newer snapshot is in place, and a start from what is left.
async fn assert_starts_from(faults: &MemoryFaults, mut follower: Replica, newer: &Snapshot) {
    follower.log.purge(newer.meta.last_log_id.unwrap()).await.unwrap();
    faults.sync();
    faults.crash(Crash::LoseUnsynced);
    faults.release_syncs();
    let mut follower = Replica::in_memory(faults);
    let stored = follower.machine.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!(stored.meta, newer.meta);
    let applied = follower.machine.applied_state().await.unwrap().0;
    assert_eq!(applied, newer.meta.last_log_id, "applied is not behind the snapshot");
    let state = follower.log.get_log_state().await.unwrap();
    assert_eq!(state.last_log_id, newer.meta.last_log_id);
}

#[tokio::test]
async fn an_older_snapshot_is_not_written_behind_a_newer_one() {
    let faults = MemoryFaults::none();
    let (mut follower, newer) = behind(&faults).await;
    let builder = follower.machine.try_create_snapshot_builder(false).await.unwrap();
    let saver = follower.handle.clone();
    faults.hold_syncs();
    {
        let mut building = build(builder).boxed();
        let mut installing =
            follower.machine.install_snapshot(&newer.meta, newer.snapshot.clone()).boxed();
        poll(&mut installing);
        poll(&mut building);
        let mut saving = saver.save_applied().boxed();
        poll(&mut saving);
        faults.sync();
        installing.await.unwrap();
        let built = building.await.unwrap();
        assert_eq!(built.meta, newer.meta, "openraft may purge what was answered");
        saving.await.unwrap();
    }
    assert_starts_from(&faults, follower, &newer).await;
}

#[tokio::test]
async fn an_older_snapshot_that_is_done_late_does_not_replace_a_newer_one() {
    let faults = MemoryFaults::none();
    let (mut follower, newer) = behind(&faults).await;
    let builder = follower.machine.try_create_snapshot_builder(false).await.unwrap();
    faults.hold_syncs();
    {
        let mut building = build(builder).boxed();
        let mut installing =
            follower.machine.install_snapshot(&newer.meta, newer.snapshot.clone()).boxed();
        poll(&mut building);
        poll(&mut installing);
        faults.sync();
        installing.await.unwrap();
        let built = building.await.unwrap();
        assert!(built.meta.last_log_id < newer.meta.last_log_id);
    }
    let current = follower.machine.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!(current.meta, newer.meta);
    assert_starts_from(&faults, follower, &newer).await;
}

#[tokio::test]
async fn a_snapshot_behind_what_is_applied_is_refused() {
    let faults = MemoryFaults::none();
    let (mut follower, newer) = behind(&faults).await;
    let builder = follower.machine.try_create_snapshot_builder(false).await.unwrap();
    let older = build(builder).await.unwrap();
    follower.machine.install_snapshot(&newer.meta, newer.snapshot).await.unwrap();
    let refused = follower.machine.install_snapshot(&older.meta, older.snapshot).await;
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(follower.handle.log_start_offset(), Offset(5_000));
}

async fn apply_blanks(machine: &mut Machine, indexes: std::ops::Range<u64>) {
    let blank = |index| Entry { log_id: log_id(1, index), payload: EntryPayload::Blank };
    let entries = indexes.map(|index| Ok((blank(index), None)));
    machine.apply(futures_util::stream::iter(entries)).await.unwrap();
}

#[tokio::test]
async fn an_older_snapshot_of_the_metadata_is_not_written_behind_a_newer_one() {
    let ahead = Store::in_memory(MemoryFaults::none());
    let mut ahead = ahead.open_metadata(ReplicaId(1)).unwrap().machine;
    apply_blanks(&mut ahead, 0..9).await;
    let newer = build(ahead.get_snapshot_builder().await).await.unwrap();

    let faults = MemoryFaults::none();
    let mut machine = Store::in_memory(faults.clone()).open_metadata(ReplicaId(2)).unwrap().machine;
    apply_blanks(&mut machine, 0..3).await;
    let builder = machine.get_snapshot_builder().await;
    faults.hold_syncs();
    {
        let mut building = build(builder).boxed();
        let mut installing = machine.install_snapshot(&newer.meta, newer.snapshot.clone()).boxed();
        poll(&mut installing);
        poll(&mut building);
        faults.sync();
        installing.await.unwrap();
        assert_eq!(building.await.unwrap().meta, newer.meta);
    }
    faults.crash(Crash::LoseUnsynced);
    faults.release_syncs();
    let mut machine = Store::in_memory(faults).open_metadata(ReplicaId(2)).unwrap().machine;
    assert_eq!(machine.applied_state().await.unwrap().0, newer.meta.last_log_id);
}
