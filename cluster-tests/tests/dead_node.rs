//! Nodes that are gone, for a while or for good: what they led goes on elsewhere at once, and what
//! they held is rebuilt elsewhere.

use std::ffi::OsStr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::{Cluster, GROUP_STATE, Options};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::harness::views;
use rampart_cluster_tests::history::Journal;
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender};
use rampart_cluster_tests::workloads::read_back;
use serde_json::json;

const TOPIC: &str = "estate";
const PARTITIONS: u32 = 6;
const LONG: Duration = Duration::from_secs(90);
/// Much less than an election that waits for a silent leader, much more than a creation takes.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The node that leads the metadata group, as `asked` knows.
async fn controller(cluster: &Cluster, asked: usize) -> Result<usize> {
    let status = cluster.api(asked).get("/v1/cluster").await?.ok()?;
    let id = status["controller"].as_u64().with_context(|| format!("no controller: {status}"))?;
    cluster.index_of(id).await
}

/// Until every node has the whole metadata and votes: the leader hands over to a voter only.
async fn wait_voters(cluster: &Cluster, count: usize) -> Result<()> {
    wait_for(format!("{count} metadata voters"), LONG, || async {
        let status = cluster.api(0).get("/v1/cluster").await?.ok()?;
        let voters = status["metadata_voters"].as_array().map_or(0, Vec::len);
        ensure!(voters == count, "{status}");
        Ok(())
    })
    .await
}

#[test]
fn a_terminated_controller_is_not_missed() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        wait_voters(&cluster, 3).await?;

        phase("SIGTERM to the node that leads the metadata group");
        let leader = controller(&cluster, 0).await?;
        let other = (leader + 1) % 3;
        let code = cluster.terminate(leader).await?;
        ensure!(code == 0, "it ended with code {code}");
        let said = cluster.said(leader);
        ensure!(said.contains("metadata leadership handed over"), "not handed over: {said}");

        phase("a topic is created through another node at once");
        let watch = Stopwatch::start();
        cluster.api(other).create_topic(TOPIC, 1, 2, json!({})).await?;
        let took = watch.elapsed();
        ensure!(took < AT_ONCE, "it took {took:?}");
        Ok(())
    });
}

#[test]
fn a_drained_controller_hands_the_metadata_over() {
    run(async {
        let cluster = Cluster::start(3).await?;
        wait_voters(&cluster, 3).await?;
        let leader = controller(&cluster, 0).await?;
        let id = cluster.node_id(leader).await?;
        cluster.api(0).post(&format!("/v1/cluster/nodes/{id}:drain"), &json!({})).await?.ok()?;
        for asked in 0..3 {
            wait_for("another node to lead the metadata group", LONG, || async {
                let now = controller(&cluster, asked).await?;
                ensure!(now != leader, "node {asked} says that it is node {leader} still");
                Ok(())
            })
            .await?;
        }
        cluster.api(leader).create_topic(TOPIC, 1, 2, json!({})).await?;
        Ok(())
    });
}

#[test]
fn a_dead_node_is_decommissioned_and_its_replicas_are_rebuilt_elsewhere() {
    run(async {
        phase("four nodes, three replicas, under load");
        let mut cluster = Cluster::start(4).await?;
        cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let journal = Journal::new();
        let options = AppendOptions::new(TOPIC, PARTITIONS);
        let appender = Appender::start(&cluster.apis(), &options, journal.recorder());
        appender.wait_more(200).await?;

        phase("kill -9 of a node with replicas, which never comes back");
        let dead = 3;
        let id = cluster.node_id(dead).await?;
        let held = views::replicas_on(&cluster.api(0).topic(TOPIC).await?, id)?;
        ensure!(held > 0, "it holds nothing");
        cluster.kill(dead);
        let path = format!("/v1/cluster/nodes/{id}");
        wait_for("the others to notice", LONG, || async {
            let node = cluster.api(0).get(&path).await?.ok()?;
            ensure!(node["alive"] == false, "{node}");
            Ok(())
        })
        .await?;
        appender.wait_more(50).await?;

        phase(format!("its decommission: {held} replicas are rebuilt on the others"));
        cluster.api(0).post(&format!("{path}:decommission"), &json!({})).await?.ok()?;
        wait_for("the decommission to end", LONG, || async {
            let node = cluster.api(0).get(&path).await?.ok()?;
            let progress = cluster.api(0).get(&format!("{path}/decommission")).await?.ok()?;
            ensure!(node["state"] == "decommissioned", "{node}, {progress}");
            Ok(())
        })
        .await?;
        let topic = cluster.api(0).topic(TOPIC).await?;
        let left = views::replicas_on(&topic, id)?;
        ensure!(left == 0, "{left} replicas are on it: {topic}");
        let moves = cluster.api(0).get("/v1/cluster/moves").await?.ok()?;
        ensure!(moves["moves"].as_array().is_some_and(Vec::is_empty), "{moves}");

        phase("it is removed, and nothing acknowledged is missing");
        cluster.api(0).delete(&path).await?.ok()?;
        cluster.wait_members(3).await?;
        appender.wait_more(50).await?;
        appender.stop().await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        for index in cluster.running() {
            let verdict = read_back::judge(&journal, cluster.api(index), TOPIC, PARTITIONS).await?;
            phase(format!("node {index}: {}", verdict.summary()));
        }
        cluster.demand_same_on_every_replica(&[TOPIC]).await
    });
}

#[test]
fn replicas_land_on_distinct_racks() {
    run(async {
        phase("three nodes in the racks a, a and b");
        let mut cluster = Cluster::empty(Options::default())?;
        for rack in ["a", "a", "b"] {
            let index = cluster.prepare().await?;
            cluster.launch_with(index, &[("RAMPART_NODE_RACK", OsStr::new(rack))])?;
            cluster.wait_ready(index).await?;
        }
        cluster.wait_members(3).await?;
        cluster.wait_in_sync(GROUP_STATE, 3).await?;
        let lone = cluster.node_id(2).await?;

        phase("two replicas: one of each partition is in rack b");
        cluster.api(0).create_topic(TOPIC, PARTITIONS, 2, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 2).await?;
        let topic = cluster.api(0).topic(TOPIC).await?;
        let mut used = std::collections::BTreeSet::new();
        for partition in 0..PARTITIONS {
            let nodes = views::nodes_of(&topic, partition)?;
            ensure!(nodes.contains(&lone), "partition {partition} is only in rack a: {nodes:?}");
            used.extend(nodes);
        }
        ensure!(used.len() == 3, "one of the two in rack a holds nothing: {used:?}");
        Ok(())
    });
}
