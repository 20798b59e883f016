//! Leaderships go where they are sent, also to a replica that restarted under a quiet leader.

use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::json;

const PATH: &str = "/v1/cluster/partitions/baton/0:transfer-leadership";

/// A replica that is not known to have caught up is refused, so it is asked again.
async fn hand_to(cluster: &Cluster, node: u64) -> Result<()> {
    wait_for(format!("node {node} to lead"), Duration::from_secs(30), || async {
        let answer = cluster.api(0).post(PATH, &json!({ "to": node })).await?.ok()?;
        ensure!(answer["leader"] == node, "sent to {node}, answered {answer}");
        Ok(())
    })
    .await
}

#[test]
fn a_leadership_goes_to_the_node_it_is_sent_to() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic("baton", 1, 3, json!({})).await?;
        cluster.api(0).produce("baton", 0, "first", "").await?.ok()?;

        phase("to every node in turn, twice");
        for node in [1, 2, 3, 1, 3, 2] {
            hand_to(&cluster, node).await?;
        }

        phase("to a node that has just restarted and was sent nothing since");
        cluster.kill(2);
        cluster.restart(2).await?;
        cluster.wait_in_sync("baton", 3).await?;
        hand_to(&cluster, cluster.node_id(2).await?).await?;
        cluster.api(0).produce("baton", 0, "last", "").await?.ok()?;
        Ok(())
    });
}
