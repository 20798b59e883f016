//! Leaderships that are fought over. A storm cuts off a leader, watches the votes on the disks, and
//! strikes at the moment at which somebody else is voted for: power of those who voted goes and is
//! back within milliseconds, and now the new leader is cut off and the old one is not. What a vote
//! was good for must hold all the same.

use std::collections::BTreeMap;
use std::time::Duration;

use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_raft_store::Store;
use rampart_raft_store::inspect::Inspector;

use super::{Fault, Planned, PowerLoss};
use crate::dice::Dice;
use crate::world::World;

/// An election that has not happened within this is not waited for.
const ELECTION: Duration = Duration::from_millis(2_500);

/// What a storm wants done to the faults in force.
#[derive(Debug)]
pub(super) enum Order {
    /// From now on.
    Begin(Planned),
    /// No longer.
    End(Fault),
}

/// A storm.
#[derive(Debug)]
pub(super) struct Storm {
    dice: Dice,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing happens until then.
    Resting(Duration),
    /// A leader is cut off.
    Waiting(Round),
    /// Somebody was voted for; the blow falls then.
    Aiming(Round, Voted, Duration),
}

/// The leadership that is fought over.
#[derive(Debug, Clone)]
struct Round {
    group: GroupId,
    /// The host of the leader.
    leader: usize,
    /// In this term.
    term: u64,
    /// A strike waits until the election is won, and does not come at the first vote.
    waits_for_winner: bool,
    gives_up: Duration,
}

/// An election.
#[derive(Debug, Clone)]
struct Voted {
    candidate: usize,
    voters: Vec<usize>,
}

/// A replica's vote.
#[derive(Debug, Clone, Copy)]
struct Ballot {
    host: usize,
    replica: ReplicaId,
    term: u64,
    voted_for: ReplicaId,
    has_won: bool,
}

impl Ballot {
    fn is_of_a_leader(&self) -> bool {
        self.has_won && self.voted_for == self.replica
    }
}

impl Storm {
    /// From then on.
    pub(super) fn new(dice: Dice, from: Duration) -> Storm {
        Storm { dice, state: State::Resting(from) }
    }

    /// What is to happen now. `now` counts from the beginning of the faults.
    pub(super) fn look(&mut self, world: &World, now: Duration) -> Vec<Order> {
        match &self.state {
            State::Resting(until) if *until > now => Vec::new(),
            State::Resting(_) => self.choose(world, now),
            State::Waiting(round) if round.gives_up <= now => {
                let cut_off = Fault::Split(vec![round.leader]);
                self.rest(now);
                vec![Order::End(cut_off)]
            }
            State::Waiting(round) => {
                if let Some(voted) = election(&ballots(world, round.group), round) {
                    // Often at once: an answer takes a moment, and the next write must not come.
                    let aim = self.dice.pick(&[0, 0, 0, 1, 2, 4, 8, 16]);
                    let at = now + Duration::from_millis(aim);
                    self.state = State::Aiming(round.clone(), voted, at);
                    return self.look(world, now);
                }
                Vec::new()
            }
            State::Aiming(_, _, at) if *at > now => Vec::new(),
            State::Aiming(round, voted, _) => {
                let (round, voted) = (round.clone(), voted.clone());
                self.strike(&round, &voted, world.shared().hosts().len(), now)
            }
        }
    }

    /// Cuts off a leader by lot.
    fn choose(&mut self, world: &World, now: Duration) -> Vec<Order> {
        let mut leaders: BTreeMap<GroupId, Ballot> = BTreeMap::new();
        for (group, ballot) in all_ballots(world) {
            let is_newest = leaders.get(&group).is_none_or(|known| known.term < ballot.term);
            if ballot.is_of_a_leader() && is_newest {
                leaders.insert(group, ballot);
            }
        }
        let leaders: Vec<_> = leaders.into_iter().collect();
        if leaders.is_empty() {
            self.rest(now);
            return Vec::new();
        }
        let (group, leads) = self.dice.pick(&leaders);
        self.state = State::Waiting(Round {
            group,
            leader: leads.host,
            term: leads.term,
            waits_for_winner: self.dice.percent(70),
            gives_up: now + ELECTION,
        });
        // It lasts until the storm ends it.
        let fault = Fault::Split(vec![leads.host]);
        vec![Order::Begin(Planned { at: now, lasts: ELECTION * 2, fault })]
    }

    /// Power cuts, and another one is cut off.
    fn strike(&mut self, round: &Round, voted: &Voted, hosts: usize, now: Duration) -> Vec<Order> {
        let others = (0..hosts).filter(|host| *host != round.leader);
        let victims = match self.dice.below(10) {
            0..=6 => voted.voters.clone(),
            7 => vec![voted.candidate],
            _ => others.collect(),
        };
        let lasts = self.dice.millis(300, 1_500);
        let mut orders = Vec::new();
        if !victims.is_empty() {
            // Back while the term is still fought over.
            let down = self.dice.millis(1, 40);
            let fault = Fault::Crash(victims, PowerLoss::Lost);
            orders.push(Order::Begin(Planned { at: now, lasts: down, fault }));
        }
        if self.dice.percent(80) {
            orders.push(Order::End(Fault::Split(vec![round.leader])));
            let fault = Fault::Split(vec![voted.candidate]);
            orders.push(Order::Begin(Planned { at: now, lasts, fault }));
        } else {
            orders.push(Order::End(Fault::Split(vec![round.leader])));
        }
        self.rest(now + lasts);
        orders
    }

    fn rest(&mut self, from: Duration) {
        self.state = State::Resting(from + self.dice.millis(100, 900));
    }
}

/// The first election of a round that is far enough.
fn election(ballots: &[Ballot], round: &Round) -> Option<Voted> {
    let is_new = |ballot: &&Ballot| ballot.host != round.leader && ballot.term > round.term;
    let own = |ballot: &&Ballot| ballot.voted_for == ballot.replica;
    let far_enough = |ballot: &&Ballot| ballot.has_won || !round.waits_for_winner;
    let candidates = ballots.iter().filter(is_new).filter(own).filter(far_enough);
    let candidate = candidates.max_by_key(|ballot| ballot.term)?;
    let voters: Vec<usize> = ballots
        .iter()
        .filter(|ballot| ballot.host != candidate.host && ballot.term == candidate.term)
        .filter(|ballot| ballot.voted_for == candidate.replica)
        .map(|ballot| ballot.host)
        .collect();
    (!voters.is_empty()).then_some(Voted { candidate: candidate.host, voters })
}

fn ballots(world: &World, group: GroupId) -> Vec<Ballot> {
    all_ballots(world)
        .into_iter()
        .filter(|(of, _)| *of == group)
        .map(|(_, ballot)| ballot)
        .collect()
}

/// The votes as the disks have them, synced or not.
fn all_ballots(world: &World) -> Vec<(GroupId, Ballot)> {
    let mut all = Vec::new();
    for (host, machine) in world.shared().hosts().iter().enumerate() {
        // A disk whose content can't be read now has no vote to be seen.
        let groups = Inspector::of(&Store::in_memory(machine.disk())).groups();
        for report in groups.unwrap_or_default() {
            let Some((term, voted_for, has_won)) = report.vote else { continue };
            let replica = report.replica;
            all.push((report.group, Ballot { host, replica, term, voted_for, has_won }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ballot(host: usize, term: u64, voted_for: u64, has_won: bool) -> Ballot {
        let replica = ReplicaId(host as u64 + 1);
        Ballot { host, replica, term, voted_for: ReplicaId(voted_for), has_won }
    }

    fn round(waits_for_winner: bool) -> Round {
        let gives_up = Duration::from_secs(1);
        Round { group: GroupId::METADATA, leader: 0, term: 3, waits_for_winner, gives_up }
    }

    #[test]
    fn an_election_is_seen_when_it_is_far_enough_and_has_voters() {
        let old = ballot(0, 3, 1, true);
        let only_itself = [old, ballot(1, 4, 2, false), ballot(2, 3, 1, true)];
        assert!(election(&only_itself, &round(false)).is_none());
        let voted = [old, ballot(1, 4, 2, false), ballot(2, 4, 2, false)];
        assert!(election(&voted, &round(true)).is_none());
        let found = election(&voted, &round(false)).unwrap();
        assert_eq!((found.candidate, found.voters), (1, vec![2]));
        let won = [old, ballot(1, 4, 2, true), ballot(2, 4, 2, false)];
        assert!(election(&won, &round(true)).is_some());
    }
}
