//! The loop of every writing client: a batch of new values, sent once. An attempt is never repeated
//! under the same value, so each may be in the log once at most.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};

use super::process::{Process, Reply, exchange, request};
use super::traffic::Traffic;
use super::value;
use crate::harness::client::Api;
use crate::history::event::Ack;
use crate::history::{Event, Function, Phase};

/// How long the server may take; the client waits a little longer.
const TIMEOUT_MS: u64 = 2_000;
/// How long a client waits for the end of a produce.
pub(super) const PATIENCE: Duration = Duration::from_millis(TIMEOUT_MS + 1_000);

/// Where records go.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name that the cluster knows.
    pub topic: String,
    /// Name that the history has; another one for each life of a topic.
    pub label: String,
    /// Partition.
    pub partition: u32,
    /// Acknowledgement asked for.
    pub ack: Ack,
    /// Added to every query.
    pub query: String,
}

impl Target {
    /// A partition of a topic with one life.
    pub fn new(topic: &str, partition: u32, ack: Ack) -> Target {
        let (topic, label) = (topic.to_owned(), topic.to_owned());
        Target { topic, label, partition, ack, query: String::new() }
    }
}

/// What a writing client writes, and how fast.
#[derive(Debug, Clone)]
pub struct Writing {
    /// Where to.
    pub target: Target,
    /// Records in a request.
    pub records: RangeInclusive<usize>,
    /// Bytes of a value beyond its name.
    pub padding: RangeInclusive<usize>,
    /// Wait between requests, beside the common pace.
    pub pause: Duration,
    /// Whether it keeps to the common pace.
    pub is_paced: bool,
}

/// Writes until the traffic is closed.
pub async fn write(traffic: Traffic, writing: Writing) {
    let mut process = Process::new(&traffic);
    let mut rng = traffic.rng(process.id);
    let mut number = 0;
    while traffic.rest(writing.pause).await && (!writing.is_paced || traffic.turn().await) {
        number += 1;
        let names = batch(process.id, number, &writing, &mut rng);
        produce(&mut process, &writing.target, Batch::keyless(names)).await;
    }
}

fn batch(process: u32, number: u64, writing: &Writing, rng: &mut StdRng) -> Vec<String> {
    let count = rng.random_range(writing.records.clone());
    let padding = |rng: &mut StdRng| rng.random_range(writing.padding.clone());
    (0..count).map(|place| value::name(process, number, place, padding(rng))).collect()
}

/// Names of the values of one request.
#[derive(Debug, Clone)]
pub struct Batch {
    names: Vec<String>,
    /// One key for all, where the server chooses the partition by it.
    key: Option<String>,
}

impl Batch {
    /// Records without a key, into the partition that is named.
    pub fn keyless(names: Vec<String>) -> Batch {
        Batch { names, key: None }
    }

    /// Records with one key; the server finds their partition.
    pub fn keyed(names: Vec<String>, key: String) -> Batch {
        Batch { names, key: Some(key) }
    }
}

/// Sends one request and records it; whether it was acknowledged.
pub async fn produce(process: &mut Process, target: &Target, batch: Batch) -> bool {
    let node = process.node();
    produce_at(process, node, target, batch).await
}

/// The same, of this node.
pub(super) async fn produce_at(
    process: &mut Process,
    (node, api): (u32, Api),
    target: &Target,
    batch: Batch,
) -> bool {
    let mut event = process.event(Function::Produce, node).at(&target.label, target.partition);
    event.ack = Some(target.ack);
    let body = body(&batch);
    event.keys = batch.key.iter().flat_map(|key| vec![key.clone(); batch.names.len()]).collect();
    event.values = batch.names;
    let path = path(target, event.keys.is_empty());
    let event = process.traffic.recorder().invoke(event);
    let reply = exchange(&api, request(&api, Method::POST, &path, &body), PATIENCE).await;
    let (event, phase) = ended(event, &reply);
    process.end(event, phase).await;
    phase == Phase::Ok
}

pub(super) fn body(batch: &Batch) -> Value {
    let record = |name: &String| match &batch.key {
        Some(key) => json!({ "key": key, "value": value::full(name) }),
        None => json!({ "value": value::full(name) }),
    };
    let records: Vec<Value> = batch.names.iter().map(record).collect();
    json!({ "encoding": "string", "records": records })
}

pub(super) fn path(target: &Target, names_partition: bool) -> String {
    let ack = match target.ack {
        Ack::All => "-1",
        Ack::Quorum => "quorum",
        Ack::Leader => "1",
        Ack::Zero => "0",
    };
    let Target { topic, partition, query, .. } = target;
    let partition = if names_partition { format!("&partition={partition}") } else { String::new() };
    format!("/v1/topics/{topic}/records?ack={ack}&timeout_ms={TIMEOUT_MS}{partition}{query}")
}

/// The end of the event, with the offsets that were answered.
pub(super) fn ended(mut event: Event, reply: &Reply) -> (Event, Phase) {
    event.error = reply.error();
    let Reply::Done(body) = reply else {
        return (event, reply.phase());
    };
    let Some(offsets) = body["offsets"].as_array() else {
        // Ack 0 promises nothing, not even an offset.
        let is_promise = event.ack != Some(Ack::Zero);
        event.error = is_promise.then(|| format!("an acknowledgement without offsets: {body}"));
        return (event, if is_promise { Phase::Unknown } else { Phase::Ok });
    };
    // A record that landed in another partition than the one meant is missed where it was meant.
    event.epoch = offsets.first().and_then(|at| at["leader_epoch"].as_u64());
    event.offsets = offsets.iter().filter_map(|at| at["offset"].as_u64()).collect();
    (event, Phase::Ok)
}
