//! What the cluster says about itself: members, leaders, replicas that are level.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::clock::Stopwatch;
use super::super::probe::wait_for;
use super::super::views;
use super::{Cluster, Node};

/// The cluster must agree on something within this time.
const SETTLE: Duration = Duration::from_secs(60);

impl Cluster {
    /// Waits until every running node knows so many nodes, and enough of them vote on metadata.
    pub async fn wait_members(&self, count: usize) -> Result<()> {
        for index in self.running() {
            let what = format!("node {index} to see {count} members");
            wait_for(what, SETTLE, || async {
                views::demand_members(&self.api(index).get("/v1/cluster").await?.ok()?, count)
            })
            .await?;
        }
        Ok(())
    }

    /// The id the cluster gave to a node.
    pub async fn node_id(&self, index: usize) -> Result<u64> {
        let nodes = self.any()?.get("/v1/cluster/nodes").await?.ok()?;
        views::node_id(&nodes, self.nodes[index].http)
    }

    /// The index of a node by its id.
    pub async fn index_of(&self, id: u64) -> Result<usize> {
        self.index_in(&self.any()?.get("/v1/cluster/nodes").await?.ok()?, id)
    }

    /// The same, from the list of nodes that one of them gave.
    pub fn index_in(&self, nodes: &Value, id: u64) -> Result<usize> {
        let is_it = |node: &Node| views::node_id(nodes, node.http).is_ok_and(|found| found == id);
        self.nodes.iter().position(is_it).with_context(|| format!("no node {id} in {nodes}"))
    }

    /// The node that leads a partition, as soon as the given node knows a living one.
    pub async fn leader(&self, asked: usize, topic: &str, partition: u32) -> Result<usize> {
        let what = format!("a leader of {topic}-{partition}");
        let running = self.running();
        let id = wait_for(what, SETTLE, || async {
            let api = self.api(asked);
            let id = views::leader(&api.topic(topic).await?, partition)?;
            // Of the same node: another one may stand still.
            let index = self.index_in(&api.get("/v1/cluster/nodes").await?.ok()?, id)?;
            running.contains(&index).then_some(index).context("the leader known is down")
        });
        id.await
    }

    /// Waits until every partition of a topic has a leader and so many replicas, all in sync and
    /// level with it.
    pub async fn wait_in_sync(&self, topic: &str, replicas: usize) -> Result<()> {
        let what = format!("{replicas} replicas of each partition of {topic} to be level");
        wait_for(what, SETTLE, || async {
            views::demand_level(&self.any()?.topic(topic).await?, replicas)
        })
        .await
    }

    /// Waits until another node than `before` leads partition 0 of a topic, as the next node sees it.
    pub async fn wait_other_leader(&self, topic: &str, before: usize) -> Result<()> {
        let other = (before + 1) % self.nodes.len();
        wait_for("another leader", SETTLE, || async {
            let next = self.leader(other, topic, 0).await?;
            ensure!(next != before, "still {before}");
            Ok(())
        })
        .await
    }

    /// Waits until each node hears so many others, by index, as it counts them itself.
    pub async fn wait_heard(&self, expected: &[usize]) -> Result<()> {
        for (index, &count) in expected.iter().enumerate() {
            wait_for(format!("node {index} to hear {count} others"), SETTLE, || async {
                let nodes = self.api(index).get("/v1/cluster/nodes").await?.ok()?;
                let heard = views::alive_beside(&nodes, self.nodes[index].http)?;
                ensure!(heard == count, "it hears {heard}: {nodes}");
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Waits until a write to partition 0 of a topic is taken by some node: not every one may reach
    /// the leader.
    pub async fn wait_write(&self, topic: &str, value: &str) -> Result<()> {
        let mut turn = 0;
        wait_for("a write to be taken", SETTLE, || {
            turn += 1;
            let api = self.api(turn % self.nodes.len());
            async move { api.produce(topic, 0, value, "&timeout_ms=2000").await?.ok() }
        })
        .await
        .map(drop)
    }

    /// How long a write takes that every replica must have.
    pub async fn time_of_write(&self, topic: &str, value: &str) -> Result<Duration> {
        let watch = Stopwatch::start();
        self.api(0).produce(topic, 0, value, "&ack=-1&timeout_ms=20000").await?.ok()?;
        Ok(watch.elapsed())
    }

    /// The same while writers go on: each in sync, and behind by what they have in flight at most.
    pub async fn wait_near(&self, topic: &str, replicas: usize, in_flight: u64) -> Result<()> {
        let what = format!("{replicas} replicas of each partition of {topic} to have caught up");
        wait_for(what, SETTLE, || async {
            views::demand_near(&self.any()?.topic(topic).await?, replicas, in_flight)
        })
        .await
    }
}
