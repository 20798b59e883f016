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
use super::{Fault, How, Injected};
use crate::harness::cluster::Cluster;
use crate::harness::probe::pass;

/// Restarts in one storm.
const STORM: usize = 8;
/// The longest a node of a storm lives.
const LIFE_MS_MAX: u64 = 1_500;

pub(super) fn all() -> Vec<Fault> {
    vec![
        Fault::new("kill-one", Who::One, Kill::Sudden),
        Fault::new("kill-leader", Who::Leader, Kill::Sudden),
        Fault::new("kill-majority", Who::Majority, Kill::Sudden),
        Fault::new("kill-all", Who::All, Kill::Sudden),
        Fault::new("restart-storm", Who::One, Kill::Storm),
        Fault::new("stop-one", Who::One, Kill::Stop),
        Fault::new("rolling-restart", Who::All, Kill::Rolling),
    ]
}

#[derive(Debug)]
enum Kill {
    /// kill -9.
    Sudden,
    /// One is killed again and again, each time before or soon after it is ready.
    Storm,
    /// SIGTERM, and it ends in order.
    Stop,
    /// Each in turn is stopped in order, started, and waited for: what an upgrade does.
    Rolling,
}

impl How for Kill {
    fn begin<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        nodes: &'a [usize],
        rng: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(async move {
            let detail = match self {
                Kill::Sudden => {
                    cluster.kill_these(nodes);
                    "kill -9".to_owned()
                }
                Kill::Storm => storm(cluster, nodes[0], rng).await?,
                Kill::Stop => format!("SIGTERM, exit code {}", cluster.terminate(nodes[0]).await?),
                Kill::Rolling => rolling(cluster, nodes).await?,
            };
            Ok(Injected::on(nodes, detail))
        })
    }

    fn end<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: &'a Injected,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { cluster.launch_those_down(&injected.nodes) })
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
