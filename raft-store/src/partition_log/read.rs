//! Reads of records by offset and by timestamp. Only below the high watermark (INV-03), whole
//! stored batches, from memory where the tail reaches.

use bytes::Bytes;
use rampart_api::model::ids::Offset;
use rampart_api::model::record_batch::{self, BatchHeader};

use super::PartitionLog;
use crate::error::ReadError;
use crate::log::LogRecord;
use crate::planted::{self, Bug};

/// A search looks at the log in pieces of this size.
const SEARCH_BYTES: usize = 128 << 10;

/// Offset and timestamp of a record.
pub(super) type OffsetAndTimestamp = (Offset, i64);

impl PartitionLog {
    /// The stored batches from `from` on, as many as fit `max_bytes` but at least one if there is
    /// any. The first may begin below `from`. Empty at the high watermark.
    pub async fn read(&self, from: Offset, max_bytes: usize) -> Result<Vec<Bytes>, ReadError> {
        let limit = self.readable(from)?;
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut next = self.start_index(from, limit);
        while let Some(index) = next {
            // A search may begin below the wanted records, so a small fetch reads a little more.
            let piece = max_bytes.saturating_sub(bytes).max(SEARCH_BYTES);
            let records = self.shared.log.records(index, u64::MAX, piece).await;
            if records.is_err() {
                // A purge may have taken what was wanted, between the look and the read.
                self.readable(from)?;
            }
            let records = records?;
            next = records.last().map(|last| last.index() + 1);
            for record in &records {
                if record.base_offset >= limit.high_watermark {
                    return Ok(found);
                }
                for (header, batch) in batches(record)? {
                    if header.next_offset() as u64 <= from.0 {
                        continue;
                    }
                    bytes += batch.len();
                    if bytes > max_bytes && !found.is_empty() {
                        return Ok(found);
                    }
                    found.push(batch);
                }
            }
        }
        Ok(found)
    }

    /// The first record whose timestamp is at least this: its offset and timestamp.
    pub async fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
    ) -> Result<Option<OffsetAndTimestamp>, ReadError> {
        let limit = self.limit();
        let granules = self.shared.log.granules();
        let candidates = granules.iter().filter(|granule| {
            granule.max_timestamp >= timestamp_ms && granule.next_offset > limit.log_start
        });
        for granule in candidates {
            let mut index = granule.first_index;
            while index <= granule.last_index {
                let to = granule.last_index + 1;
                let records = self.shared.log.records(index, to, SEARCH_BYTES).await?;
                let Some(last) = records.last() else { break };
                index = last.index() + 1;
                for record in &records {
                    if record.base_offset >= limit.high_watermark {
                        return Ok(None);
                    }
                    if let Some(found) = first_at(record, timestamp_ms, limit.log_start)? {
                        return Ok(Some(found));
                    }
                }
            }
        }
        Ok(None)
    }

    fn limit(&self) -> Limit {
        if planted::is(Bug::ReadUncommitted) {
            return Limit {
                log_start: self.log_start_offset(),
                high_watermark: self.log_end_offset(),
            };
        }
        let applied = self.shared.applied();
        Limit { log_start: applied.state.log_start, high_watermark: applied.state.next_offset }
    }

    fn readable(&self, from: Offset) -> Result<Limit, ReadError> {
        let limit = self.limit();
        match limit.log_start <= from && from <= limit.high_watermark {
            true => Ok(limit),
            false => Err(ReadError::OutOfRange {
                log_start: limit.log_start,
                high_watermark: limit.high_watermark,
            }),
        }
    }

    fn start_index(&self, from: Offset, limit: Limit) -> Option<u64> {
        match from < limit.high_watermark {
            true => self.shared.log.index_of(from),
            false => None,
        }
    }
}

/// What can be read at one moment.
#[derive(Debug, Clone, Copy)]
struct Limit {
    log_start: Offset,
    high_watermark: Offset,
}

fn batches(record: &LogRecord) -> Result<Vec<(BatchHeader, Bytes)>, ReadError> {
    match record.batches()? {
        Some(body) => Ok(record_batch::split(&body).map_err(std::io::Error::other)?),
        None => Ok(Vec::new()),
    }
}

fn first_at(
    record: &LogRecord,
    timestamp_ms: i64,
    log_start: Offset,
) -> Result<Option<OffsetAndTimestamp>, ReadError> {
    for (header, batch) in batches(record)? {
        if header.max_timestamp < timestamp_ms || header.next_offset() as u64 <= log_start.0 {
            continue;
        }
        let records = record_batch::records(&batch).map_err(std::io::Error::other)?;
        for record in records {
            let offset = (header.base_offset + i64::from(record.offset_delta)) as u64;
            if record.timestamp_ms >= timestamp_ms && offset >= log_start.0 {
                return Ok(Some((Offset(offset), record.timestamp_ms)));
            }
        }
    }
    Ok(None)
}
