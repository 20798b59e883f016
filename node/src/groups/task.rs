//! The coordinator of the groups in one partition of `__group_state`: one task, on the node that leads
//! the partition, for one term. What is asked together becomes one entry; what is due is proposed by
//! itself. Decides nothing: `coordinator` and the state machine do.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use openraft::errors::ClientWriteError;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::TopicId;
use rampart_api::model::problem::Problem;
use rampart_raft_store::GroupReader;
use rampart_raft_store::state::group::command::{GroupCommand, Holding};
use rampart_raft_store::state::group::{GroupOutcome, GroupState, TopicPartition};
use rampart_raft_store::state::metadata::state::MetadataState;
use rampart_raft_store::type_config::Applied;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::answers;
use super::coordinator::Coordinator;
use super::directives;
use super::giving_up::{GivingUp, Reader};
use super::lanes::Lanes;
use super::request::{GroupAnswer, GroupRequest, Said, Settle, Settled};
use super::token::{AckToken, Delivery};
use super::verdicts::Verdicts;
use crate::clock::Clock;
use crate::partition::Replica;
use crate::tasks::Tasks;

/// Questions that one entry answers.
const ASKED_AT_ONCE_MAX: usize = 256;
/// How long an entry may take to be committed.
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// A record that was not settled in time is read and given up within this, or is looked at anew.
const GIVE_UP_WITHIN: Duration = Duration::from_secs(5);
/// What was due and could not be committed is proposed again after this: nothing says when it can be.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// What is due may make more due; the rest is for the next look.
const ROUNDS_MAX: usize = 8;

/// What comes to the task.
#[derive(Debug)]
pub(super) enum Work {
    /// A question.
    Ask(Box<Asked>),
    /// A record was written to its dead-letter partition, or not yet.
    Wrote { into: TopicPartition, sequence: u32, is_written: bool },
}

/// Who asked, and what.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: GroupRequest,
    /// What was read of the records that it gives up.
    pub(super) known: GivingUp,
    pub(super) answer: oneshot::Sender<Result<GroupAnswer, Problem>>,
}

/// What the task works with.
#[derive(Debug)]
pub(super) struct TaskParts {
    pub(super) replica: Arc<Replica>,
    pub(super) groups: GroupReader,
    pub(super) reader: Reader,
    /// To itself, for what it has others do.
    pub(super) queue: mpsc::WeakSender<Work>,
    pub(super) tasks: Tasks,
    pub(super) clock: Clock,
    pub(super) in_flight_max: usize,
}

/// The task while it runs.
pub(super) struct Task {
    pub(super) parts: TaskParts,
    pub(super) coordinator: Coordinator,
    term: u64,
    born: Instant,
    /// What is due waits until then, for it could not be committed.
    again_at: Duration,
    lanes: Lanes,
    /// Topics that groups have to do with, and that were there once.
    seen: BTreeSet<TopicId>,
}

/// A question while its commands are under way.
struct Waiting {
    asked: Asked,
    /// Which of the entry's commands are its own.
    commands: Range<usize>,
    /// Of a question about records: what to answer about each.
    verdicts: Verdicts,
}

/// Runs until this node does not lead the partition in that term any more. Whoever still waits then
/// is told by the end of the queue.
pub(super) async fn run(parts: TaskParts, mut queue: mpsc::Receiver<Work>) {
    let Ok(status) = parts.replica.confirm_current().await else { return };
    let born = parts.clock.instant();
    let take_over =
        |state: &GroupState| Coordinator::take_over(state, parts.in_flight_max, Duration::ZERO);
    let coordinator = parts.groups.look(take_over);
    let mut changes = parts.reader.metadata.watch();
    let term = status.term;
    let seen = parts.groups.look(answers::topics_named);
    let (again_at, lanes) = (Duration::ZERO, Lanes::default());
    let mut task = Task { parts, coordinator, term, born, again_at, lanes, seen };
    let mut work = Vec::new();
    task.keep().await;
    loop {
        tokio::select! {
            got = queue.recv_many(&mut work, ASKED_AT_ONCE_MAX) => if got == 0 { return },
            () = task.next_end() => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
        let status = task.parts.replica.status();
        if status.term != task.term || !task.parts.replica.is_leader() {
            let refused = task.parts.replica.not_leader(&status);
            for work in work.drain(..) {
                if let Work::Ask(asked) = work {
                    tell(*asked, Err(refused.clone()));
                }
            }
            return;
        }
        task.take_in(std::mem::take(&mut work)).await;
        task.keep().await;
    }
}

fn tell(asked: Asked, answer: Result<GroupAnswer, Problem>) {
    // Whoever asked may be gone.
    let _ = asked.answer.send(answer);
}

impl Task {
    /// Time on the clock of sessions and locks.
    pub(super) fn now(&self) -> Duration {
        self.parts.clock.instant().saturating_duration_since(self.born)
    }

    /// Resolves when a session, a lock or a directive ends, or a write is to be tried again.
    async fn next_end(&self) {
        let others = self.lanes.next_end().into_iter().chain(self.directives_end());
        match self.coordinator.next_end().into_iter().chain(others).min() {
            Some(end) => tokio::time::sleep_until(self.born + end.max(self.again_at)).await,
            None => std::future::pending().await,
        }
    }

    /// When the first directive is too late. Its time is the wall clock's, which every coordinator has.
    fn directives_end(&self) -> Option<Duration> {
        let left = self.parts.groups.look(directives::first_end)?;
        let left = u64::try_from(left.saturating_sub(self.parts.clock.now_ms())).unwrap_or(0);
        Some(self.now() + Duration::from_millis(left))
    }

    async fn take_in(&mut self, work: Vec<Work>) {
        let (mut asked, mut dead, mut written) = (Vec::new(), Vec::new(), Vec::new());
        for work in work {
            match work {
                Work::Ask(question) => asked.push(*question),
                Work::Wrote { into, sequence, is_written } => {
                    self.lanes.ended(into, is_written, self.now());
                    if is_written {
                        dead.push(GroupCommand::Dead { into, sequence });
                        written.push(into);
                    }
                }
            }
        }
        if self.propose(dead).await.is_err() {
            // Lost or refused: it is written again after a while, under the same sequence.
            let now = self.now();
            written.into_iter().for_each(|into| self.lanes.ended(into, false, now));
        }
        // A member that is just in time is: what it says is applied before it is looked at whose
        // locks have run out, and each is told what became of the record.
        let (late, asked) = asked.into_iter().partition(|asked: &Asked| asked.request.is_late());
        self.serve(asked).await;
        self.serve(late).await;
    }

    async fn serve(&mut self, asked: Vec<Asked>) {
        if asked.is_empty() {
            return;
        }
        if let Err(problem) = self.parts.replica.confirm_lease().await {
            asked.into_iter().for_each(|asked| tell(asked, Err(problem.clone())));
            return;
        }
        let (mut commands, mut waiting) = (Vec::new(), Vec::new());
        for asked in asked {
            let start = commands.len();
            let (own, verdicts) = self.commands(&asked.request, &asked.known);
            commands.extend(own);
            waiting.push(Waiting { asked, commands: start..commands.len(), verdicts });
        }
        let touched = waiting.iter().filter_map(|waiting| waiting.asked.request.group());
        let touched: BTreeSet<String> = touched.map(str::to_owned).collect();
        let outcomes = self.propose(commands).await;
        self.follow(&touched);
        if outcomes.as_ref().is_ok_and(|outcomes| outcomes.iter().any(answers::changes_members)) {
            // Whoever joined is assigned something before it is answered.
            self.keep().await;
        }
        for Waiting { asked, commands, verdicts } in waiting {
            let answer = match &outcomes {
                Err(problem) if !commands.is_empty() => Err(problem.clone()),
                Err(_) => self.answer(&asked.request, &[], verdicts),
                Ok(outcomes) => self.answer(&asked.request, &outcomes[commands], verdicts),
            };
            tell(asked, answer);
        }
    }

    /// Proposes what is due, and hands out again what was not settled in time.
    async fn keep(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let now = self.now();
            let state = self.parts.reader.metadata.state();
            let topics = self.parts.groups.look(|groups| answers::topics(groups, &state));
            self.seen.extend(topics.keys());
            let mut due = self.parts.groups.look(|state| self.coordinator.due(state, &topics, now));
            due.extend(self.gone(&state));
            let now_ms = self.parts.clock.now_ms();
            due.extend(self.parts.groups.look(|state| directives::too_late(state, now_ms)));
            if due.is_empty() {
                break;
            }
            let proposed = due.clone();
            // Refused or lost: it is still due, and proposed again at the next look.
            if self.propose(due).await.is_err() {
                self.again_at = self.now() + AGAIN_AFTER;
                break;
            }
            let mut touched: BTreeSet<String> =
                proposed.iter().filter_map(answers::group_of).collect();
            for command in &proposed {
                match command {
                    GroupCommand::Expire { group, member } => self.coordinator.gone(group, member),
                    GroupCommand::ForgetTopics { topics } => {
                        self.seen.retain(|topic| !topics.contains(topic));
                        touched = self
                            .parts
                            .groups
                            .look(|groups| groups.groups.keys().cloned().chain(touched).collect());
                    }
                    _ => {}
                }
            }
            self.follow(&touched);
        }
        self.take_back();
        self.write_dying();
    }

    /// Forgets topics that were deleted. Only those that were there: this node may be behind, and a
    /// topic that it does not know yet is not gone.
    fn gone(&self, state: &MetadataState) -> Option<GroupCommand> {
        let is_gone = |topic: &TopicId| !state.topics.contains_key(topic);
        let topics: BTreeSet<TopicId> = self.seen.iter().copied().filter(is_gone).collect();
        (!topics.is_empty()).then_some(GroupCommand::ForgetTopics { topics })
    }

    /// Has what is dying written to its dead-letter topics.
    fn write_dying(&mut self) {
        let (now, state) = (self.now(), self.parts.reader.metadata.state());
        let lanes = &mut self.lanes;
        for write in self.parts.groups.look(|groups| lanes.due(groups, &state, now)) {
            let (into, sequence) = (write.into, write.sequence);
            self.seen.insert(into.topic);
            let (partitions, queue) =
                (self.parts.reader.partitions.clone(), self.parts.queue.clone());
            self.parts.tasks.spawn("dead letter", async move {
                let written = write.run(&partitions).await;
                if let Err(problem) = &written {
                    tracing::warn!(%into, sequence, %problem, "dead letter not written yet");
                }
                if let Some(queue) = queue.upgrade() {
                    // The coordinator may be gone.
                    let is_written = written.is_ok();
                    let _ = queue.send(Work::Wrote { into, sequence, is_written }).await;
                }
            });
        }
    }

    /// Records whose locks ran out: they come back in place, or, with a dead-letter switch, are parked
    /// once they are read.
    fn take_back(&mut self) {
        let now = self.now();
        let overdue = self.parts.groups.look(|state| self.coordinator.overdue(state, now));
        for (holding, records) in overdue {
            let held = self.coordinator.deliveries_mut(&holding.group, holding.partition);
            let Some(held) = held else { continue };
            if !self.parts.reader.is_on(&holding.group, holding.partition) {
                records.into_iter().for_each(|(delivery, _)| held.came_back(delivery));
                continue;
            }
            for (delivery, _) in &records {
                held.renew(*delivery, now + GIVE_UP_WITHIN);
            }
            self.give_up(holding, records);
        }
    }

    /// Asks itself about records that were not settled in time, once it knows what they are.
    fn give_up(&self, holding: Holding, records: Vec<(Delivery, u32)>) {
        let Holding { group, member, partition, epoch } = holding;
        let verdicts = records.into_iter().map(|(delivery, attempt)| Settled {
            token: AckToken { partition, epoch, delivery, attempt }.to_string(),
            said: Said::TimedOut,
            error: "not settled in time".to_owned(),
        });
        let settle = Settle { group, member, verdicts: verdicts.collect() };
        let (reader, queue) = (self.parts.reader.clone(), self.parts.queue.clone());
        self.parts.tasks.spawn("give up", async move {
            let known = reader.read(&settle).await;
            let Some(queue) = queue.upgrade() else { return };
            // Nobody waits for the answer.
            let (answer, _) = oneshot::channel();
            let asked = Asked { request: GroupRequest::Settle(settle), known, answer };
            let _ = queue.send(Work::Ask(Box::new(asked))).await;
        });
    }

    fn follow(&mut self, touched: &BTreeSet<String>) {
        let coordinator = &mut self.coordinator;
        self.parts.groups.look(|state| {
            touched.iter().for_each(|name| coordinator.follow(name, state));
        });
    }

    /// Commits commands as one entry; answers what each has done.
    async fn propose(&self, commands: Vec<GroupCommand>) -> Result<Vec<GroupOutcome>, Problem> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let replica = &self.parts.replica;
        replica.note_activity();
        let written = replica.raft().client_write(GroupCommand::proposal(&commands));
        let written = tokio::time::timeout(PROPOSE_TIMEOUT, written).await.map_err(|_| {
            let detail = format!("no majority confirmed the change within {PROPOSE_TIMEOUT:?}");
            Problem::unknown(ErrorCode::Timeout, detail)
        })?;
        match written {
            Ok(written) => match written.data {
                Applied::Groups(outcomes) => Ok(outcomes),
                Applied::Nothing
                | Applied::Appended { .. }
                | Applied::Trimmed { .. }
                | Applied::Sealed { .. }
                | Applied::Metadata(_) => {
                    Err(Problem::unknown(ErrorCode::Internal, "groups applied as another kind"))
                }
            },
            Err(error) => Err(match error.api_error() {
                Some(ClientWriteError::ForwardToLeader(_)) => replica.not_leader(&replica.status()),
                _ => Problem::unknown(ErrorCode::NotLeader, format!("groups: {error}")),
            }),
        }
    }
}
