//! Writes: so many requests under way at any time, each to the leader of its partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use rampart_api::client::{Client, ClientError, ProduceOptions};
use tokio::time::Instant;

use super::args::{Body, LoadArgs};
use super::figures::Figures;
use super::payload::Payload;
use super::schedule::Schedule;
use super::target::{REFUSED_PAUSE, Target};
use crate::cli::failure::{Failure, pause_after};
use crate::clock::Clock;

/// How long the server may take for a request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A load that is written.
pub(super) struct Producing<'a> {
    target: &'a Target,
    load: LoadArgs,
    schedule: Option<Schedule>,
    payload: Payload,
    /// Partitions that are written to.
    partitions: Vec<u32>,
    figures: Arc<Figures>,
    began: Instant,
    clock: Clock,
    next: AtomicU64,
}

impl<'a> Producing<'a> {
    /// Begins now.
    pub(super) fn new(target: &'a Target, load: LoadArgs) -> Result<Self, Failure> {
        let clock = target.clock();
        let count = u32::try_from(target.partitions().len()).unwrap_or(u32::MAX);
        let payload = Payload::new(&load, count, clock);
        let partitions = payload.partitions(count);
        let linger = Duration::from_millis(load.linger_ms);
        Ok(Producing {
            schedule: load.rate.map(|rate| Schedule::new(rate, load.batch, linger)),
            figures: Arc::new(Figures::start(clock)),
            began: clock.instant(),
            next: AtomicU64::new(0),
            target,
            load,
            payload,
            partitions,
            clock,
        })
    }

    /// What was written so far.
    pub(super) fn figures(&self) -> Arc<Figures> {
        self.figures.clone()
    }

    /// When it began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Until its end.
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let workers = (0..self.load.in_flight).map(|_| self.work());
        try_join_all(workers).await.map(drop)
    }

    async fn work(&self) -> Result<(), Failure> {
        let batch = self.schedule.map_or(self.load.batch.into(), |schedule| schedule.batch());
        let options = |partition| ProduceOptions {
            partition: Some(partition),
            ack: self.load.ack,
            timeout: Some(TIMEOUT),
        };
        while let Some(number) = self.turn(batch) {
            let due = self.wait_for(number, batch).await;
            let place = usize::try_from(number).unwrap_or(0) % self.partitions.len();
            let partition = self.partitions[place];
            let client = &self.target.partitions()[partition as usize];
            let options = options(partition);
            while let Err(refused) = self.send(client, &options, partition, &due).await {
                if !refused.is_safe_to_retry() {
                    return Err(refused.into());
                }
                self.figures.refused();
                tokio::time::sleep(pause_after(&refused, REFUSED_PAUSE)).await;
            }
            let now = self.clock.instant().saturating_duration_since(self.began);
            let bytes = due.len() as u64 * u64::from(self.load.record_bytes);
            self.figures.answered(bytes, due.iter().map(|due| now.saturating_sub(*due)));
        }
        Ok(())
    }

    /// The number of the next request; nothing at the end.
    fn turn(&self, batch: u64) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let at = match self.schedule {
            Some(schedule) => schedule.due(number.saturating_mul(batch)),
            None => self.clock.instant().saturating_duration_since(self.began),
        };
        let is_over = at >= Duration::from_secs(self.load.seconds) && self.load.records.is_none()
            || self.load.records.is_some_and(|records| number.saturating_mul(batch) >= records);
        (!is_over).then_some(number)
    }

    /// Waits until a request is to be sent; answers when each of its records is due.
    async fn wait_for(&self, number: u64, batch: u64) -> Vec<Duration> {
        match self.schedule {
            None => {
                let now = self.clock.instant().saturating_duration_since(self.began);
                vec![now; usize::try_from(batch).unwrap_or(0)]
            }
            Some(schedule) => {
                let sent = schedule.sent(number, self.load.batch);
                tokio::time::sleep_until(self.began + sent).await;
                (0..batch).map(|record| schedule.due(number * batch + record)).collect()
            }
        }
    }

    async fn send(
        &self,
        client: &Client,
        options: &ProduceOptions,
        partition: u32,
        due: &[Duration],
    ) -> Result<(), ClientError> {
        let topic = self.target.topic();
        match self.load.body {
            Body::Raw => {
                let batch = self.payload.batch(partition, due);
                client.produce_batches(topic, batch, options).await.map(drop)
            }
            Body::Json => {
                let records = self.payload.json(partition, due.len());
                let options = ProduceOptions { partition: None, ..options.clone() };
                client.produce(topic, &records, &options).await.map(drop)
            }
        }
    }
}
