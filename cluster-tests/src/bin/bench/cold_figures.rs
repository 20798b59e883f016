//! What writers lose while somebody reads what was written long ago.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::figures::median;
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::pass;
use reqwest::Method;
use reqwest::header::ACCEPT;

use super::load::{BATCH, Load, prepare};
use super::report::Report;

const TOPIC: &str = "bench-old";
const PARTITIONS: u32 = 3;
/// What the reader asks for at once, and how many bytes a second it reads at most.
const FETCH_BYTES: u64 = 1 << 20;
const RATE: f64 = 50e6;
const ROUNDS: usize = 3;
/// Target.
const OF_ALONE: f64 = 0.8;

/// Writers alone and with a reader, in turn.
pub(crate) async fn measure(cluster: &Cluster, load: Load, report: &mut Report) -> Result<()> {
    let area = "produce, 6 partitions x 3, while old data is read at 50 MB/s";
    report.progress(area);
    let old = Load { partitions: PARTITIONS, ..load };
    prepare(cluster, TOPIC, PARTITIONS).await?;
    old.write_to(cluster, TOPIC).await?;
    load.prepare(cluster).await?;
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let alone = load.produce_more(cluster).await?;
        forget_pages();
        let reading = Reading::start(cluster).await?;
        let with = load.produce_more(cluster).await?;
        rates.push(reading.end().await?);
        ratios.push(with / alone);
    }
    report.add(area, "read", median(rates).context("no round")? / 1e6, "MB/s");
    report.add_above(
        area,
        "records : without the reader",
        median(ratios).context("no round")?,
        "",
        OF_ALONE,
    );
    cluster.api(0).delete(&format!("/v1/topics/{TOPIC}")).await?.ok()?;
    Ok(())
}

/// So that the disk is read, where this process may say so.
fn forget_pages() {
    // Without the right to, old data comes from memory, and the figure says less.
    let _ = std::fs::write("/proc/sys/vm/drop_caches", "1");
}

/// Somebody who reads all partitions from their starts, again and again.
struct Reading {
    stop: Arc<AtomicBool>,
    read: Arc<AtomicU64>,
    watch: Stopwatch,
    task: tokio::task::JoinHandle<Result<()>>,
}

impl Reading {
    async fn start(cluster: &Cluster) -> Result<Reading> {
        let mut partitions = Vec::new();
        for partition in 0..PARTITIONS {
            let api = cluster.api(cluster.leader(0, TOPIC, partition).await?).clone();
            partitions.push((api, format!("/v1/topics/{TOPIC}/partitions/{partition}/records")));
        }
        let (stop, read) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let task = background(read_all(partitions, stop.clone(), read.clone()));
        Ok(Reading { stop, read, watch: Stopwatch::start(), task })
    }

    /// Bytes a second.
    async fn end(self) -> Result<f64> {
        let rate = self.read.load(Ordering::Relaxed) as f64 / self.watch.elapsed().as_secs_f64();
        self.stop.store(true, Ordering::Relaxed);
        self.task.await??;
        Ok(rate)
    }
}

async fn read_all(
    partitions: Vec<(Api, String)>,
    stop: Arc<AtomicBool>,
    read: Arc<AtomicU64>,
) -> Result<()> {
    let (watch, mut places) = (Stopwatch::start(), vec![0_u64; partitions.len()]);
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        let ((api, path), place) = (&partitions[turn], &mut places[turn]);
        turn = (turn + 1) % partitions.len();
        let query = format!("{path}?offset={place}&max_bytes={FETCH_BYTES}&max_records=10000");
        let answer = api.send(api.request(Method::GET, &query).header(ACCEPT, BATCH)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let next: u64 = answer.header("x-next-offset").context("no next offset")?.parse()?;
        *place = if next > *place { next } else { 0 };
        let so_far = read.fetch_add(answer.body.len() as u64, Ordering::Relaxed);
        let due = Duration::from_secs_f64(so_far as f64 / RATE);
        pass(due.saturating_sub(watch.elapsed())).await;
    }
    Ok(())
}
