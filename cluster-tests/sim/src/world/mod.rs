//! The simulated world: hosts, their network and their disks, and one step of time after another.

pub(crate) mod door;
mod host;
pub(crate) mod shared;

use std::time::Duration;

use anyhow::{Result, anyhow};
use turmoil::Sim;

pub(crate) use self::host::name;
pub(crate) use self::shared::{Shared, Stage};

/// One step of time.
pub(crate) const STEP: Duration = Duration::from_millis(1);
/// No run is longer.
const LONGEST: Duration = Duration::from_secs(600);

/// Wall time at which every run begins: 2026-01-01.
const EPOCH_MS: i64 = 1_767_225_600_000;

/// The right time, for whoever is in the world.
pub(crate) fn wall_ms() -> i64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default().as_millis();
    EPOCH_MS + i64::try_from(elapsed).unwrap_or(0)
}

/// Hosts and network of one run.
pub(crate) struct World {
    sim: Sim<'static>,
    shared: Shared,
}

impl World {
    /// Machines that are off but for the nodes' first start, which is under way.
    pub(crate) fn new(shared: Shared, latency_max: Duration) -> World {
        let dice = shared.dice().of("world");
        let mut sim = turmoil::Builder::new()
            .simulation_duration(LONGEST)
            .tick_duration(STEP)
            .tcp_capacity(1 << 16)
            .min_message_latency(Duration::ZERO)
            .max_message_latency(latency_max)
            .rng_seed(dice.number())
            .enable_random_order()
            .build();
        for host in 0..shared.hosts().len() {
            let shared = shared.clone();
            sim.host(name(host), move || {
                let shared = shared.clone();
                async move {
                    host::run(shared, host).await;
                    Ok(())
                }
            });
        }
        World { sim, shared }
    }

    /// Lets clients in.
    pub(crate) fn client(&mut self, work: impl Future<Output = ()> + 'static) {
        self.sim.client("clients", async move {
            work.await;
            Ok(())
        });
    }

    /// Lets a millisecond pass.
    pub(crate) fn step(&mut self) -> Result<()> {
        self.shared.clock().set(self.sim.elapsed());
        self.sim.step().map_err(|error| anyhow!("{error}"))?;
        for host in self.shared.hosts() {
            host.disk().tick();
        }
        Ok(())
    }

    /// Virtual time since the run began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }

    /// Everybody in it.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The network and the processes, for faults.
    pub(crate) fn sim(&mut self) -> &mut Sim<'static> {
        &mut self.sim
    }
}
