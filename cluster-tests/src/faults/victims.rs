//! Whom a fault hits: chosen from the nodes that are well enough to be hit, by a seeded generator.

use std::time::Duration;

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use serde_json::Value;

use crate::harness::cluster::{Cluster, GROUP_STATE};
use crate::harness::views;

/// A node that has not said who leads after this time may be cut off; another is asked.
const ASK: Duration = Duration::from_secs(2);

/// How many of the members, or which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Any one.
    One,
    /// The one that leads a partition.
    Leader,
    /// Fewer than half of the members, at least one.
    Minority,
    /// The least that leaves the others without a majority.
    Majority,
    /// All that are well.
    All,
    /// All that belong to the cluster, well or not.
    Members,
    /// Nobody beforehand: whom it hits follows from what it does.
    Follows,
}

impl Who {
    /// Victims among the nodes that answer, unless said otherwise; `None` if there are too few.
    pub(super) async fn choose(self, cluster: &Cluster, rng: &mut StdRng) -> Option<Vec<usize>> {
        let members = cluster.members().len();
        let mut awake = cluster.awake();
        let count = match self {
            Who::Follows => return Some(Vec::new()),
            Who::Members => return Some(cluster.members()),
            Who::Leader => return leader(cluster, rng).await.map(|node| vec![node]),
            Who::One => 1,
            Who::Minority => (members.saturating_sub(1) / 2).max(1),
            Who::Majority => members / 2 + 1,
            Who::All => awake.len().max(1),
        };
        awake.shuffle(rng);
        awake.truncate(count);
        awake.sort_unstable();
        (awake.len() == count).then_some(awake)
    }
}

/// The node that leads some partition, or the metadata where there is no topic, if it is awake.
async fn leader(cluster: &Cluster, rng: &mut StdRng) -> Option<usize> {
    let awake = cluster.awake();
    for &asked in &awake {
        let found = tokio::time::timeout(ASK, leaders(cluster, asked)).await;
        let Ok(Ok(leaders)) = found else { continue };
        let here: Vec<usize> = leaders.into_iter().filter(|node| awake.contains(node)).collect();
        if let Some(leader) = here.choose(rng) {
            return Some(*leader);
        }
    }
    None
}

/// The leader of each partition that somebody made, as one node knows them.
async fn leaders(cluster: &Cluster, asked: usize) -> Result<Vec<usize>> {
    let api = cluster.api(asked);
    let nodes = api.get("/v1/cluster/nodes").await?.ok()?;
    let mut ids = Vec::new();
    for topic in topics(cluster, asked).await? {
        if topic["name"] == GROUP_STATE {
            continue;
        }
        ids.extend(views::leaders(&topic));
    }
    if ids.is_empty() {
        let status = api.get("/v1/cluster").await?.ok()?;
        ids.push(status["controller"].as_u64().context("no controller")?);
    }
    let index = |id: u64| cluster.index_in(&nodes, id).ok();
    Ok(ids.into_iter().filter_map(index).collect())
}

/// The description of every topic, as one node knows it.
pub(super) async fn topics(cluster: &Cluster, asked: usize) -> Result<Vec<Value>> {
    let api = cluster.api(asked);
    let list = api.get("/v1/topics").await?.ok()?;
    let mut topics = Vec::new();
    for name in views::topic_names(&list)? {
        topics.push(api.topic(&name).await?);
    }
    Ok(topics)
}
