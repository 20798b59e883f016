//! Castle from outside: any node answers a heartbeat, what changed is news and nothing else is,
//! commands outlive the node that took them, of two clients with one name the newer is served, and a
//! member of a group lives by its heartbeats.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::probe::{pass, wait_for};
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::{Value, json};

const TOPIC: &str = "orders";
const SOON: Duration = Duration::from_secs(60);
/// Clients are forgotten sooner than by default.
const CONFIG: &str = "[castle]\nheartbeat_ms = 500\nclient_ttl_ms = 3000\n";

async fn cluster() -> Result<Cluster> {
    phase("three nodes, 3 partitions x 3 replicas");
    let options = Options { config: CONFIG, ..Options::default() };
    let cluster = Cluster::start_with(3, options).await?;
    cluster.api(0).create_topic(TOPIC, 3, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(cluster)
}

/// A client, wherever it sends its heartbeats.
#[derive(Debug, Clone)]
struct Client {
    name: &'static str,
    session: &'static str,
    group: Option<&'static str>,
    member: Option<String>,
    known: u64,
}

impl Client {
    fn new(name: &'static str) -> Client {
        Client { name, session: "first", group: None, member: None, known: 0 }
    }

    /// Sends a heartbeat and keeps the version of its answer.
    async fn beat(&mut self, api: &Api) -> Result<Value> {
        self.beat_with(api, &[]).await
    }

    async fn beat_with(&mut self, api: &Api, done: &[u64]) -> Result<Value> {
        let role = if self.group.is_some() { "consumer" } else { "producer" };
        let mut subscription = json!({ "role": role, "topic": TOPIC });
        if let Some(group) = self.group {
            subscription["group"] = json!(group);
        }
        if let Some(member) = &self.member {
            subscription["member"] = json!(member);
        }
        let body = json!({
            "client_id": "tests", "instance_id": self.name, "session": self.session,
            "known_version": self.known, "subscriptions": [subscription], "done": done,
        });
        let answer = api.post("/v1/castle/heartbeat", &body).await?.ok()?;
        ensure!(answer["interval_ms"] == 500 && answer["ttl_ms"] == 3_000, "{answer}");
        if answer["status"] != "register_fail" {
            self.known = answer["version"].as_u64().context("a version")?;
        }
        Ok(answer)
    }
}

/// What an answer says of this cluster, the only one it names.
fn own(answer: &Value) -> Result<&Value> {
    let clusters = answer["clusters"].as_object().context("clusters")?;
    ensure!(clusters.len() == 1, "{answer}");
    clusters.values().next().context("a cluster")
}

/// The leaders that an answer names, by partition.
fn leaders(answer: &Value) -> Result<Vec<Option<u64>>> {
    let partitions = &own(answer)?["topics"][TOPIC]["partitions"];
    let partitions = partitions.as_array().context("partitions")?;
    Ok(partitions.iter().map(|partition| partition["leader"].as_u64()).collect())
}

fn brokers(answer: &Value) -> Result<BTreeSet<u64>> {
    let brokers = own(answer)?["brokers"].as_array().context("brokers")?;
    Ok(brokers.iter().filter_map(|broker| broker["id"].as_u64()).collect())
}

fn directives(answer: &Value) -> Vec<u64> {
    let all = answer["directives"].as_array().into_iter().flatten();
    all.filter_map(|directive| directive["id"].as_u64()).collect()
}

async fn listed(api: &Api) -> Result<Vec<String>> {
    let listed = api.get("/v1/castle/clients").await?.ok()?;
    let clients = listed["clients"].as_array().context("clients")?;
    let name = |client: &Value| client["instance_id"].as_str().map(str::to_owned);
    Ok(clients.iter().filter_map(name).collect())
}

async fn command(api: &Api, client: &str, body: Value) -> Result<u64> {
    let path = format!("/v1/castle/clients/{client}/commands");
    let taken = api.post(&path, &body).await?.ok()?;
    taken["id"].as_u64().context("a number")
}

#[test]
fn what_changed_is_news_and_nothing_else_is() {
    run(async {
        let mut cluster = cluster().await?;
        let mut client = Client::new("a");

        phase("the first heartbeat: brokers and leaders");
        let first = wait_for("an answer with all leaders", SOON, || {
            let (mut client, api) = (Client::new("a"), cluster.api(0).clone());
            async move {
                let answer = client.beat(&api).await?;
                ensure!(leaders(&answer)?.iter().all(Option::is_some), "{answer}");
                ensure!(answer["status"] == "ok" && brokers(&answer)?.len() == 3, "{answer}");
                Ok(answer)
            }
        })
        .await?;
        client.known = first["version"].as_u64().context("a version")?;
        let broker = &own(&first)?["brokers"][0];
        ensure!(broker["http"].as_str().is_some_and(|url| url.starts_with("http://")), "{broker}");

        phase("nothing changes: no_change, again and again");
        for _ in 0..5 {
            let before = client.known;
            let answer = client.beat(cluster.api(0)).await?;
            ensure!(answer["status"] == "no_change" && client.known == before, "{answer}");
            ensure!(answer.get("clusters").is_none(), "{answer}");
        }

        phase("another node gives a whole answer, of a later version");
        let before = client.known;
        let answer = client.beat(cluster.api(1)).await?;
        ensure!(answer["status"] == "ok" && client.known > before, "{answer}");

        phase("a leader changes: news");
        let (before, was) = (client.known, leaders(&answer)?[0]);
        let path = format!("/v1/cluster/partitions/{TOPIC}/0:transfer-leadership");
        cluster.api(0).post(&path, &json!({})).await?.ok()?;
        let watch = Stopwatch::start();
        loop {
            let answer = client.beat(cluster.api(1)).await?;
            if answer["status"] == "ok" && leaders(&answer)?[0].is_some_and(|now| was != Some(now))
            {
                ensure!(client.known > before, "{answer}");
                break;
            }
            ensure!(watch.elapsed() < SOON, "the leader stays {was:?}: {answer}");
            pass(Duration::from_millis(100)).await;
        }

        phase(
            "it is listed once, by every node, though two heard it; and forgotten when it is silent",
        );
        for index in 0..3 {
            ensure!(listed(cluster.api(index)).await? == ["a"]);
        }
        wait_for("the silent client to be forgotten", SOON, || async {
            let listed = listed(cluster.api(2)).await?;
            ensure!(listed.is_empty(), "{listed:?}");
            Ok(())
        })
        .await?;

        phase("kill -9 of a node: it is named no more, and all partitions get other leaders");
        let gone = cluster.node_id(2).await?;
        cluster.kill(2);
        let watch = Stopwatch::start();
        let mut client = Client::new("a");
        loop {
            // Whole answers: what it had before is of no interest.
            client.known = 0;
            let answer = client.beat(cluster.api(1)).await?;
            let leaders = leaders(&answer)?;
            let brokers = brokers(&answer)?;
            let led = leaders.iter().all(|leader| leader.is_some_and(|led| brokers.contains(&led)));
            if brokers.len() == 2 && led && !brokers.contains(&gone) {
                break;
            }
            ensure!(watch.elapsed() < SOON, "{answer}");
            pass(Duration::from_millis(100)).await;
        }
        Ok(())
    });
}

#[test]
fn commands_reach_their_client_and_outlive_the_node_that_took_them() {
    run(async {
        let mut cluster = cluster().await?;
        let mut client = Client::new("a/b c");
        client.beat(cluster.api(1)).await?;
        let name = "a%2Fb%20c";

        phase("unknown clients are refused");
        let pause = json!({ "kind": "pause" });
        let nobody = cluster.api(0).post("/v1/castle/clients/nobody/commands", &pause).await?;
        nobody.problem(404, "CLIENT_NOT_FOUND")?;

        phase("a command given at one node arrives at the client of another");
        let first = wait_for("the topic of groups to take it", SOON, || async {
            command(cluster.api(0), name, json!({ "kind": "pause", "ttl_ms": 120_000 })).await
        })
        .await?;
        until_directives(&mut client, cluster.api(1), &[first]).await?;
        let answer = client.beat(cluster.api(1)).await?;
        ensure!(directives(&answer) == [first], "it comes until it is done: {answer}");
        ensure!(answer["directives"][0]["kind"] == "pause", "{answer}");

        phase("another one survives kill -9 of the node that took it");
        let body = json!({ "kind": "move", "to": "node:2", "ttl_ms": 120_000 });
        let second = command(cluster.api(0), name, body).await?;
        cluster.kill(0);
        until_directives(&mut client, cluster.api(1), &[first, second]).await?;

        phase("done: it is gone, at this node and at the others");
        let watch = Stopwatch::start();
        loop {
            let answer = client.beat_with(cluster.api(1), &[first]).await?;
            if directives(&answer) == [second] {
                break;
            }
            ensure!(watch.elapsed() < SOON, "{answer}");
        }
        until_directives(&mut client, cluster.api(2), &[second]).await?;
        cluster.restart(0).await?;
        until_directives(&mut client, cluster.api(0), &[second]).await?;
        let listed = cluster.api(2).get("/v1/castle/clients").await?.ok()?;
        ensure!(listed["clients"][0]["directives"][0]["to"] == "node:2", "{listed}");

        phase("what is not done in time is forgotten");
        client.beat_with(cluster.api(0), &[second]).await?;
        let third =
            command(cluster.api(2), name, json!({ "kind": "exit", "ttl_ms": 2_000 })).await?;
        until_directives(&mut client, cluster.api(0), &[third]).await?;
        until_directives(&mut client, cluster.api(0), &[]).await?;

        phase("too much is asked of one client");
        let path = format!("/v1/castle/clients/{name}/commands");
        for _ in 0..100 {
            client.beat(cluster.api(0)).await?;
            cluster.api(0).post(&path, &json!({ "kind": "reinit" })).await?.ok()?;
        }
        cluster
            .api(0)
            .post(&path, &json!({ "kind": "reinit" }))
            .await?
            .problem(429, "OVERLOADED")?;
        Ok(())
    });
}

/// Sends heartbeats until they are answered with exactly these directives.
async fn until_directives(client: &mut Client, api: &Api, wanted: &[u64]) -> Result<()> {
    let watch = Stopwatch::start();
    loop {
        let answer = client.beat(api).await?;
        if directives(&answer) == wanted {
            return Ok(());
        }
        ensure!(watch.elapsed() < SOON, "{wanted:?} are wanted: {answer}");
        pass(Duration::from_millis(100)).await;
    }
}

#[test]
fn of_two_clients_with_one_name_the_newer_is_served_whatever_node_they_ask() {
    run(async {
        let cluster = cluster().await?;
        let mut older = Client::new("a");
        let mut newer = Client { session: "second", ..Client::new("a") };
        ensure!(older.beat(cluster.api(0)).await?["status"] == "ok");

        phase("the newer one comes to another node");
        ensure!(newer.beat(cluster.api(1)).await?["status"] == "ok");
        for index in [0, 1, 2, 0] {
            let answer = older.beat(cluster.api(index)).await?;
            ensure!(answer["status"] == "register_fail", "node {index}: {answer}");
            ensure!(answer["code"] == "INSTANCE_REPLACED", "{answer}");
            let answer = newer.beat(cluster.api(1)).await?;
            ensure!(answer["status"] != "register_fail", "{answer}");
        }
        ensure!(listed(cluster.api(2)).await? == ["a"]);
        Ok(())
    });
}

/// The partitions that an answer names for the client, if it names any.
fn assigned(answer: &Value) -> Option<(String, BTreeSet<u64>)> {
    let assigned = &own(answer).ok()?["topics"][TOPIC]["assigned"][0];
    let partitions = assigned["partitions"].as_array()?;
    let member = assigned["member"].as_str()?.to_owned();
    Some((member, partitions.iter().filter_map(Value::as_u64).collect()))
}

/// Sends heartbeats of several clients until their last answers that had news are as wanted.
async fn until_assigned(
    clients: &mut [Client],
    api: &Api,
    wanted: impl Fn(&[BTreeSet<u64>]) -> bool,
) -> Result<()> {
    let watch = Stopwatch::start();
    loop {
        let mut all = Vec::new();
        for client in &mut *clients {
            client.known = 0;
            let answer = client.beat(api).await?;
            if let Some((member, partitions)) = assigned(&answer) {
                client.member = Some(member);
                all.push(partitions);
            }
        }
        if all.len() == clients.len() && wanted(&all) {
            return Ok(());
        }
        ensure!(watch.elapsed() < SOON, "{clients:?} have {all:?}");
        pass(Duration::from_millis(200)).await;
    }
}

async fn members(api: &Api) -> Result<usize> {
    let group = api.get("/v1/groups/g").await?.ok()?;
    Ok(group["members"].as_array().context("members")?.len())
}

#[test]
fn a_member_lives_by_its_heartbeats_alone() {
    run(async {
        let mut cluster = cluster().await?;
        let reads = |name| Client { group: Some("g"), ..Client::new(name) };

        phase("a heartbeat joins the group and says what the member has");
        let mut clients = vec![reads("a")];
        let all = BTreeSet::from([0, 1, 2]);
        until_assigned(&mut clients, cluster.api(0), |has| has[0] == all).await?;
        let answer = clients[0].beat(cluster.api(0)).await?;
        ensure!(answer["status"] == "no_change", "{answer}");

        phase("members beyond the partitions have nothing");
        clients.extend([reads("b"), reads("c"), reads("d")]);
        until_assigned(&mut clients, cluster.api(0), |has| {
            let mut sizes: Vec<usize> = has.iter().map(BTreeSet::len).collect();
            sizes.sort_unstable();
            let held: BTreeSet<u64> = has.iter().flatten().copied().collect();
            sizes == [0, 1, 1, 1] && held == all
        })
        .await?;
        let mut statuses = Vec::new();
        for client in &mut clients {
            client.known = 0;
            statuses.push(client.beat(cluster.api(0)).await?["status"].to_string());
        }
        let with_none = statuses.iter().filter(|status| *status == "\"no_partition_assign\"");
        ensure!(with_none.count() == 1, "{statuses:?}");

        phase("longer than a session, and a node dies meanwhile: all are still members");
        clients.truncate(2);
        let watch = Stopwatch::start();
        cluster.kill(2);
        while watch.elapsed() < Duration::from_secs(18) {
            for client in &mut clients {
                // A coordinator that is away fails no heartbeat.
                let answer = client.beat(cluster.api(0)).await?;
                ensure!(answer["status"] != "register_fail", "{answer}");
            }
            pass(Duration::from_millis(400)).await;
        }
        wait_for("those that are silent to be gone, and only those", SOON, || async {
            let members = members(cluster.api(1)).await?;
            ensure!(members == 2, "{members} members");
            Ok(())
        })
        .await?;
        until_assigned(&mut clients, cluster.api(1), |has| {
            has[0].is_disjoint(&has[1]) && has[0].union(&has[1]).count() == 3
        })
        .await?;

        phase("who sends no more heartbeats is gone");
        wait_for("the group to be empty", SOON, || async {
            let members = members(cluster.api(0)).await?;
            ensure!(members == 0, "{members} members");
            Ok(())
        })
        .await?;
        Ok(())
    });
}
