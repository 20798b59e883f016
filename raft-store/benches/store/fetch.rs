//! Reads of a partition's batches, one and as many as a mebibyte holds: the newest from the tail
//! cache, old ones from the journal's segments and from RocksDB's tables. The log is larger than
//! what either keeps in memory and smaller than the page cache: what is measured is the way to the
//! disk, not the disk.

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use rampart_api::model::ids::Offset;
use rampart_api::model::record_batch::BatchBuilder;
use rampart_raft_store::type_config::ProposalKind;
use rampart_raft_store::{EngineKind, Store, StoreOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::replica::{Replica, batch, folder, runtime};

/// 64 MiB of one batch each.
const ENTRIES: u64 = 4_096;
const RECORDS: u64 = 16;
const RECORD_BYTES: usize = 1 << 10;
/// Appended before the disk is waited for: 2 MiB.
const APPENDED_AT_ONCE: u64 = 128;
/// What the engines keep in memory; the journal up to twice as much.
const WRITE_BUFFER_BYTES: usize = 4 << 20;

/// So many entries further on is the next read: what the one before took along is of no use to it.
const STRIDE: u64 = 61;

/// Where the entries lie that are read.
struct Place {
    name: &'static str,
    engine: EngineKind,
    first: u64,
    entries: u64,
}

/// The tail of a group has 4 MiB, whatever the engine.
const PLACES: [Place; 3] = [
    Place { name: "tail cache", engine: EngineKind::Journal, first: ENTRIES - 192, entries: 192 },
    Place { name: "journal's segments", engine: EngineKind::Journal, first: 0, entries: 2_048 },
    Place { name: "rocksdb", engine: EngineKind::RocksDb, first: 0, entries: 2_048 },
];

pub(crate) fn fetch(criterion: &mut Criterion) {
    let runtime = runtime();
    let batch = batch(BatchBuilder::new(), RECORDS as usize, RECORD_BYTES);
    let mut group = criterion.benchmark_group("fetch");
    for place in PLACES {
        let mut filled = None;
        for (what, bytes) in [("a batch", 1), ("1 MiB", 1 << 20)] {
            let batches = (bytes / batch.len()).max(1);
            group.throughput(Throughput::Bytes((batches * batch.len()) as u64));
            let starts = place.entries - batches as u64;
            let mut start = 0;
            group.bench_function(format!("{}/{what}", place.name), |b| {
                let Reader { replica, .. } =
                    filled.get_or_insert_with(|| Reader::fill(&runtime, place.engine, &batch));
                b.iter(|| {
                    start = (start + STRIDE) % starts;
                    let read = replica.handle.read(Offset((place.first + start) * RECORDS), bytes);
                    let found = runtime.block_on(read).unwrap();
                    assert_eq!(found.len(), batches);
                    found
                });
            });
        }
    }
    group.finish();
}

/// A replica with a log to read.
struct Reader {
    replica: Replica,
    _folder: TempDir,
}

impl Reader {
    fn fill(runtime: &Runtime, engine: EngineKind, batch: &Bytes) -> Reader {
        let folder = folder();
        let options = StoreOptions {
            engine,
            write_buffer_bytes: WRITE_BUFFER_BYTES,
            ..StoreOptions::default()
        };
        let store = Store::open(folder.path(), options).unwrap();
        let mut replica = Replica::open(&store, 1);
        runtime.block_on(async {
            for _ in 0..ENTRIES / APPENDED_AT_ONCE {
                let mut last = None;
                for _ in 0..APPENDED_AT_ONCE {
                    last = Some(replica.append(ProposalKind::Batches, batch.clone()).await);
                }
                last.unwrap().await.unwrap().unwrap();
                let entries = replica.unapplied().await;
                replica.apply(entries).await;
            }
        });
        Reader { replica, _folder: folder }
    }
}
