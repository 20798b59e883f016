//! Nodes come and go while records flow.

use std::time::Duration;

use anyhow::ensure;
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::harness::views;
use rampart_cluster_tests::invariants;
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender};
use serde_json::json;

const TOPIC: &str = "moving";
const PARTITIONS: u32 = 6;
const LONG: Duration = Duration::from_secs(60);

#[test]
fn three_nodes_become_four_and_three_again_under_load() {
    run(async {
        phase("three nodes under load");
        let mut cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let options = AppendOptions::new(TOPIC, PARTITIONS);
        let appender = Appender::start(&cluster.apis(), &options);

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

        phase("a node is decommissioned: its replicas move away, with visible progress");
        let leaver = 1;
        let leaver_id = cluster.node_id(leaver).await?;
        let node_path = format!("/v1/cluster/nodes/{leaver_id}");
        cluster.api(0).post(&format!("{node_path}:decommission"), &json!({})).await?.ok()?;
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
        let attempts = appender.stop().await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        for node in [0, 2, fourth] {
            let verdict =
                invariants::check(cluster.api(node), TOPIC, PARTITIONS, &attempts).await?;
            phase(format!("node {node}: {verdict:?}"));
        }
        Ok(())
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
        let cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let appender = Appender::start(&cluster.apis(), &AppendOptions::new(TOPIC, PARTITIONS));

        phase("drain under load");
        let id = cluster.node_id(1).await?;
        cluster.api(0).post(&format!("/v1/cluster/nodes/{id}:drain"), &json!({})).await?.ok()?;
        wait_for("the drained node to lead nothing", LONG, || async {
            let topic = cluster.api(0).topic(TOPIC).await?;
            let led = views::led_by(&topic, id)?;
            ensure!(led == 0, "it leads {led}");
            ensure!(views::replicas_on(&topic, id)? == PARTITIONS as usize, "replicas left it");
            Ok(())
        })
        .await?;

        phase("recommissioned, it may lead again");
        let path = format!("/v1/cluster/nodes/{id}:recommission");
        cluster.api(0).post(&path, &json!({})).await?.ok()?;
        let attempts = appender.stop().await?;
        let verdict = invariants::check(cluster.api(2), TOPIC, PARTITIONS, &attempts).await?;
        phase(format!("{verdict:?}"));
        Ok(())
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
        cluster.api(0).delete(&path).await?.problem(409, "UNSAFE")?;
        Ok(())
    });
}
