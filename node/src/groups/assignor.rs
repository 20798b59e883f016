//! `[pure]` Who shall read what, in a group whose partitions the coordinator assigns.
//!
//! - *Balanced*: no two members differ by more than one partition, as far as what they subscribe to
//!   lets them.
//! - *Sticky*: a partition moves only where balance asks for it; asked again nothing moves.
//! - *Rack-aware*: what has to move goes to a member in the rack of one of its replicas, where that
//!   costs no balance.
//!
//! That a partition is not read twice while it moves is the state machine's business: it stays with
//! its holder until that one lets go or is gone.

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::model::ids::TopicId;
use rampart_raft_store::state::group::state::{Group, MemberPart};
use rampart_raft_store::state::group::{MemberId, TopicPartition};

/// The partitions of topics: for each, the racks of its replicas.
pub type Topics = BTreeMap<TopicId, Vec<BTreeSet<String>>>;

/// Who shall have what, as `GroupCommand::Assign` takes it: every member, in order.
pub type Targets = Vec<(MemberId, Vec<TopicPartition>)>;

/// Assigns the partitions of the topics that a group's members want. Topics that are not named do
/// not exist.
pub fn assign(group: &Group, topics: &Topics) -> Targets {
    let mut plan = Plan::of(group, topics);
    if plan.is_uniform() {
        plan.shed();
    }
    plan.place_in_racks();
    plan.place_rest();
    while plan.improve() {}
    plan.targets()
}

/// Whether what the group has already is that assignment.
pub fn is_assigned(group: &Group, targets: &Targets) -> bool {
    let wanted = targets.iter().flat_map(|(member, all)| all.iter().map(move |at| (at, member)));
    let wanted: BTreeMap<&TopicPartition, &MemberId> = wanted.collect();
    let named = group.slots.iter().filter_map(|(at, slot)| Some((at, slot.target.as_ref()?)));
    named.eq(wanted)
}

/// A member while partitions are handed out.
struct Reader<'a> {
    id: &'a MemberId,
    topics: &'a BTreeSet<TopicId>,
    rack: &'a str,
    has: BTreeSet<TopicPartition>,
}

impl Reader<'_> {
    fn load(&self) -> usize {
        self.has.len()
    }

    fn wants(&self, at: TopicPartition) -> bool {
        self.topics.contains(&at.topic)
    }
}

/// A partition that nobody has yet, and who had it, as a position among the readers.
type Free = (TopicPartition, Option<usize>);

struct Plan<'a> {
    topics: &'a Topics,
    readers: Vec<Reader<'a>>,
    free: Vec<Free>,
}

impl<'a> Plan<'a> {
    /// Everybody keeps what they have and still want; the rest is free.
    fn of(group: &'a Group, topics: &'a Topics) -> Plan<'a> {
        let mut readers: Vec<Reader<'a>> = Vec::new();
        for (id, member) in &group.members {
            if let MemberPart::Server { topics } = &member.part {
                let (rack, has) = (member.about.rack.as_str(), BTreeSet::new());
                readers.push(Reader { id, topics, rack, has });
            }
        }
        let wanted: BTreeSet<TopicId> = readers.iter().flat_map(|r| r.topics).copied().collect();
        let mut plan = Plan { topics, readers, free: Vec::new() };
        for at in partitions(topics, &wanted) {
            // A target that is gone leaves it with its holder.
            let slot = group.slots.get(&at);
            let owner = slot.map(|slot| slot.target.as_ref().unwrap_or(&slot.holder));
            let owner = owner.and_then(|owner| plan.reader(owner));
            match owner.filter(|owner| plan.readers[*owner].wants(at)) {
                Some(owner) => drop(plan.readers[owner].has.insert(at)),
                None => plan.free.push((at, None)),
            }
        }
        plan
    }

    fn reader(&self, id: &MemberId) -> Option<usize> {
        self.readers.binary_search_by(|reader| reader.id.cmp(id)).ok()
    }

    /// Whether all members want the same.
    fn is_uniform(&self) -> bool {
        self.readers.windows(2).all(|pair| pair[0].topics == pair[1].topics)
    }

    fn total(&self) -> usize {
        self.free.len() + self.readers.iter().map(Reader::load).sum::<usize>()
    }

    /// What everybody shall have at least, and how many may have one more.
    fn fair(&self) -> (usize, usize) {
        match self.readers.len() {
            0 => (0, 0),
            readers => (self.total() / readers, self.total() % readers),
        }
    }

    /// Whoever has more than their share gives the surplus away.
    fn shed(&mut self) {
        let (least, mut extras) = self.fair();
        let mut fullest: Vec<usize> = (0..self.readers.len()).collect();
        fullest.sort_by_key(|at| std::cmp::Reverse(self.readers[*at].load()));
        for reader in fullest {
            let has_extra = extras > 0 && self.readers[reader].load() > least;
            extras -= usize::from(has_extra);
            let share = least + usize::from(has_extra);
            while self.readers[reader].load() > share {
                let at = self.dearest_to_give(reader, |_| true).expect("it has some");
                self.readers[reader].has.remove(&at);
                self.free.push((at, Some(reader)));
            }
        }
    }

    /// What a reader gives first: what lies in another rack, of the topic it has most of.
    fn dearest_to_give(
        &self,
        reader: usize,
        may: impl Fn(TopicPartition) -> bool,
    ) -> Option<TopicPartition> {
        let has = &self.readers[reader].has;
        let mut of_topic: BTreeMap<TopicId, usize> = BTreeMap::new();
        has.iter().for_each(|at| *of_topic.entry(at.topic).or_default() += 1);
        let all = has.iter().copied().filter(|at| may(*at));
        all.max_by_key(|at| (!self.is_near(reader, *at), of_topic[&at.topic], *at))
    }

    fn is_near(&self, reader: usize, at: TopicPartition) -> bool {
        let rack = self.readers[reader].rack;
        let racks = self.topics.get(&at.topic).and_then(|all| all.get(at.partition as usize));
        !rack.is_empty() && racks.is_some_and(|racks| racks.contains(rack))
    }

    /// Free partitions go to readers in their racks, as long as these have less than their share.
    fn place_in_racks(&mut self) {
        let (least, extras) = self.fair();
        let mut above = self.readers.iter().filter(|reader| reader.load() > least).count();
        for (at, had) in std::mem::take(&mut self.free) {
            let fits = |reader: &usize| {
                let load = self.readers[*reader].load();
                let has_room = load < least || (load == least && above < extras);
                has_room && self.readers[*reader].wants(at) && self.is_near(*reader, at)
            };
            let near = (0..self.readers.len()).filter(fits);
            match near.min_by_key(|reader| (self.readers[*reader].load(), Some(*reader) != had)) {
                Some(reader) => {
                    self.readers[reader].has.insert(at);
                    above += usize::from(self.readers[reader].load() == least + 1);
                }
                None => self.free.push((at, had)),
            }
        }
    }

    /// The rest goes to whoever has least, first what few want.
    fn place_rest(&mut self) {
        let mut free = std::mem::take(&mut self.free);
        let wanted_by: BTreeMap<TopicId, usize> = (self.topics.keys())
            .map(|topic| (*topic, self.readers.iter().filter(|r| r.topics.contains(topic)).count()))
            .collect();
        free.sort_by_key(|(at, _)| (wanted_by[&at.topic], *at));
        for (at, had) in free {
            let candidates = (0..self.readers.len()).filter(|r| self.readers[*r].wants(at));
            let least = candidates.min_by_key(|reader| {
                (self.readers[*reader].load(), Some(*reader) != had, !self.is_near(*reader, at))
            });
            if let Some(least) = least {
                self.readers[least].has.insert(at);
            }
        }
    }

    /// Moves one partition from a reader that has more to one that has at least two less; each move
    /// makes the loads more even, so this ends.
    fn improve(&mut self) -> bool {
        let mut by_load: Vec<usize> = (0..self.readers.len()).collect();
        by_load.sort_by_key(|at| self.readers[*at].load());
        for from in by_load.iter().rev().copied() {
            for to in by_load.iter().copied() {
                if self.readers[from].load() < self.readers[to].load() + 2 {
                    break;
                }
                let may = |at| self.readers[to].wants(at);
                if let Some(at) = self.dearest_to_give(from, may) {
                    self.readers[from].has.remove(&at);
                    self.readers[to].has.insert(at);
                    return true;
                }
            }
        }
        false
    }

    fn targets(self) -> Targets {
        let readers = self.readers.into_iter();
        readers.map(|reader| (reader.id.clone(), reader.has.into_iter().collect())).collect()
    }
}

/// The partitions of the topics that are wanted, in order.
fn partitions<'a>(
    topics: &'a Topics,
    wanted: &'a BTreeSet<TopicId>,
) -> impl Iterator<Item = TopicPartition> + 'a {
    let named = topics.iter().filter(|(topic, _)| wanted.contains(topic));
    named.flat_map(|(topic, all)| {
        (0..).zip(all).map(move |(partition, _)| TopicPartition { topic: *topic, partition })
    })
}

#[cfg(test)]
mod tests;
