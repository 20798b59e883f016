//! INV-10 from outside: a record that a group does not process is delivered again after a while, then
//! given up into the dead-letter topic, exactly once whatever node dies, and holds up nothing.

#[path = "dead_letters/redrive.rs"]
mod redrive;
#[path = "dead_letters/trouble.rs"]
mod trouble;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use reqwest::Method;
use serde_json::{Value, json};

const TOPIC: &str = "orders";
const DEAD: &str = "orders.billing.dlq";
const SOON: Duration = Duration::from_secs(90);

/// Three nodes, and a switch that gives up after the second delivery.
async fn cluster(partitions: u32) -> Result<Cluster> {
    cluster_with(Options::default(), partitions, json!({})).await
}

async fn cluster_with(options: Options, partitions: u32, config: Value) -> Result<Cluster> {
    phase(format!("three nodes, {partitions} partitions x 3 replicas, dead letters on"));
    let cluster = Cluster::start_with(3, options).await?;
    let api = cluster.api(0);
    api.create_topic(TOPIC, partitions, 3, config).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    let switch = json!({ "enabled": true, "attempts": 2, "delay_ms": 300, "backoff": 1.0 });
    let path = format!("/v1/topics/{TOPIC}/dead-letter?group=billing");
    api.with_json(Method::PUT, &path, &switch).await?.ok()?;
    Ok(cluster)
}

async fn produce(api: &Api, values: std::ops::Range<u64>) -> Result<()> {
    let records: Vec<Value> =
        values.map(|n| json!({ "key": format!("k{n}"), "value": n })).collect();
    let body = json!({ "records": records });
    api.post(&format!("/v1/topics/{TOPIC}/records"), &body).await?.ok()?;
    Ok(())
}

async fn poll(api: &Api, lock_ms: u64) -> Result<Vec<Value>> {
    let body = json!({
        "member": "a", "topics": [TOPIC], "start": "earliest", "wait_ms": 300, "lock_ms": lock_ms,
        "max_records": 50,
    });
    let answer = api.post("/v1/groups/billing/poll", &body).await?.ok()?;
    answer["records"].as_array().cloned().context("records")
}

/// Polls until so many records are in hand.
async fn gather(api: &Api, count: usize) -> Result<Vec<Value>> {
    let (mut held, watch) = (Vec::new(), Stopwatch::start());
    while held.len() < count {
        ensure!(watch.elapsed() < SOON, "{} of {count} records came", held.len());
        held.extend(poll(api, 30_000).await?);
    }
    ensure!(held.len() == count, "{} records instead of {count}", held.len());
    Ok(held)
}

/// What is in the dead-letter topic, by value: how often, and the headers.
async fn dead(api: &Api) -> Result<BTreeMap<u64, Vec<Value>>> {
    let mut dead: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    let answer = api.get(&format!("/v1/topics/{DEAD}/records?max_records=10000")).await?.ok()?;
    for record in answer["records"].as_array().context("records")? {
        let value = record["value"].as_u64().context("a value")?;
        dead.entry(value).or_default().push(record["headers"].clone());
    }
    Ok(dead)
}

async fn settle(api: &Api, body: Value) -> Result<Vec<String>> {
    let mut body = body;
    body["member"] = json!("a");
    let answer = api.post("/v1/groups/billing/ack", &body).await?.ok()?;
    let results = answer["results"].as_array().context("results")?;
    let word = |result: &Value| {
        let said = result["result"].as_str().or(result["code"].as_str());
        said.unwrap_or_default().to_owned()
    };
    Ok(results.iter().map(word).collect())
}

#[test]
fn bad_records_are_tried_again_and_end_in_the_dead_letter_topic_while_others_go_on() {
    run(async {
        let cluster = cluster(2).await?;
        let api = cluster.api(1);
        produce(api, 0..20).await?;

        phase("one in five is rejected, one in five is to come again, the others are done");
        let held = gather(api, 20).await?;
        let mut retried = 0;
        for record in &held {
            let token = record["ack_token"].as_str().context("a token")?;
            let value = record["value"].as_u64().context("a value")?;
            let (body, expected) = match value % 5 {
                0 => (
                    json!({ "reject": [{ "token": token, "error": "no such customer" }] }),
                    "dying",
                ),
                1 => {
                    retried += 1;
                    (json!({ "retry": [{ "token": token, "error": "later" }] }), "parked")
                }
                _ => (json!({ "ack": [token] }), "acked"),
            };
            let results = settle(api, body).await?;
            ensure!(results == [expected], "{value}: {results:?}");
        }

        phase(
            "those to come again come again, with what went wrong, and are given up at the second",
        );
        let mut again = BTreeMap::new();
        for record in gather(api, retried).await? {
            ensure!(record["attempt"] == 2 && record["error"] == "later", "{record}");
            let token = record["ack_token"].as_str().context("a token")?.to_owned();
            again.insert(record["value"].as_u64().context("a value")?, token);
        }
        ensure!(again.keys().all(|value| value % 5 == 1), "{again:?}");
        let retry: Vec<Value> =
            again.values().map(|token| json!({ "token": token, "error": "never" })).collect();
        let results = settle(api, json!({ "retry": retry })).await?;
        ensure!(results.iter().all(|result| result == "dying"), "{results:?}");

        phase("the dead-letter topic has each of them once, and nothing is left");
        wait_for("eight dead letters", SOON, || async {
            let found = dead(api).await?;
            ensure!(found.len() == 8, "{:?}", found.keys());
            ensure!(found.values().all(|copies| copies.len() == 1), "{found:?}");
            ensure!(found.keys().all(|value| value % 5 < 2), "{:?}", found.keys());
            let headers = &found[&5][0];
            ensure!(headers["rampart-dlq-error"] == "no such customer", "{headers}");
            ensure!(headers["rampart-dlq-group"] == "billing", "{headers}");
            ensure!(headers["rampart-dlq-attempts"] == "1", "{headers}");
            ensure!(found[&6][0]["rampart-dlq-attempts"] == "2", "{found:?}");
            let lag = api.get("/v1/groups/billing/lag").await?.ok()?;
            ensure!(lag["lag"] == 0, "{lag}");
            Ok(())
        })
        .await
    });
}

#[test]
fn whatever_node_dies_a_record_is_given_up_exactly_once() {
    run(async {
        let mut cluster = cluster(3).await?;
        produce(cluster.api(0), 0..150).await?;

        phase("nobody settles anything: locks run out while each node is killed in turn");
        for index in 0..3 {
            let away = cluster.api((index + 1) % 3).clone();
            wait_for("records are delivered", SOON, || async {
                ensure!(!poll(&away, 400).await?.is_empty(), "nothing came");
                Ok(())
            })
            .await?;
            cluster.kill(index);
            wait_for("records are delivered through another node", SOON, || async {
                ensure!(!poll(&away, 400).await?.is_empty(), "nothing came");
                Ok(())
            })
            .await?;
            cluster.restart(index).await?;
            cluster.wait_in_sync(TOPIC, 3).await?;
        }
        let api = cluster.api(1);
        wait_for("all are given up, each once", SOON, || async {
            poll(api, 400).await?;
            let found = dead(api).await?;
            ensure!(found.len() == 150, "{} of 150 in the dead-letter topic", found.len());
            let doubled: Vec<_> = found.iter().filter(|(_, copies)| copies.len() > 1).collect();
            ensure!(doubled.is_empty(), "more than once: {doubled:?}");
            let group = api.get("/v1/groups/billing").await?.ok()?;
            ensure!(group["counters"]["dead"] == 150, "{group}");
            Ok(())
        })
        .await
    });
}
