//! Resources that run out: memory under a bound, descriptors all in use, a disk that takes few bytes
//! a second.
//!
//! Nothing acknowledged is lost: a node that gets no memory is ended by the kernel, as by kill -9;
//! one without descriptors refuses connections, or ends like one whose disk fails (INV-13); one that
//! writes slowly is not in the quorum in time.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::victims::Who;
use super::{Fault, How, Injected};
use crate::harness::cgroup::Bounded;
use crate::harness::cluster::Cluster;

/// Memory beyond what the node has, in MiB.
const MORE_MIB: [u64; 3] = [2, 8, 32];
/// What goes to the disk in a second, in KiB.
const KIB_A_SECOND: [u64; 3] = [64, 512, 4_096];
/// Descriptors beyond those that it has open.
const MORE_DESCRIPTORS: usize = 4;

pub(super) fn all() -> Vec<Fault> {
    let limit = |name, how| Fault::new(name, Who::One, how);
    vec![
        limit("memory-cap", Limit::Memory),
        limit("no-descriptors", Limit::Descriptors),
        limit("narrow-disk", Limit::Writes),
    ]
}

#[derive(Debug)]
enum Limit {
    /// It may take little memory more, page cache and all.
    Memory,
    /// It may open few descriptors more.
    Descriptors,
    /// It may write few bytes a second.
    Writes,
}

impl How for Limit {
    fn possible(&self, cluster: &Cluster) -> Result<(), String> {
        match self {
            Limit::Memory => Bounded::Memory.possible(),
            Limit::Descriptors => Ok(()),
            Limit::Writes => cluster.has_disks().and_then(|()| Bounded::Writes.possible()),
        }
    }

    fn begin<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        nodes: &'a [usize],
        rng: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(async move {
            let node = nodes[0];
            match self {
                Limit::Memory => {
                    let mib = MORE_MIB[rng.random_range(0..MORE_MIB.len())];
                    cluster.bound_memory(node, mib << 20)?;
                    Ok(Injected::on(nodes, format!("{mib} MiB more")))
                }
                Limit::Writes => {
                    let kib = KIB_A_SECOND[rng.random_range(0..KIB_A_SECOND.len())];
                    cluster.bound_writes(node, kib << 10)?;
                    Ok(Injected::on(nodes, format!("{kib} KiB/s to its disk")))
                }
                Limit::Descriptors => {
                    let (pid, bound) = bound_for(cluster, node, MORE_DESCRIPTORS)?;
                    let before = set_limit(pid, Some(bound))?;
                    let notes = vec![u64::from(cluster.pid(node)?), before.unwrap_or(u64::MAX)];
                    let detail = format!("{MORE_DESCRIPTORS} more descriptors, below {bound}");
                    Ok(Injected { notes, ..Injected::on(nodes, detail) })
                }
            }
        })
    }

    fn end<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: &'a Injected,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for &node in &injected.nodes {
                match (self, injected.notes.as_slice()) {
                    (Limit::Memory | Limit::Writes, _) => cluster.free_bounds(node),
                    // Another life of the node has its own limit.
                    (Limit::Descriptors, &[pid, before]) if cluster.is_up(node) => {
                        if u64::from(cluster.pid(node)?) == pid {
                            let (pid, _) = bound_for(cluster, node, 0)?;
                            set_limit(pid, (before != u64::MAX).then_some(before))?;
                        }
                    }
                    (Limit::Descriptors, _) => {}
                }
            }
            cluster.launch_those_down(&injected.nodes)
        })
    }
}

/// A node's process, and a bound that leaves so many descriptors: new ones take the lowest free
/// numbers, so it is counted from below.
fn bound_for(cluster: &Cluster, node: usize, more: usize) -> Result<(Pid, u64)> {
    let pid = cluster.pid(node)?;
    let mut open = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        open.insert(entry?.file_name().to_string_lossy().parse::<u64>()?);
    }
    let bound = (0..).filter(|number| !open.contains(number)).nth(more);
    let pid = Pid::from_raw(i32::try_from(pid)?).context("a process id that is none")?;
    Ok((pid, bound.context("there is a free number")?))
}

/// Sets the bound on open descriptors of a process; answers what it was. The highest it may ever
/// ask for stays.
fn set_limit(pid: Pid, limit: Option<u64>) -> Result<Option<u64>> {
    let now =
        prlimit(Some(pid), Resource::Nofile, Rlimit { current: limit, maximum: ceiling(pid)? })?;
    Ok(now.current)
}

/// The hard limit of a process, from its own file: setting it to itself changes nothing.
fn ceiling(pid: Pid) -> Result<Option<u64>> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_pid()))?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let hard = line.and_then(|line| line.split_whitespace().nth(1)).context("no limit of files")?;
    Ok(hard.parse().ok())
}
