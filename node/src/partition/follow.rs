//! Follows one proposed entry to its end and answers its appends, each at its own ack level. An
//! answer is done, not done, or unknown: what was in the log of a deposed leader may still commit.
//! INV-01: an answer never promises more than its level has.

use std::sync::Arc;
use std::time::Duration;

use openraft::errors::ClientWriteError;
use openraft::raft::ClientWriteResult;
use openraft::type_config::alias::OneshotReceiverOf;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::problem::{Outcome, Problem};
use rampart_api::model::topic_config::Ack;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::ticket::{AppendPosition, TicketHolder};
use rampart_raft_store::type_config::{Applied, TypeConfig};

use super::acks;
use super::appender::{PendingAppend, Unsynced};
use super::replica::Replica;
use super::request::Produced;
use super::seal;
use super::sequencer::{self, Place, places};
use crate::raft::status::Role;

/// How often a waiting ack -1 looks again at who is in sync, besides every acknowledgement.
const IN_SYNC_LOOK: Duration = Duration::from_millis(50);

/// An entry between its proposal and its end.
#[derive(Debug)]
pub(super) struct EntryInFlight {
    /// Number among this replica's entries.
    pub(super) number: u64,
    /// The appends it is made of, in order.
    pub(super) appends: Vec<PendingAppend>,
    /// Where it landed and when it is on this disk.
    pub(super) holder: TicketHolder,
    /// When it is applied, or refused.
    pub(super) complete: OneshotReceiverOf<TypeConfig, ClientWriteResult<TypeConfig>>,
}

/// Gives back a slot and forgets the entry, however the task ends.
struct Decided<'a> {
    replica: &'a Replica,
    number: u64,
}

impl Drop for Decided<'_> {
    fn drop(&mut self) {
        self.replica.decided(self.number);
    }
}

/// What happened to an entry first: it was decided, or it is on this disk, or never will be.
enum First<T> {
    Decided(T),
    OnDisk(Option<AppendPosition>),
}

/// Answers every append with the same result.
pub(super) fn answer_all(appends: Vec<PendingAppend>, result: &Result<Produced, Problem>) {
    for append in appends {
        // The caller may be gone, or never listened (ack 0).
        let _ = append.answer.send(result.clone());
    }
}

/// Follows an entry to its end.
pub(super) async fn run(replica: Arc<Replica>, unsynced: Arc<Unsynced>, entry: EntryInFlight) {
    let EntryInFlight { number, appends, mut holder, mut complete } = entry;
    let decided = Decided { replica: &replica, number };
    let first = tokio::select! {
        biased;
        outcome = &mut complete => First::Decided(outcome),
        synced = holder.wait_synced() => First::OnDisk(synced),
    };
    unsynced.done();
    let mut acked_on_leader = 0;
    let waiting = match &first {
        // Without a position its ticket was dropped: the entry was discarded before it was synced.
        First::OnDisk(Some(position)) => {
            let places = places(position, &appends);
            let (now, later) = split_ack_one(&replica, appends, places, position.term);
            for (append, place) in now {
                if let Place::At(_) = place {
                    acked_on_leader += append.records;
                }
                answer(&replica, append, place, position.term);
            }
            later
        }
        _ => appends.into_iter().map(|append| (append, None)).collect(),
    };
    let outcome = match first {
        First::Decided(outcome) => outcome,
        First::OnDisk(_) => complete.await,
    };
    drop(decided);
    match judge(&replica, outcome) {
        Ok(written) => {
            let (appends, mut known): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
            if known.iter().any(Option::is_none) {
                let is_told = written.is_whole && appends.iter().all(|a| a.once.is_none());
                let position = match holder.position() {
                    Some(position) => position,
                    None if is_told => written.position(),
                    None => return answer_all(appends, &Err(not_told())),
                };
                known = places(&position, &appends).into_iter().map(Some).collect();
            }
            let committed = appends.into_iter().zip(known.into_iter().flatten());
            let entry = Committed { term: written.term, index: written.index, holder };
            answer_committed(&replica, committed, entry).await;
        }
        Err(problem) => {
            if acked_on_leader > 0 {
                replica.parts.metrics.raft.acked_then_lost.inc_by(u64::from(acked_on_leader));
            }
            if planted::is(Bug::OkAfterDiscard) && problem.outcome == Outcome::Unknown {
                return answer_discarded(&replica, waiting);
            }
            answer_undecided(&replica, &holder, waiting, &problem);
        }
    }
}

/// The entry was cut off, or is lost from sight. What its leader took out of it was in no log.
fn answer_undecided(
    replica: &Replica,
    holder: &TicketHolder,
    appends: Vec<(PendingAppend, Option<Place>)>,
    problem: &Problem,
) {
    let (appends, known): (Vec<_>, Vec<_>) = appends.into_iter().unzip();
    let landed = holder.position().map(|position| places(&position, &appends));
    let landed = landed.into_iter().flatten().map(Some).chain(std::iter::repeat(None));
    for ((append, known), landed) in appends.into_iter().zip(known).zip(landed) {
        let answer = match known.or(landed) {
            // The seal before it may be cut off, too, and then the next leader writes it.
            Some(Place::Sealed(_)) => replica.not_leader(&replica.status()),
            _ => problem.clone(),
        };
        let _ = append.answer.send(Err(answer));
    }
}

/// An entry is applied that its log said nothing of: it was replaced by a snapshot.
fn not_told() -> Problem {
    let detail = "the records may be there already, or may have been refused";
    Problem::unknown(ErrorCode::NotLeader, detail).hint("send them again, as they were")
}

/// The wrong line of [`Bug::OkAfterDiscard`]; without an offset there is nothing to say.
fn answer_discarded(replica: &Replica, appends: Vec<(PendingAppend, Option<Place>)>) {
    let term = replica.status().term;
    for (append, place) in appends {
        if let Some(place) = place {
            answer(replica, append, place, term);
        }
    }
}

type Positioned = (PendingAppend, Place);

/// Answers an append that has reached its level.
fn answer(replica: &Replica, append: PendingAppend, place: Place, term: u64) {
    let answer = answer_to(replica, &append, place, term);
    let _ = append.answer.send(answer);
}

fn answer_to(
    replica: &Replica,
    append: &PendingAppend,
    place: Place,
    term: u64,
) -> Result<Produced, Problem> {
    match (place, append.once.as_deref()) {
        (Place::At(base), _) => Ok(produced(replica, base, term)),
        (Place::Again(original), _) => Ok(sequencer::again(replica, &original)),
        (Place::Sealed(at), _) => Err(seal::moved(at)),
        (Place::Refused(refusal), Some(batch)) => Err(sequencer::problem(refusal, batch)),
        (Place::Refused(_), None) => {
            Err(Problem::unknown(ErrorCode::Internal, "an ordinary append was left out"))
        }
    }
}

/// Appends with ack 1 that may be answered now (INV-17), and all others with their offset.
fn split_ack_one(
    replica: &Replica,
    appends: Vec<PendingAppend>,
    places: Vec<Place>,
    term: u64,
) -> (Vec<Positioned>, Vec<(PendingAppend, Option<Place>)>) {
    let honest =
        appends.iter().any(|append| append.ack == Ack::Leader) && replica.ack_one_is_honest(term);
    let mut now = Vec::new();
    let mut later = Vec::new();
    for (append, place) in appends.into_iter().zip(places) {
        // That it is sealed is told once that is committed.
        let may_go = !matches!(place, Place::Sealed(_));
        if honest && append.ack == Ack::Leader && may_go {
            now.push((append, place));
        } else {
            later.push((append, Some(place)));
        }
    }
    (now, later)
}

fn produced(replica: &Replica, base: Offset, term: u64) -> Produced {
    Produced {
        base_offset: Some(base),
        leader_epoch: term,
        log_start: replica.log_start(),
        replayed_stamp_ms: None,
    }
}

/// An entry that is applied here.
struct Written {
    base_offset: Offset,
    term: u64,
    index: u64,
    /// It has records. One without may have been emptied, and then its ticket says so.
    is_whole: bool,
}

impl Written {
    /// Of an entry that nothing was taken out of.
    fn position(&self) -> AppendPosition {
        let (term, index, base_offset) = (self.term, self.index, self.base_offset);
        AppendPosition { term, index, base_offset, verdicts: None, sealed_at: None }
    }
}

/// What became of the entry, or why not.
fn judge<E>(
    replica: &Replica,
    outcome: Result<ClientWriteResult<TypeConfig>, E>,
) -> Result<Written, Problem> {
    match outcome {
        Ok(Ok(written)) => match written.data {
            Applied::Appended { base_offset, records } => Ok(Written {
                base_offset,
                term: written.log_id.leader_id.term,
                index: written.log_id.index,
                is_whole: records > 0,
            }),
            Applied::Nothing
            | Applied::Trimmed { .. }
            | Applied::Sealed { .. }
            | Applied::Metadata(_)
            | Applied::Groups(_) => Err(Problem::unknown(
                ErrorCode::Internal,
                "record batches were applied as another kind",
            )),
        },
        // Refused before the append: certainly not done, safe elsewhere.
        Ok(Err(ClientWriteError::ForwardToLeader(_))) => Err(replica.not_leader(&replica.status())),
        Ok(Err(error)) => Err(Problem::unknown(
            ErrorCode::NotLeader,
            format!("leadership changed while the records were in flight: {error}"),
        )
        .hint("they may or may not appear; read the partition before you send them again")),
        Err(_) => Err(Problem::unknown(
            ErrorCode::NotLeader,
            "the replica stopped while the records were in flight",
        )),
    }
}

/// An entry that is committed and applied here.
struct Committed {
    term: u64,
    index: u64,
    holder: TicketHolder,
}

async fn answer_committed(
    replica: &Arc<Replica>,
    appends: impl Iterator<Item = Positioned>,
    entry: Committed,
) {
    let term = entry.term;
    let mut all_in_sync = Vec::new();
    for (append, place) in appends {
        let is_written = !matches!(place, Place::Sealed(_));
        if append.ack == Ack::All && is_written && !planted::is(Bug::AckAllWithoutIsr) {
            all_in_sync.push((append, place));
        } else {
            answer(replica, append, place, term);
        }
    }
    let Some(deadline) = all_in_sync.iter().map(|(append, _)| append.deadline).max() else {
        return;
    };
    let reached = match tokio::time::timeout_at(deadline, wait_all_in_sync(replica, entry)).await {
        Ok(reached) => reached,
        Err(_) => Err(Problem::unknown(
            ErrorCode::Timeout,
            "committed, but not yet on every replica in sync",
        )),
    };
    for (append, place) in all_in_sync {
        let answer = reached.clone().and_then(|()| answer_to(replica, &append, place, term));
        let _ = append.answer.send(answer);
    }
}

/// Waits until every replica in sync has the entry on disk, this one first, and they are enough.
/// Only the leader that appended it knows who is in sync.
async fn wait_all_in_sync(replica: &Replica, entry: Committed) -> Result<(), Problem> {
    let Committed { term, index, mut holder } = entry;
    let lost = || {
        let detail = "leadership changed: committed, but perhaps not on every replica in sync";
        Problem::unknown(ErrorCode::NotLeader, detail)
    };
    holder.wait_synced().await.ok_or_else(lost)?;
    let mut changes = replica.progress().watch();
    loop {
        let status = replica.status();
        if status.role != Role::Leader || status.term != term {
            return Err(lost());
        }
        let config = replica.config();
        let lag_max = Duration::from_millis(config.replica_lag_time_max_ms);
        let voters = replica.voters(&status);
        if acks::all_in_sync_have(&voters, index, lag_max) {
            let needed = acks::min_in_sync(&config, voters.len());
            let have = acks::in_sync_count(&voters, lag_max);
            if have >= needed {
                return Ok(());
            }
            return Err(Problem::unknown(
                ErrorCode::NotEnoughReplicasAfterAppend,
                format!("written, but only {have} of {needed} replicas needed are in sync"),
            ));
        }
        // Either an acknowledgement, or a look at who still lives.
        let _ = tokio::time::timeout(IN_SYNC_LOOK, changes.changed()).await;
    }
}
