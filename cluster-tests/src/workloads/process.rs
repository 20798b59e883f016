//! One client: one operation at a time, asked of one node for a while or until that one refuses, then
//! of another. Each operation is in the history before it is sent and after it has ended.

use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::traffic::Traffic;
use crate::harness::client::{Answer, Api};
use crate::history::{Event, Function, Phase};

/// Wait after an answer that was no success, so that a dead cluster isn't hammered.
const PAUSE: Duration = Duration::from_millis(50);

/// Operations after which a client goes elsewhere though all is well.
const STAYS: u32 = 40;

/// What became of a request.
#[derive(Debug)]
pub enum Reply {
    /// Done; the body, null if it has none.
    Done(Value),
    /// Certainly not done; the problem if the server said one, and a text for people.
    Refused(Value, String),
    /// It may have been done, or may still be.
    Unknown(String),
}

impl Reply {
    /// How a history calls it.
    pub fn phase(&self) -> Phase {
        match self {
            Reply::Done(_) => Phase::Ok,
            Reply::Refused(..) => Phase::Fail,
            Reply::Unknown(_) => Phase::Unknown,
        }
    }

    /// The body of what was done, or the problem; null where there is none.
    pub fn into_body(self) -> Value {
        match self {
            Reply::Done(body) | Reply::Refused(body, _) => body,
            Reply::Unknown(_) => Value::Null,
        }
    }

    /// Why it is not done.
    pub fn error(&self) -> Option<String> {
        match self {
            Reply::Done(_) => None,
            Reply::Refused(_, text) | Reply::Unknown(text) => Some(text.clone()),
        }
    }
}

/// One client of the history.
#[derive(Debug)]
pub struct Process {
    /// What it shares with the others.
    pub traffic: Traffic,
    /// Its number.
    pub id: u32,
    turn: usize,
    /// Operations that it still asks of the same node.
    stays: u32,
    rng: StdRng,
}

impl Process {
    /// A new client.
    pub fn new(traffic: &Traffic) -> Process {
        let id = traffic.new_process();
        let (turn, rng) = (id as usize, traffic.rng(!id));
        Process { traffic: traffic.clone(), id, turn, stays: STAYS, rng }
    }

    /// The node it asks now, and its index.
    pub fn node(&self) -> (u32, Api) {
        self.traffic.node(self.turn)
    }

    /// It asks another node from now on, perhaps: any, so that clients do not gather at one.
    pub fn move_on(&mut self) {
        self.turn = self.turn.wrapping_add(self.rng.random_range(1..1_000));
        self.stays = STAYS;
    }

    /// The beginning of an operation that is sent to `node`.
    pub fn event(&self, f: Function, node: u32) -> Event {
        let mut event = Event::new(self.id, f);
        event.node = Some(node);
        event
    }

    /// Records the end of an operation and counts it. After anything but a success the client goes
    /// to another node, a little later.
    pub async fn end(&mut self, event: Event, phase: Phase) {
        let is_produce = event.f == Function::Produce && phase == Phase::Ok;
        self.traffic.count(phase, if is_produce { event.offsets.len() } else { 0 });
        self.traffic.recorder().end(event, phase);
        self.stays = self.stays.saturating_sub(1);
        if phase != Phase::Ok || self.stays == 0 {
            self.move_on();
        }
        if phase != Phase::Ok {
            self.traffic.rest(PAUSE).await;
        }
    }

    /// Records something that has no duration.
    pub fn note(&self, f: Function, fill: impl FnOnce(&mut Event)) {
        let mut event = Event::new(self.id, f);
        fill(&mut event);
        self.traffic.recorder().note(event);
    }
}

/// A request with a JSON body, or without one where it is null.
pub fn request(api: &Api, method: Method, path: &str, body: &Value) -> RequestBuilder {
    let request = api.request(method, path);
    if body.is_null() { request } else { request.json(body) }
}

/// Sends a request and waits so long for its end.
pub async fn exchange(api: &Api, request: RequestBuilder, patience: Duration) -> Reply {
    reply(api.send(request.timeout(patience)).await)
}

/// Done, not done, or unknown: only a refusal that says so, and a connection that was never made,
/// count as not done.
fn reply(answer: Result<Answer>) -> Reply {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let is_connect = error.chain().any(|cause| {
                cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
            });
            let text = format!("{error:#}");
            return match is_connect {
                true => Reply::Refused(Value::Null, text),
                false => Reply::Unknown(text),
            };
        }
    };
    let body = answer.json().unwrap_or(Value::Null);
    match answer.status {
        200..300 if answer.status != 207 => Reply::Done(body),
        _ if body["outcome"] == "not_done" => {
            let text = problem_text(&body);
            Reply::Refused(body, text)
        }
        _ if body["code"].is_string() => Reply::Unknown(problem_text(&body)),
        _ => Reply::Unknown(format!("{answer:?}")),
    }
}

fn problem_text(problem: &Value) -> String {
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    format!("{}: {}", text("code"), text("detail"))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What a client makes of a server that answers this, once, and closes the connection.
    async fn answered(response: String) -> Reply {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Api::new(listener.local_addr().unwrap()).unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(response.as_bytes()).await.unwrap();
        };
        let asked = exchange(&api, api.request(Method::POST, "/"), Duration::from_secs(10));
        tokio::join!(asked, serve).0
    }

    fn http(status: u16, body: &str) -> String {
        let length = body.len();
        format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    }

    #[tokio::test]
    async fn only_what_says_so_is_not_done() {
        let not_done = r#"{"code":"NOT_LEADER","outcome":"not_done","detail":"x"}"#;
        let unknown = r#"{"code":"TIMEOUT","outcome":"unknown","detail":"x"}"#;
        let cases = [
            (http(200, "{}"), Phase::Ok),
            (http(202, ""), Phase::Ok),
            (http(503, not_done), Phase::Fail),
            (http(504, unknown), Phase::Unknown),
            (http(500, ""), Phase::Unknown),
            (http(207, not_done.replace("not_done", "unknown").as_str()), Phase::Unknown),
            (String::new(), Phase::Unknown),
            ("HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{".to_owned(), Phase::Unknown),
        ];
        for (response, phase) in cases {
            let reply = answered(response.clone()).await;
            assert_eq!(reply.phase(), phase, "{response} gave {reply:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_was_never_made_is_not_done_and_other_errors_are_unknown() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Api::new(listener.local_addr().unwrap()).unwrap();
        drop(listener);
        let request = api.request(Method::POST, "/");
        let refused = exchange(&api, request, Duration::from_secs(10)).await;
        assert_eq!(refused.phase(), Phase::Fail, "{refused:?}");
        assert_eq!(reply(Err(anyhow!("anything else"))).phase(), Phase::Unknown);
    }
}
