//! Processes that end and begin again: kill -9 of one, of the leader, of a majority, of all; a
//! storm of restarts; an orderly stop; all nodes restarted in turn, as in an upgrade.
//!
//! Nothing acknowledged is lost: what is acknowledged is synced by a majority, and a process that
//! ends takes nothing from a disk (INV-01).

use std::time::Duration;

use anyhow::Result;
use futures_util::future::BoxFuture;
use rand::RngExt;
use rand::rngs::StdRng;

use super::victims::Who;
use super::{Fault, Injected};
use crate::harness::cluster::Cluster;
use crate::harness::probe::pass;

/// Restarts in one storm.
const STORM: usize = 8;
/// The longest a node of a storm lives.
const LIFE_MS_MAX: u64 = 1_500;

pub(super) fn all() -> Vec<Box<dyn Fault>> {
    let kill = |name, how| Box::new(Kill { name, how }) as Box<dyn Fault>;
    vec![
        kill("kill-one", How::Kill(Who::One)),
        kill("kill-leader", How::Kill(Who::Leader)),
        kill("kill-majority", How::Kill(Who::Majority)),
        kill("kill-all", How::Kill(Who::All)),
        kill("restart-storm", How::Storm),
        kill("stop-one", How::Stop),
        kill("rolling-restart", How::Rolling),
    ]
}

#[derive(Debug)]
struct Kill {
    name: &'static str,
    how: How,
}

#[derive(Debug)]
enum How {
    /// kill -9.
    Kill(Who),
    /// One is killed again and again, each time before or soon after it is ready.
    Storm,
    /// SIGTERM, and it ends in order.
    Stop,
    /// Each in turn is stopped in order, started, and waited for: what an upgrade does.
    Rolling,
}

impl Fault for Kill {
    fn name(&self) -> &'static str {
        self.name
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        rng: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(self.end(cluster, rng))
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: Injected,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { cluster.launch_those_down(&injected.nodes) })
    }
}

impl Kill {
    async fn end(&self, cluster: &mut Cluster, rng: &mut StdRng) -> Result<Injected> {
        let who = match self.how {
            How::Kill(who) => who,
            How::Storm | How::Stop => Who::One,
            How::Rolling => Who::All,
        };
        let nodes = who.choose(cluster, rng).await;
        if nodes.is_empty() {
            return Ok(Injected::none("too few nodes are up"));
        }
        let detail = match self.how {
            How::Kill(_) => {
                cluster.kill_these(&nodes);
                "kill -9".to_owned()
            }
            How::Storm => storm(cluster, nodes[0], rng).await?,
            How::Stop => format!("SIGTERM, exit code {}", cluster.terminate(nodes[0]).await?),
            How::Rolling => rolling(cluster, &nodes).await?,
        };
        Ok(Injected::on(&nodes, detail))
    }
}

async fn storm(cluster: &mut Cluster, node: usize, rng: &mut StdRng) -> Result<String> {
    for _ in 0..STORM {
        cluster.kill(node);
        cluster.launch(node)?;
        pass(Duration::from_millis(rng.random_range(0..LIFE_MS_MAX))).await;
    }
    Ok(format!("{STORM} times kill -9 and start"))
}

async fn rolling(cluster: &mut Cluster, nodes: &[usize]) -> Result<String> {
    let mut codes = Vec::new();
    for &node in nodes {
        codes.push(cluster.terminate(node).await?);
        cluster.restart(node).await?;
    }
    Ok(format!("stopped and started in turn, exit codes {codes:?}"))
}
