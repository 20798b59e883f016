//! What a history says of one consumer group: who held what, and what became of each record.

use std::collections::{BTreeMap, HashMap};

use super::floor::Floor;
use super::values::ValueId;
use crate::history::event::Event;
use crate::history::group::Said;

/// A member, by the order in which they were first met.
pub(super) type MemberNumber = u32;

/// A consumer group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) name: String,
    /// Highest generation that an answer named.
    pub(super) generation: Floor,
    /// Partition by partition, as they are numbered here.
    pub(super) claims: BTreeMap<u32, Claim>,
    /// It begins with the oldest record of each partition.
    pub(super) is_from_earliest: bool,
    /// It gives records up after so many deliveries.
    pub(super) attempts_max: Option<u32>,
    /// Somebody has moved it: where it is says little.
    pub(super) was_reset: bool,
    /// It has nothing left to do.
    pub(super) is_drained: bool,
    /// Its dead-letter partitions were read.
    pub(super) dead_was_read: bool,
    /// What is in them, by partition and offset of origin.
    pub(super) dead: BTreeMap<(u32, u64), Dead>,
    members: HashMap<String, MemberNumber>,
}

/// A group in a partition.
#[derive(Debug, Default)]
pub(super) struct Claim {
    /// Who was assigned it in a generation.
    pub(super) assigned: BTreeMap<u64, MemberNumber>,
    /// Who was given records since an epoch.
    pub(super) holders: BTreeMap<u64, MemberNumber>,
    /// The latest of these.
    pub(super) epoch: Floor,
    /// How far the group is, by those who asked and those who committed.
    pub(super) committed: Floor,
    /// Somebody said that all below is done.
    pub(super) said_below: u64,
    /// All below was looked at for records that nobody had spoken of.
    pub(super) looked_to: u64,
    /// Records that were delivered, or spoken of.
    pub(super) records: BTreeMap<u64, Fate>,
}

/// A record in a group.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fate {
    /// How often it was seen to be delivered.
    pub(super) deliveries: u32,
    /// Line on which it was said to be acknowledged.
    pub(super) acked: Option<u32>,
    /// Acknowledgements that were sent and not answered, or by a word that may be about themselves.
    pub(super) acks_open: u32,
    /// A parked one is not delivered before this time, by who holds it since this epoch or a later
    /// one: what an older one was given is an answer that was long on its way.
    pub(super) not_before: u64,
    pub(super) not_before_since: u64,
    /// Somebody said something of it.
    pub(super) was_said: bool,
    /// Somebody gave it up.
    pub(super) was_rejected: bool,
    /// It was gone from its partition.
    pub(super) is_gone: bool,
}

/// A record in a dead-letter partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dead {
    pub(super) value: ValueId,
    pub(super) attempts: u32,
    /// At how many offsets it is.
    pub(super) copies: u32,
}

impl Group {
    pub(super) fn new(name: &str) -> Group {
        Group { name: name.to_owned(), ..Group::default() }
    }

    /// The number of the member that an event is of.
    pub(super) fn member(&mut self, event: &Event) -> MemberNumber {
        let name = event.member.as_deref().unwrap_or_default();
        if let Some(number) = self.members.get(name) {
            return *number;
        }
        let number = MemberNumber::try_from(self.members.len()).unwrap_or(MemberNumber::MAX);
        self.members.insert(name.to_owned(), number);
        number
    }

    /// The group in a partition.
    pub(super) fn claim(&mut self, partition: u32) -> &mut Claim {
        self.claims.entry(partition).or_default()
    }
}

impl Claim {
    pub(super) fn fate(&mut self, offset: u64) -> &mut Fate {
        self.records.entry(offset).or_default()
    }
}

impl Fate {
    /// A member begins to say something of it.
    pub(super) fn is_spoken_of(&mut self, said: Option<Said>) {
        self.was_said = true;
        match said {
            Some(Said::Ack) => self.acks_open += 1,
            Some(Said::Reject) => self.was_rejected = true,
            Some(Said::Retry) | None => {}
        }
    }

    /// Whether it is done, or may be.
    pub(super) fn may_be_done(&self) -> bool {
        self.acked.is_some() || self.acks_open > 0 || self.is_gone
    }
}
