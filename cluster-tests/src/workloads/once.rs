//! Idempotent writers: each numbers its batches and sends one again, through whichever node, until it
//! is acknowledged; some of those that are acknowledged it sends again, and demands the answer that
//! it had. One batch is one operation of the history, however often it was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::harness::client::{Answer, Api};
use crate::harness::clock::{Stopwatch, background};
use crate::harness::probe::wait_for;
use crate::history::event::{Ack, Event, Function, Phase};
use crate::history::recorder::Recorder;

/// Wait after an attempt that was not acknowledged.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the server may take; the client waits a little longer, and then sends again.
const TIMEOUT_MS: u64 = 2_000;
/// A batch that is not acknowledged for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(60);
/// Values in a batch.
const BATCH: usize = 3;
/// Every so many acknowledged batches are sent again.
const AGAIN: u64 = 3;

/// Who a producer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// Its id.
    pub id: u64,
    /// Its epoch.
    pub epoch: u64,
}

impl Producer {
    /// A new one.
    pub async fn new(api: &Api) -> Result<Producer> {
        let answer = api.post("/v1/producers", &json!({})).await?.ok()?;
        let id = answer["producer_id"].as_u64().context("no producer id")?;
        Ok(Producer { id, epoch: answer["epoch"].as_u64().context("no epoch")? })
    }

    /// Sends values to a partition, the first with this sequence.
    pub async fn send(
        &self,
        api: &Api,
        (topic, partition): (&str, u32),
        sequence: u64,
        values: &[String],
    ) -> Result<Answer> {
        let records: Vec<Value> = values.iter().map(|value| json!({ "value": value })).collect();
        let query = format!("partition={partition}&timeout_ms={TIMEOUT_MS}");
        let request = api
            .request(Method::POST, &format!("/v1/topics/{topic}/records?{query}"))
            .header("X-Producer-Id", self.id)
            .header("X-Producer-Epoch", self.epoch)
            .header("X-Producer-Sequence", sequence)
            .json(&json!({ "encoding": "string", "records": records }))
            .timeout(Duration::from_millis(TIMEOUT_MS + 1_000));
        api.send(request).await
    }
}

/// Offsets of an acknowledgement, and the epoch of the leader that gave it.
pub fn offsets(answer: &Answer) -> Result<(Vec<u64>, Option<u64>)> {
    ensure!(answer.status == 200, "{answer:?}");
    let body = answer.json()?;
    let acks = body["offsets"].as_array().context("no offsets")?;
    let offsets: Option<Vec<u64>> = acks.iter().map(|ack| ack["offset"].as_u64()).collect();
    let epoch = acks.first().and_then(|ack| ack["leader_epoch"].as_u64());
    Ok((offsets.context("no offset")?, epoch))
}

/// Running writers, one a partition.
#[derive(Debug)]
pub struct OnceWriters {
    stop: Arc<AtomicBool>,
    acked: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Result<()>>>,
}

impl OnceWriters {
    /// Starts writing through these nodes.
    pub async fn start(
        nodes: &[Api],
        topic: &str,
        partitions: u32,
        recorder: &Recorder,
    ) -> Result<OnceWriters> {
        let (stop, acked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut writers = Vec::new();
        for partition in 0..partitions {
            let writer = Writer {
                producer: Producer::new(&nodes[0]).await?,
                partition,
                nodes: nodes.to_vec(),
                topic: topic.to_owned(),
                recorder: recorder.clone(),
                stop: stop.clone(),
                acked: acked.clone(),
            };
            writers.push(background(writer.run()));
        }
        Ok(OnceWriters { stop, acked, writers })
    }

    /// Waits until so many more batches were acknowledged.
    pub async fn wait_more(&self, count: u64) -> Result<()> {
        let from = self.acked.load(Ordering::Relaxed);
        wait_for(format!("{count} more batches written once"), PATIENCE, || async {
            let seen = self.acked.load(Ordering::Relaxed) - from;
            ensure!(seen >= count, "{seen} so far");
            Ok(())
        })
        .await
    }

    /// Lets every writer finish its batch.
    pub async fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await??;
        }
        Ok(())
    }
}

struct Writer {
    producer: Producer,
    partition: u32,
    nodes: Vec<Api>,
    topic: String,
    recorder: Recorder,
    stop: Arc<AtomicBool>,
    acked: Arc<AtomicU64>,
}

impl Writer {
    async fn run(self) -> Result<()> {
        let mut sequence = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let value = |i| format!("once{}-{sequence}-{i}", self.producer.id);
            let values: Vec<String> = (0..BATCH).map(value).collect();
            self.write(sequence, &values).await?;
            sequence += BATCH as u64;
        }
        Ok(())
    }

    async fn write(&self, sequence: u64, values: &[String]) -> Result<()> {
        let event = Event::new(self.partition, Function::Produce).at(&self.topic, self.partition);
        let begun = self.recorder.invoke(Event {
            ack: Some(Ack::Quorum),
            values: values.to_vec(),
            producer_id: Some(self.producer.id),
            sequence: Some(i64::try_from(sequence)?),
            ..event
        });
        let (offsets, epoch) = self.until_acked(sequence, values, 0).await?;
        self.recorder.end(Event { offsets: offsets.clone(), epoch, ..begun }, Phase::Ok);
        let number = self.acked.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(AGAIN) {
            let again = self.until_acked(sequence, values, 1).await?;
            ensure!(again.0 == offsets, "{values:?} was at {offsets:?}, sent again at {again:?}");
        }
        Ok(())
    }

    /// Sends a batch until it is acknowledged.
    async fn until_acked(
        &self,
        sequence: u64,
        values: &[String],
        first: usize,
    ) -> Result<(Vec<u64>, Option<u64>)> {
        let watch = Stopwatch::start();
        let mut node = sequence as usize / BATCH + first;
        loop {
            let api = &self.nodes[node % self.nodes.len()];
            let target = (self.topic.as_str(), self.partition);
            match self.producer.send(api, target, sequence, values).await {
                Ok(answer) if answer.status == 200 => return offsets(&answer),
                // Nothing of this producer is in flight but this: no such refusal is right.
                Ok(answer) if (400..500).contains(&answer.status) && answer.status != 429 => {
                    bail!("{answer:?}");
                }
                Ok(_) | Err(_) => {}
            }
            ensure!(watch.elapsed() < PATIENCE, "sequence {sequence} is not acknowledged");
            node += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}
