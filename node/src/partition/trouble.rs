//! `[pure]` About replicas that failed: when to try again, and whether what is on the disk may be
//! given up for a new replica (INV-19).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use rampart_api::model::ids::{GroupId, NodeId, ReplicaId};
use rampart_raft_store::state::metadata::state::PartitionRecord;

/// Pause after the second failure in a row; it doubles from there. The first is followed at once.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Longest pause of a replica whose data may not be given up yet: it waits for others, and they may
/// be back at any moment.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// A replica that ran for so long since it failed has made up for it.
const FORGIVEN_AFTER: Duration = Duration::from_secs(300);

/// Failures of the replicas of this node, by the time since the node started.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    replicas: BTreeMap<(GroupId, ReplicaId), Trouble>,
    damaged: BTreeSet<(GroupId, ReplicaId)>,
}

#[derive(Debug, Clone, Copy)]
struct Trouble {
    failures: u32,
    at: Duration,
    pause: Duration,
}

fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => PAUSE_MIN.saturating_mul(1 << (more - 2).min(16)).min(PAUSE_MAX),
    }
}

impl Troubles {
    /// Notes a failure; answers how long to leave the replica alone.
    pub(super) fn failed(&mut self, replica: (GroupId, ReplicaId), now: Duration) -> Duration {
        let known = self.replicas.get(&replica);
        let known = known.filter(|known| now.saturating_sub(known.at) < FORGIVEN_AFTER);
        let failures = known.map_or(0, |known| known.failures).saturating_add(1);
        self.note(replica, Trouble { failures, at: now, pause: pause(failures) })
    }

    /// As `failed`, for what others are waited for: with shorter pauses.
    pub(super) fn waits(&mut self, replica: (GroupId, ReplicaId), now: Duration) -> Duration {
        self.failed(replica, now);
        let known = self.replicas[&replica];
        self.note(replica, Trouble { pause: known.pause.min(WAIT_MAX), ..known })
    }

    fn note(&mut self, replica: (GroupId, ReplicaId), trouble: Trouble) -> Duration {
        self.replicas.insert(replica, trouble);
        trouble.pause
    }

    /// Notes a verdict. It stands as long as this process runs: to find it takes reading the log,
    /// which may be long, and a replica that is damaged is not trusted if it reads right for once.
    pub(super) fn found_damaged(&mut self, replica: (GroupId, ReplicaId)) {
        self.damaged.insert(replica);
    }

    /// Whether a replica was found damaged.
    pub(super) fn is_damaged(&self, replica: (GroupId, ReplicaId)) -> bool {
        self.damaged.contains(&replica)
    }

    /// Whether any replica of a group was found damaged.
    pub(super) fn has_damage(&self, group: GroupId) -> bool {
        self.damaged.iter().any(|(known, _)| *known == group)
    }

    /// Whether the pause after its last failure is over.
    pub(super) fn may_try(&self, replica: (GroupId, ReplicaId), now: Duration) -> bool {
        let known = self.replicas.get(&replica);
        known.is_none_or(|known| now.saturating_sub(known.at) >= known.pause)
    }

    /// Forgets a group that is gone from this node.
    pub(super) fn forget(&mut self, group: GroupId) {
        self.replicas.retain(|(known, _), _| *known != group);
        self.damaged.retain(|(known, _)| *known != group);
    }
}

/// Why the data of a replica must be kept, though the replica is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// No other replica votes.
    OnlyVoter,
    /// The others that are sound and alive are no majority.
    NoMajority {
        /// So many are.
        sound: usize,
        /// So many it takes.
        needed: usize,
    },
    /// No other replica has just shown that it leads.
    NoLeader,
    /// The disk is ahead of the metadata that this node has applied so far.
    Newer(ReplicaId),
}

impl Keep {
    /// Whether what it waits for may come at any moment.
    pub(super) fn is_passing(self) -> bool {
        match self {
            Keep::OnlyVoter => false,
            Keep::NoMajority { .. } | Keep::NoLeader | Keep::Newer(_) => true,
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keep::OnlyVoter => f.write_str(
                "it is the only replica that votes, so what is left of the data is here: nothing is \
                 erased; read it with `rampart debug inspect`, and delete the topic to give it up",
            ),
            Keep::NoMajority { sound, needed } => write!(
                f,
                "only {sound} of the other replicas are sound and alive, and it takes {needed}: \
                 nothing is erased; start the other nodes, and it is replaced from them; if they \
                 are gone for good see `rampart debug unsafe-recover --help`"
            ),
            Keep::NoLeader => f.write_str(
                "no other replica leads the partition right now: nothing is erased, and it is \
                 replaced once one does",
            ),
            Keep::Newer(found) => write!(
                f,
                "replica {found}, which is newer, is on the disk: this node's metadata is behind"
            ),
        }
    }
}

/// Whether what this node has of a replica may be given up: only if the voters without it, sound and
/// alive, are a majority of all. The decisive question, whether one of them leads, is asked after.
pub(super) fn may_give_up(
    record: &PartitionRecord,
    replica: ReplicaId,
    is_alive: impl Fn(NodeId) -> bool,
) -> Result<(), Keep> {
    // It may vote already without the metadata having heard of it.
    let mut voters: BTreeSet<ReplicaId> = record.voters.clone();
    voters.insert(replica);
    if voters.len() == 1 {
        return Err(Keep::OnlyVoter);
    }
    let others = record.replicas.iter().filter(|other| other.id != replica);
    let sound = others
        .filter(|other| voters.contains(&other.id) && !record.damaged.contains(&other.id))
        .filter(|other| is_alive(other.node))
        .count();
    let needed = voters.len() / 2 + 1;
    if sound < needed { Err(Keep::NoMajority { sound, needed }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use rampart_raft_store::state::metadata::state::{ReplicaRecord, ReplicaState};

    use super::*;

    const A: (GroupId, ReplicaId) = (GroupId(1), ReplicaId(10));

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_failure_is_followed_at_once_and_the_next_ever_later() {
        let mut troubles = Troubles::default();
        assert!(troubles.may_try(A, secs(0)));
        let pauses: Vec<_> = (0..9).map(|_| troubles.failed(A, secs(5)).as_secs()).collect();
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(!troubles.may_try(A, secs(64)) && troubles.may_try(A, secs(65)));
        assert!(troubles.may_try((GroupId(1), ReplicaId(11)), secs(6)), "another replica");
        assert_eq!(troubles.failed(A, secs(305)), Duration::ZERO, "forgiven");
        troubles.failed(A, secs(306));
        troubles.forget(GroupId(1));
        assert!(troubles.may_try(A, secs(306)));
    }

    #[test]
    fn what_waits_for_others_is_looked_at_again_soon() {
        let mut troubles = Troubles::default();
        let pauses: Vec<_> = (0..9).map(|_| troubles.waits(A, secs(5)).as_secs()).collect();
        assert_eq!(pauses, [0, 1, 2, 4, 5, 5, 5, 5, 5]);
        assert!(!troubles.may_try(A, secs(9)) && troubles.may_try(A, secs(10)));
        assert_eq!(troubles.failed(A, secs(10)), secs(60), "what fails by itself is left alone");
        assert!(Keep::NoLeader.is_passing() && !Keep::OnlyVoter.is_passing());
    }

    #[test]
    fn a_verdict_is_of_one_replica_and_stands_until_its_group_is_gone() {
        let mut troubles = Troubles::default();
        troubles.found_damaged(A);
        troubles.failed(A, secs(5));
        troubles.failed(A, secs(500));
        assert!(troubles.is_damaged(A), "failures are forgiven, damage is not");
        assert!(!troubles.is_damaged((A.0, ReplicaId(11))), "the one in its place");
        assert!(troubles.has_damage(A.0) && !troubles.has_damage(GroupId(2)));
        troubles.forget(A.0);
        assert!(!troubles.is_damaged(A) && !troubles.has_damage(A.0));
    }

    fn record(voters: &[u64], replicas: &[u64], damaged: &[u64]) -> PartitionRecord {
        let replica = |id: &u64| ReplicaRecord {
            id: ReplicaId(*id),
            node: NodeId(*id % 10),
            state: ReplicaState::Voter,
        };
        let ids = |ids: &[u64]| ids.iter().map(|id| ReplicaId(*id)).collect();
        PartitionRecord {
            group: GroupId(1),
            replicas: replicas.iter().map(replica).collect(),
            initial: Vec::new(),
            initialized: true,
            leader: None,
            epoch: 1,
            membership_index: 1,
            voters: ids(voters),
            damaged: ids(damaged),
        }
    }

    /// Voters, replicas, damaged ones, dead nodes, and whether the data of replica 11 may go.
    type Case = (&'static [u64], &'static [u64], &'static [u64], &'static [u64], Result<(), Keep>);

    #[test]
    fn data_is_given_up_only_with_a_sound_majority_elsewhere() {
        let no_majority = |sound, needed| Err(Keep::NoMajority { sound, needed });
        let table: [Case; 9] = [
            (&[11], &[11], &[], &[], Err(Keep::OnlyVoter)),
            (&[11, 12], &[11, 12], &[], &[], no_majority(1, 2)),
            (&[11, 12, 13], &[11, 12, 13], &[], &[], Ok(())),
            (&[11, 12, 13], &[11, 12, 13], &[], &[3], no_majority(1, 2)),
            (&[11, 12, 13], &[11, 12, 13], &[12], &[], no_majority(1, 2)),
            // Its replacement is recorded already, and is no reason for anything.
            (&[11, 12, 13], &[21, 12, 13, 11], &[11], &[], Ok(())),
            (&[11, 12, 13], &[21, 12, 13, 11], &[11], &[2], no_majority(1, 2)),
            // A learner may have become a voter a moment ago.
            (&[12, 13], &[12, 13, 11], &[], &[], Ok(())),
            (&[12], &[12, 11], &[], &[], no_majority(1, 2)),
        ];
        for (voters, replicas, damaged, dead, expect) in table {
            let record = record(voters, replicas, damaged);
            let alive = |node: NodeId| node != NodeId(1) && !dead.contains(&node.0);
            let may = may_give_up(&record, ReplicaId(11), alive);
            assert_eq!(may, expect, "{voters:?} vote, {damaged:?} damaged, nodes {dead:?} dead");
        }
    }
}
