//! Appends, each on the disk before it counts: one of one group, and one each of many groups, which
//! share the sync. Through the log, as openraft appends; the engines are reached through it alone.

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use futures_util::future::try_join_all;
use rampart_api::model::record_batch::BatchBuilder;
use rampart_raft_store::type_config::ProposalKind;
use rampart_raft_store::{EngineKind, Store, StoreOptions};
use tempfile::TempDir;

use crate::replica::{Replica, SIZES, batch, folder, runtime};

const ENGINES: [(&str, EngineKind); 2] =
    [("journal", EngineKind::Journal), ("rocksdb", EngineKind::RocksDb)];
/// Numbers of groups.
const GROUPS: [u64; 2] = [1, 64];
/// A slow one takes a while.
const SAMPLES: usize = 30;

pub(crate) fn append(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("append");
    group.sample_size(SAMPLES);
    for (name, engine) in ENGINES {
        for (groups, bytes) in GROUPS.into_iter().flat_map(|n| SIZES.map(|bytes| (n, bytes))) {
            let body = batch(BatchBuilder::new(), 1, bytes);
            group.throughput(Throughput::Bytes(groups * bytes as u64));
            let mut opened = None;
            group.bench_function(format!("{name}/{groups} x {} KiB", bytes >> 10), |b| {
                let Writers { replicas, .. } =
                    opened.get_or_insert_with(|| Writers::open(engine, groups));
                // Nobody else holds a body that comes from a client: it is numbered in place.
                let bodies = || (0..groups).map(|_| Bytes::copy_from_slice(&body)).collect();
                let append = |bodies| runtime.block_on(append_all(replicas, bodies));
                b.iter_batched(bodies, append, BatchSize::PerIteration);
            });
        }
    }
    group.finish();
}

/// A new store with replicas.
struct Writers {
    replicas: Vec<Replica>,
    _folder: TempDir,
}

impl Writers {
    fn open(engine: EngineKind, groups: u64) -> Writers {
        let folder = folder();
        let options = StoreOptions { engine, ..StoreOptions::default() };
        let store = Store::open(folder.path(), options).unwrap();
        let replicas = (1..=groups).map(|group| Replica::open(&store, group)).collect();
        Writers { replicas, _folder: folder }
    }
}

async fn append_all(replicas: &mut [Replica], bodies: Vec<Bytes>) {
    let mut flushed = Vec::with_capacity(bodies.len());
    for (replica, body) in replicas.iter_mut().zip(bodies) {
        flushed.push(replica.append(ProposalKind::Batches, body).await);
    }
    for result in try_join_all(flushed).await.unwrap() {
        result.unwrap();
    }
}
