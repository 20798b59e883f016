//! The SDK's producer against real nodes: leaders are killed while several tasks send, and every record
//! is acknowledged, is where it was said to be, is there once, and in the order of its key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rampart_api::client::Client;
use rampart_api::client::producer::{DeliveryResult, Producer, ProducerOptions, Record};
use rampart_api::model::murmur2::partition_for_key;
use rampart_api::model::record_batch::Compression;
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::background;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::json;

const TOPIC: &str = "orders";
const PARTITIONS: u32 = 3;
const TASKS: u32 = 4;
const RECORDS_PER_TASK: u32 = 5_000;
const KEYS_PER_TASK: u32 = 5;
/// Batches of a partition that each producer has in flight. Tasks take turns with the producers.
const IN_FLIGHT: [usize; 2] = [1, 5];
/// A leader is killed, and comes back.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of each value.
#[derive(Debug, Clone, Default)]
struct Ends(Arc<Mutex<HashMap<String, DeliveryResult>>>);

impl Ends {
    fn with<T>(&self, look: impl FnOnce(&mut HashMap<String, DeliveryResult>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn wait(&self, count: usize) -> Result<()> {
        wait_for(format!("{count} records to be decided"), PATIENCE, || async {
            let now = self.with(|ends| ends.len());
            ensure!(now >= count, "{now} so far");
            Ok(())
        })
        .await
    }
}

fn producer(nodes: &[Api], in_flight_max: usize, compression: Compression) -> Result<Producer> {
    let servers: Vec<String> = nodes.iter().map(|node| node.base().to_owned()).collect();
    // Small batches and a small buffer, so that there is much to get in order.
    let options = ProducerOptions {
        batch_bytes_max: 512,
        buffer_bytes_max: 128 << 10,
        attempt_timeout: Duration::from_secs(3),
        in_flight_max,
        compression,
        ..ProducerOptions::default()
    };
    Ok(Producer::new(Client::new(servers)?, options)?)
}

async fn send(producer: Producer, task: u32, ends: Ends) -> Result<()> {
    for number in 0..RECORDS_PER_TASK {
        let value = format!("{task}-{number}");
        let key = format!("key-{task}-{}", number % KEYS_PER_TASK);
        let (record, ends) = (Record::to(TOPIC).key(key).value(value.clone()), ends.clone());
        let note = move |end| drop(ends.with(|ends| ends.insert(value, end)));
        producer.send_with(record, note).await?;
    }
    Ok(())
}

/// Reads everything through one node and compares.
async fn judge(node: &Api, ends: &Ends) -> Result<()> {
    let mut found = HashMap::new();
    for partition in 0..PARTITIONS {
        let mut newest: HashMap<String, u32> = HashMap::new();
        for record in node.read_all(TOPIC, partition).await? {
            let (key, value) = (record.key.context("no key")?, record.value.context("no value")?);
            ensure!(partition_for_key(key.as_bytes(), PARTITIONS) == partition, "{key} is astray");
            let number: u32 = value.split_once('-').context("a strange value")?.1.parse()?;
            let before = newest.insert(key.clone(), number);
            ensure!(before < Some(number), "{key}: {number} after {before:?}");
            let twice = found.insert(value.clone(), (partition, record.offset));
            ensure!(twice.is_none(), "{value} is there twice: {twice:?} and {}", record.offset);
        }
    }
    ends.with(|ends| {
        ensure!(found.len() == ends.len(), "{} records of {}", found.len(), ends.len());
        for (value, end) in ends.iter() {
            let (partition, offset) = match end {
                Ok(metadata) => (metadata.partition, metadata.offset),
                Err(error) => bail!("{value}: {error}"),
            };
            let place = found.get(value);
            let task: usize = value.split_once('-').context("a strange value")?.0.parse()?;
            // Of one whose answer was lost, and that newer ones have overtaken, only that is known.
            let can_be_overtaken = IN_FLIGHT[task % IN_FLIGHT.len()] > 1;
            ensure!(offset.is_some() || can_be_overtaken, "{value}: no offset");
            ensure!(
                place.is_some_and(|(at, is)| *at == partition && offset.is_none_or(|o| o == *is)),
                "{value} at {partition}, {offset:?}: {place:?}"
            );
        }
        let placeless =
            ends.values().flatten().filter(|metadata| metadata.offset.is_none()).count();
        ensure!(placeless <= ends.len() / 100, "{placeless} records without an offset");
        Ok(())
    })
}

#[test]
fn records_of_a_producer_are_written_once_and_in_order_while_leaders_are_killed() {
    run(async {
        phase("three nodes, three partitions x 3 replicas");
        let mut cluster = Cluster::start_with(3, Options::default()).await?;
        cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let nodes = cluster.apis();
        let (ends, sent) = (Ends::default(), (TASKS * RECORDS_PER_TASK) as usize);
        let producers = [
            producer(&nodes, IN_FLIGHT[0], Compression::None)?,
            producer(&nodes, IN_FLIGHT[1], Compression::Lz4)?,
        ];
        let mut tasks = Vec::new();
        for task in 0..TASKS {
            let producer = producers[task as usize % producers.len()].clone();
            tasks.push(background(send(producer, task, ends.clone())));
        }

        phase("kill -9 of the leader of each partition in turn, and back");
        for partition in 0..PARTITIONS {
            ends.wait(1_000 + 4_000 * partition as usize).await?;
            let leader = cluster.leader(0, TOPIC, partition).await?;
            cluster.kill(leader);
            let decided = ends.with(|ends| ends.len());
            ensure!(decided < sent, "all were sent before leader {leader} was killed");
            cluster.restart(leader).await?;
            cluster.wait_members(3).await?;
        }
        phase(format!("{} of {sent} are decided", ends.with(|ends| ends.len())));
        for task in tasks {
            task.await??;
        }
        for producer in &producers {
            producer.close().await;
        }
        ensure!(ends.with(|ends| ends.len()) == sent, "a closed producer left records undecided");

        phase("everything is there once, through every node");
        cluster.wait_in_sync(TOPIC, 3).await?;
        for node in cluster.apis() {
            judge(&node, &ends).await?;
        }
        Ok(())
    });
}
