//! Topics come and go: create, write, read, delete, create again under the same name. Each life is a
//! topic of its own in the history. Where an answer leaves open whether a topic is there, its name
//! is given up: a late deletion would hit the next life.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::process::{Process, Reply, exchange, request};
use super::reader::{Asking, Position, fetch};
use super::traffic::Traffic;
use super::value;
use super::writer::{Batch, Target, produce};
use crate::history::event::Ack;
use crate::history::{Function, Phase};

/// Between two lives.
const PAUSE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(15);
/// Requests that are written in one life.
const WRITES: u64 = 5;

/// Makes and deletes topics whose names begin so until the traffic is closed.
pub async fn churn(traffic: Traffic, prefix: String, replicas: u32) {
    let mut process = Process::new(&traffic);
    let (mut name, mut life) = (0, 0);
    while traffic.rest(PAUSE).await && traffic.turn().await {
        life += 1;
        let topic = format!("{prefix}{name}");
        let label = format!("{topic}#{life}");
        if !live(&mut process, &topic, &label, replicas).await {
            name += 1;
        }
    }
}

/// One life; whether its name may be used again.
async fn live(process: &mut Process, topic: &str, label: &str, replicas: u32) -> bool {
    let body = json!({ "name": topic, "partitions": 1, "replication_factor": replicas });
    let change = Change { kind: "create_topic", method: Method::POST, path: "/v1/topics", body };
    let index = match admin(process, label, change).await {
        Reply::Done(created) => created["metadata_index"].as_u64().unwrap_or(0),
        // Not even begun: nothing is left of it.
        Reply::Refused(problem, _) => return problem["code"] != "TOPIC_EXISTS",
        Reply::Unknown(_) => return false,
    };
    write_and_read(process, topic, label, index).await;
    let path = format!("/v1/topics/{topic}?min_metadata_index={index}");
    let change =
        Change { kind: "delete_topic", method: Method::DELETE, path: &path, body: Value::Null };
    // A refusal leaves it there, with what was written to it.
    matches!(admin(process, label, change).await, Reply::Done(_))
}

async fn write_and_read(process: &mut Process, topic: &str, label: &str, index: u64) {
    // Any node may be asked, so each must know the life that is meant.
    let query = format!("&min_metadata_index={index}");
    let mut target = Target::new(topic, 0, Ack::Quorum);
    (target.label, target.query) = (label.to_owned(), query.clone());
    let life: u64 = label.rsplit('#').next().and_then(|life| life.parse().ok()).unwrap_or(0);
    for write in 0..WRITES {
        if !process.traffic.turn().await {
            return;
        }
        let number = life * WRITES + write;
        let names = (0..3).map(|place| value::name(process.id, number, place, 0)).collect();
        produce(process, &target, Batch::keyless(names)).await;
    }
    let mut position = Position { label: label.to_owned(), ..Position::start(topic, 0) };
    let asking = Asking { linearizable: true, query, ..Asking::default() };
    if process.traffic.turn().await {
        fetch(process, &mut position, &asking).await;
    }
}

/// A change of a topic.
struct Change<'a> {
    kind: &'static str,
    method: Method,
    path: &'a str,
    body: Value,
}

async fn admin(process: &mut Process, label: &str, change: Change<'_>) -> Reply {
    let (node, api) = process.node();
    let mut event = process.event(Function::Admin, node);
    event.topic = Some(label.to_owned());
    event.kind = Some(change.kind.to_owned());
    let mut event = process.traffic.recorder().invoke(event);
    let request = request(&api, change.method, change.path, &change.body);
    let reply = exchange(&api, request, PATIENCE).await;
    event.error = reply.error();
    let phase: Phase = reply.phase();
    process.end(event, phase).await;
    reply
}
