//! `[pure]` What the coordinator proposes for a question, and what it answers from the state.

use std::collections::BTreeSet;
use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{Offset, TopicId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::state::group::command::{GroupCommand, Holding, OffsetCommit};
use rampart_raft_store::state::group::delivery::{ParkedBody, Place};
use rampart_raft_store::state::group::outcome::Refusal;
use rampart_raft_store::state::group::state::{Group, MemberPart, Protocol};
use rampart_raft_store::state::group::{GroupOutcome, GroupState, MemberId, TopicPartition};
use rampart_raft_store::state::metadata::state::MetadataState;

use super::assignor::Topics;
use super::coordinator::Coordinator;
use super::dead_answers;
use super::directives;
use super::giving_up::GivingUp;
use super::request::{
    Commit, Described, DescribedPartition, GroupAnswer, GroupRequest, HandOut, HandedOut, Life,
    Listed, Lives, ParkedDelivery, Plan, Planned, PlannedRead, Said,
};
use super::task::Task;
use super::verdicts::Verdicts;

/// The topics that members want, as far as they are there, with the racks of their partitions.
pub(super) fn topics(groups: &GroupState, state: &MetadataState) -> Topics {
    let members = groups.groups.values().flat_map(|group| group.members.values());
    let wanted = members.filter_map(|member| match &member.part {
        MemberPart::Server { topics } => Some(topics),
        MemberPart::Classic { .. } => None,
    });
    let wanted: BTreeSet<_> = wanted.flatten().collect();
    let rack = |node| state.nodes.get(node).map(|node| node.info.rack.clone());
    let known = wanted.into_iter().filter_map(|id| state.topics.get(id));
    let racks = known.map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let racks = partition.replicas.iter().filter_map(|replica| rack(&replica.node));
            racks.filter(|rack| !rack.is_empty()).collect()
        });
        (topic.id, partitions.collect())
    });
    racks.collect()
}

/// The topics that groups have to do with.
pub(super) fn topics_named(groups: &GroupState) -> BTreeSet<TopicId> {
    let own = groups.groups.values().flat_map(|group| {
        let parked = group.parked.values().map(|parked| &parked.origin);
        let named = group.slots.keys().chain(group.progress.keys()).chain(group.resolved.keys());
        named.chain(parked)
    });
    own.chain(groups.lanes.by_partition.keys()).map(|at| at.topic).collect()
}

/// Whether something has to be assigned anew.
pub(super) fn changes_members(outcome: &GroupOutcome) -> bool {
    matches!(outcome, GroupOutcome::Joined { .. } | GroupOutcome::Left { .. })
}

/// The group that a command of the coordinator's own is about.
pub(super) fn group_of(command: &GroupCommand) -> Option<String> {
    match command {
        GroupCommand::Expire { group, .. }
        | GroupCommand::Assign { group, .. }
        | GroupCommand::Release { group, .. } => Some(group.clone()),
        _ => None,
    }
}

/// A refusal of the state machine, for clients.
pub(super) fn refusal(refusal: &Refusal) -> Problem {
    let (code, hint) = match refusal {
        Refusal::NoSuchGroup => (ErrorCode::GroupNotFound, "`rampart group list` shows all groups"),
        Refusal::NoSuchMember { .. } => {
            (ErrorCode::UnknownMember, "poll again: that joins the group anew")
        }
        Refusal::OtherProtocol => (
            ErrorCode::GroupActive,
            "use another group, or stop the consumers that speak the other protocol",
        ),
        Refusal::StaleGeneration { .. } => {
            (ErrorCode::StaleGeneration, "poll again: the answer names the generation")
        }
        Refusal::NotHeld { .. } => {
            (ErrorCode::NotHeld, "poll again, and drop what was delivered before")
        }
        Refusal::Mixed => {
            (ErrorCode::MixedSettling, "do the one or the other for the life of a member")
        }
        Refusal::Active { .. } => (ErrorCode::GroupActive, "stop its consumers first, or force it"),
        Refusal::DyingNow { .. } => (ErrorCode::GroupActive, "wait a moment and try again"),
        Refusal::HasParked { .. } => (ErrorCode::Unsafe, "force it to drop them"),
        Refusal::NotWaiting { .. } => (ErrorCode::NotHeld, "poll again"),
        Refusal::Full { .. } => (ErrorCode::Overloaded, "see `rampart group describe`"),
        Refusal::TooLong { .. } | Refusal::Invalid { .. } => {
            (ErrorCode::InvalidRequest, "nothing was changed")
        }
    };
    Problem::new(code, refusal.to_string()).hint(hint)
}

fn first_refusal(outcomes: &[GroupOutcome]) -> Result<(), Problem> {
    let refused = outcomes.iter().find_map(|outcome| match outcome {
        GroupOutcome::Refused(refused) => Some(refusal(refused)),
        _ => None,
    });
    refused.map_or(Ok(()), Err)
}

fn offsets_at(outcomes: &[GroupOutcome]) -> Vec<(TopicPartition, Offset)> {
    let at = outcomes.iter().filter_map(|outcome| match outcome {
        GroupOutcome::At { offsets } => Some(offsets.iter().copied()),
        _ => None,
    });
    at.flatten().collect()
}

impl Task {
    /// What to propose for a question, and what is known of its answer.
    pub(super) fn commands(
        &mut self,
        request: &GroupRequest,
        known: &GivingUp,
    ) -> (Vec<GroupCommand>, Verdicts) {
        let (now, now_ms) = (self.now(), self.parts.clock.now_ms());
        if let GroupRequest::Settle(settle) = request {
            let coordinator = &mut self.coordinator;
            let (mut commands, verdicts) = self.parts.groups.look(|state| {
                let group = state.groups.get(&settle.group).map(AsRef::as_ref);
                Verdicts::of(settle, group, coordinator, (known, now, now_ms))
            });
            if planted::is(Bug::AckNotWritten) {
                commands.retain(|command| !matches!(command, GroupCommand::Ack { .. }));
            }
            return (commands, verdicts);
        }
        let command = match request {
            GroupRequest::Plan(plan) => self.parts.groups.look(|state| join(plan, state, now_ms)),
            GroupRequest::HandOut(hand_out) => {
                let mut lost = self.parts.groups.look(|state| lost(hand_out, state, now_ms));
                if planted::is(Bug::CommitOnDelivery) {
                    lost.extend(done_when_delivered(hand_out, now_ms));
                }
                return (lost, Verdicts::default());
            }
            GroupRequest::Start { group, starts } => {
                let (group, starts) = (group.clone(), starts.clone());
                Some(GroupCommand::Start { group, starts, now_ms })
            }
            GroupRequest::Commit(commit) => Some(commit_command(commit, now_ms)),
            GroupRequest::Leave { group, member } => {
                Some(GroupCommand::Leave { group: group.clone(), member: member.clone() })
            }
            GroupRequest::Reset { group, offsets, is_forced } => {
                let (group, offsets, is_forced) = (group.clone(), offsets.clone(), *is_forced);
                Some(GroupCommand::Reset { group, offsets, is_forced, now_ms })
            }
            GroupRequest::Delete { group, is_forced } => {
                Some(GroupCommand::DeleteGroup { group: group.clone(), is_forced: *is_forced })
            }
            GroupRequest::Redrive(redrive) => {
                return (dead_answers::redrive(redrive, now_ms), Verdicts::default());
            }
            GroupRequest::Resolve(resolve) => {
                return (dead_answers::resolve(resolve), Verdicts::default());
            }
            GroupRequest::Live(life) => self.parts.groups.look(|state| live(life, state, now_ms)),
            GroupRequest::Direct { client, kind, ttl_ms } => {
                let (client, kind) = (client.clone(), kind.clone());
                let expires_ms = now_ms.saturating_add_unsigned(*ttl_ms);
                Some(GroupCommand::Direct { client, kind, expires_ms })
            }
            GroupRequest::DirectivesDone { client, ids } => {
                self.parts.groups.look(|state| directives::has_any(state, client, ids)).then(|| {
                    GroupCommand::DirectivesDone { client: client.clone(), ids: ids.clone() }
                })
            }
            GroupRequest::Settle(_)
            | GroupRequest::Describe { .. }
            | GroupRequest::List
            | GroupRequest::DeadLetters { .. }
            | GroupRequest::Directives { .. } => None,
        };
        (command.into_iter().collect(), Verdicts::default())
    }

    /// What to answer, once the question's commands are applied.
    pub(super) fn answer(
        &mut self,
        request: &GroupRequest,
        outcomes: &[GroupOutcome],
        verdicts: Verdicts,
    ) -> Result<GroupAnswer, Problem> {
        if !dead_answers::judges_itself(request) {
            first_refusal(outcomes)?;
        }
        match request {
            GroupRequest::Plan(plan) => self.plan(plan).map(GroupAnswer::Planned),
            GroupRequest::HandOut(hand_out) => self.hand_out(hand_out).map(GroupAnswer::HandedOut),
            GroupRequest::Settle(settle) => {
                if settle.verdicts.iter().all(|settled| settled.said != Said::TimedOut) {
                    self.seen(&settle.group, &settle.member);
                }
                Ok(GroupAnswer::Settled(verdicts.answer(outcomes)))
            }
            GroupRequest::Commit(commit) => {
                if let Some(member) = &commit.member {
                    self.seen(&commit.group, member);
                }
                Ok(GroupAnswer::At(offsets_at(outcomes)))
            }
            GroupRequest::Start { .. } | GroupRequest::Reset { .. } => {
                Ok(GroupAnswer::At(offsets_at(outcomes)))
            }
            GroupRequest::Leave { group, member } => {
                self.coordinator.gone(group, member);
                Ok(GroupAnswer::Done)
            }
            GroupRequest::Delete { .. } | GroupRequest::DirectivesDone { .. } => {
                Ok(GroupAnswer::Done)
            }
            GroupRequest::Live(life) => self.lives(life).map(GroupAnswer::Lives),
            GroupRequest::Direct { client, .. } => {
                self.parts.groups.look(|state| directives::directed(state, client, outcomes))
            }
            GroupRequest::Directives { known } => {
                Ok(self.parts.groups.look(|state| directives::waiting(state, *known)))
            }
            GroupRequest::Describe { group } => {
                let coordinator = &self.coordinator;
                let described = self.parts.groups.look(|state| {
                    let known = state.groups.get(group)?;
                    Some(describe(known, |at| coordinator.in_flight(group, at)))
                });
                let described = described.ok_or_else(|| refusal(&Refusal::NoSuchGroup))?;
                Ok(GroupAnswer::Described(Box::new(described)))
            }
            GroupRequest::List => Ok(GroupAnswer::Listed(self.parts.groups.look(list))),
            GroupRequest::DeadLetters { group, origin, from } => {
                let kept = self.parts.groups.look(|state| {
                    Some(dead_answers::kept(state.groups.get(group)?, *origin, *from))
                });
                let kept = kept.ok_or_else(|| refusal(&Refusal::NoSuchGroup))?;
                Ok(GroupAnswer::DeadLetters(kept))
            }
            GroupRequest::Redrive(_) => dead_answers::redriven(outcomes),
            GroupRequest::Resolve(resolve) => dead_answers::resolved(resolve, outcomes),
        }
    }

    fn seen(&mut self, group: &str, member: &MemberId) {
        let now = self.now();
        let session = self.parts.groups.look(|state| {
            let member = state.groups.get(group)?.members.get(member)?;
            Some(Duration::from_millis(member.about.session_ms.into()))
        });
        if let Some(session) = session {
            self.coordinator.seen(group, member, session, now);
        }
    }

    fn plan(&mut self, plan: &Plan) -> Result<Planned, Problem> {
        self.seen(&plan.group, &plan.member);
        let until = self.now() + Duration::from_millis(plan.lock_ms.into());
        let now_ms = self.parts.clock.now_ms();
        let coordinator = &mut self.coordinator;
        self.parts.groups.look(|state| {
            let group =
                state.groups.get(&plan.group).ok_or_else(|| refusal(&Refusal::NoSuchGroup))?;
            if !group.members.contains_key(&plan.member) {
                let member = plan.member.clone();
                return Err(refusal(&Refusal::NoSuchMember { member }));
            }
            Ok(planned(plan, group, coordinator, (until, now_ms)))
        })
    }

    fn lives(&mut self, life: &Life) -> Result<Lives, Problem> {
        self.seen(&life.group, &life.member);
        self.parts.groups.look(|state| {
            let group = state.groups.get(&life.group);
            let group = group.ok_or_else(|| refusal(&Refusal::NoSuchGroup))?;
            if !group.members.contains_key(&life.member) {
                return Err(refusal(&Refusal::NoSuchMember { member: life.member.clone() }));
            }
            let assigned = group.assigned_to(&life.member).map(|(at, _)| at);
            Ok(Lives { generation: group.generation, assignment: assigned.collect() })
        })
    }

    fn hand_out(&mut self, hand_out: &HandOut) -> Result<Vec<HandedOut>, Problem> {
        let until = self.now() + Duration::from_millis(hand_out.lock_ms.into());
        let coordinator = &mut self.coordinator;
        self.parts.groups.look(|state| {
            let group =
                state.groups.get(&hand_out.group).ok_or_else(|| refusal(&Refusal::NoSuchGroup))?;
            Ok(handed_out(hand_out, group, coordinator, until))
        })
    }
}

/// The command by which a member joins, if it is not in the group as it says.
fn join(plan: &Plan, state: &GroupState, now_ms: i64) -> Option<GroupCommand> {
    let known = state.groups.get(&plan.group).and_then(|group| group.members.get(&plan.member));
    let is_in = known.is_some_and(|known| {
        known.about == plan.about
            && matches!(&known.part, MemberPart::Server { topics } if *topics == plan.topics)
    });
    (!is_in).then(|| GroupCommand::Join {
        group: plan.group.clone(),
        member: plan.member.clone(),
        about: plan.about.clone(),
        topics: plan.topics.clone(),
        now_ms,
    })
}

/// As `join`, for a sign of life: it never changes what a member says of itself in its polls, or the
/// two would undo each other for ever.
fn live(life: &Life, state: &GroupState, now_ms: i64) -> Option<GroupCommand> {
    let known = state.groups.get(&life.group).and_then(|group| group.members.get(&life.member));
    let wants =
        |part: &MemberPart| matches!(part, MemberPart::Server { topics } if *topics == life.topics);
    if known.is_some_and(|known| wants(&known.part)) {
        return None;
    }
    Some(GroupCommand::Join {
        group: life.group.clone(),
        member: life.member.clone(),
        about: known.map_or(&life.about, |known| &known.about).clone(),
        topics: life.topics.clone(),
        now_ms,
    })
}

/// The commands that count records which were to be read and are gone.
fn lost(hand_out: &HandOut, state: &GroupState, now_ms: i64) -> Vec<GroupCommand> {
    let Some(group) = state.groups.get(&hand_out.group) else { return Vec::new() };
    let behind = hand_out.read.iter().filter(|read| {
        let progress = group.progress.get(&read.partition);
        progress.is_some_and(|progress| progress.committed < read.log_start)
    });
    let lost = behind.map(|read| GroupCommand::Lose {
        by: Holding {
            group: hand_out.group.clone(),
            member: hand_out.member.clone(),
            partition: read.partition,
            epoch: read.epoch,
        },
        ranges: vec![(group.progress[&read.partition].committed, read.log_start)],
        now_ms,
    });
    lost.collect()
}

/// A planted bug: what is handed out counts as done.
fn done_when_delivered(hand_out: &HandOut, now_ms: i64) -> Vec<GroupCommand> {
    let done = hand_out.read.iter().filter(|read| !read.offsets.is_empty());
    let done = done.map(|read| GroupCommand::Ack {
        by: Holding {
            group: hand_out.group.clone(),
            member: hand_out.member.clone(),
            partition: read.partition,
            epoch: read.epoch,
        },
        ranges: read.offsets.iter().map(|at| (*at, Offset(at.0 + 1))).collect(),
        parked: Vec::new(),
        now_ms,
    });
    done.collect()
}

fn commit_command(commit: &Commit, now_ms: i64) -> GroupCommand {
    let offsets = commit.offsets.iter().cloned();
    GroupCommand::Commit {
        group: commit.group.clone(),
        member: commit.member.clone(),
        generation: commit.generation,
        offsets: offsets
            .map(|(partition, offset, leader_epoch, metadata)| OffsetCommit {
                partition,
                offset,
                leader_epoch,
                metadata,
            })
            .collect(),
        now_ms,
    }
}

fn planned(
    plan: &Plan,
    group: &Group,
    coordinator: &mut Coordinator,
    (until, now_ms): (Duration, i64),
) -> Planned {
    let member = &plan.member;
    let slots: Vec<(TopicPartition, u64)> =
        group.assigned_to(member).map(|(at, slot)| (at, slot.epoch)).collect();
    let mut left = plan.records_max as usize;
    let mut parked = Vec::new();
    for (partition, epoch) in &slots {
        let by = Holding {
            group: plan.group.clone(),
            member: member.clone(),
            partition: *partition,
            epoch: *epoch,
        };
        for (id, attempts) in Coordinator::due_parked(group, *partition, now_ms) {
            if left == 0 {
                break;
            }
            let known = &group.parked[&id];
            // What is stored elsewhere can't be: only copies are parked.
            let ParkedBody::Copied(record) = &known.body else { continue };
            let Some(token) = coordinator.hand_out_parked(&by, (id, attempts), until) else {
                continue;
            };
            left -= 1;
            parked.push(ParkedDelivery {
                token: token.to_string(),
                attempt: token.attempt,
                origin: known.origin,
                offset: known.offset,
                error: known.error.clone(),
                record: record.clone(),
            });
        }
    }
    let next = coordinator.next((&plan.group, group), member, left);
    let read = next.into_iter().map(|(partition, next)| PlannedRead {
        partition,
        epoch: group.slots[&partition].epoch,
        again: next.again.iter().map(|(offset, _)| *offset).collect(),
        from: next.from,
        fresh: u32::try_from(next.fresh).unwrap_or(u32::MAX),
    });
    Planned {
        generation: group.generation,
        assignment: slots.iter().map(|(at, _)| *at).collect(),
        to_start: Coordinator::to_start(group, member),
        read: if left == 0 { Vec::new() } else { read.collect() },
        parked,
        next_due_ms: next_due_ms(group, &slots, now_ms),
    }
}

/// When the next of these partitions' parked records is due, from now.
fn next_due_ms(group: &Group, slots: &[(TopicPartition, u64)], now_ms: i64) -> Option<u64> {
    let due = group.parked.values().filter_map(|parked| match parked.place {
        Place::Waiting { due_ms } if slots.iter().any(|(at, _)| *at == parked.origin) => {
            Some(due_ms)
        }
        Place::Waiting { .. } | Place::Dying(_) => None,
    });
    due.filter(|due_ms| *due_ms > now_ms).min().map(|due_ms| due_ms.abs_diff(now_ms))
}

fn handed_out(
    hand_out: &HandOut,
    group: &Group,
    coordinator: &mut Coordinator,
    until: Duration,
) -> Vec<HandedOut> {
    let mut handed_out = Vec::with_capacity(hand_out.read.len());
    for read in &hand_out.read {
        let (partition, epoch) = (read.partition, read.epoch);
        let slot = group.slots.get(&partition);
        let holds = slot.is_some_and(|slot| slot.holder == hand_out.member && slot.epoch == epoch);
        let (true, Some(progress)) = (holds, group.progress.get(&partition)) else { continue };
        let Some(held) = coordinator.deliveries_mut(&hand_out.group, partition) else { continue };
        let mut records = Vec::with_capacity(read.offsets.len());
        let mut has_room = true;
        for offset in &read.offsets {
            // Another poll of the same member may have been given it meanwhile.
            if !held.is_open(*offset) || progress.is_settled(*offset) {
                continue;
            }
            has_room = held.has_room();
            if !has_room {
                break;
            }
            records.push((*offset, held.hand_out(*offset, until)));
        }
        if has_room {
            held.passed(read.next);
        }
        handed_out.push(HandedOut { partition, epoch, records });
    }
    handed_out
}

fn describe(group: &Group, in_flight: impl Fn(TopicPartition) -> usize) -> Described {
    let parked = group.parked.values().map(|parked| parked.origin);
    let named = group.progress.keys().chain(group.slots.keys()).copied().chain(parked);
    let named: BTreeSet<TopicPartition> = named.collect();
    let partitions = named.into_iter().map(|partition| {
        let progress = group.progress.get(&partition);
        let of_it = || group.parked.values().filter(|parked| parked.origin == partition);
        let dying = of_it().filter(|parked| matches!(parked.place, Place::Dying(_))).count();
        DescribedPartition {
            partition,
            committed: progress.map(|progress| progress.committed),
            settled: progress.map_or(0, |progress| progress.settled.count()),
            holder: group.slots.get(&partition).map(|slot| slot.holder.clone()),
            in_flight: in_flight(partition) as u64,
            parked: (of_it().count() - dying) as u64,
            dying: dying as u64,
        }
    });
    let members = group.members.iter();
    Described {
        generation: group.generation,
        protocol: protocol(group).to_owned(),
        members: members.map(|(id, member)| (id.clone(), member.about.clone())).collect(),
        partitions: partitions.collect(),
        counters: group.counters,
        created_ms: group.created_ms,
    }
}

fn protocol(group: &Group) -> &str {
    match &group.protocol {
        Protocol::Server => "server",
        Protocol::Classic { protocol_type, .. } => protocol_type,
    }
}

fn list(state: &GroupState) -> Vec<Listed> {
    let groups = state.groups.iter().map(|(name, group)| Listed {
        group: name.clone(),
        generation: group.generation,
        members: group.members.len() as u64,
        partitions: group.progress.len() as u64,
        parked: group.parked.len() as u64,
    });
    groups.collect()
}
