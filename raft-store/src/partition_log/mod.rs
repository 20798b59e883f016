//! A partition as its replica reads it: records below the high watermark, where they begin and
//! end, and what retention may take. Cheap to clone; all clones are the same partition.

mod read;
mod retention;

use std::io;
use std::sync::Arc;

use rampart_api::model::ids::{LeaderEpoch, Offset};
use tokio::sync::watch;

use crate::machine::PartitionShared;
use crate::state::partition::producers::{OnceBatch, Verdict};

/// One partition's records on this node.
#[derive(Debug, Clone)]
pub struct PartitionLog {
    shared: Arc<PartitionShared>,
}

impl PartitionLog {
    pub(crate) fn new(shared: Arc<PartitionShared>) -> Self {
        PartitionLog { shared }
    }

    /// First offset that can be read.
    pub fn log_start_offset(&self) -> Offset {
        self.shared.applied().state.log_start
    }

    /// Offset after the last record that can be read: the next one to apply (INV-03).
    pub fn high_watermark(&self) -> Offset {
        self.shared.applied().state.next_offset
    }

    /// Offset after the last record in the log, committed or not.
    pub fn log_end_offset(&self) -> Offset {
        self.shared.log.end_offset()
    }

    /// Changes after every applied batch of entries that had records.
    pub fn watch_high_watermark(&self) -> watch::Receiver<Offset> {
        self.shared.watch_high_watermark()
    }

    /// Stored bytes of the log.
    pub fn size_bytes(&self) -> u64 {
        self.shared.log.bytes()
    }

    /// Offset after the last record up to a log index: how far a replica is that has so much. In
    /// old parts of the log it may be up to 64 KiB of records too low.
    pub fn offset_after_index(&self, index: u64) -> Offset {
        self.shared.log.offset_after(index)
    }

    /// Index of the last entry in the log, or of the last purged one.
    pub fn last_log_index(&self) -> Option<u64> {
        self.shared.log.last_log_id().map(|log_id| log_id.index)
    }

    /// Index of the last entry known to be on this node's disk.
    pub fn synced_index(&self) -> Option<u64> {
        self.shared.log.synced_index()
    }

    /// Index of the last purged entry: what is below it can only be had as a snapshot.
    pub fn purged_index(&self) -> Option<u64> {
        self.shared.log.purged().map(|purged| purged.log_id.index)
    }

    /// Index of the last applied entry.
    pub fn applied_index(&self) -> Option<u64> {
        self.shared.applied().log_id.map(|log_id| log_id.index)
    }

    /// The greatest applied leader epoch not above `epoch`, and the offset after its last record.
    pub fn epoch_end(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let applied = self.shared.applied();
        applied.state.epochs.end_of(epoch, applied.state.next_offset)
    }

    /// Where it ends for good, once that is applied.
    pub fn sealed_at(&self) -> Option<Offset> {
        self.shared.applied().state.sealed.map(|sealed| sealed.at)
    }

    /// What a batch would be if it were appended now, by a leader whose clock says `now_ms`.
    pub fn check_once(&self, batch: &OnceBatch, now_ms: i64) -> Verdict {
        self.shared.log.check_once(batch, now_ms)
    }

    /// Makes what is applied durable, so that a restart applies nothing again. For shutdown and
    /// hibernation.
    pub async fn save_applied(&self) -> io::Result<()> {
        self.shared.save_applied().await
    }
}
