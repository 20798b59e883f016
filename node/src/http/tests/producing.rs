//! Produce in all its forms.

use axum::http::StatusCode;
use bytes::Bytes;
use rampart_api::http::produce::{LineResult, ProduceResponse};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::murmur2::partition_for_key;
use rampart_api::model::problem::{Outcome, Problem};
use rampart_api::model::record_batch::{BatchBuilder, NewRecord, split, validate};
use serde_json::{Value, json};

use super::harness::{Answer, Harness};
use crate::controller::request::NewTopic;

const RECORDS: &str = "/v1/topics/flights/records";
const NDJSON: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];
const BATCH: &[(&str, &str)] = &[("content-type", "application/vnd.rampart.batch")];

fn keyless(count: usize) -> String {
    let records: Vec<_> = (0..count).map(|n| json!({ "value": n })).collect();
    json!({ "records": records }).to_string()
}

fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for value in values {
        let value = Some(value.as_bytes());
        builder.push(NewRecord { key: None, value, timestamp_ms: 5, headers: &[] });
    }
    builder.build()
}

fn lines(answer: &Answer) -> Vec<LineResult> {
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn ten_thousand_keyless_records_are_four_times_2500_in_any_form() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 4);
    let answer = harness.post(RECORDS, keyless(10_000)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(harness.node.ends(&topic), [2_500; 4]);
    // One batch per partition and request.
    assert_eq!(harness.node.produced.lock().unwrap().len(), 4);
    for _ in 0..100 {
        harness.post(RECORDS, keyless(100)).await;
    }
    assert_eq!(harness.node.ends(&topic), [5_000; 4]);
    let body: String = (0..10_000).map(|n| format!("{{\"value\":{n}}}\n")).collect();
    let answer = harness.send("POST", RECORDS, NDJSON, body).await;
    assert_eq!(lines(&answer).len(), 10_000);
    assert_eq!(harness.node.ends(&topic), [7_500; 4]);
}

#[tokio::test]
async fn offsets_come_in_the_order_of_the_records() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 3);
    let body = json!({"records": [
        {"key": "SFO", "value": 1},
        {"partition": 2, "value": 2, "timestamp": 77},
        {"key": "SFO", "partition": 2, "value": 3},
        {"key": "SFO", "value": 4},
    ]});
    let answer = harness.post(RECORDS, body.to_string()).await;
    let offsets = answer.json::<ProduceResponse>().offsets;
    let by_key = partition_for_key(b"SFO", 3);
    let partitions: Vec<_> = offsets.iter().map(|offset| offset.partition).collect();
    assert_eq!(partitions, [by_key, 2, 2, by_key]);
    assert_eq!(offsets[1].timestamp, 77);
    assert_eq!(offsets[2].offset, offsets[1].offset + 1);
    assert_eq!(offsets[3].leader_epoch, 7);
}

#[tokio::test]
async fn keyless_records_avoid_partitions_without_a_living_leader() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 2);
    harness.node.leaders.lock().unwrap().insert(0, NodeId(3));
    harness.node.dead.lock().unwrap().insert(NodeId(3));
    harness.post(RECORDS, keyless(500)).await;
    assert_eq!(harness.node.ends(&topic), [0, 500]);
}

#[tokio::test]
async fn a_new_topic_is_filled_evenly_while_its_leaders_are_being_elected() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 4);
    harness.node.leaderless.lock().unwrap().extend([1, 2, 3]);
    harness.post(RECORDS, keyless(10_000)).await;
    assert_eq!(harness.node.ends(&topic), [2_500; 4]);
    // Without a majority nobody can be elected.
    harness.node.dead.lock().unwrap().extend([NodeId(2), NodeId(3)]);
    // What was seen a moment ago counts for so long.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    harness.post(RECORDS, keyless(250)).await;
    assert_eq!(harness.node.ends(&topic), [2_750, 2_500, 2_500, 2_500]);
}

#[tokio::test]
async fn ack_zero_is_accepted_without_offsets() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    let answer = harness.post(&format!("{RECORDS}?ack=0"), keyless(3)).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::ACCEPTED, 0));
    let answer = harness.send("POST", &format!("{RECORDS}?ack=0"), NDJSON, "{\"value\":1}\n").await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::ACCEPTED, "{\"line\":1,\"partition\":0}\n")
    );
}

#[tokio::test]
async fn partitions_that_fare_differently_are_207_with_a_result_per_record() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 2);
    let full = Problem::new(ErrorCode::StorageFull, "disk full");
    harness.node.refusals.lock().unwrap().insert(1, full);
    let body = r#"{"records":[{"value":1,"partition":0},{"value":2,"partition":1}]}"#;
    let answer = harness.post(RECORDS, body).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    let body: Value = answer.json();
    assert_eq!(body["offsets"][0]["offset"], 0);
    assert_eq!(body["offsets"][1]["error"]["code"], "STORAGE_FULL");
    assert_eq!(body["offsets"][1]["error"]["outcome"], "not_done");
    assert_eq!(body["code"], "STORAGE_FULL");
    // As a whole it is no candidate for a retry: that would write the first record twice.
    assert_eq!((&body["outcome"], &body["retriable"]), (&json!("unknown"), &json!(false)));
    assert_eq!(answer.header("retry-after"), "");
}

#[tokio::test]
async fn all_parts_of_a_request_share_its_time() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 100);
    harness.node.holds.send_replace(true);
    let records: Vec<_> = (0..100).map(|n| json!({"value": n, "partition": n})).collect();
    let body = json!({ "records": records }).to_string();
    let path = format!("{RECORDS}?timeout_ms=50");
    let writing = harness.post(&path, body);
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        harness.node.holds.send_replace(false);
    };
    let (answer, ()) = tokio::join!(writing, release);
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    let body: Value = answer.json();
    // The first 64 were on their way; the others had no time left and were not begun.
    assert_eq!(body["offsets"][63]["offset"], 0);
    assert_eq!(body["offsets"][64]["error"]["code"], "TIMEOUT");
    assert_eq!(body["offsets"][64]["error"]["outcome"], "not_done");
    assert_eq!(harness.node.ends(&topic).iter().sum::<u64>(), 64);
}

#[tokio::test]
async fn an_unknown_outcome_is_never_called_not_done() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 2);
    let refusals = [
        (0, Problem::new(ErrorCode::StorageFull, "full")),
        (1, Problem::unknown(ErrorCode::Timeout, "no answer")),
    ];
    harness.node.refusals.lock().unwrap().extend(refusals);
    let body = r#"{"records":[{"value":1,"partition":0},{"value":2,"partition":1}]}"#;
    let problem = harness.post(RECORDS, body).await.refused(ErrorCode::Timeout, "no answer");
    assert_eq!(problem.outcome, Outcome::Unknown);
}

#[tokio::test]
async fn a_bad_line_is_answered_in_its_place_and_disturbs_nobody() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 2);
    let body = "{\"value\":1,\"partition\":1}\nnonsense\n\n{\"value\":2,\"partition\":9}\n\
                {\"value\":3,\"partition\":1}";
    let answer = harness.send("POST", RECORDS, NDJSON, body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let all: Vec<Value> =
        answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(all[0], json!({"line": 1, "partition": 1, "offset": 0}));
    assert_eq!((&all[1]["line"], &all[1]["code"]), (&json!(2), &json!("INVALID_REQUEST")));
    assert_eq!((&all[2]["line"], &all[2]["code"]), (&json!(4), &json!("INVALID_PARTITION")));
    assert_eq!(all[3], json!({"line": 5, "partition": 1, "offset": 1}));
    assert_eq!((all.len(), harness.node.end(&topic, 1)), (4, 2));
}

#[tokio::test]
async fn a_line_can_be_the_value_with_its_key_inside() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 4);
    let query = format!("{RECORDS}?lines=value&key=/origin");
    let line = r#"{"origin":"ABE", "delay":  3}"#;
    let answer = harness.send("POST", &query, NDJSON, format!("{line}\n")).await;
    let LineResult::Done(done) = lines(&answer).remove(0) else { panic!("{answer:?}") };
    assert_eq!(done.partition, partition_for_key(b"ABE", 4));
    let read = format!("/v1/topics/flights/partitions/{}/records", done.partition);
    let read = harness.get(&read).await;
    assert!(read.text().contains(line), "{read:?}");
    assert!(read.text().contains(r#""key":"ABE""#));
}

#[tokio::test]
async fn octets_are_one_record_with_key_and_headers() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    let headers = [
        ("content-type", "application/octet-stream"),
        ("x-record-key", "k"),
        ("x-record-header-trace", "t1"),
    ];
    let answer = harness.send("POST", RECORDS, &headers, vec![0xff, 0x00]).await;
    assert_eq!(answer.json::<ProduceResponse>().offsets.len(), 1);
    let read = harness.get("/v1/topics/flights/records").await;
    let record = &read.json::<Value>()["records"][0];
    assert_eq!(record["key"], "k");
    assert_eq!(record["value"], json!({"$base64": "/wA="}));
    assert_eq!(record["headers"], json!({"trace": "t1"}));
}

#[tokio::test]
async fn raw_batches_are_stored_as_they_are() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 2);
    let path = format!("{RECORDS}?partition=1");
    let both = [batch(&["a", "b"]), batch(&["c"])].concat();
    let answer = harness.send("POST", &path, BATCH, both).await;
    let offsets = answer.json::<ProduceResponse>().offsets;
    assert_eq!(
        offsets.iter().map(|o| (o.partition, o.offset)).collect::<Vec<_>>(),
        [(1, 0), (1, 2)]
    );
    assert_eq!(harness.node.ends(&topic), [0, 3]);
}

#[tokio::test]
async fn broken_batches_are_refused_by_name() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 1);
    let path = format!("{RECORDS}?partition=0");
    let good = batch(&["a"]);
    let mut broken = good.to_vec();
    *broken.last_mut().unwrap() ^= 1;
    let send = async |path: &str, body: Vec<u8>| harness.send("POST", path, BATCH, body).await;
    send(RECORDS, good.to_vec()).await.refused(ErrorCode::InvalidRequest, "?partition=");
    send(&path, broken).await.refused(ErrorCode::CorruptBatch, "batch 0: record batch has CRC");
    send(&path, good[..40].to_vec()).await.refused(ErrorCode::CorruptBatch, "cut off");
    send(&path, Vec::new()).await.refused(ErrorCode::InvalidRequest, "empty");
    let mut producer = BatchBuilder::new().producer(3, 0, 0);
    producer.push(NewRecord { key: None, value: None, timestamp_ms: 1, headers: &[] });
    let several = [&producer.build()[..], &good].concat();
    send(&path, several).await.refused(ErrorCode::InvalidRequest, "several batches");
    let large = batch(&[&"x".repeat((1 << 20) + 100)]).to_vec();
    send(&path, large).await.refused(ErrorCode::RecordTooLarge, "1048576");
    assert_eq!(harness.node.end(&topic, 0), 0);
}

#[tokio::test]
async fn batches_that_nobody_could_read_are_not_taken() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 1);
    let path = format!("{RECORDS}?partition=0");
    let send = async |body: Vec<u8>| harness.send("POST", &path, BATCH, body).await;
    let sealed = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = batch(&["abc", "def"]).to_vec();
        edit(&mut bytes);
        seal(bytes)
    };
    let rubbish = sealed(&|bytes| bytes[61..].fill(0xee));
    send(rubbish).await.refused(ErrorCode::CorruptBatch, "batch 0: record 0 of the batch");
    let no_zstd = sealed(&|bytes| bytes[22] = 4);
    send(no_zstd).await.refused(ErrorCode::CorruptBatch, "zstd data");
    let own_time = sealed(&|bytes| bytes[22] |= 8);
    send(own_time).await.refused(ErrorCode::InvalidRequest, "time of the log");
    let high = sealed(&|bytes| bytes[35..43].copy_from_slice(&i64::MAX.to_be_bytes()));
    send(high).await.refused(ErrorCode::CorruptBatch, "claims max timestamp");
    let mut future = BatchBuilder::new();
    future.push(NewRecord { key: None, value: None, timestamp_ms: i64::MAX, headers: &[] });
    let future = future.build().to_vec();
    send(future).await.refused(ErrorCode::InvalidRequest, "3600000 ms after now");
    let json = r#"{"records":[{"value":1,"timestamp":9223372036854775807}]}"#;
    harness.post(RECORDS, json).await.refused(ErrorCode::InvalidRequest, "records[0]: timestamp");
    assert_eq!(harness.node.end(&topic, 0), 0);
}

#[tokio::test]
async fn what_comes_out_of_a_compressed_batch_is_bounded() {
    let limits = crate::config::LimitsConfig {
        request_bytes_max: 64 << 10,
        record_bytes_max: 32 << 10,
        ..Default::default()
    };
    let harness = Harness::with(crate::config::HttpConfig::default(), limits);
    let topic = harness.node.add_topic("flights", 1);
    let path = format!("{RECORDS}?partition=0");
    let send = async |body: Vec<u8>| harness.send("POST", &path, BATCH, body).await;
    // Each record is small enough, but all together are more than four requests.
    let bomb = zstd_batch(&["0".repeat(30_000).as_str(); 10]);
    assert!(bomb.len() < 1_000, "{}", bomb.len());
    send(bomb).await.refused(ErrorCode::RequestTooLarge, "decompresses to more than 262144");
    let one = zstd_batch(&[&"0".repeat(40_000)]);
    send(one).await.refused(ErrorCode::RecordTooLarge, "at most 32768");
    // The room is that of the request, not of each batch.
    let each = zstd_batch(&["0".repeat(30_000).as_str(); 5]);
    send([&each[..], &each[..]].concat()).await.refused(ErrorCode::RequestTooLarge, "batch 1");
    assert_eq!(send(each).await.status, StatusCode::OK);
    assert_eq!(harness.node.end(&topic, 0), 5);
}

#[tokio::test]
async fn a_topic_with_its_own_time_stamps_raw_batches_too() {
    let harness = Harness::new();
    let config = [("message.timestamp.type".to_owned(), "LogAppendTime".to_owned())].into();
    harness.node.add(NewTopic { name: "flights".into(), config, ..NewTopic::default() });
    let both = [batch(&["a", "b"]), batch(&["c"])].concat();
    let answer = harness.send("POST", &format!("{RECORDS}?partition=0"), BATCH, both).await;
    let answered = answer.json::<ProduceResponse>().offsets[1].timestamp;
    assert!(answered > 1_000_000);
    let raw = [("accept", "application/vnd.rampart.batch")];
    let raw = harness.send("GET", "/v1/topics/flights/partitions/0/records", &raw, "").await;
    for (_, stored) in split(&raw.body).unwrap() {
        assert_eq!(validate(&stored).unwrap().max_timestamp, answered);
    }
    let read: Value = harness.get("/v1/topics/flights/records").await.json();
    assert_eq!(read["records"][2]["timestamp"], answered);
}

/// Recomputes the CRC.
fn seal(mut batch: Vec<u8>) -> Vec<u8> {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &batch[21..]);
    batch[17..21].copy_from_slice(&u32::try_from(crc).unwrap().to_be_bytes());
    batch
}

/// The batch that a producer with zstd sends.
fn zstd_batch(values: &[&str]) -> Vec<u8> {
    let plain = batch(values);
    let packed = zstd::encode_all(&plain[61..], 0).unwrap();
    let mut bytes = [&plain[..61], &packed].concat();
    bytes[22] |= 4;
    let length = i32::try_from(bytes.len() - 12).unwrap();
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    seal(bytes)
}

#[tokio::test]
async fn whoever_prefers_it_is_redirected_to_the_leader() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 2);
    harness.node.leaders.lock().unwrap().insert(1, NodeId(2));
    let prefer = [("prefer", "redirect"), ("content-type", "application/json")];
    let path = format!("{RECORDS}?partition=1&ack=1");
    let answer = harness.send("POST", &path, &prefer, keyless(1)).await;
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(answer.header("location"), format!("http://10.0.0.2:8080{path}"));
    let here = harness.send("POST", &format!("{RECORDS}?partition=0"), &prefer, keyless(1)).await;
    assert_eq!(here.status, StatusCode::OK);
    let read = "/v1/topics/flights/partitions/1/records?offset=0";
    let answer = harness.send("GET", read, &prefer, "").await;
    assert_eq!(answer.header("location"), format!("http://10.0.0.2:8080{read}"));
    // Nobody is sent to a node that is not heard from.
    harness.node.dead.lock().unwrap().insert(NodeId(2));
    assert_eq!(harness.send("GET", read, &prefer, "").await.status, StatusCode::OK);
    // Without the wish the node forwards.
    assert_eq!(harness.get(read).await.status, StatusCode::OK);
    assert_eq!(harness.node.ends(&topic), [1, 0]);
}

#[tokio::test]
async fn the_topic_may_insist_on_its_own_time_and_size() {
    let harness = Harness::new();
    let config = [("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "10")];
    let config = config.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    harness.node.add(NewTopic { name: "flights".into(), config, ..NewTopic::default() });
    let body = r#"{"records":[{"value":1,"timestamp":5}]}"#;
    let answer = harness.post(RECORDS, body).await;
    assert!(answer.json::<ProduceResponse>().offsets[0].timestamp > 1_000_000);
    let body = r#"{"records":[{"value":"0123456789"}]}"#;
    let refused = harness.post(RECORDS, body).await;
    refused.refused(ErrorCode::RecordTooLarge, "records[0], record: 12 bytes, at most 10");
}
