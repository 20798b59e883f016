//! Writes to a log, as openraft's `RaftLogStorage`. Exactly one writer per group: openraft calls
//! it from one task, so the order of calls is the order on disk (INV-05).

use std::io;
use std::sync::Arc;

use openraft::storage::{LogState, RaftLogStorage};
use rampart_api::model::ids::Offset;
use tokio::sync::OwnedSemaphorePermit;

use super::group_log::GroupLog;
use super::reader::LogReader;
use crate::engine::{self, APPEND_ROOM_MIN, Op, SUBMITTED_BYTES_MAX, Write};
use crate::format::{ENTRY_HEADER_BYTES, envelope};
use crate::keys::vote::VoteRecord;
use crate::keys::{Family, vote};
use crate::planted::{self, Bug};
use crate::type_config::{Entry, EntryPayload, IoFlushed, LogId, TypeConfig, Vote};

/// One group's log storage.
#[derive(Debug)]
pub struct LogStorage {
    log: Arc<GroupLog>,
}

impl LogStorage {
    pub(crate) fn new(log: Arc<GroupLog>) -> Self {
        LogStorage { log }
    }

    /// Waits until the engine has room for these entries (INV-12).
    async fn admit(&self, entries: &[Entry]) -> io::Result<OwnedSemaphorePermit> {
        let permits = u32::try_from(append_room(entries)).expect("the limit fits 32 bits");
        let admission = self.log.engine.admission().clone();
        admission.acquire_many_owned(permits).await.map_err(io::Error::other)
    }

    fn submit(&self, ops: Vec<Op>) {
        self.log.submit(Write { ops, done: None });
    }

    /// Offset of the first record after an entry that is in the log.
    async fn offset_after(&self, index: u64) -> io::Result<Offset> {
        if let Some(known) = self.log.known_offset_after(index) {
            return Ok(known);
        }
        let records = self.log.records(index, index + 1, 1).await?;
        let record = records.first().ok_or_else(|| {
            io::Error::other(format!("group {}: entry {index} is not in the log", self.log.group))
        })?;
        Ok(record.next_offset())
    }
}

/// What an append takes of the engine's admission.
fn append_room(entries: &[Entry]) -> usize {
    let bytes: usize = entries.iter().map(entry_bytes).sum();
    bytes.clamp(APPEND_ROOM_MIN, SUBMITTED_BYTES_MAX)
}

fn entry_bytes(entry: &Entry) -> usize {
    ENTRY_HEADER_BYTES
        + match &entry.payload {
            EntryPayload::Normal(proposal) => proposal.body.len(),
            EntryPayload::Blank | EntryPayload::Membership(_) => 0,
        }
}

impl GroupLog {
    /// Offset after an entry where it is known without reading the disk.
    fn known_offset_after(&self, index: u64) -> Option<Offset> {
        let inner = self.lock();
        let in_tail = inner.tail.get(index).map(super::LogRecord::next_offset);
        in_tail.or_else(|| inner.index.next_offset_after(index))
    }
}

impl RaftLogStorage<TypeConfig> for LogStorage {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let inner = self.log.lock();
        let purged: Option<LogId> = inner.purged.map(|purged| purged.log_id.into());
        Ok(LogState { last_purged_log_id: purged, last_log_id: inner.last.or(purged) })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        LogReader { log: self.log.clone() }
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let record = envelope::seal(vote::VERSION, &VoteRecord::from(vote));
        let ops = vec![Op::put(Family::Vote.group_key(self.log.group), record)];
        if planted::is(Bug::VoteNotSynced) {
            self.submit(ops);
        } else if !planted::is(Bug::VoteForgotten) {
            self.log.write(ops).await?;
        }
        // Readers see a vote only once it is durable.
        self.log.lock().vote = Some(*vote);
        Ok(())
    }

    /// Kept in memory and written with the next append or checkpoint, without a sync.
    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let mut inner = self.log.lock();
        inner.committed_is_new |= inner.committed != committed;
        inner.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.log.lock().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IoFlushed) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let permit = self.admit(&entries).await?;
        let Some(appended) = self.log.append(entries)? else {
            callback.io_completed(Ok(()));
            return Ok(());
        };
        let log = self.log.clone();
        let done: engine::Done = Box::new(move |result| {
            if result.is_ok() {
                log.synced(appended.number);
            }
            callback.io_completed(result.map_err(io::Error::from));
            drop(permit);
        });
        if planted::is(Bug::AckBeforeFsync) {
            done(Ok(()));
            self.submit(appended.ops);
            return Ok(());
        }
        self.log.submit(Write { ops: appended.ops, done: Some(done) });
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        let from = last_log_id.map_or(0, |last| last.index + 1);
        let (first, reread_from) = {
            let inner = self.log.lock();
            if inner.last.is_none_or(|last| last.index < from) {
                return Ok(());
            }
            let keep = from.checked_sub(1);
            (inner.first.unwrap_or(0), keep.and_then(|keep| inner.index.granule_start(keep)))
        };
        let next_offset = match last_log_id {
            Some(last) if last.index >= first => self.offset_after(last.index).await?,
            _ => self.log.purged().map_or(Offset(0), |purged| purged.next_offset),
        };
        let reread = match reread_from {
            Some(start) => self.log.records(start, from, usize::MAX).await?,
            None => Vec::new(),
        };
        let ops = self.log.lock().truncate(self.log.group, from, &reread, next_offset)?;
        self.submit(ops);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        let is_inside = {
            let inner = self.log.lock();
            if inner.purged.is_some_and(|purged| purged.log_id.index >= log_id.index) {
                return Ok(());
            }
            inner.first.is_some_and(|first| first <= log_id.index)
                && inner.last.is_some_and(|last| last.index > log_id.index)
        };
        let next_offset = match is_inside {
            true => Some(self.offset_after(log_id.index).await?),
            false => None,
        };
        let ops = self.log.lock().purge(self.log.group, log_id, next_offset)?;
        self.submit(ops);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else millions of blank entries would fit the bytes that may wait.
    #[test]
    fn small_appends_are_limited_in_number() {
        assert_eq!(append_room(&[]), APPEND_ROOM_MIN);
        assert_eq!(SUBMITTED_BYTES_MAX / APPEND_ROOM_MIN, 16_384);
    }
}
