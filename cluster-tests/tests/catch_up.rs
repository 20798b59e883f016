//! A node that was away gets everything it missed: from the leader's log, or, when retention has
//! cut that off, from a snapshot and the rest of the log.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::metrics::counters;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use reqwest::Method;
use serde_json::json;

const TOPIC: &str = "history";
/// Retention is looked at twice a second instead of once in a long while.
const CONFIG: &str = "[storage]\nretention_check_interval_ms = 500\n";
/// Far longer than any of these machines takes to write what a cut leaves.
const LONG: Duration = Duration::from_secs(120);

/// The record at an offset: large enough that a granule of the log, which is given up as a whole,
/// is not many of them.
fn value(offset: u64) -> String {
    format!("{offset:06} {}", "x".repeat(1_000))
}

async fn cluster() -> Result<(Cluster, usize, usize)> {
    phase("three nodes, 1 partition x 3 replicas; one follower is killed");
    let options = Options { config: CONFIG, ..Options::default() };
    let mut cluster = Cluster::start_with(3, options).await?;
    cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    let leader = cluster.leader(0, TOPIC, 0).await?;
    let away = (leader + 1) % 3;
    produce(cluster.api(leader), 0, 50).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    cluster.kill(away);
    Ok((cluster, leader, away))
}

/// One request a record, one after the other, so that each is an entry of its own.
async fn produce(api: &Api, from: u64, count: u64) -> Result<()> {
    for offset in from..from + count {
        api.produce(TOPIC, 0, &value(offset), "").await?.ok()?;
    }
    Ok(())
}

/// Makes a node the leader, reads the partition through it, and compares with what was written;
/// answers where it starts.
async fn demand_complete(cluster: &Cluster, node: usize, count: u64) -> Result<u64> {
    let id = cluster.node_id(node).await?;
    let path = format!("/v1/cluster/partitions/{TOPIC}/0:transfer-leadership");
    wait_for("the returned node to lead", Duration::from_secs(60), || async {
        cluster.api(node).post(&path, &json!({ "to": id })).await?.ok()?;
        let now = cluster.leader(node, TOPIC, 0).await?;
        ensure!(now == node, "{now} leads");
        Ok(())
    })
    .await?;
    let records = cluster.api(node).read_all(TOPIC, 0).await?;
    let first = records.first().context("nothing is left")?.offset;
    for record in &records {
        ensure!(record.value == Some(value(record.offset)), "{record:?}");
    }
    ensure!(first + records.len() as u64 == count, "{first} + {}", records.len());
    Ok(first)
}

#[test]
fn a_node_that_was_away_catches_up_from_the_log() {
    run(async {
        let (mut cluster, leader, away) = cluster().await?;
        phase("300 records are written without it");
        produce(cluster.api(leader), 50, 300).await?;

        phase("it comes back, catches up without a snapshot, and can lead");
        cluster.restart(away).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let sent = snapshots_sent(&cluster).await?;
        ensure!(sent == 0, "{sent} snapshots were sent: it did not catch up from the log");
        let first = demand_complete(&cluster, away, 350).await?;
        ensure!(first == 0, "it starts at {first}");
        Ok(())
    });
}

#[test]
fn a_node_that_was_away_catches_up_from_a_snapshot_after_retention() {
    run(async {
        let (mut cluster, leader, away) = cluster().await?;
        phase("so much is written without it that retention deletes most of it");
        let api = cluster.api(leader).clone();
        let path = format!("/v1/topics/{TOPIC}");
        let config = json!({ "config": { "retention.bytes": 100_000 } });
        api.with_json(Method::PATCH, &path, &config).await?.ok()?;
        // The log becomes smaller only by being purged, a granule at a time, and what the node that
        // is away has is less than the first one.
        let (mut total, mut largest) = (50, 0);
        let watch = Stopwatch::start();
        loop {
            produce(&api, total, 50).await?;
            total += 50;
            let topic = api.topic(TOPIC).await?;
            let size = topic["partitions"][0]["size_bytes"].as_u64().context("no size")?;
            if size < largest {
                break;
            }
            largest = size;
            ensure!(watch.elapsed() < LONG, "{total} records are {size} bytes, none was purged");
        }
        phase(format!("purged after {total} records"));
        let page = api.read(TOPIC, 0, "&offset=earliest").await?;
        ensure!(page.log_start > 50, "the log starts at {}", page.log_start);

        phase("it comes back: the entries it needs are gone, a snapshot takes their place");
        ensure!(snapshots_sent(&cluster).await? == 0, "a snapshot was sent before");
        cluster.restart(away).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        ensure!(snapshots_sent(&cluster).await? > 0, "it caught up without a snapshot");
        let first = demand_complete(&cluster, away, total).await?;
        ensure!(first > 50, "it starts at {first}, in what it had");
        Ok(())
    });
}

/// Snapshots of any group that nodes have sent since they started.
async fn snapshots_sent(cluster: &Cluster) -> Result<u64> {
    let mut sent = 0;
    for index in cluster.running() {
        let [count] = counters(cluster.api(index), ["raft_snapshots_sent_total"]).await?;
        sent += count;
    }
    Ok(sent)
}
