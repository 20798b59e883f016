//! Takes away what a run made on a foreign cluster.

use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::views;

/// Nodes that were hit come back meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// Deletes every topic whose name begins so; waits until none is left.
pub(crate) async fn topics(nodes: &[Api], prefix: &str) -> Result<()> {
    let turn = std::cell::Cell::new(0);
    wait_for("the run's own topics to be deleted", PATIENCE, || async {
        let api = &nodes[turn.get() % nodes.len()];
        turn.set(turn.get() + 1);
        let names = views::topic_names(&api.get("/v1/topics").await?.ok()?)?;
        let own: Vec<&String> = names.iter().filter(|name| name.starts_with(prefix)).collect();
        for name in &own {
            api.delete(&format!("/v1/topics/{name}")).await?;
        }
        ensure!(own.is_empty(), "{} topics were there just now", own.len());
        Ok(())
    })
    .await
}
