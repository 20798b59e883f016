//! What a replica does with entries that are committed. A partition's machine looks at the batches'
//! headers, counts offsets and writes now and then how far it is; the metadata's machine changes a
//! copy of the whole, which it publishes. Over the engine in memory: nobody waits here for a disk.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use criterion::{BatchSize, Criterion, Throughput};
use rampart_api::codec;
use rampart_api::model::ids::{ClusterId, DiskId, NodeId, Offset, ReplicaId, TopicId};
use rampart_api::model::once::OnceTag;
use rampart_api::model::record_batch::BatchBuilder;
use rampart_raft_store::format::OnceHead;
use rampart_raft_store::state::metadata::command::{LeaderReport, MetadataCommand, NodeInfo};
use rampart_raft_store::type_config::{Entry, ProposalKind};
use rampart_raft_store::{Machine, MemoryFaults, MetadataReader, OpenGroup, Store};
use uuid::Uuid;

use crate::replica::{self, Replica, batch, entry, runtime};

/// After so many a partition writes how far it is: each round has its share of that.
const ENTRIES: u64 = 1_024;
const RECORDS: i32 = 10;
const VALUE_BYTES: usize = 10;
/// Preparing a round takes several times as long as the round, and is not counted.
const MEASURED: Duration = Duration::from_secs(1);

const NODES: u64 = 3;
const TOPICS: u128 = 100;
const PARTITIONS: usize = 10;
/// Leaders in one report.
const REPORTS: usize = 100;

/// Entries of one batch each.
pub(crate) fn partition(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("apply to a partition");
    group.throughput(Throughput::Elements(ENTRIES)).measurement_time(MEASURED);
    for (name, kind) in [
        ("1,024 entries", ProposalKind::Batches),
        ("1,024 entries of an idempotent producer", ProposalKind::OnceBatches),
    ] {
        group.bench_function(name, |b| {
            let prepare = || runtime.block_on(appended(kind));
            let apply = |(mut replica, entries): (Replica, _)| {
                runtime.block_on(replica.apply(entries));
                replica
            };
            b.iter_batched(prepare, apply, BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// A new replica, and entries in its log that are not applied.
async fn appended(kind: ProposalKind) -> (Replica, Vec<Entry>) {
    let store = Store::in_memory(MemoryFaults::none());
    let mut replica = Replica::open(&store, 1);
    for number in 0..ENTRIES as i32 {
        let body = match kind {
            ProposalKind::OnceBatches => once(number),
            _ => batch(BatchBuilder::new(), RECORDS as usize, VALUE_BYTES),
        };
        replica.append(kind, body).await.await.unwrap().unwrap();
    }
    let entries = replica.unapplied().await;
    assert_eq!(entries.len() as u64, ENTRIES);
    (replica, entries)
}

/// The body of a producer's entry of that number.
fn once(number: i32) -> Bytes {
    let builder = BatchBuilder::new().producer(7, 0, number * RECORDS);
    let batch = batch(builder, RECORDS as usize, VALUE_BYTES);
    let head = OnceHead { append_ms: 1, tags: vec![(0, OnceTag { stamp_ms: 1, key: None })] };
    let mut body = head.begin(batch.len());
    body.put_slice(&batch);
    body.freeze()
}

/// What a cluster's metadata sees most: leaders that changed.
pub(crate) fn metadata(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("apply to the metadata");
    let mut metadata = Metadata::with_topics();
    let mut reports = metadata.reports();
    group.bench_function("100 leaders of 1,000 partitions", |b| {
        let apply = |entry| runtime.block_on(replica::apply(&mut metadata.machine, vec![entry]));
        b.iter_batched(|| reports.next().unwrap(), apply, BatchSize::PerIteration);
    });
    group.finish();
}

/// The metadata of a cluster with topics.
struct Metadata {
    machine: Machine,
    reader: MetadataReader,
}

impl Metadata {
    fn with_topics() -> Metadata {
        let store = Store::in_memory(MemoryFaults::none());
        let OpenGroup { machine, handle, .. } = store.open_metadata(ReplicaId(1)).unwrap();
        let mut metadata = Metadata { machine, reader: handle };
        let disk = |number: u64| DiskId(Uuid::from_u128(number.into()));
        let info = |number: u64| NodeInfo {
            peer_addr: format!("node-{number}:9090"),
            ..NodeInfo::default()
        };
        let cluster = ClusterId(Uuid::from_u128(1));
        let first = MetadataCommand::Bootstrap { cluster, disk: disk(1), info: info(1) };
        let others = 2..=NODES;
        let joins = others.map(|n| MetadataCommand::Join { disk: disk(n), info: info(n) });
        let topics = (1..=TOPICS).map(|number| MetadataCommand::CreateTopic {
            topic: TopicId(Uuid::from_u128(number)),
            name: format!("topic-{number}"),
            internal: false,
            replication_factor: NODES as u32,
            config: BTreeMap::new(),
            replicas: vec![(1..=NODES).map(NodeId).collect(); PARTITIONS],
            now_ms: 1,
        });
        let commands = std::iter::once(first).chain(joins).chain(topics);
        let entries = (1..).zip(commands).map(|(index, command)| command_entry(index, &command));
        runtime().block_on(replica::apply(&mut metadata.machine, entries.collect()));
        assert_eq!(metadata.reader.state().groups.len(), TOPICS as usize * PARTITIONS);
        metadata
    }

    /// Entries behind those: as if all the partitions of some topics had a new leader each time.
    fn reports(&self) -> impl Iterator<Item = Entry> + use<> {
        let state = self.reader.state();
        let groups: Vec<_> = state.groups.keys().copied().take(REPORTS).collect();
        (state.applied_index + 1..).map(move |index| {
            let report = |group| LeaderReport {
                group,
                leader: NodeId(1 + index % NODES),
                epoch: index,
                log_start: Offset(0),
            };
            let leaders = groups.iter().copied().map(report).collect();
            command_entry(index, &MetadataCommand::ReportLeaders { leaders })
        })
    }
}

fn command_entry(index: u64, command: &MetadataCommand) -> Entry {
    entry(index, ProposalKind::Metadata, Bytes::from(codec::encode(command)))
}
