//! A hundred thousand dead letters, brought back by the command while the group processes them.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use rampart_api::http::groups::StartAt;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_cluster_tests::harness::binary;
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::Cluster;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use super::group_figures::Member;
use super::load::{BATCH, now_ms};
use super::report::Report;

const TOPIC: &str = "bench-dead";
const GROUP: &str = "back";
const DEAD: &str = "bench-dead.back.dlq";
const PARTITIONS: u32 = 6;
const RECORDS: u64 = 100_000;
const BATCH_RECORDS: u64 = 1_000;

/// Redrives all of them, a member a partition taking them.
pub(crate) async fn redrive(cluster: &Cluster, report: &mut Report) -> Result<()> {
    report.progress("redrive of 100,000 dead letters");
    for topic in [TOPIC, DEAD] {
        cluster.api(0).create_topic(topic, PARTITIONS, 3, json!({})).await?;
        cluster.wait_in_sync(topic, 3).await?;
    }
    let switch = json!({ "enabled": true, "attempts": 3, "topic": DEAD });
    let path = format!("/v1/topics/{TOPIC}/dead-letter?group={GROUP}");
    cluster.api(0).with_json(Method::PUT, &path, &switch).await?.ok()?;
    bury(cluster).await?;
    let is_over = Arc::new(AtomicBool::new(false));
    let members = (0..PARTITIONS as usize).map(|index| {
        let member = Member {
            api: cluster.api(index % 3).clone(),
            group: GROUP.to_owned(),
            name: format!("member-{index}"),
            topic: TOPIC,
            start: StartAt::Latest,
        };
        background(process(member, is_over.clone()))
    });
    let members: Vec<_> = members.collect();
    let watch = Stopwatch::start();
    let done = command(cluster).await?;
    let took = watch.elapsed().as_secs_f64();
    ensure!(done["redriven"] == RECORDS && done["next_cursor"].is_null(), "{done}");
    is_over.store(true, Ordering::Relaxed);
    for member in members {
        member.await??;
    }
    let area = "redrive of 100,000 dead letters, 6 members";
    report.add(area, "took", took, "s");
    report.add(area, "records", RECORDS as f64 / took, "1/s");
    Ok(())
}

/// Records, and dead letters of them, as the coordinator writes them.
async fn bury(cluster: &Cluster) -> Result<()> {
    let described = cluster.api(0).topic(TOPIC).await?;
    let id = described["id"].as_str().context("an id")?;
    for batch in 0..RECORDS / BATCH_RECORDS {
        let (partition, turn) = (batch % u64::from(PARTITIONS), batch / u64::from(PARTITIONS));
        let bytes = dead_batch(id, partition, turn * BATCH_RECORDS);
        for topic in [TOPIC, DEAD] {
            let path = format!("/v1/topics/{topic}/records?partition={partition}");
            cluster.api(0).post_bytes(&path, BATCH, bytes.clone()).await?.ok()?;
        }
    }
    Ok(())
}

fn dead_batch(topic_id: &str, partition: u64, first_offset: u64) -> Bytes {
    let mut batch = BatchBuilder::new();
    for offset in first_offset..first_offset + BATCH_RECORDS {
        let headers = [
            ("topic", TOPIC.to_owned()),
            ("topic-id", topic_id.to_owned()),
            ("partition", partition.to_string()),
            ("offset", offset.to_string()),
            ("group", GROUP.to_owned()),
            ("attempts", "3".to_owned()),
            ("error", "the bench gave it up".to_owned()),
            ("timestamp", "1700000000000".to_owned()),
        ];
        let headers =
            headers.map(|(name, value)| (format!("rampart-dlq-{name}"), Some(Bytes::from(value))));
        let value = json!({ "number": offset }).to_string();
        let value = Some(value.as_bytes());
        let timestamp_ms = now_ms();
        batch.push(NewRecord { key: None, value, timestamp_ms, headers: &headers });
    }
    batch.build()
}

/// Takes what comes, and has it done, until it is over and nothing comes any more.
async fn process(member: Member, is_over: Arc<AtomicBool>) -> Result<()> {
    loop {
        let was_over = is_over.load(Ordering::Relaxed);
        let polled = member.poll(1_000, 1_000).await?;
        if !polled.records.is_empty() {
            member.ack(polled).await?;
        } else if was_over {
            return Ok(());
        }
    }
}

/// `rampart topic dead-letter redrive`, and what it says in the end.
async fn command(cluster: &Cluster) -> Result<Value> {
    let output = Command::new(binary::rampart()?)
        .args(["-s", cluster.api(0).base(), "topic", "dead-letter", "redrive", TOPIC])
        .args(["-g", GROUP])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
