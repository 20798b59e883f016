//! Takes away what a run made on a foreign cluster.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::views;
use reqwest::Method;
use serde_json::json;

/// Nodes that were hit come back meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// Forgets every group whose name begins so; waits until none is left: those of its members that said
/// nothing are gone when their sessions run out.
pub(crate) async fn groups(nodes: &[Api], prefix: &str) -> Result<()> {
    let turn = std::cell::Cell::new(0);
    wait_for("the run's own groups to be forgotten", PATIENCE, || async {
        let api = &nodes[turn.get() % nodes.len()];
        turn.set(turn.get() + 1);
        let listed = api.get("/v1/groups").await?.ok()?;
        let listed = listed["groups"].as_array().context("no groups")?;
        let names = listed.iter().filter_map(|group| group["group"].as_str());
        let own: Vec<&str> = names.filter(|name| name.starts_with(prefix)).collect();
        for name in &own {
            let body = json!({ "force": true });
            api.with_json(Method::DELETE, &format!("/v1/groups/{name}"), &body).await?;
        }
        ensure!(own.is_empty(), "{} groups were there just now", own.len());
        Ok(())
    })
    .await
}

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
