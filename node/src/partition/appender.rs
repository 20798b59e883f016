//! The appender of a led partition: takes what is queued, makes one entry of it while the one
//! before is on its way to the disk, proposes it. No added latency when idle; under load the
//! entries grow, which is what decides throughput (a commit round costs the same for 1 or 1,000).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use openraft::raft::responder::ProgressResponder;
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch;
use rampart_api::model::topic_config::Ack;
use rampart_raft_store::format::OnceHead;
use rampart_raft_store::format::log_id::committed_leader;
use rampart_raft_store::state::partition::producers::OnceBatch;
use rampart_raft_store::ticket;
use rampart_raft_store::type_config::{Proposal, ProposalKind};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::follow::{self, EntryInFlight};
use super::replica::Replica;
use super::request::Produced;
use super::sequencer::Sequencer;

/// An entry takes no more once it holds so many bytes; a single larger append is an entry alone.
const ENTRY_BYTES_MAX: usize = 1 << 20;
/// With an entry on its way to the disk, the next is proposed early once it holds so many bytes.
const ENTRY_BYTES_EARLY: usize = 256 << 10;
/// Entries on their way to this node's disk at once.
const ENTRIES_UNSYNCED_MAX: usize = 4;

/// One append that waits for its entry.
#[derive(Debug)]
pub(super) struct PendingAppend {
    /// Record batches, back to back.
    pub(super) batches: Bytes,
    /// Records in them.
    pub(super) records: u32,
    /// If they are one batch, to be written once: who sends it.
    pub(super) once: Option<Box<OnceBatch>>,
    /// When to answer.
    pub(super) ack: Ack,
    /// Until when an answer is of use.
    pub(super) deadline: Instant,
    /// Where to answer. Nobody listens with ack 0.
    pub(super) answer: oneshot::Sender<Result<Produced, Problem>>,
    /// Bytes in flight of the partition and of the node, given back with the answer.
    pub(super) _permits: Vec<OwnedSemaphorePermit>,
}

/// Entries on their way to the disk, and who waits for there to be fewer.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    count: AtomicUsize,
    fewer: Notify,
}

impl Unsynced {
    /// An entry reached the disk, or never will.
    pub(super) fn done(&self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
        self.fewer.notify_one();
    }
}

/// Runs until the queue closes with the replica.
pub(super) async fn run(replica: Arc<Replica>, mut queue: mpsc::Receiver<PendingAppend>) {
    let unsynced = Arc::new(Unsynced::default());
    let (mut number, mut carried, mut sequencer) = (0, None, Sequencer::default());
    while let Some(first) = next(&mut carried, &mut queue).await {
        let mut entry = vec![first];
        let mut bytes = entry[0].batches.len();
        loop {
            fill(&mut entry, &mut bytes, &mut carried, &mut queue);
            let in_flight = unsynced.count.load(Ordering::Acquire);
            let early = bytes >= ENTRY_BYTES_EARLY && in_flight < ENTRIES_UNSYNCED_MAX;
            if in_flight == 0 || early {
                break;
            }
            let room = carried.is_none() && bytes < ENTRY_BYTES_MAX;
            tokio::select! {
                () = unsynced.fewer.notified() => {}
                more = queue.recv(), if room => match more {
                    Some(more) => take(more, &mut entry, &mut bytes, &mut carried),
                    None => break,
                },
            }
        }
        number += 1;
        propose(&replica, &unsynced, &mut sequencer, number, entry).await;
    }
}

async fn next(
    carried: &mut Option<PendingAppend>,
    queue: &mut mpsc::Receiver<PendingAppend>,
) -> Option<PendingAppend> {
    match carried.take() {
        Some(append) => Some(append),
        None => queue.recv().await,
    }
}

fn fill(
    entry: &mut Vec<PendingAppend>,
    bytes: &mut usize,
    carried: &mut Option<PendingAppend>,
    queue: &mut mpsc::Receiver<PendingAppend>,
) {
    while carried.is_none() && *bytes < ENTRY_BYTES_MAX {
        let Ok(more) = queue.try_recv() else { return };
        take(more, entry, bytes, carried);
    }
}

/// Adds an append to the entry, or carries it over to the next one if it would be too large.
fn take(
    append: PendingAppend,
    entry: &mut Vec<PendingAppend>,
    bytes: &mut usize,
    carried: &mut Option<PendingAppend>,
) {
    if *bytes + append.batches.len() > ENTRY_BYTES_MAX {
        *carried = Some(append);
    } else {
        *bytes += append.batches.len();
        entry.push(append);
    }
}

async fn propose(
    replica: &Arc<Replica>,
    unsynced: &Arc<Unsynced>,
    sequencer: &mut Sequencer,
    number: u64,
    entry: Vec<PendingAppend>,
) {
    let status = match replica.confirm_lease().await {
        Ok(status) => status,
        Err(refused) => return follow::answer_all(entry, &Err(refused)),
    };
    let mut entry = sequencer.admit(replica, entry);
    if entry.is_empty() {
        return;
    }
    let (kind, body) = body(&mut entry, replica.parts.clock.now_ms());
    let (ticket, holder) = ticket::ticket();
    let (responder, commit, complete) = ProgressResponder::new();
    // Commit is waited for together with apply: an acknowledged record can be read at once.
    drop(commit);
    let mut write = replica.raft().write(Proposal { kind, body, ticket: Some(ticket) });
    if kind == ProposalKind::OnceBatches {
        // It was judged by the end of the log of this term.
        write = write.with_leader(committed_leader(status.term));
        sequencer.proposed(&holder);
    }
    replica.proposed(number);
    unsynced.count.fetch_add(1, Ordering::AcqRel);
    if let Err(fatal) = write.responder(responder).await {
        tracing::warn!(group = %replica.spec().group, error = %fatal, "append to a stopped replica");
        replica.decided(number);
        unsynced.done();
        follow::answer_all(entry, &Err(replica.not_leader(&replica.status())));
        return;
    }
    let in_flight = EntryInFlight { number, appends: entry, holder, complete };
    let task = follow::run(replica.clone(), unsynced.clone(), in_flight);
    replica.parts.tasks.spawn("append", task);
}

/// The kind and the body of an entry of these appends, whose batches are taken out.
fn body(appends: &mut [PendingAppend], now_ms: i64) -> (ProposalKind, Bytes) {
    let is_once = appends.iter().any(|append| append.once.is_some());
    let bytes = appends.iter().map(|append| append.batches.len()).sum();
    let (kind, mut joined) = match appends {
        [only] if !is_once => return (ProposalKind::Batches, std::mem::take(&mut only.batches)),
        _ if !is_once => (ProposalKind::Batches, BytesMut::with_capacity(bytes)),
        _ => (ProposalKind::OnceBatches, once_head(appends, now_ms).begin(bytes)),
    };
    for append in appends {
        joined.extend_from_slice(&std::mem::take(&mut append.batches));
    }
    (kind, joined.freeze())
}

/// Says which of the batches are to be written once.
fn once_head(appends: &[PendingAppend], append_ms: i64) -> OnceHead {
    let mut head = OnceHead { append_ms, tags: Vec::new() };
    let mut number = 0u32;
    for append in appends {
        match &append.once {
            Some(batch) => {
                head.tags.push((number, batch.tag()));
                number += 1;
            }
            // They were validated: they are whole.
            None => number += record_batch::split(&append.batches).map_or(0, |b| b.len() as u32),
        }
    }
    head
}
