//! The faults that take data off one disk, or move it: each has the effect it is there for, and
//! heals, and every record that was acknowledged is there afterwards.

use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::faults::trial::Trial;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::run;
use rampart_cluster_tests::harness::views;
use serde_json::json;

const TOPIC: &str = "weather";
const LONG: Duration = Duration::from_secs(60);

async fn cluster(nodes: usize) -> Result<Cluster> {
    let options = Options { shim: machine::has_tool("cc"), ..Options::default() };
    let cluster = Cluster::start_with(nodes, options).await?;
    cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(cluster)
}

async fn wait_whole(cluster: &Cluster) -> Result<()> {
    wait_for("the cluster to be whole", LONG, || async {
        ensure!(cluster.is_whole().await, "it is not");
        Ok(())
    })
    .await
}

#[test]
fn a_damaged_disk_is_refused_or_replaced_and_nothing_is_lost() {
    run(async {
        let mut cluster = cluster(3).await?;
        let mut stored = Vec::new();
        let faults = [
            ("wiped-disk", 1),
            ("old-disk", 2),
            ("flipped-bit", 3),
            ("short-file", 4),
            ("missing-file", 5),
            ("read-error", 6),
        ];
        for (name, seed) in faults {
            if name == "read-error" && cluster.has_shim().is_err() {
                machine::skip("cc", "there is no C compiler")?;
                continue;
            }
            wait_whole(&cluster).await?;
            for number in 0..20 {
                let value = format!("{name} {number}");
                cluster.any()?.produce(TOPIC, 0, &value, "&ack=-1").await?.ok()?;
                stored.push(value);
            }
            let any = cluster.any()?.get("/v1/cluster/nodes").await?.ok()?;
            let trial = Trial::begin(&mut cluster, name, seed).await?;
            let node = trial.nodes()[0];
            let before = views::node_id(&any, cluster.node(node).http)?;
            ensure!(!cluster.is_whole().await, "{name}, and the cluster is whole");
            if name == "old-disk" {
                ensure!(trial.injected.detail.ends_with("exit code 78"), "it is not refused");
            }
            trial.end(&mut cluster, TOPIC, 3).await?;
            let after = cluster.node_id(node).await?;
            ensure!(after != before, "{name}: it came back as node {before}");
        }
        wait_whole(&cluster).await?;
        for index in cluster.members() {
            let values = cluster.api(index).read_all(TOPIC, 0).await?.into_iter();
            let values: Vec<String> = values.filter_map(|record| record.value).collect();
            ensure!(values == stored, "{} of {} records", values.len(), stored.len());
        }
        cluster.demand_same_on_every_replica(&[TOPIC]).await
    });
}

#[test]
fn nodes_come_and_go_and_replicas_move() {
    run(async {
        let mut cluster = cluster(4).await?;
        for name in ["transfer-leadership", "move-replica", "drain-node"] {
            let before = cluster.any()?.topic(TOPIC).await?;
            let trial = Trial::begin(&mut cluster, name, 1).await?;
            let id = cluster.node_id(trial.nodes()[0]).await?;
            wait_for(format!("{name} to have an effect"), LONG, || async {
                let topic = cluster.any()?.topic(TOPIC).await?;
                let node = cluster.any()?.get(&format!("/v1/cluster/nodes/{id}")).await?.ok()?;
                let done = match name {
                    "transfer-leadership" => views::leader(&topic, 0)? == id,
                    "move-replica" => {
                        views::replicas_on(&before, id)? == 0
                            && views::replicas_on(&topic, id)? == 1
                    }
                    _ => node["state"] == "draining" || node["state"] == "drained",
                };
                ensure!(done, "{topic} {node}");
                Ok(())
            })
            .await?;
            trial.end(&mut cluster, TOPIC, 3).await?;
        }
        let trial = Trial::begin(&mut cluster, "add-and-remove-node", 1).await?;
        cluster.wait_ready(4).await?;
        cluster.wait_members(5).await?;
        trial.end(&mut cluster, TOPIC, 3).await?;
        ensure!(cluster.members() == [0, 1, 2, 3], "{:?} are members", cluster.members());
        cluster.wait_members(4).await
    });
}
