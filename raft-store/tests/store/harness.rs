//! One replica as openraft would drive it: append, truncate, apply, snapshot.

use std::io;

use bytes::Bytes;
use openraft::storage::{RaftLogReader, RaftLogStorage, RaftSnapshotBuilder, RaftStateMachine};
use openraft::type_config::TypeConfigExt;
use rampart_api::model::ids::{GroupId, Offset, ReplicaId};
use rampart_api::model::record_batch::{self, BatchBuilder, NewRecord};
use rampart_raft_store::error::OpenGroupError;
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::state::partition::PartitionCommand;
use rampart_raft_store::type_config::{
    Entry, EntryPayload, IoFlushed, Proposal, ProposalKind, Snapshot, TypeConfig,
};
use rampart_raft_store::{LogStorage, Machine, MemoryFaults, PartitionLog, Store};
use tokio::sync::oneshot;

pub(crate) const GROUP: GroupId = GroupId(7);
pub(crate) const REPLICA: ReplicaId = ReplicaId(3);

pub(crate) struct Replica {
    pub(crate) log: LogStorage,
    pub(crate) machine: Machine,
    pub(crate) handle: PartitionLog,
}

impl Replica {
    pub(crate) fn open(store: &Store) -> Result<Replica, OpenGroupError> {
        let group = store.open_partition(GROUP, REPLICA)?;
        Ok(Replica { log: group.log, machine: group.machine, handle: group.handle })
    }

    pub(crate) fn in_memory(faults: &MemoryFaults) -> Replica {
        Replica::open(&Store::in_memory(faults.clone())).unwrap()
    }

    pub(crate) fn next_index(&self) -> u64 {
        self.handle.last_log_index().map_or(0, |last| last + 1)
    }

    /// Appends entries and answers what will say that they are synced.
    pub(crate) async fn submit(
        &mut self,
        term: u64,
        payloads: Vec<EntryPayload>,
    ) -> oneshot::Receiver<io::Result<()>> {
        let first = self.next_index();
        self.submit_at(first, term, payloads).await.unwrap()
    }

    pub(crate) async fn submit_at(
        &mut self,
        first: u64,
        term: u64,
        payloads: Vec<EntryPayload>,
    ) -> io::Result<oneshot::Receiver<io::Result<()>>> {
        let (tx, rx) = TypeConfig::oneshot();
        let entries: Vec<Entry> = (first..)
            .zip(payloads)
            .map(|(index, payload)| Entry { log_id: log_id(term, index), payload })
            .collect();
        self.log.append(entries, IoFlushed::signal(tx)).await?;
        Ok(rx)
    }

    /// Appends entries and waits for the sync.
    pub(crate) async fn append(&mut self, term: u64, payloads: Vec<EntryPayload>) {
        self.submit(term, payloads).await.await.unwrap().unwrap();
    }

    /// Applies everything in the log.
    pub(crate) async fn apply_all(&mut self) {
        let from = self.handle.applied_index().map_or(0, |applied| applied + 1);
        let mut reader = self.log.get_log_reader().await;
        let entries = reader.try_get_log_entries(from..).await.unwrap();
        let last = entries.last().map(|entry| entry.log_id);
        let stream = futures_util::stream::iter(entries.into_iter().map(|entry| Ok((entry, None))));
        self.machine.apply(stream).await.unwrap();
        if last.is_some() {
            self.log.save_committed(last).await.unwrap();
        }
    }

    pub(crate) async fn entries(&mut self) -> io::Result<Vec<Entry>> {
        self.log.get_log_reader().await.try_get_log_entries(..).await
    }

    /// Builds the planned snapshot and purges what it covers, as openraft does.
    pub(crate) async fn snapshot_and_purge(&mut self) -> Snapshot {
        let mut builder = self.machine.try_create_snapshot_builder(false).await.unwrap();
        let snapshot = builder.build_snapshot().await.unwrap();
        self.log.purge(snapshot.meta.last_log_id.unwrap()).await.unwrap();
        snapshot
    }

    /// Base offset and count of every batch that can be read.
    pub(crate) async fn read_all(&self) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        let mut next = self.handle.log_start_offset();
        loop {
            let batches = self.handle.read(next, 100_000).await.unwrap();
            if batches.is_empty() {
                return found;
            }
            for batch in batches {
                let header = record_batch::validate(&batch).unwrap();
                found.push((header.base_offset as u64, header.record_count as u64));
                next = Offset(header.next_offset() as u64);
            }
        }
    }
}

pub(crate) fn batch(records: usize, value_bytes: usize, timestamp_ms: i64) -> Bytes {
    let value = vec![b'v'; value_bytes];
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        builder.push(NewRecord { key: None, value: Some(&value), timestamp_ms, headers: &[] });
    }
    builder.build()
}

pub(crate) fn data(body: Bytes) -> EntryPayload {
    EntryPayload::Normal(Proposal { kind: ProposalKind::Batches, body, ticket: None })
}

pub(crate) fn trim_to(offset: u64) -> EntryPayload {
    EntryPayload::Normal(PartitionCommand::TrimTo { offset: Offset(offset) }.proposal())
}

/// A vote of this term.
pub(crate) fn vote(term: u64) -> rampart_raft_store::type_config::Vote {
    use openraft::vote::RaftLeaderId;
    openraft::type_config::alias::VoteOf::<TypeConfig> {
        leader_id: RaftLeaderId::new(term, REPLICA.0),
        committed: false,
    }
}
