//! Consumer groups: how much goes through poll and ack, how fast partitions find their members, and
//! how long a group is without its coordinator.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_api::http::groups::{AckRequest, AckResponse, PollRequest, PollResponse, StartAt};
use rampart_api::model::murmur2::partition_for_key;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::{Cluster, GROUP_STATE};
use rampart_cluster_tests::harness::probe::wait_for;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use super::load::{BATCH, Cost, Per, now_ms, prepare};
use super::report::Report;

const TOPIC: &str = "bench-groups";
const PARTITIONS: u32 = 6;
/// One a partition.
const MEMBERS: u32 = PARTITIONS;
const VALUE_BYTES: usize = 100;
const BATCH_RECORDS: usize = 1_000;
/// Records written before they are read, for each second that they are read.
const RECORDS_PER_SECOND: u64 = 120_000;
/// What one poll takes at most.
const POLL_RECORDS: u64 = 1_000;
const CROWD: usize = 100;
const SOON: Duration = Duration::from_secs(60);
/// Targets: records polled and acknowledged, a rebalance, a new coordinator.
const RECORDS: f64 = 50_000.0;
const REBALANCE_MS: f64 = 2_000.0;
const COORDINATOR_MS: f64 = 2_000.0;
const COORDINATORS: u32 = 5;

/// Records of 100 bytes through poll and ack, a member a partition, each through another node.
pub(crate) async fn poll_and_ack(
    cluster: &Cluster,
    span: Duration,
    report: &mut Report,
) -> Result<()> {
    report.progress("poll and ack, 6 members on 6 partitions");
    prepare(cluster, TOPIC, PARTITIONS).await?;
    let written = RECORDS_PER_SECOND * span.as_secs().max(1);
    fill(cluster, written / u64::from(PARTITIONS)).await?;
    let barrier = Arc::new(Barrier::new(MEMBERS as usize));
    let members = (0..MEMBERS).map(|index| {
        let member = Member {
            api: cluster.api(index as usize % 3).clone(),
            group: "bench".to_owned(),
            name: format!("member-{index}"),
            topic: TOPIC,
            start: StartAt::Earliest,
        };
        background(read(member, Arc::clone(&barrier), span))
    });
    let cost = Cost::start(cluster)?;
    let (mut records, mut took) = (0, Duration::ZERO);
    for member in members.collect::<Vec<_>>() {
        let (read, its) = member.await??;
        records += read;
        took = took.max(its);
    }
    let area = "poll and ack, 6 members on 6 partitions x 3, 100 bytes";
    let rate = records as f64 / took.as_secs_f64();
    report.add_above(area, "records", rate, "1/s", RECORDS);
    cost.end(cluster, area, Per::Million(records), report)
}

/// The same number of records into each partition.
async fn fill(cluster: &Cluster, each: u64) -> Result<()> {
    let value = json!("x".repeat(VALUE_BYTES - 2)).to_string();
    let (mut batch, timestamp_ms) = (BatchBuilder::new(), now_ms());
    for _ in 0..BATCH_RECORDS {
        let value = Some(value.as_bytes());
        batch.push(NewRecord { key: None, value, timestamp_ms, headers: &[] });
    }
    let batch = batch.build();
    for partition in 0..PARTITIONS {
        let api = cluster.api(cluster.leader(0, TOPIC, partition).await?);
        let path = format!("/v1/topics/{TOPIC}/records?partition={partition}");
        for _ in 0..each / BATCH_RECORDS as u64 {
            api.post_bytes(&path, BATCH, batch.clone()).await?.ok()?;
        }
    }
    Ok(())
}

/// A member of a group, through one node.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) api: Api,
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) topic: &'static str,
    /// Where the group begins.
    pub(crate) start: StartAt,
}

impl Member {
    pub(crate) async fn poll(&self, max_records: u64, wait_ms: u64) -> Result<PollResponse> {
        let request = PollRequest {
            member: self.name.clone(),
            topics: vec![self.topic.to_owned()],
            start: self.start,
            max_records: Some(max_records),
            wait_ms: Some(wait_ms),
            ..PollRequest::default()
        };
        let path = format!("/v1/groups/{}/poll", self.group);
        let answer = self.api.post(&path, &serde_json::to_value(&request)?).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(serde_json::from_slice(&answer.body)?)
    }

    pub(crate) async fn ack(&self, polled: PollResponse) -> Result<u64> {
        let tokens = polled.records.into_iter().map(|record| record.ack_token).collect();
        let request =
            AckRequest { member: self.name.clone(), ack: tokens, ..AckRequest::default() };
        let path = format!("/v1/groups/{}/ack", self.group);
        let answer = self.api.post(&path, &serde_json::to_value(&request)?).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let answer: AckResponse = serde_json::from_slice(&answer.body)?;
        ensure!(answer.results.iter().all(|result| result.code.is_none()), "{answer:?}");
        Ok(answer.results.len() as u64)
    }

    /// Polls until it holds so many partitions.
    async fn wait_for_partitions(&self, count: usize) -> Result<Vec<u32>> {
        let watch = Stopwatch::start();
        loop {
            let polled = self.poll(1, 100).await?;
            let held: Vec<u32> = polled.assignment.iter().map(|at| at.partition).collect();
            if !polled.records.is_empty() {
                self.ack(polled).await?;
            }
            if held.len() == count {
                return Ok(held);
            }
            ensure!(watch.elapsed() < SOON, "{} holds {held:?}, not {count}", self.name);
        }
    }
}

/// Reads until there is nothing left or the time is over; records, and how long it took.
async fn read(member: Member, barrier: Arc<Barrier>, span: Duration) -> Result<(u64, Duration)> {
    member.wait_for_partitions(1).await?;
    barrier.wait().await;
    let (watch, mut records) = (Stopwatch::start(), 0);
    while watch.elapsed() < span {
        let polled = member.poll(POLL_RECORDS, 0).await?;
        if polled.records.is_empty() {
            break;
        }
        records += member.ack(polled).await?;
    }
    Ok((records, watch.elapsed()))
}

/// A hundred members join at once and share a hundred partitions; then half of them leave.
pub(crate) async fn rebalance(cluster: &Cluster, report: &mut Report) -> Result<()> {
    report.progress("a hundred members on a hundred partitions");
    const TOPIC: &str = "bench-crowd";
    prepare(cluster, TOPIC, CROWD as u32).await?;
    let member = |index: usize| Member {
        api: cluster.api(index % 3).clone(),
        group: "crowd".to_owned(),
        name: format!("member-{index}"),
        topic: TOPIC,
        start: StartAt::Earliest,
    };
    let members: Vec<Member> = (0..CROWD).map(member).collect();
    let joining = Stopwatch::start();
    settled(&members, 1).await?;
    let joined = joining.elapsed().as_secs_f64() * 1e3;
    let (stay, go) = members.split_at(CROWD / 2);
    let leaving = Stopwatch::start();
    for member in go {
        member.api.delete(&format!("/v1/groups/crowd/members/{}", member.name)).await?.ok()?;
    }
    settled(stay, 2).await?;
    let left = leaving.elapsed().as_secs_f64() * 1e3;
    let area = "group, 100 partitions";
    report.add_below(area, "100 members join at once", joined, "ms", REBALANCE_MS);
    report.add_below(area, "50 of 100 members leave", left, "ms", REBALANCE_MS);
    Ok(())
}

/// Waits until each member holds so many partitions, and no two the same.
async fn settled(members: &[Member], each: usize) -> Result<()> {
    let waiting: Vec<_> = members
        .iter()
        .cloned()
        .map(|member| background(async move { member.wait_for_partitions(each).await }))
        .collect();
    let mut all = BTreeSet::new();
    for member in waiting {
        all.extend(member.await??);
    }
    ensure!(all.len() == CROWD, "{} partitions are held", all.len());
    Ok(())
}

/// From kill -9 of a group's coordinator to the next acknowledged commit, asked of a survivor; no
/// offset goes back.
pub(crate) async fn coordinator(cluster: &mut Cluster, report: &mut Report) -> Result<()> {
    report.progress("kill -9 of a coordinator, five times");
    const GROUP: &str = "bench-coordinator";
    let mut all = Vec::new();
    prepare(cluster, TOPIC, PARTITIONS).await?;
    for round in 1..=COORDINATORS {
        cluster.wait_in_sync(TOPIC, 3).await?;
        let asked = *cluster.running().first().unwrap_or(&0);
        let commit = |offset: u32| json!({ "offsets": [{ "topic": TOPIC, "partition": 0, "offset": offset }] });
        let path = format!("/v1/groups/{GROUP}/commit");
        cluster.api(asked).post(&path, &commit(round * 10)).await?.ok()?;
        let leader = coordinator_of(cluster, asked, GROUP).await?;
        let survivor = (leader + 1) % 3;
        let watch = Stopwatch::start();
        cluster.kill(leader);
        let answer = wait_for("a commit", SOON, || async {
            cluster.api(survivor).post(&path, &commit(round * 10 + 1)).await?.ok()
        })
        .await?;
        all.push(watch.elapsed().as_secs_f64() * 1e3);
        ensure!(answer["offsets"][0]["offset"] == round * 10 + 1, "{answer}");
        let group = cluster.api(survivor).get(&format!("/v1/groups/{GROUP}")).await?.ok()?;
        ensure!(group["partitions"][0]["committed"] == round * 10 + 1, "{group}");
        cluster.restart(leader).await?;
    }
    all.sort_by(f64::total_cmp);
    let area = "kill -9 of a group's coordinator to the next commit";
    report.add(area, "median of five", all[all.len() / 2], "ms");
    report.add_below(area, "worst", all[all.len() - 1], "ms", COORDINATOR_MS);
    Ok(())
}

/// The node that leads the group's partition of the internal topic.
async fn coordinator_of(cluster: &Cluster, asked: usize, group: &str) -> Result<usize> {
    let topic: Value = cluster.api(asked).topic(GROUP_STATE).await?;
    let partitions = topic["partitions"].as_array().context("partitions")?.len();
    let partition = partition_for_key(group.as_bytes(), u32::try_from(partitions)?);
    cluster.leader(asked, GROUP_STATE, partition).await
}
