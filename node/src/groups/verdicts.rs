//! What a question about records becomes: the commands for what can be settled, and, record by
//! record, what will be answered once they are applied.

use std::collections::BTreeMap;
use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::limits::PARKED_ERROR_BYTES_MAX;
use rampart_api::model::problem::Problem;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::state::group::command::{Fate, GroupCommand, Holding};
use rampart_raft_store::state::group::delivery::{
    Parked, ParkedBody, Place as ParkedPlace, RecordCopy,
};
use rampart_raft_store::state::group::state::Group;
use rampart_raft_store::state::group::{GroupOutcome, TopicPartition};

use super::answers::refusal;
use super::coordinator::Coordinator;
use super::deliveries::Deliveries;
use super::giving_up::{Content, GivingUp};
use super::request::{Said, Settle, Verdict};
use super::retry_policy::Failure;
use super::settle::{self, Copied, Settlement, Step, StepError};
use super::token::{AckToken, Delivery};

/// What is answered about each record of a question.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    records: Vec<Answer>,
}

/// What is answered about one record.
#[derive(Debug)]
enum Answer {
    /// Known already.
    Now(Result<Verdict, Problem>),
    /// So, unless this command is refused.
    If(Verdict, usize),
}

/// Since when a member holds a partition.
type Key = (TopicPartition, u64);

/// Which command of a holding an answer hangs on.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The first, second … of what failed again.
    Retry(usize),
    /// That of what is done.
    Done,
    /// That of what is parked.
    Park,
    /// That of what is gone, which comes last.
    Lose,
}

impl Verdicts {
    /// What is answered, by what the question's commands have done.
    pub(super) fn answer(self, outcomes: &[GroupOutcome]) -> Vec<Result<Verdict, Problem>> {
        let refused = |command: usize| match outcomes.get(command) {
            Some(GroupOutcome::Refused(refused)) => Some(refusal(refused)),
            _ => None,
        };
        let answers = self.records.into_iter().map(|answer| match answer {
            Answer::Now(answer) => answer,
            Answer::If(verdict, command) => refused(command).map_or(Ok(verdict), Err),
        });
        answers.collect()
    }

    /// Looks at a question. What comes back in place or is kept longer happens at once: nobody else
    /// needs to know.
    pub(super) fn of(
        question: &Settle,
        group: Option<&Group>,
        coordinator: &mut Coordinator,
        (known, now, now_ms): (&GivingUp, Duration, i64),
    ) -> (Vec<GroupCommand>, Verdicts) {
        let mut holdings: BTreeMap<Key, Gathered> = BTreeMap::new();
        let mut steps = Vec::with_capacity(question.verdicts.len());
        for settled in &question.verdicts {
            let step = look(question, &settled.token, settled.said, group).and_then(|token| {
                take(question, token, settled.said, coordinator, (known, now, now_ms))
            });
            let (token, step) = match step {
                Ok(step) => step,
                Err(answer) => {
                    steps.push((None, answer));
                    continue;
                }
            };
            let key = (token.partition, token.epoch);
            let gathered = holdings.entry(key).or_insert_with(|| {
                let by = Holding {
                    group: question.group.clone(),
                    member: question.member.clone(),
                    partition: token.partition,
                    epoch: token.epoch,
                };
                Gathered { settlement: Settlement::new(by.clone(), now_ms), by, lost: Vec::new() }
            });
            let (kind, verdict) = gathered.add(token.delivery, step, &settled.error);
            steps.push((Some((key, kind)), Ok(verdict)));
        }
        let (mut commands, mut places) = (Vec::new(), BTreeMap::new());
        for (key, gathered) in holdings {
            let place = gathered.place(commands.len());
            commands.extend(gathered.commands(now_ms));
            places.insert(key, place);
        }
        let records = steps.into_iter().map(|(hangs_on, answer)| match (hangs_on, answer) {
            (Some((key, kind)), Ok(verdict)) => Answer::If(verdict, places[&key].of(kind)),
            (_, answer) => Answer::Now(answer),
        });
        (commands, Verdicts { records: records.collect() })
    }
}

/// What is said of the records of one holding.
#[derive(Debug)]
struct Gathered {
    by: Holding,
    settlement: Settlement,
    lost: Vec<(Offset, Offset)>,
}

/// Where the commands of a holding are among those of a question.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    done: usize,
    park: usize,
    lose: usize,
}

impl Place {
    fn of(self, kind: Kind) -> usize {
        match kind {
            Kind::Retry(number) => self.start + number,
            Kind::Done => self.done,
            Kind::Park => self.park,
            Kind::Lose => self.lose,
        }
    }
}

impl Gathered {
    fn add(&mut self, delivery: Delivery, step: Taken, error: &str) -> (Kind, Verdict) {
        match (step, delivery) {
            (Taken::Done, _) => {
                self.settlement.done(delivery);
                (Kind::Done, Verdict::Acked)
            }
            (Taken::Retry(fate), Delivery::Parked(id)) => {
                let number = self.settlement.retries();
                self.settlement.retry(id, fate, kept(error));
                (Kind::Retry(number), verdict_of(fate))
            }
            (Taken::Park(attempts, fate, copy), Delivery::Fresh(offset)) => {
                let copied = Copied { error: kept(error), body: ParkedBody::Copied(copy) };
                self.settlement.park(offset, (attempts, fate), copied);
                (Kind::Park, verdict_of(fate))
            }
            (Taken::Gone, Delivery::Fresh(offset)) => {
                self.lost.push((offset, Offset(offset.0 + 1)));
                (Kind::Lose, Verdict::Gone)
            }
            (Taken::Retry(_), Delivery::Fresh(_))
            | (Taken::Park(..) | Taken::Gone, Delivery::Parked(_)) => {
                unreachable!("a record from its partition is parked, and a parked one is not again")
            }
        }
    }

    /// Where its commands will be, from `start` on.
    fn place(&self, start: usize) -> Place {
        let done = start + self.settlement.retries();
        let park = done + usize::from(self.settlement.has_done());
        let lose = park + usize::from(self.settlement.has_parked());
        Place { start, done, park, lose }
    }

    fn commands(self, now_ms: i64) -> Vec<GroupCommand> {
        let Gathered { by, settlement, lost } = self;
        let mut commands = settlement.commands();
        if !lost.is_empty() {
            commands.push(GroupCommand::Lose { by, ranges: lost, now_ms });
        }
        commands
    }
}

/// As much of a reason as is kept.
fn kept(error: &str) -> String {
    let mut end = error.len().min(PARKED_ERROR_BYTES_MAX);
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    error[..end].to_owned()
}

/// What happens to a record.
#[derive(Debug)]
enum Taken {
    Done,
    Retry(Fate),
    Park(u32, Fate, RecordCopy),
    Gone,
}

fn verdict_of(fate: Fate) -> Verdict {
    match fate {
        Fate::Wait { due_ms } => Verdict::Parked { due_ms },
        Fate::Die { .. } => Verdict::Dying,
    }
}

/// What is said about a record that is already clear, or its token.
type Looked<T> = Result<T, Result<Verdict, Problem>>;

fn look(question: &Settle, token: &str, said: Said, group: Option<&Group>) -> Looked<AckToken> {
    let token: AckToken = token.parse().map_err(|_| {
        let shown: String = token.chars().take(80).collect();
        Err(Problem::new(ErrorCode::InvalidRequest, format!("{shown:?} is no ack token"))
            .hint("send back what a poll gave, unchanged"))
    })?;
    let no_group = || Err(Problem::new(ErrorCode::GroupNotFound, "there is no such group"));
    let group = group.ok_or_else(no_group)?;
    if !group.members.contains_key(&question.member) {
        let detail = format!("{} is not a member of the group", question.member);
        return Err(Err(Problem::new(ErrorCode::UnknownMember, detail)
            .hint("poll again: that joins the group anew")));
    }
    let slot = group.slots.get(&token.partition);
    let holds =
        slot.is_some_and(|slot| slot.holder == question.member && slot.epoch == token.epoch);
    if !holds && !planted::is(Bug::OldTokenAccepted) {
        return Err(Err(not_held()));
    }
    let is_settled = match token.delivery {
        Delivery::Fresh(offset) => {
            group.progress.get(&token.partition).is_some_and(|known| known.is_settled(offset))
        }
        Delivery::Parked(id) => is_over(group.parked.get(&id).map(AsRef::as_ref), token, said),
    };
    match (is_settled, said) {
        (true, Said::Renew(_)) => Err(Err(not_held())),
        (true, _) => Err(Ok(Verdict::AlreadySettled)),
        (false, _) => Ok(token),
    }
}

/// Whether nothing that is said of a parked record's delivery counts any more: it is done or dying,
/// or, if it is to come again, that was said of this delivery before.
fn is_over(parked: Option<&Parked>, token: AckToken, said: Said) -> bool {
    let Some(parked) = parked else { return true };
    let is_dying = matches!(parked.place, ParkedPlace::Dying(_));
    is_dying || (matches!(said, Said::Retry(_)) && parked.attempts >= token.attempt)
}

fn not_held() -> Problem {
    Problem::new(
        ErrorCode::NotHeld,
        "the record is not in the member's hands any more; it was or will be delivered again",
    )
    .hint("poll again, and drop what was delivered before")
}

/// What to do about a record, which is in the member's hands or was until a moment ago.
fn take(
    question: &Settle,
    token: AckToken,
    said: Said,
    coordinator: &mut Coordinator,
    (known, now, now_ms): (&GivingUp, Duration, i64),
) -> Looked<(AckToken, Taken)> {
    let held = coordinator.deliveries_mut(&question.group, token.partition);
    let is_of_it =
        |held: &&mut Deliveries| held.epoch() == token.epoch || planted::is(Bug::OldTokenAccepted);
    let held = held.filter(is_of_it).ok_or_else(|| Err(not_held()))?;
    let verdict = match said {
        Said::Ack => settle::Verdict::Done,
        Said::Renew(lock_ms) => {
            let until = now + Duration::from_millis(lock_ms.into());
            return Err(match held.renew(token.delivery, until) {
                true => Ok(Verdict::Renewed),
                false => Err(not_held()),
            });
        }
        Said::Retry(after) => settle::Verdict::Failed(Failure::Retry(after)),
        Said::Reject => settle::Verdict::Failed(Failure::Reject),
        // It came back, or was handed out again, meanwhile.
        Said::TimedOut if held.attempt(token.delivery) != Some(token.attempt) => {
            return Err(Err(not_held()));
        }
        Said::TimedOut => settle::Verdict::Failed(Failure::TimedOut),
    };
    let switch = known.switch(token.partition).map_err(Err)?;
    let step = settle::step((token.delivery, token.attempt), verdict, switch, now_ms);
    let step = step.map_err(|error| Err(refused(error)))?;
    let taken = match (step, token.delivery) {
        (Step::Ack, _) => Taken::Done,
        (Step::Retry { fate }, _) => Taken::Retry(fate),
        (Step::Park { attempts, fate }, Delivery::Fresh(offset)) => {
            match known.content(token.partition, offset) {
                Content::Copy(copy) => Taken::Park(attempts, fate, copy),
                Content::Gone => Taken::Gone,
                Content::Unread(problem) => return Err(Err(problem)),
            }
        }
        (Step::InPlace | Step::Renew | Step::Park { .. }, delivery) => {
            held.came_back(delivery);
            return Err(Ok(Verdict::InPlace));
        }
    };
    Ok((token, taken))
}

fn refused(error: StepError) -> Problem {
    match error {
        StepError::NoDeadLetters => Problem::new(ErrorCode::DeadLettersOff, error.to_string())
            .hint("switch dead letters on for the topic, or send `retry`"),
        StepError::DelayTooLong { .. } => {
            Problem::new(ErrorCode::InvalidRequest, error.to_string())
                .hint("the record is still in hand: ask for less, or raise delay_ms_max")
        }
    }
}

#[cfg(test)]
mod tests;
