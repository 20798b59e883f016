//! After the last fault: everything is healed, so the cluster must come together, take writes, level
//! its replicas, and give back all it acknowledged, whoever leads.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::history::event::Ack;
use rampart_cluster_tests::history::{Function, Phase};
use rampart_cluster_tests::workloads::mix::{Topic, Workload};
use rampart_cluster_tests::workloads::process::{Process, exchange, request};
use rampart_cluster_tests::workloads::reader::page_event;
use rampart_cluster_tests::workloads::value;
use rampart_cluster_tests::workloads::writer::{Batch, Target, produce};
use rampart_cluster_tests::workloads::{castle, group};
use reqwest::Method;
use serde_json::{Value, json};

use super::stage::Stage;
use super::watch;

/// The cluster comes together within this time, and levels its replicas within it.
const CONVERGE: Duration = Duration::from_secs(60);
/// A node takes over a leadership it is given within this time.
const TAKE_OVER: Duration = Duration::from_secs(60);
/// One page of the last read.
const PAGE: Duration = Duration::from_secs(30);
/// Leadership may move on its own while a partition is read: then it is read again.
const TRIES: usize = 5;

/// Comes together, takes writes, levels its replicas; the clients have ended then. An error says
/// what it did not do in time.
pub(crate) async fn converge(stage: &mut Stage<'_>, members: &[usize]) -> Result<()> {
    stage.mark("faults_end");
    ready(stage, members).await?;
    led(stage).await?;
    stage.mark("healed");
    let healed = stage.traffic.recorder().now();
    writes_again(stage).await?;
    stage.mark("writes_again");
    steered(stage, healed).await?;
    stage.stop().await?;
    level(stage).await?;
    stage.mark("replicas_equal");
    stage.meter.look(&stage.traffic.nodes()).await;
    Ok(())
}

async fn ready(stage: &Stage<'_>, members: &[usize]) -> Result<()> {
    let nodes = stage.traffic.nodes();
    for index in members {
        wait_for(format!("node {index} to be ready"), CONVERGE, || async {
            let answer = nodes[*index].get("/readyz").await?;
            ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn led(stage: &Stage<'_>) -> Result<()> {
    let api = &stage.traffic.nodes()[0];
    for Topic { name, .. } in stage.mix.topics() {
        wait_for(format!("leaders of {name}"), CONVERGE, || async {
            watch::demand_led(&described(api, &name).await?)
        })
        .await?;
    }
    Ok(())
}

async fn described(api: &Api, topic: &str) -> Result<Value> {
    let path = format!("/v1/topics/{topic}");
    api.send(api.request(Method::GET, &path).timeout(Duration::from_secs(5))).await?.ok()
}

/// One acknowledged record on every partition.
async fn writes_again(stage: &Stage<'_>) -> Result<()> {
    let mut process = Process::new(&stage.traffic);
    let mut number = 0;
    for Topic { name, partitions, .. } in stage.mix.topics() {
        for partition in 0..partitions {
            let target = Target::new(&name, partition, Ack::Quorum);
            let acked = async {
                loop {
                    number += 1;
                    let batch = Batch::keyless(vec![value::name(process.id, number, 0, 0)]);
                    if produce(&mut process, &target, batch).await {
                        return;
                    }
                }
            };
            tokio::time::timeout(CONVERGE, acked)
                .await
                .with_context(|| format!("no write on {name}/{partition} for {CONVERGE:?}"))?;
        }
    }
    Ok(())
}

/// Whoever follows Castle has been served since everything was healed, and Castle knows them all.
async fn steered(stage: &Stage<'_>, healed: u64) -> Result<()> {
    wait_for("clients that follow Castle to be served", CONVERGE, || async {
        let unserved = stage.traffic.unserved_since(healed);
        ensure!(unserved.is_empty(), "processes {unserved:?} are not");
        Ok(())
    })
    .await?;
    let steered = |topic: &Topic| topic.writer == Workload::Castle;
    for Topic { name, .. } in stage.mix.topics().into_iter().filter(steered) {
        wait_for("Castle to know its clients", CONVERGE, || async {
            let (_, api) = stage.traffic.node(0);
            let listed = api.get("/v1/castle/clients").await?.ok()?;
            let listed = listed["clients"].as_array().context("no clients")?;
            let known = listed.iter().filter(|client| client["client_id"] == *name).count();
            ensure!(known == castle::CLIENTS, "it knows {known} of {}", castle::CLIENTS);
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn level(stage: &Stage<'_>) -> Result<()> {
    let api = &stage.traffic.nodes()[0];
    let replicas = stage.mix.replicas as usize;
    for Topic { name, .. } in stage.mix.topics() {
        wait_for(format!("replicas of {name} to be level"), CONVERGE, || async {
            watch::demand_level(&described(api, &name).await?, replicas)
        })
        .await?;
    }
    Ok(())
}

/// Lets every group do what is left for it, and reads what they gave up.
pub(crate) async fn drain_groups(stage: &Stage<'_>) -> Result<()> {
    for named in stage.mix.groups() {
        stage.progress.phase(&format!("draining {}", named.name));
        let mut process = Process::new(&stage.traffic);
        group::finish::drain(&mut process, &named, group::PARTITIONS).await?;
        let api = &stage.traffic.nodes()[0];
        group::finish::read_dead_letters(&mut process, api, &named).await?;
    }
    Ok(())
}

/// Reads every partition while each of its replicas leads it in turn.
pub(crate) async fn read_all(stage: &Stage<'_>) -> Result<()> {
    stage.progress.phase("reading everything from each replica");
    watch::learn_ids(&stage.traffic).await;
    let api = &stage.traffic.nodes()[0];
    let mut process = Process::new(&stage.traffic);
    for Topic { name, .. } in stage.mix.topics() {
        for (partition, replicas) in watch::replicas(&described(api, &name).await?)? {
            for (node, replica) in replicas {
                let part = Part { topic: &name, partition, node, replica };
                part.read(&mut process, api)
                    .await
                    .with_context(|| format!("last read of {name}/{partition} from node {node}"))?;
            }
        }
    }
    Ok(())
}

/// One replica of one partition.
struct Part<'a> {
    topic: &'a str,
    partition: u32,
    node: u64,
    replica: u64,
}

impl Part<'_> {
    async fn read(&self, process: &mut Process, any: &Api) -> Result<()> {
        for _ in 0..TRIES {
            let epoch = self.lead(any).await?;
            self.read_once(process, any, epoch).await?;
            if self.leads(any).await? == Some(epoch) {
                return Ok(());
            }
        }
        anyhow::bail!("its leadership moved away {TRIES} times")
    }

    /// Gives it the leadership; the epoch in which it leads.
    async fn lead(&self, any: &Api) -> Result<u64> {
        let Part { topic, partition, node, .. } = self;
        let path = format!("/v1/cluster/partitions/{topic}/{partition}:transfer-leadership");
        wait_for(format!("node {node} to lead {topic}/{partition}"), TAKE_OVER, || async {
            if let Some(epoch) = self.leads(any).await? {
                return Ok(epoch);
            }
            any.post(&path, &json!({ "to": node })).await?.ok()?;
            self.leads(any).await?.context("it does not lead yet")
        })
        .await
    }

    /// The epoch in which it leads, if it does.
    async fn leads(&self, any: &Api) -> Result<Option<u64>> {
        let topic = described(any, self.topic).await?;
        let partitions = topic["partitions"].as_array().context("no partitions")?;
        let it = partitions.iter().find(|found| found["partition"] == self.partition);
        let it = it.with_context(|| format!("no partition {}", self.partition))?;
        Ok(it["leader_epoch"].as_u64().filter(|_| it["leader"] == self.node))
    }

    async fn read_once(&self, process: &mut Process, any: &Api, epoch: u64) -> Result<()> {
        let Part { topic, partition, node, replica } = self;
        let index = process.traffic.index_of(*node);
        let api = index.and_then(|index| process.traffic.nodes().get(index as usize).cloned());
        let api = api.unwrap_or_else(|| any.clone());
        let mut from = "earliest".to_owned();
        loop {
            let mut event = process.event(Function::FinalRead, 0).at(topic, *partition);
            event.node = index.or_else(|| u32::try_from(*node).ok());
            (event.replica, event.epoch) = (Some(*replica), Some(epoch));
            event.offset = from.parse().ok();
            let event = process.traffic.recorder().invoke(event);
            let path = format!(
                "/v1/topics/{topic}/partitions/{partition}/records?encoding=string&offset={from}\
                 &max_records=2000&max_bytes=4194304"
            );
            let reply = exchange(&api, request(&api, Method::GET, &path, &Value::Null), PAGE).await;
            let (event, phase) = page_event(event, &reply);
            let (next, end) = (event.next_offset, event.high_watermark);
            let (count, error) = (event.values.len(), event.error.clone());
            process.end(event, phase).await;
            let (Phase::Ok, Some((next, end))) = (phase, next.zip(end)) else {
                anyhow::bail!("{}", error.unwrap_or_default());
            };
            if next >= end {
                return Ok(());
            }
            ensure!(count > 0, "an empty page at {from} below the end {end}");
            from = next.to_string();
        }
    }
}
