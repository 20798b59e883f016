//! Which leaderships should be elsewhere. `[pure]` A node that drains or leaves loses its own at
//! once; the rest goes back to the preferred leaders only while counts differ by two or more, a
//! few per second, so that a transfer somebody asked for is not undone for its own sake.

use std::collections::BTreeMap;

use rampart_api::model::ids::{GroupId, NodeId};
use rampart_raft_store::state::metadata::state::{NodeState, PartitionRecord, ReplicaState};

use super::situation::Situation;
use crate::partition::request::{PartitionKey, PartitionStatus};

/// Leaderships that one pass takes from nodes on their way out.
const DRAINED_PER_PASS_MAX: usize = 16;
/// Leaderships that one pass gives back to preferred leaders, at least, and one more for so many
/// partitions: with many it shall not take minutes either.
const BALANCED_PER_PASS_MIN: usize = 2;
const PARTITIONS_PER_BALANCED: usize = 100;
/// A leadership must have been away from its preferred leader for so long.
const SETTLE_MS: u64 = 5_000;
/// Pause after a transfer that was tried, whatever came of it.
const RETRY_MS: u64 = 3_000;
/// A follower may be so many records behind when it is given the leadership,
const LAG_RECORDS_MAX: u64 = 1_000;
/// or have been caught up so recently.
const LAG_MS_MAX: u64 = 300;

/// A leadership that should move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) key: PartitionKey,
    pub(crate) group: GroupId,
    pub(crate) from: NodeId,
    /// Where to, the best first; to one that has caught up.
    pub(crate) candidates: Vec<NodeId>,
}

/// Remembers since when leaderships are misplaced and what was tried.
#[derive(Debug, Default)]
pub(crate) struct LeaderBalancer {
    misplaced_since: BTreeMap<GroupId, u64>,
    retry_at: BTreeMap<GroupId, u64>,
}

impl LeaderBalancer {
    /// Transfers to try now. `leaders` is who leads each group, as far as known.
    pub(crate) fn plan(
        &mut self,
        situation: Situation<'_>,
        leaders: &BTreeMap<GroupId, NodeId>,
        now_ms: u64,
    ) -> Vec<Transfer> {
        self.retry_at.retain(|_, at| *at > now_ms);
        let mut counts = leader_counts(situation, leaders);
        let mut transfers = self.drained(situation, leaders, &mut counts);
        let spread = self.balanced(situation, leaders, &mut counts, now_ms);
        transfers.extend(spread);
        for transfer in &transfers {
            self.retry_at.insert(transfer.group, now_ms + RETRY_MS);
        }
        transfers
    }

    /// Whether a plan without a transfer, made now, is the same for as long as the situation is: none
    /// waits for time to pass.
    pub(crate) fn is_settled(&self, now_ms: u64) -> bool {
        let mut since = self.misplaced_since.values();
        self.retry_at.is_empty() && since.all(|since| now_ms >= since + SETTLE_MS)
    }

    fn drained(
        &self,
        situation: Situation<'_>,
        leaders: &BTreeMap<GroupId, NodeId>,
        counts: &mut BTreeMap<NodeId, u64>,
    ) -> Vec<Transfer> {
        let mut transfers = Vec::new();
        for (topic, partition, record) in situation.state.partitions() {
            if transfers.len() == DRAINED_PER_PASS_MAX {
                break;
            }
            let Some(from) = leaders.get(&record.group).copied() else { continue };
            let goes = situation.is_alive(from) && is_on_its_way_out(situation, from);
            if !goes || self.retry_at.contains_key(&record.group) {
                continue;
            }
            let mut candidates: Vec<NodeId> = may_lead(situation, record).collect();
            candidates.sort_by_key(|node| counts.get(node).copied().unwrap_or(0));
            let Some(first) = candidates.first() else { continue };
            *counts.entry(*first).or_default() += 1;
            let key = PartitionKey { topic: topic.id, partition };
            transfers.push(Transfer { key, group: record.group, from, candidates });
        }
        transfers
    }

    fn balanced(
        &mut self,
        situation: Situation<'_>,
        leaders: &BTreeMap<GroupId, NodeId>,
        counts: &mut BTreeMap<NodeId, u64>,
        now_ms: u64,
    ) -> Vec<Transfer> {
        let (mut transfers, mut misplaced) = (Vec::new(), BTreeMap::new());
        let transfers_max = BALANCED_PER_PASS_MIN + leaders.len() / PARTITIONS_PER_BALANCED;
        for (topic, partition, record) in situation.state.partitions() {
            let Some(from) = leaders.get(&record.group).copied() else { continue };
            let Some(to) = may_lead(situation, record).next().filter(|to| *to != from) else {
                continue;
            };
            let group = record.group;
            let since = self.misplaced_since.get(&group).copied().unwrap_or(now_ms);
            misplaced.insert(group, since);
            let waits = now_ms < since + SETTLE_MS || self.retry_at.contains_key(&group);
            let count = |node| counts.get(&node).copied().unwrap_or(0);
            let uneven = count(from) >= count(to) + 2;
            let full = transfers.len() == transfers_max;
            if waits || !uneven || full || is_on_its_way_out(situation, from) {
                continue;
            }
            *counts.entry(from).or_default() -= 1;
            *counts.entry(to).or_default() += 1;
            let key = PartitionKey { topic: topic.id, partition };
            transfers.push(Transfer { key, group, from, candidates: vec![to] });
        }
        self.misplaced_since = misplaced;
        transfers
    }
}

/// The candidate to hand over to, given what the leader says of its followers.
pub(crate) fn best_target(transfer: &Transfer, status: &PartitionStatus) -> Option<NodeId> {
    let caught_up = |node: &NodeId| {
        status.replicas.iter().any(|replica| {
            let near = replica.lag_records <= LAG_RECORDS_MAX || replica.lag_ms <= LAG_MS_MAX;
            replica.node == *node && replica.in_sync && near
        })
    };
    if status.leader != Some(transfer.from) {
        return None; // It moved already.
    }
    transfer.candidates.iter().copied().find(caught_up)
}

/// Living active nodes with a voting replica, the preferred leader first.
fn may_lead<'a>(
    situation: Situation<'a>,
    partition: &'a PartitionRecord,
) -> impl Iterator<Item = NodeId> + 'a {
    let voters = partition.replicas.iter().filter(|r| r.state == ReplicaState::Voter);
    voters.map(|replica| replica.node).filter(move |node| {
        situation.node_state(*node) == Some(NodeState::Active) && situation.is_alive(*node)
    })
}

fn is_on_its_way_out(situation: Situation<'_>, node: NodeId) -> bool {
    situation.node_state(node) != Some(NodeState::Active)
}

fn leader_counts(
    situation: Situation<'_>,
    leaders: &BTreeMap<GroupId, NodeId>,
) -> BTreeMap<NodeId, u64> {
    let mut counts = BTreeMap::new();
    for (_, _, partition) in situation.state.partitions() {
        if let Some(leader) = leaders.get(&partition.group) {
            *counts.entry(*leader).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use rampart_api::model::ids::{Offset, ReplicaId, TopicId};

    use super::super::testing::Sample;
    use super::*;
    use crate::partition::request::ReplicaStatus;

    fn leaders(sample: &Sample, nodes: &[u64]) -> BTreeMap<GroupId, NodeId> {
        let groups = sample.state.groups.keys();
        groups.zip(nodes).map(|(group, node)| (*group, NodeId(*node))).collect()
    }

    fn plan(
        balancer: &mut LeaderBalancer,
        sample: &Sample,
        led_by: &[u64],
        now_ms: u64,
    ) -> Vec<(u64, u64, u64)> {
        let leaders = leaders(sample, led_by);
        let transfers = balancer.plan(sample.situation(), &leaders, now_ms);
        transfers.iter().map(|t| (t.group.0, t.from.0, t.candidates[0].0)).collect()
    }

    fn three_by_four() -> Sample {
        let lists: [&[u64]; 4] = [&[1, 2, 3], &[2, 3, 1], &[3, 1, 2], &[1, 2, 3]];
        Sample::nodes(3).topic("t", 3, &lists)
    }

    #[test]
    fn a_draining_node_loses_its_leaderships_at_once_and_evenly() {
        let sample = three_by_four().draining(1);
        let mut balancer = LeaderBalancer::default();
        let first = plan(&mut balancer, &sample, &[1, 2, 3, 1], 0);
        assert_eq!(first, [(1, 1, 2), (4, 1, 3)]);
        assert_eq!(plan(&mut balancer, &sample, &[1, 2, 3, 1], 1), [], "one try at a time");
        assert_eq!(plan(&mut balancer, &sample, &[1, 2, 3, 1], RETRY_MS).len(), 2);
        assert_eq!(plan(&mut LeaderBalancer::default(), &sample, &[2, 2, 3, 3], 0), []);
    }

    #[test]
    fn nobody_is_asked_who_cannot_lead() {
        let mut balancer = LeaderBalancer::default();
        let sample = three_by_four().draining(1).down(2).draining(3);
        assert_eq!(plan(&mut balancer, &sample, &[1, 3, 3, 1], 0), []);
        let dead = three_by_four().draining(1).down(1);
        assert_eq!(plan(&mut balancer, &dead, &[1, 2, 3, 1], 0), [], "elections do that");
    }

    #[test]
    fn leaderships_return_to_a_node_that_came_back() {
        let sample = three_by_four();
        let mut balancer = LeaderBalancer::default();
        let led_by = [2, 2, 3, 3];
        assert_eq!(plan(&mut balancer, &sample, &led_by, 0), [], "not before it settled");
        assert_eq!(plan(&mut balancer, &sample, &led_by, SETTLE_MS), [(1, 2, 1)]);
        // Once that is done the counts are 1, 1, 2: good enough.
        assert_eq!(plan(&mut balancer, &sample, &[1, 2, 3, 3], 3 * SETTLE_MS), []);
    }

    #[test]
    fn what_waits_for_time_to_pass_is_planned_again() {
        let sample = three_by_four();
        let mut balancer = LeaderBalancer::default();
        plan(&mut balancer, &sample, &[1, 2, 3, 1], 0);
        assert!(balancer.is_settled(0), "each at its place");
        plan(&mut balancer, &sample, &[2, 2, 3, 3], 1);
        assert!(!balancer.is_settled(1), "not away for long");
        assert!(!plan(&mut balancer, &sample, &[2, 2, 3, 3], 1 + SETTLE_MS).is_empty());
        assert!(!balancer.is_settled(1 + SETTLE_MS), "it may have to be tried again");
        let later = 1 + SETTLE_MS + RETRY_MS;
        plan(&mut balancer, &sample, &[1, 2, 3, 3], later);
        assert!(balancer.is_settled(later), "one is away, and that is good enough");
    }

    #[test]
    fn a_single_transfer_by_hand_stays() {
        let sample = three_by_four();
        let mut balancer = LeaderBalancer::default();
        for now in [0, SETTLE_MS, 10 * SETTLE_MS] {
            assert_eq!(plan(&mut balancer, &sample, &[2, 2, 3, 1], now), []);
        }
    }

    #[test]
    fn only_a_few_return_per_pass() {
        let sample = Sample::nodes(2).topic("t", 2, &[&[1, 2][..]; 20]);
        let mut balancer = LeaderBalancer::default();
        plan(&mut balancer, &sample, &[2; 20], 0);
        let tried = plan(&mut balancer, &sample, &[2; 20], SETTLE_MS);
        assert_eq!(tried.len(), BALANCED_PER_PASS_MIN);
        let sample = Sample::nodes(2).topic("t", 2, &[&[1, 2][..]; 300]);
        let mut balancer = LeaderBalancer::default();
        plan(&mut balancer, &sample, &[2; 300], 0);
        let tried = plan(&mut balancer, &sample, &[2; 300], SETTLE_MS);
        assert_eq!(tried.len(), BALANCED_PER_PASS_MIN + 3);
    }

    #[test]
    fn the_leadership_goes_to_a_follower_that_has_caught_up() {
        let transfer = Transfer {
            key: PartitionKey { topic: TopicId::default(), partition: 0 },
            group: GroupId(1),
            from: NodeId(1),
            candidates: vec![NodeId(2), NodeId(3)],
        };
        let replica = |node: u64, lag_records, in_sync| ReplicaStatus {
            replica: ReplicaId(node),
            node: NodeId(node),
            role: "follower".into(),
            match_offset: Offset(0),
            lag_records,
            lag_ms: lag_records,
            in_sync,
        };
        let status = |leader, replicas: Vec<ReplicaStatus>| PartitionStatus {
            group: GroupId(1),
            leader: Some(NodeId(leader)),
            leader_epoch: 1,
            log_start: Offset(0),
            high_watermark: Offset(0),
            log_end: Offset(0),
            size_bytes: 0,
            replicas,
        };
        let near = LAG_RECORDS_MAX;
        for (status, expected) in [
            (status(1, vec![replica(2, 0, true), replica(3, 0, true)]), Some(2)),
            (status(1, vec![replica(2, near + 1, true), replica(3, near, true)]), Some(3)),
            (status(1, vec![replica(2, 0, false)]), None),
            (status(2, vec![replica(2, 0, true)]), None),
        ] {
            assert_eq!(best_target(&transfer, &status), expected.map(NodeId), "{status:?}");
        }
    }
}
