//! INV-01: whatever is killed, what was acknowledged is still there; INV-14: and writes go on.

use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::harness::cluster::{Cluster, GROUP_STATE_PARTITIONS};
use rampart_cluster_tests::harness::metrics::counters;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::history::Journal;
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender};
use rampart_cluster_tests::workloads::read_back;
use serde_json::json;

const TOPIC: &str = "ledger";
const PARTITIONS: u32 = 3;
/// Until a new leader acknowledges. How soon it should is printed by `make bench`.
const FAILOVER: Duration = Duration::from_secs(30);
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

fn appender(cluster: &Cluster, journal: &Journal) -> Appender {
    let options = AppendOptions { writers: 6, ..AppendOptions::new(TOPIC, PARTITIONS) };
    Appender::start(&cluster.apis(), &options, journal.recorder())
}

/// Demands that the metrics of the nodes left tell of one that died and led a partition, while
/// writers go on.
async fn demand_told(cluster: &Cluster) -> Result<()> {
    let names = [
        "node_peers",
        "node_peers_alive",
        "partition_under_replicated_partitions",
        "raft_elections_won_total",
        "produce_in_flight_bytes",
    ];
    let (mut all_lacking, mut all_won, mut all_bytes) = (0, 0, 0);
    for node in cluster.running() {
        let [peers, alive, lacking, won, bytes] = counters(cluster.api(node), names).await?;
        ensure!((peers, alive) == (2, 1), "node {node} has {peers} peers, {alive} of them alive");
        all_lacking += lacking;
        all_won += won;
        all_bytes += bytes;
    }
    let all = u64::from(PARTITIONS) + GROUP_STATE_PARTITIONS;
    ensure!(all_lacking == all, "{all_lacking} of {all} partitions are said to lack a replica");
    ensure!(all_won > 0, "nobody has won an election, though a leader is gone");
    ensure!(all_bytes > 0, "nothing is in flight, though writers go on");
    Ok(())
}

/// Stops the writers and checks the history against the log, as each node shows it, and the
/// replicas against each other, as they are on the disks.
async fn judge(cluster: &mut Cluster, journal: &Journal, appender: Appender) -> Result<()> {
    appender.stop().await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    for node in cluster.apis() {
        let verdict = read_back::judge(journal, &node, TOPIC, PARTITIONS).await?;
        phase(format!("{}: {}", node.base(), verdict.summary()));
    }
    cluster.demand_same_on_every_replica(&[TOPIC]).await
}

#[test]
fn acked_records_survive_kill_9_of_the_leader() {
    run(async {
        let mut cluster = cluster().await?;
        let journal = Journal::new();
        let appender = appender(&cluster, &journal);
        appender.wait_more(50).await?;

        phase("kill -9 of the leader of partition 0, while writers go on");
        let leader = cluster.leader(0, TOPIC, 0).await?;
        cluster.kill(leader);
        let other = (leader + 1) % 3;
        cluster.leader(other, TOPIC, 0).await?;
        wait_for("the metrics to tell of it", FAILOVER, || demand_told(&cluster)).await?;
        appender.wait_more(200).await?;

        phase("it comes back, and catches up under load");
        cluster.restart(leader).await?;
        appender.wait_more(100).await?;
        judge(&mut cluster, &journal, appender).await
    });
}

#[test]
fn acked_records_survive_kill_9_of_a_follower() {
    run(async {
        let mut cluster = cluster().await?;
        let journal = Journal::new();
        let appender = appender(&cluster, &journal);
        appender.wait_more(50).await?;

        phase("kill -9 of a node that does not lead partition 0");
        let leader = cluster.leader(0, TOPIC, 0).await?;
        let follower = (leader + 1) % 3;
        cluster.kill(follower);
        let now = cluster.leader(leader, TOPIC, 0).await?;
        ensure!(now == leader, "the leader of partition 0 moved from {leader} to {now}");
        appender.wait_more(200).await?;

        phase("it comes back");
        cluster.restart(follower).await?;
        judge(&mut cluster, &journal, appender).await
    });
}

#[test]
fn acked_records_survive_kill_9_of_all_nodes_at_once() {
    run(async {
        let mut cluster = cluster().await?;
        let journal = Journal::new();
        let appender = appender(&cluster, &journal);
        appender.wait_more(200).await?;

        phase("kill -9 of everything, in the middle of writing");
        cluster.kill_all();
        for index in 0..3 {
            cluster.launch(index)?;
        }
        for index in 0..3 {
            cluster.wait_ready(index).await?;
        }
        appender.wait_more(50).await?;
        judge(&mut cluster, &journal, appender).await
    });
}

#[test]
fn acked_records_survive_every_node_being_killed_in_turn() {
    run(async {
        let mut cluster = cluster().await?;
        let journal = Journal::new();
        let appender = appender(&cluster, &journal);
        for victim in [0, 1, 2, 0] {
            appender.wait_more(50).await?;
            phase(format!("kill -9 of node {victim}"));
            cluster.kill(victim);
            appender.wait_more(50).await?;
            cluster.restart(victim).await?;
            cluster.wait_near(TOPIC, 3, IN_FLIGHT).await?;
        }
        judge(&mut cluster, &journal, appender).await
    });
}

/// Its followers may not have heard it claim the group yet: they must not wait for that.
#[test]
fn the_leader_of_a_new_topic_may_die_at_once() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        for round in 0..3 {
            let topic = format!("new-{round}");
            phase(format!("kill -9 of the leader of {topic} after its first write"));
            cluster.api(0).create_topic(&topic, 1, 3, json!({})).await?;
            cluster.api(0).produce(&topic, 0, "before", "").await?.ok()?;
            let leader = cluster.leader(0, &topic, 0).await?;
            cluster.kill(leader);
            let survivor = cluster.api((leader + 1) % 3);
            wait_for("an acknowledged write", FAILOVER, || async {
                survivor.produce(&topic, 0, "after", "&timeout_ms=1000").await?.ok()
            })
            .await?;
            cluster.restart(leader).await?;
            cluster.wait_in_sync(&topic, 3).await?;
        }
        Ok(())
    });
}

#[test]
fn a_terminated_node_hands_over_and_ends_with_code_0() {
    run(async {
        let mut cluster = cluster().await?;
        let journal = Journal::new();
        let appender = appender(&cluster, &journal);
        appender.wait_more(50).await?;

        phase("SIGTERM to the leader of partition 0");
        let leader = cluster.leader(0, TOPIC, 0).await?;
        let code = cluster.terminate(leader).await?;
        ensure!(code == 0, "it ended with code {code}");
        appender.wait_more(100).await?;
        cluster.restart(leader).await?;
        judge(&mut cluster, &journal, appender).await
    });
}
