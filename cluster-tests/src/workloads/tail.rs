//! Readers of a live tail, pushed as server-sent events. Where it breaks off they go on at another
//! node, by the id of the last event.

use std::time::Duration;

use anyhow::{Result, bail};
use reqwest::{Method, Response};
use serde_json::Value;

use super::process::Process;
use super::reader::{Position, put_records, skip_deleted};
use super::traffic::Traffic;
use crate::harness::client::Api;
use crate::history::{Event, Function, Phase};

/// The server sends at least a comment every 15 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// One connection, so that there are many of them.
const CONNECTION_MAX: Duration = Duration::from_secs(60);

/// Follows one partition until the traffic is closed.
pub async fn follow(traffic: Traffic, topic: String, partition: u32) {
    let mut process = Process::new(&traffic);
    let mut position = Position::start(&topic, partition);
    while traffic.turn().await {
        connection(&mut process, &mut position).await;
        process.move_on();
    }
}

/// One connection to its end.
async fn connection(process: &mut Process, position: &mut Position) {
    let (node, api) = process.node();
    let event = begin(process, node, position);
    let mut parser = Parser::default();
    let mut response = match open(&api, position, &mut parser).await {
        Ok(response) => response,
        Err(error) => {
            let event = Event { error: Some(format!("{error:#}")), ..event };
            process.end(event, Phase::Unknown).await;
            return skip_deleted(process, position, parser.log_start);
        }
    };
    let mut event = event;
    loop {
        let events = tokio::select! {
            biased;
            () = process.traffic.closed() => Err(anyhow::anyhow!("the reader stops")),
            events = more(&mut response, &mut parser) => events,
        };
        match events {
            Ok(records) if records.is_empty() => {}
            Ok(records) => {
                put_records(&mut event, &records);
                position.next = event.offsets.last().map_or(position.next, |last| last + 1);
                event.next_offset = Some(position.next);
                process.end(event, Phase::Ok).await;
                event = begin(process, node, position);
            }
            Err(error) => {
                let event = Event { error: Some(format!("{error:#}")), ..event };
                process.end(event, Phase::Unknown).await;
                return skip_deleted(process, position, parser.log_start);
            }
        }
    }
}

/// The wait for the next piece.
fn begin(process: &Process, node: u32, position: &Position) -> Event {
    let mut event = process.event(Function::Tail, node).at(&position.label, position.partition);
    event.offset = Some(position.next);
    process.traffic.recorder().invoke(event)
}

async fn open(api: &Api, position: &Position, parser: &mut Parser) -> Result<Response> {
    let Position { topic, partition, next, .. } = position;
    let path = format!("/v1/topics/{topic}/partitions/{partition}/records?encoding=string");
    let request = api.request(Method::GET, &path).header("accept", "text/event-stream");
    let request = request.header("last-event-id", next.to_string()).timeout(CONNECTION_MAX);
    let response = request.send().await?;
    if response.status() != 200 {
        let (status, problem) = (response.status(), response.text().await?);
        parser.learn_start(&serde_json::from_str(&problem).unwrap_or_default());
        bail!("{status} {problem}");
    }
    Ok(response)
}

/// The records of the next chunk, if it completes any.
async fn more(response: &mut Response, parser: &mut Parser) -> Result<Vec<Value>> {
    let chunk = tokio::time::timeout(SILENCE_MAX, response.chunk()).await;
    match chunk {
        Err(_) => bail!("nothing, not even a comment, for {SILENCE_MAX:?}"),
        Ok(chunk) => match chunk? {
            None => bail!("the server ended the tail"),
            Some(bytes) => parser.push(&bytes),
        },
    }
}

/// Puts events together out of what arrives in pieces.
#[derive(Debug, Default)]
struct Parser {
    buffer: Vec<u8>,
    /// Where the log starts now, if the server refused or ended the tail because of it.
    log_start: Option<u64>,
}

impl Parser {
    /// The records of the events that are complete now; an error where one is a problem.
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Value>> {
        self.buffer.extend_from_slice(bytes);
        let mut records = Vec::new();
        while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event).into_owned();
            let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) else {
                continue;
            };
            let data: Value = serde_json::from_str(data)?;
            if event.lines().any(|line| line == "event: problem") {
                self.learn_start(&data);
                bail!("a problem ends the tail: {data}");
            }
            records.push(data);
        }
        Ok(records)
    }

    /// A problem may say it.
    fn learn_start(&mut self, problem: &Value) {
        self.log_start = problem["valid_offsets"]["log_start_offset"].as_u64();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn events_are_put_together_and_a_problem_ends_them() {
        let mut parser = Parser::default();
        let first =
            parser.push(b"id: 1\ndata: {\"offset\":0}\n\n: still here\n\nid: 2\nda").unwrap();
        assert_eq!(first, [serde_json::json!({"offset": 0})]);
        let second = parser.push(b"ta: {\"offset\":1}\n\n").unwrap();
        assert_eq!(second, [serde_json::json!({"offset": 1})]);
        let problem = b"event: problem\ndata: {\"valid_offsets\":{\"log_start_offset\":7}}\n\n";
        assert!(parser.push(problem).is_err());
        assert_eq!(parser.log_start, Some(7));
    }

    #[tokio::test]
    async fn a_tail_that_is_refused_says_where_the_log_starts() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Api::new(listener.local_addr().unwrap()).unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            let body = r#"{"valid_offsets":{"log_start_offset":7}}"#;
            let head = format!("HTTP/1.1 416 X\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).await.unwrap();
        };
        let (mut parser, position) = (Parser::default(), Position::start("t", 0));
        let (opened, ()) = tokio::join!(open(&api, &position, &mut parser), serve);
        assert!(opened.is_err());
        assert_eq!(parser.log_start, Some(7));
    }
}
