//! The first thing anybody tries: a topic, ten thousand records in, the same records out.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::flights;
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::cluster::{Cluster, GROUP_STATE_PARTITIONS};
use rampart_cluster_tests::harness::metrics::counters;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::json;

/// Until a cluster that nobody uses has come to rest.
const METRICS_SETTLE: Duration = Duration::from_secs(60);

/// Records of each partition, in the order of the partitions.
async fn counts(api: &Api, topic: &str) -> Result<Vec<usize>> {
    let mut counts = Vec::new();
    for partition in 0..4 {
        counts.push(api.read_all(topic, partition).await?.len());
    }
    Ok(counts)
}

#[test]
fn ten_thousand_keyless_records_land_as_four_times_2500() {
    run(async {
        phase("three nodes and two topics of 4 partitions x 3 replicas");
        let cluster = Cluster::start(3).await?;
        cluster.api(0).create_topic("one-request", 4, 3, json!({})).await?;
        cluster.api(0).create_topic("many-requests", 4, 3, json!({})).await?;

        phase("all in one request, through a node that need not lead anything");
        let lines = flights::lines();
        cluster.api(1).produce_lines("one-request", &lines, "").await?;
        let seen = counts(cluster.api(2), "one-request").await?;
        ensure!(seen == [2_500; 4], "the partitions have {seen:?}");

        phase("in requests of 100, through one node");
        for chunk in lines.chunks(100) {
            cluster.api(2).produce_lines("many-requests", chunk, "").await?;
        }
        let seen = counts(cluster.api(0), "many-requests").await?;
        ensure!(seen == [2_500; 4], "the partitions have {seen:?}");

        phase("the metrics of each node tell of a cluster that is well and has been written to");
        for node in cluster.apis() {
            let what = format!("the metrics of {}", node.base());
            wait_for(what, METRICS_SETTLE, || demand_well(&node)).await?;
        }
        Ok(())
    });
}

/// Demands of a node's metrics what an operator should read there when all is well and idle.
async fn demand_well(api: &Api) -> Result<()> {
    let exactly = [
        ("node_peers", 2),
        ("node_peers_alive", 2),
        ("node_ready_state", 1),
        ("partition_replicas", 8 + GROUP_STATE_PARTITIONS),
        ("partition_under_replicated_partitions", 0),
        ("partition_leaderless_partitions", 0),
        ("produce_in_flight_bytes", 0),
        ("fetch_waiting_requests", 0),
    ];
    let values = counters(api, exactly.map(|(name, _)| name)).await?;
    for ((name, wanted), value) in exactly.into_iter().zip(values) {
        ensure!(value == wanted, "{name} is {value}, not {wanted}");
    }
    let some = [
        "storage_sync_batches_total",
        "storage_sync_appends_total",
        "storage_sync_latency_seconds_count",
        "storage_disk_free_bytes",
        "storage_disk_size_bytes",
    ];
    for (name, value) in some.into_iter().zip(counters(api, some).await?) {
        ensure!(value > 0, "{name} is 0");
    }
    let [free, size] =
        counters(api, ["storage_disk_free_bytes", "storage_disk_size_bytes"]).await?;
    ensure!(free <= size, "{free} of {size} bytes are free");
    Ok(())
}

#[test]
fn a_key_is_in_one_partition_and_every_byte_comes_back() {
    run(async {
        let cluster = Cluster::start(3).await?;
        let api = cluster.api(0);
        api.create_topic("flights", 4, 3, json!({})).await?;

        phase("10,000 records keyed by their origin, which stands inside the value");
        let lines = flights::lines();
        let landed = api.produce_lines("flights", &lines, "&key=/origin").await?;

        phase("each node reads back every partition: the same bytes at the acknowledged places");
        let wanted: HashMap<(u32, u64), &str> = landed.into_iter().zip(lines).collect();
        for node in cluster.apis() {
            let mut homes: BTreeMap<String, u32> = BTreeMap::new();
            let mut read = 0;
            for partition in 0..4 {
                for record in node.read_all("flights", partition).await? {
                    let line =
                        wanted.get(&(partition, record.offset)).context("an extra record")?;
                    ensure!(record.value.as_deref() == Some(*line), "{record:?} was {line}");
                    let key = record.key.context("a record without key")?;
                    ensure!(key == flights::origin(line)?, "{key} is not the origin of {line}");
                    let home = *homes.entry(key.clone()).or_insert(partition);
                    ensure!(home == partition, "{key} is in partitions {home} and {partition}");
                    read += 1;
                }
            }
            ensure!(read == wanted.len(), "{read} of {} came back", wanted.len());
        }

        phase("a key goes where Kafka's own partitioner puts it");
        // Hashes of the keys as Kafka's UtilsTest states them, sign bit off, modulo 4.
        let known = [
            ("21", 0),
            ("foobar", 2),
            ("abc", 3),
            ("a-little-bit-long-string", 0),
            ("a-little-bit-longer-string", 3),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 1),
        ];
        for (key, partition) in known {
            let body = json!({ "records": [{ "key": key, "value": 1 }] });
            let answer = api.post("/v1/topics/flights/records", &body).await?.ok()?;
            let landed = &answer["offsets"][0]["partition"];
            ensure!(*landed == partition, "{key} went to {landed}, not to {partition}");
        }
        Ok(())
    });
}
