//! The SDK's producer with the same records as the raw batches, in turn with them, and the ratio of
//! the two.

use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use rampart_api::client::Client;
use rampart_api::client::producer::{Producer, ProducerOptions, Record};
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::Cluster;
use serde_json::json;

use super::load::{BATCH_RECORDS, Cost, Load, Per, RECORD_BYTES, value};
use super::report::Report;

/// Target: at most 15 % fewer records than as raw batches.
const OF_RAW: f64 = 0.85;
/// Tasks that send: what one of them does between two records, another one uses.
const SENDERS: u32 = 4;
/// What was written before costs whoever writes next: the two take turns.
const ROUNDS: usize = 3;

/// Writes through one producer, as it is by default, without keys, to as many partitions as the raw
/// load, which writes more between its turns.
pub(crate) async fn produce(cluster: &Cluster, raw: Load, report: &mut Report) -> Result<()> {
    let area = format!("produce, SDK, {} partitions x 3", raw.partitions);
    report.progress(format!("{area}, in turn with raw batches"));
    let topic = format!("bench-sdk-{}", raw.partitions);
    cluster.api(0).create_topic(&topic, raw.partitions, 3, json!({})).await?;
    cluster.wait_in_sync(&topic, 3).await?;
    let raw = Load { span: raw.span / 2, ..raw };
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let of_raw = raw.produce_more(cluster).await?;
        let cost = Cost::start(cluster)?;
        let (records, rate) = write(cluster, &topic, raw.span).await?;
        if round == ROUNDS {
            cost.end(cluster, &area, Per::Gib(records * RECORD_BYTES as u64), report)?;
        }
        rates.push(rate);
        ratios.push(rate / of_raw);
    }
    report.add(&area, "records, median of three", median(rates), "1/s");
    report.add_above(&area, "records : those of raw batches", median(ratios), "", OF_RAW);
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Records, and records a second.
async fn write(cluster: &Cluster, topic: &str, span: Duration) -> Result<(u64, f64)> {
    let servers: Vec<String> = cluster.apis().iter().map(|api| api.base().to_owned()).collect();
    let producer = Producer::new(Client::new(servers)?, ProducerOptions::default())?;
    let watch = Stopwatch::start();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| background(send(producer.clone(), topic.to_owned(), sender, span)))
        .collect();
    let mut records = 0;
    for sender in senders {
        records += sender.await??;
    }
    producer.close().await;
    Ok((records, records as f64 / watch.elapsed().as_secs_f64()))
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
