//! Every command against a running cluster: what it does, what it prints, and its exit code. What
//! is refused is in `bad_start.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::flights;
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::{stays, wait_for};
use rampart_cluster_tests::harness::process::{self, Finished};
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(30);
/// For what moves data.
const LATER: Duration = Duration::from_secs(60);

/// The command line, pointed at a server.
struct Rampart {
    server: String,
}

impl Rampart {
    fn of(cluster: &Cluster) -> Rampart {
        Rampart { server: cluster.api(0).base().to_owned() }
    }

    async fn run(&self, line: &str, stdin: &str) -> Result<Finished> {
        let args: Vec<&str> = line.split_whitespace().collect();
        let all = [&["--server", self.server.as_str()], &args[..]].concat();
        process::run(&all, stdin.as_bytes(), LATER).await
    }

    /// What a command printed, which must have succeeded without a word on standard error.
    async fn text(&self, line: &str) -> Result<String> {
        self.fed(line, "").await
    }

    async fn fed(&self, line: &str, stdin: &str) -> Result<String> {
        let done = self.run(line, stdin).await?;
        ensure!(done.code == 0, "rampart {line}: {}", done.output());
        Ok(done.stdout)
    }

    /// The one JSON document that a command printed.
    async fn json(&self, line: &str) -> Result<Value> {
        let text = self.text(&format!("{line} --format json")).await?;
        serde_json::from_str(&text).with_context(|| format!("rampart {line} printed {text}"))
    }

    /// A command that ends with this code and says this.
    async fn refused(&self, line: &str, code: i32, says: &str) -> Result<()> {
        let done = self.run(line, "").await?;
        let said = done.output();
        ensure!(done.code == code && done.stderr.contains(says), "rampart {line}: {said}");
        Ok(())
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// The names in a list of topics, but for the cluster's own.
fn own_topics(list: &Value) -> Vec<&str> {
    let topics = list["topics"].as_array().into_iter().flatten();
    topics.filter(|topic| topic["internal"] == false).filter_map(|t| t["name"].as_str()).collect()
}

#[test]
fn topics_are_made_changed_and_deleted() {
    run(async {
        let cluster = Cluster::start(3).await?;
        let rampart = Rampart::of(&cluster);

        phase("a dry run makes nothing, a create does, and the answers are data for programs");
        let planned = rampart.json("topic create flights -p 4 -r 3 --dry-run").await?;
        ensure!(planned["dry_run"] == true, "{planned}");
        rampart.refused("topic describe flights", 3, "rampart topic create").await?;
        let made = rampart.json("topic create flights -p 4 -r 3 -c retention.ms=86400000").await?;
        ensure!(made["partitions"] == 4 && made["replicas"][0].as_array().is_some(), "{made}");
        rampart.text("topic create other").await?;
        let list = rampart.json("topic list").await?;
        ensure!(own_topics(&list) == ["flights", "other"], "{list}");
        let table = rampart.text("topic list --format table").await?;
        ensure!(lines(&table)[0].starts_with("TOPIC") && table.contains("flights"), "{table}");

        phase("configuration is set, shown with where it came from, and set back");
        rampart.text("topic alter flights -c retention.ms=1000 -c ack=-1").await?;
        let topic = rampart.json("topic describe flights").await?;
        ensure!(topic["config"]["retention.ms"] == "1000", "{topic}");
        rampart.text("topic alter flights --reset retention.ms").await?;
        let topic = rampart.json("topic describe flights").await?;
        ensure!(topic["config_set"] == serde_json::json!(["ack"]), "{topic}");
        rampart.refused("topic alter flights -c colour=red", 2, "colour").await?;
        rampart.refused("topic alter flights", 2, "nothing to change").await?;
        rampart.text("topic alter other -r 1").await?;

        phase("partitions are added, never taken away");
        rampart.text("topic add-partitions flights 6").await?;
        let topic = rampart.json("topic describe flights").await?;
        ensure!(topic["partitions"].as_array().is_some_and(|all| all.len() == 6), "{topic}");
        let fewer = rampart.run("topic add-partitions flights 2", "").await?;
        ensure!(fewer.code != 0, "{}", fewer.output());

        phase("records below an offset are deleted, after a question");
        rampart.fed("produce flights -p 0", "a\nb\nc\n").await?;
        rampart.refused("topic truncate flights -p 0 --before 2", 2, "needs --yes").await?;
        let cut = rampart.json("topic truncate flights -p 0 --before 2 --yes").await?;
        ensure!(cut["partitions"][0]["log_start_offset"] == 2, "{cut}");
        ensure!(rampart.text("consume flights -p 0").await? == "c\n", "not what was kept");

        phase("topics are deleted: one answer for all of them, and a dry run of the same shape");
        let planned = rampart.json("topic delete flights other --dry-run").await?;
        let records = &planned["topics"][0]["records"];
        ensure!(planned["dry_run"] == true && *records == 1, "{planned}");
        rampart.refused("topic delete flights", 2, "needs --yes").await?;
        rampart.refused("topic delete flights nothing --yes", 3, "nothing").await?;
        let gone = rampart.json("topic delete flights other --yes").await?;
        let index = &gone["topics"][1]["metadata_index"];
        ensure!(gone["dry_run"] == false && index.is_u64(), "{gone}");
        let list = rampart.json("topic list").await?;
        ensure!(own_topics(&list).is_empty(), "{list}");
        Ok(())
    });
}

#[test]
fn records_go_in_and_come_out_as_they_were() {
    run(async {
        let cluster = Cluster::start(3).await?;
        let rampart = Rampart::of(&cluster);
        rampart.text("topic create flights -p 4").await?;

        phase("a file, keyed by a place inside each line");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights-10k.jsonl");
        let report = rampart.json(&format!("produce flights -F {file} --key /origin")).await?;
        ensure!(report["records"] == 10_000 && report["unknown"] == 0, "{report}");
        let read = rampart.text("consume flights -f %k\\t%v\\n").await?;
        let mut seen = Vec::new();
        for line in read.lines() {
            let (key, value) = line.split_once('\t').context("no tab")?;
            ensure!(key == flights::origin(value)?, "{key} is not the key of {value}");
            seen.push(value);
        }
        let mut wanted = flights::lines();
        wanted.sort_unstable();
        seen.sort_unstable();
        ensure!(seen == wanted, "{} lines came back, or other ones", seen.len());

        phase("parts of it: the first, the last of each partition, from an offset, as data");
        let first = rampart.text("consume flights -n 3").await?;
        ensure!(lines(&first).len() == 3, "{first}");
        let last = rampart.text("consume flights -o -1 -f %p\\n").await?;
        ensure!(lines(&last) == ["0", "1", "2", "3"], "{last}");
        let from = rampart.text("consume flights -p 2 -o 5 -n 2 -f %t/%p@%o\\n").await?;
        ensure!(lines(&from) == ["flights/2@5", "flights/2@6"], "{from}");
        let record = rampart.json("consume flights -p 1 -n 1").await?;
        ensure!(record["partition"] == 1 && record["value"]["origin"].is_string(), "{record}");
        let latest = rampart.text("consume flights -o latest").await?;
        ensure!(latest.is_empty(), "{latest}");

        phase("lines from standard input, with the key cut off, with none, and with bytes");
        rampart.text("topic create keyed -p 3").await?;
        rampart.fed("produce keyed -K :", "a:1\nb:2\na:3\n:4\n").await?;
        let read = rampart.text("consume keyed -f %k=%v\\n").await?;
        let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in read.lines() {
            let (key, value) = line.split_once('=').context("no key")?;
            by_key.entry(key).or_default().push(value);
        }
        let wanted = BTreeMap::from([("", vec!["4"]), ("a", vec!["1", "3"]), ("b", vec!["2"])]);
        ensure!(by_key == wanted, "{by_key:?}");
        let bad = rampart.run("produce keyed -K :", "a:1\nno separator\n").await?;
        ensure!(bad.code == 1 && bad.stderr.contains("line 2"), "{}", bad.output());
        let report = rampart.fed("produce keyed -p 2 --ack -1 --format table", "x\n").await?;
        ensure!(report == "1 records written to keyed (by partition: 2: 1)\n", "{report}");

        phase("what is not there, and what can't be");
        rampart.refused("produce nothing", 3, "nothing").await?;
        rampart.refused("consume flights -p 9", 3, "it has 0 to 3").await?;
        let nowhere = rampart.run("produce flights -p 9", "x\n").await?;
        ensure!(nowhere.code == 3, "{}", nowhere.output());
        rampart.refused("consume flights -p 0 -o 99999999", 1, "OFFSET_OUT_OF_RANGE").await
    });
}

#[test]
fn nodes_and_partitions_are_looked_after() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        let rampart = Rampart::of(&cluster);
        rampart.text("topic create flights -p 3 -r 3").await?;
        cluster.wait_in_sync("flights", 3).await?;
        rampart.fed("produce flights", "1\n2\n3\n").await?;
        let node_at = |list: &Value, http: String| {
            let nodes = list["nodes"].as_array().cloned().unwrap_or_default();
            let found = nodes.iter().find(|node| node["http"] == http);
            found.and_then(|node| node["id"].as_u64()).with_context(|| format!("{http}: {list}"))
        };

        phase("the cluster, and its settings");
        wait_for("the topic, and the eight partitions of the groups", SOON, || async {
            let status = rampart.json("cluster status").await?;
            ensure!(status["topics"] == 2 && status["partitions"] == 3 + 8, "{status}");
            Ok(())
        })
        .await?;
        wait_for("health to be ok", SOON, || async { rampart.text("cluster health").await })
            .await?;
        let config = rampart.json("cluster config --set auto_rebalance=false").await?;
        ensure!(config["config"]["cluster.auto_rebalance"] == "false", "{config}");
        rampart.refused("cluster config --set auto_rebalance=perhaps", 2, "perhaps").await?;
        let plan = rampart.json("cluster rebalance --dry-run").await?;
        ensure!(plan["dry_run"] == true && plan["moves"].is_array(), "{plan}");

        phase("a node is drained and taken back");
        let list = rampart.json("node list").await?;
        let second = node_at(&list, cluster.node(1).http.to_string())?;
        let done = rampart.json(&format!("node drain {second}")).await?;
        ensure!(done["state"] == "draining", "{done}");
        wait_for("the drained node to lead nothing", SOON, || async {
            let status = rampart.json(&format!("node status {second}")).await?;
            ensure!(status["leaders"] == 0 && status["state"] == "draining", "{status}");
            Ok(())
        })
        .await?;
        // Not on that node, which could not hand over what only it has.
        rampart.text("topic create small -p 1 -r 1").await?;
        let done = rampart.json(&format!("node recommission {second}")).await?;
        ensure!(done["state"] == "active", "{done}");

        phase("a partition is described, led by another replica, and moved");
        let partition = rampart.json("partition describe flights 0").await?;
        let leader = partition["leader"].as_u64().context("no leader")?;
        let replicas = partition["replicas"].as_array().context("no replicas")?;
        let mut others = replicas.iter().filter_map(|replica| replica["node"].as_u64());
        let other = others.find(|node| *node != leader).context("no other")?;
        let done =
            rampart.json(&format!("partition transfer-leader flights 0 --to {other}")).await?;
        ensure!(done["leader"] == other, "{done}");
        let small = rampart.json("partition describe small 0").await?;
        let from = small["replicas"][0]["node"].as_u64().context("no replica")?;
        let to = [leader, other].into_iter().find(|node| *node != from).context("no target")?;
        let planned = rampart.json(&format!("partition move small 0 --to {to} --dry-run")).await?;
        ensure!(planned["dry_run"] == true && planned["move"]["to"][0] == to, "{planned}");
        rampart.text(&format!("partition move small 0 --to {to}")).await?;
        wait_for("the replica to be where it was sent", LATER, || async {
            let small = rampart.json("partition describe small 0").await?;
            let replicas = small["replicas"].as_array().context("no replicas")?;
            ensure!(replicas.len() == 1 && replicas[0]["node"] == to, "{small}");
            Ok(())
        })
        .await?;
        rampart.refused("partition describe flights 9", 3, "it has 0 to 2").await?;

        phase("with three nodes three replicas leave no room for a decommission");
        let planned = rampart.json(&format!("node decommission {second} --dry-run")).await?;
        ensure!(planned["blockers"].as_array().is_some_and(|all| !all.is_empty()), "{planned}");
        rampart.refused(&format!("node decommission {second}"), 4, "UNSAFE").await?;
        rampart.refused(&format!("node remove {second} --yes"), 4, "UNSAFE").await?;

        phase("with a fourth it is done, waited for, and the node is taken out");
        let fourth = cluster.add_node().await?;
        let list = rampart.json("node list").await?;
        let fourth = node_at(&list, cluster.node(fourth).http.to_string())?;
        stays("nothing moves to it by itself", Duration::from_secs(2), || async {
            let status = rampart.json(&format!("node status {fourth}")).await?;
            ensure!(status["replicas"] == 0, "it takes a share: {status}");
            Ok(())
        })
        .await?;
        let done = rampart.json(&format!("node decommission {second} --wait")).await?;
        ensure!(done["state"] == "decommissioned" && done["partitions_left"] == 0, "{done}");
        let code = cluster.terminate(1).await?;
        ensure!(code == 0, "the node ended with {code}");
        rampart.refused(&format!("node remove {second}"), 2, "needs --yes").await?;
        rampart.text(&format!("node remove {second} --yes")).await?;
        let list = rampart.json("node list").await?;
        ensure!(list["nodes"].as_array().is_some_and(|nodes| nodes.len() == 3), "{list}");
        rampart.refused(&format!("node status {second}"), 3, "rampart node list").await?;
        let read = rampart.text("consume flights").await?;
        ensure!(lines(&read).len() == 3, "{read}");

        phase("what it left on its disk can be looked at");
        inspect(&rampart, &cluster.node(1).data_dir.display().to_string()).await
    });
}

/// `debug inspect` of a stopped node.
async fn inspect(rampart: &Rampart, dir: &str) -> Result<()> {
    let found = rampart.json(&format!("debug inspect {dir}")).await?;
    let groups = found["groups"].as_array().context("no groups")?;
    let metadata =
        groups.iter().find(|group| group["kind"] == "metadata").context("no metadata")?;
    let group = &metadata["group"];
    let verified = rampart.json(&format!("debug inspect {dir} --verify")).await?;
    ensure!(verified["groups"][0]["damaged"] == serde_json::json!([]), "{verified}");
    let page = rampart.json(&format!("debug inspect {dir} --group {group} --count 2")).await?;
    let entries = page["entries"].as_array().context("no entries")?;
    let next = page["next_index"].as_u64().context("no next page")?;
    ensure!(entries.len() == 2 && entries[1]["index"].as_u64() < Some(next), "{page}");
    let more = format!("debug inspect {dir} --group {group} --from {next} --count 1000000");
    let page = rampart.json(&more).await?;
    ensure!(page["entries"][0]["index"] == next && page["next_index"].is_null(), "{page}");
    rampart.refused(&format!("debug inspect {dir} --group 999999"), 3, "999999").await?;
    rampart.refused(&format!("debug inspect {dir}/store"), 1, "no data directory").await
}

#[test]
fn what_needs_no_cluster_needs_none() {
    run(async {
        let rampart = Rampart { server: "http://127.0.0.1:1".to_owned() };
        let settings = rampart.json("config show --http-listen 127.0.0.1:8099").await?;
        let settings = settings.as_array().context("no list")?;
        let listen = settings.iter().find(|setting| setting["key"] == "http.listen");
        let listen = listen.context("no http.listen")?;
        ensure!(listen["value"] == "\"127.0.0.1:8099\"", "{listen}");
        ensure!(listen["origin"] == "flag --http-listen", "{listen}");
        let sample = rampart.text("config sample").await?;
        let kept = include_str!("../../deploy/config/rampart.toml");
        ensure!(sample.trim_end() == kept.trim_end(), "it is not deploy/config/rampart.toml");
        let script = rampart.text("completion bash").await?;
        ensure!(script.contains("complete -F _rampart"), "{script:.200}");
        ensure!(rampart.text("--version").await?.starts_with("rampart "), "no version");
        Ok(())
    });
}

#[test]
fn a_bench_says_what_a_cluster_does_and_leaves_nothing_behind() {
    run(async {
        let cluster = Cluster::start(3).await?;
        let rampart = Rampart::of(&cluster);

        phase("flat out, raw and as JSON: all that was written is counted");
        for body in ["raw --compression lz4", "json --keys 20"] {
            let line =
                format!("bench produce --records 2000 --batch 50 --partitions 3 --body {body}");
            let report = rampart.json(&line).await?;
            let produce = &report["produce"];
            ensure!(produce["records"] == 2_000 && produce["requests"] == 40, "{report}");
            ensure!(produce["bytes"] == 2_000 * 1_024, "{report}");
            ensure!(produce["records_per_second"].as_f64() > Some(0.0), "{report}");
            ensure!(report["consume"].is_null(), "{report}");
        }

        phase("everything back; without a topic, what was written for that");
        let report = rampart.json("bench consume --records 3000 --partitions 2").await?;
        ensure!(report["consume"]["records"] == 3_000, "{report}");
        ensure!(report["produce"]["records"] == 3_000, "{report}");

        phase("at a rate, read along: each record is read, and none before it was due");
        let line = "bench e2e --rate 500 --records 1000 --partitions 3 --record-bytes 100";
        let report = rampart.json(line).await?;
        let (produce, consume) = (&report["produce"], &report["consume"]);
        ensure!(produce["records"] == 1_000 && consume["records"] == 1_000, "{report}");
        ensure!(produce["requests"] == 1_000, "without a linger each goes alone: {report}");
        ensure!(produce["seconds"].as_f64() > Some(1.9), "{report}");
        let latency = |of: &Value, share: &str| of["latency"][share].as_f64().context("a time");
        ensure!(latency(consume, "p50_ms")? > 0.0, "{report}");
        ensure!(latency(consume, "p99_ms")? <= latency(consume, "max_ms")?, "{report}");

        phase("a topic of one's own stays, with what was written");
        rampart.json("topic create mine -p 2 -r 3").await?;
        let report = rampart.json("bench mixed --topic mine --records 400 --batch 10").await?;
        ensure!(report["consume"]["records"] == 400, "{report}");
        ensure!(own_topics(&rampart.json("topic list").await?) == ["mine"], "only mine is left");

        phase("what makes no sense is refused with what would");
        rampart.refused("bench produce --batch 0", 2, "0 is not in 1..=10000").await?;
        rampart.refused("bench e2e --body json --seconds 1", 2, "--body raw").await?;
        rampart.refused("bench produce --topic nothere", 3, "nothere").await
    });
}
