//! Power that fails: of one node, of the leader, of all at once. Whatever was not synced is gone,
//! also from the file system's journal, and the processes with it.
//!
//! Nothing acknowledged is lost: what is acknowledged is synced by a majority (INV-01), votes are
//! synced before they are answered (INV-05).

use anyhow::Result;
use futures_util::future::BoxFuture;
use rand::rngs::StdRng;

use super::victims::Who;
use super::{Fault, Injected};
use crate::harness::cluster::Cluster;

pub(super) fn all() -> Vec<Box<dyn Fault>> {
    let cut = |name, who| Box::new(PowerCut { name, who }) as Box<dyn Fault>;
    vec![
        cut("power-cut-one", Who::One),
        cut("power-cut-leader", Who::Leader),
        cut("power-cut-all", Who::All),
    ]
}

#[derive(Debug)]
struct PowerCut {
    name: &'static str,
    who: Who,
}

impl Fault for PowerCut {
    fn name(&self) -> &'static str {
        self.name
    }

    fn possible(&self, cluster: &Cluster) -> Result<(), String> {
        cluster.has_disks()
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        rng: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(async move {
            let nodes = self.who.choose(cluster, rng).await;
            if nodes.is_empty() {
                return Ok(Injected::none("too few nodes are up"));
            }
            cluster.cut_power(&nodes).await?;
            Ok(Injected::on(&nodes, "power cut"))
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: Injected,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { cluster.launch_those_down(&injected.nodes) })
    }
}
