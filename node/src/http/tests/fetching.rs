//! Reads of one partition and of all.

use axum::http::StatusCode;
use rampart_api::http::fetch::{Cursor, FetchResponse};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::record_batch::split;
use serde_json::{Value, json};

use super::harness::{Harness, SOON};

const ONE: &str = "/v1/topics/flights/partitions/0/records";
const ALL: &str = "/v1/topics/flights/records";

async fn with_records(partitions: u32, each: u64) -> Harness {
    let harness = Harness::new();
    harness.node.add_topic("flights", partitions);
    for partition in 0..partitions {
        let records: Vec<_> = (0..each).map(|n| json!({"value": {"n": n}, "key": "k"})).collect();
        let body = json!({ "records": records }).to_string();
        harness.post(&format!("{ALL}?partition={partition}"), body).await;
    }
    harness
}

fn cursor(offsets: &[(u32, u64)]) -> String {
    Cursor(offsets.iter().map(|(partition, offset)| (*partition, Offset(*offset))).collect())
        .to_string()
}

fn offsets(answer: &FetchResponse) -> Vec<u64> {
    answer.records.iter().map(|record| record.offset).collect()
}

#[tokio::test]
async fn positions_mean_what_they_say() {
    let harness = with_records(1, 10).await;
    let cases: &[(&str, &[u64], u64)] = &[
        ("", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 10),
        ("?offset=8", &[8, 9], 10),
        ("?offset=earliest&max_records=2", &[0, 1], 2),
        ("?offset=-3", &[7, 8, 9], 10),
        ("?offset=-99&max_records=1", &[0], 1),
        ("?offset=latest", &[], 10),
        ("?offset=10", &[], 10),
        ("?timestamp=4&max_records=1", &[4], 5),
        ("?offset=3&max_bytes=1", &[3], 4),
        ("?offset=0&linearizable=true&isolation=read_committed&max_records=1", &[0], 1),
    ];
    for (query, expected, next) in cases {
        let answer = harness.get(&format!("{ONE}{query}")).await;
        let body: FetchResponse = answer.json();
        assert_eq!(
            (offsets(&body).as_slice(), body.next_offset),
            (*expected, Some(*next)),
            "{query}"
        );
        assert_eq!(answer.header("x-next-offset"), next.to_string());
        assert_eq!(answer.header("x-high-watermark"), "10");
        assert_eq!(answer.header("x-log-start-offset"), "0");
        assert_eq!(body.high_watermark, Some(10));
    }
}

#[tokio::test]
async fn out_of_range_names_both_bounds() {
    let harness = with_records(1, 10).await;
    let cut = r#"{"partitions":[{"partition":0,"before_offset":4}]}"#;
    harness.post("/v1/topics/flights/truncate", cut).await;
    for offset in [3, 11] {
        let answer = harness.get(&format!("{ONE}?offset={offset}")).await;
        let problem = answer.refused(ErrorCode::OffsetOutOfRange, &offset.to_string());
        assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
        let range = problem.valid_offsets.unwrap();
        assert_eq!((range.log_start_offset, range.high_watermark), (4, 10));
    }
    let body: FetchResponse = harness.get(ONE).await.json();
    assert_eq!(body.records[0].offset, 4);
}

#[tokio::test]
async fn forms_are_negotiated() {
    let harness = with_records(1, 3).await;
    let read = async |accept: &str| harness.send("GET", ONE, &[("accept", accept)], "").await;
    let lines = read("application/x-ndjson").await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    assert_eq!(lines.text().lines().count(), 3);
    let line: Value = serde_json::from_str(lines.text().lines().nth(1).unwrap()).unwrap();
    assert_eq!(line["value"], json!({"n": 1}));
    let raw = read("application/vnd.rampart.batch").await;
    assert_eq!(raw.header("x-next-offset"), "3");
    assert_eq!(raw.header("content-length"), raw.body.len().to_string());
    assert_eq!(split(&raw.body).unwrap()[0].0.record_count, 3);
    read("image/png").await.refused(ErrorCode::NotAcceptable, "application/json");
    let all = harness.send("GET", ALL, &[("accept", "application/vnd.rampart.batch")], "").await;
    all.refused(ErrorCode::NotAcceptable, "this endpoint answers");
}

#[tokio::test]
async fn a_long_poll_waits_for_the_next_record() {
    let harness = with_records(2, 1).await;
    for path in
        [format!("{ONE}?offset=latest&wait_ms=20000"), format!("{ALL}?offset=latest&wait_ms=20000")]
    {
        let waiting = harness.get(&path);
        let body = r#"{"records":[{"value":"late","partition":0}]}"#;
        let writing = async {
            // The read has begun by the time the write is polled for the second time.
            tokio::task::yield_now().await;
            harness.post(ALL, body).await
        };
        let (answer, _) = tokio::time::timeout(SOON, async { tokio::join!(waiting, writing) })
            .await
            .expect("the read ends with the write");
        assert!(answer.text().contains("late"), "{answer:?}");
    }
    let empty = harness.get(&format!("{ONE}?offset=latest&wait_ms=1")).await;
    assert_eq!(empty.json::<FetchResponse>().records.len(), 0);
}

#[tokio::test]
async fn a_stopping_node_ends_what_waits() {
    let harness = with_records(1, 1).await;
    let path = format!("{ONE}?offset=latest&wait_ms=60000");
    let waiting = harness.get(&path);
    let stopping = async { harness.edge.stopping().cancel() };
    let (answer, ()) = tokio::time::timeout(SOON, async { tokio::join!(waiting, stopping) })
        .await
        .expect("stopping ends the wait");
    answer.refused(ErrorCode::NotReady, "stopping");
}

#[tokio::test]
async fn all_partitions_are_read_to_the_end_by_cursor() {
    let harness = with_records(3, 40).await;
    let mut seen = vec![Vec::new(); 3];
    let mut path = format!("{ALL}?max_records=7");
    loop {
        let answer = harness.get(&path).await;
        let body: FetchResponse = answer.json();
        let cursor = body.next_cursor.clone().unwrap();
        assert_eq!(answer.header("x-next-cursor"), cursor);
        assert!(body.records.len() <= 7);
        if body.records.is_empty() {
            break;
        }
        for record in &body.records {
            seen[record.partition as usize].push(record.offset);
        }
        path = format!("{ALL}?max_records=7&cursor={cursor}");
    }
    for offsets in seen {
        assert_eq!(offsets, (0..40).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_cursor_goes_on_after_the_topic_grew() {
    let harness = with_records(2, 1).await;
    let first: FetchResponse = harness.get(&format!("{ALL}?offset=latest")).await.json();
    assert_eq!(first.next_cursor, Some(cursor(&[(0, 1), (1, 1)])));
    let answer = harness.get(&format!("{ALL}?cursor={}", cursor(&[(0, 1)]))).await;
    let body: FetchResponse = answer.json();
    // The partition that the cursor does not know is read from its first record.
    assert_eq!(body.records.iter().map(|r| (r.partition, r.offset)).collect::<Vec<_>>(), [(1, 0)]);
    let bad = async |query: &str| harness.get(&format!("{ALL}{query}")).await;
    let with = |offsets: &[(u32, u64)]| format!("?cursor={}", cursor(offsets));
    bad(&with(&[(7, 0)])).await.refused(ErrorCode::InvalidRequest, "no partition 7");
    bad("?cursor=x").await.refused(ErrorCode::InvalidRequest, "cursor");
    bad("?cursor=").await.refused(ErrorCode::InvalidRequest, "cursor");
    let twice = format!("{}&offset=1", with(&[(0, 0)]));
    bad(&twice).await.refused(ErrorCode::InvalidRequest, "excludes");
    bad(&with(&[(0, 9)])).await.refused(ErrorCode::OffsetOutOfRange, "partition 0");
}

#[tokio::test]
async fn encodings_are_those_of_the_interface() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    let body =
        r#"{"records":[{"key":"YQ==","value":"/w==","headers":{"h":"Yg=="}}],"encoding":"base64"}"#;
    harness.post(ALL, body).await;
    let read = async |query: &str| harness.get(&format!("{ONE}{query}")).await.json::<Value>();
    let record = &read("").await["records"][0];
    assert_eq!(record["value"], json!({"$base64": "/w=="}));
    assert_eq!((&record["key"], &record["headers"]), (&json!("a"), &json!({"h": "b"})));
    let record = &read("?encoding=base64").await["records"][0];
    assert_eq!((&record["value"], &record["key"]), (&json!("/w=="), &json!("YQ==")));
}

#[tokio::test]
async fn waiting_readers_are_limited() {
    let limits = crate::config::LimitsConfig { waiting_fetches_max: 1, ..Default::default() };
    let harness = Harness::with(crate::config::HttpConfig::default(), limits);
    harness.node.add_topic("flights", 2);
    let answer = harness.get(&format!("{ALL}?wait_ms=5")).await;
    answer.refused(ErrorCode::Overloaded, "more than 1 fetches wait");
    assert_eq!(harness.get(&format!("{ONE}?wait_ms=5")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn answers_hold_room_until_they_are_sent() {
    let limits = crate::config::LimitsConfig {
        fetch_bytes_max: 1_000,
        fetch_bytes_in_flight_max: 1_500,
        ..Default::default()
    };
    let harness = Harness::with(crate::config::HttpConfig::default(), limits);
    harness.node.add_topic("flights", 2);
    let record = format!(r#"{{"value":"{}","partition":0}}"#, "x".repeat(700));
    harness.post(ALL, format!(r#"{{"records":[{record}]}}"#)).await;
    for path in [ONE, ALL] {
        let unread = harness.open(path).await;
        assert_eq!(unread.status(), StatusCode::OK);
        let refused = harness.get(path).await;
        refused.refused(ErrorCode::Overloaded, "answers of more than 1500 bytes");
        drop(unread);
        assert!(harness.edge.answers().is_idle());
        assert_eq!(harness.get(path).await.status, StatusCode::OK);
    }
    // Whoever waits holds none.
    let path = format!("{ONE}?offset=latest&wait_ms=20000");
    let waiting = harness.get(&path);
    let reading = async {
        // The wait has begun once it has given back the room of its first look.
        while !harness.edge.answers().is_idle() {
            tokio::task::yield_now().await;
        }
        let answer = harness.get(&format!("{ONE}?offset=0")).await;
        harness.post(ALL, format!(r#"{{"records":[{record}]}}"#)).await;
        answer
    };
    let (waited, read) = tokio::time::timeout(SOON, async { tokio::join!(waiting, reading) })
        .await
        .expect("the read ends with the write");
    assert_eq!((waited.status, read.status), (StatusCode::OK, StatusCode::OK));
}

#[tokio::test]
async fn partitions_that_are_read_at_once_share_the_bytes() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 40);
    for partition in 0..40 {
        let value = "x".repeat(10_000);
        let records = vec![format!(r#"{{"value":"{value}","partition":{partition}}}"#); 10];
        harness.post(ALL, format!(r#"{{"records":[{}]}}"#, records.join(","))).await;
    }
    let answer = harness.get(&format!("{ALL}?max_bytes=100000")).await;
    assert!(answer.body.len() < 120_000, "{}", answer.body.len());
    // And to the end nothing is left out.
    let (mut records, mut cursor) = (0, answer.json::<FetchResponse>());
    while !cursor.records.is_empty() {
        records += cursor.records.len();
        let next = cursor.next_cursor.unwrap();
        cursor = harness.get(&format!("{ALL}?max_bytes=100000&cursor={next}")).await.json();
    }
    assert_eq!(records as u64, harness.node.ends(&topic).iter().sum::<u64>());
}
