//! Links that are cut, lossy, late or slow. Which nodes are on which side of a cut is chosen anew
//! each time; clients reach all nodes all the while, and so meet those on the wrong side.
//!
//! Nothing acknowledged is lost: a leader without a majority acknowledges nothing above ack 1
//! (INV-01), and what it appended meanwhile is cut off when it is back.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::BoxFuture;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::victims::Who;
use super::{Fault, How, Injected};
use crate::harness::cluster::Cluster;
use crate::harness::links::{Link, Trouble, around};

const LOSS_PERCENT: [u32; 3] = [2, 10, 30];
const TWICE_PERCENT: [u32; 3] = [2, 10, 50];
const LATE_MS: [(u64, u64); 4] = [(5, 15), (50, 150), (0, 400), (300, 600)];
const SLOW_KBIT: [u32; 3] = [256, 2_048, 16_384];

pub(super) fn all() -> Vec<Fault> {
    vec![
        Fault::new("isolate-one", Who::One, Links::Isolate),
        Fault::new("isolate-leader", Who::Leader, Links::Isolate),
        Fault::new("isolate-minority", Who::Minority, Links::Isolate),
        Fault::new("majority-ring", Who::Members, Links::Ring),
        Fault::new("bridge", Who::One, Links::Bridge),
        Fault::new("one-way", Who::One, Links::OneWay),
        Fault::new("loss", Who::Members, Links::Loss),
        Fault::new("twice", Who::Members, Links::Twice),
        Fault::new("late", Who::Members, Links::Late),
        Fault::new("slow-link", Who::One, Links::Slow),
    ]
}

#[derive(Debug)]
enum Links {
    /// These on one side, the others on the other.
    Isolate,
    /// Each sees a majority, and no two the same: in a ring, each sees its neighbours only.
    Ring,
    /// It is all that two halves of the others see of each other.
    Bridge,
    /// One node's packets reach nobody, or nobody's reach it.
    OneWay,
    /// Packets are lost between all.
    Loss,
    /// Packets arrive twice at all.
    Twice,
    /// Packets of all are late, each by another time.
    Late,
    /// One node sends and receives slowly.
    Slow,
}

impl How for Links {
    fn possible(&self, cluster: &Cluster) -> Result<(), String> {
        match self {
            Links::Loss | Links::Twice => cluster.in_namespaces(),
            Links::Late => cluster.can_be_late(),
            _ => cluster.can_cut(),
        }
    }

    fn begin<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        nodes: &'a [usize],
        rng: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(async move {
            let mut members = cluster.members();
            if members.len() < 3 {
                return Ok(Injected::none("too few nodes are members"));
            }
            members.shuffle(rng);
            let (links, trouble, detail) = self.links(nodes, &members, rng);
            let number = cluster.trouble(links, trouble)?;
            Ok(Injected { notes: vec![number], ..Injected::on(nodes, detail) })
        })
    }

    fn end<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: &'a Injected,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            injected.notes.iter().try_for_each(|&number| cluster.end_trouble(number))
        })
    }
}

impl Links {
    /// Which directions, what is wrong with them, and in words.
    fn links(
        &self,
        victims: &[usize],
        members: &[usize],
        rng: &mut StdRng,
    ) -> (Vec<Link>, Trouble, String) {
        let pick = |values: &[u32], rng: &mut StdRng| values[rng.random_range(0..values.len())];
        let every = || all_pairs(members);
        match self {
            Links::Isolate => (around(victims, members), Trouble::Cut, "cut off".to_owned()),
            Links::Ring => (not_neighbours(members), Trouble::Cut, format!("ring {members:?}")),
            Links::Bridge => bridge(victims[0], members),
            Links::OneWay => one_way(victims[0], members, rng.random()),
            Links::Loss => {
                let percent = pick(&LOSS_PERCENT, rng);
                (every(), Trouble::Loss(percent), format!("{percent} % lost"))
            }
            Links::Twice => {
                let percent = pick(&TWICE_PERCENT, rng);
                (every(), Trouble::Twice(percent), format!("{percent} % twice"))
            }
            Links::Late => {
                let (least, most) = LATE_MS[rng.random_range(0..LATE_MS.len())];
                let late = Trouble::Late(Duration::from_millis(least), Duration::from_millis(most));
                (every(), late, format!("late by {least} to {most} ms"))
            }
            Links::Slow => {
                let kbit = pick(&SLOW_KBIT, rng);
                (around(victims, members), Trouble::Slow(kbit), format!("{kbit} kbit/s"))
            }
        }
    }
}

fn all_pairs(members: &[usize]) -> Vec<Link> {
    let pairs = members.iter().flat_map(|&a| members.iter().map(move |&b| (a, b)));
    pairs.filter(|(a, b)| a != b).collect()
}

/// Of a ring each node keeps so many neighbours on either side that it sees a majority with itself.
fn not_neighbours(members: &[usize]) -> Vec<Link> {
    let count = members.len();
    // With three nodes all are neighbours: one link is cut, and both its ends still see a majority.
    if count == 3 {
        return vec![(members[0], members[2]), (members[2], members[0])];
    }
    let reach = (count / 2).div_ceil(2);
    let place = |node: usize| members.iter().position(|&member| member == node).unwrap_or(0);
    let far = |&(a, b): &Link| {
        let apart = place(a).abs_diff(place(b));
        apart.min(count - apart) > reach
    };
    all_pairs(members).into_iter().filter(far).collect()
}

/// Whoever it is sees both halves of the others.
fn bridge(victim: usize, members: &[usize]) -> (Vec<Link>, Trouble, String) {
    let others: Vec<usize> = members.iter().copied().filter(|&node| node != victim).collect();
    let (one, other) = others.split_at(others.len() / 2);
    (around(one, &others), Trouble::Cut, format!("{one:?} and {other:?} see only {victim}"))
}

fn one_way(victim: usize, members: &[usize], deaf: bool) -> (Vec<Link>, Trouble, String) {
    let links = around(&[victim], members);
    let links = links.into_iter().filter(|link| (link.1 == victim) == deaf).collect();
    let what = if deaf { "hears nobody" } else { "is heard by nobody" };
    (links, Trouble::Cut, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many a node sees, itself included.
    fn seen(node: usize, members: &[usize], cut: &[Link]) -> usize {
        members.iter().filter(|&&other| !cut.contains(&(node, other))).count()
    }

    #[test]
    fn in_a_ring_everybody_sees_a_majority_and_somebody_not_all() {
        for count in 3..10 {
            let members: Vec<usize> = (0..count).collect();
            let cut = not_neighbours(&members);
            let least = members.iter().map(|&node| seen(node, &members, &cut)).min();
            assert!(least.is_some_and(|least| least > count / 2 && least < count), "{count}");
        }
    }

    #[test]
    fn only_the_bridge_sees_everybody() {
        let members = [3, 1, 4, 0, 2];
        let (cut, ..) = bridge(3, &members);
        let all = members.iter().filter(|&&node| seen(node, &members, &cut) == 5);
        assert_eq!(all.collect::<Vec<_>>(), [&3]);
        let (deaf, ..) = one_way(1, &members, true);
        assert!(deaf.contains(&(0, 1)) && !deaf.contains(&(1, 0)));
    }
}
