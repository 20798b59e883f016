//! A thousand partitions of three replicas: how soon they are led, what they cost while nobody does
//! anything, how a node comes back to them, and how long they are without one that is killed.

use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::{pass, wait_for};
use rampart_cluster_tests::harness::views;
use serde_json::json;

use super::cluster_figures::{self, Idle};
use super::report::Report;

const TOPIC: &str = "many";
/// A look at all of them costs the node that answers a part of what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const SOON: Duration = Duration::from_secs(120);
/// Targets: until all are led, and a node with a replica of each is ready again.
const CREATED_MS: f64 = 10_000.0;
const READY_MS: f64 = 10_000.0;
/// Leaders are spread if each node has this share of what it would have of an even spread.
const SPREAD: f64 = 0.6;

/// All of it, with so many partitions and kills.
pub(crate) async fn measure(
    cluster: &mut Cluster,
    (partitions, kills, span): (u32, usize, Duration),
    report: &mut Report,
) -> Result<()> {
    report.progress(format!("{partitions} partitions x 3"));
    let area = format!("{partitions} partitions x 3");
    let watch = Stopwatch::start();
    cluster.api(0).create_topic(TOPIC, partitions, 3, json!({})).await?;
    wait_led(cluster, partitions as usize, None).await?;
    report.add_below(&area, "created, each with a leader", ms(watch), "ms", CREATED_MS);
    cluster.wait_in_sync(TOPIC, 3).await?;
    let idle = Idle { topic: TOPIC, partitions, span };
    idle.measure(cluster, report).await?;
    cluster_figures::memory(cluster, &format!("with {area} idle"), report)?;
    restart(cluster, &area, report).await?;
    cluster_figures::failover(cluster, (&area, kills), report).await?;
    leaderless(cluster, &area, report).await
}

/// A node stops in order and starts again.
async fn restart(cluster: &mut Cluster, area: &str, report: &mut Report) -> Result<()> {
    report.progress("a node stops and starts again");
    let partitions =
        cluster.api(0).topic(TOPIC).await?["partitions"].as_array().map_or(0, Vec::len);
    let watch = Stopwatch::start();
    cluster.terminate(1).await?;
    report.add(area, "a node stops in order", ms(watch), "ms");
    let took = cluster.restart(1).await?;
    let took = took.as_secs_f64() * 1e3;
    report.add_below(area, "start of a node to ready", took, "ms", READY_MS);
    let watch = Stopwatch::start();
    cluster.wait_in_sync(TOPIC, 3).await?;
    report.add(area, "from there until its replicas are in sync", ms(watch), "ms");
    wait_spread(cluster, partitions).await?;
    report.add(area, "from there until leaders are spread", ms(watch), "ms");
    Ok(())
}

/// From kill -9 of a node until every partition it led has another leader.
async fn leaderless(cluster: &mut Cluster, area: &str, report: &mut Report) -> Result<()> {
    report.progress("until another leads each partition of a node that is killed");
    let all = views::leaders(&cluster.api(0).topic(TOPIC).await?).len();
    cluster.wait_in_sync(TOPIC, 3).await?;
    wait_spread(cluster, all).await?;
    let dead = cluster.node_id(2).await?;
    let watch = Stopwatch::start();
    cluster.kill(2);
    wait_led(cluster, all, Some(dead)).await?;
    report.add(area, "kill -9 until others lead all of a node's", ms(watch), "ms");
    cluster.restart(2).await?;
    wait_spread(cluster, all).await?;
    report.add(area, "from the kill until it leads its share again", ms(watch), "ms");
    Ok(())
}

/// Until all partitions have a leader, and none of them a certain node.
async fn wait_led(cluster: &Cluster, count: usize, but: Option<u64>) -> Result<()> {
    wait_for("a leader of each partition", SOON, || async {
        let leaders = views::leaders(&cluster.any()?.topic(TOPIC).await?);
        let led = leaders.iter().filter(|leader| Some(**leader) != but).count();
        if led < count {
            pass(LOOK_EVERY).await;
        }
        ensure!(led == count, "{led} of {count} are led");
        Ok(())
    })
    .await
}

/// Until each node leads its share.
async fn wait_spread(cluster: &Cluster, count: usize) -> Result<()> {
    let nodes = cluster.running().len();
    let share = (count as f64 / nodes as f64 * SPREAD) as usize;
    wait_for("leaders on all nodes", SOON, || async {
        let leaders = views::leaders(&cluster.any()?.topic(TOPIC).await?);
        for index in cluster.running() {
            let id = cluster.node_id(index).await?;
            let led = leaders.iter().filter(|leader| **leader == id).count();
            if led < share {
                pass(LOOK_EVERY).await;
            }
            ensure!(led >= share, "node {id} leads {led} of {count}");
        }
        Ok(())
    })
    .await
}

fn ms(watch: Stopwatch) -> f64 {
    watch.elapsed().as_secs_f64() * 1e3
}
