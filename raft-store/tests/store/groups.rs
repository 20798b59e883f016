//! A partition of `__group_state` as its replica keeps it: the log behind a snapshot of the whole
//! state, and the same state after a crash and on a new learner.

use openraft::storage::{RaftLogReader, RaftLogStorage, RaftSnapshotBuilder, RaftStateMachine};
use openraft::type_config::TypeConfigExt;
use rampart_api::model::ids::{GroupId, Offset, ReplicaId};
use rampart_raft_store::error::OpenGroupError;
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::state::group::{GroupCommand, GroupState, TopicPartition};
use rampart_raft_store::type_config::{Entry, EntryPayload, IoFlushed, Snapshot, TypeConfig};
use rampart_raft_store::{Crash, GroupReader, LogStorage, Machine, MemoryFaults, Store};

const GROUP: GroupId = GroupId(7);
const REPLICA: ReplicaId = ReplicaId(3);

struct Replica {
    log: LogStorage,
    machine: Machine,
    reader: GroupReader,
    next: u64,
}

impl Replica {
    fn open(store: &Store) -> Replica {
        let open = store.open_groups(GROUP, REPLICA).unwrap();
        Replica { log: open.log, machine: open.machine, reader: open.handle, next: 1 }
    }

    /// The group called by its number starts at that offset, one entry each.
    async fn start(&mut self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let start = GroupCommand::Start {
                group: format!("g{number}"),
                starts: vec![(TopicPartition::default(), Offset(number))],
                now_ms: 1,
            };
            let payload = EntryPayload::Normal(GroupCommand::proposal(&[start]));
            self.append(vec![Entry { log_id: log_id(1, self.next), payload }]).await;
        }
    }

    async fn append(&mut self, entries: Vec<Entry>) {
        self.next += entries.len() as u64;
        let (tx, rx) = TypeConfig::oneshot();
        self.log.append(entries.clone(), IoFlushed::signal(tx)).await.unwrap();
        rx.await.unwrap().unwrap();
        self.apply(entries).await;
    }

    async fn apply(&mut self, entries: Vec<Entry>) {
        let entries = entries.into_iter().map(|entry| Ok((entry, None)));
        self.machine.apply(futures_util::stream::iter(entries)).await.unwrap();
    }

    async fn snapshot_and_purge(&mut self) -> Snapshot {
        let mut builder = self.machine.get_snapshot_builder().await;
        let snapshot = builder.build_snapshot().await.unwrap();
        self.log.purge(snapshot.meta.last_log_id.unwrap()).await.unwrap();
        snapshot
    }

    async fn entries(&mut self) -> Vec<Entry> {
        self.log.get_log_reader().await.try_get_log_entries(..).await.unwrap()
    }

    fn state(&self) -> GroupState {
        self.reader.look(Clone::clone)
    }
}

/// A replica with ten groups, of which eight are in its snapshot.
async fn leader(store: &Store) -> (Replica, Snapshot) {
    let mut leader = Replica::open(store);
    leader.start(0..8).await;
    let snapshot = leader.snapshot_and_purge().await;
    leader.start(8..10).await;
    (leader, snapshot)
}

#[tokio::test]
async fn the_log_is_purged_behind_a_snapshot_of_the_whole_state() {
    let (mut leader, snapshot) = leader(&Store::in_memory(MemoryFaults::none())).await;
    assert_eq!(snapshot.meta.last_log_id.unwrap().index, 8);
    let left: Vec<u64> = leader.entries().await.iter().map(|entry| entry.log_id.index).collect();
    assert_eq!(left, [9, 10]);
    assert_eq!(*leader.reader.watch_applied().borrow(), 10);
    let state = leader.state();
    state.check_invariants().unwrap();
    assert_eq!((state.raft_group, state.groups.len()), (GROUP, 10));
}

#[tokio::test]
async fn a_crash_loses_nothing_of_groups() {
    let faults = MemoryFaults::none();
    let store = Store::in_memory(faults.clone());
    let (leader, _) = leader(&store).await;
    let before = leader.state();
    drop(leader);
    faults.crash(Crash::LoseUnsynced);
    let mut again = Replica::open(&store);
    assert_eq!(again.state().groups.len(), 8, "what the snapshot holds");
    let rest = again.entries().await;
    again.apply(rest).await;
    assert_eq!(again.state(), before);
}

#[tokio::test]
async fn a_new_learner_gets_the_state_as_a_snapshot_and_the_rest_as_log() {
    let (mut leader, snapshot) = leader(&Store::in_memory(MemoryFaults::none())).await;
    let mut learner = Replica::open(&Store::in_memory(MemoryFaults::none()));
    learner.machine.install_snapshot(&snapshot.meta, snapshot.snapshot.clone()).await.unwrap();
    learner.log.purge(snapshot.meta.last_log_id.unwrap()).await.unwrap();
    learner.append(leader.entries().await).await;
    assert_eq!(learner.state(), leader.state());
}

#[tokio::test]
async fn a_log_of_groups_is_not_opened_as_data() {
    let store = Store::in_memory(MemoryFaults::none());
    drop(Replica::open(&store));
    let opened = store.open_partition(GROUP, REPLICA);
    assert!(matches!(opened, Err(OpenGroupError::OtherReplica { .. })));
}
