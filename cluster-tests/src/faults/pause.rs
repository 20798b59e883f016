//! Processes that stand still: SIGSTOP, as a virtual machine that is moved or a long stall. They
//! hold their connections and answer nothing, and go on as if no time had passed.
//!
//! Nothing acknowledged is lost: a leader that stood still finds its lease run out and confirms
//! before it answers (INV-01, INV-17).

use anyhow::Result;
use futures_util::future::BoxFuture;
use rand::rngs::StdRng;

use super::victims::Who;
use super::{Fault, How, Injected};
use crate::harness::cluster::Cluster;

pub(super) fn all() -> Vec<Fault> {
    let pause = |name, who| Fault::new(name, who, Stop);
    vec![
        pause("pause-one", Who::One),
        pause("pause-leader", Who::Leader),
        pause("pause-majority", Who::Majority),
        pause("pause-all", Who::All),
    ]
}

/// SIGSTOP and SIGCONT.
#[derive(Debug)]
struct Stop;

impl How for Stop {
    fn begin<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        nodes: &'a [usize],
        _: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(async move {
            for &node in nodes {
                cluster.pause(node)?;
            }
            Ok(Injected::on(nodes, "SIGSTOP"))
        })
    }

    fn end<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: &'a Injected,
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
