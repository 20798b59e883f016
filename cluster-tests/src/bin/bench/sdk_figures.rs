//! The SDK's producer with the same records as the raw batches, and the ratio of the two.

use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use rampart_api::client::Client;
use rampart_api::client::producer::{Producer, ProducerOptions, Record};
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::Cluster;
use serde_json::json;

use super::load::{BATCH_RECORDS, Cost, RECORD_BYTES, value};
use super::report::Report;

/// Target: at most 15 % fewer records than as raw batches.
const OF_RAW: f64 = 0.85;
/// Tasks that send: what one of them does between two records, another one uses.
const SENDERS: u32 = 4;

/// Writes for the span through one producer, without keys, to as many partitions.
pub(crate) async fn produce(
    cluster: &Cluster,
    (partitions, span): (u32, Duration),
    raw: f64,
    report: &mut Report,
) -> Result<()> {
    let area = format!("produce, SDK, {partitions} partitions x 3");
    report.progress(&area);
    let topic = format!("bench-sdk-{partitions}");
    cluster.api(0).create_topic(&topic, partitions, 3, json!({})).await?;
    cluster.wait_in_sync(&topic, 3).await?;
    let servers: Vec<String> = cluster.apis().iter().map(|api| api.base().to_owned()).collect();
    // As many records a batch, and three batches of a partition on their way, as the raw load has.
    let options = ProducerOptions {
        batch_bytes_max: BATCH_RECORDS * (RECORD_BYTES + 16),
        in_flight_max: 3,
        ..ProducerOptions::default()
    };
    let producer = Producer::new(Client::new(servers)?, options)?;
    let cost = Cost::start(cluster)?;
    let watch = Stopwatch::start();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| background(send(producer.clone(), topic.clone(), sender, span)))
        .collect();
    let mut records = 0;
    for sender in senders {
        records += sender.await??;
    }
    producer.close().await;
    let rate = records as f64 / watch.elapsed().as_secs_f64();
    report.add(&area, "records", rate, "1/s");
    cost.end(cluster, &area, records * RECORD_BYTES as u64, report)?;
    report.add_above(&area, "records : those of raw batches", rate / raw, "", OF_RAW);
    Ok(())
}

async fn send(producer: Producer, topic: String, sender: u32, span: Duration) -> Result<u64> {
    let values: Vec<Bytes> = (0..BATCH_RECORDS).map(|n| Bytes::from(value(sender, n))).collect();
    let blank = Record::to(topic.as_str());
    let (watch, mut records) = (Stopwatch::start(), 0);
    while watch.elapsed() < span {
        let mut last = None;
        for value in &values {
            let record = blank.clone().value(value.clone());
            last = Some(producer.send(record).await.map_err(|error| anyhow!("{error}"))?);
            records += 1;
        }
        // Dropping a delivery does not take its record back.
        drop(last);
    }
    Ok(records)
}
