//! Nodes come and go while records flow.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::harness::views;
use rampart_cluster_tests::history::Journal;
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender};
use rampart_cluster_tests::workloads::read_back;
use serde_json::json;

const TOPIC: &str = "moving";
const PARTITIONS: u32 = 6;
const LONG: Duration = Duration::from_secs(90);

#[test]
fn three_nodes_become_four_and_three_again_under_load() {
    run(async {
        phase("three nodes under load");
        let mut cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let options = AppendOptions::new(TOPIC, PARTITIONS);
        let journal = Journal::new();
        let appender = Appender::start(&cluster.apis(), &options, journal.recorder());
        appender.wait_more(50).await?;

        phase("a fourth joins and takes its share by itself");
        let fourth = cluster.add_node().await?;
        cluster.wait_members(4).await?;
        let id = cluster.node_id(fourth).await?;
        wait_for("the fourth node to hold replicas", LONG, || async {
            let held = views::replicas_on(&cluster.api(0).topic(TOPIC).await?, id)?;
            ensure!(held > 0, "none yet");
            Ok(())
        })
        .await?;
        appender.wait_more(50).await?;

        phase("a node is decommissioned: its replicas move away, with visible progress");
        let leaver = 1;
        let leaver_id = cluster.node_id(leaver).await?;
        let node_path = format!("/v1/cluster/nodes/{leaver_id}");
        cluster.api(0).post(&format!("{node_path}:decommission"), &json!({})).await?.ok()?;
        appender.wait_more(50).await?;
        wait_for("the decommission to finish", LONG, || async {
            let progress = cluster.api(0).get(&format!("{node_path}/decommission")).await?.ok()?;
            let left = views::replicas_on(&cluster.api(0).topic(TOPIC).await?, leaver_id)?;
            ensure!(progress["partitions_left"] == 0 && left == 0, "{left} left: {progress}");
            Ok(())
        })
        .await?;

        phase("it is stopped and removed");
        cluster.terminate(leaver).await?;
        wait_for("the removal", LONG, || async { cluster.api(0).delete(&node_path).await?.ok() })
            .await?;
        let answer = cluster.api(0).get(&node_path).await?;
        answer.problem(404, "NODE_NOT_FOUND")?;
        cluster.wait_members(3).await?;

        phase("nothing acknowledged on the way is missing");
        appender.wait_more(50).await?;
        appender.stop().await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        for node in [0, 2, fourth] {
            let verdict = read_back::judge(&journal, cluster.api(node), TOPIC, PARTITIONS).await?;
            phase(format!("node {node}: {}", verdict.summary()));
        }
        cluster.demand_same_on_every_replica(&[TOPIC]).await
    });
}

#[test]
fn a_decommission_that_cannot_finish_says_what_blocks_it() {
    run(async {
        phase("three nodes, three replicas: nobody can take a replica of the one that leaves");
        let cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let id = cluster.node_id(2).await?;
        let path = format!("/v1/cluster/nodes/{id}");
        let answer = cluster.api(0).post(&format!("{path}:decommission"), &json!({})).await?;
        let said = if answer.status == 409 {
            answer.problem(409, "UNSAFE")?.to_string()
        } else {
            answer.ok()?;
            let progress = cluster.api(0).get(&format!("{path}/decommission")).await?.ok()?;
            let blockers = progress["blockers"].as_array().cloned().unwrap_or_default();
            ensure!(!blockers.is_empty(), "nothing blocks it? {progress}");
            progress.to_string()
        };
        ensure!(said.contains(TOPIC), "it does not name the topic that blocks it: {said}");

        phase("the node still serves, and is active again when it is taken back");
        cluster.api(2).produce(TOPIC, 0, "still here", "&ack=-1").await?.ok()?;
        cluster.api(0).post(&format!("{path}:recommission"), &json!({})).await?.ok()?;
        let node = cluster.api(0).get(&path).await?.ok()?;
        ensure!(node["state"] == "active", "{node}");
        Ok(())
    });
}

#[test]
fn a_drained_node_leads_nothing_and_keeps_its_replicas() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let journal = Journal::new();
        let options = AppendOptions::new(TOPIC, PARTITIONS);
        let appender = Appender::start(&cluster.apis(), &options, journal.recorder());
        appender.wait_more(50).await?;

        phase("drain under load, of a node that leads something");
        let first = cluster.leader(0, TOPIC, 0).await?;
        let id = cluster.node_id(first).await?;
        cluster.api(0).post(&format!("/v1/cluster/nodes/{id}:drain"), &json!({})).await?.ok()?;
        wait_for("the drained node to lead nothing", LONG, || async {
            let topic = cluster.api(0).topic(TOPIC).await?;
            let led = views::led_by(&topic, id)?;
            ensure!(led == 0, "it leads {led}");
            ensure!(views::replicas_on(&topic, id)? == PARTITIONS as usize, "replicas left it");
            views::demand_leaders(&topic)
        })
        .await?;
        appender.wait_more(50).await?;

        phase("recommissioned, it may lead again");
        let path = format!("/v1/cluster/nodes/{id}:recommission");
        cluster.api(0).post(&path, &json!({})).await?.ok()?;
        wait_for("the node to lead something again", LONG, || async {
            let led = views::led_by(&cluster.api(0).topic(TOPIC).await?, id)?;
            ensure!(led > 0, "it leads nothing");
            Ok(())
        })
        .await?;
        appender.stop().await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let verdict = read_back::judge(&journal, cluster.api(2), TOPIC, PARTITIONS).await?;
        phase(verdict.summary());
        cluster.demand_same_on_every_replica(&[TOPIC]).await
    });
}

#[test]
fn a_live_node_is_not_removed_and_a_dead_one_with_data_neither() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
        let id = cluster.node_id(2).await?;
        let path = format!("/v1/cluster/nodes/{id}");
        phase("alive: refused");
        cluster.api(0).delete(&path).await?.problem(409, "UNSAFE")?;
        phase("dead, but it holds replicas: refused too, saying so");
        cluster.kill(2);
        wait_dead(&cluster, &path).await?;
        let problem = cluster.api(0).delete(&path).await?.problem(409, "UNSAFE")?;
        let detail = problem["detail"].as_str().unwrap_or("");
        ensure!(detail.contains("replica"), "the replicas are not named: {problem}");
        Ok(())
    });
}

async fn wait_dead(cluster: &Cluster, path: &str) -> Result<()> {
    wait_for("the dead node to be seen as dead", LONG, || async {
        let node = cluster.api(0).get(path).await?.ok()?;
        ensure!(node["alive"] == false, "{node}");
        Ok(())
    })
    .await
}

#[test]
fn a_dead_node_without_replicas_is_removed() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        let config = json!({ "config": { "cluster.auto_rebalance": "false" } });
        let patch = reqwest::Method::PATCH;
        cluster.api(0).with_json(patch, "/v1/cluster/config", &config).await?.ok()?;
        cluster.add_node().await?;
        cluster.wait_members(4).await?;
        phase("a node that holds no replica, and does not vote on metadata, dies");
        let status = cluster.api(0).get("/v1/cluster").await?.ok()?;
        let voters = status["metadata_voters"].clone();
        let voters = voters.as_array().context("no metadata voters")?;
        let mut spare = None;
        for index in 1..4 {
            let id = cluster.node_id(index).await?;
            if !voters.iter().any(|voter| *voter == id) {
                spare = Some((index, id));
            }
        }
        let (spare, id) = spare.context("all four vote on metadata")?;
        let path = format!("/v1/cluster/nodes/{id}");
        cluster.kill(spare);
        wait_dead(&cluster, &path).await?;
        cluster.api(0).delete(&path).await?.ok()?;
        cluster.api(0).get(&path).await?.problem(404, "NODE_NOT_FOUND")?;
        cluster.wait_members(3).await
    });
}
