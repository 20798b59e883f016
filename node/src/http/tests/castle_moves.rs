//! Topics that go on in another cluster, over HTTP.

use axum::http::StatusCode;
use rampart_api::http::castle_moves::{ListClustersResponse, TopicMoveDescription, TopicMovePhase};
use rampart_api::http::error::ProblemBody;
use rampart_api::http::fetch::FetchResponse;
use rampart_api::http::topics::TopicDescription;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::{MovedTo, Problem};

use super::harness::{Answer, Harness};

const MOVE: &str = "/v1/castle/topics/orders:move";
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

async fn harness() -> Harness {
    let harness = Harness::new();
    harness.node.add_topic("orders", 2);
    let servers = r#"{"servers":["http://10.0.1.1:8080"]}"#;
    let put = harness.send("PUT", "/v1/castle/clusters/east", JSON, servers.to_owned()).await;
    assert_eq!(put.status, StatusCode::OK);
    harness
}

async fn start(harness: &Harness, body: &str) -> Answer {
    harness.send("POST", MOVE, JSON, body.to_owned()).await
}

#[tokio::test]
async fn clusters_say_which_topics_go_on_there() {
    let harness = harness().await;
    start(&harness, r#"{"to":"east"}"#).await;
    let listed: ListClustersResponse = harness.get("/v1/castle/clusters").await.json();
    assert_eq!(listed.clusters.len(), 1);
    let east = &listed.clusters[0];
    assert_eq!((east.name.as_str(), &east.topics[..]), ("east", &["orders".to_owned()][..]));
    assert_eq!(east.servers, ["http://10.0.1.1:8080"]);
    let gone = harness.send("DELETE", "/v1/castle/clusters/east", &[], String::new()).await;
    assert_eq!(gone.status, StatusCode::OK);
}

#[tokio::test]
async fn a_move_is_shown_with_where_each_partition_ends() {
    let harness = harness().await;
    let stays: TopicMoveDescription = harness.get(MOVE).await.json();
    assert_eq!((stays.phase, stays.to), (TopicMovePhase::Stays, None));
    let held: TopicMoveDescription = start(&harness, r#"{"to":"east","hold":true}"#).await.json();
    assert_eq!((held.phase, held.partitions[0].sealed_at), (TopicMovePhase::Preparing, None));
    let looked: TopicMoveDescription = harness.get(MOVE).await.json();
    assert_eq!(looked.blockers, ["it is held"]);
    let confirmed = harness.get(&format!("{MOVE}?confirm=true")).await;
    assert!(confirmed.json::<TopicMoveDescription>().blockers.is_empty());
    assert!(harness.node.asked.lock().unwrap().contains(&"catch up".to_owned()));
    let cancelled = harness.send("POST", "/v1/castle/topics/orders:cancel", &[], String::new());
    let stays: TopicMoveDescription = cancelled.await.json();
    assert_eq!(stays.phase, TopicMovePhase::Stays);

    let moved: TopicMoveDescription = start(&harness, r#"{"to":"east"}"#).await.json();
    let to = moved.to.unwrap();
    assert_eq!(
        (moved.phase, to.cluster.as_str(), to.id.as_str()),
        (TopicMovePhase::Moved, "east", "there")
    );
    let ends: Vec<_> = moved.partitions.iter().map(|p| (p.partition, p.sealed_at)).collect();
    assert_eq!(ends, [(0, Some(0)), (1, Some(0))]);
}

#[tokio::test]
async fn a_reader_is_told_where_the_partition_ends() {
    let harness = harness().await;
    let path = "/v1/topics/orders/partitions/0/records?offset=0";
    let before = harness.get(path).await;
    assert_eq!(before.headers.get("x-sealed-at"), None);
    assert_eq!(before.json::<FetchResponse>().sealed_at, None);
    start(&harness, r#"{"to":"east"}"#).await;
    let after = harness.get(path).await;
    assert_eq!(after.headers["x-sealed-at"], "0");
    assert_eq!(after.json::<FetchResponse>().sealed_at, Some(0));
    let described: TopicDescription = harness.get("/v1/topics/orders").await.json();
    assert_eq!(described.partitions[1].sealed_at, Some(0));
}

#[tokio::test]
async fn a_refused_writer_is_told_where_to_go() {
    let harness = harness().await;
    let servers = vec!["http://10.0.1.1:8080".to_owned()];
    let (cluster, id) = ("east".to_owned(), "there".to_owned());
    let mut sealed = Problem::new(ErrorCode::TopicMoved, "sealed at 0");
    sealed.moved_to = Some(Box::new(MovedTo { cluster, servers, id, sealed_at: Some(0) }));
    harness.node.refusals.lock().unwrap().insert(0, sealed);
    let body = r#"{"records":[{"value":1}]}"#.to_owned();
    let answer = harness.send("POST", "/v1/topics/orders/records?partition=0", JSON, body).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let problem: ProblemBody = answer.json();
    assert!(!problem.retriable);
    let to = problem.moved_to.unwrap();
    assert_eq!((to.cluster.as_str(), to.sealed_at), ("east", Some(0)));
    assert_eq!(to.servers, ["http://10.0.1.1:8080"]);
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let harness = harness().await;
    for (method, path, body) in [
        ("POST", MOVE, r#"{"towards":"east"}"#),
        ("POST", "/v1/castle/topics/orders:moove", "{}"),
        ("POST", "/v1/castle/topics/orders", "{}"),
        ("GET", "/v1/castle/topics/orders:cancel", ""),
        ("PUT", "/v1/castle/clusters/east", r#"{"urls":[]}"#),
    ] {
        let answer = harness.send(method, path, JSON, body.to_owned()).await;
        assert!(answer.status.is_client_error(), "{method} {path}: {}", answer.status);
    }
    let unknown = harness.get("/v1/castle/topics/nothing:move").await;
    assert_eq!(unknown.json::<ProblemBody>().code, ErrorCode::TopicNotFound);
}
