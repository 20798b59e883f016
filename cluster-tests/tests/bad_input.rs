//! Whatever nonsense comes in by HTTP, the answer names what was wrong, nothing is lost, and the
//! server lives on.

use anyhow::{Context, Result, ensure};
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::json;

const JSON: &str = "application/json";
const RECORDS: &str = "/v1/topics/good/records";

/// Three nodes and a topic with one good record.
async fn cluster() -> Result<Cluster> {
    let cluster = Cluster::start(3).await?;
    cluster.api(0).create_topic("good", 2, 3, json!({})).await?;
    cluster.wait_in_sync("good", 3).await?;
    cluster.api(0).produce("good", 0, "good", "").await?.ok()?;
    Ok(cluster)
}

/// All nodes are alive and well, and the log has exactly what was acknowledged.
async fn demand_unharmed(cluster: &mut Cluster, records: usize) -> Result<()> {
    for index in 0..3 {
        cluster.wait_ready(index).await?;
        ensure!(!cluster.log(index).contains("panicked"), "node {index} panicked");
        // All of it is in the first partition: a refused request must not have reached the other.
        for (partition, wanted) in [(0, records), (1, 0)] {
            let seen = cluster.api(index).read_all("good", partition).await?.len();
            ensure!(seen == wanted, "{seen} records in partition {partition} instead of {wanted}");
        }
    }
    Ok(())
}

/// The checksum of a batch, made on purpose without the product's own.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    })
}

/// Sends a body and demands a refusal that names the thing.
async fn refuse(
    api: &Api,
    (path, media_type, body): (&str, &str, &[u8]),
    (status, code, names): (u16, &str, &str),
) -> Result<()> {
    let answer = api.post_bytes(path, media_type, body.to_vec()).await?;
    let problem = answer.problem(status, code).with_context(|| {
        format!("POST {path} {}", String::from_utf8_lossy(&body[..body.len().min(200)]))
    })?;
    ensure!(problem["outcome"] == "not_done", "{problem}");
    let said = format!("{} {}", problem["detail"], problem["hint"]);
    ensure!(said.contains(names), "`{names}` is not named: {problem}");
    Ok(())
}

#[test]
fn broken_produce_requests_are_refused_by_name() {
    run(async {
        let mut cluster = cluster().await?;
        let api = cluster.api(1).clone();
        let json_cases: &[(&str, &str)] = &[
            (r#"{"records":[{"value":1}"#, ""),
            (r#"{"records":[{"value":tru}]}"#, ""),
            (r#"[1,2,3]"#, ""),
            (r#"{"records":"many"}"#, ""),
            (r#"{"records":[{"value":1,"partition":"first"}]}"#, "partition"),
            (r#"{"records":[{"value":1,"colour":"red"}]}"#, "colour"),
            (r#"{"records":[{"value":1}],"colour":"red"}"#, "colour"),
            (r#"{"records":[{"value":"%%%"}],"encoding":"base64"}"#, "base64"),
            (r#"{"records":[{"value":1}],"encoding":"morse"}"#, "morse"),
            (r#"{"records":[{"value":17}],"encoding":"string"}"#, ""),
            (r#"{"records":[{"key":17,"value":1}]}"#, "key"),
            (r#"{"records":[]}"#, "record"),
            ("", ""),
            ("\u{0}\u{1}\u{2}", ""),
        ];
        phase("JSON that is none, or says something else");
        for (body, names) in json_cases {
            refuse(&api, (RECORDS, JSON, body.as_bytes()), (400, "INVALID_REQUEST", names)).await?;
        }
        let deep =
            format!(r#"{{"records":[{{"value":{}{}}}]}}"#, "[".repeat(5_000), "]".repeat(5_000));
        refuse(&api, (RECORDS, JSON, deep.as_bytes()), (400, "INVALID_REQUEST", "")).await?;

        phase("places that don't exist, and parameters that mean nothing");
        let record = br#"{"records":[{"value":1}]}"#;
        let places: &[(&str, u16, &str, &str)] = &[
            ("/v1/topics/nowhere/records", 404, "TOPIC_NOT_FOUND", "nowhere"),
            ("/v1/topics/good/records?partition=7", 404, "INVALID_PARTITION", "7"),
            ("/v1/topics/good/records?partition=-1", 400, "INVALID_REQUEST", "partition"),
            ("/v1/topics/good/records?ack=maybe", 400, "INVALID_REQUEST", "maybe"),
            ("/v1/topics/good/records?timeout_ms=soon", 400, "INVALID_REQUEST", "timeout_ms"),
            ("/v1/topics/good/records?colour=red", 400, "INVALID_REQUEST", "colour"),
        ];
        for (path, status, code, names) in places {
            refuse(&api, (path, JSON, record), (*status, code, names)).await?;
        }
        refuse(
            &api,
            (RECORDS, "text/plain", b"hello"),
            (415, "UNSUPPORTED_MEDIA_TYPE", "text/plain"),
        )
        .await?;
        demand_unharmed(&mut cluster, 1).await
    });
}

#[test]
fn oversized_requests_and_records_are_refused_with_their_limit() {
    run(async {
        let mut cluster = cluster().await?;
        let api = cluster.api(1).clone();
        phase("a record of 2 MiB, 10,001 records, a body of 20 MiB");
        let large = json!({ "records": [{ "value": "x".repeat(2 << 20) }] }).to_string();
        let large = (RECORDS, JSON, large.as_bytes());
        refuse(&api, large, (413, "RECORD_TOO_LARGE", "1048576")).await?;
        let many = json!({ "records": vec![json!({ "value": 1 }); 10_001] }).to_string();
        let many = (RECORDS, JSON, many.as_bytes());
        refuse(&api, many, (413, "REQUEST_TOO_LARGE", "10000")).await?;
        let huge = vec![b' '; 20 << 20];
        let answer = api.post_bytes(RECORDS, JSON, huge).await;
        // The server may close while the client is still sending; then there is no answer to read.
        if let Ok(answer) = answer {
            answer.problem(413, "REQUEST_TOO_LARGE")?;
        }
        demand_unharmed(&mut cluster, 1).await
    });
}

#[test]
fn a_broken_line_is_refused_alone() {
    run(async {
        let mut cluster = cluster().await?;
        phase("three lines, the second broken: two are stored, one problem in its place");
        let path = "/v1/topics/good/records?partition=0&lines=value";
        let body = "{\"n\":1}\n{\"n\":\n{\"n\":3}\n";
        let answer = cluster.api(1).post_bytes(path, "application/x-ndjson", body).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let lines =
            text.lines().map(serde_json::from_str).collect::<Result<Vec<serde_json::Value>, _>>();
        let lines = lines.with_context(|| text.clone())?;
        ensure!(lines.len() == 3, "{text}");
        ensure!(lines[0]["offset"].is_u64() && lines[2]["offset"].is_u64(), "{text}");
        ensure!(lines[1]["code"] == "INVALID_REQUEST" && lines[1]["line"] == 2, "{text}");
        demand_unharmed(&mut cluster, 3).await
    });
}

#[test]
fn broken_batches_are_refused() {
    run(async {
        let mut cluster = cluster().await?;
        let api = cluster.api(1).clone();
        let mut builder = BatchBuilder::new();
        let record =
            NewRecord { key: None, value: Some(b"raw"), timestamp_ms: 1_000, headers: &[] };
        builder.push(record);
        let good = builder.build().to_vec();
        let broken = |at: usize, bits: u8| {
            let mut batch = good.clone();
            batch[at] ^= bits;
            batch
        };
        // A count of records that the checksum agrees with: somebody meant it.
        let mut miscounted = broken(60, 0x07);
        let crc = crc32c(&miscounted[21..]);
        miscounted[17..21].copy_from_slice(&crc.to_be_bytes());
        phase("length, magic, CRC, count, payload, a cut end, rubbish behind, nothing at all");
        let cases: Vec<(&str, Vec<u8>, &str)> = vec![
            ("length", broken(11, 0x01), "bytes"),
            ("a length of 2 GiB", broken(8, 0x7f), "bytes"),
            ("a negative length", broken(8, 0x80), "length"),
            ("magic", broken(16, 0x03), "magic 1"),
            ("crc", broken(17, 0xff), "CRC-32C"),
            ("count", miscounted, "record"),
            ("payload", broken(good.len() - 1, 0x10), "CRC-32C"),
            ("cut", good[..good.len() - 3].to_vec(), "cut off"),
            ("cut header", good[..30].to_vec(), "cut off"),
            ("rubbish behind", [good.clone(), vec![1, 2, 3]].concat(), ""),
            ("nothing", Vec::new(), ""),
        ];
        let (path, kind) = ("/v1/topics/good/records?partition=0", "application/vnd.rampart.batch");
        for (what, batch, names) in cases {
            let answer = api.post_bytes(path, kind, batch).await?;
            let code = answer.json()?["code"].as_str().unwrap_or("").to_owned();
            let known = ["CORRUPT_BATCH", "INVALID_REQUEST"].contains(&code.as_str());
            ensure!(known, "a batch with a broken {what}: {answer:?}");
            let problem = answer.problem(400, &code).with_context(|| what.to_owned())?;
            ensure!(problem["outcome"] == "not_done", "{what}: {problem}");
            let said = problem["detail"].as_str().unwrap_or("");
            ensure!(said.contains(names), "{what}: `{names}` is not named: {problem}");
        }
        phase("a raw batch needs a partition; a good one is taken");
        let unplaced = (RECORDS, kind, good.as_slice());
        refuse(&api, unplaced, (400, "INVALID_REQUEST", "partition")).await?;
        api.post_bytes(path, kind, good).await?.ok()?;
        demand_unharmed(&mut cluster, 2).await
    });
}

#[test]
fn broken_topic_requests_are_refused_by_name() {
    run(async {
        let mut cluster = cluster().await?;
        let api = cluster.api(1).clone();
        let create = |name: &str| json!({ "name": name }).to_string();
        let cases: Vec<(String, u16, &str, &str)> = vec![
            (create(""), 400, "INVALID_TOPIC", ""),
            (create(&"x".repeat(300)), 400, "INVALID_TOPIC", "249"),
            (create("../etc/passwd"), 400, "INVALID_TOPIC", "../etc/passwd"),
            (create("."), 400, "INVALID_TOPIC", ""),
            (create("a b"), 400, "INVALID_TOPIC", "a b"),
            (create("good"), 409, "TOPIC_EXISTS", "good"),
            (
                r#"{"name":"t","replication_factor":4}"#.into(),
                400,
                "INVALID_REPLICATION_FACTOR",
                "3",
            ),
            (
                r#"{"name":"t","replication_factor":0}"#.into(),
                400,
                "INVALID_REPLICATION_FACTOR",
                "",
            ),
            (r#"{"name":"t","partitions":0}"#.into(), 400, "INVALID_REQUEST", "partitions"),
            (r#"{"name":"t","partitions":-3}"#.into(), 400, "INVALID_REQUEST", "-3"),
            (r#"{"name":"t","partitions":4000000000}"#.into(), 400, "INVALID_REQUEST", "10000"),
            (
                r#"{"name":"t","config":{"retention.mss":1}}"#.into(),
                400,
                "INVALID_CONFIG",
                "retention.mss",
            ),
            (
                r#"{"name":"t","config":{"retention.ms":"long"}}"#.into(),
                400,
                "INVALID_CONFIG",
                "retention.ms",
            ),
            (r#"{"name":"t","config":{"ack":"2"}}"#.into(), 400, "INVALID_CONFIG", "ack"),
            (
                r#"{"name":"t","config":{"cleanup.policy":"compact"}}"#.into(),
                400,
                "INVALID_CONFIG",
                "compact",
            ),
            (r#"{"name":"t","colour":"red"}"#.into(), 400, "INVALID_REQUEST", "colour"),
            (r#"{"name":7}"#.into(), 400, "INVALID_REQUEST", "name"),
            (r#"{"partitions":1}"#.into(), 400, "INVALID_REQUEST", "name"),
            ("{".into(), 400, "INVALID_REQUEST", ""),
        ];
        for (body, status, code, names) in &cases {
            refuse(&api, ("/v1/topics", JSON, body.as_bytes()), (*status, code, names)).await?;
        }
        phase("what is not there can't be described, deleted, changed");
        for path in ["/v1/topics/nothing", "/v1/topics/..%2F..%2Fetc"] {
            for answer in [api.get(path).await?, api.delete(path).await?] {
                ensure!(matches!(answer.status, 400 | 404), "{answer:?}");
            }
        }
        api.delete("/v1/topics/nothing").await?.problem(404, "TOPIC_NOT_FOUND")?;
        api.get("/v1/cluster/nodes/99").await?.problem(404, "NODE_NOT_FOUND")?;
        api.delete("/v1/cluster/nodes/99").await?.problem(404, "NODE_NOT_FOUND")?;
        let drain = api.post("/v1/cluster/nodes/99:drain", &json!({})).await?;
        drain.problem(404, "NODE_NOT_FOUND")?;
        let odd = api.post("/v1/cluster/nodes/1:explode", &json!({})).await?;
        odd.problem(404, "NO_SUCH_ENDPOINT")?;
        demand_unharmed(&mut cluster, 1).await
    });
}

#[test]
fn broken_reads_are_refused_with_what_would_be_right() {
    run(async {
        let mut cluster = cluster().await?;
        let api = cluster.api(1).clone();
        phase("offsets that are not there: the answer says which are");
        for offset in ["5", "18446744073709551615"] {
            let path = format!("/v1/topics/good/partitions/0/records?offset={offset}");
            let problem = api.get(&path).await?.problem(416, "OFFSET_OUT_OF_RANGE")?;
            ensure!(problem["valid_offsets"]["log_start_offset"] == 0, "{problem}");
            ensure!(problem["valid_offsets"]["high_watermark"] == 1, "{problem}");
        }
        phase("parameters that mean nothing");
        let base = "/v1/topics/good/partitions/0/records";
        for query in ["offset=yesterday", "max_records=many", "wait_ms=-5", "encoding=morse"] {
            api.get(&format!("{base}?{query}")).await?.problem(400, "INVALID_REQUEST")?;
        }
        let other = api.get("/v1/topics/good/partitions/9/records?offset=0").await?;
        other.problem(404, "INVALID_PARTITION")?;
        api.get("/v1/topics/no/partitions/0/records").await?.problem(404, "TOPIC_NOT_FOUND")?;
        demand_unharmed(&mut cluster, 1).await
    });
}
