//! The state itself. Whose view: the replicas' of one partition of `__group_state`, as of an
//! applied index.
//!
//! Two protocols stand on it. In a *server* group the coordinator assigns partitions, one by one:
//! each has a *holder*, who may deliver and commit, and a *target*, who shall. In a *classic* group,
//! Kafka's, the clients assign among themselves and the coordinator keeps their bytes. Offsets,
//! generations and parked records are the same for both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use rampart_api::model::ids::{GroupId, TopicId};
use serde::{Deserialize, Serialize};

use super::delivery::{Lanes, Parked, ParkedBody, Progress};
use super::ids::{DirectiveId, MemberId, ParkedId, TopicPartition};
use super::ranges::OffsetRanges;

/// Everything that one partition of `__group_state` replicates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupState {
    /// The Raft group that replicates it: makes ids unique in the cluster.
    pub raft_group: GroupId,
    /// Index of the last entry applied: each is applied once and in order (INV-04).
    pub applied_index: u64,
    /// By name.
    pub groups: BTreeMap<String, Arc<Group>>,
    /// What is on its way into dead-letter topics.
    pub lanes: Lanes,
    /// Directives that clients have not acknowledged, by client id.
    pub directives: BTreeMap<String, BTreeMap<DirectiveId, Directive>>,
    /// What the next directive gets; never reused.
    pub next_directive: u64,
    /// What all of it weighs, against `GROUP_STATE_BYTES_MAX`.
    pub bytes: u64,
}

/// A consumer group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Whose protocol its members speak.
    pub protocol: Protocol,
    /// Grows with every assignment, and with every reset while members are there.
    pub generation: u64,
    /// Who is in it.
    pub members: BTreeMap<MemberId, Arc<Member>>,
    /// Who holds what, in a server group.
    pub slots: BTreeMap<TopicPartition, Slot>,
    /// How far it is.
    pub progress: BTreeMap<TopicPartition, Progress>,
    /// What waits to be delivered again, or is dying.
    pub parked: BTreeMap<ParkedId, Arc<Parked>>,
    /// What the next parked record gets; never reused.
    pub next_parked: u64,
    /// Records in dead-letter partitions that were redriven or purged.
    pub resolved: BTreeMap<TopicPartition, OffsetRanges>,
    /// What happened to its records.
    pub counters: Counters,
    /// When it was created, by the proposer's clock.
    pub created_ms: i64,
    /// What it weighs.
    pub bytes: u64,
}

/// Whose protocol the members of a group speak; one without members may change it. On disk: append
/// only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// The coordinator assigns.
    #[default]
    Server,
    /// Kafka's JoinGroup and SyncGroup.
    Classic {
        /// `consumer`, or another that the clients agree on.
        protocol_type: String,
        /// The assignor that all of them know.
        protocol: String,
        /// The member that assigns, as long as it is there.
        leader: Option<MemberId>,
    },
}

/// A member of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who it is.
    pub about: MemberAbout,
    /// How it says what it is done with.
    pub settles_by: SettlesBy,
    /// What its protocol adds.
    pub part: MemberPart,
}

/// What a member says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberAbout {
    /// The program's name, for people.
    pub client_id: String,
    /// Where it runs, for people.
    pub host: String,
    /// Its failure domain; empty = unknown.
    pub rack: String,
    /// A name that outlives a restart, if it has one.
    pub instance_id: Option<String>,
    /// It is gone after so long without a sign of life.
    pub session_ms: u32,
}

/// How a member says what it is done with; it does one or the other. On disk: append only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettlesBy {
    /// It has not said anything yet.
    #[default]
    Undecided,
    /// Record by record.
    Acks,
    /// By offset.
    Commits,
}

/// What a protocol keeps of a member. On disk: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberPart {
    /// A server group's.
    Server {
        /// What it wants to read.
        topics: BTreeSet<TopicId>,
    },
    /// A classic group's.
    Classic {
        /// How long it may take to join again.
        rebalance_timeout_ms: u32,
        /// The assignors it knows, and what it says to each.
        metadata: Vec<(String, Bytes)>,
        /// What the leader assigned to it.
        assignment: Bytes,
    },
}

impl Default for MemberPart {
    fn default() -> Self {
        MemberPart::Server { topics: BTreeSet::new() }
    }
}

/// Who has a partition. INV-08: the target changes only with the generation, so that in one
/// generation a partition is assigned to one member at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Who may deliver and commit. There always is one: without a holder the target takes over at
    /// once, and without either there is no slot.
    pub holder: MemberId,
    /// The generation in which it took over: older tokens of the same member are refused.
    pub epoch: u64,
    /// Who shall; another one than the holder waits until that one lets go or is gone.
    pub target: Option<MemberId>,
}

impl Slot {
    /// Whether the holder is to let go.
    pub fn is_revoked(&self) -> bool {
        self.target.as_ref() != Some(&self.holder)
    }
}

/// What happened to a group's records, since it was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Taken from the origin before they were delivered or parked.
    pub lost: u64,
    /// Parked.
    pub parked: u64,
    /// Processed after they were parked.
    pub recovered: u64,
    /// Written to a dead-letter topic.
    pub dead: u64,
    /// Parked again, since their dead-letter topic was deleted while they were on the way.
    pub returned: u64,
    /// Taken from a dead-letter topic and parked again.
    pub redriven: u64,
    /// Given up in a dead-letter topic, or parked when their topic was deleted.
    pub dropped: u64,
    /// Members that were gone without a word.
    pub expired: u64,
}

/// What Castle asks of a client. On disk: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DirectiveKind {
    /// Read the metadata again.
    Reinit,
    /// Stop.
    Exit,
    /// Take a break.
    Pause,
    /// Go on.
    Resume,
    /// At most so much.
    Throttle {
        /// Bytes a second.
        bytes_per_second: u64,
    },
    /// Use another broker.
    Move {
        /// `node:N`, or `rack:NAME` for any in it.
        to: String,
    },
    /// Offsets were reset: drop what is buffered, and ask for positions again.
    Reset {
        /// Of which topic.
        topic: TopicId,
    },
}

/// A directive that a client has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directive {
    /// What to do.
    pub kind: DirectiveKind,
    /// Forgotten when it is so late.
    pub expires_ms: i64,
}

/// What one entry of each kind weighs beside its texts and bytes: roughly what it takes in a
/// snapshot and in memory.
mod weight {
    pub(super) const GROUP: u64 = 384;
    pub(super) const MEMBER: u64 = 192;
    pub(super) const TOPIC: u64 = 16;
    pub(super) const SLOT: u64 = 64;
    pub(super) const PROGRESS: u64 = 96;
    pub(super) const RANGE: u64 = 16;
    pub(super) const PARKED: u64 = 192;
    pub(super) const DIRECTIVE: u64 = 96;
}

/// What a thing weighs.
pub(super) trait Weighs {
    fn weight(&self) -> u64;
}

impl Weighs for Member {
    fn weight(&self) -> u64 {
        let MemberAbout { client_id, host, rack, instance_id, session_ms: _ } = &self.about;
        let texts = [client_id, host, rack].map(String::len).iter().sum::<usize>()
            + instance_id.as_ref().map_or(0, String::len);
        let part = match &self.part {
            MemberPart::Server { topics } => topics.len() as u64 * weight::TOPIC,
            MemberPart::Classic { metadata, assignment, .. } => {
                let metadata = metadata.iter().map(|(name, bytes)| name.len() + bytes.len());
                (metadata.sum::<usize>() + assignment.len()) as u64
            }
        };
        weight::MEMBER + texts as u64 + part
    }
}

impl Weighs for Slot {
    fn weight(&self) -> u64 {
        let target = self.target.as_ref().map_or(0, |target| target.0.len());
        weight::SLOT + (self.holder.0.len() + target) as u64
    }
}

impl Weighs for Progress {
    fn weight(&self) -> u64 {
        weight::PROGRESS + self.metadata.len() as u64 + self.settled.weight()
    }
}

impl Weighs for OffsetRanges {
    fn weight(&self) -> u64 {
        self.len() as u64 * weight::RANGE
    }
}

impl Weighs for Parked {
    fn weight(&self) -> u64 {
        let headers = match &self.body {
            ParkedBody::Copied(copy) => copy.headers.len() as u64 * weight::RANGE,
            ParkedBody::Stored { .. } => 0,
        };
        weight::PARKED + (self.error.len() + self.body.bytes()) as u64 + headers
    }
}

impl Weighs for Directive {
    fn weight(&self) -> u64 {
        let text = match &self.kind {
            DirectiveKind::Move { to } => to.len() as u64,
            DirectiveKind::Reinit
            | DirectiveKind::Exit
            | DirectiveKind::Pause
            | DirectiveKind::Resume
            | DirectiveKind::Throttle { .. }
            | DirectiveKind::Reset { .. } => 0,
        };
        weight::DIRECTIVE + text
    }
}

impl<T: Weighs> Weighs for Arc<T> {
    fn weight(&self) -> u64 {
        (**self).weight()
    }
}

impl Group {
    pub(super) fn new(name: &str, now_ms: i64) -> Group {
        let bytes = weight::GROUP + name.len() as u64;
        Group { created_ms: now_ms, bytes, ..Group::default() }
    }

    /// What it weighs, counted anew.
    pub(super) fn weighed(&self, name: &str) -> u64 {
        fn all<'a, T: Weighs + 'a>(things: impl Iterator<Item = &'a T>) -> u64 {
            things.map(Weighs::weight).sum()
        }
        let ids: usize = self.members.keys().map(|id| id.0.len()).sum();
        weight::GROUP
            + (name.len() + ids) as u64
            + all(self.members.values())
            + all(self.slots.values())
            + all(self.progress.values())
            + all(self.parked.values())
            + all(self.resolved.values())
    }

    pub(super) fn put_member(&mut self, id: &MemberId, member: Member) {
        self.bytes += member.weight() + id.0.len() as u64;
        if let Some(before) = self.members.insert(id.clone(), Arc::new(member)) {
            self.bytes -= before.weight() + id.0.len() as u64;
        }
    }

    pub(super) fn take_member(&mut self, id: &MemberId) -> Option<Arc<Member>> {
        let taken = self.members.remove(id)?;
        self.bytes -= taken.weight() + id.0.len() as u64;
        Some(taken)
    }

    /// Sets who has a partition; nobody = there is no slot.
    pub(super) fn set_slot(&mut self, partition: TopicPartition, slot: Option<Slot>) {
        self.bytes += slot.as_ref().map_or(0, Weighs::weight);
        let before = match slot {
            Some(slot) => self.slots.insert(partition, slot),
            None => self.slots.remove(&partition),
        };
        self.bytes -= before.map_or(0, |slot| slot.weight());
    }

    /// Changes how far the group is in a partition, from nothing if need be.
    pub(super) fn change_progress(
        &mut self,
        partition: TopicPartition,
        change: impl FnOnce(&mut Progress),
    ) {
        let known = self.progress.get(&partition).map_or(0, Weighs::weight);
        let progress = self.progress.entry(partition).or_default();
        change(progress);
        self.bytes = self.bytes + progress.weight() - known;
    }

    pub(super) fn take_progress(&mut self, partition: TopicPartition) {
        self.bytes -= self.progress.remove(&partition).map_or(0, |taken| taken.weight());
    }

    /// Adds what is resolved of a dead-letter partition.
    pub(super) fn resolve(
        &mut self,
        partition: TopicPartition,
        resolve: impl FnOnce(&mut OffsetRanges),
    ) {
        let known = self.resolved.get(&partition).map_or(0, Weighs::weight);
        let resolved = self.resolved.entry(partition).or_default();
        resolve(resolved);
        self.bytes = self.bytes + resolved.weight() - known;
        if resolved.is_empty() {
            self.resolved.remove(&partition);
        }
    }

    /// Parks a record under a new id.
    pub(super) fn park_new(&mut self, parked: Parked) -> ParkedId {
        let id = ParkedId(self.next_parked);
        self.next_parked += 1;
        self.put_parked(id, parked);
        id
    }

    pub(super) fn put_parked(&mut self, id: ParkedId, parked: Parked) {
        self.bytes += parked.weight();
        if let Some(before) = self.parked.insert(id, Arc::new(parked)) {
            self.bytes -= before.weight();
        }
    }

    pub(super) fn take_parked(&mut self, id: ParkedId) -> Option<Arc<Parked>> {
        let taken = self.parked.remove(&id)?;
        self.bytes -= taken.weight();
        Some(taken)
    }

    /// How many records of a partition are parked here.
    pub fn parked_of(&self, partition: TopicPartition) -> usize {
        self.parked.values().filter(|parked| parked.origin == partition).count()
    }

    /// What a member shall have: what the answer to it names.
    pub fn assigned_to<'a>(
        &'a self,
        member: &'a MemberId,
    ) -> impl Iterator<Item = (TopicPartition, &'a Slot)> {
        let mine = |slot: &Slot| slot.holder == *member && slot.target.as_ref() == Some(member);
        self.slots.iter().filter(move |(_, slot)| mine(slot)).map(|(at, slot)| (*at, slot))
    }
}

impl GroupState {
    /// A state without groups, replicated by that Raft group.
    pub fn empty(raft_group: GroupId) -> GroupState {
        GroupState { raft_group, ..GroupState::default() }
    }

    /// What it weighs, counted anew.
    pub(super) fn weighed(&self) -> u64 {
        let groups: u64 = self.groups.values().map(|group| group.bytes).sum();
        let directives = self.directives.iter().flat_map(|(client, directives)| {
            directives.values().map(|directive| directive.weight() + client.len() as u64)
        });
        groups + directives.sum::<u64>()
    }

    /// How many directives wait for their clients.
    pub fn directives_waiting(&self) -> usize {
        self.directives.values().map(BTreeMap::len).sum()
    }

    pub(super) fn put_directive(&mut self, client: &str, id: DirectiveId, directive: Directive) {
        self.bytes += directive.weight() + client.len() as u64;
        self.directives.entry(client.to_owned()).or_default().insert(id, directive);
    }

    /// Keeps the directives of a client that `is_kept` says; answers how many went.
    pub(super) fn keep_directives(
        &mut self,
        client: &str,
        is_kept: impl Fn(DirectiveId, &Directive) -> bool,
    ) -> usize {
        let Some(directives) = self.directives.get_mut(client) else { return 0 };
        let (before, mut gone) = (directives.len(), 0);
        directives.retain(|id, directive| {
            let kept = is_kept(*id, directive);
            if !kept {
                gone += directive.weight() + client.len() as u64;
            }
            kept
        });
        self.bytes -= gone;
        let left = directives.len();
        if left == 0 {
            self.directives.remove(client);
        }
        before - left
    }
}
