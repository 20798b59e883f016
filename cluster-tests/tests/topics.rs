//! The life of a topic: created, grown, changed, emptied, deleted, and made anew.

use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use reqwest::Method;
use serde_json::json;

const LONG: Duration = Duration::from_secs(45);
/// Retention is looked at twice a second instead of once in a long while.
const RETENTION_CONFIG: &str = "[storage]\nretention_check_interval_ms = 500\n";

/// One request each, so that each is a batch of its own.
async fn produce(api: &Api, topic: &str, count: usize) -> Result<()> {
    for number in 0..count {
        api.produce(topic, 0, &format!("{number:0100}"), "").await?.ok()?;
    }
    Ok(())
}

#[test]
fn a_recreated_topic_is_another_topic_and_starts_empty() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic("phoenix", 2, 3, json!({})).await?;
        produce(cluster.api(0), "phoenix", 20).await?;
        let first = cluster.api(0).topic("phoenix").await?;

        phase("a node is down while the topic is deleted and made again");
        cluster.kill(2);
        cluster.api(0).delete("/v1/topics/phoenix").await?.ok()?;
        cluster.api(0).get("/v1/topics/phoenix").await?.problem(404, "TOPIC_NOT_FOUND")?;
        cluster.api(0).create_topic("phoenix", 2, 2, json!({})).await?;
        let second = cluster.api(0).topic("phoenix").await?;
        ensure!(first["id"] != second["id"], "it has the id of the deleted one");
        wait_for("the new topic to take writes", LONG, || async {
            cluster.api(1).produce("phoenix", 0, "new", "").await?.ok()
        })
        .await?;

        phase("every node, the one that slept too, shows only the new one");
        cluster.restart(2).await?;
        for node in cluster.apis() {
            wait_for("the new topic's only record", LONG, || async {
                let records = node.read_all("phoenix", 0).await?;
                let values: Vec<_> =
                    records.iter().map(|r| (r.offset, r.value.as_deref())).collect();
                ensure!(values == [(0, Some("new"))], "{values:?}");
                Ok(())
            })
            .await?;
        }
        Ok(())
    });
}

#[test]
fn the_replica_count_goes_up_and_down_and_nothing_is_lost() {
    run(async {
        let cluster = Cluster::start(3).await?;
        let api = cluster.api(0);
        api.create_topic("elastic", 3, 1, json!({})).await?;
        wait_for("leaders", LONG, || async { produce(api, "elastic", 30).await }).await?;
        let before = api.read_all("elastic", 0).await?;

        for factor in [3_usize, 1, 2] {
            phase(format!("to {factor}"));
            let body = json!({ "replication_factor": factor });
            api.with_json(Method::PATCH, "/v1/topics/elastic", &body).await?.ok()?;
            cluster.wait_in_sync("elastic", factor).await?;
            wait_for("the same records", LONG, || async {
                let now = api.read_all("elastic", 0).await?;
                ensure!(now == before, "{} records instead of {}", now.len(), before.len());
                Ok(())
            })
            .await?;
        }
        Ok(())
    });
}

#[test]
fn partitions_are_added_and_used() {
    run(async {
        let cluster = Cluster::start(3).await?;
        let api = cluster.api(0);
        api.create_topic("growing", 1, 3, json!({})).await?;
        api.post("/v1/topics/growing/partitions", &json!({ "partitions": 3 })).await?.ok()?;
        cluster.wait_in_sync("growing", 3).await?;
        let lines: Vec<String> = (0..750).map(|n| n.to_string()).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        api.produce_lines("growing", &lines, "").await?;
        for partition in 0..3 {
            let count = api.read_all("growing", partition).await?.len();
            ensure!(count == 250, "partition {partition} has {count}");
        }
        phase("fewer is refused: it would lose records");
        let answer = api.post("/v1/topics/growing/partitions", &json!({ "partitions": 2 })).await?;
        ensure!((400..500).contains(&answer.status), "{answer:?}");
        Ok(())
    });
}

#[test]
fn truncated_records_are_gone_everywhere_and_say_so() {
    run(async {
        let mut cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic("short", 1, 3, json!({})).await?;
        produce(cluster.api(0), "short", 50).await?;

        phase("records below 30 are deleted");
        let body = json!({ "partitions": [{ "partition": 0, "before_offset": 30 }] });
        let answer = cluster.api(1).post("/v1/topics/short/truncate", &body).await?.ok()?;
        ensure!(answer["partitions"][0]["log_start_offset"] == 30, "{answer}");
        let records = cluster.api(2).read_all("short", 0).await?;
        ensure!(records.len() == 20 && records[0].offset == 30, "{} left", records.len());

        phase("reading below says which offsets there are, also after a change of leader");
        let leader = cluster.leader(0, "short", 0).await?;
        cluster.kill(leader);
        let other = (leader + 1) % 3;
        let path = "/v1/topics/short/partitions/0/records?offset=29";
        let problem = wait_for("the new leader's refusal", LONG, || async {
            cluster.api(other).get(path).await?.problem(416, "OFFSET_OUT_OF_RANGE")
        })
        .await?;
        ensure!(problem["valid_offsets"]["log_start_offset"] == 30, "{problem}");
        ensure!(problem["valid_offsets"]["high_watermark"] == 50, "{problem}");

        phase("new records go on where the old ones ended");
        let landed = cluster.api(other).produce("short", 0, "next", "").await?.ok()?;
        ensure!(landed["offsets"][0]["offset"] == 50, "{landed}");
        Ok(())
    });
}

#[test]
fn retention_by_bytes_and_by_time_deletes_the_oldest() {
    run(async {
        let options = Options { config: RETENTION_CONFIG, ..Options::default() };
        let cluster = Cluster::start_with(3, options).await?;
        let api = cluster.api(0);
        let by_bytes = json!({ "retention.bytes": 50_000 });
        let by_time = json!({ "retention.ms": 1_000 });
        api.create_topic("by-bytes", 1, 3, by_bytes).await?;
        api.create_topic("by-time", 1, 3, by_time).await?;

        phase("ten times more bytes than are kept");
        let value = "x".repeat(1_000);
        for _ in 0..500 {
            api.produce("by-bytes", 0, &value, "").await?.ok()?;
        }
        produce(api, "by-time", 50).await?;
        for topic in ["by-bytes", "by-time"] {
            wait_for(format!("the start of {topic} to move"), LONG, || async {
                let page = api.read(topic, 0, "&offset=earliest&max_records=1").await?;
                ensure!(page.log_start > 0, "the log starts at 0");
                Ok(())
            })
            .await?;
        }
        phase("what is left is whole, and the end was not touched");
        let left = api.read_all("by-bytes", 0).await?;
        ensure!(left.last().is_some_and(|record| record.offset == 499), "the end is missing");
        ensure!(left.len() < 500, "nothing was deleted");
        Ok(())
    });
}

#[test]
fn a_topic_made_by_one_node_is_at_once_known_to_the_others() {
    run(async {
        let cluster = Cluster::start(3).await?;
        for round in 0..10 {
            let name = format!("fresh-{round}");
            let made = cluster.api(round % 3).create_topic(&name, 1, 3, json!({})).await?;
            let index = &made["metadata_index"];
            for node in cluster.apis() {
                let path = format!("/v1/topics/{name}?min_metadata_index={index}");
                node.get(&path).await?.ok()?;
            }
            // Also without the index: the node asked may be a moment behind, but finds its leader.
            let other = cluster.api((round + 1) % 3);
            wait_for("the other node to take a record", LONG, || async {
                other.produce(&name, 0, "first", "").await?.ok()
            })
            .await?;
        }
        Ok(())
    });
}
