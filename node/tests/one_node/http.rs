//! What clients see on the wire: waiting, resuming, every media type, and being refused.

use std::net::SocketAddr;

use bytes::Bytes;
use rampart_api::model::record_batch::{records, split};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;

/// Requests as curl would send them.
struct Wire {
    http: reqwest::Client,
    addr: SocketAddr,
}

impl Wire {
    fn of(one: &OneNode) -> Wire {
        Wire { http: reqwest::Client::new(), addr: one.node.http_addr() }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.http.get(format!("http://{}{path}", self.addr));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let mut request = self.http.post(format!("http://{}{path}", self.addr)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Writes; the answer is what was written where.
    async fn write(&self, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) {
        let answer = self.post(path, headers, body).await;
        let status = answer.status();
        assert_eq!(status, StatusCode::OK, "{}", answer.text().await.unwrap());
    }

    async fn read(&self, path: &str) -> Vec<Value> {
        let answer: Value = json_of(self.get(path, &[]).await).await;
        answer["records"].as_array().unwrap().clone()
    }
}

async fn json_of(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// The next event of a tail, as its lines.
async fn event(tail: &mut Response) -> String {
    let reading = async {
        let mut text = String::new();
        while !text.ends_with("\n\n") {
            let chunk = tail.chunk().await.unwrap().expect("the tail goes on");
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        text
    };
    tokio::time::timeout(DEADLINE, reading).await.expect("an event comes in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_ends_when_a_record_comes() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("letters").await;
    let wire = Wire::of(&one);
    let path = "/v1/topics/letters/partitions/0/records?offset=0&wait_ms=60000";
    let mut waiting = Box::pin(wire.get(path, &[]));
    let early = tokio::time::timeout(Duration::from_millis(200), &mut waiting).await;
    assert!(early.is_err(), "there is nothing to answer yet");
    one.produce("letters", "1").await.unwrap();
    let answer = tokio::time::timeout(DEADLINE, waiting).await.expect("the record ends the wait");
    let answer = json_of(answer).await;
    assert_eq!((&answer["records"][0]["value"], &answer["next_offset"]), (&json!(1), &json!(1)));
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_resumes_at_last_event_id() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("letters").await;
    let wire = Wire::of(&one);
    for path in ["/v1/topics/letters/partitions/0/records", "/v1/topics/letters/records"] {
        let latest = format!("{path}?offset=latest");
        let events = ("accept", "text/event-stream");
        let mut tail = wire.get(&latest, &[events]).await;
        assert_eq!(tail.status(), StatusCode::OK);
        one.produce("letters", "\"first\"").await.unwrap();
        let first = event(&mut tail).await;
        assert!(first.contains("\"first\""), "{first}");
        let id = first.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
        drop(tail);
        one.produce("letters", "\"while away\"").await.unwrap();
        let mut resumed = wire.get(path, &[events, ("last-event-id", &id)]).await;
        let next = event(&mut resumed).await;
        assert!(next.contains("\"while away\"") && !next.contains("\"first\""), "{next}");
    }
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_media_type_goes_in_and_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    for topic in ["octets", "lines", "encoded", "copy"] {
        one.create(topic).await;
    }
    let wire = Wire::of(&one);

    let headers = [
        ("content-type", "application/octet-stream"),
        ("x-record-key", "k"),
        ("x-record-header-trace", "t1"),
    ];
    wire.write("/v1/topics/octets/records", &headers, vec![0xff, 0x00]).await;
    let record = &wire.read("/v1/topics/octets/partitions/0/records?encoding=base64").await[0];
    assert_eq!((&record["key"], &record["value"]), (&json!("aw=="), &json!("/wA=")));
    assert_eq!(record["headers"], json!({"trace": "dDE="}));

    let ndjson = [("content-type", "application/x-ndjson")];
    let lines = "{\"origin\":\"ABE\",  \"n\": 1}\n{\"origin\":\"SFO\"}\n";
    let path = "/v1/topics/lines/records?lines=value&key=/origin";
    let answer = wire.post(path, &ndjson, lines).await;
    assert_eq!(
        answer.text().await.unwrap(),
        "{\"line\":1,\"partition\":0,\"offset\":0}\n{\"line\":2,\"partition\":0,\"offset\":1}\n"
    );
    let path = "/v1/topics/lines/partitions/0/records";
    let read = wire.get(path, &[("accept", "application/x-ndjson")]).await.text().await.unwrap();
    let first = read.lines().next().unwrap();
    assert!(first.contains("{\"origin\":\"ABE\",  \"n\": 1}"), "kept to the byte: {first}");
    assert!(first.contains("\"key\":\"ABE\"") && read.lines().count() == 2, "{read}");

    let json_body = [("content-type", "application/json")];
    let path = "/v1/topics/encoded/records";
    let base64 = r#"{"records":[{"key":"aw==","value":"/wA="}],"encoding":"base64"}"#;
    wire.write(path, &json_body, base64).await;
    let string = r#"{"records":[{"value":"not \"JSON\""}],"encoding":"string"}"#;
    wire.write(path, &json_body, string).await;
    let path = "/v1/topics/encoded/partitions/0/records";
    let read = wire.read(&format!("{path}?encoding=base64&max_records=1")).await;
    assert_eq!((&read[0]["key"], &read[0]["value"]), (&json!("aw=="), &json!("/wA=")));
    let read = wire.read(&format!("{path}?encoding=string&offset=1")).await;
    assert_eq!(read[0]["value"], "not \"JSON\"");

    let batch = ("accept", "application/vnd.rampart.batch");
    let raw = async |topic: &str| {
        let path = format!("/v1/topics/{topic}/partitions/0/records");
        wire.get(&path, &[batch]).await.bytes().await.unwrap()
    };
    let read = |raw: Bytes| -> Vec<_> {
        split(&raw).unwrap().iter().flat_map(|(_, batch)| records(batch).unwrap()).collect()
    };
    let original = raw("encoded").await;
    let sent = [("content-type", "application/vnd.rampart.batch")];
    wire.write("/v1/topics/copy/records?partition=0", &sent, original.clone()).await;
    let (original, copied) = (read(original), read(raw("copy").await));
    assert_eq!((original.len(), &original), (2, &copied));
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_in_flight_are_refused_with_429() {
    let dir = tempfile::tempdir().unwrap();
    let mib = "1048576";
    let settings = [
        ("limits.request_bytes_max", mib),
        ("limits.connection_bytes_in_flight_max", mib),
        ("limits.node_bytes_in_flight_max", mib),
    ];
    let one = OneNode::start(dir.path(), &settings).await;
    one.create("letters").await;
    let wire = Wire::of(&one);
    let body = format!(r#"{{"records":[{{"value":"{}"}}]}}"#, "x".repeat(500_000));
    let path = "/v1/topics/letters/records";
    let send =
        async || wire.post(path, &[("content-type", "application/json")], body.clone()).await;
    assert_eq!(send().await.status(), StatusCode::OK);

    // One client sends most of what a node takes, and then not the rest. It may be the one that is
    // refused, if it is read while the other is: so both come again until they meet as meant.
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n");
    eventually("there is no room for another", || async {
        let mut slow = TcpStream::connect(wire.addr).await.unwrap();
        slow.write_all(head.as_bytes()).await.unwrap();
        // Refused, it is closed on.
        let _ = slow.write_all(&vec![b' '; 900_000]).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let refused = send().await;
        let (status, headers) = (refused.status(), refused.headers().clone());
        let body = json_of(refused).await;
        let is_refused = status == StatusCode::TOO_MANY_REQUESTS;
        assert!(is_refused || status == StatusCode::OK, "{body}");
        assert!(
            !is_refused || (body["code"] == "OVERLOADED" && headers.contains_key("retry-after"))
        );
        is_refused
    })
    .await;
    eventually("there is room again", || async { send().await.status() == StatusCode::OK }).await;
    one.node.stop().await;
}
