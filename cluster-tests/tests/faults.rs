//! The faults of processes and of links, on a cluster that needs no privileges: each has the effect
//! it is there for, and heals.

use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::faults::trial::Trial;
use rampart_cluster_tests::harness::cgroup::Bounded;
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::run;
use serde_json::json;

const TOPIC: &str = "weather";
/// A kilobit a second.
const BYTES_OF_KBIT: usize = 125;
const LONG: Duration = Duration::from_secs(60);

async fn cluster(options: Options) -> Result<Cluster> {
    let cluster = Cluster::start_with(3, options).await?;
    cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(cluster)
}

/// The kernel stops a process of many threads a moment after it was told to.
async fn wait_asleep(cluster: &Cluster, nodes: &[usize]) -> Result<()> {
    wait_for("the processes to stand still", Duration::from_secs(10), || async {
        let awake = cluster.awake();
        ensure!(!nodes.iter().any(|node| awake.contains(node)), "{awake:?} are awake");
        Ok(())
    })
    .await
}

/// How often a node was started.
fn launched(cluster: &Cluster, node: usize) -> usize {
    cluster.log(node).lines().filter(|line| line.starts_with("=== rampart ")).count()
}

#[test]
fn processes_end_stand_still_and_come_back() {
    run(async {
        let mut cluster = cluster(Options::default()).await?;
        for (name, count) in [("kill-one", 1), ("kill-majority", 2), ("kill-all", 3)] {
            let trial = Trial::begin(&mut cluster, name, 1).await?;
            ensure!(trial.nodes().len() == count, "{name} hit {:?}", trial.nodes());
            ensure!(trial.nodes().iter().all(|&node| !cluster.is_up(node)), "one is up");
            trial.end(&mut cluster, TOPIC, 3).await?;
        }
        for name in ["kill-leader", "pause-leader"] {
            let leader = cluster.leader(0, TOPIC, 0).await?;
            let trial = Trial::begin(&mut cluster, name, 2).await?;
            ensure!(trial.nodes() == [leader], "{leader} leads, {:?} was hit", trial.nodes());
            wait_asleep(&cluster, &[leader]).await?;
            cluster.wait_other_leader(TOPIC, leader).await?;
            trial.end(&mut cluster, TOPIC, 3).await?;
        }
        for (name, launches) in [("stop-one", 1), ("restart-storm", 8), ("rolling-restart", 1)] {
            let before: Vec<usize> = (0..3).map(|index| launched(&cluster, index)).collect();
            let trial = Trial::begin(&mut cluster, name, 3).await?;
            let (nodes, detail) = (trial.nodes().to_vec(), trial.injected.detail.clone());
            trial.end(&mut cluster, TOPIC, 3).await?;
            for node in nodes {
                let count = launched(&cluster, node) - before[node];
                ensure!(count == launches, "{name}: node {node} was launched {count} times");
            }
            let is_in_order = detail.ends_with("code 0") || detail.ends_with("codes [0, 0, 0]");
            ensure!(name == "restart-storm" || is_in_order, "{name}: {detail}");
        }
        for (name, count) in [("pause-one", 1), ("pause-majority", 2), ("pause-all", 3)] {
            let pids: Vec<u32> = (0..3).map(|index| cluster.pid(index)).collect::<Result<_>>()?;
            let trial = Trial::begin(&mut cluster, name, 3).await?;
            ensure!(trial.nodes().len() == count, "{name} hit {:?}", trial.nodes());
            wait_asleep(&cluster, trial.nodes()).await?;
            for &node in trial.nodes() {
                let asked = cluster.api(node).get("/livez");
                let answer = tokio::time::timeout(Duration::from_millis(500), asked).await;
                ensure!(answer.is_err(), "{name}: node {node} answers {answer:?}");
            }
            trial.end(&mut cluster, TOPIC, 3).await?;
            for (node, pid) in pids.into_iter().enumerate() {
                ensure!(cluster.pid(node)? == pid, "{name}: node {node} is another process");
            }
        }
        Ok(())
    });
}

#[test]
fn links_are_cut_late_and_slow_and_mend() {
    run(async {
        let mut cluster = cluster(Options { cuttable: true, ..Options::default() }).await?;
        let leader = cluster.leader(0, TOPIC, 0).await?;
        let trial = Trial::begin(&mut cluster, "isolate-leader", 4).await?;
        ensure!(trial.nodes() == [leader], "{leader} leads, {:?} was hit", trial.nodes());
        let answer = cluster.api(leader).produce(TOPIC, 0, "lost", "&timeout_ms=1500").await?;
        ensure!(matches!(answer.status, 503 | 504), "a leader without a majority: {answer:?}");
        cluster.wait_other_leader(TOPIC, leader).await?;
        trial.end(&mut cluster, TOPIC, 3).await?;

        // A seed that draws 50 ms and more each way.
        let late = Trial::begin(&mut cluster, "late", 5).await?;
        let took = cluster.time_of_write(TOPIC, "late").await?;
        ensure!(took > Duration::from_millis(90), "it took {took:?}");
        late.end(&mut cluster, TOPIC, 3).await?;
        let slow = Trial::begin(&mut cluster, "slow-link", 1).await?;
        slow.demand_slow(&cluster, TOPIC, BYTES_OF_KBIT).await?;
        slow.end(&mut cluster, TOPIC, 3).await?;
        for name in ["majority-ring", "bridge", "isolate-one", "isolate-minority", "one-way"] {
            let trial = Trial::begin(&mut cluster, name, 5).await?;
            // Through a proxy, who is heard by nobody goes on hearing the others.
            if name != "one-way" {
                trial.wait_cut(&cluster).await?;
            }
            cluster.wait_write(TOPIC, name).await?;
            trial.end(&mut cluster, TOPIC, 3).await?;
            cluster.wait_heard(&[2; 3]).await?;
        }
        Ok(())
    });
}

#[test]
fn memory_and_descriptors_run_out_and_are_given_back() {
    run(async {
        let mut cluster = cluster(Options::default()).await?;
        let trial = Trial::begin(&mut cluster, "no-descriptors", 1).await?;
        let api = cluster.api(trial.nodes()[0]).clone();
        let mut held = Vec::new();
        wait_for("a connection to be refused", LONG, || {
            let address = api.base().trim_start_matches("http://").to_owned();
            held.push(std::net::TcpStream::connect(address));
            let fresh = Api::new(&api.base()[7..]);
            async move {
                let look = async { fresh?.get("/readyz").await };
                let answer = tokio::time::timeout(Duration::from_secs(1), look).await;
                ensure!(!matches!(answer, Ok(Ok(_))), "it answers: {answer:?}");
                Ok(())
            }
        })
        .await?;
        drop(held);
        trial.end(&mut cluster, TOPIC, 3).await?;

        match Bounded::Memory.possible() {
            Err(why) => machine::skip("cgroup", why),
            Ok(()) => {
                let trial = Trial::begin(&mut cluster, "memory-cap", 3).await?;
                let group = format!("/proc/{}/cgroup", cluster.pid(trial.nodes()[0])?);
                let inside = |text: String| text.contains(":memory:/rampart-");
                ensure!(inside(std::fs::read_to_string(&group)?), "it is in no group");
                cluster.wait_write(TOPIC, "in little memory").await?;
                trial.end(&mut cluster, TOPIC, 3).await?;
                let free = std::fs::read_to_string(&group).map_or(true, |text| !inside(text));
                ensure!(free, "it is still bound");
                Ok(())
            }
        }
    });
}
