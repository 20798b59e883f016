//! The two engines of the store against each other, on one disk in one run: appends of many groups
//! as openraft makes them, each durable before it counts. Prints throughput, CPU and latency, and
//! what the journal has of RocksDB's.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Parser;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use openraft::storage::RaftLogStorage;
use openraft::type_config::TypeConfigExt;
use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::proc_stat::cpu_time;
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::type_config::{
    Entry, EntryPayload, IoFlushed, Proposal, ProposalKind, TypeConfig,
};
use rampart_raft_store::{EngineKind, Store, StoreOptions};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// Numbers of groups.
const GROUPS: [u64; 3] = [1, 64, 1_000];
/// Sizes of an append's value.
const BYTES: [usize; 3] = [1 << 10, 16 << 10, 128 << 10];
/// Appends that wait for the disk at once.
const IN_FLIGHT: usize = 3_072;

/// Compares the engines.
#[derive(Debug, Parser)]
#[command(name = "engines", about = "The engines of the store against each other")]
struct Arguments {
    /// How long each engine has each load, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Folder for the data, which decides the disk; it is emptied afterwards.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Only so many groups.
    #[arg(long)]
    groups: Option<u64>,
    /// Also writes the figures as JSON to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What one engine did under one load.
#[derive(Debug, Clone, Copy, Serialize)]
struct Figures {
    mb_per_s: f64,
    appends_per_s: f64,
    cpu_s_per_gib: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// Both under the same load.
#[derive(Debug, Serialize)]
struct Line {
    groups: u64,
    bytes: usize,
    journal: Figures,
    rocksdb: Figures,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.folder)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut lines = Vec::new();
    for groups in GROUPS.into_iter().filter(|groups| arguments.groups.is_none_or(|g| g == *groups))
    {
        for bytes in BYTES {
            let run = |engine| runtime.block_on(measure(&arguments, engine, groups, bytes));
            let line = Line {
                groups,
                bytes,
                rocksdb: run(EngineKind::RocksDb)?,
                journal: run(EngineKind::Journal)?,
            };
            eprintln!("{groups} groups x {} KiB: {line:?}", bytes >> 10);
            lines.push(line);
        }
    }
    println!("{}", table(&lines));
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&lines)?)?;
    }
    Ok(())
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "groups x KiB",
        "RocksDB MB/s",
        "journal MB/s",
        "ratio",
        "RocksDB CPU s/GiB",
        "journal CPU s/GiB",
        "ratio",
        "RocksDB p50/p99 ms",
        "journal p50/p99 ms",
    ]);
    for Line { groups, bytes, journal, rocksdb } in lines {
        table.add_row([
            format!("{groups} x {}", bytes >> 10),
            format!("{:.0}", rocksdb.mb_per_s),
            format!("{:.0}", journal.mb_per_s),
            format!("{:.2}", journal.mb_per_s / rocksdb.mb_per_s),
            format!("{:.2}", rocksdb.cpu_s_per_gib),
            format!("{:.2}", journal.cpu_s_per_gib),
            format!("{:.2}", journal.cpu_s_per_gib / rocksdb.cpu_s_per_gib),
            format!("{:.1}/{:.0}", rocksdb.p50_ms, rocksdb.p99_ms),
            format!("{:.1}/{:.0}", journal.p50_ms, journal.p99_ms),
        ]);
    }
    table
}

async fn measure(
    arguments: &Arguments,
    engine: EngineKind,
    groups: u64,
    bytes: usize,
) -> Result<Figures> {
    let folder = TempDir::with_prefix_in("engines-", &arguments.folder)?;
    let store = open(folder.path(), engine)?;
    let (value, flights) = (value(bytes), Arc::new(Semaphore::new(IN_FLIGHT)));
    let durable: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let (begun, cpu_before) = (Stopwatch::start(), cpu_time(std::process::id())?);
    let time = Duration::from_secs(arguments.seconds);
    let mut writing = Vec::new();
    for group in 1..=groups {
        let mut opened = store.open_partition(GroupId(group), ReplicaId(1))?;
        let (flights, value, durable) = (flights.clone(), value.clone(), durable.clone());
        writing.push(background(async move {
            let mut index = 0;
            while begun.elapsed() < time {
                let permit = flights.clone().acquire_owned().await?;
                let proposal =
                    Proposal { kind: ProposalKind::Batches, body: value.clone(), ticket: None };
                let payload = EntryPayload::Normal(proposal);
                let entry = Entry { log_id: log_id(1, index), payload };
                let (signal, flushed) = TypeConfig::oneshot();
                let sent = Stopwatch::start();
                opened.log.append([entry], IoFlushed::signal(signal)).await?;
                index += 1;
                let durable = durable.clone();
                background(async move {
                    if matches!(flushed.await, Ok(Ok(()))) {
                        durable.lock().expect("no holder panics").push(sent.elapsed());
                    }
                    drop(permit);
                });
            }
            anyhow::Ok(())
        }));
    }
    for one in writing {
        one.await??;
    }
    drop(flights.acquire_many(IN_FLIGHT as u32).await?);
    let (took, cpu) = (begun.elapsed(), cpu_time(std::process::id())? - cpu_before);
    let mut durable = std::mem::take(&mut *durable.lock().expect("no holder panics"));
    durable.sort_unstable();
    let at = |share: f64| {
        let place = (durable.len() as f64 * share) as usize;
        durable.get(place.min(durable.len().saturating_sub(1))).context("nothing was written")
    };
    let ms = |latency: &Duration| latency.as_secs_f64() * 1e3;
    let written = durable.len() as f64 * value.len() as f64;
    Ok(Figures {
        mb_per_s: written / 1e6 / took.as_secs_f64(),
        appends_per_s: durable.len() as f64 / took.as_secs_f64(),
        cpu_s_per_gib: cpu.as_secs_f64() / (written / f64::from(1 << 30)),
        p50_ms: ms(at(0.5)?),
        p99_ms: ms(at(0.99)?),
    })
}

fn open(dir: &Path, engine: EngineKind) -> Result<Store> {
    let options = StoreOptions { engine, tail_cache_bytes: 16 << 20, ..StoreOptions::default() };
    Store::open(dir, options).context("open")
}

/// A batch with one record that no compression makes smaller.
fn value(bytes: usize) -> Bytes {
    let mut noise = vec![0; bytes];
    StdRng::seed_from_u64(bytes as u64).fill_bytes(&mut noise);
    let mut builder = BatchBuilder::new();
    builder.push(NewRecord { key: None, value: Some(&noise), timestamp_ms: 1, headers: &[] });
    builder.build()
}
