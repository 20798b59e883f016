//! What is to be written once, before it is proposed. The log's end says what each batch is, and has
//! the last word when the entry is appended (INV-07); here only that is kept out of the log which
//! certainly has no place in it. Behind an entry whose batches are not in the log yet nothing is
//! certain: then all is proposed, and the log decides.

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::Ack;
use rampart_raft_store::PartitionLog;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::state::partition::producers::{OnceBatch, Original, Refusal, Verdict};
use rampart_raft_store::ticket::{AppendPosition, TicketHolder};

use super::appender::PendingAppend;
use super::replica::Replica;
use super::request::Produced;
use super::seal;

/// One led partition's.
#[derive(Debug, Default)]
pub(super) struct Sequencer {
    /// The last entry with a batch that is written once.
    last: Option<TicketHolder>,
}

impl Sequencer {
    /// Answers what needs no entry, and gives back the rest. This replica leads, by its lease.
    pub(super) fn admit(
        &mut self,
        replica: &Replica,
        appends: Vec<PendingAppend>,
    ) -> Vec<PendingAppend> {
        if let Some(at) = replica.log().ok().and_then(PartitionLog::sealed_at) {
            return refuse_sealed(replica, appends, at);
        }
        if appends.iter().all(|append| append.once.is_none()) {
            return appends;
        }
        let appends = in_sequence(appends);
        let mut is_certain = self.last.as_ref().is_none_or(TicketHolder::is_settled);
        let mut left = Vec::with_capacity(appends.len());
        for append in appends {
            if let Some(batch) = append.once.as_deref() {
                if is_certain && let Some(answer) = answer_now(replica, batch, append.ack) {
                    // The caller may be gone, or never listened (ack 0).
                    let _ = append.answer.send(answer);
                    continue;
                }
                is_certain = false;
            }
            left.push(append);
        }
        left
    }

    /// An entry with a batch that is written once is proposed.
    pub(super) fn proposed(&mut self, holder: &TicketHolder) {
        self.last = Some(holder.clone());
    }
}

/// Appends of one entry, each producer's by their numbers: requests that a producer sends right after
/// one another may arrive in another order, and all but the first would be refused for that. Nobody
/// was promised an order of requests that are under way at once.
fn in_sequence(appends: Vec<PendingAppend>) -> Vec<PendingAppend> {
    let number = |append: &PendingAppend| {
        let batch = append.once.as_deref()?;
        Some((batch.producer_id, batch.producer_epoch, batch.base_sequence))
    };
    if appends.iter().filter_map(number).is_sorted() {
        return appends;
    }
    let are_numbered: Vec<bool> = appends.iter().map(|append| append.once.is_some()).collect();
    let (mut numbered, others): (Vec<_>, Vec<_>) =
        appends.into_iter().partition(|append| append.once.is_some());
    numbered.sort_by_key(number);
    let (mut numbered, mut others) = (numbered.into_iter(), others.into_iter());
    let next = |is_numbered| if is_numbered { numbered.next() } else { others.next() };
    are_numbered.into_iter().filter_map(next).collect()
}

/// Answers what comes to a partition that is sealed at this offset, and gives back what has to wait for
/// all in sync. Nothing new gets into its log, so its end is certain.
fn refuse_sealed(replica: &Replica, appends: Vec<PendingAppend>, at: Offset) -> Vec<PendingAppend> {
    let now_ms = replica.parts.clock.now_ms();
    let mut left = Vec::new();
    for append in appends {
        let verdict = match (append.once.as_deref(), replica.log()) {
            (Some(batch), Ok(log)) => log.check_once(batch, now_ms),
            (Some(_) | None, _) => Verdict::New,
        };
        let answer = match (behind_seal(verdict, at), append.once.as_deref()) {
            (Place::Again(_), _) if append.ack == Ack::All => {
                left.push(append);
                continue;
            }
            (Place::Again(original), _) => Ok(again(replica, &original)),
            (Place::Refused(refusal), Some(batch)) => Err(problem(refusal, batch)),
            (Place::At(_) | Place::Sealed(_) | Place::Refused(_), _) => Err(seal::moved(at)),
        };
        // The caller may be gone, or never listened (ack 0).
        let _ = append.answer.send(answer);
    }
    left
}

/// The answer to a batch that needs no entry. A duplicate of what is applied is answered at once,
/// unless it waits for all in sync; another goes behind its original into the log, without its
/// records, and so reaches its level no sooner than that.
fn answer_now(replica: &Replica, batch: &OnceBatch, ack: Ack) -> Option<Result<Produced, Problem>> {
    let log = match replica.log() {
        Ok(log) => log,
        Err(problem) => return Some(Err(problem)),
    };
    match log.check_once(batch, replica.parts.clock.now_ms()) {
        Verdict::New => None,
        Verdict::Duplicate(original) if is_planted(replica, &original) => None,
        Verdict::Duplicate(original) => {
            let is_applied = log.applied_index() >= Some(original.index);
            (is_applied && ack != Ack::All).then(|| Ok(again(replica, &original)))
        }
        Verdict::Refused(refusal) => Some(Err(problem(refusal, batch))),
    }
}

/// With a bug planted, what a leader before wrote is written again.
fn is_planted(replica: &Replica, original: &Original) -> bool {
    planted::is(Bug::DuplicateAfterFailover) && original.term != replica.status().term
}

/// The answer to a duplicate: that to its original.
pub(super) fn again(replica: &Replica, original: &Original) -> Produced {
    Produced {
        base_offset: Some(original.base_offset),
        leader_epoch: original.term,
        log_start: replica.log_start(),
        replayed_stamp_ms: Some(original.stamp_ms),
    }
}

/// The answer to a batch that can't be written.
pub(super) fn problem(refusal: Refusal, batch: &OnceBatch) -> Problem {
    let OnceBatch { producer_id: id, producer_epoch: epoch, base_sequence: sequence, .. } = batch;
    let sent = format!("sequence {sequence} of producer {id}, epoch {epoch}");
    match refusal {
        Refusal::OutOfOrder { expected } => Problem::new(
            ErrorCode::OutOfOrderSequenceNumber,
            format!("{sent}: {expected} comes next in this partition"),
        )
        .hint("send what is missing first, as it was; or begin a new epoch with sequence 0"),
        Refusal::StaleEpoch { current } => Problem::new(
            ErrorCode::InvalidProducerEpoch,
            format!("{sent}: epoch {current} has written to this partition"),
        )
        .hint("another producer has taken the id over; POST /v1/producers gives a new one"),
        // What is forgotten may have been written: this is no proof that it was not.
        Refusal::UnknownProducer => Problem::unknown(
            ErrorCode::UnknownProducerId,
            format!("{sent}: nothing is known of the producer in this partition"),
        )
        .hint("its first sequence is 0; a producer is forgotten 24 hours after its last batch"),
        Refusal::Forgotten => Problem::unknown(
            ErrorCode::DuplicateSequence,
            format!("{sent}: it was written before, and its offset is not remembered"),
        )
        .hint("it need not be sent again; the last five batches of a producer are remembered"),
        Refusal::TooManyProducers => Problem::new(
            ErrorCode::Overloaded,
            "the partition remembers as many producers as it can, all of them active",
        )
        .hint("keep a producer's id for all its requests, rather than a new one for each"),
        Refusal::OtherBody => Problem::new(
            ErrorCode::IdempotencyMismatch,
            "the Idempotency-Key came with another request before",
        )
        .hint("make a new key for each new request"),
    }
}

/// Where an append of an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its first record is here.
    At(Offset),
    /// It was there already.
    Again(Original),
    /// It was left out.
    Refused(Refusal),
    /// It was left out, for the partition was sealed at this offset.
    Sealed(Offset),
}

/// Where an append is that came behind the seal. What was written before keeps its place. What would
/// be next, or follows what would have been, is not written and will not be.
fn behind_seal(verdict: Verdict, at: Offset) -> Place {
    match verdict {
        Verdict::New | Verdict::Refused(Refusal::OutOfOrder { .. }) => Place::Sealed(at),
        Verdict::Duplicate(original) => Place::Again(original),
        Verdict::Refused(refusal) => Place::Refused(refusal),
    }
}

/// Places of the appends of one entry, in order, by where it landed.
pub(super) fn places(position: &AppendPosition, appends: &[PendingAppend]) -> Vec<Place> {
    let mut next = position.base_offset.0;
    let mut verdicts = position.verdicts.as_deref().unwrap_or_default().iter();
    let place = |append: &PendingAppend| {
        let verdict = append.once.as_ref().and_then(|_| verdicts.next());
        let verdict = verdict.copied().unwrap_or(Verdict::New);
        if let Some(at) = position.sealed_at {
            return behind_seal(verdict, at);
        }
        match verdict {
            Verdict::New => {
                let mine = Offset(next);
                next += u64::from(append.records);
                Place::At(mine)
            }
            Verdict::Duplicate(original) => Place::Again(original),
            Verdict::Refused(refusal) => Place::Refused(refusal),
        }
    };
    appends.iter().map(place).collect()
}
