//! Topics, cluster, nodes, moves, probes.

use std::sync::Arc;

use axum::http::StatusCode;
use rampart_api::http::cluster::{
    ClusterConfig, ClusterHealth, ClusterStatus, DecommissionProgress, HealthStatus,
    ListNodesResponse, NodeActionResponse, NodeDescription, SetReplicasResponse,
};
use rampart_api::http::topics::{
    CreateTopicResponse, ListTopicsResponse, MetadataChanged, TopicDescription, TruncateResponse,
};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::problem::{Outcome, Problem};
use serde_json::json;

use super::harness::{Answer, Harness};
use crate::controller::request::NewTopic;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

async fn send(harness: &Harness, method: &str, path: &str, body: &str) -> Answer {
    harness.send(method, path, JSON, body.to_owned()).await
}

#[tokio::test]
async fn topics_live_and_die() {
    let harness = Harness::new();
    let body = r#"{"name":"flights","partitions":4,"config":{"retention.ms":1000}}"#;
    let dry = body.replacen('{', r#"{"dry_run":true,"#, 1);
    let planned = send(&harness, "POST", "/v1/topics", &dry).await;
    assert_eq!(planned.status, StatusCode::OK);
    assert_eq!(planned.json::<CreateTopicResponse>().metadata_index, None);
    let created = send(&harness, "POST", "/v1/topics", body).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.header("location"), "/v1/topics/flights");
    let created: CreateTopicResponse = created.json();
    assert_eq!((created.partitions, created.replicas[0].as_slice()), (4, [1, 2, 3].as_slice()));
    send(&harness, "POST", "/v1/topics", body).await.refused(ErrorCode::TopicExists, "");
    let list: ListTopicsResponse = harness.get("/v1/topics").await.json();
    assert_eq!(list.topics.len(), 1);
    let described: TopicDescription = harness.get("/v1/topics/flights").await.json();
    assert_eq!(described.config["retention.ms"], "1000");
    assert_eq!(described.config["ack"], "quorum");
    assert_eq!(described.config_set, ["retention.ms"]);
    assert_eq!(described.partitions[3].high_watermark, Some(0));
    let altered = send(&harness, "PATCH", "/v1/topics/flights", r#"{"config":{"ack":"1"}}"#).await;
    assert!(altered.json::<MetadataChanged>().metadata_index > 0);
    send(&harness, "POST", "/v1/topics/flights/partitions", r#"{"partitions":6}"#).await;
    let asked = harness.node.asked.lock().unwrap().join("; ");
    assert_eq!(asked, r#"alter flights {"ack": Some("1")}; grow flights to 6"#);
    assert_eq!(send(&harness, "DELETE", "/v1/topics/flights", "").await.status, StatusCode::OK);
    harness.get("/v1/topics/flights").await.refused(ErrorCode::TopicNotFound, "flights");
    send(&harness, "DELETE", "/v1/topics/flights", "")
        .await
        .refused(ErrorCode::TopicNotFound, "flights");
}

#[tokio::test]
async fn topic_bodies_are_refused_by_what_is_wrong() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    let cases = [
        ("POST", "/v1/topics", "", "no body"),
        ("POST", "/v1/topics", r#"{"nam":"x"}"#, "unknown field `nam`"),
        ("POST", "/v1/topics", r#"{"name":"x","partitions":"4"}"#, "partitions: invalid type"),
        ("POST", "/v1/topics", r#"{"name":"x""#, "line 1 column"),
        ("PATCH", "/v1/topics/flights", "{}", "nothing to change"),
        ("POST", "/v1/topics/flights/truncate", r#"{"partitions":[]}"#, "empty"),
        ("PUT", "/v1/cluster/partitions/flights/0/replicas", "{}", "nodes is empty"),
        ("POST", "/v1/cluster/nodes/1:drain", r#"{"force":true}"#, "belong to :decommission"),
    ];
    for (method, path, body, detail) in cases {
        send(&harness, method, path, body).await.refused(ErrorCode::InvalidRequest, detail);
    }
    let config = r#"{"name":"x","config":{"retention":1}}"#;
    send(&harness, "POST", "/v1/topics", config)
        .await
        .refused(ErrorCode::InvalidConfig, "`retention`");
}

#[tokio::test]
async fn a_refused_factor_leaves_the_configuration_alone() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    let both = r#"{"config":{"retention.ms":1},"replication_factor":9}"#;
    let refused = send(&harness, "PATCH", "/v1/topics/flights", both).await;
    let problem = refused.refused(ErrorCode::InvalidReplicationFactor, "9 replicas");
    assert_eq!(problem.outcome, Outcome::NotDone);
    assert_eq!(*harness.node.asked.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_partition_whose_leader_is_silent_is_described_all_the_same() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 2);
    let problem = Problem::new(ErrorCode::NotLeader, "nobody leads it");
    harness.node.refusals.lock().unwrap().insert(1, problem);
    let described: TopicDescription = harness.get("/v1/topics/flights").await.json();
    let silent = &described.partitions[1];
    assert!(silent.problem.as_ref().unwrap().contains("nobody leads it"));
    assert_eq!((silent.high_watermark, silent.replicas.len()), (None, 3));
}

#[tokio::test]
async fn a_topic_with_a_setting_of_a_newer_version_is_described_and_written() {
    let harness = Harness::new();
    let stored = [("of.tomorrow", "1"), ("retention.ms", "1000")];
    let config = stored.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    harness.node.add(NewTopic { name: "flights".into(), config, ..NewTopic::default() });
    let described: TopicDescription = harness.get("/v1/topics/flights").await.json();
    assert_eq!(described.config["retention.ms"], "1000");
    assert_eq!(described.config_set, ["of.tomorrow", "retention.ms"]);
    let written = harness.post("/v1/topics/flights/records", r#"{"records":[{"value":1}]}"#).await;
    assert_eq!(written.status, StatusCode::OK);
}

#[tokio::test]
async fn truncation_answers_for_each_partition() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 2);
    let records = r#"{"records":[{"value":1,"partition":0},{"value":2,"partition":0}]}"#;
    harness.post("/v1/topics/flights/records", records).await;
    let problem = Problem::new(ErrorCode::NotLeader, "away");
    harness.node.refusals.lock().unwrap().insert(1, problem);
    let path = "/v1/topics/flights/truncate";
    let answer =
        send(&harness, "POST", path, r#"{"partitions":[{"partition":0},{"partition":1}]}"#).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    let answer: TruncateResponse = answer.json();
    assert_eq!(answer.partitions[0].log_start_offset, Some(2));
    assert_eq!(answer.partitions[1].error.as_ref().unwrap().code, ErrorCode::NotLeader);
    // Where all refuse, an unknown outcome is the one to speak of.
    let unknown = Problem::unknown(ErrorCode::Timeout, "no answer");
    harness.node.refusals.lock().unwrap().insert(0, unknown);
    let both = r#"{"partitions":[{"partition":1},{"partition":0}]}"#;
    let refused = send(&harness, "POST", path, both).await.refused(ErrorCode::Timeout, "no answer");
    assert_eq!(refused.outcome, Outcome::Unknown);
    let gone = r#"{"partitions":[{"partition":7}]}"#;
    send(&harness, "POST", path, gone).await.refused(ErrorCode::InvalidPartition, "not 7");
}

#[tokio::test]
async fn the_cluster_says_how_it_is() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 2);
    let status: ClusterStatus = harness.get("/v1/cluster").await.json();
    assert_eq!((status.node, status.nodes.len(), status.partitions), (1, 3, 2));
    assert_eq!(status.nodes[0].metadata_role.as_deref(), Some("leader"));
    assert_eq!((status.nodes[0].leaders, status.nodes[1].replicas), (2, 2));
    let health = async || harness.get("/v1/cluster/health").await.json::<ClusterHealth>();
    assert_eq!(health().await.status, HealthStatus::Ok);
    // A follower that lives and does not keep up is seen as well.
    harness.node.lagging.lock().unwrap().insert(NodeId(2));
    let lagging = health().await;
    assert_eq!(lagging.status, HealthStatus::Degraded);
    assert_eq!((lagging.dead_nodes.len(), lagging.under_replicated_partitions.len()), (0, 2));
    harness.node.lagging.lock().unwrap().clear();
    harness.node.dead.lock().unwrap().insert(NodeId(3));
    let degraded = health().await;
    assert_eq!(degraded.status, HealthStatus::Degraded);
    assert_eq!(degraded.dead_nodes, [3]);
    assert_eq!(degraded.under_replicated_partitions.len(), 2);
    harness.node.leaders.lock().unwrap().insert(1, NodeId(3));
    let unavailable = health().await;
    assert_eq!(unavailable.status, HealthStatus::Unavailable);
    assert_eq!(unavailable.leaderless_partitions[0].partition, 1);
}

#[tokio::test]
async fn settings_of_the_cluster_are_shown_and_changed() {
    let harness = Harness::new();
    let shown = async || harness.get("/v1/cluster/config").await.json::<ClusterConfig>();
    let default = shown().await;
    assert_eq!(default.config["cluster.auto_rebalance"], "true");
    assert!(default.config_set.is_empty());
    harness.node.metadata.send_modify(|(_, state)| {
        let config = &mut Arc::make_mut(state).config;
        config.insert("cluster.auto_rebalance".into(), "false".into());
        config.insert("cluster.rebalance".into(), "running".into());
    });
    let set = shown().await;
    assert_eq!(set.config["cluster.auto_rebalance"], "false");
    assert_eq!((set.config.len(), set.config_set.len()), (1, 1), "the controller's own is shown");
    let body = r#"{"config":{"cluster.auto_rebalance":false}}"#;
    let changed = send(&harness, "PATCH", "/v1/cluster/config", body).await;
    assert_eq!(changed.status, StatusCode::OK);
    let asked = harness.node.asked.lock().unwrap().clone();
    assert_eq!(asked, [r#"configure {"cluster.auto_rebalance": Some("false")}"#]);
    send(&harness, "PATCH", "/v1/cluster/config", r#"{"config":{}}"#)
        .await
        .refused(ErrorCode::InvalidRequest, "nothing to change");
}

#[tokio::test]
async fn nodes_are_drained_decommissioned_and_removed() {
    let harness = Harness::new();
    let list: ListNodesResponse = harness.get("/v1/cluster/nodes").await.json();
    assert_eq!(list.nodes.len(), 3);
    let node: NodeDescription = harness.get("/v1/cluster/nodes/2").await.json();
    assert_eq!((node.id, node.state.as_str(), node.silent_ms), (2, "active", Some(5)));
    let act = async |path: &str, body: &str| send(&harness, "POST", path, body).await;
    act("/v1/cluster/nodes/2:drain", "").await;
    act("/v1/cluster/nodes/2:recommission", "{}").await;
    let planned = act("/v1/cluster/nodes/2:decommission", r#"{"dry_run":true}"#).await;
    let planned: NodeActionResponse = planned.json();
    assert_eq!((planned.metadata_index, planned.blockers.len()), (None, 1));
    send(&harness, "DELETE", "/v1/cluster/nodes/2", "").await;
    let asked = harness.node.asked.lock().unwrap().clone();
    assert_eq!(asked[0], "drain 2");
    assert_eq!(asked[1], "recommission 2");
    assert!(asked[2].contains("decommission 2") && asked[2].contains("dry_run: true"));
    assert_eq!(asked[3], "remove 2");
    let path = "/v1/cluster/nodes/2/decommission";
    let progress: DecommissionProgress = harness.get(path).await.json();
    assert_eq!((progress.node, progress.partitions_left), (2, 3));
    harness.get("/v1/cluster/nodes/9").await.refused(ErrorCode::NodeNotFound, "no node 9");
    harness.get("/v1/cluster/nodes/x").await.refused(ErrorCode::InvalidRequest, "`x`");
    act("/v1/cluster/nodes/9:drain", "").await.refused(ErrorCode::NodeNotFound, "9");
}

#[tokio::test]
async fn leaderships_and_replicas_move() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    let base = "/v1/cluster/partitions/flights/0";
    let hand_over = format!("{base}:transfer-leadership");
    let to = send(&harness, "POST", &hand_over, r#"{"to":3}"#).await;
    assert_eq!(to.json::<serde_json::Value>()["leader"], 3);
    let any = send(&harness, "POST", &hand_over, "").await;
    assert_eq!(any.json::<serde_json::Value>()["leader"], 2);
    let stranger = send(&harness, "POST", &hand_over, r#"{"to":8}"#).await;
    stranger.refused(ErrorCode::InvalidRequest, "node 8 has no replica");
    let path = format!("{base}/replicas");
    let dry = send(&harness, "PUT", &path, r#"{"nodes":[2,3],"dry_run":true}"#).await;
    let dry: SetReplicasResponse = dry.json();
    assert_eq!((dry.planned.to.as_slice(), dry.metadata_index), ([2, 3].as_slice(), None));
    let cancelled = send(&harness, "PUT", &path, r#"{"cancel":true}"#).await;
    assert!(cancelled.json::<SetReplicasResponse>().metadata_index.is_some());
    assert_eq!(
        harness.get("/v1/cluster/moves").await.json::<serde_json::Value>(),
        json!({"moves": []})
    );
    let plan = send(&harness, "POST", "/v1/cluster:rebalance", r#"{"dry_run":true}"#).await;
    assert_eq!(
        plan.json::<serde_json::Value>(),
        json!({"dry_run": true, "moves": [], "transfers":
            [{"topic": "flights", "partition": 1, "from": 1, "to": 3}]})
    );
    assert_eq!(harness.node.asked.lock().unwrap().last().unwrap(), "rebalance true");
}

#[tokio::test]
async fn probes_say_what_they_mean() {
    let harness = Harness::new();
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(harness.get(path).await.status, StatusCode::OK);
    }
    harness.node.not_ready.lock().unwrap().push("2 of its partitions have no leader yet".into());
    harness.get("/readyz").await.refused(ErrorCode::NotReady, "2 of its partitions");
    harness.get("/healthz").await.refused(ErrorCode::NotReady, "2 of its partitions");
    assert_eq!(harness.get("/livez").await.status, StatusCode::OK);
    *harness.node.failure.lock().unwrap() = Some("a sync failed".into());
    harness.get("/livez").await.refused(ErrorCode::Internal, "a sync failed");
}

#[tokio::test]
async fn metrics_count_answers_and_refusals() {
    let harness = Harness::new();
    harness.get("/v1/topics").await;
    harness.get("/v1/topics/nope").await;
    let metrics = harness.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    assert!(
        metrics.text().contains("rampart_http_requests_total{status=\"200\"} 1"),
        "{}",
        metrics.text()
    );
    assert!(
        metrics.text().contains("rampart_http_refused_requests_total{code=\"TOPIC_NOT_FOUND\"} 1")
    );
}

#[tokio::test]
async fn metrics_are_measured_when_they_are_asked_for_and_agree_with_readyz() {
    let harness = Harness::new();
    let shows = async |line: &str| {
        let page = harness.get("/metrics").await;
        let page = page.text();
        assert!(page.lines().any(|shown| shown == line), "missing {line} in {page}");
    };
    shows("rampart_node_peers 2").await;
    shows("rampart_node_ready_state 1").await;
    harness.node.not_ready.lock().unwrap().push("the node is starting".into());
    shows("rampart_node_ready_state 0").await;
}

#[tokio::test]
async fn one_reads_what_one_wrote_through_another_node() {
    let harness = Harness::new();
    let reading = harness.get("/v1/topics/late?min_metadata_index=2");
    let writing = async { harness.node.add_topic("late", 1) };
    let (answer, _) = tokio::join!(reading, writing);
    assert_eq!(answer.status, StatusCode::OK);
    // Without naming the index a topic that is on its way is waited for a moment.
    let (answer, _) =
        tokio::join!(harness.get("/v1/topics/later"), async { harness.node.add_topic("later", 1) });
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_node_without_metadata_does_not_answer_as_if_there_were_nothing() {
    let harness = Harness::new();
    let cluster = harness.node.metadata.borrow().1.cluster;
    let set = |cluster| {
        harness.node.metadata.send_modify(|(_, state)| Arc::make_mut(state).cluster = cluster);
    };
    set(None);
    let refused = harness.get("/v1/topics").await;
    refused.refused(ErrorCode::NotReady, "not received the cluster's metadata");
    assert_eq!(harness.get("/livez").await.status, StatusCode::OK);
    let (answer, ()) = tokio::join!(harness.get("/v1/topics"), async { set(cluster) });
    assert_eq!(answer.status, StatusCode::OK);
}
