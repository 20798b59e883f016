//! `[pure]` What the coordinator of the groups in one partition of `__group_state` keeps in memory,
//! and what it finds due. Level-triggered: it looks at the state and proposes what is missing; what
//! was proposed is seen in the state, so a new coordinator goes on where the old one stopped.
//!
//! The caller proposes what is due, one entry after the other, and calls `follow` for each group
//! that an entry may have changed.

use std::collections::BTreeMap;
use std::time::Duration;

use rampart_api::model::ids::Offset;
use rampart_raft_store::state::group::command::{GroupCommand, Holding};
use rampart_raft_store::state::group::delivery::{Place, Progress};
use rampart_raft_store::state::group::state::{Group, Protocol};
use rampart_raft_store::state::group::{GroupState, MemberId, ParkedId, TopicPartition};

use super::assignor::{Topics, assign, is_assigned};
use super::deliveries::{Deliveries, Next};
use super::sessions::Sessions;
use super::token::{AckToken, Delivery};

/// Records that waited long enough, of one partition, oldest first.
pub type DueParked = Vec<(ParkedId, u32)>;

/// The volatile half of the groups in one partition of `__group_state`. Whose view: the coordinator's.
#[derive(Debug)]
pub struct Coordinator {
    sessions: Sessions,
    holdings: BTreeMap<String, BTreeMap<TopicPartition, Deliveries>>,
    in_flight_max: usize,
}

impl Coordinator {
    /// Of a node that has just become the coordinator and applied an entry of its own term: sessions
    /// in full, nothing in anybody's hands.
    pub fn take_over(state: &GroupState, in_flight_max: usize, now: Duration) -> Coordinator {
        let sessions = Sessions::of(state, now);
        let mut coordinator = Coordinator { sessions, holdings: BTreeMap::new(), in_flight_max };
        state.groups.keys().for_each(|name| coordinator.follow(name, state));
        coordinator
    }

    /// A group may have changed: what was in the hands of who holds a partition no more, or anew, is
    /// in nobody's.
    pub fn follow(&mut self, name: &str, state: &GroupState) {
        let Some(group) = state.groups.get(name) else {
            self.holdings.remove(name);
            return;
        };
        let mut before = self.holdings.remove(name).unwrap_or_default();
        let holdings = group.slots.iter().filter_map(|(at, slot)| {
            let progress = group.progress.get(at)?;
            let same = before.remove(at).filter(|known| known.epoch() == slot.epoch);
            let mut held = self.brought_up_to_date(same, slot.epoch, progress);
            held.keep_parked(|id, attempt| waits(group, id, attempt));
            Some((*at, held))
        });
        let holdings: BTreeMap<_, _> = holdings.collect();
        if !holdings.is_empty() {
            self.holdings.insert(name.to_owned(), holdings);
        }
    }

    fn brought_up_to_date(
        &self,
        known: Option<Deliveries>,
        epoch: u64,
        progress: &Progress,
    ) -> Deliveries {
        let Some(mut known) = known else {
            return Deliveries::new(epoch, progress, self.in_flight_max);
        };
        known.settled_below(progress.committed);
        for (start, end) in progress.settled.iter() {
            known.settled_within(start, end);
        }
        known
    }

    /// A member gave a sign of life. Only of those that are members.
    pub fn seen(&mut self, name: &str, member: &MemberId, session: Duration, now: Duration) {
        self.sessions.seen(name, member, session, now);
    }

    /// A member is gone.
    pub fn gone(&mut self, name: &str, member: &MemberId) {
        self.sessions.forget(name, member);
    }

    /// Partitions that a member is to read and the group has no offset of: where it starts in them is
    /// decided, and replicated, before the first record is delivered.
    pub fn to_start(group: &Group, member: &MemberId) -> Vec<TopicPartition> {
        let assigned = group.assigned_to(member).map(|(at, _)| at);
        assigned.filter(|at| !group.progress.contains_key(at)).collect()
    }

    /// What is due in all groups: members that are gone, partitions to assign, and those to let go.
    pub fn due(&self, state: &GroupState, topics: &Topics, now: Duration) -> Vec<GroupCommand> {
        let over = self.sessions.over(now).map(|(group, member)| GroupCommand::Expire {
            group: group.to_owned(),
            member: member.clone(),
        });
        // Whoever is gone is assigned nothing: that is for the next look.
        let over: Vec<_> = over.collect();
        if !over.is_empty() {
            return over;
        }
        let groups = state.groups.iter().filter(|(_, group)| group.protocol == Protocol::Server);
        groups.flat_map(|(name, group)| self.due_in(name, group, topics)).collect()
    }

    fn due_in(&self, name: &str, group: &Group, topics: &Topics) -> Vec<GroupCommand> {
        let targets = assign(group, topics);
        if !is_assigned(group, &targets) {
            let generation = group.generation;
            return vec![GroupCommand::Assign { group: name.to_owned(), generation, targets }];
        }
        let mut released: BTreeMap<&MemberId, Vec<TopicPartition>> = BTreeMap::new();
        for (at, slot) in group.slots.iter().filter(|(_, slot)| slot.is_revoked()) {
            if self.deliveries(name, *at).is_none_or(Deliveries::is_idle) {
                released.entry(&slot.holder).or_default().push(*at);
            }
        }
        let released = released.into_iter().map(|(member, partitions)| GroupCommand::Release {
            group: name.to_owned(),
            member: member.clone(),
            partitions,
        });
        released.collect()
    }

    /// When something may be due without anybody asking.
    pub fn next_end(&self) -> Option<Duration> {
        let locks = self.holdings.values().flat_map(|holdings| holdings.values());
        locks.filter_map(Deliveries::next_end).chain(self.sessions.next_end()).min()
    }

    fn deliveries(&self, name: &str, at: TopicPartition) -> Option<&Deliveries> {
        self.holdings.get(name)?.get(&at)
    }

    /// How many records of a partition are in its holder's hands.
    pub fn in_flight(&self, name: &str, at: TopicPartition) -> usize {
        self.deliveries(name, at).map_or(0, Deliveries::in_flight)
    }

    /// What a holding has in its hands.
    pub fn deliveries_mut(&mut self, name: &str, at: TopicPartition) -> Option<&mut Deliveries> {
        self.holdings.get_mut(name)?.get_mut(&at)
    }

    /// Where a poll of a member reads on. Only what it shall keep: of a partition that it is to let
    /// go it gets nothing more.
    pub fn next(
        &self,
        (name, group): (&str, &Group),
        member: &MemberId,
        records_max: usize,
    ) -> Vec<(TopicPartition, Next)> {
        let assigned = group.assigned_to(member);
        let next = assigned.filter_map(|(at, _)| {
            let next = self.deliveries(name, at)?.next(records_max);
            (next.fresh > 0 || !next.again.is_empty()).then_some((at, next))
        });
        next.collect()
    }

    /// Parked records of a partition that are due.
    pub fn due_parked(group: &Group, at: TopicPartition, now_ms: i64) -> DueParked {
        let of_partition = group.parked.iter().filter(|(_, parked)| parked.origin == at);
        let due = of_partition.filter_map(|(id, parked)| match parked.place {
            Place::Waiting { due_ms } if due_ms <= now_ms => Some((due_ms, *id, parked.attempts)),
            Place::Waiting { .. } | Place::Dying(_) => None,
        });
        let mut due: Vec<_> = due.collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id, attempts)| (id, attempts)).collect()
    }

    /// Hands a fresh record to the holder; its token. Nothing if the holding is over.
    pub fn hand_out(&mut self, by: &Holding, offset: Offset, until: Duration) -> Option<AckToken> {
        let (partition, epoch) = (by.partition, by.epoch);
        let held =
            self.deliveries_mut(&by.group, partition).filter(|held| held.epoch() == epoch)?;
        let attempt = held.hand_out(offset, until);
        Some(AckToken { partition, epoch, delivery: Delivery::Fresh(offset), attempt })
    }

    /// Hands a parked record to the holder of its partition. Nothing if it is in somebody's hands, or
    /// there is no room.
    pub fn hand_out_parked(
        &mut self,
        by: &Holding,
        (id, attempts): (ParkedId, u32),
        until: Duration,
    ) -> Option<AckToken> {
        let (partition, epoch) = (by.partition, by.epoch);
        let held =
            self.deliveries_mut(&by.group, partition).filter(|held| held.epoch() == epoch)?;
        let attempt = held.hand_out_parked(id, attempts, until)?;
        Some(AckToken { partition, epoch, delivery: Delivery::Parked(id), attempt })
    }

    /// Records whose locks have run out, by holding.
    pub fn overdue(
        &self,
        state: &GroupState,
        now: Duration,
    ) -> Vec<(Holding, Vec<(Delivery, u32)>)> {
        let all = self
            .holdings
            .iter()
            .flat_map(|(name, holdings)| holdings.iter().map(move |(at, held)| (name, *at, held)));
        let overdue = all.filter_map(|(name, partition, held)| {
            let records = held.overdue(now);
            let slot = state.groups.get(name)?.slots.get(&partition)?;
            let (group, member, epoch) = (name.clone(), slot.holder.clone(), held.epoch());
            let holding = Holding { group, member, partition, epoch };
            (!records.is_empty()).then_some((holding, records))
        });
        overdue.collect()
    }
}

/// Whether a parked record waits, and has not failed in this attempt or a later one: then it is to be
/// handed out again when it is due.
fn waits(group: &Group, id: ParkedId, attempt: u32) -> bool {
    group.parked.get(&id).is_some_and(|parked| {
        matches!(parked.place, Place::Waiting { .. }) && parked.attempts < attempt
    })
}

#[cfg(test)]
mod tests;
