//! Which moves make no progress. `[pure]` A move whose target can't write, with a full disk above
//! all, may wait for days; it must not hold up the others, and it must be said. Volatile: every node
//! watches for itself, so the next controller knows it too.

use std::collections::BTreeMap;

use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_raft_store::state::metadata::state::{PartitionRecord, ReplicaState};

use crate::partition::request::PartitionStatus;

/// A move without progress for so long is stuck.
const STUCK_AFTER_MS: u64 = 120_000;

/// How far each move was, and since when it is there.
#[derive(Debug, Default)]
pub(crate) struct Stalls {
    moves: BTreeMap<GroupId, Mark>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    /// The steps of a move: replicas come, vote, leave.
    replicas: Vec<(ReplicaId, ReplicaState)>,
    /// Records that the joining replicas have, at the most; `None` while the leader never answered.
    matched: Option<u64>,
    since_ms: u64,
}

impl Stalls {
    /// Notes how far the moves that are under way are; what is not among them is forgotten.
    pub(crate) fn note<'a>(
        &mut self,
        moves: impl IntoIterator<Item = (&'a PartitionRecord, Option<&'a PartitionStatus>)>,
        now_ms: u64,
    ) {
        let mut noted = BTreeMap::new();
        for (partition, status) in moves {
            let replicas = partition.replicas.iter().map(|r| (r.id, r.state)).collect();
            let matched = status.map(|status| matched(partition, status));
            let mut mark = Mark { replicas, matched, since_ms: now_ms };
            if let Some(known) = self.moves.remove(&partition.group)
                && known.replicas == mark.replicas
                && mark.matched <= known.matched
            {
                mark = known;
            }
            noted.insert(partition.group, mark);
        }
        self.moves = noted;
    }

    /// The moves that are stuck, with the milliseconds since their last progress.
    pub(crate) fn stuck(&self, now_ms: u64) -> BTreeMap<GroupId, u64> {
        let waited = self.moves.iter().map(|(group, mark)| (*group, now_ms - mark.since_ms));
        waited.filter(|(_, ms)| *ms >= STUCK_AFTER_MS).collect()
    }
}

/// Ends of the joining replicas' logs, together: what they are sent makes it grow.
fn matched(partition: &PartitionRecord, status: &PartitionStatus) -> u64 {
    let joining = partition.replicas.iter().filter(|r| r.state == ReplicaState::Joining);
    let known = joining.filter_map(|r| status.replicas.iter().find(|s| s.replica == r.id));
    known.fold(0, |sum, replica| sum.saturating_add(replica.match_offset.0))
}

#[cfg(test)]
mod tests {
    use rampart_api::model::ids::{NodeId, Offset};

    use super::super::testing::{Sample, ids};
    use super::*;
    use crate::partition::request::ReplicaStatus;

    fn at(joining: &PartitionRecord, match_offset: u64) -> PartitionStatus {
        let replica = joining.replicas.iter().find(|r| r.state == ReplicaState::Joining).unwrap();
        PartitionStatus {
            group: joining.group,
            leader: Some(NodeId(1)),
            leader_epoch: 1,
            log_start: Offset(0),
            high_watermark: Offset(900),
            log_end: Offset(900),
            size_bytes: 9_000,
            replicas: vec![ReplicaStatus {
                replica: replica.id,
                node: replica.node,
                role: "learner".into(),
                match_offset: Offset(match_offset),
                lag_records: 900 - match_offset,
                lag_ms: 0,
                in_sync: false,
            }],
        }
    }

    #[test]
    fn a_move_is_stuck_after_two_minutes_without_progress() {
        let mut sample = Sample::nodes(5).topic("t", 3, &[&[1, 2, 3]]);
        sample.reassign(GroupId(1), &ids(&[1, 2, 4]));
        let moving = sample.partition(1).clone();
        let group = moving.group;
        let mut stalls = Stalls::default();
        let mut look = |status: Option<PartitionStatus>, now_ms| {
            stalls.note([(&moving, status.as_ref())], now_ms);
            stalls.stuck(now_ms).get(&group).copied()
        };
        assert_eq!(look(None, 1_000), None);
        assert_eq!(look(None, 120_999), None);
        assert_eq!(look(None, 121_000), Some(120_000), "its leader never answered");
        assert_eq!(look(Some(at(&moving, 0)), 122_000), None, "the leader answers");
        assert_eq!(look(Some(at(&moving, 10)), 200_000), None);
        assert_eq!(look(None, 310_000), None);
        // A replica that starts again from the beginning gets nowhere by that.
        assert_eq!(look(Some(at(&moving, 5)), 319_000), None);
        assert_eq!(look(Some(at(&moving, 10)), 321_000), Some(121_000));
        assert_eq!(look(Some(at(&moving, 11)), 322_000), None, "it goes on");

        sample.reassign(group, &ids(&[1, 2, 5]));
        stalls.note([(sample.partition(1), None)], 500_000);
        assert_eq!(stalls.stuck(500_000), BTreeMap::new(), "sent elsewhere: another move");
        stalls.note([], 600_000);
        stalls.note([(sample.partition(1), None)], 700_000);
        assert_eq!(stalls.stuck(700_000), BTreeMap::new(), "what ended is forgotten");
    }
}
