//! A plan of replica moves towards distinct racks and even counts, and of preferred leaderships
//! towards even counts. `[pure]` Only between active nodes that are heard from; partitions that are
//! moving, or have a replica elsewhere, are left to `replication`.

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::model::ids::{GroupId, NodeId, PartitionId, TopicId};

use super::leader_spread::spread_leaders;
use super::request::{MoveReason, NodeLoad, Plan, PlannedMove, PlannedTransfer};
use super::situation::Situation;

/// Preferred leaderships that one plan changes.
const TRANSFERS_MAX: usize = 1_000;

/// The plan, with at most `moves_max` partitions that change nodes.
pub(crate) fn plan(situation: Situation<'_>, moves_max: usize) -> Plan {
    let mut model = Model::new(situation);
    model.separate_racks(moves_max);
    model.even_out(moves_max);
    let moves = model.moves();
    let transfers = model.transfers();
    Plan { moves, transfers, nodes: model.loads(), started: false }
}

/// Whether a node is there that clearly lacks its share: one that joined, or came back empty. What
/// an operator moved by hand is not disturbed by small differences.
pub(crate) fn lacks_share(situation: Situation<'_>) -> bool {
    let loads = situation.loads();
    let counts: Vec<u64> = situation.active_alive().map(|node| loads[&node].replicas).collect();
    let (Some(fewest), Some(most)) = (counts.iter().min(), counts.iter().max()) else {
        return false;
    };
    let average = counts.iter().sum::<u64>() / counts.len() as u64;
    fewest * 2 <= average && most - fewest >= 2
}

/// A partition that may be changed.
#[derive(Debug)]
struct Entry<'a> {
    topic: TopicId,
    name: &'a str,
    partition: PartitionId,
    group: GroupId,
    from: Vec<NodeId>,
    to: Vec<NodeId>,
}

#[derive(Debug)]
struct Model<'a> {
    situation: Situation<'a>,
    nodes: BTreeSet<NodeId>,
    entries: Vec<Entry<'a>>,
    replicas: BTreeMap<NodeId, u64>,
    leaders: BTreeMap<NodeId, u64>,
    of_topic: BTreeMap<(TopicId, NodeId), u64>,
    changed: BTreeSet<usize>,
}

impl<'a> Model<'a> {
    fn new(situation: Situation<'a>) -> Self {
        let nodes: BTreeSet<NodeId> = situation.active_alive().collect();
        let loads = situation.loads();
        let count = |of: fn(&super::situation::Load) -> u64| {
            nodes.iter().map(|node| (*node, of(&loads[node]))).collect()
        };
        let mut model = Model {
            situation,
            replicas: count(|load| load.replicas),
            leaders: count(|load| load.leaders),
            nodes,
            entries: Vec::new(),
            of_topic: BTreeMap::new(),
            changed: BTreeSet::new(),
        };
        for (topic, partition, record) in situation.state.partitions() {
            let from: Vec<NodeId> = record.wanted_nodes().collect();
            for node in &from {
                *model.of_topic.entry((topic.id, *node)).or_default() += 1;
            }
            if !record.is_moving() && from.iter().all(|node| model.nodes.contains(node)) {
                let (group, to) = (record.group, from.clone());
                let name = &topic.name;
                model.entries.push(Entry { topic: topic.id, name, partition, group, from, to });
            }
        }
        model
    }

    fn separate_racks(&mut self, moves_max: usize) {
        for index in 0..self.entries.len() {
            if self.changed.len() >= moves_max {
                return;
            }
            let to = &self.entries[index].to;
            let sharing: Vec<NodeId> =
                to.iter().copied().filter(|node| self.shares_rack(to, *node)).collect();
            let Some(giver) = sharing.into_iter().max_by_key(|node| (self.replicas[node], *node))
            else {
                continue;
            };
            let taker = self.nodes.iter().copied().filter(|node| {
                let others = to.iter().copied().filter(|other| *other != giver);
                !to.contains(node) && self.is_rack_free(others, *node)
            });
            if let Some(taker) = taker.min_by_key(|node| (self.replicas[node], *node)) {
                self.replace(index, giver, taker);
            }
        }
    }

    fn even_out(&mut self, moves_max: usize) {
        while let Some((index, giver, taker)) = self.best_move() {
            if self.changed.len() >= moves_max && !self.changed.contains(&index) {
                return;
            }
            self.replace(index, giver, taker);
        }
    }

    /// From the fullest node to the emptiest that can take something from it.
    fn best_move(&self) -> Option<(usize, NodeId, NodeId)> {
        let mut by_load: Vec<_> =
            self.replicas.iter().map(|(node, count)| (*count, *node)).collect();
        by_load.sort_unstable();
        for (most, giver) in by_load.iter().rev() {
            for (least, taker) in &by_load {
                if least + 2 > *most {
                    break;
                }
                if let Some(index) = self.movable(*giver, *taker) {
                    return Some((index, *giver, *taker));
                }
            }
        }
        None
    }

    /// The partition to move: of the topic that is least even between the two, the lowest group.
    fn movable(&self, giver: NodeId, taker: NodeId) -> Option<usize> {
        let on =
            |entry: &Entry<'_>, node| self.of_topic.get(&(entry.topic, node)).copied().unwrap_or(0);
        let may = |entry: &Entry<'_>| {
            let others = entry.to.iter().copied().filter(|other| *other != giver);
            entry.to.contains(&giver)
                && !entry.to.contains(&taker)
                && (self.is_rack_free(others, taker) || self.shares_rack(&entry.to, giver))
        };
        let movable = self.entries.iter().enumerate().filter(|(_, entry)| may(entry));
        let (index, _) = movable.max_by_key(|(index, entry)| {
            let unevenness = on(entry, giver).saturating_sub(on(entry, taker));
            (unevenness, std::cmp::Reverse(*index))
        })?;
        Some(index)
    }

    fn replace(&mut self, index: usize, giver: NodeId, taker: NodeId) {
        let entry = &mut self.entries[index];
        let position = entry.to.iter().position(|node| *node == giver);
        let position = position.expect("the giver has a replica of the partition");
        entry.to[position] = taker;
        let topic = entry.topic;
        if position == 0 {
            shift(&mut self.leaders, giver, taker);
        }
        shift(&mut self.replicas, giver, taker);
        *self.of_topic.entry((topic, giver)).or_default() -= 1;
        *self.of_topic.entry((topic, taker)).or_default() += 1;
        self.changed.insert(index);
    }

    fn shares_rack(&self, nodes: &[NodeId], node: NodeId) -> bool {
        !self.is_rack_free(nodes.iter().copied().filter(|other| *other != node), node)
    }

    fn is_rack_free(&self, mut others: impl Iterator<Item = NodeId>, node: NodeId) -> bool {
        let rack = self.situation.rack(node);
        others.all(|other| self.situation.rack(other) != rack)
    }

    fn moves(&self) -> Vec<PlannedMove> {
        let changed = self.entries.iter().filter(|entry| entry.from != entry.to);
        changed
            .map(|entry| PlannedMove {
                topic: entry.name.to_owned(),
                partition: entry.partition,
                group: entry.group,
                reason: MoveReason::Rebalance,
                from: entry.from.clone(),
                to: entry.to.clone(),
            })
            .collect()
    }

    /// Leadership is spread over what the moves leave.
    fn transfers(&mut self) -> Vec<PlannedTransfer> {
        let mut orders: Vec<Vec<NodeId>> = self.entries.iter().map(|e| e.to.clone()).collect();
        spread_leaders(&mut orders, &mut self.leaders);
        let changed = self.entries.iter().zip(orders).filter(|(entry, order)| entry.to != *order);
        changed
            .take(TRANSFERS_MAX)
            .map(|(entry, order)| PlannedTransfer {
                topic: entry.name.to_owned(),
                partition: entry.partition,
                group: entry.group,
                from: entry.to[0],
                to: order[0],
                order,
            })
            .collect()
    }

    fn loads(&self) -> Vec<NodeLoad> {
        let before = self.situation.loads();
        let nodes = self.nodes.iter();
        nodes
            .map(|node| NodeLoad {
                node: *node,
                replicas: before[node].replicas,
                leaders: before[node].leaders,
                replicas_after: self.replicas[node],
                leaders_after: self.leaders[node],
            })
            .collect()
    }
}

fn shift(counts: &mut BTreeMap<NodeId, u64>, from: NodeId, to: NodeId) {
    *counts.entry(from).or_default() -= 1;
    *counts.entry(to).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::Sample;
    use super::*;

    fn after(plan: &Plan) -> (Vec<u64>, Vec<u64>) {
        let replicas = plan.nodes.iter().map(|load| load.replicas_after).collect();
        (replicas, plan.nodes.iter().map(|load| load.leaders_after).collect())
    }

    fn carry_out(sample: &mut Sample, plan: &Plan) {
        for planned in &plan.moves {
            sample.reassign(planned.group, &planned.to);
        }
        for planned in &plan.transfers {
            sample.reassign(planned.group, &planned.order);
        }
        sample.finish_moves();
    }

    #[test]
    fn a_new_node_takes_its_share() {
        let lists: [&[u64]; 4] = [&[1, 2, 3], &[2, 3, 1], &[3, 1, 2], &[1, 2, 3]];
        let mut sample = Sample::nodes(4).topic("t", 3, &lists);
        assert!(lacks_share(sample.situation()));
        let planned = plan(sample.situation(), usize::MAX);
        assert_eq!(after(&planned), (vec![3, 3, 3, 3], vec![1, 1, 1, 1]));
        assert_eq!(planned.moves.len(), 3);
        carry_out(&mut sample, &planned);
        assert!(!lacks_share(sample.situation()));
        let again = plan(sample.situation(), usize::MAX);
        assert!(again.moves.is_empty() && again.transfers.is_empty());
    }

    #[test]
    fn at_most_so_many_partitions_move_at_once() {
        let sample = Sample::nodes(2).topic("t", 1, &[&[1][..]; 10]);
        assert_eq!(plan(sample.situation(), 2).moves.len(), 2);
        assert_eq!(plan(sample.situation(), 0).moves, []);
    }

    #[test]
    fn what_moves_or_has_a_silent_replica_stays() {
        let mut sample = Sample::nodes(4).topic("t", 2, &[&[1, 2], &[1, 2], &[1, 2]]).down(2);
        assert_eq!(plan(sample.situation(), usize::MAX).moves, []);
        sample.alive = sample.state.nodes.keys().copied().collect();
        sample.reassign(sample.partition(1).group, &super::super::testing::ids(&[1, 3]));
        let planned = plan(sample.situation(), usize::MAX);
        assert!(!planned.moves.is_empty());
        assert!(planned.moves.iter().all(|m| m.group != sample.partition(1).group));
        let drained = Sample::nodes(2).topic("t", 1, &[&[1], &[1], &[1]]).draining(2);
        assert_eq!(plan(drained.situation(), usize::MAX).moves, []);
    }

    #[test]
    fn replicas_of_one_rack_are_separated() {
        let sample = Sample::racks(&["a", "a", "b"]).topic("t", 2, &[&[1, 2]]);
        let planned = plan(sample.situation(), usize::MAX);
        assert_eq!(planned.moves.len(), 1);
        assert!(planned.moves[0].to.contains(&NodeId(3)));
        // Two racks for three replicas: sharing can't be helped, and nothing moves to and fro.
        let sample = Sample::racks(&["a", "a", "b"]).topic("t", 3, &[&[1, 2, 3]]);
        assert_eq!(plan(sample.situation(), usize::MAX).moves, []);
    }

    #[test]
    fn the_topic_that_is_least_even_gives() {
        let sample =
            Sample::nodes(2).topic("even", 1, &[&[1], &[2]]).topic("uneven", 1, &[&[1], &[1]]);
        let planned = plan(sample.situation(), usize::MAX);
        assert_eq!(planned.moves.len(), 1);
        assert_eq!(planned.moves[0].topic, "uneven");
    }

    #[test]
    fn leaderships_are_spread_without_moving_data() {
        let sample = Sample::nodes(3).topic("t", 3, &[&[1, 2, 3][..]; 6]);
        let planned = plan(sample.situation(), usize::MAX);
        assert_eq!(planned.moves, []);
        assert_eq!(planned.transfers.len(), 4);
        assert_eq!(after(&planned).1, [2, 2, 2]);
    }

    #[test]
    fn small_differences_are_nobodys_business() {
        let lists: [&[u64]; 4] = [&[1, 2, 3], &[2, 3, 4], &[3, 4, 1], &[4, 1, 3]];
        assert!(!lacks_share(Sample::nodes(4).topic("t", 3, &lists).situation()));
        assert!(!lacks_share(Sample::nodes(3).situation()));
        assert!(!lacks_share(Sample::nodes(2).topic("t", 1, &[&[1]]).situation()));
    }

    proptest! {
        #[test]
        fn a_plan_keeps_factors_and_ends_even(
            nodes in 2u64..7,
            lists in prop::collection::vec((1u64..100, 1usize..4), 1..30)
        ) {
            // Skewed: partition by partition on consecutive nodes from a random one.
            let lists: Vec<Vec<u64>> = lists
                .iter()
                .map(|(start, factor)| {
                    let factor = (*factor as u64).min(nodes);
                    (0..factor).map(|step| (start / 7 + step) % nodes + 1).collect()
                })
                .collect();
            let mut sample = Sample::nodes(nodes);
            for (number, list) in lists.iter().enumerate() {
                sample = sample.topic(&format!("t{number}"), 0, &[list]);
            }
            let planned = plan(sample.situation(), usize::MAX);
            for m in &planned.moves {
                prop_assert_eq!(m.from.len(), m.to.len());
            }
            let (replicas, _) = after(&planned);
            let spread = replicas.iter().max().unwrap() - replicas.iter().min().unwrap();
            prop_assert!(spread <= 1, "{:?}", replicas);
            carry_out(&mut sample, &planned);
            let again = plan(sample.situation(), usize::MAX);
            prop_assert!(again.moves.is_empty(), "{:?}", again.moves);
            prop_assert!(again.transfers.is_empty(), "{:?}", again.transfers);
        }
    }
}
