//! The SDK's consumer against real nodes: a group reads everything while nodes are killed in turn, what
//! was acknowledged does not come again, bad records end in the dead-letter topic, keys keep their order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_api::client::consumer::{
    Consumer, ConsumerOptions, Message, Settle, TopicPartition, Verdict,
};
use rampart_api::client::{Client, FetchFrom, Reader};
use rampart_api::http::fetch::OffsetParam;
use rampart_api::http::groups::{ResetTo, Settled, StartAt};
use rampart_api::model::ids::Offset;
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

const TOPIC: &str = "orders";
const GROUP: &str = "billing";
const PARTITIONS: u32 = 6;
const RECORDS: u64 = 3_000;
/// Nodes are killed, and come back.
const PATIENCE: Duration = Duration::from_secs(150);

async fn cluster(partitions: u32) -> Result<Cluster> {
    phase(format!("three nodes, {partitions} partitions x 3 replicas"));
    let cluster = Cluster::start_with(3, Options::default()).await?;
    cluster.api(0).create_topic(TOPIC, partitions, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(cluster)
}

async fn produce(api: &Api, values: std::ops::Range<u64>) -> Result<()> {
    let records: Vec<Value> =
        values.map(|n| json!({ "key": format!("k{}", n % 17), "value": n })).collect();
    // Sent again it is written once.
    let key = format!("from-{}", records[0]["value"]);
    let request = api.request(Method::POST, &format!("/v1/topics/{TOPIC}/records"));
    let request = request.header("idempotency-key", key).json(&json!({ "records": records }));
    api.send(request).await?.ok()?;
    Ok(())
}

fn client(nodes: &[Api]) -> Result<Client> {
    let servers: Vec<String> = nodes.iter().map(|node| node.base().to_owned()).collect();
    Ok(Client::new(servers)?)
}

fn options(settle: Settle) -> ConsumerOptions {
    ConsumerOptions {
        start: StartAt::Earliest,
        settle,
        session: Duration::from_secs(6),
        lock: Duration::from_secs(4),
        processing_max: Duration::from_secs(60),
        records_max: 20,
        ..ConsumerOptions::of(GROUP, [TOPIC])
    }
}

fn number(message: &Message) -> Result<u64> {
    let value = message.value.as_deref().context("no value")?;
    Ok(std::str::from_utf8(value)?.parse()?)
}

async fn lag(api: &Api) -> Result<u64> {
    let answer = api.get(&format!("/v1/groups/{GROUP}/lag")).await?.ok()?;
    answer["lag"].as_u64().context("a lag")
}

async fn wait_no_lag(api: &Api) -> Result<()> {
    wait_for("no lag", PATIENCE, || async {
        let lag = lag(api).await?;
        ensure!(lag == 0, "lag {lag}");
        Ok(())
    })
    .await
}

/// What members saw of a value: how often it came, and how often it came after somebody was told that
/// it was acknowledged.
#[derive(Debug, Default)]
struct Tally {
    came: BTreeMap<u64, u32>,
    acked: BTreeSet<u64>,
    after_ack: Vec<u64>,
}

#[derive(Debug, Clone, Default)]
struct Tallies(Arc<Mutex<Tally>>);

impl Tallies {
    fn with<T>(&self, look: impl FnOnce(&mut Tally) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn came(&self, value: u64) {
        self.with(|tally| {
            *tally.came.entry(value).or_default() += 1;
            if tally.acked.contains(&value) {
                tally.after_ack.push(value);
            }
        });
    }

    async fn wait(&self, count: usize) -> Result<()> {
        wait_for(format!("{count} records to be acknowledged"), PATIENCE, || async {
            let now = self.with(|tally| tally.acked.len());
            ensure!(now >= count, "{now} so far");
            Ok(())
        })
        .await
    }
}

/// Reads until `stop`; acknowledges one after the other and notes what is certain.
async fn member(nodes: Vec<Api>, tallies: Tallies, mut stop: watch::Receiver<bool>) -> Result<()> {
    let mut consumer = Consumer::new(client(&nodes)?, options(Settle::Records))?;
    while !*stop.borrow_and_update() {
        let records = consumer.poll(Duration::from_millis(500)).await?;
        let mut settling = Vec::new();
        for record in records {
            let value = number(&record)?;
            tallies.came(value);
            settling.push((value, record.success()));
        }
        for (value, settling) in settling {
            if let Ok(Settled::Acked | Settled::AlreadySettled) = settling.await {
                tallies.with(|tally| tally.acked.insert(value));
            }
        }
    }
    consumer.close().await;
    Ok(())
}

#[test]
fn three_consumers_read_everything_while_nodes_are_killed_in_turn() {
    run(async {
        let mut cluster = cluster(PARTITIONS).await?;
        produce(cluster.api(0), 0..RECORDS / 3).await?;
        let (tallies, stop) = (Tallies::default(), watch::Sender::new(false));
        let mut members = Vec::new();
        for first in 0..3 {
            let mut nodes = cluster.apis();
            nodes.rotate_left(first);
            members.push(background(member(nodes, tallies.clone(), stop.subscribe())));
        }

        phase("kill -9 of each node in turn, and back, while more is written");
        for index in 0..3 {
            tallies.wait((RECORDS / 10) as usize * (index + 1)).await?;
            cluster.kill(index);
            let other = (index + 1) % 3;
            if index < 2 {
                let start = RECORDS / 3 * (index as u64 + 1);
                wait_for("a write", PATIENCE, || async {
                    produce(cluster.api(other), start..start + RECORDS / 3).await
                })
                .await?;
            }
            cluster.restart(index).await?;
            cluster.wait_members(3).await?;
        }

        phase("everything is acknowledged, and nothing is left");
        tallies.wait(RECORDS as usize).await?;
        wait_no_lag(cluster.api(0)).await?;
        stop.send_replace(true);
        for member in members {
            member.await??;
        }
        let group = cluster.api(1).get(&format!("/v1/groups/{GROUP}")).await?.ok()?;
        ensure!(group["members"].as_array().is_some_and(Vec::is_empty), "they left: {group}");
        let (again, total) = tallies.with(|tally| {
            let again = tally.came.values().filter(|times| **times > 1).count();
            (again, tally.came.len())
        });
        phase(format!("{again} of {total} came more than once"));
        ensure!(total as u64 == RECORDS, "{total} values of {RECORDS}");
        tallies.with(|tally| {
            ensure!(tally.after_ack.is_empty(), "came after their ack: {:?}", tally.after_ack);
            Ok(())
        })
    });
}

#[test]
fn what_was_acknowledged_does_not_come_again_when_its_coordinator_dies() {
    run(async {
        let mut cluster = cluster(2).await?;
        produce(cluster.api(0), 0..400).await?;
        let (tallies, stop) = (Tallies::default(), watch::Sender::new(false));
        let member = background(member(cluster.apis(), tallies.clone(), stop.subscribe()));
        tallies.wait(100).await?;
        for index in 0..3 {
            cluster.kill(index);
            cluster.restart(index).await?;
            cluster.wait_members(3).await?;
        }
        tallies.wait(400).await?;
        stop.send_replace(true);
        member.await??;
        tallies.with(|tally| {
            ensure!(tally.after_ack.is_empty(), "came after their ack: {:?}", tally.after_ack);
            Ok(())
        })?;
        wait_no_lag(cluster.api(0)).await
    });
}

#[test]
fn workers_keep_the_order_of_keys_and_bad_records_end_in_the_dead_letter_topic() {
    run(async {
        let cluster = cluster(3).await?;
        let switch = json!({ "enabled": true, "attempts": 3, "delay_ms": 300, "backoff": 1.0 });
        let path = format!("/v1/topics/{TOPIC}/dead-letter?group={GROUP}");
        cluster.api(0).with_json(Method::PUT, &path, &switch).await?.ok()?;
        produce(cluster.api(1), 0..300).await?;

        phase("one in 50 is rejected, one in 50 fails twice; eight at once");
        let seen: Arc<Mutex<Vec<(u64, u32)>>> = Arc::default();
        let notes = seen.clone();
        let handler = move |message: Message| {
            let notes = notes.clone();
            async move {
                let Ok(value) = number(&message) else {
                    return Verdict::Reject { error: "no number".to_owned() };
                };
                let mut seen = notes.lock().unwrap_or_else(PoisonError::into_inner);
                seen.push((value, message.attempt));
                match (value % 50, message.attempt) {
                    (7, _) => Verdict::Reject { error: "unlucky".to_owned() },
                    (8, 1 | 2) => Verdict::Retry { delay: None, error: "later".to_owned() },
                    _ => Verdict::Success,
                }
            }
        };
        let stop = watch::Sender::new(false);
        let mut stopped = stop.subscribe();
        let consumer = Consumer::new(client(&cluster.apis())?, options(Settle::Records))?;
        let workers = background(async move {
            let until = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
            consumer.run(8, handler, until).await
        });
        wait_for("all to be handled", PATIENCE, || async {
            let done = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let last = done.iter().filter(|(value, attempt)| value % 50 == 8 && *attempt == 3);
            ensure!(last.count() == 6, "{} deliveries so far", done.len());
            Ok(())
        })
        .await?;
        wait_no_lag(cluster.api(2)).await?;
        stop.send_replace(true);
        workers.await??;

        phase("each key in its order, each record once, but for those that failed");
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
        for (value, _) in seen.iter().filter(|(_, attempt)| *attempt == 1) {
            let before = newest.insert(value % 17, *value);
            ensure!(before < Some(*value), "{value} after {before:?}");
        }
        let expected: usize = 300 + 2 * 6;
        ensure!(seen.len() == expected, "{} deliveries instead of {expected}", seen.len());
        let dead = format!("/v1/topics/{TOPIC}.{GROUP}.dlq/records?max_records=1000");
        wait_for("the dead letters", PATIENCE, || async {
            let answer = cluster.api(0).get(&dead).await?.ok()?;
            let records = answer["records"].as_array().context("records")?;
            let values: BTreeSet<u64> =
                records.iter().filter_map(|record| record["value"].as_u64()).collect();
            let expected: BTreeSet<u64> = (0..300).filter(|value| value % 50 == 7).collect();
            ensure!(records.len() == 6 && values == expected, "{values:?}");
            Ok(())
        })
        .await
    });
}

#[test]
fn automatic_settling_goes_on_where_the_last_consumer_closed() {
    run(async {
        let cluster = cluster(2).await?;
        produce(cluster.api(0), 0..200).await?;
        let every = Duration::from_millis(300);
        let mut got = BTreeSet::new();
        for target in [60, 200] {
            let automatic = options(Settle::Automatic { every });
            let mut consumer = Consumer::new(client(&cluster.apis())?, automatic)?;
            let watch = Stopwatch::start();
            while got.len() < target {
                ensure!(watch.elapsed() < PATIENCE, "{} of {target} records came", got.len());
                for record in consumer.poll(Duration::from_secs(1)).await? {
                    ensure!(got.insert(number(&record)?), "{} came again", number(&record)?);
                }
            }
            consumer.close().await;
        }
        wait_no_lag(cluster.api(1)).await
    });
}

#[test]
fn seek_moves_a_group_and_a_reader_without_one_is_where_it_says() {
    run(async {
        let cluster = cluster(1).await?;
        produce(cluster.api(0), 0..50).await?;
        let nodes = cluster.apis();
        let place = TopicPartition::new(TOPIC, 0);

        phase("a group goes back to an offset, for as long as it lives");
        let mut consumer = Consumer::new(client(&nodes)?, options(Settle::Records))?;
        let mut got = Vec::new();
        let watch = Stopwatch::start();
        let mut is_moved = false;
        while got.len() < 50 + 10 {
            ensure!(watch.elapsed() < PATIENCE, "{} records came", got.len());
            for record in consumer.poll(Duration::from_secs(1)).await? {
                got.push(number(&record)?);
                record.success().await?;
            }
            if got.len() == 50 && !is_moved {
                consumer.seek(&place, ResetTo::Offset(40)).await?;
                is_moved = true;
            }
        }
        ensure!(got.iter().copied().eq((0..50).chain(40..50)), "{got:?}");
        consumer.close().await;
        wait_no_lag(cluster.api(1)).await?;

        phase("a reader begins where it is told, goes back, and pauses");
        let at = |offset| FetchFrom::Offset(OffsetParam::At(Offset(offset)));
        let mut reader = Reader::assign(client(&nodes)?, [(place.clone(), at(45))]);
        let read = reader.poll(Duration::from_secs(1)).await?;
        let numbers: Vec<u64> = read.iter().map(number).collect::<Result<_>>()?;
        ensure!(numbers == [45, 46, 47, 48, 49], "{numbers:?}");
        ensure!(reader.position(&place) == Some(at(50)), "{:?}", reader.position(&place));
        ensure!(reader.poll(Duration::from_millis(100)).await?.is_empty(), "it is at the end");
        reader.seek(place.clone(), at(49));
        reader.pause([place.clone()]);
        ensure!(reader.poll(Duration::from_millis(100)).await?.is_empty(), "it is paused");
        reader.resume(&[place]);
        ensure!(reader.poll(Duration::from_secs(1)).await?.len() == 1, "one is left");
        Ok(())
    });
}
