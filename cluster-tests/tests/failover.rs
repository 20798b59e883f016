//! INV-01: whatever is killed, what was acknowledged is still there; INV-14: and writes go on.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::invariants;
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender};
use serde_json::json;

const TOPIC: &str = "ledger";
const PARTITIONS: u32 = 3;
/// Records that the writers of one partition have in flight: two writers, five in a request.
const IN_FLIGHT: u64 = 10;

/// Three nodes and a topic with a replica of each of its partitions on each.
async fn cluster() -> Result<Cluster> {
    phase("three nodes, 3 partitions x 3 replicas");
    let cluster = Cluster::start(3).await?;
    cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(cluster)
}

fn appender(cluster: &Cluster) -> Appender {
    let options = AppendOptions { writers: 6, ..AppendOptions::new(TOPIC, PARTITIONS) };
    Appender::start(&cluster.apis(), &options)
}

/// Waits until so many more requests were acknowledged.
async fn more_acks(appender: &Appender, count: u64) -> Result<()> {
    let from = appender.acked();
    wait_for(format!("{count} more acknowledgements"), Duration::from_secs(20), || async {
        let seen = appender.acked() - from;
        if seen < count {
            bail!("{seen} so far")
        }
        Ok(())
    })
    .await
}

/// Stops the writers and checks the history against the log, as each node shows it.
async fn judge(cluster: &Cluster, appender: Appender) -> Result<()> {
    let attempts = appender.stop().await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    for node in cluster.apis() {
        let verdict = invariants::check(&node, TOPIC, PARTITIONS, &attempts).await?;
        phase(format!("{}: {verdict:?}", node.base()));
    }
    Ok(())
}

#[test]
fn acked_records_survive_kill_9_of_the_leader() {
    run(async {
        let mut cluster = cluster().await?;
        let appender = appender(&cluster);
        more_acks(&appender, 50).await?;

        phase("kill -9 of the leader of partition 0, while writers go on");
        let leader = cluster.leader(0, TOPIC, 0).await?;
        cluster.kill(leader);
        let other = (leader + 1) % 3;
        cluster.leader(other, TOPIC, 0).await?;
        more_acks(&appender, 200).await?;

        phase("it comes back, and catches up under load");
        cluster.restart(leader).await?;
        more_acks(&appender, 100).await?;
        judge(&cluster, appender).await
    });
}

#[test]
fn acked_records_survive_kill_9_of_a_follower() {
    run(async {
        let mut cluster = cluster().await?;
        let appender = appender(&cluster);
        more_acks(&appender, 50).await?;

        phase("kill -9 of a node that does not lead partition 0");
        let leader = cluster.leader(0, TOPIC, 0).await?;
        let follower = (leader + 1) % 3;
        cluster.kill(follower);
        let now = cluster.leader(leader, TOPIC, 0).await?;
        ensure!(now == leader, "the leader of partition 0 moved from {leader} to {now}");
        more_acks(&appender, 200).await?;

        phase("it comes back");
        cluster.restart(follower).await?;
        judge(&cluster, appender).await
    });
}

#[test]
fn acked_records_survive_kill_9_of_all_nodes_at_once() {
    run(async {
        let mut cluster = cluster().await?;
        let appender = appender(&cluster);
        more_acks(&appender, 200).await?;

        phase("kill -9 of everything, in the middle of writing");
        cluster.kill_all();
        for index in 0..3 {
            cluster.launch(index)?;
        }
        for index in 0..3 {
            cluster.wait_ready(index).await?;
        }
        more_acks(&appender, 50).await?;
        judge(&cluster, appender).await
    });
}

#[test]
fn acked_records_survive_every_node_being_killed_in_turn() {
    run(async {
        let mut cluster = cluster().await?;
        let appender = appender(&cluster);
        for victim in [0, 1, 2, 0] {
            more_acks(&appender, 50).await?;
            phase(format!("kill -9 of node {victim}"));
            cluster.kill(victim);
            more_acks(&appender, 50).await?;
            cluster.restart(victim).await?;
            cluster.wait_near(TOPIC, 3, IN_FLIGHT).await?;
        }
        judge(&cluster, appender).await
    });
}

#[test]
fn a_terminated_node_hands_over_and_ends_with_code_0() {
    run(async {
        let mut cluster = cluster().await?;
        let appender = appender(&cluster);
        more_acks(&appender, 50).await?;

        phase("SIGTERM to the leader of partition 0");
        let leader = cluster.leader(0, TOPIC, 0).await?;
        let code = cluster.terminate(leader).await?;
        ensure!(code == 0, "it ended with code {code}");
        more_acks(&appender, 100).await?;
        cluster.restart(leader).await?;
        judge(&cluster, appender).await
    });
}
