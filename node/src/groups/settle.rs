//! `[pure]` What becomes of a delivered record, from what its member said of it, or from the end of
//! its lock; and the commands that say so to the state.

use rampart_api::model::ids::Offset;
use rampart_raft_store::state::group::command::{Fate, GroupCommand, Holding, NewParked};
use rampart_raft_store::state::group::delivery::ParkedBody;
use rampart_raft_store::state::group::{ParkedId, TopicPartition};

use super::retry_policy::{Failure, RetryPolicy};
use super::token::Delivery;

/// The dead-letter switch of a topic in a group, switched on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeadLetters {
    /// When to try again, and how often.
    pub policy: RetryPolicy,
    /// Where a record of the partition goes when it is given up.
    pub into: TopicPartition,
}

/// What a member says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is done with it.
    Done,
    /// It keeps it for longer.
    Keep,
    /// It is not.
    Failed(Failure),
}

/// What to do about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is done.
    Ack,
    /// Its lock begins anew.
    Renew,
    /// It is copied into the state.
    Park {
        /// How often it was delivered.
        attempts: u32,
        /// What becomes of it there.
        fate: Fate,
    },
    /// It is parked, and goes on being so.
    Retry {
        /// What becomes of it.
        fate: Fate,
    },
    /// It is handed out again from where it lies.
    InPlace,
}

/// Why nothing is done about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// A record can't be rejected where there is nowhere to put it.
    #[error("the topic has no dead-letter switch for the group, so nothing can be rejected")]
    NoDeadLetters,
    /// It would come again later than the switch allows.
    #[error("delay_ms is {asked}, at most {max} are allowed by the topic's dead-letter switch")]
    DelayTooLong {
        /// Milliseconds that the member wants.
        asked: u64,
        /// Milliseconds of the longest delay.
        max: u64,
    },
}

/// What to do about a record after its `attempt`.
///
/// # Errors
/// When it is rejected and there is no dead-letter switch, or is to come again too late.
pub fn step(
    (delivery, attempt): (Delivery, u32),
    verdict: Verdict,
    switch: Option<&DeadLetters>,
    now_ms: i64,
) -> Result<Step, StepError> {
    let failure = match verdict {
        Verdict::Done => return Ok(Step::Ack),
        Verdict::Keep => return Ok(Step::Renew),
        Verdict::Failed(failure) => failure,
    };
    let Some(DeadLetters { policy, into }) = switch else {
        return match failure {
            Failure::Reject => Err(StepError::NoDeadLetters),
            // A parked one of the time before the switch was turned off waits a moment more.
            Failure::Retry(_) | Failure::TimedOut => Ok(match delivery {
                Delivery::Fresh(_) => Step::InPlace,
                Delivery::Parked(_) => Step::Retry { fate: Fate::Wait { due_ms: now_ms } },
            }),
        };
    };
    if let Failure::Retry(Some(asked)) = failure
        && asked > policy.delay_ms_max
    {
        return Err(StepError::DelayTooLong { asked, max: policy.delay_ms_max });
    }
    let fate = policy.fate(failure, attempt, *into, now_ms);
    Ok(match delivery {
        Delivery::Fresh(_) => Step::Park { attempts: attempt, fate },
        Delivery::Parked(_) => Step::Retry { fate },
    })
}

/// What is said of the records of one holding, gathered into as few commands as can be.
#[derive(Debug)]
pub struct Settlement {
    by: Holding,
    now_ms: i64,
    done: Vec<(Offset, Offset)>,
    done_parked: Vec<ParkedId>,
    parked: Vec<NewParked>,
    retried: Vec<GroupCommand>,
}

impl Settlement {
    /// Nothing said yet.
    pub fn new(by: Holding, now_ms: i64) -> Settlement {
        let (done, done_parked) = (Vec::new(), Vec::new());
        Settlement { by, now_ms, done, done_parked, parked: Vec::new(), retried: Vec::new() }
    }

    /// A record is done.
    pub fn done(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Parked(id) => self.done_parked.push(id),
            Delivery::Fresh(offset) => match self.done.last_mut() {
                Some((_, end)) if *end == offset => *end = Offset(offset.0 + 1),
                _ => self.done.push((offset, Offset(offset.0 + 1))),
            },
        }
    }

    /// A fresh record is copied into the state.
    pub fn park(&mut self, offset: Offset, (attempts, fate): (u32, Fate), what: Copied) {
        let Copied { error, body } = what;
        self.parked.push(NewParked { offset, attempts, error, body, fate });
    }

    /// A parked record failed again.
    pub fn retry(&mut self, id: ParkedId, fate: Fate, error: String) {
        let (by, now_ms) = (self.by.clone(), self.now_ms);
        self.retried.push(GroupCommand::Retry { by, id, error, fate, now_ms });
    }

    /// How many of the commands are about parked records that failed again: they come first, one
    /// each, then that of what is done, if anything is, then that of what is parked.
    pub fn retries(&self) -> usize {
        self.retried.len()
    }

    /// Whether anything is parked.
    pub fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Whether anything is done.
    pub fn has_done(&self) -> bool {
        !self.done.is_empty() || !self.done_parked.is_empty()
    }

    /// The commands, for one entry. Parking is apart: at the bound it is refused, and the rest not.
    pub fn commands(self) -> Vec<GroupCommand> {
        let Settlement { by, now_ms, done, done_parked, parked, retried } = self;
        let mut commands = retried;
        if !done.is_empty() || !done_parked.is_empty() {
            let (by, ranges, parked) = (by.clone(), done, done_parked);
            commands.push(GroupCommand::Ack { by, ranges, parked, now_ms });
        }
        if !parked.is_empty() {
            commands.push(GroupCommand::Park { by, records: parked, now_ms });
        }
        commands
    }
}

/// What is kept of a record that is parked.
#[derive(Debug, Clone)]
pub struct Copied {
    /// What went wrong.
    pub error: String,
    /// Its content.
    pub body: ParkedBody,
}

#[cfg(test)]
mod tests {
    use rampart_raft_store::state::group::MemberId;
    use rampart_raft_store::state::group::delivery::RecordCopy;

    use super::*;

    const INTO: TopicPartition =
        TopicPartition { topic: rampart_api::model::ids::TopicId(uuid::Uuid::nil()), partition: 1 };
    const FRESH: Delivery = Delivery::Fresh(Offset(4));
    const PARKED: Delivery = Delivery::Parked(ParkedId(2));

    #[test]
    fn without_a_switch_records_come_back_in_place() {
        let told = |delivery, verdict| step((delivery, 1), verdict, None, 50);
        assert_eq!(told(FRESH, Verdict::Done), Ok(Step::Ack));
        assert_eq!(told(FRESH, Verdict::Keep), Ok(Step::Renew));
        for failure in [Failure::Retry(Some(9)), Failure::TimedOut] {
            assert_eq!(told(FRESH, Verdict::Failed(failure)), Ok(Step::InPlace));
            let waits = Step::Retry { fate: Fate::Wait { due_ms: 50 } };
            assert_eq!(told(PARKED, Verdict::Failed(failure)), Ok(waits));
        }
        assert_eq!(told(FRESH, Verdict::Failed(Failure::Reject)), Err(StepError::NoDeadLetters));
    }

    #[test]
    fn with_a_switch_they_are_parked_and_die_in_the_end() {
        let switch = DeadLetters { policy: RetryPolicy::default(), into: INTO };
        let told = |delivery, attempt, failure| {
            step((delivery, attempt), Verdict::Failed(failure), Some(&switch), 50).unwrap()
        };
        let (wait, die) = (Fate::Wait { due_ms: 1_050 }, Fate::Die { into: INTO });
        let parked = Step::Park { attempts: 1, fate: wait };
        assert_eq!(told(FRESH, 1, Failure::TimedOut), parked);
        let given_up = Step::Park { attempts: 1, fate: die };
        assert_eq!(told(FRESH, 1, Failure::Reject), given_up);
        assert_eq!(told(PARKED, 5, Failure::Retry(None)), Step::Retry { fate: die });
    }

    #[test]
    fn a_delay_beyond_the_limit_is_refused_whatever_the_attempt() {
        let policy = RetryPolicy { delay_ms_max: 100, ..RetryPolicy::default() };
        let switch = DeadLetters { policy, into: INTO };
        let told = |attempt, asked| {
            let failed = Verdict::Failed(Failure::Retry(Some(asked)));
            step((FRESH, attempt), failed, Some(&switch), 50)
        };
        let fate = Fate::Wait { due_ms: 150 };
        assert_eq!(told(1, 100), Ok(Step::Park { attempts: 1, fate }));
        let too_long = |asked| Err(StepError::DelayTooLong { asked, max: 100 });
        assert_eq!(told(1, 101), too_long(101));
        assert_eq!(told(9, u64::MAX), too_long(u64::MAX));
        let failed = Verdict::Failed(Failure::Retry(Some(u64::MAX)));
        let off = step((FRESH, 1), failed, None, 50);
        assert_eq!(off, Ok(Step::InPlace), "without a switch there is no delay");
    }

    #[test]
    fn what_is_said_together_is_few_commands() {
        let by = Holding {
            group: "g".to_owned(),
            member: MemberId("a".to_owned()),
            partition: INTO,
            epoch: 1,
        };
        assert!(Settlement::new(by.clone(), 7).commands().is_empty());
        let mut settlement = Settlement::new(by.clone(), 7);
        for offset in [3, 4, 5, 8] {
            settlement.done(Delivery::Fresh(Offset(offset)));
        }
        settlement.done(PARKED);
        let (wait, error) = (Fate::Wait { due_ms: 9 }, "e".to_owned());
        settlement.retry(ParkedId(3), wait, error.clone());
        let body = ParkedBody::Copied(RecordCopy::default());
        settlement.park(Offset(6), (1, wait), Copied { error: error.clone(), body: body.clone() });
        let records = vec![NewParked {
            offset: Offset(6),
            attempts: 1,
            error: error.clone(),
            body,
            fate: wait,
        }];
        let expected = [
            GroupCommand::Retry { by: by.clone(), id: ParkedId(3), error, fate: wait, now_ms: 7 },
            GroupCommand::Ack {
                by: by.clone(),
                ranges: vec![(Offset(3), Offset(6)), (Offset(8), Offset(9))],
                parked: vec![ParkedId(2)],
                now_ms: 7,
            },
            GroupCommand::Park { by, records, now_ms: 7 },
        ];
        assert_eq!(settlement.commands(), expected);
    }
}
