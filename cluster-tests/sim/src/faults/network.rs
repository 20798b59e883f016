//! Who hears whom. A message that does not get through is kept and delivered afterwards: that is
//! what TCP does, which sends again what was lost; turmoil's does not.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Fault;
use super::injector::pairs;
use crate::world::{World, name};

/// The state of the links.
#[derive(Debug)]
pub(super) struct Network {
    latency: Duration,
    /// Direction in which nothing gets through, of two hosts that don't hear each other fully.
    blocked: BTreeSet<(usize, usize)>,
}

impl Network {
    pub(super) fn new(latency: Duration) -> Network {
        Network { latency, blocked: BTreeSet::new() }
    }

    /// Links as these faults want them.
    pub(super) fn apply(&mut self, world: &mut World, faults: &[&Fault]) {
        let hosts = world.shared().hosts().len();
        let blocked: BTreeSet<(usize, usize)> =
            faults.iter().flat_map(|fault| cut(fault, hosts)).collect();
        for (a, b) in pairs(hosts) {
            let is_cut = |set: &BTreeSet<_>| set.contains(&(a, b)) || set.contains(&(b, a));
            match (is_cut(&self.blocked), is_cut(&blocked)) {
                (false, true) => world.sim().hold(name(a), name(b)),
                (true, false) => world.sim().release(name(a), name(b)),
                (false, false) | (true, true) => {}
            }
            let slow = faults.iter().filter_map(|fault| match fault {
                Fault::SlowLink(from, to, latency)
                    if (*from, *to) == (a, b) || (*from, *to) == (b, a) =>
                {
                    Some(*latency)
                }
                _ => None,
            });
            let latency = slow.max().unwrap_or(self.latency);
            world.sim().set_link_max_message_latency(name(a), name(b), latency);
        }
        self.blocked = blocked;
    }

    /// On links that are cut in one direction only, the other direction goes on.
    pub(super) fn let_through(&self, world: &mut World) {
        let is_one_way = |(from, to): &(usize, usize)| !self.blocked.contains(&(*to, *from));
        let one_way: Vec<_> = self.blocked.iter().filter(|pair| is_one_way(pair)).collect();
        for (from, to) in one_way {
            let (from, to) = (world.sim().lookup(name(*from)), world.sim().lookup(name(*to)));
            world.sim().links(|links| {
                for link in links {
                    let (a, b) = link.pair();
                    if (a, b) != (from, to) && (b, a) != (from, to) {
                        continue;
                    }
                    for sent in link {
                        if sent.pair().0.ip() == to {
                            sent.deliver();
                        }
                    }
                }
            });
        }
    }
}

/// Directions that a fault cuts.
fn cut(fault: &Fault, hosts: usize) -> Vec<(usize, usize)> {
    let both = |(a, b): (usize, usize)| [(a, b), (b, a)];
    let all = pairs(hosts).into_iter();
    match fault {
        Fault::Split(side) => {
            all.filter(|(a, b)| side.contains(a) != side.contains(b)).flat_map(both).collect()
        }
        Fault::OneWay(from, to) => vec![(*from, *to)],
        Fault::Ring if hosts > 3 => {
            all.filter(|(a, b)| b - a != 1 && (b + 1) % hosts != *a).flat_map(both).collect()
        }
        // Of three, each has two neighbours: one link goes.
        Fault::Ring => both((0, 1)).to_vec(),
        Fault::Bridge(middle) => {
            let others: Vec<usize> = (0..hosts).filter(|host| host != middle).collect();
            let (left, _) = others.split_at(others.len() / 2);
            all.filter(|(a, b)| a != middle && b != middle && left.contains(a) != left.contains(b))
                .flat_map(both)
                .collect()
        }
        Fault::Stall(host) => all.filter(|(a, b)| a == host || b == host).flat_map(both).collect(),
        Fault::SlowLink(..)
        | Fault::Crash(..)
        | Fault::SlowSync(..)
        | Fault::DiskFull(_)
        | Fault::BadWrite(_)
        | Fault::ClockJump(..)
        | Fault::BitFlip(_)
        | Fault::BadRead(_)
        | Fault::Wipe(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_cut_what_their_names_say() {
        assert_eq!(cut(&Fault::Split(vec![1]), 3).len(), 4);
        assert_eq!(cut(&Fault::OneWay(2, 0), 3), [(2, 0)]);
        assert_eq!(cut(&Fault::Ring, 5).len(), 10);
        assert_eq!(cut(&Fault::Bridge(0), 3), [(1, 2), (2, 1)]);
        assert_eq!(cut(&Fault::Bridge(0), 5).len(), 8);
        assert_eq!(cut(&Fault::Stall(0), 3).len(), 4);
    }
}
