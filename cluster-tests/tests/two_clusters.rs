//! INV-21 from outside: a topic moves to another cluster under load, while a node of each side is
//! killed: producers and consumers follow, every acknowledged value is there once, in the order of
//! its key, and nothing is written behind the seal.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rampart_api::client::moves::{Destination, ProducerMove, Reached, Side, consumer_side};
use rampart_api::http::castle_moves::{TopicMoveDescription, TopicMovePhase};
use rampart_api::http::error::ProblemBody;
use rampart_api::model::problem::Outcome;
use rampart_cluster_tests::harness::client::{Answer, Api};
use rampart_cluster_tests::harness::clock::background;
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::{pass, wait_for};
use rampart_cluster_tests::harness::session::{phase, run};
use reqwest::Method;
use serde_json::{Value, json};

const TOPIC: &str = "orders";
const PARTITIONS: u32 = 2;
const KEYS_PER_PARTITION: u32 = 2;
/// A leader is killed, and comes back; a move goes on.
const PATIENCE: Duration = Duration::from_secs(90);
/// Before something that was refused is asked for again.
const PAUSE: Duration = Duration::from_millis(20);
/// One attempt to write.
const ATTEMPT: Duration = Duration::from_secs(3);
const MOVE: &str = "/v1/castle/topics/orders:move";

/// One producer of one key, which it numbers 0, 1, 2 …
#[derive(Debug, Clone)]
struct Writer {
    partition: u32,
    key: String,
    old: Vec<Api>,
    stop: Arc<AtomicBool>,
    /// Values acknowledged by the old and by the new cluster.
    acked: [Arc<AtomicU64>; 2],
}

/// Id and next sequence in one cluster.
#[derive(Debug, Clone, Copy)]
struct Identity {
    id: u64,
    sequence: u64,
}

impl Identity {
    async fn new(nodes: &[Api]) -> Result<Identity> {
        let mut turn = 0;
        wait_for("a producer id", PATIENCE, || {
            let node = &nodes[turn % nodes.len()];
            turn += 1;
            async move {
                let answer = node.post("/v1/producers", &json!({})).await?.ok()?;
                let id = answer["producer_id"].as_u64().context("no id")?;
                Ok(Identity { id, sequence: 0 })
            }
        })
        .await
    }
}

impl Writer {
    fn has_acked(&self) -> [u64; 2] {
        self.acked.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    async fn send(&self, node: &Api, by: Identity, value: u64) -> Result<Answer> {
        let path = format!("/v1/topics/{TOPIC}/records?partition={}", self.partition);
        let records = json!([{ "key": self.key, "value": value.to_string() }]);
        let request = node
            .request(Method::POST, &format!("{path}&timeout_ms=2000"))
            .header("X-Producer-Id", by.id)
            .header("X-Producer-Epoch", 0)
            .header("X-Producer-Sequence", by.sequence)
            .json(&json!({ "encoding": "string", "records": records }))
            .timeout(ATTEMPT);
        node.send(request).await
    }

    /// Writes until it is told to stop; answers how many values were acknowledged.
    async fn run(self) -> Result<u64> {
        let (mut moving, mut nodes, mut side) = (ProducerMove::default(), self.old.clone(), 0);
        let mut by = Identity::new(&nodes).await?;
        let (mut value, mut turn) = (0, 0);
        let mut is_sent = false;
        while !self.stop.load(Ordering::Relaxed) || is_sent {
            if !std::mem::replace(&mut is_sent, true) && side == 0 {
                moving.sent();
            }
            turn += 1;
            // What has no answer is sent again, as it was.
            let Ok(answer) = self.send(&nodes[turn % nodes.len()], by, value).await else {
                pass(PAUSE).await;
                continue;
            };
            if answer.status == 200 {
                self.acked[side].fetch_add(1, Ordering::Relaxed);
                if side == 0 {
                    moving.decided();
                }
                (value, by.sequence, is_sent) = (value + 1, by.sequence + 1, false);
                continue;
            }
            let refusal: ProblemBody = serde_json::from_slice(&answer.body)?;
            if !moving.refused(&refusal) {
                let again = refusal.retriable || refusal.outcome == Outcome::Unknown;
                // A node of the old cluster that has not heard where it goes on.
                let is_told = answer.status == 409 && side == 0;
                ensure!(again || is_told, "{refusal:?}");
                pass(PAUSE).await;
                continue;
            }
            ensure!(side == 0, "the new cluster refuses, too: {refusal:?}");
            let Some(Side::New(to)) = moving.side() else { bail!("nothing else is in flight") };
            (nodes, side, is_sent) = (apis(&to)?, 1, false);
            by = Identity::new(&nodes).await?;
        }
        Ok(value)
    }
}

fn apis(to: &Destination) -> Result<Vec<Api>> {
    let address = |url: &String| Api::new(url.trim_start_matches("http://"));
    to.servers.iter().map(address).collect()
}

/// What a consumer of one partition has read, in order: key, value, and from which cluster.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<(String, u64, usize)>>>);

impl Seen {
    fn all(&self) -> Vec<(String, u64, usize)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads the old partition to its end, then the new one, until it is told to stop.
async fn consume(partition: u32, old: Vec<Api>, stop: Arc<AtomicBool>, seen: Seen) -> Result<()> {
    let (mut nodes, mut side, mut turn) = (old, 0, 0);
    let mut reached = Reached::default();
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let node = &nodes[turn % nodes.len()];
        let offset = reached.offset;
        let path = format!(
            "/v1/topics/{TOPIC}/partitions/{partition}/records?encoding=string&offset={offset}\
             &wait_ms=200"
        );
        let Some(page) = node.get(&path).await.ok().and_then(|answer| answer.ok().ok()) else {
            pass(PAUSE).await;
            continue;
        };
        for record in page["records"].as_array().context("no records")? {
            let text = |name: &str| record[name].as_str().context("no text").map(str::to_owned);
            let read = (text("key")?, text("value")?.parse()?, side);
            seen.0.lock().unwrap_or_else(PoisonError::into_inner).push(read);
        }
        reached.offset = page["next_offset"].as_u64().context("no next offset")?;
        if side == 0 && page["sealed_at"].is_u64() {
            let to = destination(node).await.unwrap_or_default();
            if let Side::New(to) = consumer_side(page["sealed_at"].as_u64(), reached, to.as_ref()) {
                (nodes, side, reached) = (apis(&to)?, 1, Reached::default());
            }
        }
    }
    Ok(())
}

async fn shown(node: &Api) -> Result<TopicMoveDescription> {
    Ok(serde_json::from_value(node.get(MOVE).await?.ok()?)?)
}

async fn destination(node: &Api) -> Result<Option<Destination>> {
    let to = shown(node).await?.to;
    Ok(to.map(|to| Destination { cluster: to.cluster, servers: to.servers }))
}

async fn cluster(name: &str) -> Result<Cluster> {
    phase(format!("{name}: three nodes, {PARTITIONS} partitions x 3 replicas"));
    let cluster = Cluster::start(3).await?;
    cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(cluster)
}

/// Waits until each writer has so many values acknowledged by a side.
async fn wait_acked(writers: &[Writer], side: usize, count: u64) -> Result<()> {
    wait_for(format!("{count} values of each key on side {side}"), PATIENCE, || async {
        for writer in writers {
            let acked = writer.has_acked();
            ensure!(acked[side] >= count, "{}: {acked:?}", writer.key);
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

#[test]
fn a_topic_moves_between_two_clusters_under_load_and_nothing_is_lost() {
    run(async {
        let (mut old, mut new) = (cluster("the old cluster").await?, cluster("the new one").await?);
        let stop = Arc::new(AtomicBool::new(false));
        let writer = |n: u32| Writer {
            partition: n % PARTITIONS,
            key: format!("key-{n}"),
            old: old.apis(),
            stop: stop.clone(),
            acked: Default::default(),
        };
        let writers: Vec<_> = (0..PARTITIONS * KEYS_PER_PARTITION).map(writer).collect();
        let running: Vec<_> = writers.iter().map(|w| background(w.clone().run())).collect();
        let read_enough = Arc::new(AtomicBool::new(false));
        let seen: Vec<Seen> = (0..PARTITIONS).map(|_| Seen::default()).collect();
        let consume = |(partition, seen): (u32, &Seen)| {
            background(consume(partition, old.apis(), read_enough.clone(), seen.clone()))
        };
        let consumers: Vec<_> = (0..PARTITIONS).zip(&seen).map(consume).collect();
        wait_acked(&writers, 0, 30).await?;

        phase("a move that is only announced stops nobody, and can be taken back");
        let servers: Vec<_> = new.apis().iter().map(|node| node.base().to_owned()).collect();
        let servers = json!({ "servers": servers });
        insist(&old, Method::PUT, "/v1/castle/clusters/east", &servers).await?;
        let held = json!({ "to": "east", "hold": true });
        let announced = insist(&old, Method::POST, MOVE, &held).await?;
        ensure!(announced["phase"] == "preparing", "{announced}");
        let circle = json!({ "servers": [old.api(0).base()] });
        insist(&new, Method::PUT, "/v1/castle/clusters/west", &circle).await?;
        let refused = new.api(0).post(MOVE, &json!({ "to": "west" })).await?;
        refused.problem(409, "UNSAFE")?;
        let cancel = "/v1/castle/topics/orders:cancel";
        let stays = insist(&old, Method::POST, cancel, &json!({})).await?;
        ensure!(stays["phase"] == "stays", "{stays}");
        wait_acked(&writers, 0, 60).await?;

        phase("it moves, while a leader of each side is killed");
        insist(&old, Method::POST, MOVE, &json!({ "to": "east" })).await?;
        let victims = [old.leader(0, TOPIC, 0).await?, new.leader(0, TOPIC, 0).await?];
        old.kill(victims[0]);
        new.kill(victims[1]);
        wait_acked(&writers, 1, 30).await?;
        phase("both come back");
        old.restart(victims[0]).await?;
        new.restart(victims[1]).await?;
        wait_for("the topic to have moved", PATIENCE, || async {
            let shown = shown(old.api(victims[0])).await?;
            ensure!(shown.phase == TopicMovePhase::Moved, "{shown:?}");
            Ok(())
        })
        .await?;
        old.api(0).post(cancel, &json!({})).await?.problem(409, "UNSAFE")?;
        wait_acked(&writers, 1, 60).await?;

        phase("writers stop, readers read on until they have seen everything");
        stop.store(true, Ordering::Relaxed);
        let mut written = BTreeMap::new();
        for (writer, run) in writers.iter().zip(running) {
            written.insert(writer.key.clone(), run.await??);
        }
        let total: u64 = written.values().sum();
        wait_for(format!("{total} records to be read"), PATIENCE, || async {
            let read: usize = seen.iter().map(|seen| seen.all().len()).sum();
            ensure!(read as u64 >= total, "{read} so far");
            Ok(())
        })
        .await?;
        read_enough.store(true, Ordering::Relaxed);
        for consumer in consumers {
            consumer.await??;
        }
        judge(&seen, &written)?;
        judge_sealed(&old).await
    });
}

/// Each key has each of its values once, in order, first those of the old cluster.
fn judge(seen: &[Seen], written: &BTreeMap<String, u64>) -> Result<()> {
    let mut found: BTreeMap<String, Vec<(u64, usize)>> = BTreeMap::new();
    for (key, value, side) in seen.iter().flat_map(Seen::all) {
        found.entry(key).or_default().push((value, side));
    }
    for (key, count) in written {
        let found = found.remove(key).unwrap_or_default();
        let values: Vec<u64> = found.iter().map(|(value, _)| *value).collect();
        ensure!(values == (0..*count).collect::<Vec<_>>(), "{key}: {count} written, {values:?}");
        let old = found.iter().filter(|(_, side)| *side == 0).count();
        ensure!(found[..old].iter().all(|(_, side)| *side == 0), "{key} went back: {found:?}");
        phase(format!("{key}: {old} values in the old cluster, {} in the new", values.len() - old));
    }
    ensure!(found.is_empty(), "nobody wrote {found:?}");
    Ok(())
}

/// The old partitions end where they are sealed, on every replica, and take nothing more.
async fn judge_sealed(old: &Cluster) -> Result<()> {
    old.wait_in_sync(TOPIC, 3).await?;
    for node in old.apis() {
        for partition in 0..PARTITIONS {
            let topic = node.topic(TOPIC).await?;
            let described = &topic["partitions"][partition as usize];
            ensure!(described["sealed_at"] == described["log_end_offset"], "{described}");
            let answer = node.produce(TOPIC, partition, "late", "").await?;
            let problem = answer.problem(409, "TOPIC_MOVED")?;
            ensure!(problem["moved_to"]["cluster"] == "east", "{problem}");
            ensure!(problem["outcome"] == "not_done", "{problem}");
            let after = node.topic(TOPIC).await?;
            let end = &after["partitions"][partition as usize]["high_watermark"];
            ensure!(*end == described["sealed_at"], "{after}");
        }
    }
    Ok(())
}
