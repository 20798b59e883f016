//! Watches who leads: each change of a leader goes into the history, and with it which node has
//! which id.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::views;
use rampart_cluster_tests::history::{Event, Function};
use rampart_cluster_tests::workloads::process::{Reply, exchange, request};
use rampart_cluster_tests::workloads::traffic::Traffic;
use reqwest::Method;
use serde_json::Value;

/// Between two looks at a topic.
const PAUSE: Duration = Duration::from_millis(250);
/// Between two looks at the ids of nodes.
const IDS_PAUSE: Duration = Duration::from_secs(3);
/// A node that takes longer is paused, cut off or down; the next one is asked.
const PATIENCE: Duration = Duration::from_secs(1);
/// A leader that is still the same is noted again after so many nanoseconds.
const AGAIN: u64 = 1_000_000_000;

/// Of each partition the highest epoch seen, and when it was noted.
type Known = BTreeMap<u32, (u64, u64)>;

/// Watches a topic until the traffic is closed.
pub(crate) async fn leaders(traffic: Traffic, topic: String) {
    let (mut known, mut turn) = (Known::new(), 0);
    while traffic.rest(PAUSE).await {
        let (asked, api) = traffic.node(turn);
        if let Some(description) = get(&api, &format!("/v1/topics/{topic}")).await {
            note_leaders(&traffic, (&topic, asked), &description, &mut known);
        }
        turn += 1;
    }
}

/// Watches which node has which id until the traffic is closed.
pub(crate) async fn ids(traffic: Traffic) {
    learn_ids(&traffic).await;
    while traffic.rest(IDS_PAUSE).await {
        learn_ids(&traffic).await;
    }
}

async fn get(api: &Api, path: &str) -> Option<Value> {
    match exchange(api, request(api, Method::GET, path, &Value::Null), PATIENCE).await {
        Reply::Done(body) => Some(body),
        Reply::Refused(..) | Reply::Unknown(_) => None,
    }
}

/// Asks every node for its id. One on a wiped disk has a new one.
pub(crate) async fn learn_ids(traffic: &Traffic) {
    for (index, api) in (0..).zip(traffic.nodes()) {
        if let Some(id) = get(&api, "/v1/cluster").await.and_then(|status| status["node"].as_u64())
        {
            traffic.learn_id(id, index);
        }
    }
}

fn note_leaders(
    traffic: &Traffic,
    (topic, asked): (&str, u32),
    description: &Value,
    known: &mut Known,
) {
    let now = traffic.recorder().now();
    for partition in description["partitions"].as_array().into_iter().flatten() {
        let number = partition["partition"].as_u64().and_then(|n| u32::try_from(n).ok());
        let leads = partition["leader"].as_u64().zip(partition["leader_epoch"].as_u64());
        let (Some(number), Some((leader, epoch))) = (number, leads) else { continue };
        let node = traffic.index_of(leader);
        let (highest, noted) = known.get(&number).copied().unwrap_or_default();
        // Another node's word, with numbers that only the leader has: one that is cut off and does
        // not know it yet is not believed.
        let is_heard = partition["high_watermark"].is_u64() && node.is_some_and(|n| n != asked);
        let is_due = epoch == highest && is_heard && now - noted > AGAIN;
        if epoch <= highest && !is_due {
            continue;
        }
        known.insert(number, (epoch, now));
        let replicas = partition["replicas"].as_array().into_iter().flatten();
        let its = replicas.into_iter().find(|replica| replica["node"] == leader);
        let mut event = Event::new(0, Function::Lead).at(topic, number);
        event.node = node;
        event.replica = its.and_then(|replica| replica["replica"].as_u64());
        event.epoch = Some(epoch);
        traffic.recorder().note(event);
    }
}

/// Every partition has a leader and so many replicas, none of them behind.
pub(crate) fn demand_level(topic: &Value, replicas: usize) -> Result<()> {
    views::demand_level(topic, replicas)
}

/// Every partition of a topic has a leader, and how many there are.
pub(crate) fn demand_led(topic: &Value) -> Result<usize> {
    views::demand_leaders(topic)?;
    let count = topic["partitions"].as_array().map_or(0, Vec::len);
    ensure!(count > 0, "no partitions: {topic}");
    Ok(count)
}

/// Nodes with a replica of each partition, with the replica's id.
pub(crate) fn replicas(topic: &Value) -> Result<BTreeMap<u32, Vec<(u64, u64)>>> {
    let all = views::replicas(topic)?.into_iter();
    all.map(|(number, nodes)| Ok((u32::try_from(number).context("a partition")?, nodes))).collect()
}
