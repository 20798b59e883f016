//! Reads raw batches and prints their records: partition after partition up to the end that was
//! there at the start, or all at once with long polls.

use std::io::Write;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rampart_api::client::{Client, ClientError, FetchFrom, FetchOptions, RawBatches};
use rampart_api::http::fetch::{OffsetParam, RecordPosition};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::record_batch;

use super::position::Position;
use super::template::Template;
use crate::cli::failure::Failure;
use crate::cli::output::say_error;

/// Bytes that one fetch asks for.
const FETCH_BYTES: u64 = 4 << 20;
/// How long one fetch waits for a record.
const WAIT: Duration = Duration::from_secs(10);
/// Pause before a refused fetch is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Refused fetches in a row that are tried again: with the pause, a minute.
const RETRIES_MAX: u32 = 300;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The end that each partition had at the start.
    End,
    /// So many records.
    Records(u64),
    /// Never.
    Stopped,
}

/// Prints the records of one topic.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) client: Client,
    pub(super) topic: String,
    pub(super) template: Template,
    pub(super) until: Until,
}

/// Where reading of a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    partition: u32,
    next: u64,
    end: u64,
}

impl Reader {
    pub(super) async fn run(&self, partitions: &[u32], from: Position) -> Result<(), Failure> {
        let mut left = match self.until {
            Until::Records(count) => count,
            Until::End | Until::Stopped => u64::MAX,
        };
        let mut progress = Vec::with_capacity(partitions.len());
        for &partition in partitions {
            progress.push(self.locate(partition, from).await?);
        }
        for partition in &mut progress {
            while partition.next < partition.end && left > 0 {
                let batches = self.fetch(partition, Duration::ZERO).await?;
                self.print(partition, &batches, &mut left)?;
            }
        }
        match self.until {
            Until::End => Ok(()),
            Until::Records(_) | Until::Stopped => self.follow(progress, left).await,
        }
    }

    /// Waits for records of all partitions at once.
    async fn follow(&self, progress: Vec<Progress>, mut left: u64) -> Result<(), Failure> {
        let wait = |mut partition: Progress| async move {
            let batches = self.fetch(&mut partition, WAIT).await?;
            Ok::<_, Failure>((partition, batches))
        };
        let mut waiting: FuturesUnordered<_> =
            progress.into_iter().map(|partition| Box::pin(wait(partition))).collect();
        while left > 0
            && let Some(fetched) = waiting.next().await
        {
            let (mut partition, batches) = fetched?;
            self.print(&mut partition, &batches, &mut left)?;
            waiting.push(Box::pin(wait(partition)));
        }
        Ok(())
    }

    /// The offset that a position stands for, and the end as it is now.
    async fn locate(&self, partition: u32, from: Position) -> Result<Progress, Failure> {
        let options = FetchOptions { max_records: Some(1), ..FetchOptions::default() };
        let mut refused = 0;
        loop {
            match self.client.fetch(&self.topic, partition, from.0, options).await {
                Ok(found) => {
                    let end = found.high_watermark.unwrap_or_default();
                    let first = found.records.first().map(|record| record.offset);
                    let next = first.or(found.next_offset).unwrap_or(end);
                    return Ok(Progress { partition, next, end });
                }
                Err(error) => pause(error, &mut refused).await?,
            }
        }
    }

    /// Fetches from where reading is. Records that retention took meanwhile are skipped, and said.
    async fn fetch(&self, at: &mut Progress, wait: Duration) -> Result<RawBatches, Failure> {
        let options = FetchOptions {
            max_bytes: Some(FETCH_BYTES),
            wait: (!wait.is_zero()).then_some(wait),
            ..FetchOptions::default()
        };
        let mut refused = 0;
        loop {
            let from = FetchFrom::Offset(OffsetParam::At(Offset(at.next)));
            let error =
                match self.client.fetch_batches(&self.topic, at.partition, from, options).await {
                    Ok(batches) => return Ok(batches),
                    Err(error) => error,
                };
            match log_start_after(&error, at.next) {
                Some(log_start) => {
                    let Progress { partition, next, .. } = at;
                    say_error(format_args!(
                        "partition {partition}: {next} to {log_start} were deleted meanwhile"
                    ));
                    at.next = log_start;
                }
                None => pause(error, &mut refused).await?,
            }
        }
    }

    /// Prints the records from `at` on, at most `left`.
    fn print(&self, at: &mut Progress, raw: &RawBatches, left: &mut u64) -> Result<(), Failure> {
        let broken =
            |error| Failure::new(format!("partition {} at {}: {error}", at.partition, at.next));
        let mut out = Vec::new();
        let mut next = at.next;
        for (header, batch) in record_batch::split(&raw.batches).map_err(broken)? {
            let base = u64::try_from(header.base_offset).unwrap_or_default();
            for record in record_batch::records(&batch).map_err(broken)? {
                let offset = base + u64::try_from(record.offset_delta).unwrap_or_default();
                let is_wanted = offset >= next && (self.until != Until::End || offset < at.end);
                if is_wanted && *left > 0 {
                    let (topic, partition) = (self.topic.as_str(), at.partition);
                    let position = RecordPosition { topic, partition, offset };
                    self.template.write(&mut out, position, &record);
                    *left -= 1;
                    next = offset + 1;
                }
            }
        }
        // Offsets that hold no records of ours, such as control batches, are passed over.
        at.next = next.max(raw.next_offset.filter(|_| *left > 0).unwrap_or(next));
        let mut output = std::io::stdout().lock();
        output.write_all(&out)?;
        Ok(output.flush()?)
    }
}

/// The log start, if the error says that it is now above `next`.
fn log_start_after(error: &ClientError, next: u64) -> Option<u64> {
    match error {
        ClientError::Problem { body, .. } if body.code == ErrorCode::OffsetOutOfRange => {
            let log_start = body.valid_offsets?.log_start_offset;
            (log_start > next).then_some(log_start)
        }
        ClientError::Problem { .. }
        | ClientError::BadServer { .. }
        | ClientError::Unreachable { .. }
        | ClientError::Interrupted { .. }
        | ClientError::Unexpected { .. } => None,
    }
}

/// Waits before another try, or gives up.
async fn pause(error: ClientError, refused: &mut u32) -> Result<(), Failure> {
    let is_temporary = match &error {
        ClientError::Problem { body, .. } => body.retriable,
        // A read does nothing twice.
        ClientError::Interrupted { .. } => true,
        // Nobody at all is there: say so at the first look, and be patient afterwards.
        ClientError::Unreachable { .. }
        | ClientError::BadServer { .. }
        | ClientError::Unexpected { .. } => false,
    };
    *refused += 1;
    if !is_temporary || *refused > RETRIES_MAX {
        return Err(error.into());
    }
    tokio::time::sleep(RETRY_PAUSE).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rampart_api::model::problem::Problem;
    use rampart_api::model::record_batch::{BatchBuilder, NewRecord};

    use super::*;

    fn reader(until: Until) -> Reader {
        let client = Client::new(&["127.0.0.1:1".to_owned()]).unwrap();
        Reader { client, topic: "t".to_owned(), template: "".parse().unwrap(), until }
    }

    fn batches(count: usize, base: u64) -> RawBatches {
        let mut builder = BatchBuilder::new();
        for _ in 0..count {
            let value = Some(&b"v"[..]);
            builder.push(NewRecord { key: None, value, timestamp_ms: 0, headers: &[] });
        }
        let mut batch = builder.build().to_vec();
        record_batch::patch(&mut batch, i64::try_from(base).unwrap(), 1);
        let next_offset = Some(base + count as u64);
        RawBatches { batches: Bytes::from(batch), next_offset, ..RawBatches::default() }
    }

    #[test]
    fn records_before_the_offset_and_after_the_end_are_not_counted() {
        // Ten records from offset 90 on; reading is at 95, and the end was 98.
        let cases = [
            (Until::Stopped, u64::MAX, 5, 100),
            (Until::End, u64::MAX, 3, 100),
            (Until::Records(2), 2, 2, 97),
        ];
        for (until, limit, printed, next) in cases {
            let mut at = Progress { partition: 0, next: 95, end: 98 };
            let mut left = limit;
            reader(until).print(&mut at, &batches(10, 90), &mut left).unwrap();
            assert_eq!((limit - left, at.next), (printed, next), "{until:?}");
        }
    }

    #[test]
    fn retention_that_overtakes_is_skipped() {
        let mut problem = Problem::new(ErrorCode::OffsetOutOfRange, "gone");
        problem.valid_offsets = Some((50, 90));
        let error = ClientError::from(problem);
        assert_eq!(log_start_after(&error, 10), Some(50));
        assert_eq!(log_start_after(&error, 95), None, "beyond the end is the caller's mistake");
    }
}
