//! Even preferred leaderships without moving data. `[pure]` A partition may prefer any of the nodes
//! it lives on; a chain of such changes carries a leadership from a node with many to one with
//! few, also where no single partition lives on both.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rampart_api::model::ids::NodeId;

/// Reorders `lists` (the preferred leader first) until no chain makes the counts more even.
/// `leaders` counts all leaderships, also those of partitions that are not in `lists`; only nodes
/// counted there may lead.
pub(crate) fn spread_leaders(lists: &mut [Vec<NodeId>], leaders: &mut BTreeMap<NodeId, u64>) {
    // Every round lowers the sum of squares, so this ends.
    while let Some((from, chain)) = find_chain(lists, leaders) {
        let mut to = from;
        for (index, next) in chain {
            let list = &mut lists[index];
            let position = list.iter().position(|node| *node == next);
            list.swap(0, position.expect("the chain goes over nodes of the list"));
            to = next;
        }
        *leaders.entry(from).or_default() -= 1;
        *leaders.entry(to).or_default() += 1;
    }
}

/// The node with the most leaderships that can give one away, and the partitions to change with
/// their new leader, in order from it.
fn find_chain(
    lists: &[Vec<NodeId>],
    leaders: &BTreeMap<NodeId, u64>,
) -> Option<(NodeId, Vec<(usize, NodeId)>)> {
    let fewest = *leaders.values().min()?;
    let mut led_by: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
    for (index, list) in lists.iter().enumerate() {
        led_by.entry(*list.first()?).or_default().push(index);
    }
    let mut givers: Vec<_> = leaders.iter().filter(|(_, count)| **count >= fewest + 2).collect();
    givers.sort_by_key(|(node, count)| (Reverse(**count), **node));
    givers.into_iter().find_map(|(from, count)| {
        let accepts = |node: NodeId| leaders.get(&node).is_some_and(|c| *c + 2 <= *count);
        Some((*from, chain_from(lists, leaders, &led_by, *from, accepts)?))
    })
}

/// Shortest chain of partitions from the leader `from` to a node that accepts one more.
fn chain_from(
    lists: &[Vec<NodeId>],
    leaders: &BTreeMap<NodeId, u64>,
    led_by: &BTreeMap<NodeId, Vec<usize>>,
    from: NodeId,
    accepts: impl Fn(NodeId) -> bool,
) -> Option<Vec<(usize, NodeId)>> {
    let mut reached_by: BTreeMap<NodeId, (NodeId, usize)> = BTreeMap::new();
    let mut seen = BTreeSet::from([from]);
    let mut queue = VecDeque::from([from]);
    while let Some(leader) = queue.pop_front() {
        for index in led_by.get(&leader).into_iter().flatten() {
            for next in &lists[*index] {
                if !leaders.contains_key(next) || !seen.insert(*next) {
                    continue;
                }
                reached_by.insert(*next, (leader, *index));
                if accepts(*next) {
                    return Some(walk_back(&reached_by, from, *next));
                }
                queue.push_back(*next);
            }
        }
    }
    None
}

fn walk_back(
    reached_by: &BTreeMap<NodeId, (NodeId, usize)>,
    from: NodeId,
    end: NodeId,
) -> Vec<(usize, NodeId)> {
    let mut chain = Vec::new();
    let mut node = end;
    while node != from {
        let (previous, index) = reached_by[&node];
        chain.push((index, node));
        node = previous;
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::super::testing::ids;
    use super::*;

    fn spread(lists: &[&[u64]], may_lead: &[u64]) -> (Vec<Vec<NodeId>>, Vec<u64>) {
        let mut lists: Vec<_> = lists.iter().map(|list| ids(list)).collect();
        let mut leaders: BTreeMap<_, _> = ids(may_lead).into_iter().map(|n| (n, 0)).collect();
        for list in &lists {
            *leaders.entry(list[0]).or_default() += 1;
        }
        spread_leaders(&mut lists, &mut leaders);
        (lists, leaders.into_values().collect())
    }

    #[test]
    fn one_node_with_everything_shares() {
        let (_, counts) = spread(&[&[1, 2, 3][..]; 6], &[1, 2, 3]);
        assert_eq!(counts, [2, 2, 2]);
    }

    #[test]
    fn a_chain_goes_over_a_node_that_lives_on_neither_end() {
        let (lists, counts) =
            spread(&[&[1, 2], &[1, 2], &[1, 2], &[2, 3], &[2, 3], &[3, 2]], &[1, 2, 3]);
        assert_eq!(counts, [2, 2, 2]);
        assert!(lists.iter().any(|list| *list == ids(&[2, 1])));
        assert!(lists.iter().filter(|list| **list == ids(&[3, 2])).count() == 2);
    }

    #[test]
    fn what_is_even_stays_and_nobody_else_leads() {
        let (lists, counts) = spread(&[&[1, 2], &[2, 1], &[1, 2]], &[1, 2]);
        assert_eq!((lists, counts), (vec![ids(&[1, 2]), ids(&[2, 1]), ids(&[1, 2])], vec![2, 1]));
        let (_, counts) = spread(&[&[1, 9], &[1, 9]], &[1]);
        assert_eq!(counts, [2], "node 9 may not lead");
    }
}
