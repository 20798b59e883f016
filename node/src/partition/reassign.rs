//! Brings the membership of the groups this node leads to what the metadata says: adds joining
//! replicas as learners, makes them voters once they caught up, lets leaving ones go, and reports.
//! Level-triggered, one step at a time, so that whoever leads next goes on where this one stopped.
//! Enforces INV-14.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openraft::ChangeMembers;
use rampart_api::model::ids::{GroupId, NodeId, ReplicaId};
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::{MetadataState, PartitionRecord, ReplicaState};
use rampart_raft_store::type_config::Member;

use super::hand_over::hand_over;
use super::replica::Replica;
use super::replica_manager::ReplicaManager;
use crate::clock::Clock;
use crate::metadata::MetadataHandle;
use crate::raft::membership::{self, Former};
use crate::raft::status::{self, MembershipView, RaftHandle};
use crate::tasks::Tasks;

/// How often the groups are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A joining replica may be so many entries behind when it becomes a voter.
const CATCH_UP_ENTRIES_MAX: u64 = 64;
/// Steps under way at once on this node.
const STEPS_AT_ONCE_MAX: usize = 16;
/// Where nothing was due and the metadata has not changed, every so many-th look is taken.
const SETTLED_LOOK_EVERY: u64 = 10;
/// A step that takes longer is given up and looked at again.
const STEP_TIMEOUT: Duration = Duration::from_secs(25);

/// One step towards the record.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Nothing to do, or nothing to do yet.
    Wait,
    /// End the joint configuration that a former leader left behind.
    FinishChange,
    AddLearners(BTreeMap<u64, Member>),
    /// Make exactly these the voters; others stay as learners.
    Voters(BTreeSet<u64>),
    /// Make exactly these the voters; all others leave the membership.
    VotersOnly(BTreeSet<u64>),
    Remove(BTreeSet<u64>),
    /// This leader leaves: hand over to one of these first.
    HandOver(Vec<(ReplicaId, NodeId)>),
    /// The membership is what the record wants.
    Report(Vec<ReplicaId>, u64),
}

/// Runs the loop on every node, for the groups it leads.
pub async fn run(manager: ReplicaManager, metadata: MetadataHandle, tasks: Tasks, clock: Clock) {
    let busy: Arc<Mutex<BTreeSet<GroupId>>> = Arc::default();
    let mut every = clock.every(LOOK_EVERY);
    let (mut last, mut is_settled, mut looks) = (None::<Arc<MetadataState>>, false, 0_u64);
    loop {
        every.tick().await;
        let state = metadata.state();
        // A leader that comes is reported to the metadata, so there is nothing new without a change.
        let is_same = last.as_ref().is_some_and(|known| Arc::ptr_eq(known, &state));
        looks += 1;
        if is_same && is_settled && !looks.is_multiple_of(SETTLED_LOOK_EVERY) {
            continue;
        }
        (last, is_settled) = (Some(state.clone()), true);
        for replica in manager.all().iter() {
            let group = replica.spec().group;
            let Some((_, record)) = state.partition_of(group) else { continue };
            if !replica.is_leader() {
                continue;
            }
            let is_wanted = record.replicas.iter().all(|r| r.state == ReplicaState::Voter);
            if is_wanted && !status::is_changing(replica.raft()) {
                continue;
            }
            is_settled = false;
            {
                let mut busy = busy.lock().expect("no holder of this lock panics");
                if busy.len() >= STEPS_AT_ONCE_MAX || !busy.insert(group) {
                    continue;
                }
            }
            let (metadata, busy, record) = (metadata.clone(), busy.clone(), record.clone());
            let replica = replica.clone();
            tasks.spawn("reassign", async move {
                let step = step(&replica, &metadata, &record);
                if tokio::time::timeout(STEP_TIMEOUT, step).await.is_err() {
                    tracing::warn!(%group, "membership step took too long; it will be retried");
                }
                busy.lock().expect("no holder of this lock panics").remove(&group);
            });
        }
    }
}

async fn step(replica: &Arc<Replica>, metadata: &MetadataHandle, record: &PartitionRecord) {
    let raft = replica.raft();
    let group = replica.spec().group;
    replica.note_activity();
    let view = status::membership(raft);
    let caught_up = |id: ReplicaId| is_caught_up(replica, id);
    let next = plan(record, &view, replica.spec().replica, caught_up);
    if next != Step::Wait {
        tracing::info!(%group, step = ?next, "partition membership");
    }
    let result = match next {
        Step::Wait => return,
        Step::FinishChange => {
            membership::finish(raft, &view).await.map_err(|error| error.to_string())
        }
        Step::AddLearners(nodes) => {
            change(raft, &view, ChangeMembers::AddNodes(nodes), Former::Learners).await
        }
        Step::Voters(voters) => {
            change(raft, &view, ChangeMembers::ReplaceAllVoters(voters), Former::Learners).await
        }
        Step::VotersOnly(voters) => {
            change(raft, &view, ChangeMembers::ReplaceAllVoters(voters), Former::Gone).await
        }
        Step::Remove(nodes) => {
            change(raft, &view, ChangeMembers::RemoveNodes(nodes), Former::Learners).await
        }
        Step::HandOver(candidates) => {
            let alive = candidates
                .iter()
                .find(|(_, node)| replica.parts.liveness.is_alive(*node))
                .or(candidates.first());
            match alive {
                Some(to) => {
                    hand_over(replica, *to).await.map(|_| ()).map_err(|problem| problem.to_string())
                }
                None => Ok(()),
            }
        }
        Step::Report(voters, membership_index) => metadata
            .propose(MetadataCommand::MembershipReached { group, voters, membership_index })
            .await
            .map(|_| ())
            .map_err(|problem| problem.to_string()),
    };
    if let Err(error) = result {
        tracing::warn!(%group, error, "membership step did not finish; it will be retried");
    }
}

async fn change(
    raft: &RaftHandle,
    view: &MembershipView,
    members: ChangeMembers<u64, Member>,
    former: Former,
) -> Result<(), String> {
    membership::change(raft, view, members, former).await.map_err(|error| error.to_string())
}

/// Our own notion: openraft calls an empty learner caught up (its bound is 5,000 entries).
fn is_caught_up(replica: &Replica, id: ReplicaId) -> bool {
    let status = replica.status();
    let last = status.last_log_index.unwrap_or(0);
    let matched = replica.progress().matched(id, status.term);
    matched.is_some_and(|matched| matched + CATCH_UP_ENTRIES_MAX >= last)
}

fn plan(
    record: &PartitionRecord,
    view: &MembershipView,
    me: ReplicaId,
    caught_up: impl Fn(ReplicaId) -> bool,
) -> Step {
    if !view.is_committed {
        return Step::Wait;
    }
    if view.is_joint {
        return Step::FinishChange;
    }
    let voters: BTreeSet<u64> = view.voters.iter().map(|(id, _)| id.0).collect();
    let learners: BTreeSet<u64> = view.learners.iter().map(|(id, _)| id.0).collect();
    let target: BTreeMap<u64, NodeId> = record
        .replicas
        .iter()
        .filter(|replica| replica.state != ReplicaState::Leaving)
        .map(|replica| (replica.id.0, replica.node))
        .collect();
    let target_ids: BTreeSet<u64> = target.keys().copied().collect();
    let missing: BTreeMap<u64, Member> = target
        .iter()
        .filter(|(id, _)| !voters.contains(id) && !learners.contains(id))
        .map(|(id, node)| (*id, Member { node: *node }))
        .collect();
    if target.is_empty() {
        return Step::Wait;
    }
    if !missing.is_empty() {
        return Step::AddLearners(missing);
    }
    let joining: Vec<u64> = target_ids.difference(&voters).copied().collect();
    if !joining.is_empty() {
        if !joining.iter().all(|id| caught_up(ReplicaId(*id))) {
            return Step::Wait;
        }
        return Step::Voters(voters.union(&target_ids).copied().collect());
    }
    if voters != target_ids {
        if !target_ids.contains(&me.0) {
            let mut candidates: Vec<(ReplicaId, NodeId)> =
                target.iter().map(|(id, node)| (ReplicaId(*id), *node)).collect();
            candidates.sort_by_key(|(id, _)| !caught_up(*id));
            return Step::HandOver(candidates);
        }
        return Step::VotersOnly(target_ids);
    }
    if !learners.is_empty() {
        return Step::Remove(learners);
    }
    let voters = target_ids.into_iter().map(ReplicaId).collect();
    Step::Report(voters, view.log_id.map_or(0, |log_id| log_id.index))
}

#[cfg(test)]
mod tests {
    use rampart_raft_store::state::metadata::state::ReplicaRecord;

    use super::*;

    fn record(replicas: &[(u64, ReplicaState)]) -> PartitionRecord {
        let replicas: Vec<ReplicaRecord> = replicas
            .iter()
            .map(|(id, state)| ReplicaRecord {
                id: ReplicaId(*id),
                node: NodeId(*id),
                state: *state,
            })
            .collect();
        PartitionRecord {
            group: GroupId(1),
            initial: replicas.clone(),
            replicas,
            initialized: true,
            leader: None,
            epoch: 1,
            membership_index: 0,
            voters: BTreeSet::new(),
            damaged: BTreeSet::new(),
        }
    }

    fn view(voters: &[u64], learners: &[u64]) -> MembershipView {
        let pair = |id: &u64| (ReplicaId(*id), NodeId(*id));
        MembershipView {
            voters: voters.iter().map(pair).collect(),
            learners: learners.iter().map(pair).collect(),
            log_id: None,
            is_joint: false,
            is_committed: true,
        }
    }

    use ReplicaState::{Joining, Leaving, Voter};

    #[test]
    fn a_move_goes_learner_voter_handover_leave_report() {
        let moved = record(&[(1, Leaving), (2, Voter), (3, Voter), (4, Joining)]);
        let me = ReplicaId(1);
        let step = plan(&moved, &view(&[1, 2, 3], &[]), me, |_| false);
        assert_eq!(step, Step::AddLearners([(4, Member { node: NodeId(4) })].into()));
        let step = plan(&moved, &view(&[1, 2, 3], &[4]), me, |_| false);
        assert_eq!(step, Step::Wait);
        let step = plan(&moved, &view(&[1, 2, 3], &[4]), me, |_| true);
        assert_eq!(step, Step::Voters([1, 2, 3, 4].into()));
        let step = plan(&moved, &view(&[1, 2, 3, 4], &[]), me, |_| true);
        assert!(matches!(step, Step::HandOver(to) if to.len() == 3));
        let step = plan(&moved, &view(&[1, 2, 3, 4], &[]), ReplicaId(2), |_| true);
        assert_eq!(step, Step::VotersOnly([2, 3, 4].into()));
        let step = plan(&moved, &view(&[2, 3, 4], &[]), ReplicaId(2), |_| true);
        assert_eq!(step, Step::Report(vec![ReplicaId(2), ReplicaId(3), ReplicaId(4)], 0));
    }

    #[test]
    fn a_cancelled_join_leaves_again() {
        let cancelled = record(&[(1, Voter), (2, Voter), (3, Voter), (4, Leaving)]);
        let step = plan(&cancelled, &view(&[1, 2, 3], &[4]), ReplicaId(1), |_| false);
        assert_eq!(step, Step::Remove([4].into()));
    }

    #[test]
    fn nothing_happens_while_a_change_is_under_way() {
        let moved = record(&[(1, Voter), (2, Joining)]);
        let under_way = MembershipView { is_committed: false, ..view(&[1], &[]) };
        assert_eq!(plan(&moved, &under_way, ReplicaId(1), |_| true), Step::Wait);
        let joint = MembershipView { is_joint: true, ..under_way };
        assert_eq!(plan(&moved, &joint, ReplicaId(1), |_| true), Step::Wait);
    }

    #[test]
    fn a_change_left_half_done_is_finished_first() {
        let joint = MembershipView { is_joint: true, ..view(&[1, 2, 3, 4], &[]) };
        for replicas in [
            record(&[(1, Leaving), (2, Voter), (3, Voter), (4, Joining)]),
            record(&[(1, Voter), (2, Voter), (3, Voter)]),
        ] {
            assert_eq!(plan(&replicas, &joint, ReplicaId(2), |_| true), Step::FinishChange);
        }
    }
}
