//! Asks where partitions begin and end: an end below what was acknowledged before is a lost tail.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::process::{Process, Reply, exchange, request};
use super::traffic::Traffic;
use crate::history::{Function, Phase};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks for both ends of one partition in turn until the traffic is closed.
pub async fn look(traffic: Traffic, topic: String, partition: u32) {
    let mut process = Process::new(&traffic);
    for spec in ["latest", "earliest"].iter().cycle() {
        if !(traffic.rest(PAUSE).await && traffic.turn().await) {
            return;
        }
        list_offset(&mut process, &topic, partition, spec).await;
        process.move_on();
    }
}

async fn list_offset(process: &mut Process, topic: &str, partition: u32, spec: &str) {
    let (node, api) = process.node();
    let mut event = process.event(Function::ListOffset, node).at(topic, partition);
    event.spec = Some(spec.to_owned());
    let mut event = process.traffic.recorder().invoke(event);
    let path =
        format!("/v1/topics/{topic}/partitions/{partition}/records?offset={spec}&max_records=1");
    let request = request(&api, Method::GET, &path, &Value::Null);
    let reply = exchange(&api, request, PATIENCE).await;
    event.error = reply.error();
    let mut phase = reply.phase();
    if let Reply::Done(page) = &reply {
        event.offset = first_offset(page);
        if event.offset.is_none() {
            (phase, event.error) = (Phase::Unknown, Some(format!("no offset in {page}")));
        }
    }
    process.end(event, phase).await;
}

/// Where the read began: at its first record, or where it goes on if there is none.
fn first_offset(page: &Value) -> Option<u64> {
    page["records"][0]["offset"].as_u64().or(page["next_offset"].as_u64())
}
