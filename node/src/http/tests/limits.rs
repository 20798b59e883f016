//! What protects the node from its clients.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use rampart_api::model::error_code::ErrorCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{Harness, SOON};
use crate::config::{HttpConfig, LimitsConfig};
use crate::http::body::{Pace, RequestBody};
use crate::tasks::Tasks;

const RECORDS: &str = "/v1/topics/flights/records";

fn with_limits(limits: LimitsConfig) -> Harness {
    let http = HttpConfig { header_timeout_ms: 300, ..HttpConfig::default() };
    let harness = Harness::with(http, limits);
    harness.node.add_topic("flights", 1);
    harness
}

/// Sends and reads until the server closes the connection.
async fn exchange(addr: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    read_to_end(&mut stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    // A reset after the answer is as good as an orderly end.
    let _ = tokio::time::timeout(SOON, reading).await.expect("the server ends the connection");
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn requests_and_records_have_their_sizes() {
    let limits = LimitsConfig {
        request_bytes_max: 2_000,
        records_per_request_max: 3,
        record_bytes_max: 1_024,
        ..LimitsConfig::default()
    };
    let harness = with_limits(limits);
    let large = format!(r#"{{"records":[{{"value":"{}"}}]}}"#, "x".repeat(1_100));
    harness.post(RECORDS, large).await.refused(ErrorCode::RecordTooLarge, "at most 1024");
    let many = format!(r#"{{"records":[{}]}}"#, ["{}"; 4].join(","));
    harness.post(RECORDS, many).await.refused(ErrorCode::RequestTooLarge, "4 records");
    // The limit may be above the default as well.
    let more = LimitsConfig { records_per_request_max: 10_002, ..LimitsConfig::default() };
    let more = with_limits(more);
    let records = |count: usize| format!(r#"{{"records":[{}]}}"#, vec!["{}"; count].join(","));
    assert_eq!(more.post(RECORDS, records(10_002)).await.status, StatusCode::OK);
    more.post(RECORDS, records(10_003)).await.refused(ErrorCode::RequestTooLarge, "10003 records");
    let body = " ".repeat(2_001);
    harness.post(RECORDS, body).await.refused(ErrorCode::RequestTooLarge, "at most 2000");
    // Streams have no limit as a whole, and lines have one each.
    let lines = "{\"value\":\"0123456789\"}\n".repeat(500);
    let headers = [("content-type", "application/x-ndjson")];
    let answer = harness.send("POST", RECORDS, &headers, lines).await;
    assert_eq!(answer.text().lines().filter(|line| line.contains("offset")).count(), 500);
    let long = format!("{{\"value\":1}}\n{}", "x".repeat(20_000));
    let answer = harness.send("POST", RECORDS, &headers, long).await;
    let lines: Vec<_> = answer.text().lines().collect();
    assert!(
        lines[0].contains("\"offset\":500") && lines[1].contains("RECORD_TOO_LARGE"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_large_body_is_answered_over_a_socket_too() {
    let harness = with_limits(LimitsConfig { request_bytes_max: 4_096, ..LimitsConfig::default() });
    let tasks = Tasks::new();
    let (addr, _handle) = harness.serve(&tasks).await;
    let response = reqwest::Client::new()
        .post(format!("http://{addr}{RECORDS}"))
        .header("content-type", "application/json")
        .body(" ".repeat(1 << 20))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn bytes_in_flight_are_bounded() {
    let limits = LimitsConfig {
        node_bytes_in_flight_max: 1_500,
        connection_bytes_in_flight_max: 1_500,
        ..LimitsConfig::default()
    };
    let harness = with_limits(limits);
    harness.node.holds.send_replace(true);
    let body = format!(r#"{{"records":[{{"value":"{}"}}]}}"#, "x".repeat(1_000));
    let first = harness.post(RECORDS, body.clone());
    let second = async {
        let refused = harness.post(RECORDS, body.clone()).await;
        harness.node.holds.send_replace(false);
        refused
    };
    let (first, second) = tokio::join!(first, second);
    second.refused(ErrorCode::Overloaded, "1500 bytes are in flight on this node");
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(harness.post(RECORDS, body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so() {
    let harness = with_limits(LimitsConfig { connections_max: 1, ..LimitsConfig::default() });
    let tasks = Tasks::new();
    let (addr, handle) = harness.serve(&tasks).await;
    let mut first = TcpStream::connect(addr).await.unwrap();
    first.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut buffer = [0; 64];
    assert!(first.read(&mut buffer).await.unwrap() > 0);
    let mut second = TcpStream::connect(addr).await.unwrap();
    let refusal = read_to_end(&mut second).await;
    assert!(refusal.starts_with("HTTP/1.1 503") && refusal.contains("OVERLOADED"), "{refusal}");
    let (head, body) = refusal.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {}", body.len())));
    drop(first);
    handle.stop(SOON).await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let harness = with_limits(LimitsConfig::default());
    let tasks = Tasks::new();
    let (addr, _handle) = harness.serve(&tasks).await;
    assert_eq!(exchange(addr, "GET /livez HTTP/1.1\r\nhost: x\r\n").await, "");
    assert_eq!(exchange(addr, "P").await, "");
    // After an answer the connection may be idle for longer than a head may take.
    let twice = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n\
                 GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(addr, twice).await.matches("HTTP/1.1 200").count(), 2);
}

#[tokio::test]
async fn a_connection_with_quick_answers_lasts_longer_than_a_head_may_take() {
    let harness = with_limits(LimitsConfig::default());
    let tasks = Tasks::new();
    let (addr, _handle) = harness.serve(&tasks).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut every = tokio::time::interval(Duration::from_millis(20));
    // Three times as long as a head may take.
    for request in 0..45 {
        every.tick().await;
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut buffer = [0; 1_024];
        assert!(stream.read(&mut buffer).await.unwrap() > 0, "request {request}");
    }
}

#[tokio::test]
async fn http2_without_a_request_is_not_waited_for() {
    let harness = with_limits(LimitsConfig::default());
    let tasks = Tasks::new();
    let (addr, _handle) = harness.serve(&tasks).await;
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    writer.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    // A frame of a head that comes byte by byte, faster than any idle time.
    let trickling = async {
        for byte in [0, 0x10, 0, 1, 4, 0, 0, 0, 1].into_iter().chain(std::iter::repeat(0)) {
            if writer.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let closed = async {
        let mut buffer = [0; 256];
        while reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    let ended = async {
        tokio::select! {
            () = trickling => {}
            () = closed => {}
        }
    };
    tokio::time::timeout(SOON, ended).await.expect("the server ends the connection");
}

#[tokio::test]
async fn the_time_in_which_nothing_was_read_is_not_the_clients() {
    let harness = with_limits(LimitsConfig::default());
    let pieces = futures_util::stream::iter(["a", "b"]).then(async |piece| {
        tokio::task::yield_now().await;
        Ok::<_, std::io::Error>(piece)
    });
    let request = Request::new(Body::from_stream(Box::pin(pieces)));
    let mut body = RequestBody::new(&harness.edge, request);
    assert_eq!(body.arrive(Pace::Steady).await.unwrap().unwrap(), "a");
    // Longer than a client may be silent, and no silence of the client.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(body.arrive(Pace::Steady).await.unwrap().unwrap(), "b");
}

#[tokio::test]
async fn a_piece_of_many_lines_is_appended_in_bounded_chunks() {
    let harness = with_limits(LimitsConfig::default());
    let headers = [("content-type", "application/x-ndjson")];
    let body = format!("{}{}", "\n".repeat(100_000), "{\"value\":1}\n".repeat(9_000));
    let answer = harness.send("POST", RECORDS, &headers, body).await;
    assert_eq!(answer.text().lines().count(), 9_000);
    assert!(answer.text().lines().last().unwrap().contains("\"line\":109000,"));
    let chunks = harness.node.produced.lock().unwrap();
    assert!(chunks.iter().all(|(_, records)| *records <= 2_000), "{chunks:?}");
}

#[tokio::test]
async fn a_refused_stream_is_read_to_its_end_so_that_the_refusal_arrives() {
    let harness = with_limits(LimitsConfig { request_bytes_max: 4_096, ..LimitsConfig::default() });
    let tasks = Tasks::new();
    let (addr, _handle) = harness.serve(&tasks).await;
    let response = reqwest::Client::new()
        .post(format!("http://{addr}{RECORDS}"))
        .header("content-type", "application/x-ndjson")
        .body(format!("{{\"value\":1}}\n{}", "x".repeat(8 << 20)))
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    assert!(text.lines().last().unwrap().contains("RECORD_TOO_LARGE"), "{text}");
}

#[tokio::test]
async fn a_head_is_bounded() {
    let harness = with_limits(LimitsConfig::default());
    let tasks = Tasks::new();
    let (addr, _handle) = harness.serve(&tasks).await;
    let large = format!("GET /livez HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    assert!(exchange(addr, &large).await.starts_with("HTTP/1.1 431"));
    assert!(exchange(addr, "nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_off() {
    let harness = with_limits(LimitsConfig::default());
    let tasks = Tasks::new();
    let (addr, _handle) = harness.serve(&tasks).await;
    let head = format!(
        "POST {RECORDS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\n\r\n{{"
    );
    let answer = exchange(addr, &head).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("slower than 1024"), "{answer}");
}

#[tokio::test]
async fn stopping_finishes_what_is_being_answered() {
    let harness = with_limits(LimitsConfig::default());
    let tasks = Tasks::new();
    let (addr, handle) = harness.serve(&tasks).await;
    harness.node.holds.send_replace(true);
    let body = r#"{"records":[{"value":1}]}"#;
    let head = format!(
        "POST {RECORDS} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let arrived = async {
        while harness.edge.budget().is_idle() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, arrived).await.expect("the request arrives");
    let stopping = handle.stop(SOON);
    let release = async {
        harness.edge.stopping().cancelled().await;
        harness.node.holds.send_replace(false);
    };
    let (answer, (), ()) = tokio::join!(read_to_end(&mut stream), stopping, release);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(TcpStream::connect(addr).await.is_err());
}
