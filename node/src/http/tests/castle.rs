//! Castle over HTTP: heartbeats, the list of clients, commands, and what is wrong with them.

use axum::http::StatusCode;
use rampart_api::model::error_code::ErrorCode::{self, *};
use serde_json::{Value, json};

use super::fake::CLIENT;
use super::harness::Harness;

const HEARTBEAT: &str = "/v1/castle/heartbeat";

#[tokio::test]
async fn a_heartbeat_is_answered() {
    let harness = Harness::new();
    let body = json!({
        "client_id": "billing", "instance_id": CLIENT, "session": "s", "rack": "r1",
        "known_version": 3, "done": [1], "stats": {"lag": 4},
        "subscriptions": [
            {"role": "producer", "topic": "orders"},
            {"role": "consumer", "topic": "orders", "group": "g", "member": "m", "held": [0, 1]},
        ],
    });
    let answer = harness.post(HEARTBEAT, body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let expected = json!({"status": "no_change", "version": 3, "interval_ms": 5_000, "ttl_ms": 0});
    assert_eq!(answer.json::<Value>(), expected, "what is empty is left out");
    let least = harness.post(HEARTBEAT, r#"{"instance_id":"a"}"#).await;
    assert_eq!(least.status, StatusCode::OK);
    assert_eq!(*harness.node.asked.lock().unwrap(), ["heartbeat billing-1", "heartbeat a"]);
}

#[tokio::test]
async fn a_heartbeat_that_makes_no_sense_reaches_nobody() {
    let harness = Harness::new();
    let with = |field: &str, value: Value| json!({"instance_id": "a", field: value}).to_string();
    let subscription = |one: Value| with("subscriptions", json!([one]));
    let long = "x".repeat(10_000);
    let many = vec![json!({"topic": "t"}); 10_000];
    let table: Vec<(String, ErrorCode, &str)> = vec![
        ("{}".to_owned(), InvalidRequest, "instance_id is empty"),
        (with("instance", json!("b")), InvalidRequest, "unknown field `instance`"),
        (with("app", json!(long)), InvalidRequest, "app has 10000 bytes"),
        (with("known_version", json!(-1)), InvalidRequest, "known_version"),
        (with("subscriptions", json!(many)), InvalidRequest, "subscriptions names 10000"),
        (subscription(json!({"topic": "a/b"})), InvalidTopic, "a/b"),
        (subscription(json!({"topic": "t", "role": "reader"})), InvalidRequest, "unknown variant"),
        (subscription(json!({"topic": "t", "grup": "g"})), InvalidRequest, "unknown field `grup`"),
        (
            subscription(json!({"topic": "t", "role": "consumer", "group": long})),
            InvalidRequest,
            "name of a group has 10000 bytes",
        ),
        (with("done", json!(vec![1; 101])), InvalidRequest, "done names 101"),
        (with("stats", json!({"speed": 1})), InvalidRequest, "unknown field `speed`"),
    ];
    for (body, code, detail) in table {
        harness.post(HEARTBEAT, body).await.refused(code, detail);
    }
    assert!(harness.node.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn clients_are_listed_with_the_nodes_that_are_missing() {
    let harness = Harness::new();
    let listed: Value = harness.get("/v1/castle/clients").await.json();
    assert_eq!(listed["clients"][0]["instance_id"], CLIENT);
    assert_eq!(listed["missing_nodes"], json!([3]));
    let odd = harness.get("/v1/castle/clients?all=1").await;
    odd.refused(InvalidRequest, "unknown field `all`");
}

#[tokio::test]
async fn commands_are_checked_and_taken() {
    let harness = Harness::new();
    harness.node.add_topic("orders", 1);
    let path = format!("/v1/castle/clients/{CLIENT}/commands");
    let taken: Value = harness.post(&path, r#"{"kind":"pause"}"#).await.json();
    assert_eq!(taken, json!({"id": 7, "expires_ms": 9}));
    let slower = r#"{"kind":"throttle","bytes_per_second":1000,"ttl_ms":5000}"#;
    assert_eq!(harness.post(&path, slower).await.status, StatusCode::OK);
    for fine in [r#"{"kind":"move","to":"node:2"}"#, r#"{"kind":"reset","topic":"orders"}"#] {
        assert_eq!(harness.post(&path, fine).await.status, StatusCode::OK, "{fine}");
    }
    let asked = harness.node.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[0], "direct billing-1 Pause 300000");
    assert_eq!(asked[1], "direct billing-1 Throttle { bytes_per_second: 1000 } 5000");
    assert_eq!(asked[2], "direct billing-1 Move { to: \"node:2\" } 300000");

    let table = [
        (r#"{"kind":"explode"}"#, InvalidRequest, "unknown variant `explode`"),
        ("{}", InvalidRequest, "missing field `kind`"),
        (r#"{"kind":"throttle"}"#, InvalidRequest, "missing field `bytes_per_second`"),
        (r#"{"kind":"move","to":"node:9"}"#, NodeNotFound, "there is no node \"9\""),
        (r#"{"kind":"move","to":"rack:r9"}"#, InvalidRequest, "no node is in rack \"r9\""),
        (r#"{"kind":"move","to":"10.0.0.2:8080"}"#, InvalidRequest, "no target of a move"),
        (r#"{"kind":"reset","topic":"gone"}"#, TopicNotFound, "there is no topic \"gone\""),
        (r#"{"kind":"pause","ttl_ms":0}"#, InvalidRequest, "ttl_ms is 0"),
        (r#"{"kind":"pause","ttl_ms":86400001}"#, InvalidRequest, "1 to 86400000 are allowed"),
    ];
    for (body, code, detail) in table {
        harness.post(&path, body).await.refused(code, detail);
    }
    assert_eq!(harness.node.asked.lock().unwrap().len(), 4, "nothing of it was asked");
    let unknown = harness.post("/v1/castle/clients/nobody/commands", r#"{"kind":"pause"}"#).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    unknown.refused(ClientNotFound, "no nobody");
    let long = format!("/v1/castle/clients/{}/commands", "x".repeat(257));
    harness.post(&long, r#"{"kind":"pause"}"#).await.refused(InvalidRequest, "has 257 bytes");
}
