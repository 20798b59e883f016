//! Power that fails: of one node, of the leader, of all at once. Whatever was not synced is gone,
//! also from the file system's journal, and the processes with it.
//!
//! Nothing acknowledged is lost: what is acknowledged is synced by a majority (INV-01), votes are
//! synced before they are answered (INV-05).

use anyhow::Result;
use futures_util::future::BoxFuture;
use rand::rngs::StdRng;

use super::victims::Who;
use super::{Fault, How, Injected};
use crate::harness::cluster::Cluster;

pub(super) fn all() -> Vec<Fault> {
    let cut = |name, who| Fault::new(name, who, Cut);
    vec![
        cut("power-cut-one", Who::One),
        cut("power-cut-leader", Who::Leader),
        cut("power-cut-all", Who::All),
    ]
}

/// Of their disks, and with it of their processes.
#[derive(Debug)]
struct Cut;

impl How for Cut {
    fn possible(&self, cluster: &Cluster) -> Result<(), String> {
        cluster.has_disks()
    }

    fn begin<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        nodes: &'a [usize],
        _: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(async move {
            cluster.cut_power(nodes).await?;
            Ok(Injected::on(nodes, "power cut"))
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
