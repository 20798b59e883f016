//! Whatever is wrong is named, nothing is written, nothing panics.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use rampart_api::http::error::ProblemBody;
use rampart_api::model::error_code::ErrorCode::{self, *};
use rampart_api::model::problem::Outcome;
use tower::ServiceExt;

use super::harness::Harness;
use crate::http::router::with_surroundings;

const RECORDS: &str = "/v1/topics/flights/records";
const ONE: &str = "/v1/topics/flights/partitions/0/records";

#[tokio::test]
async fn bodies_are_refused_by_what_is_wrong_with_them() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 2);
    let deep = format!(r#"{{"records":[{{"value":{}{}}}]}}"#, "[".repeat(40), "]".repeat(40));
    let cases: &[(&str, &str, ErrorCode, &str)] = &[
        ("", "", InvalidRequest, "malformed body"),
        ("", "{", InvalidRequest, "line 1 column 1"),
        ("", r#"{"records":3}"#, InvalidRequest, "a list of records"),
        ("", r#"{"record":[]}"#, InvalidRequest, "unknown field `record`"),
        ("", r#"{"records":[]}"#, InvalidRequest, "no records"),
        ("", "{}", InvalidRequest, "missing field `records`"),
        ("", r#"{"records":[{"valu":1}]}"#, InvalidRequest, "unknown field `valu`"),
        ("", r#"{"records":[{"key":1}]}"#, InvalidRequest, "records[0], key"),
        ("", r#"{"records":[{"partition":"x"}]}"#, InvalidRequest, "records[0], partition"),
        (
            "",
            r#"{"records":[{"partition":2}]}"#,
            InvalidPartition,
            "records[0]: topic flights has partitions 0 to 1",
        ),
        ("", r#"{"records":[{"timestamp":-1}]}"#, InvalidRequest, "records[0], timestamp"),
        ("", r#"{"records":[],"encoding":"xml"}"#, InvalidRequest, "xml"),
        ("?encoding=base64", r#"{"records":[{"value":"*"}]}"#, InvalidRequest, "bad base64"),
        ("?encoding=string", r#"{"records":[{"value":1}]}"#, InvalidRequest, "records[0], value"),
        ("", &deep, InvalidRequest, "nests deeper than 32"),
        ("?ack=2", "{}", InvalidRequest, "ack"),
        ("?acks=1", "{}", InvalidRequest, "unknown field `acks`"),
        ("?partition=9", "{}", InvalidPartition, "not 9"),
        ("?partition=-1", "{}", InvalidRequest, "partition"),
        ("?timeout_ms=99999999", "{}", InvalidRequest, "timeout_ms"),
        ("?lines=value", "{}", InvalidRequest, "lines belongs to application/x-ndjson"),
    ];
    for (query, body, code, detail) in cases {
        let answer = harness.post(&format!("{RECORDS}{query}"), body.to_string()).await;
        let problem = answer.refused(*code, detail);
        assert_eq!(problem.outcome, Outcome::NotDone, "{query} {body}");
    }
    assert_eq!(harness.node.ends(&topic), [0, 0]);
}

#[tokio::test]
async fn what_cannot_be_written_once_is_refused_rather_than_written() {
    let harness = Harness::new();
    let topic = harness.node.add_topic("flights", 2);
    let producer =
        [("x-producer-id", "1"), ("x-producer-epoch", "0"), ("x-producer-sequence", "0")];
    let body = r#"{"records":[{"value":1}]}"#;
    let refused = async |headers: &[(&str, &str)], query: &str, body: &str, detail: &str| {
        let path = format!("{RECORDS}{query}");
        let answer = harness.send("POST", &path, headers, body.to_owned()).await;
        answer.refused(InvalidRequest, detail);
    };
    refused(&producer[..1], "?partition=0", body, "belong together").await;
    refused(&producer, "", body, "need ?partition=").await;
    let several = r#"{"records":[{"value":1},{"value":2,"partition":0}]}"#;
    refused(&producer, "?partition=1", several, "to several").await;
    let lines = [("idempotency-key", "k"), ("content-type", "application/x-ndjson")];
    refused(&lines, "", "1\n", "stream of lines").await;
    assert_eq!(harness.node.ends(&topic), [0, 0]);
}

#[tokio::test]
async fn media_types_are_named() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    let answer = harness.send("POST", RECORDS, &[("content-type", "text/xml")], "<x/>").await;
    let problem = answer.refused(UnsupportedMediaType, "text/xml");
    assert!(problem.hint.unwrap().contains("application/x-ndjson"));
    let answer = harness.send("POST", "/v1/topics", &[("content-type", "text/xml")], "<x/>").await;
    answer.refused(UnsupportedMediaType, "takes application/json");
}

#[tokio::test]
async fn topics_and_partitions_are_refused_by_name() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 2);
    let long = format!("/v1/topics/{}/records", "x".repeat(300));
    let cases: &[(&str, ErrorCode, &str)] = &[
        ("/v1/topics/nope/records", TopicNotFound, "nope"),
        ("/v1/topics/..%2F..%2Fetc/records", InvalidTopic, "../../etc"),
        ("/v1/topics/a%20b", InvalidTopic, "a b"),
        ("/v1/topics/%FF/records", InvalidRequest, "UTF-8"),
        (&long, InvalidTopic, "xxx"),
        ("/v1/topics/flights/partitions/2/records", InvalidPartition, "partitions 0 to 1, not 2"),
        ("/v1/topics/flights/partitions/x/records", InvalidRequest, "`x` is no partition number"),
        ("/v1/topics/flights/partitions/-1/records", InvalidRequest, "`-1`"),
    ];
    for (path, code, detail) in cases {
        harness.get(path).await.refused(*code, detail);
    }
}

#[tokio::test]
async fn read_parameters_are_refused_by_name() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    let cases: &[(&str, &str)] = &[
        ("offset=x", "offset is a number, earliest, latest"),
        ("offset=1&timestamp=1", "exclude each other"),
        ("timestamp=x", "timestamp"),
        ("max_records=0", "max_records is 0"),
        ("max_bytes=0", "max_bytes is 0"),
        ("max_records=many", "max_records"),
        ("wait_ms=99999999999", "wait_ms"),
        ("isolation=serializable", "isolation"),
        ("encoding=xml", "encoding"),
        ("linearizable=perhaps", "linearizable"),
        ("offest=1", "unknown field `offest`"),
        ("cursor=0.1", "cursor"),
        ("min_metadata_index=x", "min_metadata_index"),
    ];
    for (query, detail) in cases {
        harness.get(&format!("{ONE}?{query}")).await.refused(InvalidRequest, detail);
    }
}

#[tokio::test]
async fn unknown_endpoints_methods_and_verbs_are_said() {
    let harness = Harness::new();
    let cases = [
        ("GET", "/", "/"),
        ("GET", "/v2/topics", "/v2/topics"),
        ("GET", "/v1/castle", "/v1/castle"),
        ("POST", "/v1/cluster/nodes/1", "a verb is missing"),
        ("POST", "/v1/cluster/nodes/1:explode", "`:explode`"),
        ("POST", "/v1/cluster/partitions/flights/0:steal", "`:steal`"),
    ];
    for (method, path, detail) in cases {
        let answer = harness.send(method, path, &[], "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        answer.refused(NoSuchEndpoint, detail);
    }
    let answer = harness.send("PUT", "/v1/topics", &[], "").await;
    answer.refused(MethodNotAllowed, "has no PUT");
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET,HEAD,POST"));
}

#[tokio::test]
async fn a_panic_ends_only_its_request() {
    async fn panics() -> &'static str {
        panic!("on purpose")
    }
    let harness = Harness::new();
    let routes = Router::new().route("/panics", get(panics)).route("/fine", get(async || "fine"));
    let router = with_surroundings(routes, harness.edge.clone());
    let send = async |path: &str| {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap()
    };
    let answer = send("/panics").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let problem: ProblemBody = serde_json::from_slice(&body).unwrap();
    assert_eq!((problem.code, problem.outcome), (Internal, Outcome::Unknown));
    assert_eq!(send("/fine").await.status(), StatusCode::OK);
}
