//! Finds the replicas of this node that do not run any more though they should, or have run long
//! enough. `ReplicaManager` starts them again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rampart_api::model::ids::GroupId;

use super::renewal::{Renewal, Seen};
use super::replica::Replica;
use super::stuck::Applying;
use crate::raft::status::{self, RaftStatus, Role};

/// Replicas that are looked at in one round. Where there are more, they take turns.
const SUPERVISED_AT_ONCE: usize = 125;
/// How long the state machine of a replica may take to answer. Later it is busy, not dead.
const MACHINE_TIMEOUT: Duration = Duration::from_millis(500);

/// What is remembered between two rounds.
#[derive(Debug, Default)]
pub(super) struct Supervision {
    rounds: u64,
    applying: Applying,
    renewal: Renewal,
}

/// What a round found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) round: Round,
    /// They have ended.
    pub(super) gone: Vec<Gone>,
    /// Its memory is to be given back.
    pub(super) worn: Option<GroupId>,
}

/// A replica that does not run any more.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) replica: Arc<Replica>,
    /// For people.
    pub(super) reason: String,
    /// Its log is to be read through before it is used again.
    pub(super) is_suspect: bool,
}

/// One round of supervision: with many replicas only every so many-th is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    number: u64,
    turns: u64,
}

impl Round {
    fn new(number: u64, replicas: usize) -> Round {
        Round { number, turns: replicas.div_ceil(SUPERVISED_AT_ONCE).max(1) as u64 }
    }

    /// Whether a group is looked at in this round.
    pub(super) fn is_turn(self, group: GroupId) -> bool {
        group.0 % self.turns == self.number % self.turns
    }
}

impl Supervision {
    /// Looks at the replicas whose turn it is, `now` since this node began. `damaged`: groups whose
    /// log was found damaged, and how. Those that did nothing for `renew_after` are started anew.
    /// Takes longer than a moment only where a state machine does not answer.
    pub(super) async fn look(
        &mut self,
        replicas: &[Arc<Replica>],
        damaged: &BTreeMap<GroupId, String>,
        (now, renew_after): (Duration, Duration),
    ) -> Found {
        let round = Round::new(self.rounds, replicas.len());
        self.rounds += 1;
        let is_turn = |replica: &&Arc<Replica>| round.is_turn(replica.spec().group);
        let looked: Vec<_> =
            replicas.iter().filter(is_turn).map(|replica| (replica, replica.status())).collect();
        let stuck = self.applying.next(applying(&looked), |group| round.is_turn(group));
        // Without this one a majority is left.
        let may_renew = |group| {
            let found = looked.iter().find(|(replica, _)| replica.spec().group == group);
            found.is_some_and(|(replica, status)| replica.voters(status).iter().all(|v| v.alive))
        };
        let all_seen = (looked.iter().map(seen), |group| round.is_turn(group));
        let worn = self.renewal.next(all_seen, (now, renew_after), may_renew);
        let mut gone = Vec::new();
        for (replica, status) in looked {
            let group = replica.spec().group;
            let damage = damaged.get(&group);
            let is_suspect = status.storage_failed || damage.is_some();
            let damage = damage.map(|damage| format!("its log is damaged: {damage}"));
            let reason = match ended(replica, status).or(damage) {
                Some(reason) => reason,
                // One in a round: each may take its time to answer.
                None if stuck == Some(group) && machine_is_gone(replica).await => {
                    "its state machine panicked".to_owned()
                }
                None => continue,
            };
            gone.push(Gone { replica: replica.clone(), reason, is_suspect });
        }
        Found { round, gone, worn }
    }
}

/// Last applied index of those that have entries to apply.
fn applying(looked: &[(&Arc<Replica>, RaftStatus)]) -> BTreeMap<GroupId, u64> {
    let mut applying = BTreeMap::new();
    for (replica, status) in looked {
        let applied = status.applied.map_or(0, |id| id.index);
        if status.committed.is_some_and(|committed| committed.index > applied) {
            applying.insert(replica.spec().group, applied);
        }
    }
    applying
}

/// As it is for renewal.
fn seen((replica, status): &(&Arc<Replica>, RaftStatus)) -> Seen {
    let applied = status.applied.map(|id| id.index);
    let is_led_elsewhere = status.role != Role::Leader && status.leader.is_some();
    // A coordinator remembers who holds what until it ends.
    let keeps_records = replica.groups().is_none();
    let is_idle = is_led_elsewhere || replica.is_quiesced();
    Seen {
        group: replica.spec().group,
        replica: replica.spec().replica,
        last_index: status.last_log_index.unwrap_or(0),
        is_at_rest: keeps_records && applied == status.last_log_index && is_idle,
    }
}

/// Why a replica does not run any more though it should.
fn ended(replica: &Replica, status: RaftStatus) -> Option<String> {
    if status.role == Role::Stopped {
        return Some(status.fatal.unwrap_or_else(|| "it was stopped".to_owned()));
    }
    // A core that panics leaves its last status as it was.
    if status::core_is_gone(replica.raft()) {
        return Some("its core panicked".to_owned());
    }
    replica.appender_is_gone().then(|| "its appender panicked".to_owned())
}

/// Whether the state machine's task is dead, of which its core hears only at the next entry.
async fn machine_is_gone(replica: &Replica) -> bool {
    let question = replica.raft().with_state_machine(|_| std::future::ready(()).boxed());
    matches!(tokio::time::timeout(MACHINE_TIMEOUT, question).await, Ok(Err(_)))
}
