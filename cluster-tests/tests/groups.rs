//! INV-08 to INV-10 from outside: in a group a partition is one member's, offsets and generations
//! survive the coordinator, what is not settled in time comes again, and no older owner settles
//! anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::{Value, json};

const TOPIC: &str = "orders";
const SOON: Duration = Duration::from_secs(60);

async fn cluster(partitions: u32) -> Result<Cluster> {
    phase(format!("three nodes, {partitions} partitions x 3 replicas"));
    let cluster = Cluster::start_with(3, Options::default()).await?;
    cluster.api(0).create_topic(TOPIC, partitions, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(cluster)
}

async fn produce(api: &Api, values: std::ops::Range<u32>) -> Result<()> {
    let records: Vec<Value> =
        values.map(|n| json!({ "key": format!("k{}", n % 7), "value": n })).collect();
    let body = json!({ "records": records });
    api.post(&format!("/v1/topics/{TOPIC}/records"), &body).await?.ok()?;
    Ok(())
}

/// A member of a group, through one node or another.
#[derive(Debug, Clone)]
struct Member {
    group: &'static str,
    name: &'static str,
    session_ms: u64,
    lock_ms: u64,
}

/// A record in a member's hands: partition, offset, value, attempt, token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    partition: u64,
    offset: u64,
    value: u64,
    attempt: u64,
    token: String,
}

impl Member {
    fn new(group: &'static str, name: &'static str) -> Member {
        Member { group, name, session_ms: 10_000, lock_ms: 30_000 }
    }

    async fn poll_as_said(&self, api: &Api, max_records: u64) -> Result<Value> {
        let body = json!({
            "member": self.name, "topics": [TOPIC], "start": "earliest", "wait_ms": 200,
            "max_records": max_records, "lock_ms": self.lock_ms, "session_ms": self.session_ms,
        });
        api.post(&format!("/v1/groups/{}/poll", self.group), &body).await?.ok()
    }

    async fn poll(&self, api: &Api, max_records: u64) -> Result<Vec<Held>> {
        let answer = self.poll_as_said(api, max_records).await?;
        let records = answer["records"].as_array().context("records")?;
        let held = records.iter().map(|record| {
            let number = |name: &str| record[name].as_u64().context("a number");
            Ok(Held {
                partition: number("partition")?,
                offset: number("offset")?,
                value: number("value")?,
                attempt: number("attempt")?,
                token: record["ack_token"].as_str().context("a token")?.to_owned(),
            })
        });
        held.collect()
    }

    async fn assignment(&self, api: &Api) -> Result<BTreeSet<u64>> {
        // Takes no record in hand that could keep a partition from moving.
        let answer = self.poll_as_said(api, 1).await?;
        let records = answer["records"].as_array().context("records")?;
        let tokens: Vec<&str> = records.iter().filter_map(|r| r["ack_token"].as_str()).collect();
        if !tokens.is_empty() {
            self.settle(api, json!({ "ack": tokens })).await?;
        }
        let assigned = answer["assignment"].as_array().context("assignment")?;
        Ok(assigned.iter().filter_map(|at| at["partition"].as_u64()).collect())
    }

    /// The result, or the code of the refusal, of each token.
    async fn settle(&self, api: &Api, what: Value) -> Result<Vec<String>> {
        let mut body = what;
        body["member"] = json!(self.name);
        let answer = api.post(&format!("/v1/groups/{}/ack", self.group), &body).await?.ok()?;
        let results = answer["results"].as_array().context("results")?;
        let word = |result: &Value| {
            let said = result["result"].as_str().or(result["code"].as_str());
            said.unwrap_or_default().to_owned()
        };
        Ok(results.iter().map(word).collect())
    }

    async fn ack(&self, api: &Api, held: &[Held]) -> Result<Vec<String>> {
        let tokens: Vec<&str> = held.iter().map(|held| held.token.as_str()).collect();
        self.settle(api, json!({ "ack": tokens })).await
    }
}

async fn lag(api: &Api, group: &str) -> Result<u64> {
    let answer = api.get(&format!("/v1/groups/{group}/lag")).await?.ok()?;
    answer["lag"].as_u64().context("a lag")
}

/// Polls and acknowledges until nothing is left; what was got, by value, and how often.
async fn drain(member: &Member, api: &Api, got: &mut BTreeMap<u64, u32>) -> Result<()> {
    loop {
        let held = member.poll(api, 100).await?;
        if held.is_empty() {
            return Ok(());
        }
        for record in &held {
            *got.entry(record.value).or_default() += 1;
        }
        let results = member.ack(api, &held).await?;
        ensure!(results.iter().all(|result| result == "acked"), "{results:?}");
    }
}

#[test]
fn the_topic_of_the_groups_is_made_with_the_cluster_and_rises_to_three_replicas() {
    run(async {
        phase("one node, without any group");
        let mut cluster = Cluster::start_with(1, Options::default()).await?;
        wait_for("eight partitions on it", SOON, || async {
            let topic = cluster.api(0).get("/v1/topics/__group_state").await?.ok()?;
            ensure!(topic["internal"] == true && replicas(&topic)? == [1; 8], "{topic}");
            Ok(())
        })
        .await?;
        let groups = cluster.api(0).get("/v1/groups").await?.ok()?;
        ensure!(groups["groups"] == json!([]), "{groups}");

        phase("two nodes join: three replicas of each");
        cluster.add_node().await?;
        let third = cluster.add_node().await?;
        wait_for("three replicas of each", SOON, || async {
            let topic = cluster.api(third).get("/v1/topics/__group_state").await?.ok()?;
            ensure!(replicas(&topic)? == [3; 8], "{topic}");
            Ok(())
        })
        .await
    });
}

/// How many replicas each partition of a topic has.
fn replicas(topic: &Value) -> Result<Vec<usize>> {
    let partitions = topic["partitions"].as_array().context("partitions")?.iter();
    Ok(partitions.map(|at| at["replicas"].as_array().map_or(0, Vec::len)).collect())
}

#[test]
fn a_group_reads_everything_once_and_goes_on_after_its_coordinator_died() {
    run(async {
        let mut cluster = cluster(4).await?;
        produce(cluster.api(0), 0..400).await?;
        let (a, b) = (Member::new("g", "a"), Member::new("g", "b"));
        let mut got: BTreeMap<u64, u32> = BTreeMap::new();

        phase("one member reads half of it, and then another one joins");
        for _ in 0..2 {
            let held = a.poll(cluster.api(0), 100).await?;
            held.iter().for_each(|record| *got.entry(record.value).or_default() += 1);
            a.ack(cluster.api(1), &held).await?;
        }
        let before: u64 = got.len() as u64;
        ensure!(before > 100, "only {before} records in two polls");
        ensure!(lag(cluster.api(2), "g").await? == 400 - before, "the lag is not what is left");
        wait_for("both hold two partitions, and no two the same", SOON, || async {
            let (of_a, of_b) =
                (a.assignment(cluster.api(0)).await?, b.assignment(cluster.api(2)).await?);
            ensure!(
                of_a.len() == 2 && of_b.len() == 2 && of_a.is_disjoint(&of_b),
                "{of_a:?} {of_b:?}"
            );
            Ok(())
        })
        .await?;

        phase("kill -9 of each node in turn: offsets and members stay");
        let known = lag(cluster.api(0), "g").await?;
        for index in 0..3 {
            cluster.kill(index);
            let away = cluster.api((index + 1) % 3).clone();
            wait_for(format!("the lag through another node than {index}"), SOON, || async {
                let now = lag(&away, "g").await?;
                ensure!(now == known, "lag {now} instead of {known}");
                Ok(())
            })
            .await?;
            cluster.restart(index).await?;
            cluster.wait_in_sync(TOPIC, 3).await?;
        }

        phase("they read the rest; nothing is left out");
        wait_for("no lag", SOON, || async {
            let mut rest = BTreeMap::new();
            drain(&a, cluster.api(1), &mut rest).await?;
            drain(&b, cluster.api(0), &mut rest).await?;
            let left = lag(cluster.api(2), "g").await?;
            ensure!(left == 0, "lag {left}");
            Ok(())
        })
        .await?;
        let description = cluster.api(0).get("/v1/groups/g").await?.ok()?;
        let members = description["members"].as_array().context("members")?;
        ensure!(members.len() == 2, "{description}");
        Ok(())
    });
}

#[test]
fn what_is_not_settled_comes_again_and_old_tokens_settle_nothing() {
    run(async {
        let cluster = cluster(1).await?;
        let api = cluster.api(0);
        produce(api, 0..10).await?;
        let short = Member { lock_ms: 500, session_ms: 1_000, ..Member::new("g", "a") };

        phase("a lock that ran out: the same records again, as the second delivery");
        let first = short.poll(api, 3).await?;
        ensure!(first.iter().map(|held| held.value).eq(0..3), "{first:?}");
        ensure!(first.iter().all(|held| held.attempt == 1), "{first:?}");
        let again = wait_for("they come again", SOON, || async {
            let again = short.poll(api, 3).await?;
            ensure!(again.first().is_some_and(|held| held.value == 0), "{again:?}");
            Ok(again)
        })
        .await?;
        ensure!(again.iter().all(|held| held.attempt == 2), "{again:?}");

        phase(
            "an ack is idempotent; retry brings a record back in place; reject has nowhere to go",
        );
        let results = short.ack(api, &again[..1]).await?;
        ensure!(results == ["acked"], "{results:?}");
        let results = short.ack(api, &again[..1]).await?;
        ensure!(results == ["already_settled"], "{results:?}");
        let results = short
            .settle(
                api,
                json!({
                    "retry": [{ "token": again[1].token }], "reject": [{ "token": again[2].token }],
                    "ack": ["rubbish"],
                }),
            )
            .await?;
        ensure!(results == ["INVALID_REQUEST", "in_place", "DEAD_LETTERS_OFF"], "{results:?}");
        let back = short.poll(api, 1).await?;
        ensure!(back.len() == 1 && back[0].value == 1 && back[0].attempt == 3, "{back:?}");

        phase("a member that says nothing is gone; its tokens settle nothing, and nothing is lost");
        let other = Member::new("g", "b");
        let taken = wait_for("another member has its partition", SOON, || async {
            let held = other.poll(api, 100).await?;
            ensure!(held.len() == 9, "{} records", held.len());
            Ok(held)
        })
        .await?;
        ensure!(taken.iter().map(|held| held.value).eq(1..10), "{taken:?}");
        let results = short.ack(api, &back).await?;
        ensure!(results == ["UNKNOWN_MEMBER"], "{results:?}");
        let results = other.ack(api, &taken).await?;
        ensure!(results.iter().all(|result| result == "acked"), "{results:?}");
        ensure!(lag(api, "g").await? == 0, "something is left");

        phase("offsets are reset only without members, or by force; and groups are forgotten");
        let reset = |force: bool| json!({ "topic": TOPIC, "to": { "shift": -4 }, "force": force });
        let path = "/v1/groups/g:reset-offsets";
        api.post(path, &reset(false)).await?.problem(409, "GROUP_ACTIVE")?;
        let moved = api.post(path, &reset(true)).await?.ok()?;
        ensure!(moved["offsets"][0]["from"] == 10 && moved["offsets"][0]["to"] == 6, "{moved}");
        let anew = other.poll(api, 100).await?;
        ensure!(anew.iter().map(|held| held.value).eq(6..10), "{anew:?}");
        let commit = json!({ "member": "b", "generation": 1, "offsets": [] });
        api.post("/v1/groups/g/commit", &commit).await?.problem(409, "STALE_GENERATION")?;
        api.delete("/v1/groups/g/members/b").await?;
        let body = json!({});
        let forgotten =
            api.with_json(reqwest::Method::DELETE, "/v1/groups/g", &body).await?.ok()?;
        ensure!(forgotten["group"] == "g", "{forgotten}");
        api.get("/v1/groups/g").await?.problem(404, "GROUP_NOT_FOUND")?;
        api.get(&format!("/v1/groups/{}", "x".repeat(10_000)))
            .await?
            .problem(400, "INVALID_REQUEST")?;
        Ok(())
    });
}
