//! What is to be written once, before it is proposed. The log's end says what each batch is, and has
//! the last word when the entry is appended (INV-07); here only that is kept out of the log which
//! certainly has no place in it. Behind an entry whose batches are not in the log yet nothing is
//! certain: then all is proposed, and the log decides.

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::Ack;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::state::partition::producers::{OnceBatch, Original, Refusal, Verdict};
use rampart_raft_store::ticket::TicketHolder;

use super::appender::PendingAppend;
use super::replica::Replica;
use super::request::Produced;

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
        if appends.iter().all(|append| append.once.is_none()) {
            return appends;
        }
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
}

/// Places of the appends of one entry, in order. `verdicts` are those on the batches that are to be
/// written once, unless all were written.
pub(super) fn places(
    base: Offset,
    verdicts: Option<&[Verdict]>,
    appends: &[PendingAppend],
) -> Vec<Place> {
    let mut next = base.0;
    let mut verdicts = verdicts.unwrap_or_default().iter();
    let place = |append: &PendingAppend| {
        let verdict = append.once.as_ref().and_then(|_| verdicts.next());
        match verdict.copied().unwrap_or(Verdict::New) {
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
