//! INV-07: a batch is written once however often it is sent, and its duplicate is answered with its
//! offset: through another node, after the death of its leader, after a restart of all, by a leader
//! that knows of it from a snapshot only.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::{Answer, Api};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::history::Journal;
use rampart_cluster_tests::workloads::once::{OnceWriters, Producer, offsets};
use rampart_cluster_tests::workloads::read_back;
use reqwest::Method;
use serde_json::json;

const TOPIC: &str = "payments";
/// Until a new leader acknowledges.
const FAILOVER: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(120);
/// Retention is looked at twice a second instead of once in a long while.
const CONFIG: &str = "[storage]\nretention_check_interval_ms = 500\n";

async fn cluster(partitions: u32) -> Result<Cluster> {
    phase(format!("three nodes, {partitions} partitions x 3 replicas"));
    let options = Options { config: CONFIG, ..Options::default() };
    let cluster = Cluster::start_with(3, options).await?;
    cluster.api(0).create_topic(TOPIC, partitions, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(cluster)
}

fn values(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Sends a batch until it is answered at all; it has these offsets, and was there before or not.
async fn demand(
    api: &Api,
    producer: Producer,
    sequence: u64,
    names: &[&str],
    expected: (&[u64], bool),
) -> Result<()> {
    wait_for(format!("{names:?} through {}", api.base()), FAILOVER, || async {
        let answer = producer.send(api, (TOPIC, 0), sequence, &values(names)).await?;
        let found = (offsets(&answer)?.0, answer.header("idempotency-replayed") == Some("true"));
        ensure!((&found.0[..], found.1) == expected, "{found:?} instead of {expected:?}");
        Ok(())
    })
    .await
}

#[test]
fn a_batch_sent_again_is_written_once_whatever_died_in_between() {
    run(async {
        let mut cluster = cluster(1).await?;
        let producer = Producer::new(cluster.api(0)).await?;
        let other = Producer::new(cluster.api(1)).await?;
        ensure!(producer != other, "two producers have the id {}", producer.id);
        let leader = cluster.leader(0, TOPIC, 0).await?;
        let away = cluster.api((leader + 1) % 3).clone();
        demand(cluster.api(leader), producer, 0, &["a", "b"], (&[0, 1], false)).await?;
        demand(cluster.api(leader), producer, 0, &["a", "b"], (&[0, 1], true)).await?;
        demand(&away, producer, 2, &["c"], (&[2], false)).await?;

        phase("kill -9 of the leader: a retry through another node finds what was written");
        cluster.kill(leader);
        demand(&away, producer, 2, &["c"], (&[2], true)).await?;
        demand(&away, producer, 0, &["a", "b"], (&[0, 1], true)).await?;
        demand(&away, producer, 3, &["d"], (&[3], false)).await?;
        demand(&away, other, 0, &["e"], (&[4], false)).await?;

        phase("gaps, old epochs and strangers are refused, and nothing is written");
        let refused = async |producer: Producer, sequence, code: &str, outcome: &str| {
            let answer = producer.send(&away, (TOPIC, 0), sequence, &values(&["no"])).await?;
            let problem = answer.problem(409, code)?;
            ensure!(problem["outcome"] == outcome, "{problem}");
            ensure!(problem["hint"].is_string(), "{problem}");
            anyhow::Ok(())
        };
        refused(producer, 9, "OUT_OF_ORDER_SEQUENCE_NUMBER", "not_done").await?;
        refused(producer, 1, "DUPLICATE_SEQUENCE", "unknown").await?;
        let stranger = Producer::new(&away).await?;
        refused(stranger, 5, "UNKNOWN_PRODUCER_ID", "unknown").await?;
        let body = json!({ "producer_id": producer.id, "epoch": producer.epoch });
        let bumped = away.post("/v1/producers", &body).await?.ok()?;
        ensure!(bumped == json!({ "producer_id": producer.id, "epoch": 1 }), "{bumped}");
        let renewed = Producer { epoch: 1, ..producer };
        demand(&away, renewed, 0, &["f"], (&[5], false)).await?;
        refused(producer, 4, "INVALID_PRODUCER_EPOCH", "not_done").await?;

        phase("kill -9 of all nodes: after the restart it is known as before");
        cluster.restart(leader).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        cluster.kill_all();
        for index in 0..3 {
            cluster.launch(index)?;
        }
        for index in 0..3 {
            cluster.wait_ready(index).await?;
        }
        demand(&away, other, 0, &["e"], (&[4], true)).await?;
        demand(cluster.api(leader), renewed, 0, &["f"], (&[5], true)).await?;
        let records = away.read_all(TOPIC, 0).await?;
        let found: Vec<_> = records.into_iter().filter_map(|record| record.value).collect();
        ensure!(found == ["a", "b", "c", "d", "e", "f"], "{found:?}");
        Ok(())
    });
}

async fn keyed(api: &Api, key: &str, value: &str) -> Result<Answer> {
    let request = api
        .request(Method::POST, &format!("/v1/topics/{TOPIC}/records"))
        .header("Idempotency-Key", key)
        .json(&json!({ "encoding": "string", "records": [{ "value": value }] }));
    api.send(request).await
}

#[test]
fn a_key_is_answered_the_same_through_every_node_and_after_failover() {
    run(async {
        let mut cluster = cluster(4).await?;
        let first = keyed(cluster.api(0), "order-1", "paid").await?;
        ensure!(first.header("idempotency-replayed").is_none(), "{first:?}");
        let first = first.ok()?;
        let partition = u32::try_from(first["offsets"][0]["partition"].as_u64().context("none")?)?;
        for index in 0..3 {
            let again = keyed(cluster.api(index), "order-1", "paid").await?;
            ensure!(again.header("idempotency-replayed") == Some("true"), "{again:?}");
            let again = again.ok()?;
            ensure!(again == first, "{again} instead of {first}");
            let other = keyed(cluster.api(index), "order-1", "not paid").await?;
            other.problem(422, "IDEMPOTENCY_MISMATCH")?;
        }

        phase("the leader of the partition that the key chose is killed");
        let leader = cluster.leader(0, TOPIC, partition).await?;
        cluster.kill(leader);
        let away = cluster.api((leader + 1) % 3).clone();
        wait_for("the same answer", FAILOVER, || async {
            let again = keyed(&away, "order-1", "paid").await?;
            ensure!(again.header("idempotency-replayed") == Some("true"), "{again:?}");
            let again = again.ok()?;
            ensure!(again == first, "{again} instead of {first}");
            Ok(())
        })
        .await?;
        let mut values = Vec::new();
        for partition in 0..4 {
            values.extend(away.read_all(TOPIC, partition).await?.into_iter().map(|r| r.value));
        }
        ensure!(values == [Some("paid".to_owned())], "{values:?}");
        Ok(())
    });
}

#[test]
fn writers_that_send_again_write_once_while_every_node_is_killed_in_turn() {
    run(async {
        let mut cluster = cluster(3).await?;
        let journal = Journal::new();
        let writers = OnceWriters::start(&cluster.apis(), TOPIC, 3, journal.recorder()).await?;
        writers.wait_more(30).await?;
        for index in 0..3 {
            phase(format!("kill -9 of node {index}, and back"));
            cluster.kill(index);
            writers.wait_more(30).await?;
            cluster.restart(index).await?;
            cluster.wait_members(3).await?;
            writers.wait_more(15).await?;
        }
        writers.stop().await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        for node in cluster.apis() {
            let verdict = read_back::judge(&journal, &node, TOPIC, 3).await?;
            phase(format!("{}: {}", node.base(), verdict.summary()));
        }
        cluster.demand_same_on_every_replica(&[TOPIC]).await
    });
}

#[test]
fn a_leader_that_was_made_of_a_snapshot_knows_what_was_written_before_it() {
    run(async {
        let mut cluster = cluster(1).await?;
        let producer = Producer::new(cluster.api(0)).await?;
        let leader = cluster.leader(0, TOPIC, 0).await?;
        let away = (leader + 1) % 3;
        cluster.kill(away);
        demand(cluster.api(leader), producer, 0, &["once"], (&[0], false)).await?;

        phase("retention cuts the log away behind it, while a follower is down");
        let api = cluster.api(leader).clone();
        let config = json!({ "config": { "retention.bytes": 100_000 } });
        api.with_json(Method::PATCH, &format!("/v1/topics/{TOPIC}"), &config).await?.ok()?;
        let (filler, mut largest, watch) = ("x".repeat(1_000), 0, Stopwatch::start());
        loop {
            for _ in 0..50 {
                api.produce(TOPIC, 0, &filler, "").await?.ok()?;
            }
            let topic = api.topic(TOPIC).await?;
            let size = topic["partitions"][0]["size_bytes"].as_u64().context("no size")?;
            if size < largest {
                break;
            }
            largest = size;
            ensure!(watch.elapsed() < LONG, "{size} bytes, and none was purged");
        }

        phase("the follower gets a snapshot, and leads");
        cluster.restart(away).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let id = cluster.node_id(away).await?;
        let path = format!("/v1/cluster/partitions/{TOPIC}/0:transfer-leadership");
        wait_for("the returned node to lead", Duration::from_secs(60), || async {
            cluster.api(away).post(&path, &json!({ "to": id })).await?.ok()?;
            let now = cluster.leader(away, TOPIC, 0).await?;
            ensure!(now == away, "{now} leads");
            Ok(())
        })
        .await?;
        ensure!(api.read(TOPIC, 0, "&offset=earliest").await?.log_start > 0, "nothing was cut");
        demand(cluster.api(away), producer, 0, &["once"], (&[0], true)).await?;
        let gap = producer.send(&api, (TOPIC, 0), 7, &values(&["no"])).await?;
        gap.problem(409, "OUT_OF_ORDER_SEQUENCE_NUMBER")?;
        Ok(())
    });
}
