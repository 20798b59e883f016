//! A node that was away gets everything it missed: from the leader's log, or, when retention has
//! cut that off, from a snapshot and the rest of the log.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::json;

const TOPIC: &str = "history";
/// Retention is looked at twice a second instead of once in a long while.
const CONFIG: &str = "[storage]\nretention_check_interval_ms = 500\n";
/// Requests one after the other, so that each is an entry of its own: more than the margin of
/// 1,000 entries that a cut leaves.
const ENTRIES: usize = 4_000;

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

/// One request a record, values `from`, `from + 1` …
async fn produce(api: &Api, from: usize, count: usize) -> Result<()> {
    for number in from..from + count {
        api.produce(TOPIC, 0, &format!("{number:06}"), "").await?.ok()?;
    }
    Ok(())
}

/// Makes a node the leader, reads the partition through it, and compares with what was written.
async fn demand_complete(cluster: &Cluster, node: usize, count: usize) -> Result<()> {
    let id = cluster.node_id(node).await?;
    let path = format!("/v1/cluster/partitions/{TOPIC}/0:transfer-leadership");
    wait_for("the returned node to lead", Duration::from_secs(20), || async {
        cluster.api(node).post(&path, &json!({ "to": id })).await?.ok()?;
        let now = cluster.leader(node, TOPIC, 0).await?;
        ensure!(now == node, "{now} leads");
        Ok(())
    })
    .await?;
    let records = cluster.api(node).read_all(TOPIC, 0).await?;
    let first = records.first().context("nothing is left")?.offset;
    for record in &records {
        let wanted = format!("{:06}", record.offset);
        ensure!(record.value.as_deref() == Some(&wanted), "{record:?}");
    }
    ensure!(first + records.len() as u64 == count as u64, "{first} + {}", records.len());
    Ok(())
}

#[test]
fn a_node_that_was_away_catches_up_from_the_log() {
    run(async {
        let (mut cluster, leader, away) = cluster().await?;
        phase("300 records are written without it");
        produce(cluster.api(leader), 50, 300).await?;

        phase("it comes back, catches up, and can lead");
        cluster.restart(away).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        demand_complete(&cluster, away, 350).await
    });
}

#[test]
fn a_node_that_was_away_catches_up_from_a_snapshot_after_retention() {
    run(async {
        let (mut cluster, leader, away) = cluster().await?;
        phase("thousands of entries are written without it, and most are deleted");
        let api = cluster.api(leader).clone();
        produce(&api, 50, ENTRIES).await?;
        let total = 50 + ENTRIES;
        let topic = api.topic(TOPIC).await?;
        let written = topic["partitions"][0]["size_bytes"].as_u64().context("no size")?;
        let before = total - 200;
        let body = json!({ "partitions": [{ "partition": 0, "before_offset": before }] });
        api.post(&format!("/v1/topics/{TOPIC}/truncate"), &body).await?.ok()?;
        let page = api.read(TOPIC, 0, "&offset=earliest").await?;
        ensure!(page.log_start == before as u64, "the log starts at {}", page.log_start);

        phase("the leader purges its Raft log up to the cut");
        wait_for("the log to become smaller", Duration::from_secs(30), || async {
            let topic = api.topic(TOPIC).await?;
            let size = topic["partitions"][0]["size_bytes"].as_u64().context("no size")?;
            ensure!(size < written / 2, "{size} of {written} bytes are still there");
            Ok(())
        })
        .await?;

        phase("it comes back: the entries it needs are gone, a snapshot takes their place");
        ensure!(snapshots_sent(&api).await? == 0, "a snapshot was sent before");
        cluster.restart(away).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        ensure!(snapshots_sent(&api).await? > 0, "it caught up without a snapshot");
        demand_complete(&cluster, away, total).await
    });
}

/// Snapshots that a node has sent since it started.
async fn snapshots_sent(api: &Api) -> Result<u64> {
    let metrics = api.get("/metrics").await?;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let line = text.lines().find(|line| line.starts_with("rampart_raft_snapshots_sent_total"));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.context("the metric is missing")
}
