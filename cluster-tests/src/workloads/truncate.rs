//! Deletes the oldest records of a partition again and again, while others write and read it.

use std::time::Duration;

use rand::RngExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::process::{Process, Reply, exchange, request};
use super::traffic::Traffic;
use crate::history::Function;

/// Between two deletions.
const PAUSE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);
/// Records at the end that are never deleted.
const KEPT: u64 = 50;

/// Deletes until the traffic is closed.
pub async fn delete(traffic: Traffic, topic: String, partition: u32) {
    let mut process = Process::new(&traffic);
    let mut rng = traffic.rng(process.id);
    while traffic.rest(PAUSE).await && traffic.turn().await {
        if let Some((start, end)) = bounds(&process, &topic, partition).await
            && end > start + KEPT
        {
            let before = rng.random_range(start + 1..=end - KEPT);
            truncate(&mut process, &topic, partition, before).await;
        } else {
            process.move_on();
        }
    }
}

/// Log start and high watermark.
async fn bounds(process: &Process, topic: &str, partition: u32) -> Option<(u64, u64)> {
    let (_, api) = process.node();
    let path =
        format!("/v1/topics/{topic}/partitions/{partition}/records?offset=latest&max_records=1");
    let request = request(&api, Method::GET, &path, &Value::Null);
    match exchange(&api, request, PATIENCE).await {
        Reply::Done(page) => {
            Some((page["log_start_offset"].as_u64()?, page["high_watermark"].as_u64()?))
        }
        Reply::Refused(..) | Reply::Unknown(_) => None,
    }
}

async fn truncate(process: &mut Process, topic: &str, partition: u32, before: u64) {
    let (node, api) = process.node();
    let mut event = process.event(Function::Truncate, node).at(topic, partition);
    event.offset = Some(before);
    let mut event = process.traffic.recorder().invoke(event);
    let body = json!({ "partitions": [{ "partition": partition, "before_offset": before }] });
    let request = request(&api, Method::POST, &format!("/v1/topics/{topic}/truncate"), &body);
    let reply = exchange(&api, request, PATIENCE).await;
    event.error = reply.error();
    if let Reply::Done(done) = &reply {
        event.log_start = done["partitions"][0]["log_start_offset"].as_u64();
    }
    process.end(event, reply.phase()).await;
}
