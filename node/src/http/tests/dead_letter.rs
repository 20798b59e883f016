//! The dead-letter switch over HTTP: of a topic and of a group, shown as it was set.

use axum::http::StatusCode;
use rampart_api::http::dead_letter::{
    DeadLetterDescription, DeadLetterFrom, DeadLetterTopic, SetDeadLetterResponse,
};
use rampart_api::http::topics::TopicDescription;
use rampart_api::model::error_code::ErrorCode;
use serde_json::{Value, json};

use super::harness::{Answer, Harness};

const PATH: &str = "/v1/topics/orders/dead-letter";

async fn put(harness: &Harness, query: &str, body: &str) -> Answer {
    let json = &[("content-type", "application/json")];
    harness.send("PUT", &format!("{PATH}{query}"), json, body.to_owned()).await
}

async fn shown(harness: &Harness, query: &str) -> DeadLetterDescription {
    harness.get(&format!("{PATH}{query}")).await.json()
}

#[tokio::test]
async fn the_switch_is_off_until_it_is_set() {
    let harness = Harness::new();
    harness.node.add_topic("orders", 1);
    let expected = json!({"enabled": false, "attempts": 5, "delay_ms": 1000, "backoff": 2.0,
        "delay_ms_max": 600_000, "topic": null, "from": "default"});
    assert_eq!(harness.get(PATH).await.json::<Value>(), expected);
    let set = put(&harness, "", r#"{"enabled":true,"attempts":3}"#).await;
    assert_eq!(set.status, StatusCode::OK);
    let set: SetDeadLetterResponse = set.json();
    assert_eq!((set.settings.enabled, set.settings.attempts), (true, 3));
    assert!(set.metadata_index.is_some());
    let all = shown(&harness, "").await;
    assert_eq!((all.settings, all.from), (set.settings, DeadLetterFrom::Topic));
    assert_eq!(all.dead_letter_topic, None, "each group has its own");
    put(&harness, "", r#"{"enabled":true}"#).await;
    assert_eq!(shown(&harness, "").await.settings.attempts, 5, "it is replaced");
    let described: TopicDescription = harness.get("/v1/topics/orders").await.json();
    assert_eq!(described.config["rampart.dead.letter.enable"], "true");
    assert_eq!(described.config["share.delivery.count.limit"], "5");
    assert_eq!(described.config_set, ["rampart.dead.letter.enable"]);
}

#[tokio::test]
async fn a_group_may_have_a_switch_of_its_own() {
    let harness = Harness::new();
    harness.node.add_topic("orders", 1);
    put(&harness, "", r#"{"enabled":true,"topic":"dead"}"#).await;
    let follows = shown(&harness, "?group=billing").await;
    assert_eq!((follows.settings.enabled, follows.from), (true, DeadLetterFrom::Topic));
    assert_eq!(follows.group.as_deref(), Some("billing"));
    let topic = DeadLetterTopic { name: "dead".to_owned(), exists: false };
    assert_eq!(follows.dead_letter_topic, Some(topic));
    put(&harness, "?group=a%2Fb", r#"{"enabled":false}"#).await;
    harness.node.add_topic("orders.billing.dlq", 1);
    put(&harness, "?group=billing", r#"{"enabled":true,"backoff":1.5}"#).await;
    let own = shown(&harness, "?group=billing").await;
    assert_eq!((own.settings.backoff, own.from), (1.5, DeadLetterFrom::Group));
    let topic = DeadLetterTopic { name: "orders.billing.dlq".to_owned(), exists: true };
    assert_eq!(own.dead_letter_topic, Some(topic));
    assert!(own.groups.is_empty());
    let all = shown(&harness, "").await;
    assert_eq!(all.groups.keys().collect::<Vec<_>>(), ["a/b", "billing"]);
    assert_eq!(all.groups["billing"], own.settings);
    let described: TopicDescription = harness.get("/v1/topics/orders").await.json();
    let line = &described.config["rampart.dead.letter.group.a%2Fb"];
    assert!(line.starts_with("enabled=false,attempts=5,"), "{line}");
    assert_eq!(described.config_set.len(), 4, "{:?}", described.config_set);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let harness = Harness::new();
    harness.node.add_topic("orders", 1);
    let dry = put(&harness, "", r#"{"enabled":true,"topic":"dead","dry_run":true}"#).await;
    let dry: SetDeadLetterResponse = dry.json();
    assert_eq!((dry.created_topic.as_deref(), dry.metadata_index), (Some("dead"), None));
    assert!(dry.dry_run);
    assert_eq!(shown(&harness, "").await.from, DeadLetterFrom::Default);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let harness = Harness::new();
    harness.node.add_topic("orders", 1);
    let on = r#"{"enabled":true}"#;
    let cases = [
        ("", "{}", ErrorCode::InvalidRequest, "missing field `enabled`"),
        ("", r#"{"enabled":"on"}"#, ErrorCode::InvalidRequest, "enabled: invalid type"),
        ("", r#"{"enabled":true,"attempts":0}"#, ErrorCode::InvalidConfig, "from 1 to 100"),
        ("", r#"{"enabled":true,"backoff":99}"#, ErrorCode::InvalidConfig, "from 1 to 10"),
        ("?group=", on, ErrorCode::InvalidRequest, "`` is no name of a group"),
        ("?grup=g", on, ErrorCode::InvalidRequest, "unknown field `grup`"),
    ];
    for (query, body, code, detail) in cases {
        put(&harness, query, body).await.refused(code, detail);
    }
    let nobody = harness.get(&format!("{PATH}?group={}", "g".repeat(250))).await;
    nobody.refused(ErrorCode::InvalidRequest, "no name of a group");
    let other = harness.get("/v1/topics/other/dead-letter").await;
    other.refused(ErrorCode::TopicNotFound, "other");
}
