//! Live tails over a real socket.

use axum::http::StatusCode;
use futures_util::StreamExt;
use rampart_api::http::fetch::Cursor;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use serde_json::Value;

use super::harness::{Harness, SOON};
use crate::tasks::Tasks;

const ONE: &str = "/v1/topics/flights/partitions/0/records";
const ALL: &str = "/v1/topics/flights/records";

/// Events of a tail as `(id, event, data)`.
struct Events {
    response: reqwest::Response,
    buffer: String,
}

impl Events {
    async fn open(url: String, last_event_id: Option<&str>) -> Self {
        let mut request = reqwest::Client::new().get(url).header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events { response, buffer: String::new() }
    }

    async fn next(&mut self) -> Option<(String, String, String)> {
        tokio::time::timeout(SOON, self.read()).await.expect("an event comes in time")
    }

    async fn read(&mut self) -> Option<(String, String, String)> {
        loop {
            if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| {
                    let found = event.lines().find_map(|line| line.strip_prefix(name));
                    found.unwrap_or_default().to_owned()
                };
                let event = (field("id: "), field("event: "), field("data: "));
                self.buffer = rest.to_owned();
                return Some(event);
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn cursor(offsets: &[(u32, u64)]) -> String {
    Cursor(offsets.iter().map(|(partition, offset)| (*partition, Offset(*offset))).collect())
        .to_string()
}

async fn write(harness: &Harness, partition: u32, value: &str) {
    let body = format!(r#"{{"records":[{{"value":"{value}","partition":{partition}}}]}}"#);
    assert_eq!(harness.post(ALL, body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_tail_follows_and_resumes_by_the_next_offset() {
    let (harness, tasks) = (Harness::new(), Tasks::new());
    harness.node.add_topic("flights", 1);
    let (addr, handle) = harness.serve(&tasks).await;
    write(&harness, 0, "before").await;
    let mut live = Events::open(format!("http://{addr}{ONE}"), None).await;
    let mut whole = Events::open(format!("http://{addr}{ONE}?offset=earliest"), None).await;
    write(&harness, 0, "a").await;
    let (id, _, data) = live.next().await.unwrap();
    assert_eq!(id, "2");
    let record: Value = serde_json::from_str(&data).unwrap();
    assert_eq!((&record["value"], &record["offset"]), (&"a".into(), &1.into()));
    assert_eq!(whole.next().await.unwrap().0, "1");
    drop(live);
    write(&harness, 0, "b").await;
    let mut resumed = Events::open(format!("http://{addr}{ONE}"), Some(&id)).await;
    assert!(resumed.next().await.unwrap().2.contains("\"b\""));
    handle.stop(SOON).await;
    assert_eq!(resumed.next().await, None);
}

#[tokio::test]
async fn a_tail_over_all_partitions_resumes_by_cursor() {
    let (harness, tasks) = (Harness::new(), Tasks::new());
    harness.node.add_topic("flights", 3);
    let (addr, _handle) = harness.serve(&tasks).await;
    let mut live = Events::open(format!("http://{addr}{ALL}"), None).await;
    for (partition, value) in [(2, "a"), (0, "b")] {
        write(&harness, partition, value).await;
        assert!(live.next().await.unwrap().2.contains(value));
    }
    write(&harness, 1, "c").await;
    let (id, _, _) = live.next().await.unwrap();
    assert_eq!(id, cursor(&[(0, 1), (1, 1), (2, 1)]));
    write(&harness, 2, "d").await;
    let mut resumed = Events::open(format!("http://{addr}{ALL}"), Some(&id)).await;
    let (id, _, data) = resumed.next().await.unwrap();
    assert!(data.contains("\"d\""), "{data}");
    assert_eq!(id, cursor(&[(0, 1), (1, 1), (2, 2)]));
}

#[tokio::test]
async fn a_page_over_all_partitions_carries_its_cursor_once() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 2);
    let records = vec!["{\"value\":1,\"partition\":1}"; 200].join(",");
    harness.post(ALL, format!("{{\"records\":[{records}]}}")).await;
    let path = format!("{ALL}?offset=earliest&max_records=200");
    let answer = harness.send("GET", &path, &[("accept", "text/event-stream")], "").await;
    let events: Vec<_> = answer.text().trim_end().split("\n\n").collect();
    assert_eq!(events.len(), 200);
    let with_id: Vec<_> = events.iter().filter(|event| event.starts_with("id: ")).collect();
    assert_eq!(with_id.len(), 1, "{with_id:?}");
    let id = format!("id: {}\n", cursor(&[(0, 0), (1, 200)]));
    assert!(events[199].starts_with(&id), "{}", events[199]);
}

#[tokio::test]
async fn a_tail_says_why_it_ends() {
    let (harness, tasks) = (Harness::new(), Tasks::new());
    harness.node.add_topic("flights", 1);
    let (addr, _handle) = harness.serve(&tasks).await;
    let mut live = Events::open(format!("http://{addr}{ONE}"), None).await;
    harness.send("DELETE", "/v1/topics/flights", &[], "").await;
    let (_, event, data) = live.next().await.unwrap();
    assert_eq!(event, "problem");
    assert!(data.contains("TOPIC_NOT_FOUND"), "{data}");
    assert_eq!(live.next().await, None);
}

#[tokio::test]
async fn a_tail_that_cannot_begin_is_refused_as_any_read() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    let read = async |path: &str, id: &str| {
        let headers = [("accept", "text/event-stream"), ("last-event-id", id)];
        harness.send("GET", path, &headers, "").await
    };
    let problem = read(ONE, "5").await.refused(ErrorCode::OffsetOutOfRange, "offset 5");
    assert_eq!(problem.valid_offsets.unwrap().high_watermark, 0);
    read(ONE, "0.1").await.refused(ErrorCode::InvalidRequest, "Last-Event-ID");
    read(ALL, &cursor(&[(0, 3)])).await.refused(ErrorCode::OffsetOutOfRange, "offset 3");
    // None of these means everything from the beginning.
    for path in [ONE, ALL] {
        for id in ["", "\u{fc}", "0.3"] {
            read(path, id).await.refused(ErrorCode::InvalidRequest, "Last-Event-ID");
        }
    }
}

#[tokio::test]
async fn a_tail_ends_after_as_many_records_as_asked_for() {
    let harness = Harness::new();
    harness.node.add_topic("flights", 1);
    for value in ["a", "b", "c"] {
        write(&harness, 0, value).await;
    }
    let path = format!("{ONE}?offset=0&max_records=2");
    let answer = harness.send("GET", &path, &[("accept", "text/event-stream")], "").await;
    assert_eq!(answer.text().matches("\nid: ").count() + 1, 2, "{}", answer.text());
}

#[tokio::test]
async fn lines_are_acknowledged_while_more_are_sent() {
    let (harness, tasks) = (Harness::new(), Tasks::new());
    harness.node.add_topic("flights", 1);
    let (addr, _handle) = harness.serve(&tasks).await;
    let (tx, rx) = tokio::sync::mpsc::channel::<Result<String, std::io::Error>>(4);
    let body = reqwest::Body::wrap_stream(tokio_stream::wrappers::ReceiverStream::new(rx));
    tx.send(Ok("{\"value\":1}\n{\"val".to_owned())).await.unwrap();
    let response = reqwest::Client::new()
        .post(format!("http://{addr}{ALL}"))
        .header("content-type", "application/x-ndjson")
        .body(body)
        .send()
        .await
        .unwrap();
    let mut answers = response.bytes_stream();
    let mut next = async || {
        let chunk = tokio::time::timeout(SOON, answers.next()).await.expect("an answer in time");
        chunk.map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap())
    };
    assert_eq!(next().await.as_deref(), Some("{\"line\":1,\"partition\":0,\"offset\":0}\n"));
    tx.send(Ok("ue\":2}\n".to_owned())).await.unwrap();
    assert_eq!(next().await.as_deref(), Some("{\"line\":2,\"partition\":0,\"offset\":1}\n"));
    drop(tx);
    assert_eq!(next().await, None);
}
