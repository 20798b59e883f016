//! Where replicas go. `[pure]` Living nodes first, then distinct racks, then fewest replicas, then
//! fewest preferred leaderships, then the lowest id: the same input gives the same answer on every
//! node, and four partitions of three replicas on three nodes spread their leaders.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::problem::Problem;

use super::leader_spread::spread_leaders;
use super::situation::{Load, Situation};

/// Chooses nodes and counts what it has given them.
#[derive(Debug)]
pub(crate) struct Placer<'a> {
    situation: Situation<'a>,
    loads: BTreeMap<NodeId, Load>,
}

/// Which nodes may get a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Candidates {
    /// Active ones; those that are silent only if there are no others. For new partitions.
    Active,
    /// Active ones that are heard from. For a replica that has to catch up.
    ActiveAlive,
}

impl<'a> Placer<'a> {
    pub(crate) fn new(situation: Situation<'a>) -> Self {
        Placer { situation, loads: situation.loads() }
    }

    /// Nodes for one more partition, the preferred leader first; `None` with too few nodes.
    pub(crate) fn place(&mut self, factor: usize) -> Option<Vec<NodeId>> {
        let mut chosen = Vec::with_capacity(factor);
        for _ in 0..factor {
            chosen.push(self.choose(&chosen, Candidates::Active)?);
        }
        self.order(&mut chosen);
        chosen.iter().for_each(|node| self.add(*node));
        self.load_mut(*chosen.first()?).leaders += 1;
        Some(chosen)
    }

    /// The best node for a replica beside those at `present`. Counts nothing.
    pub(crate) fn choose(&self, present: &[NodeId], candidates: Candidates) -> Option<NodeId> {
        let situation = &self.situation;
        let free = situation.active().filter(|node| !present.contains(node));
        let may = |node: &NodeId| candidates == Candidates::Active || situation.is_alive(*node);
        free.filter(may).min_by_key(|node| {
            let rack = situation.rack(*node);
            let rack_taken = present.iter().any(|other| situation.rack(*other) == rack);
            let load = self.load(*node);
            (!situation.is_alive(*node), rack_taken, load.replicas, load.leaders, *node)
        })
    }

    /// The one to give up of `present`: not the preferred leader if it can be helped, the silent
    /// ones first, then those that share a rack, then the most loaded.
    pub(crate) fn surplus(&self, present: &[NodeId]) -> Option<usize> {
        let situation = &self.situation;
        (0..present.len()).max_by_key(|position| {
            let node = present[*position];
            let rack = situation.rack(node);
            let sharing = present.iter().filter(|other| situation.rack(**other) == rack).count();
            let alive = situation.is_alive(node);
            let is_preferred = *position == 0;
            (!alive, !is_preferred, sharing > 1, self.load(node).replicas, Reverse(node))
        })
    }

    pub(crate) fn add(&mut self, node: NodeId) {
        self.load_mut(node).replicas += 1;
    }

    pub(crate) fn remove(&mut self, node: NodeId) {
        let load = self.load_mut(node);
        load.replicas = load.replicas.saturating_sub(1);
    }

    /// Living nodes with the fewest leaderships first.
    fn order(&self, nodes: &mut [NodeId]) {
        nodes
            .sort_by_key(|node| (!self.situation.is_alive(*node), self.load(*node).leaders, *node));
    }

    fn leaders_of_living(&self) -> BTreeMap<NodeId, u64> {
        self.situation.active_alive().map(|node| (node, self.load(node).leaders)).collect()
    }

    fn load(&self, node: NodeId) -> Load {
        self.loads.get(&node).copied().unwrap_or_default()
    }

    fn load_mut(&mut self, node: NodeId) -> &mut Load {
        self.loads.entry(node).or_default()
    }
}

/// Nodes for `partitions` new partitions of `factor` replicas each.
///
/// # Errors
/// `INVALID_REPLICATION_FACTOR`, naming both numbers, with fewer active nodes than replicas.
pub(crate) fn place_partitions(
    situation: Situation<'_>,
    partitions: u32,
    factor: u32,
) -> Result<Vec<Vec<NodeId>>, Problem> {
    check_factor(situation, factor)?;
    let mut placer = Placer::new(situation);
    let placed = (0..partitions).map(|_| placer.place(factor as usize));
    let all: Option<Vec<_>> = placed.collect();
    let mut all = all.expect("check_factor() found enough active nodes");
    spread_leaders(&mut all, &mut placer.leaders_of_living());
    Ok(all)
}

/// A replication factor that the active nodes can carry.
pub(crate) fn check_factor(situation: Situation<'_>, factor: u32) -> Result<(), Problem> {
    let active = situation.active().count();
    if factor >= 1 && factor as usize <= active {
        return Ok(());
    }
    let nodes = if active == 1 { "1 active node" } else { "active nodes" };
    let have = if active == 1 { nodes.to_owned() } else { format!("{active} {nodes}") };
    let problem = Problem::new(
        ErrorCode::InvalidReplicationFactor,
        format!("replication factor {factor} is not possible with {have}"),
    );
    Err(match active {
        0 => problem.hint("recommission a node or add one"),
        1 => problem.hint("choose 1, or add nodes first"),
        _ => problem.hint(format!("choose 1 to {active}, or add nodes first")),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::testing::Sample;
    use super::*;

    fn place(sample: &Sample, partitions: u32, factor: u32) -> Vec<Vec<u64>> {
        let lists = place_partitions(sample.situation(), partitions, factor).unwrap();
        lists.iter().map(|list| list.iter().map(|node| node.0).collect()).collect()
    }

    #[test]
    fn four_partitions_on_three_nodes_spread_their_leaders() {
        let lists = place(&Sample::nodes(3), 4, 3);
        assert_eq!(lists, [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 2, 3]]);
    }

    #[test]
    fn what_is_there_counts() {
        let sample = Sample::nodes(3).topic("old", 2, &[&[1, 2], &[1, 2], &[1, 3]]);
        assert_eq!(place(&sample, 2, 1), [[3], [2]]);
    }

    #[test]
    fn racks_come_before_counts() {
        let sample = Sample::racks(&["a", "a", "b", ""]).topic("old", 1, &[&[3], &[4], &[4]]);
        let lists = place(&sample, 1, 3);
        let chosen: BTreeSet<_> = lists[0].iter().copied().collect();
        assert_eq!(chosen, BTreeSet::from([1, 3, 4]));
    }

    #[test]
    fn silent_and_draining_nodes_come_last_or_not_at_all() {
        let sample = Sample::nodes(4).draining(1).down(2);
        assert_eq!(place(&sample, 2, 2), [[3, 4], [4, 3]]);
        let lists = place(&sample, 1, 3);
        assert_eq!(lists[0][2], 2, "a silent node is no preferred leader");
        let problem = place_partitions(sample.situation(), 1, 4).unwrap_err();
        assert_eq!(problem.code, ErrorCode::InvalidReplicationFactor);
        assert!(problem.detail.contains('4') && problem.detail.contains('3'), "{problem}");
        assert!(place_partitions(sample.situation(), 1, 0).is_err());
    }

    proptest! {
        #[test]
        fn placement_is_even_distinct_and_deterministic(
            nodes in 1u64..9, partitions in 1u32..40, factor in 1u32..6
        ) {
            prop_assume!(u64::from(factor) <= nodes);
            let sample = Sample::nodes(nodes);
            let lists = place(&sample, partitions, factor);
            prop_assert_eq!(&lists, &place(&sample, partitions, factor));
            let mut replicas = vec![0u32; nodes as usize];
            let mut leaders = vec![0u32; nodes as usize];
            for list in &lists {
                let distinct: BTreeSet<_> = list.iter().collect();
                prop_assert_eq!(distinct.len(), factor as usize);
                list.iter().for_each(|node| replicas[*node as usize - 1] += 1);
                leaders[list[0] as usize - 1] += 1;
            }
            let spread = |counts: &[u32]| counts.iter().max().unwrap() - counts.iter().min().unwrap();
            prop_assert!(spread(&replicas) <= 1, "replicas {:?}", replicas);
            prop_assert!(spread(&leaders) <= 1, "leaders {:?}", leaders);
        }
    }
}
