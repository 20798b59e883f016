//! The SDK's producer with the same records as the raw batches, in turn with them, and the ratio of
//! the two.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use rampart_api::client::Client;
use rampart_api::client::producer::{DeliveryResult, Producer, ProducerOptions, Record};
use rampart_cluster_tests::figures::median;
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::Cluster;

use super::load::{BATCH_RECORDS, Cost, Load, Per, RECORD_BYTES, prepare, value};
use super::report::Report;

/// Target: at most 15 % fewer records than as raw batches.
const OF_RAW: f64 = 0.85;
/// Tasks that send: what one of them does between two records, another one uses.
const SENDERS: u32 = 4;
/// What was written before costs whoever writes next: the two take turns.
const ROUNDS: usize = 3;

/// Writes through one producer, as it is by default, without keys, to as many partitions as the raw
/// load, which writes more between its turns.
pub(crate) async fn produce(
    cluster: &Cluster,
    (raw, in_flight): (Load, Option<usize>),
    report: &mut Report,
) -> Result<()> {
    let area = format!("produce, SDK, {} partitions x 3", raw.partitions);
    report.progress(format!("{area}, in turn with raw batches"));
    let topic = format!("bench-sdk-{}", raw.partitions);
    prepare(cluster, &topic, raw.partitions).await?;
    raw.prepare(cluster).await?;
    let raw = Load { span: raw.span / 2, ..raw };
    let mut options = ProducerOptions::default();
    options.in_flight_max = in_flight.unwrap_or(options.in_flight_max);
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let of_raw = raw.produce_more(cluster).await?;
        let cost = Cost::start(cluster)?;
        let (records, rate) = write(cluster, &topic, &options, raw.span).await?;
        if round == ROUNDS {
            cost.end(cluster, &area, Per::Gib(records * RECORD_BYTES as u64), report)?;
            report.add(&area, "records, raw, the last round", of_raw, "1/s");
        }
        rates.push(rate);
        ratios.push(rate / of_raw);
    }
    report.add(&area, "records, median of three", median(rates).context("no round")?, "1/s");
    report.add_above(
        &area,
        "records : those of raw batches",
        median(ratios).context("no round")?,
        "",
        OF_RAW,
    );
    Ok(())
}

/// Records that were acknowledged within the span, and how many those are a second. What is in the
/// buffer at its end is not counted, as the raw load has nothing there.
async fn write(
    cluster: &Cluster,
    topic: &str,
    options: &ProducerOptions,
    span: Duration,
) -> Result<(u64, f64)> {
    let servers: Vec<String> = cluster.apis().iter().map(|api| api.base().to_owned()).collect();
    let producer = Producer::new(Client::new(servers)?, options.clone())?;
    let (watch, acked) = (Stopwatch::start(), Arc::new(AtomicU64::new(0)));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let acked = acked.clone();
            background(send(producer.clone(), topic.to_owned(), (sender, span), acked))
        })
        .collect();
    for sender in senders {
        sender.await??;
    }
    let records = acked.load(Ordering::Relaxed);
    let rate = records as f64 / watch.elapsed().as_secs_f64();
    producer.close().await;
    Ok((records, rate))
}

async fn send(
    producer: Producer,
    topic: String,
    (sender, span): (u32, Duration),
    acked: Arc<AtomicU64>,
) -> Result<()> {
    let values: Vec<Bytes> = (0..BATCH_RECORDS).map(|n| Bytes::from(value(sender, n))).collect();
    let (blank, watch) = (Record::to(topic.as_str()), Stopwatch::start());
    while watch.elapsed() < span {
        for value in &values {
            let (record, acked) = (blank.clone().value(value.clone()), acked.clone());
            let count = move |delivered: DeliveryResult| {
                acked.fetch_add(u64::from(delivered.is_ok()), Ordering::Relaxed);
            };
            producer.send_with(record, count).await.map_err(|error| anyhow!("{error}"))?;
        }
    }
    Ok(())
}
