//! Reading a partition on: one client with one position, checked by the history to miss nothing.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::process::{Process, Reply, exchange, request};
use super::value;
use crate::history::{Event, Function, Phase};

/// A reader waits so much longer than it asks the server to.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where a reader is.
#[derive(Debug, Clone)]
pub struct Position {
    /// Name that the cluster knows.
    pub topic: String,
    /// Name that the history has.
    pub label: String,
    /// Partition.
    pub partition: u32,
    /// What it reads next.
    pub next: u64,
}

impl Position {
    /// The beginning of a partition of a topic with one life.
    pub fn start(topic: &str, partition: u32) -> Position {
        Position { topic: topic.to_owned(), label: topic.to_owned(), partition, next: 0 }
    }
}

/// How a page is asked for.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    /// How long the server waits where there is nothing yet.
    pub wait_ms: u64,
    /// Whether the leader confirms its leadership first.
    pub linearizable: bool,
    /// Added to the query.
    pub query: String,
}

/// Reads the next page and records it; how many records it had, or `None` without an answer.
pub async fn fetch(
    process: &mut Process,
    position: &mut Position,
    asking: &Asking,
) -> Option<usize> {
    let (node, api) = process.node();
    let mut event = process.event(Function::Fetch, node).at(&position.label, position.partition);
    event.offset = Some(position.next);
    event.isolation = asking.linearizable.then(|| "linearizable".to_owned());
    let event = process.traffic.recorder().invoke(event);
    let request = request(&api, Method::GET, &path(position, asking), &Value::Null);
    let patience = PATIENCE + Duration::from_millis(asking.wait_ms);
    let reply = exchange(&api, request, patience).await;
    let (event, phase) = page_event(event, &reply);
    let count = (phase == Phase::Ok).then_some(event.values.len());
    let (log_start, next) = (event.log_start, event.next_offset);
    process.end(event, phase).await;
    match phase {
        Phase::Ok => position.next = next.unwrap_or(position.next),
        Phase::Invoke | Phase::Fail | Phase::Unknown => skip_deleted(process, position, log_start),
    }
    count
}

fn path(position: &Position, asking: &Asking) -> String {
    let Position { topic, partition, next, .. } = position;
    let Asking { wait_ms, linearizable, query } = asking;
    let linearizable = if *linearizable { "&linearizable=true" } else { "" };
    format!(
        "/v1/topics/{topic}/partitions/{partition}/records?encoding=string&offset={next}\
         &wait_ms={wait_ms}&max_records=1000{linearizable}{query}"
    )
}

/// The end of a fetch: with its records, or with the bounds that a refusal names.
pub fn page_event(mut event: Event, reply: &Reply) -> (Event, Phase) {
    event.error = reply.error();
    match reply {
        Reply::Done(body) => {
            let Some(records) = body["records"].as_array() else {
                event.error = Some(format!("a page of another form: {body}"));
                return (event, Phase::Unknown);
            };
            put_records(&mut event, records);
            event.next_offset = body["next_offset"].as_u64();
            event.high_watermark = body["high_watermark"].as_u64();
            event.log_start = body["log_start_offset"].as_u64();
        }
        Reply::Refused(problem, _) => {
            let bounds = &problem["valid_offsets"];
            event.high_watermark = bounds["high_watermark"].as_u64();
            event.log_start = bounds["log_start_offset"].as_u64();
        }
        Reply::Unknown(_) => {}
    }
    (event, reply.phase())
}

/// Puts records into an event, the values by their names, keys where there are any.
pub fn put_records(event: &mut Event, records: &[Value]) {
    for record in records {
        let text = |name: &str| record[name].as_str().map(str::to_owned);
        event.offsets.extend(record["offset"].as_u64());
        let value =
            text("value").map_or_else(|| format!("not text: {record}"), |v| value::read(&v));
        event.values.push(value);
        event.keys.extend(text("key"));
    }
}

/// A reader below the log start goes on there: what it missed was deleted.
pub fn skip_deleted(process: &Process, position: &mut Position, log_start: Option<u64>) {
    let Some(start) = log_start.filter(|start| *start > position.next) else {
        return;
    };
    position.next = start;
    process.note(Function::Seek, |event| {
        *event = event.clone().at(&position.label, position.partition);
        event.offset = Some(start);
    });
}
