//! What clients that send heartbeats cost the node that they send them to, who all do nothing else.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::proc_stat::cpu_time;
use serde_json::{Value, json};

use super::report::Report;

const CLIENTS: usize = 10_000;
/// So many of them share a connection, one after the other.
const CONNECTIONS: usize = 250;
/// As `castle.heartbeat_ms` says.
const EVERY: Duration = Duration::from_secs(5);
/// CPU is counted in steps of 10 ms, and every client is to be heard twice.
const SPAN_MIN: Duration = Duration::from_secs(10);
const TOPIC: &str = "steered";
/// The target.
const PERCENT: f64 = 15.0;

/// What the clients of one connection were answered.
#[derive(Default)]
struct Seen {
    heartbeats: u64,
    unchanged: u64,
}

/// The clients of one connection.
struct Worker {
    api: Api,
    /// Of each client: its name, and the version that it has.
    clients: Vec<(String, u64)>,
}

/// CPU of the node that 10,000 producers send a heartbeat each five seconds.
pub(crate) async fn castle(cluster: &Cluster, span: Duration, report: &mut Report) -> Result<()> {
    report.progress("10,000 clients of Castle");
    cluster.api(0).create_topic(TOPIC, 6, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    let (pid, span) = (cluster.pid(0)?, span.max(SPAN_MIN));
    let idle = percent(pid, async {
        tokio::time::sleep(SPAN_MIN / 2).await;
        Ok(())
    });
    let (idle, ()) = idle.await?;
    // The first round registers them: its answers are whole.
    let workers = (0..CONNECTIONS).map(|number| Worker::new(cluster.node(0).http, number));
    let workers = workers.collect::<Result<Vec<_>>>()?;
    let (first, workers) = percent(pid, all(workers, EVERY)).await?;
    let workers = workers.into_iter().map(|(worker, _)| worker).collect();
    let watch = Stopwatch::start();
    let (busy, done) = percent(pid, all(workers, span)).await?;
    let took = watch.elapsed().as_secs_f64();
    let heartbeats: u64 = done.iter().map(|(_, seen)| seen.heartbeats).sum();
    let unchanged: u64 = done.iter().map(|(_, seen)| seen.unchanged).sum();
    let area = "10,000 clients of Castle at one node";
    report.add(area, "heartbeats", heartbeats as f64 / took, "1/s");
    report.add(area, "of them without a change", unchanged as f64 / heartbeats as f64, "");
    report.add(area, "CPU of the node while they come", first, "% of a core");
    report.add(area, "CPU of the node, in all", busy, "% of a core");
    report.add_below(area, "CPU that they cost", busy - idle, "% of a core", PERCENT);
    Ok(())
}

/// CPU of a process while something runs.
async fn percent<T>(pid: u32, work: impl Future<Output = Result<T>>) -> Result<(f64, T)> {
    let (before, watch) = (cpu_time(pid)?, Stopwatch::start());
    let done = work.await?;
    let used = cpu_time(pid)?.saturating_sub(before);
    Ok((used.as_secs_f64() / watch.elapsed().as_secs_f64() * 100.0, done))
}

async fn all(workers: Vec<Worker>, span: Duration) -> Result<Vec<(Worker, Seen)>> {
    let running: Vec<_> = workers.into_iter().map(|one| background(one.beat_for(span))).collect();
    let mut done = Vec::with_capacity(running.len());
    for worker in running {
        done.push(worker.await??);
    }
    Ok(done)
}

impl Worker {
    fn new(address: impl std::fmt::Display, number: usize) -> Result<Worker> {
        let each = CLIENTS / CONNECTIONS;
        let names = (0..each).map(|client| (format!("client-{}", number * each + client), 0));
        Ok(Worker { api: Api::new(address)?, clients: names.collect() })
    }

    /// Sends one heartbeat after the other, so that each client's turn comes in time.
    async fn beat_for(mut self, span: Duration) -> Result<(Worker, Seen)> {
        let pause = EVERY / u32::try_from(self.clients.len())?;
        let mut every = tokio::time::interval(pause);
        let (watch, mut seen) = (Stopwatch::start(), Seen::default());
        while watch.elapsed() < span {
            for (name, version) in &mut self.clients {
                every.tick().await;
                let answer = beat(&self.api, name, *version).await?;
                *version = answer["version"].as_u64().context("a version")?;
                seen.heartbeats += 1;
                seen.unchanged += u64::from(answer["status"] == "no_change");
            }
        }
        Ok((self, seen))
    }
}

async fn beat(api: &Api, name: &str, version: u64) -> Result<Value> {
    let body = json!({
        "client_id": "bench", "instance_id": name, "session": "1", "app": "bench",
        "sdk": "none", "host": "here", "rack": "", "known_version": version,
        "subscriptions": [{ "role": "producer", "topic": TOPIC }],
        "stats": { "records": 100, "bytes": 100_000 },
    });
    let answer = api.post("/v1/castle/heartbeat", &body).await?.ok()?;
    ensure!(answer["status"] != "register_fail", "{answer}");
    Ok(answer)
}
