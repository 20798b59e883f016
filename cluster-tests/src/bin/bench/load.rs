//! Raw batches in over HTTP, and out again: records of 1 KiB, a hundred a batch, ack quorum.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::{Stopwatch, background, unix_seconds};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::proc_stat::cpu_time;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::json;

use super::disk::Disk;
use super::report::Report;

pub(crate) const RECORD_BYTES: usize = 1 << 10;
pub(crate) const BATCH_RECORDS: usize = 100;
pub(crate) const BATCH: &str = "application/vnd.rampart.batch";
/// What one fetch asks for.
const FETCH_BYTES: usize = 1 << 20;

/// One load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) partitions: u32,
    pub(crate) in_flight: u32,
    pub(crate) span: Duration,
}

/// What workers saw.
#[derive(Default)]
struct Seen {
    latencies: Vec<Duration>,
    bytes: u64,
}

impl Load {
    fn topic(&self) -> String {
        format!("bench-{}", self.partitions)
    }

    fn area(&self, verb: &str) -> String {
        let plural = if self.partitions == 1 { "" } else { "s" };
        format!("{verb}, {} partition{plural} x 3", self.partitions)
    }

    /// Writes for the span, every worker to its partition through its leader; records a second.
    pub(crate) async fn produce(
        &self,
        cluster: &Cluster,
        disk: &Disk,
        report: &mut Report,
    ) -> Result<()> {
        report.progress(self.area("produce"));
        self.prepare(cluster).await?;
        let cost = Cost::start(cluster)?;
        let seen = self.write(cluster, &self.topic()).await?;
        let took = cost.watch.elapsed().as_secs_f64();
        let area = self.area("produce");
        let (mb, requests) = (seen.bytes as f64 / 1e6 / took, seen.latencies.len() as f64 / took);
        report.add(&area, "records", requests * BATCH_RECORDS as f64, "1/s");
        report.add(&area, "values", mb, "MB/s");
        latencies(&area, seen.latencies, report);
        cost.end(cluster, &area, Per::Gib(seen.bytes), report)?;
        report.add(
            &area,
            "requests : fdatasyncs of the disk",
            requests / disk.syncs_per_second,
            "",
        );
        report.add(&area, "MB/s : disk, synced 100 KiB", mb / disk.synced_mb_per_second, "");
        report.add(&area, "MB/s : disk, buffered", mb / disk.buffered_mb_per_second, "");
        Ok(())
    }

    /// Makes the topic, unless it is there.
    pub(crate) async fn prepare(&self, cluster: &Cluster) -> Result<()> {
        prepare(cluster, &self.topic(), self.partitions).await
    }

    /// The same into the topic that is there already; records a second.
    pub(crate) async fn produce_more(&self, cluster: &Cluster) -> Result<f64> {
        let watch = Stopwatch::start();
        let seen = self.write(cluster, &self.topic()).await?;
        let records = (seen.latencies.len() * BATCH_RECORDS) as f64;
        Ok(records / watch.elapsed().as_secs_f64())
    }

    /// The same into a topic of another name.
    pub(crate) async fn write_to(&self, cluster: &Cluster, topic: &str) -> Result<()> {
        self.write(cluster, topic).await.map(drop)
    }

    /// Deletes the topic, so that its space is free for others.
    pub(crate) async fn clean_up(&self, cluster: &Cluster) -> Result<()> {
        cluster.api(0).delete(&format!("/v1/topics/{}", self.topic())).await?.ok()?;
        Ok(())
    }

    async fn write(&self, cluster: &Cluster, topic: &str) -> Result<Seen> {
        let mut leaders = Vec::new();
        for partition in 0..self.partitions {
            leaders.push(cluster.api(cluster.leader(0, topic, partition).await?).clone());
        }
        let workers = (0..self.in_flight).map(|worker| {
            let partition = worker % self.partitions;
            let path = format!("/v1/topics/{topic}/records?partition={partition}&ack=quorum");
            background(produce(leaders[partition as usize].clone(), path, batch(worker), self.span))
        });
        join(workers.collect()).await
    }

    /// Reads all that was written, one reader a partition.
    pub(crate) async fn fetch(
        &self,
        cluster: &Cluster,
        disk: &Disk,
        report: &mut Report,
    ) -> Result<()> {
        report.progress(self.area("fetch"));
        let topic = self.topic();
        let cost = Cost::start(cluster)?;
        let mut workers = Vec::new();
        for partition in 0..self.partitions {
            let leader = cluster.leader(0, &topic, partition).await?;
            let path = format!("/v1/topics/{topic}/partitions/{partition}/records");
            workers.push(background(fetch(cluster.api(leader).clone(), path)));
        }
        let seen = join(workers).await?;
        let took = cost.watch.elapsed().as_secs_f64();
        let area = self.area("fetch");
        let mb = seen.bytes as f64 / 1e6 / took;
        report.add(&area, "records", seen.bytes as f64 / RECORD_BYTES as f64 / took, "1/s, about");
        report.add(&area, "batches", mb, "MB/s");
        latencies(&area, seen.latencies, report);
        cost.end(cluster, &area, Per::Gib(seen.bytes), report)?;
        report.add(&area, "MB/s : disk, buffered write", mb / disk.buffered_mb_per_second, "");
        Ok(())
    }
}

/// Makes a topic of three replicas, unless it is there, and waits until they are level.
pub(crate) async fn prepare(cluster: &Cluster, topic: &str, partitions: u32) -> Result<()> {
    if cluster.api(0).get(&format!("/v1/topics/{topic}")).await?.status != 200 {
        cluster.api(0).create_topic(topic, partitions, 3, json!({})).await?;
    }
    cluster.wait_in_sync(topic, 3).await
}

async fn produce(api: Api, path: String, batch: Bytes, span: Duration) -> Result<Seen> {
    let (watch, mut seen) = (Stopwatch::start(), Seen::default());
    while watch.elapsed() < span {
        let request = Stopwatch::start();
        let answer = api.post_bytes(&path, BATCH, batch.clone()).await?;
        ensure!(answer.status == 200, "{answer:?}");
        seen.latencies.push(request.elapsed());
        seen.bytes += (RECORD_BYTES * BATCH_RECORDS) as u64;
    }
    Ok(seen)
}

async fn fetch(api: Api, path: String) -> Result<Seen> {
    let (mut offset, mut seen) = (0_u64, Seen::default());
    loop {
        let query = format!("{path}?offset={offset}&max_bytes={FETCH_BYTES}&max_records=10000");
        let request = api.request(Method::GET, &query).header(ACCEPT, BATCH);
        let watch = Stopwatch::start();
        let answer = api.send(request).await?;
        ensure!(answer.status == 200, "{answer:?}");
        seen.latencies.push(watch.elapsed());
        seen.bytes += answer.body.len() as u64;
        let number = |name| -> Result<u64> { Ok(answer.header(name).context(name)?.parse()?) };
        let (next, end) = (number("x-next-offset")?, number("x-high-watermark")?);
        ensure!(next > offset || next >= end, "the reader stands still at {offset} of {end}");
        if next >= end {
            return Ok(seen);
        }
        offset = next;
    }
}

/// A hundred values that don't compress, unlike those of other workers.
pub(crate) fn batch(worker: u32) -> Bytes {
    let (mut builder, timestamp_ms) = (BatchBuilder::new(), now_ms());
    for record in 0..BATCH_RECORDS {
        let value = value(worker, record);
        let value = Some(value.as_slice());
        builder.push(NewRecord { key: None, value, timestamp_ms, headers: &[] });
    }
    builder.build()
}

/// The time of records: older ones than retention keeps would be deleted while they are read.
pub(crate) fn now_ms() -> i64 {
    i64::try_from(unix_seconds() * 1_000).unwrap_or(i64::MAX)
}

/// A value that doesn't compress, unlike that of another record or worker.
pub(crate) fn value(worker: u32, record: usize) -> Vec<u8> {
    let mut state = u64::from(worker) << 32 | (record as u64 + 1);
    std::iter::repeat_with(|| scramble(&mut state)).take(RECORD_BYTES).collect()
}

/// Xorshift: enough to defeat compression.
fn scramble(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.to_le_bytes()[3]
}

async fn join(workers: Vec<tokio::task::JoinHandle<Result<Seen>>>) -> Result<Seen> {
    let mut all = Seen::default();
    for worker in workers {
        let seen = worker.await??;
        all.latencies.extend(seen.latencies);
        all.bytes += seen.bytes;
    }
    Ok(all)
}

pub(crate) fn latencies(area: &str, mut latencies: Vec<Duration>, report: &mut Report) {
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = (latencies.len() as f64 * share) as usize;
        latencies
            .get(index.min(latencies.len().saturating_sub(1)))
            .map_or(0.0, Duration::as_secs_f64)
    };
    report.add(area, "p50 of a request", at(0.50) * 1e3, "ms");
    report.add(area, "p99 of a request", at(0.99) * 1e3, "ms");
}

/// CPU time of servers and load generator while something runs.
pub(crate) struct Cost {
    servers: f64,
    generator: f64,
    watch: Stopwatch,
}

impl Cost {
    pub(crate) fn start(cluster: &Cluster) -> Result<Cost> {
        let (servers, generator) = now(cluster)?;
        Ok(Cost { servers, generator, watch: Stopwatch::start() })
    }

    pub(crate) fn end(
        &self,
        cluster: &Cluster,
        area: &str,
        per: Per,
        report: &mut Report,
    ) -> Result<()> {
        let (servers, generator) = now(cluster)?;
        let (amount, unit) = match per {
            Per::Gib(bytes) => (bytes as f64 / f64::from(1 << 30), "s/GiB"),
            Per::Million(records) => (records as f64 / 1e6, "s/M"),
        };
        report.add(area, "CPU of all three servers", (servers - self.servers) / amount, unit);
        report.add(area, "CPU of the load generator", (generator - self.generator) / amount, unit);
        Ok(())
    }
}

/// What a cost is divided by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Per {
    /// So many bytes, in GiB.
    Gib(u64),
    /// So many records, in millions.
    Million(u64),
}

fn now(cluster: &Cluster) -> Result<(f64, f64)> {
    let mut servers = 0.0;
    for index in cluster.running() {
        servers += cpu_time(cluster.pid(index)?)?.as_secs_f64();
    }
    Ok((servers, cpu_time(std::process::id())?.as_secs_f64()))
}
