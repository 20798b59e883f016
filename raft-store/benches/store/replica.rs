//! One replica as openraft drives it, and what is written to it.

use std::io;
use std::path::Path;

use bytes::Bytes;
use openraft::storage::{RaftLogReader, RaftLogStorage, RaftStateMachine};
use openraft::type_config::TypeConfigExt;
use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::type_config::{
    Entry, EntryPayload, IoFlushed, Proposal, ProposalKind, TypeConfig,
};
use rampart_raft_store::{LogStorage, Machine, OpenGroup, PartitionLog, Store};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// Bytes that are summed or appended at once.
pub(crate) const SIZES: [usize; 3] = [1 << 10, 16 << 10, 128 << 10];

/// Says when an append is on the disk.
pub(crate) type Flushed = oneshot::Receiver<io::Result<()>>;

/// A partition's replica.
pub(crate) struct Replica {
    log: LogStorage,
    machine: Machine,
    pub(crate) handle: PartitionLog,
}

impl Replica {
    pub(crate) fn open(store: &Store, group: u64) -> Replica {
        let opened = store.open_partition(GroupId(group), ReplicaId(1)).unwrap();
        let OpenGroup { log, machine, handle } = opened;
        Replica { log, machine, handle }
    }

    /// Appends an entry, which is in memory when this returns.
    pub(crate) async fn append(&mut self, kind: ProposalKind, body: Bytes) -> Flushed {
        let index = self.handle.last_log_index().map_or(0, |last| last + 1);
        let (tx, flushed) = TypeConfig::oneshot();
        let entry = entry(index, kind, body);
        self.log.append([entry], IoFlushed::signal(tx)).await.unwrap();
        flushed
    }

    /// The entries that are not applied yet, their records numbered.
    pub(crate) async fn unapplied(&mut self) -> Vec<Entry> {
        let from = self.handle.applied_index().map_or(0, |applied| applied + 1);
        let mut reader = self.log.get_log_reader().await;
        reader.try_get_log_entries(from..).await.unwrap()
    }

    pub(crate) async fn apply(&mut self, entries: Vec<Entry>) {
        apply(&mut self.machine, entries).await;
    }
}

/// Applies entries, to which nobody waits for an answer.
pub(crate) async fn apply(machine: &mut Machine, entries: Vec<Entry>) {
    let entries = entries.into_iter().map(|entry| Ok((entry, None)));
    machine.apply(futures_util::stream::iter(entries)).await.unwrap();
}

pub(crate) fn entry(index: u64, kind: ProposalKind, body: Bytes) -> Entry {
    let payload = EntryPayload::Normal(Proposal { kind, body, ticket: None });
    Entry { log_id: log_id(1, index), payload }
}

/// A batch that no compression makes smaller.
pub(crate) fn batch(mut builder: BatchBuilder, records: usize, value_bytes: usize) -> Bytes {
    for value in noise(records * value_bytes).chunks(value_bytes) {
        builder.push(NewRecord { key: None, value: Some(value), timestamp_ms: 1, headers: &[] });
    }
    builder.build()
}

/// Bytes without a pattern, the same in every run: xorshift64.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// A runtime on the thread that measures: the engines have threads of their own.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// A folder below that of the build, whose disk it is that is measured.
pub(crate) fn folder() -> TempDir {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(parent).unwrap();
    TempDir::with_prefix_in("bench-", parent).unwrap()
}
