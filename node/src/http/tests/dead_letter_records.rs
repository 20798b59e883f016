//! Dead letters over HTTP: how they are shown, what the node is asked to do about them, and what is
//! refused before it is.

use axum::http::StatusCode;
use bytes::Bytes;
use rampart_api::http::dead_letter::DeadLetterDescription;
use rampart_api::http::dead_letter_records::{PurgeResponse, RedriveResponse};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{Offset, TopicId};
use rampart_raft_store::state::group::TopicPartition;
use rampart_raft_store::state::group::delivery::RecordCopy;
use serde_json::{Value, json};

use super::harness::{Answer, Harness};
use crate::groups::dead_box::Slice;
use crate::groups::dead_letters::Origin;
use crate::groups::dead_slice::{DeadRecord, PartitionSlice, next_cursor};

const RECORDS: &str = "/v1/topics/orders/dead-letter/records?group=billing";

/// One dead letter was found, and there is more.
fn harness() -> Harness {
    let harness = Harness::new();
    harness.node.add_topic("orders", 4);
    harness.node.add_topic("orders.billing.dlq", 2);
    let mut found = PartitionSlice::new(1, Offset(6), Offset(9));
    found.records.push(DeadRecord {
        offset: Offset(5),
        timestamp_ms: 99,
        origin: Origin {
            group: "billing".to_owned(),
            partition: TopicPartition { topic: TopicId::default(), partition: 3 },
            offset: Offset(42),
            attempts: 5,
            error: "no \"such\" customer".to_owned(),
        },
        record: RecordCopy {
            timestamp_ms: 7,
            key: Some(Bytes::from_static(b"k")),
            value: Some(Bytes::from_static(b"{\"n\": 1}")),
            headers: vec![("own".to_owned(), None)],
        },
    });
    let partitions = vec![found];
    let slice = Slice { cursor: next_cursor(&partitions), partitions };
    *harness.node.dead_letters.lock().unwrap() = Some(slice);
    harness
}

async fn post(harness: &Harness, verb: &str, body: &str) -> Answer {
    let json = &[("content-type", "application/json")];
    let path = format!("/v1/topics/orders/dead-letter:{verb}");
    harness.send("POST", &path, json, body.to_owned()).await
}

fn asked(harness: &Harness) -> String {
    harness.node.asked.lock().unwrap().last().cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_dead_letter_is_shown_with_where_it_came_from() {
    let harness = harness();
    let shown: Value = harness.get(&format!("{RECORDS}&key=k&partition=3")).await.json();
    assert!(asked(&harness).contains("partition: Some(3)"), "{}", asked(&harness));
    let record = json!({
        "partition": 1, "offset": 5, "timestamp": 99, "key": "k", "value": {"n": 1},
        "headers": {"own": null}, "group": "billing", "attempts": 5,
        "error": "no \"such\" customer",
        "origin": {"topic": "orders", "partition": 3, "offset": 42, "timestamp": 7},
    });
    assert_eq!(shown["records"], json!([record]));
    assert_eq!((shown["topic"].as_str(), &shown["depth"]), (Some("orders.billing.dlq"), &json!(7)));
    let cursor = shown["next_cursor"].as_str().unwrap();
    assert_eq!(harness.get(&format!("{RECORDS}&cursor={cursor}")).await.status, StatusCode::OK);
    let raw: Value = harness.get(&format!("{RECORDS}&encoding=base64")).await.json();
    assert_eq!(raw["records"][0]["key"], "aw==");
}

#[tokio::test]
async fn the_switch_shows_how_much_waits() {
    let harness = harness();
    let path = "/v1/topics/orders/dead-letter?group=billing";
    let shown: DeadLetterDescription = harness.get(path).await.json();
    assert_eq!((shown.depth, shown.parked, shown.dying), (Some(7), Some(2), Some(1)));
    assert_eq!(shown.depth_is_exact, Some(true));
    *harness.node.dead_letters.lock().unwrap() = None;
    let shown: DeadLetterDescription = harness.get(path).await.json();
    assert_eq!((shown.depth, shown.parked), (None, None), "of a group that is not there");
}

#[tokio::test]
async fn the_node_is_asked_for_what_was_said() {
    let harness = harness();
    harness.node.add_topic("again", 1);
    let done: RedriveResponse = post(&harness, "redrive", r#"{"group":"billing"}"#).await.json();
    assert_eq!((done.matched, done.left, done.next_cursor), (3, 1, None));
    assert_eq!(done.left_because.as_deref(), Some("it is full"));
    assert_eq!(asked(&harness), "redrive billing to the group, 1000 at most, dry run: false");
    let body = r#"{"group":"billing","to":{"topic":"again"},"max_records":5000,"dry_run":true}"#;
    let done: RedriveResponse = post(&harness, "redrive", body).await.json();
    assert!(done.dry_run);
    assert_eq!(asked(&harness), "redrive billing to again, 1000 at most, dry run: true");
    let body = r#"{"group":"billing","max_records":7}"#;
    let done: PurgeResponse = post(&harness, "purge", body).await.json();
    assert_eq!((done.purged, done.dry_run), (2, false));
    assert_eq!(asked(&harness), "purge billing, 7 at most, dry run: false");
}

#[tokio::test]
async fn what_is_wrong_is_refused_before_anything_is_asked() {
    let harness = harness();
    let long = "x".repeat(1_025);
    let invalid = ErrorCode::InvalidRequest;
    let cases = [
        ("{}".to_owned(), invalid, "`` is no name of a group"),
        (r#"{"group":"g","keys":"x"}"#.to_owned(), invalid, "unknown field `keys`"),
        (r#"{"group":"g","cursor":"x"}"#.to_owned(), invalid, "`x` is no cursor"),
        (r#"{"group":"g","max_records":0}"#.to_owned(), invalid, "max_records is 0"),
        (format!(r#"{{"group":"g","error":"{long}"}}"#), invalid, "error has 1025 bytes"),
        (r#"{"group":"g","partition":4}"#.to_owned(), ErrorCode::InvalidPartition, "0 to 3"),
    ];
    for verb in ["redrive", "purge"] {
        for (body, code, detail) in &cases {
            post(&harness, verb, body).await.refused(*code, detail);
        }
    }
    let to = |topic: &str| format!(r#"{{"group":"billing","to":{{"topic":"{topic}"}}}}"#);
    let itself = post(&harness, "redrive", &to("orders.billing.dlq")).await;
    itself.refused(invalid, "the dead-letter topic itself");
    post(&harness, "redrive", &to("other")).await.refused(ErrorCode::TopicNotFound, "other");
    let many = post(&harness, "redrive", r#"{"group":"billing","cursor":"AQoCAA.AQoCAg"}"#).await;
    many.refused(invalid, "has no partition 5");
    for query in ["?grup=g", "?key=k", "?group=g&encoding=xml", "?group=g&partition=-1"] {
        let path = format!("/v1/topics/orders/dead-letter/records{query}");
        let answer = harness.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
    assert!(harness.node.asked.lock().unwrap().is_empty());
}
