//! Processes that stand still: SIGSTOP, as a virtual machine that is moved or a long stall. They
//! hold their connections and answer nothing, and go on as if no time had passed.
//!
//! Nothing acknowledged is lost: a leader that stood still finds its lease run out and confirms
//! before it answers (INV-01, INV-17).

use anyhow::Result;
use futures_util::future::BoxFuture;
use rand::rngs::StdRng;

use super::victims::Who;
use super::{Fault, Injected};
use crate::harness::cluster::Cluster;

pub(super) fn all() -> Vec<Box<dyn Fault>> {
    let pause = |name, who| Box::new(Pause { name, who }) as Box<dyn Fault>;
    vec![
        pause("pause-one", Who::One),
        pause("pause-leader", Who::Leader),
        pause("pause-majority", Who::Majority),
        pause("pause-all", Who::All),
    ]
}

#[derive(Debug)]
struct Pause {
    name: &'static str,
    who: Who,
}

impl Fault for Pause {
    fn name(&self) -> &'static str {
        self.name
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
            for &node in &nodes {
                cluster.pause(node)?;
            }
            Ok(Injected::on(&nodes, "SIGSTOP"))
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: Injected,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for &node in &injected.nodes {
                // One that was killed or restarted meanwhile stands still no longer.
                if cluster.is_up(node) {
                    cluster.resume(node)?;
                }
            }
            Ok(())
        })
    }
}
