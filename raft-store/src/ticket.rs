//! A ticket follows one proposal through the leader's own log: where it landed (known when the
//! log store appends it) and when it is on this node's disk (known when the sync is done). An
//! offset is never predicted before the append (INV-02), and ack 1 fires from the sync.

use std::sync::Arc;

use rampart_api::model::ids::Offset;
use tokio::sync::watch;

use crate::state::partition::producers::Verdict;

/// Where an entry landed in the leader's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendPosition {
    /// Term of the leader that appended it; the leader epoch.
    pub term: u64,
    /// Raft index of the entry.
    pub index: u64,
    /// Offset of its first record.
    pub base_offset: Offset,
    /// What became of each batch that was to be written once, in order, unless all were written.
    pub verdicts: Option<Arc<[Verdict]>>,
    /// The partition was sealed before: nothing of the entry was written.
    pub sealed_at: Option<Offset>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    Proposed,
    Appended(AppendPosition),
    Synced(AppendPosition),
}

/// The log store's end.
#[derive(Debug)]
pub struct Ticket {
    progress: watch::Sender<Progress>,
}

/// The proposer's end.
#[derive(Debug, Clone)]
pub struct TicketHolder {
    progress: watch::Receiver<Progress>,
}

/// A new ticket and its holder.
pub fn ticket() -> (Arc<Ticket>, TicketHolder) {
    let (tx, rx) = watch::channel(Progress::Proposed);
    (Arc::new(Ticket { progress: tx }), TicketHolder { progress: rx })
}

impl Ticket {
    /// The entry is in the log, in memory.
    pub fn appended(&self, position: AppendPosition) {
        self.progress.send_replace(Progress::Appended(position));
    }

    /// The entry is on this node's disk.
    pub fn synced(&self) {
        self.progress.send_modify(|progress| {
            if let Progress::Appended(position) = &*progress {
                *progress = Progress::Synced(position.clone());
            }
        });
    }
}

impl TicketHolder {
    /// Waits until the entry is on this node's disk. `None` if every ticket end was dropped
    /// before that: the entry was truncated, or the node is stopping.
    pub async fn wait_synced(&mut self) -> Option<AppendPosition> {
        let progress = self
            .progress
            .wait_for(|progress| matches!(progress, Progress::Synced(_)))
            .await
            .ok()?;
        match &*progress {
            Progress::Synced(position) => Some(position.clone()),
            Progress::Proposed | Progress::Appended(_) => None,
        }
    }

    /// Where the entry landed, if it has been appended.
    pub fn position(&self) -> Option<AppendPosition> {
        match &*self.progress.borrow() {
            Progress::Proposed => None,
            Progress::Appended(position) | Progress::Synced(position) => Some(position.clone()),
        }
    }

    /// Whether the entry is in the log, or never will be.
    pub fn is_settled(&self) -> bool {
        !matches!(*self.progress.borrow(), Progress::Proposed)
            || self.progress.has_changed().is_err()
    }
}
