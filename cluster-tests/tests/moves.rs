//! Replicas and leaderships go where they are sent while records flow, and a move that has begun
//! survives the death of the node that leads it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::harness::views;
use rampart_cluster_tests::history::Journal;
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender};
use rampart_cluster_tests::workloads::read_back;
use reqwest::Method;
use serde_json::{Value, json};

const TOPIC: &str = "luggage";
const LONG: Duration = Duration::from_secs(90);

/// Nodes by ascending id, and a topic with its replicas on the first three of them. What the
/// cluster would even out by itself is left to the test.
async fn cluster(nodes: usize, partitions: u32) -> Result<(Cluster, Vec<u64>)> {
    phase(format!("{nodes} nodes, {partitions} partitions x 3 replicas"));
    let mut cluster = Cluster::start(3).await?;
    let config = json!({ "config": { "cluster.auto_rebalance": "false" } });
    cluster.api(0).with_json(Method::PATCH, "/v1/cluster/config", &config).await?.ok()?;
    cluster.api(0).create_topic(TOPIC, partitions, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    wait_for("what the first nodes even out among themselves", LONG, || async {
        let answer = cluster.api(0).get("/v1/cluster/moves").await?.ok()?;
        ensure!(answer["moves"].as_array().is_some_and(Vec::is_empty), "{answer}");
        Ok(())
    })
    .await?;
    for _ in 3..nodes {
        cluster.add_node().await?;
    }
    cluster.wait_members(nodes).await?;
    let mut ids = Vec::new();
    for index in 0..nodes {
        ids.push(cluster.node_id(index).await?);
    }
    Ok((cluster, ids))
}

fn appender(cluster: &Cluster, journal: &Journal, partitions: u32) -> Appender {
    let options = AppendOptions::new(TOPIC, partitions);
    Appender::start(&cluster.apis(), &options, journal.recorder())
}

async fn put(cluster: &Cluster, body: &Value) -> Result<Value> {
    let path = format!("/v1/cluster/partitions/{TOPIC}/0/replicas");
    cluster.any()?.with_json(Method::PUT, &path, body).await?.ok()
}

async fn nodes_of(cluster: &Cluster) -> Result<Vec<u64>> {
    views::nodes_of(&cluster.any()?.topic(TOPIC).await?, 0)
}

async fn moves(cluster: &Cluster) -> Result<Vec<Value>> {
    let answer = cluster.any()?.get("/v1/cluster/moves").await?.ok()?;
    let all = answer["moves"].as_array().with_context(|| format!("no moves: {answer}"))?;
    // The cluster's own topic goes its own ways.
    Ok(all.iter().filter(|one| one["topic"] == TOPIC).cloned().collect())
}

/// Waits until the replicas of partition 0 are on these nodes, all in sync, and nothing moves.
async fn wait_moved(cluster: &Cluster, wanted: &[u64]) -> Result<()> {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    wait_for(format!("the replicas to be on {wanted:?}"), LONG, || async {
        let now = nodes_of(cluster).await?;
        ensure!(now == wanted, "they are on {now:?}");
        let left = moves(cluster).await?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
    .await
}

async fn judge(
    cluster: &mut Cluster,
    journal: &Journal,
    appender: Appender,
    partitions: u32,
) -> Result<()> {
    appender.stop().await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    for index in cluster.running() {
        let verdict = read_back::judge(journal, cluster.api(index), TOPIC, partitions).await?;
        phase(format!("node {index}: {}", verdict.summary()));
    }
    cluster.demand_same_on_every_replica(&[TOPIC]).await
}

#[test]
fn replicas_move_where_they_are_sent_under_load() {
    run(async {
        let (mut cluster, ids) = cluster(4, 1).await?;
        let journal = Journal::new();
        let appender = appender(&cluster, &journal, 1);
        appender.wait_more(50).await?;
        let before = nodes_of(&cluster).await?;
        let fourth = ids[3];
        ensure!(!before.contains(&fourth), "the fourth node has a replica already");
        let after = [fourth, before[0], before[1]];

        phase("a dry run shows the move and moves nothing");
        let plan = put(&cluster, &json!({ "nodes": after, "dry_run": true })).await?;
        ensure!(plan["dry_run"] == true && plan["move"]["to"] == json!(after), "{plan}");
        let now = nodes_of(&cluster).await?;
        ensure!(now == before, "the replicas are on {now:?}");

        phase("a move to a node that can't be reached would never end: it is taken back");
        cluster.pause(3)?;
        let started = put(&cluster, &json!({ "nodes": after })).await;
        if started.is_ok() {
            let listed = moves(&cluster).await?;
            let is_it = |one: &Value| one["topic"] == TOPIC && one["partition"] == 0;
            ensure!(listed.iter().any(is_it), "the move is not listed: {listed:?}");
            put(&cluster, &json!({ "nodes": [], "cancel": true })).await?;
        }
        cluster.resume(3)?;
        wait_moved(&cluster, &before).await?;
        ensure!(started.is_ok(), "it was noticed as silent before the move began: {started:?}");
        wait_for("the fourth node to be heard again", LONG, || async {
            put(&cluster, &json!({ "nodes": after, "dry_run": true })).await
        })
        .await?;

        phase("the move itself, while records flow");
        let started = put(&cluster, &json!({ "nodes": after })).await?;
        ensure!(started["metadata_index"].is_u64(), "{started}");
        appender.wait_more(50).await?;
        wait_moved(&cluster, &after).await?;
        appender.wait_more(50).await?;
        judge(&mut cluster, &journal, appender, 1).await
    });
}

#[test]
fn a_rebalance_gives_a_new_node_its_share_under_load() {
    run(async {
        let (mut cluster, ids) = cluster(4, 4).await?;
        let journal = Journal::new();
        let appender = appender(&cluster, &journal, 4);
        appender.wait_more(50).await?;
        let held = async |id| views::replicas_on(&cluster.api(0).topic(TOPIC).await?, id);
        ensure!(held(ids[3]).await? == 0, "the fourth node has replicas already");

        phase("a dry run plans, and starts nothing");
        let path = "/v1/cluster:rebalance";
        let plan = cluster.api(0).post(path, &json!({ "dry_run": true })).await?.ok()?;
        ensure!(plan["moves"].as_array().is_some_and(|all| !all.is_empty()), "{plan}");
        ensure!(moves(&cluster).await?.is_empty(), "the dry run started something");

        phase("the rebalance: of the 4 + 8 partitions' 36 replicas each node has nine in the end");
        cluster.api(0).post(path, &json!({})).await?.ok()?;
        appender.wait_more(50).await?;
        wait_for("an even spread", LONG, || async {
            for id in &ids {
                let node = cluster.api(0).get(&format!("/v1/cluster/nodes/{id}")).await?.ok()?;
                ensure!(node["replicas"] == 9, "{node}");
            }
            let left = moves(&cluster).await?;
            ensure!(left.is_empty(), "{left:?}");
            Ok(())
        })
        .await?;
        appender.wait_more(50).await?;
        judge(&mut cluster, &journal, appender, 4).await
    });
}

#[test]
fn a_move_survives_the_death_of_its_leader() {
    run(async {
        let (mut cluster, ids) = cluster(5, 1).await?;
        let journal = Journal::new();
        let appender = appender(&cluster, &journal, 1);
        appender.wait_more(100).await?;

        phase("two of three replicas are sent elsewhere, and the leader of the partition dies");
        let leader = cluster.leader(0, TOPIC, 0).await?;
        let stays = cluster.node_id(leader).await?;
        let wanted = [stays, ids[3], ids[4]];
        let started = put(&cluster, &json!({ "nodes": wanted })).await?;
        ensure!(started["metadata_index"].is_u64(), "{started}");
        cluster.kill(leader);

        phase("another one leads on, and takes writes");
        appender.wait_more(50).await?;
        phase("the dead one comes back, and the move ends where it was sent");
        cluster.restart(leader).await?;
        wait_moved(&cluster, &wanted).await?;
        appender.wait_more(50).await?;
        judge(&mut cluster, &journal, appender, 1).await
    });
}
