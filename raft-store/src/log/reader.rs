//! Reads of a log: from the tail where it reaches, from the engine below it. Entries from the
//! disk are checked; damage is an error that names the group and the index.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds, RangeInclusive};
use std::sync::Arc;

use futures_util::stream::{self, Stream};
use openraft::storage::RaftLogReader;

use super::group_log::GroupLog;
use super::record::LogRecord;
use crate::runtime::run_blocking;
use crate::type_config::{Entry, LogId, TypeConfig, Vote};

/// What one read for replication or apply carries at most, unless a single entry is larger.
pub(super) const READ_BYTES_MAX: usize = 1 << 20;

/// Reads one group's log. Many may exist.
#[derive(Debug, Clone)]
pub struct LogReader {
    pub(super) log: Arc<GroupLog>,
}

impl GroupLog {
    /// The entries of `from..to` that the log has, as many as fit but at least one.
    pub(crate) async fn records(
        self: &Arc<Self>,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> io::Result<Vec<LogRecord>> {
        let (from, tail_from, tail, cuts) = {
            let inner = self.lock();
            let end = inner.last.map_or(0, |last| last.index + 1);
            let to = to.min(end);
            let from = from.max(inner.first.unwrap_or(end));
            if from >= to {
                return Ok(Vec::new());
            }
            let tail_from = inner.tail.first_index().min(to);
            (from, tail_from, inner.tail.range(from, to, max_bytes), inner.cuts)
        };
        if from >= tail_from {
            return Ok(tail);
        }
        let read = self.records_on_disk(from, tail_from, max_bytes).await;
        let mut records = read.map_err(|failure| {
            if let Some(index) = failure.bad_at {
                self.found_bad(index, &failure.error.to_string(), cuts);
            }
            failure.error
        })?;
        let mut bytes: usize = records.iter().map(|record| record.bytes).sum();
        if records.last().is_some_and(|last| last.index() + 1 == tail_from) {
            for record in tail {
                bytes = bytes.saturating_add(record.bytes);
                if bytes > max_bytes {
                    break;
                }
                records.push(record);
            }
        }
        Ok(records)
    }

    async fn records_on_disk(
        self: &Arc<Self>,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogRecord>, Failure> {
        if !self.engine.reads_block() {
            return self.read_disk(from, to, max_bytes);
        }
        let log = self.clone();
        let read = run_blocking(move || log.read_disk(from, to, max_bytes));
        read.await.map_err(|error| Failure { bad_at: None, error })?
    }

    /// Blocks where the engine does.
    fn read_disk(&self, from: u64, to: u64, max_bytes: usize) -> Result<Vec<LogRecord>, Failure> {
        let stored = self.engine.entries(self.group, from, to, max_bytes).map_err(|error| {
            let what = format!("group {}: entries from {from} on: {error}", self.group);
            let bad_at = (error.kind() == io::ErrorKind::InvalidData).then_some(from);
            Failure { bad_at, error: io::Error::new(error.kind(), what) }
        })?;
        let mut records = Vec::with_capacity(stored.len());
        for (expected, (index, bytes)) in (from..).zip(stored) {
            if index != expected {
                return Err(self.missing(expected));
            }
            let record = LogRecord::decode(self.group, index, &bytes).map_err(|error| {
                let what = format!("group {}: entry {index} is damaged: {error}", self.group);
                // What a newer program wrote is sound.
                let bad_at = (!error.is_newer()).then_some(index);
                Failure { bad_at, error: io::Error::new(io::ErrorKind::InvalidData, what) }
            })?;
            records.push(record);
        }
        match records.is_empty() {
            true => Err(self.missing(from)),
            false => Ok(records),
        }
    }

    fn missing(&self, index: u64) -> Failure {
        let what = format!("group {}: entry {index} is missing from the log", self.group);
        Failure { bad_at: Some(index), error: io::Error::new(io::ErrorKind::InvalidData, what) }
    }
}

/// Entries cannot be read.
struct Failure {
    /// The entry that is damaged or missing, where it is that.
    bad_at: Option<u64>,
    error: io::Error,
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + Send,
    {
        let (from, to) = bounds(&range);
        let records = self.log.records(from, to, usize::MAX).await?;
        Ok(records.iter().map(LogRecord::to_entry).collect())
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.log.lock().vote)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let records = self.log.records(start, end, READ_BYTES_MAX).await?;
        Ok(records.iter().map(LogRecord::to_entry).collect())
    }

    /// In pieces, so that applying a long log after a restart does not hold all of it in memory.
    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = Result<Entry, io::Error>> + Send
    where
        RB: RangeBounds<u64> + Clone + Debug + Send,
    {
        let (from, to) = bounds(&range);
        let pieces = stream::try_unfold((self.log.clone(), from), move |(log, from)| async move {
            let records = log.records(from, to, READ_BYTES_MAX).await?;
            let next = records.last().map(|last| last.index() + 1);
            let piece: Vec<_> = records.iter().map(|record| Ok(record.to_entry())).collect();
            Ok::<_, io::Error>(next.map(|next| (stream::iter(piece), (log, next))))
        });
        futures_util::TryStreamExt::try_flatten(pieces)
    }

    async fn get_key_log_ids(&mut self, range: RangeInclusive<LogId>) -> io::Result<Vec<LogId>> {
        let range = range.start().index..=range.end().index;
        Ok(self.log.lock().terms.key_log_ids(&range))
    }
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(from) => from + 1,
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(to) => to.saturating_add(1),
        Bound::Excluded(to) => *to,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}
