//! Clocks that are wrong: the wall clock an hour ahead or behind, or there and back several times a
//! second, and a machine that has been up for longer all at once.
//!
//! Nothing acknowledged is lost: no rule of the log asks the wall clock, leases run on the
//! monotonic one, and one that starts elsewhere is only ever compared with itself.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::BoxFuture;
use rand::RngExt;
use rand::rngs::StdRng;

use super::victims::Who;
use super::{Fault, How, Injected};
use crate::harness::cluster::Cluster;
use crate::harness::machine::{has_tool, is_root};
use crate::harness::shim::Knob;

const HOUR: Duration = Duration::from_hours(1);
const STROBE: Duration = Duration::from_millis(150);
/// Sixty days, in seconds.
const UPTIME_S_MAX: u32 = 5_184_000;

pub(super) fn all() -> Vec<Fault> {
    let clock = |name, how| Fault::new(name, Who::One, how);
    vec![
        clock("clock-skew", Clock::Skew),
        clock("clock-strobe", Clock::Strobe),
        clock("uptime-jump", Clock::Uptime),
    ]
}

#[derive(Debug)]
enum Clock {
    /// The wall clock is off by up to an hour.
    Skew,
    /// It is off and right in turn.
    Strobe,
    /// The node is killed and finds its monotonic clock far ahead when it is started again.
    Uptime,
}

impl How for Clock {
    fn possible(&self, cluster: &Cluster) -> Result<(), String> {
        match self {
            Clock::Skew | Clock::Strobe => cluster.has_shim(),
            Clock::Uptime if is_root() && has_tool("unshare") => Ok(()),
            Clock::Uptime => Err("time namespaces take root and unshare".to_owned()),
        }
    }

    fn begin<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        nodes: &'a [usize],
        rng: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(async move {
            let detail = self.wrong(cluster, nodes[0], rng)?;
            Ok(Injected::on(nodes, detail))
        })
    }

    fn end<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: &'a Injected,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for &node in &injected.nodes {
                match self {
                    // Its clock goes back at its next start: a second kill is another fault.
                    Clock::Uptime => cluster.shift_uptime(node, None),
                    Clock::Skew | Clock::Strobe => {
                        cluster.turn(node, Knob::ClockOffsetNs, 0)?;
                        cluster.turn(node, Knob::ClockStrobeNs, 0)?;
                    }
                }
            }
            cluster.launch_those_down(&injected.nodes)
        })
    }
}

impl Clock {
    fn wrong(&self, cluster: &mut Cluster, node: usize, rng: &mut StdRng) -> Result<String> {
        if matches!(self, Clock::Uptime) {
            let seconds = rng.random_range(HOUR.as_secs() as u32..UPTIME_S_MAX);
            cluster.kill(node);
            cluster.shift_uptime(node, Some(seconds));
            cluster.launch(node)?;
            return Ok(format!("kill -9, and up for {seconds} s more"));
        }
        let hour = i64::try_from(HOUR.as_nanos())?;
        let off = if rng.random() { hour } else { -hour };
        let strobe = matches!(self, Clock::Strobe).then_some(STROBE);
        cluster.turn(
            node,
            Knob::ClockStrobeNs,
            i64::try_from(strobe.unwrap_or_default().as_nanos())?,
        )?;
        cluster.turn(node, Knob::ClockOffsetNs, off)?;
        Ok(format!("the wall clock is off by {} s, strobe {strobe:?}", off / 1_000_000_000))
    }
}
