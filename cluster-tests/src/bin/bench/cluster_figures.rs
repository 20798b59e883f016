//! Figures that are not about bytes: start, memory, failover, idling.

use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::proc_stat::{cpu_time, resident_bytes};

use super::load::prepare;
use super::report::Report;

const TOPIC: &str = "failover";
/// Targets: startup to ready, failover, idle CPU and memory of a node.
const START_MS: f64 = 1_000.0;
const FAILOVER_P50_MS: f64 = 1_000.0;
const FAILOVER_P99_MS: f64 = 1_500.0;
const IDLE_PERCENT: f64 = 2.0;
const MEMORY_MIB: f64 = 500.0;
/// Groups without writes fall quiet after a second by default; then some are started anew.
const UNTIL_QUIET: Duration = Duration::from_secs(15);
const IDLE_SPAN_MIN: Duration = Duration::from_secs(5);
const BEATING: &str = "just created";
const QUIET: &str = "quiet";

/// From the start of a process on existing data to the first 200 of `/readyz`.
pub(crate) async fn startup(cluster: &mut Cluster, report: &mut Report) -> Result<()> {
    let mut worst = Duration::ZERO;
    for index in 0..3 {
        cluster.terminate(index).await?;
        worst = worst.max(cluster.restart(index).await?);
        cluster.wait_members(3).await?;
    }
    let worst = worst.as_secs_f64() * 1e3;
    report.add_below("start", "to ready, worst of three", worst, "ms", START_MS);
    Ok(())
}

/// RSS of each node.
pub(crate) fn memory(cluster: &Cluster, when: &str, report: &mut Report) -> Result<()> {
    let mut all = Vec::new();
    for index in cluster.running() {
        all.push(resident_bytes(cluster.pid(index)?)? as f64 / f64::from(1 << 20));
    }
    let area = format!("memory {when}");
    report.add(&area, "RSS per node, mean", all.iter().sum::<f64>() / all.len() as f64, "MiB");
    let most = all.into_iter().fold(0.0, f64::max);
    report.add_below(&area, "RSS per node, most", most, "MiB", MEMORY_MIB);
    Ok(())
}

/// From kill -9 of a partition's leader to the next acknowledged write, asked of a survivor, so many
/// times, in a cluster with so much.
pub(crate) async fn failover(
    cluster: &mut Cluster,
    (beside, kills): (&str, usize),
    report: &mut Report,
) -> Result<()> {
    report.progress(format!("kill -9, {kills} times"));
    prepare(cluster, TOPIC, 1).await?;
    let mut times = Vec::new();
    for round in 0..kills {
        cluster.wait_in_sync(TOPIC, 3).await?;
        let asked = *cluster.running().first().unwrap_or(&0);
        let leader = cluster.leader(asked, TOPIC, 0).await?;
        let survivor = (leader + 1) % 3;
        cluster.api(survivor).produce(TOPIC, 0, "before", "").await?.ok()?;
        let watch = Stopwatch::start();
        cluster.kill(leader);
        let value = format!("after {round}");
        wait_for("an acknowledged write", Duration::from_secs(30), || async {
            let api = cluster.api(survivor);
            api.produce(TOPIC, 0, &value, "&timeout_ms=5000").await?.ok()
        })
        .await?;
        times.push(watch.elapsed().as_secs_f64() * 1e3);
        cluster.restart(leader).await?;
    }
    times.sort_by(f64::total_cmp);
    let area =
        format!("kill -9 of a leader to the next acknowledged write, {beside}, {kills} kills");
    let at = |share: f64| times[((kills as f64 * share) as usize).min(kills - 1)];
    report.add(&area, "best", times[0], "ms");
    report.add_below(&area, "p50", at(0.5), "ms", FAILOVER_P50_MS);
    report.add_below(&area, "p99", at(0.99), "ms", FAILOVER_P99_MS);
    Ok(())
}

/// A topic that nobody uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    pub(crate) topic: &'static str,
    pub(crate) partitions: u32,
    pub(crate) span: Duration,
}

impl Idle {
    /// What nodes use while nobody does anything. The target is for groups that have fallen quiet.
    /// CPU is counted in steps of 10 ms, so it takes seconds to tell a percent.
    pub(crate) async fn measure(&self, cluster: &Cluster, report: &mut Report) -> Result<()> {
        let (count, span) = (self.partitions, self.span.max(IDLE_SPAN_MIN));
        report.progress(format!("idling with {count} partitions x 3"));
        for (when, wait) in [(BEATING, Duration::ZERO), (QUIET, UNTIL_QUIET)] {
            tokio::time::sleep(wait).await;
            let mut worst: f64 = 0.0;
            let before = cpu(cluster)?;
            let watch = Stopwatch::start();
            tokio::time::sleep(span).await;
            for (after, before) in cpu(cluster)?.into_iter().zip(before) {
                worst = worst.max((after - before) / watch.elapsed().as_secs_f64() * 100.0);
            }
            let area = format!("idle, {count} partitions x 3, {when}");
            let name = "CPU of the busiest node";
            match when {
                QUIET => report.add_below(area, name, worst, "% of a core", IDLE_PERCENT),
                _ => report.add(&area, name, worst, "% of a core"),
            }
        }
        let topic = cluster.api(0).topic(self.topic).await?;
        let there = topic["partitions"].as_array().map_or(0, Vec::len);
        ensure!(there == count as usize, "{topic}");
        Ok(())
    }
}

fn cpu(cluster: &Cluster) -> Result<Vec<f64>> {
    let cpu = |index| Ok(cpu_time(cluster.pid(index)?)?.as_secs_f64());
    cluster.running().into_iter().map(cpu).collect()
}
