//! How long a partition takes no write while its leader's node stops in order, or is drained.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::{pass, wait_for};
use rampart_cluster_tests::harness::views;
use serde_json::json;
use tokio::task::JoinHandle;

use super::report::Report;

const TOPIC: &str = "stopping";
const PARTITIONS: u32 = 12;
/// Writers ask a node that stays up, which passes writes on to the leader.
const ASKED: usize = 0;
const STOPPED: usize = 1;
/// Writes go on so long before and after.
const AROUND: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(60);
/// Target: the longest time without an acknowledged write.
const GAP_MS: f64 = 50.0;

/// Both.
pub(crate) async fn measure(cluster: &mut Cluster, report: &mut Report) -> Result<()> {
    report.progress("writes while a node stops, and while it is drained");
    cluster.api(ASKED).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
    for how in [How::Stop, How::Drain] {
        cluster.wait_in_sync(TOPIC, 3).await?;
        let led = led_by(cluster, STOPPED).await?;
        ensure!(!led.is_empty(), "node {STOPPED} leads nothing");
        let writing = Writing::start(cluster, &led);
        pass(AROUND).await;
        how.begin(cluster).await?;
        pass(AROUND).await;
        let mut gaps = writing.end().await?;
        how.end(cluster).await?;
        gaps.sort_unstable();
        let at = |place: usize| gaps[place].as_secs_f64() * 1e3;
        let area = format!("{} of a node to the next acknowledged write", how.name());
        report.add(&area, "longest pause of a partition, median", at(gaps.len() / 2), "ms");
        report.add_below(&area, "longest pause, worst", at(gaps.len() - 1), "ms", GAP_MS);
    }
    Ok(())
}

/// How a node goes in order.
#[derive(Debug, Clone, Copy)]
enum How {
    /// SIGTERM.
    Stop,
    /// Its leaders and replicas leave it.
    Drain,
}

impl How {
    fn name(self) -> &'static str {
        match self {
            How::Stop => "stop",
            How::Drain => "drain",
        }
    }

    async fn begin(self, cluster: &mut Cluster) -> Result<()> {
        match self {
            How::Stop => {
                cluster.terminate(STOPPED).await?;
            }
            How::Drain => {
                let path = node_path(cluster, "drain").await?;
                cluster.api(ASKED).post(&path, &json!({})).await?.ok()?;
                wait_for("a node that leads nothing", SOON, || async {
                    let led = led_by(cluster, STOPPED).await?;
                    ensure!(led.is_empty(), "it leads {led:?}");
                    Ok(())
                })
                .await?;
            }
        }
        Ok(())
    }

    async fn end(self, cluster: &mut Cluster) -> Result<()> {
        match self {
            How::Stop => {
                cluster.restart(STOPPED).await?;
            }
            How::Drain => {
                let path = node_path(cluster, "recommission").await?;
                cluster.api(ASKED).post(&path, &json!({})).await?.ok()?;
            }
        }
        wait_for("a node that leads again", SOON, || async {
            ensure!(!led_by(cluster, STOPPED).await?.is_empty(), "it leads nothing");
            Ok(())
        })
        .await
    }
}

async fn node_path(cluster: &Cluster, verb: &str) -> Result<String> {
    Ok(format!("/v1/cluster/nodes/{}:{verb}", cluster.node_id(STOPPED).await?))
}

async fn led_by(cluster: &Cluster, index: usize) -> Result<Vec<u32>> {
    let id = cluster.node_id(index).await?;
    let topic = cluster.api(ASKED).topic(TOPIC).await?;
    Ok((0..PARTITIONS).filter(|n| views::leader(&topic, *n).is_ok_and(|l| l == id)).collect())
}

/// One writer a partition.
struct Writing {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Result<Duration>>>,
}

impl Writing {
    fn start(cluster: &Cluster, partitions: &[u32]) -> Writing {
        let stop = Arc::new(AtomicBool::new(false));
        let writer = |partition: &u32| {
            background(longest_pause(cluster.api(ASKED).clone(), *partition, stop.clone()))
        };
        Writing { writers: partitions.iter().map(writer).collect(), stop }
    }

    async fn end(self) -> Result<Vec<Duration>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut pauses = Vec::new();
        for writer in self.writers {
            pauses.push(writer.await??);
        }
        Ok(pauses)
    }
}

/// Writes one record after the other; the longest time from one acknowledgement to the next.
async fn longest_pause(api: Api, partition: u32, stop: Arc<AtomicBool>) -> Result<Duration> {
    let (mut longest, mut last) = (Duration::ZERO, Stopwatch::start());
    while !stop.load(Ordering::Relaxed) {
        let answer = api.produce(TOPIC, partition, "x", "").await?;
        if answer.status == 200 {
            let now = Stopwatch::start();
            longest = longest.max(now.since(last));
            last = now;
        }
    }
    Ok(longest)
}
