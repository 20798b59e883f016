//! What can happen to a cluster, one family of faults a file. The victims of each are picked by a
//! seeded generator; it says when it can't be done here, may be in force while others are, and ends
//! with everything as it was.
//!
//! Acknowledged data must survive every fault and every sum of them. Those that take data away
//! from a disk therefore hit a minority, and none of them begins before what the one before took
//! away has been rebuilt; the others may hit all nodes at once. Each file says why its faults lose
//! nothing.

mod clock;
mod damage;
mod disk;
mod kill;
mod limits;
mod links;
mod membership;
mod pause;
mod power;
pub mod trial;
mod victims;

use std::fmt::Debug;

use anyhow::Result;
use futures_util::future::BoxFuture;
use rand::rngs::StdRng;

use self::victims::Who;
use crate::harness::cluster::Cluster;

/// One kind of fault: whom it hits, and how.
#[derive(Debug)]
pub struct Fault {
    name: &'static str,
    who: Who,
    how: Box<dyn How>,
}

/// What a family of faults does to nodes.
trait How: Send + Sync + Debug {
    /// Whether it can be done to this cluster on this machine; the error says why not.
    fn possible(&self, _cluster: &Cluster) -> Result<(), String> {
        Ok(())
    }

    /// Does it to these nodes: one at least, unless it follows from what it does whom it hits.
    fn begin<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        nodes: &'a [usize],
        rng: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>>;

    /// Ends it and restores what it took away. Done twice it does nothing the second time.
    fn end<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: &'a Injected,
    ) -> BoxFuture<'a, Result<()>>;
}

impl Fault {
    fn new(name: &'static str, who: Who, how: impl How + 'static) -> Fault {
        Fault { name, who, how: Box::new(how) }
    }

    /// What a run calls it, for ever the same.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it can be done to this cluster on this machine; the error says why not.
    pub fn possible(&self, cluster: &Cluster) -> Result<(), String> {
        self.how.possible(cluster)
    }

    /// Picks victims and does it. Where there are none just now (all are down, say) it does
    /// nothing and says so: see [`Injected::nothing`].
    pub async fn inject(&self, cluster: &mut Cluster, rng: &mut StdRng) -> Result<Injected> {
        match self.who.choose(cluster, rng).await {
            Some(nodes) => self.how.begin(cluster, &nodes, rng).await,
            None => Ok(Injected::none("too few nodes are up")),
        }
    }

    /// Ends it and restores what it took away. Done twice it does nothing the second time.
    pub async fn heal(&self, cluster: &mut Cluster, injected: &Injected) -> Result<()> {
        self.how.end(cluster, injected).await
    }
}

/// A fault in force: whom it hits, and how.
#[derive(Debug, Clone, Default)]
pub struct Injected {
    /// Its victims; empty if it found none.
    pub nodes: Vec<usize>,
    /// What a history says about it.
    pub detail: String,
    /// What the fault itself must remember to heal it.
    notes: Vec<u64>,
}

impl Injected {
    /// These nodes, so.
    fn on(nodes: &[usize], detail: impl Into<String>) -> Injected {
        Injected { nodes: nodes.to_vec(), detail: detail.into(), notes: Vec::new() }
    }

    /// Nobody, because of this.
    fn none(why: impl Into<String>) -> Injected {
        Injected { detail: why.into(), ..Injected::default() }
    }

    /// Whether nothing was done; `detail` then says why.
    pub fn nothing(&self) -> bool {
        self.nodes.is_empty()
    }
}

/// Every fault there is, also those that this machine can't do.
pub fn all() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(kill::all());
    all.extend(pause::all());
    all.extend(links::all());
    all.extend(power::all());
    all.extend(disk::all());
    all.extend(clock::all());
    all.extend(damage::all());
    all.extend(limits::all());
    all.extend(membership::all());
    all
}

/// The fault of this name.
pub fn by_name(name: &str) -> Option<Fault> {
    all().into_iter().find(|fault| fault.name() == name)
}

/// Ends every fault at once, whichever were in force, but for changes of membership: links are
/// mended, processes go on or begin again, disks and clocks work, damaged disks are emptied.
pub fn restore(cluster: &mut Cluster) -> Result<()> {
    cluster.mend_links()?;
    let members = cluster.members();
    for &node in &members {
        if cluster.is_up(node) {
            cluster.resume(node)?;
        }
        cluster.turn_all_off(node)?;
        cluster.free_bounds(node);
        cluster.shift_uptime(node, None);
        if cluster.has_disks().is_ok() {
            disk::give_room(cluster, node)?;
        }
        if cluster.must_be_emptied(node) {
            cluster.kill(node);
            cluster.wipe(node)?;
        }
    }
    cluster.launch_those_down(&members)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_find_their_fault() {
        let names: BTreeSet<&str> = all().iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), all().len());
        assert!(names.iter().all(|name| by_name(name).is_some_and(|fault| fault.name() == *name)));
        assert!(by_name("no such fault").is_none());
    }
}
