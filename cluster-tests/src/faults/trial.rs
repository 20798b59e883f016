//! Trying a fault out by itself: injected, looked at, healed twice, and the cluster as before.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Fault, Injected, by_name};
use crate::harness::cluster::Cluster;
use crate::harness::session::phase;

/// A record of this size is taken.
const RECORD_BYTES: usize = 1_000_000;

/// A fault that is in force.
#[derive(Debug)]
pub struct Trial {
    fault: Fault,
    /// Whom it hits, and how.
    pub injected: Injected,
}

impl Trial {
    /// Injects a fault; an error if it is not possible here or finds no victim.
    pub async fn begin(cluster: &mut Cluster, name: &str, seed: u64) -> Result<Trial> {
        let fault = by_name(name).with_context(|| format!("no fault {name}"))?;
        let possible = fault.possible(cluster);
        ensure!(possible.is_ok(), "{name} is not possible here: {possible:?}");
        let injected = fault.inject(cluster, &mut StdRng::seed_from_u64(seed)).await?;
        phase(format!("{name}: {:?} {}", injected.nodes, injected.detail));
        ensure!(!injected.nothing(), "{name} found no victim: {}", injected.detail);
        Ok(Trial { fault, injected })
    }

    /// Its victims.
    pub fn nodes(&self) -> &[usize] {
        &self.injected.nodes
    }

    /// Demands that a write takes its time where no more than so many bytes go through in a second
    /// for each of what the fault says that it allows. Half of it: what is sent first may be free.
    pub async fn demand_slow(&self, cluster: &Cluster, topic: &str, unit: usize) -> Result<()> {
        let said =
            self.injected.detail.split(' ').next().and_then(|word| word.parse::<usize>().ok());
        let rate = unit * said.with_context(|| format!("no rate: {}", self.injected.detail))?;
        let size = rate.min(RECORD_BYTES);
        let took = cluster.time_of_write(topic, &"x".repeat(size)).await?;
        let least = Duration::from_secs_f64(size as f64 / rate as f64 / 2.0);
        ensure!(took > least, "{size} bytes took {took:?}");
        Ok(())
    }

    /// Waits until the nodes of a cluster of three hear no more of each other than a cut leaves.
    pub async fn wait_cut(&self, cluster: &Cluster) -> Result<()> {
        let but_one = |one: usize, [its, others]: [usize; 2]| {
            [0, 1, 2].map(|node| if node == one { its } else { others })
        };
        let victim = *self.nodes().first().context("no victim")?;
        let heard = match self.fault.name() {
            "bridge" => but_one(victim, [2, 1]),
            "majority-ring" => {
                // The first and the last of those named do not hear each other.
                let named = self.injected.detail.chars().filter_map(|c| c.to_digit(10)).nth(1);
                but_one(named.context("no ring")? as usize, [2, 1])
            }
            _ => but_one(victim, [0, 1]),
        };
        cluster.wait_heard(&heard).await
    }

    /// Heals it, twice, for healing what is healed must do nothing; then all members are ready and
    /// the topic's replicas are level.
    pub async fn end(self, cluster: &mut Cluster, topic: &str, replicas: usize) -> Result<()> {
        self.fault.heal(cluster, &self.injected).await?;
        self.fault.heal(cluster, &self.injected).await?;
        let all = cluster.members();
        for &index in &all {
            cluster.wait_ready(index).await?;
        }
        ensure!(cluster.awake() == all, "of {all:?} only {:?} are awake", cluster.awake());
        cluster.wait_in_sync(topic, replicas).await
    }
}
