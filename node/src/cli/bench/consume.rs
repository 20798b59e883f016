//! Reads raw batches: up to the end that was there at the start, or along with what is written.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rampart_api::client::{Client, ClientError, FetchFrom, FetchOptions, RawBatches};
use rampart_api::http::fetch::OffsetParam;
use rampart_api::model::ids::Offset;
use rampart_api::model::record_batch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::figures::Figures;
use super::payload;
use super::target::{REFUSED_PAUSE, Target};
use crate::cli::failure::{Failure, pause_after};
use crate::clock::Clock;

/// Bytes that one fetch asks for.
const FETCH_BYTES: u64 = 4 << 20;
/// How long one fetch waits for a record.
const WAIT: Duration = Duration::from_secs(5);
/// How long the last records may take until they are read.
const CATCH_UP: Duration = Duration::from_secs(30);

/// Reads all partitions from their starts to the ends that they have now.
pub(super) async fn to_the_end(target: &Target, figures: &Arc<Figures>) -> Result<(), Failure> {
    // Each on its own, so that decoding one doesn't hold up the others.
    let mut tasks = JoinSet::new();
    for (number, client) in target.partitions().iter().enumerate() {
        let partition = u32::try_from(number).unwrap_or(u32::MAX);
        let (client, topic) = (client.clone(), target.topic().to_owned());
        tasks.spawn(read_partition(client, topic, partition, figures.clone()));
    }
    while let Some(read) = tasks.join_next().await {
        read.map_err(|error| Failure::new(error.to_string()))??;
    }
    Ok(())
}

async fn read_partition(
    client: Client,
    topic: String,
    partition: u32,
    figures: Arc<Figures>,
) -> Result<(), Failure> {
    let place = (topic.as_str(), partition);
    let end = position(&client, place, OffsetParam::Latest, &figures).await?;
    let mut next = position(&client, place, OffsetParam::Earliest, &figures).await?;
    while next < end {
        let from = FetchFrom::Offset(OffsetParam::At(Offset(next)));
        let fetched = fetch(&client, place, from, Duration::ZERO, &figures).await?;
        let after = fetched.next_offset.unwrap_or(next);
        figures.came(fetched.batches.len() as u64, after - next);
        next = after;
    }
    Ok(())
}

async fn position(
    client: &Client,
    place: (&str, u32),
    at: OffsetParam,
    figures: &Figures,
) -> Result<u64, Failure> {
    let fetched = fetch(client, place, FetchFrom::Offset(at), Duration::ZERO, figures).await?;
    let found = match at {
        OffsetParam::Earliest => fetched.log_start_offset,
        OffsetParam::At(_) | OffsetParam::Latest | OffsetParam::FromEnd(_) => fetched.next_offset,
    };
    found.ok_or_else(|| Failure::new("the server does not say where the partition begins and ends"))
}

/// Fetches, again if the server had no room.
async fn fetch(
    client: &Client,
    (topic, partition): (&str, u32),
    from: FetchFrom,
    wait: Duration,
    figures: &Figures,
) -> Result<RawBatches, ClientError> {
    let options =
        FetchOptions { max_bytes: Some(FETCH_BYTES), wait: Some(wait), ..FetchOptions::default() };
    loop {
        match client.fetch_batches(topic, partition, from, options).await {
            Err(refused) if refused.is_safe_to_retry() => {
                figures.refused();
                tokio::time::sleep(pause_after(&refused, REFUSED_PAUSE)).await;
            }
            fetched => return fetched,
        }
    }
}

/// Reads along, partition by partition.
pub(super) struct Following {
    tasks: JoinSet<Result<(), Failure>>,
    figures: Arc<Figures>,
    clock: Clock,
}

impl Following {
    /// From the end of each partition on.
    pub(super) async fn start(
        target: &Target,
        began: Instant,
        figures: Arc<Figures>,
    ) -> Result<Following, Failure> {
        let (clock, mut tasks) = (target.clock(), JoinSet::new());
        for (number, client) in target.partitions().iter().enumerate() {
            let partition = u32::try_from(number).unwrap_or(u32::MAX);
            let topic = target.topic().to_owned();
            let next = position(client, (&topic, partition), OffsetParam::Latest, &figures).await?;
            let (client, figures) = (client.clone(), figures.clone());
            tasks.spawn(async move {
                let mut next = next;
                loop {
                    let from = FetchFrom::Offset(OffsetParam::At(Offset(next)));
                    let fetched = fetch(&client, (&topic, partition), from, WAIT, &figures).await?;
                    let now = clock.instant().saturating_duration_since(began);
                    count(&fetched.batches, next, now, &figures)?;
                    next = fetched.next_offset.unwrap_or(next);
                }
            });
        }
        Ok(Following { tasks, figures, clock })
    }

    /// Ends once so many records were read.
    pub(super) async fn catch_up(mut self, records: u64) -> Result<(), Failure> {
        let deadline = self.clock.instant() + CATCH_UP;
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        while self.figures.records() < records {
            tokio::select! {
                Some(ended) = self.tasks.join_next() => {
                    ended.map_err(|error| Failure::new(error.to_string()))??;
                }
                _ = looks.tick() => {}
            }
            if self.clock.instant() >= deadline {
                let (read, seconds) = (self.figures.records(), CATCH_UP.as_secs());
                let what =
                    format!("{read} of {records} records were read {seconds} s after the last");
                return Err(Failure::new(what));
            }
        }
        self.tasks.abort_all();
        Ok(())
    }
}

/// Counts the records of batches from an offset on.
fn count(batches: &Bytes, from: u64, now: Duration, figures: &Figures) -> Result<(), Failure> {
    let odd =
        |error: record_batch::BatchError| Failure::new(format!("a batch that was read: {error}"));
    for (header, batch) in record_batch::split(batches).map_err(odd)? {
        let records = record_batch::records(&batch).map_err(odd)?;
        let base = u64::try_from(header.base_offset).unwrap_or(0);
        let fresh = records.iter().zip(base..).filter(|(_, offset)| *offset >= from);
        let waited =
            fresh.filter_map(|(record, _)| Some(now.saturating_sub(payload::due(record)?)));
        figures.answered(batch.len() as u64, waited);
    }
    Ok(())
}
