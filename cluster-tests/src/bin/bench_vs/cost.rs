//! What a load costs, counted alike for either system: CPU time of the nodes and of the load
//! generator, memory of the nodes.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::proc_stat::{cpu_time, resident_bytes};

/// CPU seconds so far.
pub(crate) struct Cost {
    nodes: Vec<f64>,
    generators: f64,
    watch: Stopwatch,
}

impl Cost {
    pub(crate) fn so_far(pids: &[u32]) -> Result<Cost> {
        let nodes = pids.iter().map(|&pid| Ok(cpu_time(pid)?.as_secs_f64()));
        Ok(Cost {
            nodes: nodes.collect::<Result<_>>()?,
            generators: children()?.as_secs_f64(),
            watch: Stopwatch::start(),
        })
    }

    /// Of all nodes, from an earlier look to this one.
    pub(crate) fn nodes_since(&self, before: &Cost) -> f64 {
        self.nodes.iter().sum::<f64>() - before.nodes.iter().sum::<f64>()
    }

    /// Of the processes that this one has started, and that ended between the looks.
    pub(crate) fn generators_since(&self, before: &Cost) -> f64 {
        self.generators - before.generators
    }

    /// Of the busiest node, in percent of a core.
    pub(crate) fn busiest_since(&self, before: &Cost) -> f64 {
        let span = self.watch.since(before.watch).as_secs_f64();
        let used = self.nodes.iter().zip(&before.nodes).map(|(after, before)| after - before);
        used.fold(0.0, f64::max) / span * 100.0
    }
}

/// Memory of a node in RAM, the mean of all, in MiB.
pub(crate) fn mean_memory(pids: &[u32]) -> Result<f64> {
    let mut sum = 0.0;
    for &pid in pids {
        sum += resident_bytes(pid)? as f64 / f64::from(1 << 20);
    }
    Ok(sum / pids.len() as f64)
}

/// CPU time of children that have ended, and of theirs: fields 16 and 17 of the process's own line.
fn children() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let odd = "/proc/self/stat looks different here";
    let (_, rest) = stat.rsplit_once(')').context(odd)?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    let sum = ticks(13).context(odd)? + ticks(14).context(odd)?;
    // A tick is 10 ms in the kernel's interface to user space.
    Ok(Duration::from_millis(sum * 10))
}
