//! Writers that append unique values, one partition each, and remember what they were told. An
//! attempt is never repeated under the same value, so each may be in the log once at most. Each is
//! recorded in a history too, for the judge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::harness::client::{Answer, Api};
use crate::harness::clock::{Stopwatch, background};
use crate::harness::probe::wait_for;
use crate::history::event::{Ack, Event, Function, Phase};
use crate::history::recorder::Recorder;

/// Wait after an attempt that was not acknowledged, so that a dead cluster isn't hammered.
const PAUSE: Duration = Duration::from_millis(10);
/// How long the server may take; the client waits a little longer.
const TIMEOUT_MS: u64 = 4_000;

/// Writers that are acknowledged nothing for so long are stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged, with the offset of each value.
    Acked(Vec<u64>),
    /// Certainly not done.
    NotDone(String),
    /// May have been done, or may still be.
    Unknown(String),
}

/// One request: values that were sent together to one partition.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Where to.
    pub partition: u32,
    /// Unique over the whole run.
    pub values: Vec<String>,
    /// What the writer was told.
    pub outcome: Outcome,
    /// When it was sent.
    pub sent: Stopwatch,
    /// When the answer was there.
    pub answered: Stopwatch,
}

impl Attempt {
    /// Whether the writer was told that it is done.
    pub fn is_acked(&self) -> bool {
        matches!(self.outcome, Outcome::Acked(_))
    }
}

/// What is written, and how.
#[derive(Debug, Clone)]
pub struct AppendOptions {
    /// Topic.
    pub topic: String,
    /// Writer `i` writes to partition `i mod partitions`.
    pub partitions: u32,
    /// Writers.
    pub writers: u32,
    /// Values in one request.
    pub batch: usize,
    /// `-1`, `quorum`, `1`, or empty for the topic's.
    pub ack: &'static str,
    /// The topic's own level, for the judge, where `ack` is empty.
    pub topic_ack: Ack,
    /// Begins every value, so that the values of several runs stay unique.
    pub prefix: String,
}

impl AppendOptions {
    /// One writer a partition, five values a request, the topic's ack.
    pub fn new(topic: &str, partitions: u32) -> Self {
        AppendOptions {
            topic: topic.to_owned(),
            partitions,
            writers: partitions,
            batch: 5,
            ack: "",
            topic_ack: Ack::Quorum,
            prefix: "w".to_owned(),
        }
    }
}

/// Running writers.
#[derive(Debug)]
pub struct Appender {
    stop: Arc<AtomicBool>,
    acked: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Vec<Attempt>>>,
}

impl Appender {
    /// Starts writing through these nodes; a writer moves to the next one when it is refused.
    pub fn start(nodes: &[Api], options: &AppendOptions, recorder: &Recorder) -> Appender {
        let (stop, acked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let writers = (0..options.writers)
            .map(|number| {
                let writer = Writer {
                    number,
                    nodes: nodes.to_vec(),
                    options: options.clone(),
                    recorder: recorder.clone(),
                    stop: stop.clone(),
                    acked: acked.clone(),
                };
                background(writer.run())
            })
            .collect();
        Appender { stop, acked, writers }
    }

    /// Requests acknowledged so far.
    pub fn acked(&self) -> u64 {
        self.acked.load(Ordering::Relaxed)
    }

    /// Waits until so many more requests were acknowledged.
    pub async fn wait_more(&self, count: u64) -> Result<()> {
        let from = self.acked();
        wait_for(format!("{count} more acknowledgements"), PATIENCE, || async {
            let seen = self.acked() - from;
            ensure!(seen >= count, "{seen} so far");
            Ok(())
        })
        .await
    }

    /// Lets every writer finish its attempt; answers all attempts, each writer's in order.
    pub async fn stop(self) -> Result<Vec<Attempt>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for writer in self.writers {
            all.extend(writer.await?);
        }
        Ok(all)
    }
}

struct Writer {
    number: u32,
    nodes: Vec<Api>,
    options: AppendOptions,
    recorder: Recorder,
    stop: Arc<AtomicBool>,
    acked: Arc<AtomicU64>,
}

impl Writer {
    async fn run(self) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        let mut node = self.number as usize % self.nodes.len();
        while !self.stop.load(Ordering::Relaxed) {
            let attempt = self.attempt(&self.nodes[node], attempts.len()).await;
            if matches!(attempt.outcome, Outcome::Acked(_)) {
                self.acked.fetch_add(1, Ordering::Relaxed);
            } else {
                node = (node + 1) % self.nodes.len();
                tokio::time::sleep(PAUSE).await;
            }
            attempts.push(attempt);
        }
        attempts
    }

    async fn attempt(&self, node: &Api, sequence: usize) -> Attempt {
        let partition = self.number % self.options.partitions;
        let (prefix, number) = (&self.options.prefix, self.number);
        let value = |i| format!("{prefix}{number}-{sequence}-{i}");
        let values: Vec<String> = (0..self.options.batch).map(value).collect();
        let records: Vec<Value> = values.iter().map(|value| json!({ "value": value })).collect();
        let body = json!({ "encoding": "string", "records": records });
        let begun = self.recorder.invoke(self.event(partition, &values));
        let sent = Stopwatch::start();
        let answer = self.send(node, partition, &body).await;
        let (outcome, epoch) = judge(answer, values.len());
        let answered = Stopwatch::start();
        let end = Event { epoch, ..begun };
        match outcome.clone() {
            Outcome::Acked(offsets) => self.recorder.end(Event { offsets, ..end }, Phase::Ok),
            Outcome::NotDone(why) => {
                self.recorder.end(Event { error: Some(why), ..end }, Phase::Fail);
            }
            Outcome::Unknown(why) => {
                self.recorder.end(Event { error: Some(why), ..end }, Phase::Unknown);
            }
        }
        Attempt { partition, values, outcome, sent, answered }
    }

    fn event(&self, partition: u32, values: &[String]) -> Event {
        let AppendOptions { topic, ack, topic_ack, .. } = &self.options;
        let ack = match *ack {
            "-1" => Ack::All,
            "quorum" => Ack::Quorum,
            "1" => Ack::Leader,
            "0" => Ack::Zero,
            _ => *topic_ack,
        };
        let event = Event::new(self.number, Function::Produce).at(topic, partition);
        Event { ack: Some(ack), values: values.to_vec(), ..event }
    }

    async fn send(&self, node: &Api, partition: u32, body: &Value) -> Result<Answer> {
        let (topic, ack) = (&self.options.topic, self.options.ack);
        let ack = if ack.is_empty() { String::new() } else { format!("&ack={ack}") };
        let query = format!("partition={partition}&timeout_ms={TIMEOUT_MS}{ack}");
        let path = format!("/v1/topics/{topic}/records?{query}");
        let request = node.request(reqwest::Method::POST, &path).json(body);
        node.send(request.timeout(Duration::from_millis(TIMEOUT_MS + 2_000))).await
    }
}

/// Done, not done, or unknown: only a refusal that says so, and a connection that was never made,
/// count as not done. Besides, the epoch of the leader that did it.
fn judge(answer: Result<Answer>, count: usize) -> (Outcome, Option<u64>) {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let connected = !error.chain().any(|cause| {
                cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
            });
            let text = format!("{error:#}");
            let outcome = if connected { Outcome::Unknown(text) } else { Outcome::NotDone(text) };
            return (outcome, None);
        }
    };
    let body = answer.json().unwrap_or(Value::Null);
    if answer.status == 200 {
        let acks = body["offsets"].as_array().map_or(&[][..], Vec::as_slice);
        let offsets: Vec<u64> = acks.iter().filter_map(|ack| ack["offset"].as_u64()).collect();
        let epoch = acks.first().and_then(|ack| ack["leader_epoch"].as_u64());
        if offsets.len() == count {
            return (Outcome::Acked(offsets), epoch);
        }
        let text = format!("an acknowledgement of another form: {answer:?}");
        return (Outcome::Unknown(text), None);
    }
    let text = format!("{answer:?}");
    let is_not_done = body["outcome"] == "not_done";
    (if is_not_done { Outcome::NotDone(text) } else { Outcome::Unknown(text) }, None)
}
