//! INV-21 for those who use the SDK: a topic moves to another cluster while a node of each side is
//! killed, and a producer and the members of a group follow it. Everything is read at least once, first deliveries keep
//! the order of each key, and nothing of the new cluster comes before all of the old one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rampart_api::client::Client;
use rampart_api::client::consumer::{Consumer, ConsumerOptions, ConsumerRecord, Settle};
use rampart_api::client::producer::{Delivery as Sent, Producer, ProducerOptions, Record};
use rampart_api::http::error::ProblemBody;
use rampart_api::http::groups::StartAt;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Outcome;
use rampart_cluster_tests::harness::client::{Answer, Api};
use rampart_cluster_tests::harness::clock::background;
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::{pass, wait_for};
use rampart_cluster_tests::harness::session::{phase, run};
use reqwest::Method;
use serde_json::{Value, json};

const TOPIC: &str = "orders";
const GROUP: &str = "billing";
const PARTITIONS: u32 = 3;
/// Who writes to this one is the SDK's producer, which only knows the old cluster.
const OF_SDK: u32 = 2;
const KEYS_PER_PARTITION: u64 = 3;
/// Values of each key in one request.
const BATCH: u64 = 2;
/// A leader is killed, and comes back; a move goes on.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between requests of a writer.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a member works on what one poll gave: so slowly that records of the old cluster are open
/// when Castle tells it of the move.
const WORK: Duration = Duration::from_millis(250);
/// One attempt to write.
const ATTEMPT: Duration = Duration::from_secs(3);
const MOVE: &str = "/v1/castle/topics/orders:move";

/// Who writes to one partition; unless it is the SDK's, a plain client, which sends what has no answer again under the same
/// `Idempotency-Key`, and goes on in the new cluster once the old one has refused something.
#[derive(Debug, Clone)]
struct Writer {
    partition: u32,
    sides: [Vec<Api>; 2],
    stop: Arc<AtomicBool>,
    /// Values of each key that were acknowledged by the old and by the new cluster.
    acked: [Arc<AtomicU64>; 2],
}

impl Writer {
    fn has_acked(&self) -> [u64; 2] {
        self.acked.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    fn keys(&self) -> impl Iterator<Item = String> + use<> {
        let partition = self.partition;
        (0..KEYS_PER_PARTITION).map(move |key| format!("key-{partition}-{key}"))
    }

    async fn send(&self, node: &Api, from: u64) -> Result<Answer> {
        let of = |value: u64| {
            self.keys().map(move |key| json!({ "key": key, "value": value.to_string() }))
        };
        let records: Vec<Value> = (from..from + BATCH).flat_map(of).collect();
        let path = format!("/v1/topics/{TOPIC}/records?partition={}", self.partition);
        let request = node
            .request(Method::POST, &format!("{path}&timeout_ms=2000"))
            .header("Idempotency-Key", format!("{}-{from}", self.partition))
            .json(&json!({ "encoding": "string", "records": records }))
            .timeout(ATTEMPT);
        node.send(request).await
    }

    /// Writes until it is told to stop.
    async fn run(self) -> Result<()> {
        match self.partition {
            OF_SDK => self.run_sdk().await,
            _ => self.run_plain().await,
        }
    }

    async fn run_sdk(self) -> Result<()> {
        let servers: Vec<_> = self.sides[0].iter().map(|node| node.base().to_owned()).collect();
        // What is sent at once is one batch, and so of one cluster.
        let options = ProducerOptions { linger: 3 * PAUSE, ..ProducerOptions::default() };
        let producer = Producer::new(Client::new(servers)?, options)?;
        let (mut value, mut last, mut side) = (0, None, 0);
        while !self.stop.load(Ordering::Relaxed) {
            let mut sides = BTreeSet::new();
            for sent in self.send_by(&producer, value).await? {
                let offset = sent.await?.offset.context("an offset")?;
                // Offsets begin anew in the new cluster, and only there.
                side += usize::from(last.is_some_and(|last| offset <= last));
                last = Some(offset);
                sides.insert(side);
            }
            ensure!(sides.len() == 1 && side < 2, "one batch on the sides {sides:?}");
            self.acked[side].fetch_add(BATCH, Ordering::Relaxed);
            value += BATCH;
        }
        producer.close().await;
        Ok(())
    }

    async fn send_by(&self, producer: &Producer, from: u64) -> Result<Vec<Sent>> {
        let mut sent = Vec::new();
        for value in from..from + BATCH {
            for key in self.keys() {
                let record = Record::to(TOPIC).partition(self.partition);
                sent.push(producer.send(record.key(key).value(value.to_string())).await?);
            }
        }
        Ok(sent)
    }

    async fn run_plain(self) -> Result<()> {
        let (mut side, mut value, mut turn) = (0, 0, 0);
        let mut is_sent = false;
        while !self.stop.load(Ordering::Relaxed) || is_sent {
            (is_sent, turn) = (true, turn + 1);
            pass(PAUSE).await;
            let nodes = &self.sides[side];
            let Ok(answer) = self.send(&nodes[turn % nodes.len()], value).await else { continue };
            if answer.status == 200 {
                self.acked[side].fetch_add(BATCH, Ordering::Relaxed);
                (value, is_sent) = (value + BATCH, false);
                continue;
            }
            let refusal: ProblemBody = serde_json::from_slice(&answer.body)?;
            if refusal.code == ErrorCode::TopicMoved && refusal.outcome == Outcome::NotDone {
                ensure!(side == 0, "the new cluster refuses, too: {refusal:?}");
                side = 1;
            } else if !refusal.retriable && refusal.outcome != Outcome::Unknown {
                bail!("{refusal:?}");
            }
        }
        Ok(())
    }
}

/// What the group was given, in order, and by how many members.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<Delivery>>>);

#[derive(Debug, Clone)]
struct Delivery {
    partition: u32,
    key: String,
    value: u64,
    member: usize,
}

impl Seen {
    fn all(&self) -> Vec<Delivery> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, member: usize, record: &ConsumerRecord) -> Result<()> {
        let text = |bytes: Option<&[u8]>| {
            Ok::<_, anyhow::Error>(String::from_utf8(bytes.context("none")?.to_vec())?)
        };
        let (key, value) = (text(record.key.as_deref())?, text(record.value.as_deref())?);
        let (partition, value) = (record.partition, value.parse()?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Delivery { partition, key, value, member });
        Ok(())
    }
}

/// A member of the group, which only knows the old cluster.
async fn member(number: usize, old: Vec<Api>, seen: Seen, stop: Arc<AtomicBool>) -> Result<()> {
    let servers: Vec<String> = old.iter().map(|node| node.base().to_owned()).collect();
    let options = ConsumerOptions {
        start: StartAt::Earliest,
        settle: Settle::Records,
        client_id: format!("member-{number}"),
        session: Duration::from_secs(6),
        lock: Duration::from_secs(4),
        processing_max: Duration::from_secs(60),
        records_max: 10,
        ..ConsumerOptions::of(GROUP, [TOPIC])
    };
    let mut consumer = Consumer::new(Client::new(servers)?, options)?;
    while !stop.load(Ordering::Relaxed) {
        for record in consumer.poll(Duration::from_millis(300)).await? {
            seen.note(number, &record)?;
            // What was not settled comes again.
            drop(record.success());
        }
        pass(WORK).await;
    }
    consumer.close().await;
    Ok(())
}

async fn cluster(name: &str) -> Result<Cluster> {
    phase(format!("{name}: three nodes, {PARTITIONS} partitions x 3 replicas"));
    let cluster = Cluster::start(3).await?;
    cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(cluster)
}

/// Waits until each writer has so many values of each key acknowledged by a side.
async fn wait_acked(writers: &[Writer], side: usize, count: u64) -> Result<()> {
    wait_for(format!("{count} values of each key on side {side}"), PATIENCE, || async {
        for writer in writers {
            let acked = writer.has_acked();
            ensure!(acked[side] >= count, "partition {}: {acked:?}", writer.partition);
        }
        Ok(())
    })
    .await
}

/// Asks a running node until it does as it is asked.
async fn insist(cluster: &Cluster, method: Method, path: &str, body: &Value) -> Result<Value> {
    let mut turn = 0;
    wait_for(format!("{method} {path}"), PATIENCE, || {
        let running = cluster.running();
        let node = cluster.api(running[turn % running.len()]);
        turn += 1;
        let method = method.clone();
        async move { node.with_json(method, path, body).await?.ok() }
    })
    .await
}

/// Waits until the group has settled all in a cluster, and has so many members there.
async fn wait_group(cluster: &Cluster, members: usize) -> Result<()> {
    wait_for(format!("no lag and {members} members"), PATIENCE, || async {
        let group = cluster.any()?.get(&format!("/v1/groups/{GROUP}")).await?.ok()?;
        let found = group["members"].as_array().context("members")?.len();
        let partitions = group["partitions"].as_array().context("partitions")?;
        let is_done = partitions.iter().all(|partition| partition["lag"] == 0);
        let is_whole = partitions.len() == PARTITIONS as usize;
        ensure!(found == members && is_done && is_whole, "{group}");
        Ok(())
    })
    .await
}

#[test]
fn a_consumer_group_follows_a_topic_that_moves() {
    run(async {
        let (mut old, mut new) = (cluster("the old cluster").await?, cluster("the new one").await?);
        let [stop, read_enough] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let writer = |partition| Writer {
            partition,
            sides: [old.apis(), new.apis()],
            stop: stop.clone(),
            acked: Default::default(),
        };
        let writers: Vec<_> = (0..PARTITIONS).map(writer).collect();
        let writing: Vec<_> = writers.iter().map(|w| background(w.clone().run())).collect();
        wait_acked(&writers, 0, 80).await?;

        phase("two members join, who are slower than the writers");
        let seen = Seen::default();
        let member =
            |number| background(member(number, old.apis(), seen.clone(), read_enough.clone()));
        let members: Vec<_> = (0..2).map(member).collect();
        wait_for("both members to be given records", PATIENCE, || async {
            let givers: BTreeSet<usize> = seen.all().iter().map(|one| one.member).collect();
            ensure!(givers.len() == 2, "{givers:?}");
            Ok(())
        })
        .await?;

        phase("the topic moves, while a leader of each side is killed");
        let servers: Vec<_> = new.apis().iter().map(|node| node.base().to_owned()).collect();
        let servers = json!({ "servers": servers });
        insist(&old, Method::PUT, "/v1/castle/clusters/east", &servers).await?;
        insist(&old, Method::POST, MOVE, &json!({ "to": "east" })).await?;
        let victims = [old.leader(0, TOPIC, 0).await?, new.leader(0, TOPIC, 0).await?];
        old.kill(victims[0]);
        new.kill(victims[1]);
        wait_acked(&writers, 1, 40).await?;
        phase("both come back");
        old.restart(victims[0]).await?;
        new.restart(victims[1]).await?;
        wait_acked(&writers, 1, 80).await?;

        phase("writers stop; the group is through with the old cluster, and with the new one");
        stop.store(true, Ordering::Relaxed);
        for writing in writing {
            writing.await??;
        }
        wait_group(&old, 0).await?;
        wait_group(&new, 2).await?;
        read_enough.store(true, Ordering::Relaxed);
        for member in members {
            member.await??;
        }
        wait_group(&new, 0).await?;
        judge(&seen.all(), &writers)
    });
}

/// Each key has all its values, first deliveries in order, and those of the old cluster before those of
/// the new one, whoever got them.
fn judge(seen: &[Delivery], writers: &[Writer]) -> Result<()> {
    for writer in writers {
        let [old, new] = writer.has_acked();
        let all: Vec<_> = seen.iter().filter(|one| one.partition == writer.partition).collect();
        let is_new = |one: &&&Delivery| one.value >= old;
        let begins = all.iter().position(|one| is_new(&one)).context("nothing new was read")?;
        let late: Vec<_> = all[begins..].iter().filter(|one| !is_new(one)).collect();
        ensure!(late.is_empty(), "of the old cluster, and after the new one: {late:?}");
        let mut first: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for one in &all {
            let values = first.entry(&one.key).or_default();
            if !values.contains(&one.value) {
                values.push(one.value);
            }
        }
        let expected: Vec<u64> = (0..old + new).collect();
        for key in writer.keys() {
            let values = first.remove(key.as_str()).unwrap_or_default();
            ensure!(values == expected, "{key}: {old} and {new} written, {values:?}");
        }
        ensure!(first.is_empty(), "nobody wrote {first:?}");
        let again = all.len() as u64 - (old + new) * KEYS_PER_PARTITION;
        phase(format!(
            "partition {}: {old} + {new} of each key, {again} came again",
            writer.partition
        ));
    }
    Ok(())
}
