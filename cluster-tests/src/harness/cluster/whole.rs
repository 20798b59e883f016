//! Whether a cluster has everything everywhere: what must be so before more of it may be taken
//! away.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::super::views;
use super::Cluster;

/// A node that has not answered after this time is cut off or stands still; another is asked.
const ASK: Duration = Duration::from_secs(3);

impl Cluster {
    /// Data is about to be taken off the disk of a node that the cluster knows by this id; it must
    /// be emptied when that is over, and come back under another.
    pub fn scar(&mut self, index: usize, id: u64) {
        self.nodes[index].must_be_emptied = true;
        self.emptied_ids.push(id);
    }

    /// Whether a node's disk must be emptied before it is of use again.
    pub fn must_be_emptied(&self, index: usize) -> bool {
        self.nodes[index].must_be_emptied
    }

    /// Whether data may be taken off a disk: none is damaged, each partition has three replicas at
    /// least, all in sync, and all members are there, as some node sees it. What was taken off
    /// another disk before has then been rebuilt.
    pub async fn is_whole(&self) -> bool {
        if self.members().into_iter().any(|index| self.must_be_emptied(index)) {
            return false;
        }
        for index in self.awake() {
            if let Ok(Ok(())) = tokio::time::timeout(ASK, self.demand_whole(index)).await {
                return true;
            }
        }
        false
    }

    async fn demand_whole(&self, asked: usize) -> Result<()> {
        let members = self.members().len();
        ensure!(members >= 3, "{members} members");
        let api = self.api(asked);
        let status = api.get("/v1/cluster").await?.ok()?;
        views::demand_members(&status, members)?;
        for id in &self.emptied_ids {
            let voters = status["metadata_voters"].as_array().context("no metadata voters")?;
            ensure!(!voters.iter().any(|voter| voter == id), "node {id} is gone and votes");
        }
        for name in views::topic_names(&api.get("/v1/topics").await?.ok()?)? {
            let topic = api.topic(&name).await?;
            views::demand_whole(&topic)?;
            for &id in &self.emptied_ids {
                ensure!(views::replicas_on(&topic, id)? == 0, "node {id} is gone and has replicas");
            }
        }
        Ok(())
    }
}
