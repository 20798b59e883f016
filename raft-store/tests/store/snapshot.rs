//! Snapshots of a partition: of the planned cut, so that a new learner gets the retained records
//! as log; and how a log goes on behind one.

use std::io;

use openraft::storage::{RaftLogReader, RaftLogStorage, RaftStateMachine};
use openraft::type_config::TypeConfigExt;
use rampart_api::model::ids::Offset;
use rampart_raft_store::type_config::{Entry, EntryPayload, IoFlushed, Snapshot, TypeConfig};
use rampart_raft_store::{Crash, MemoryFaults, Store};

use crate::harness::{Replica, batch, data, trim_to};
use crate::retention::filled;

/// A leader that was cut, its snapshot, and the log behind it.
async fn leader() -> (Replica, Snapshot, Vec<Entry>) {
    let mut leader = filled(&MemoryFaults::none()).await;
    leader.append(2, vec![trim_to(1_500)]).await;
    leader.apply_all().await;
    assert!(leader.handle.plan_cut(None));
    let snapshot = leader.snapshot_and_purge().await;
    let rest = leader.entries().await.unwrap();
    assert_eq!(rest[0].log_id.index, snapshot.meta.last_log_id.unwrap().index + 1);
    (leader, snapshot, rest)
}

async fn append(replica: &mut Replica, entries: Vec<Entry>) {
    let (tx, rx) = TypeConfig::oneshot();
    replica.log.append(entries, IoFlushed::signal(tx)).await.unwrap();
    rx.await.unwrap().unwrap();
}

async fn assert_same_records(leader: &Replica, learner: &Replica) {
    assert_eq!(learner.handle.log_start_offset(), Offset(1_500));
    assert_eq!(learner.handle.high_watermark(), leader.handle.high_watermark());
    assert_eq!(learner.read_all().await, leader.read_all().await);
    assert_eq!(learner.handle.epoch_end(9), leader.handle.epoch_end(9));
    assert_eq!(learner.handle.log_end_offset(), leader.handle.log_end_offset());
}

#[tokio::test]
async fn a_new_learner_gets_the_retained_records_as_log() {
    let (leader, snapshot, rest) = leader().await;
    let mut learner = Replica::in_memory(&MemoryFaults::none());
    learner.machine.install_snapshot(&snapshot.meta, snapshot.snapshot.clone()).await.unwrap();
    learner.log.purge(snapshot.meta.last_log_id.unwrap()).await.unwrap();
    append(&mut learner, rest).await;
    learner.apply_all().await;
    assert_same_records(&leader, &learner).await;
}

#[tokio::test]
async fn a_crash_between_a_snapshot_and_the_purge_up_to_it_loses_neither() {
    let (leader, snapshot, rest) = leader().await;
    let faults = MemoryFaults::none();
    let mut learner = Replica::in_memory(&faults);
    // The learner has an old beginning of the log, too.
    learner.append(1, vec![EntryPayload::Blank]).await;
    learner.machine.install_snapshot(&snapshot.meta, snapshot.snapshot.clone()).await.unwrap();
    faults.crash(Crash::LoseUnsynced);

    let mut learner = Replica::in_memory(&faults);
    assert_eq!(learner.machine.applied_state().await.unwrap().0, snapshot.meta.last_log_id);
    // openraft purges what is applied and not in the log.
    learner.log.purge(snapshot.meta.last_log_id.unwrap()).await.unwrap();
    append(&mut learner, rest).await;
    learner.apply_all().await;
    assert_same_records(&leader, &learner).await;
}

/// What a log refuses leaves it as it was.
async fn assert_refused(learner: &mut Replica, entries: Vec<Entry>) {
    let (tx, _rx) = TypeConfig::oneshot();
    let refused = learner.log.append(entries, IoFlushed::signal(tx)).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(learner.handle.log_end_offset(), Offset(0));
    assert!(learner.entries().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_new_learners_log_takes_nothing_behind_a_gap() {
    let (_, snapshot, rest) = leader().await;
    let mut learner = Replica::in_memory(&MemoryFaults::none());
    assert_refused(&mut learner, rest.clone()).await;
    // Data, too, whose offset would be a guess.
    let behind: Vec<_> = rest[1..].to_vec();
    assert_refused(&mut learner, behind).await;
    learner.machine.install_snapshot(&snapshot.meta, snapshot.snapshot.clone()).await.unwrap();
    assert_refused(&mut learner, rest).await;
}

#[tokio::test]
async fn an_offset_that_no_snapshot_tells_is_not_guessed() {
    let (_, snapshot, _) = leader().await;
    let cut = snapshot.meta.last_log_id.unwrap();
    let mut learner = Replica::in_memory(&MemoryFaults::none());
    learner.append(1, vec![data(batch(3, 10, 0))]).await;
    let refused = learner.log.purge(cut).await.unwrap_err();
    assert!(refused.to_string().contains("no snapshot says"), "{refused}");
    learner.machine.install_snapshot(&snapshot.meta, snapshot.snapshot).await.unwrap();
    let other = rampart_raft_store::format::log_id::log_id(1, cut.index + 1);
    assert!(learner.log.purge(other).await.is_err());
    assert_eq!(learner.handle.log_end_offset(), Offset(3), "refused, so nothing has changed");
    learner.log.purge(cut).await.unwrap();
    assert_eq!(learner.handle.log_end_offset().0, cut.index + 1, "one record in each entry");
}

#[tokio::test]
async fn a_cut_replica_restarts_where_it_was() {
    let faults = MemoryFaults::none();
    let mut replica = filled(&faults).await;
    replica.append(2, vec![trim_to(1_500)]).await;
    replica.apply_all().await;
    let before = replica.read_all().await;
    assert!(replica.handle.plan_cut(None));
    let snapshot = replica.snapshot_and_purge().await;
    replica.handle.save_applied().await.unwrap();
    faults.crash(Crash::LoseUnsynced);

    let mut replica = Replica::in_memory(&faults);
    let state = replica.log.get_log_state().await.unwrap();
    assert_eq!(state.last_purged_log_id, snapshot.meta.last_log_id);
    assert_eq!(replica.log.read_committed().await.unwrap().map(|id| id.index), Some(3_000));
    assert_eq!(replica.handle.applied_index(), Some(3_000));
    assert_eq!(replica.read_all().await, before);
    let last = state.last_log_id.unwrap();
    let first = replica.entries().await.unwrap()[0].log_id;
    let mut reader = replica.log.get_log_reader().await;
    let key_log_ids = reader.get_key_log_ids(first..=last).await.unwrap();
    assert_eq!(key_log_ids.iter().map(|id| id.index).collect::<Vec<_>>(), [2_999, 3_000]);
}

#[tokio::test]
async fn without_a_planned_cut_no_snapshot_is_offered() {
    let mut replica = filled(&MemoryFaults::none()).await;
    assert!(replica.machine.try_create_snapshot_builder(false).await.is_none());
}

#[tokio::test]
async fn an_old_applied_state_is_applied_forward() {
    let faults = MemoryFaults::none();
    let mut replica = filled(&faults).await;
    // Too little to be written down again.
    replica.append(1, vec![data(batch(2, 10, 0))]).await;
    replica.apply_all().await;
    let expected = replica.read_all().await;
    let mut replica = Replica::open(&Store::in_memory(faults)).unwrap();
    assert!(replica.handle.applied_index() < Some(3_000));
    replica.apply_all().await;
    assert_eq!(replica.read_all().await, expected);
}
