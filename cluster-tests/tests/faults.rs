//! The faults of processes and of links, on a cluster that needs no privileges: each has the effect
//! it is there for, and heals.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::faults::{self, Fault, Injected};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

const TOPIC: &str = "weather";
const LONG: Duration = Duration::from_secs(60);

async fn inject(cluster: &mut Cluster, name: &str) -> Result<(Box<dyn Fault>, Injected)> {
    let fault = faults::by_name(name).with_context(|| format!("no fault {name}"))?;
    let injected = fault.inject(cluster, &mut StdRng::seed_from_u64(7)).await?;
    phase(format!("{name}: {injected:?}"));
    ensure!(!injected.nothing(), "{name} found no victim");
    Ok((fault, injected))
}

/// Twice, for healing what is healed must do nothing.
async fn heal(cluster: &mut Cluster, (fault, injected): (Box<dyn Fault>, Injected)) -> Result<()> {
    fault.heal(cluster, injected.clone()).await?;
    fault.heal(cluster, injected).await?;
    let all = cluster.members();
    ensure!(cluster.awake() == all, "of {all:?} only {:?} are awake", cluster.awake());
    for index in all {
        cluster.wait_ready(index).await?;
    }
    cluster.wait_in_sync(TOPIC, 3).await
}

#[test]
fn processes_end_stand_still_and_come_back() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;

        for (name, count) in [("kill-one", 1), ("kill-majority", 2), ("kill-all", 3)] {
            let what = inject(&mut cluster, name).await?;
            ensure!(what.1.nodes.len() == count, "{name} hit {:?}", what.1.nodes);
            ensure!(what.1.nodes.iter().all(|&node| !cluster.is_up(node)), "one is up");
            heal(&mut cluster, what).await?;
        }
        for name in ["kill-leader", "pause-leader"] {
            let leader = cluster.leader(0, TOPIC, 0).await?;
            let what = inject(&mut cluster, name).await?;
            ensure!(what.1.nodes == [leader], "{leader} leads, {:?} was hit", what.1.nodes);
            ensure!(!cluster.awake().contains(&leader), "it is awake");
            let other = (leader + 1) % 3;
            wait_for("another leader", LONG, || async {
                let next = cluster.leader(other, TOPIC, 0).await?;
                ensure!(next != leader, "still {leader}");
                Ok(())
            })
            .await?;
            heal(&mut cluster, what).await?;
        }
        for name in ["stop-one", "restart-storm", "rolling-restart", "pause-all"] {
            let pids: Vec<u32> = (0..3).map(|index| cluster.pid(index)).collect::<Result<_>>()?;
            let what = inject(&mut cluster, name).await?;
            let (paused, all) = (name == "pause-all", what.1.nodes.clone());
            ensure!(!paused || cluster.awake().is_empty(), "{:?} are awake", cluster.awake());
            heal(&mut cluster, what).await?;
            for node in all {
                let same = cluster.pid(node)? == pids[node];
                ensure!(same == paused, "{name}: process {} of node {node}", pids[node]);
            }
        }
        Ok(())
    });
}
