//! Sends requests: to the first server that can be reached, starting with the one that answered
//! last. Moves on only where the request was certainly not done, or may be repeated.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ClientError;
use crate::http::error::{PROBLEM_MEDIA_TYPE, ProblemBody};
use crate::model::error_code::ErrorCode;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait for an answer, beyond the time that the request itself asks for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);
/// Bytes of a strange answer that are shown.
const SHOWN_BYTES_MAX: usize = 200;

/// A client of one cluster. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    servers: Arc<[Url]>,
    preferred: Arc<AtomicUsize>,
}

/// One request, in a form that can be sent again.
#[derive(Debug)]
pub(super) struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<(&'static str, Bytes)>,
    timeout: Duration,
}

/// An answer that is no refusal, with the server that gave it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) server: String,
    pub(super) response: reqwest::Response,
}

impl Answer {
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let Answer { server, response } = self;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|error| interrupted(&server, &error))?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Unexpected {
            server,
            status,
            text: error.to_string(),
        })
    }
}

impl Request {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Request {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            timeout: ANSWER_TIMEOUT,
        }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Request::new(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Request::new(Method::POST, path)
    }

    pub(super) fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.headers.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(super) fn body(mut self, media_type: &'static str, body: Bytes) -> Self {
        self.body = Some((media_type, body));
        self
    }

    pub(super) fn json(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("our own bodies have string keys");
        self.body("application/json", Bytes::from(body))
    }

    /// Gives the server this much time of its own.
    pub(super) fn wait(mut self, time: Duration) -> Self {
        self.timeout = ANSWER_TIMEOUT + time;
        self
    }

    /// Waits no longer than this for any one server.
    pub(super) fn within(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    fn is_repeatable(&self) -> bool {
        self.method == Method::GET
    }
}

impl Client {
    /// A client of the cluster that these servers belong to: `http://host:port` or `host:port`.
    pub fn new(servers: impl AsRef<[String]>) -> Result<Self, ClientError> {
        let servers: Vec<Url> =
            servers.as_ref().iter().map(|s| parse(s)).collect::<Result<_, _>>()?;
        if servers.is_empty() {
            let reason = "name at least one, such as http://127.0.0.1:8080".to_owned();
            return Err(ClientError::BadServer { server: String::new(), reason });
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("rampart/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ClientError::BadServer {
                server: servers[0].to_string(),
                reason: reason(&error),
            })?;
        Ok(Client { http, servers: servers.into(), preferred: Arc::new(AtomicUsize::new(0)) })
    }

    /// The servers, in the order in which they are tried now.
    pub fn servers(&self) -> Vec<String> {
        self.order().map(|(_, server)| name(server)).collect()
    }

    /// The same client, with these servers after its own. Those that can't be used are left out.
    pub(super) fn followed_by(&self, more: &[String]) -> Client {
        let mut servers = self.servers.to_vec();
        for url in more.iter().filter_map(|server| parse(server).ok()) {
            if !servers.contains(&url) {
                servers.push(url);
            }
        }
        self.with(servers, self.preferred.load(Ordering::Relaxed))
    }

    /// The same client, with this server before the others; `None` if it can't be used.
    pub(super) fn led_by(&self, server: &str) -> Option<Client> {
        let first = parse(server).ok()?;
        let others = self.order().map(|(_, server)| server).filter(|server| **server != first);
        let servers = std::iter::once(first.clone()).chain(others.cloned());
        Some(self.with(servers.collect(), 0))
    }

    /// The same client, with these servers before the others, in this order. Those that can't be used
    /// are left out.
    pub(super) fn beginning_with(&self, first: &[String]) -> Client {
        let first = first.iter().filter_map(|server| parse(server).ok());
        let mut servers = Vec::new();
        for url in first.chain(self.servers.iter().cloned()) {
            if !servers.contains(&url) {
                servers.push(url);
            }
        }
        self.with(servers, 0)
    }

    /// The same client, which begins so many servers further on.
    pub(super) fn turned(&self, by: usize) -> Client {
        let first = self.preferred.load(Ordering::Relaxed).wrapping_add(by) % self.servers.len();
        self.with(self.servers.to_vec(), first)
    }

    fn with(&self, servers: Vec<Url>, first: usize) -> Client {
        let preferred = Arc::new(AtomicUsize::new(first));
        Client { http: self.http.clone(), servers: servers.into(), preferred }
    }

    /// Sends a request and reads the JSON answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<T, ClientError> {
        self.send(request).await?.json().await
    }

    /// Sends a request and reads the JSON answer; `None` where it is accepted without one.
    pub(super) async fn ask_accepted<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<Option<T>, ClientError> {
        let answer = self.send(request).await?;
        if answer.response.status() == reqwest::StatusCode::ACCEPTED {
            return Ok(None);
        }
        answer.json().await.map(Some)
    }

    /// Sends a request to the first server that takes it.
    pub(super) async fn send(&self, request: Request) -> Result<Answer, ClientError> {
        let mut tried = Vec::new();
        let mut refused = None;
        for (position, server) in self.order() {
            let mut builder = self
                .http
                .request(request.method.clone(), url(server, &request))
                .timeout(request.timeout);
            for (name, value) in &request.headers {
                builder = builder.header(*name, value);
            }
            if let Some((media_type, body)) = &request.body {
                builder = builder.header("content-type", *media_type).body(body.clone());
            }
            match builder.send().await {
                Ok(response) => match check(name(server), response).await {
                    Err(error) if error.code() == Some(ErrorCode::NotReady) => {
                        refused = Some(error);
                    }
                    // Some other program has that port; nothing was asked of it that matters.
                    Err(error @ ClientError::Unexpected { .. }) if request.is_repeatable() => {
                        refused.get_or_insert(error);
                    }
                    checked => {
                        self.preferred.store(position, Ordering::Relaxed);
                        return checked;
                    }
                },
                Err(error) if error.is_connect() || request.is_repeatable() => {
                    tried.push((name(server), reason(&error)));
                }
                Err(error) => return Err(interrupted(&name(server), &error)),
            }
        }
        Err(refused.unwrap_or(ClientError::Unreachable { tried }))
    }

    /// Sends a body that can't be sent twice, to the server that answered last.
    pub(super) async fn stream(
        &self,
        request: Request,
        media_type: &'static str,
        body: reqwest::Body,
    ) -> Result<Answer, ClientError> {
        let (_, server) = self.order().next().expect("checked when it was made");
        let mut builder = self.http.request(request.method.clone(), url(server, &request));
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let sent = builder.header("content-type", media_type).body(body).send().await;
        match sent {
            Ok(response) => check(name(server), response).await,
            Err(error) if error.is_connect() => {
                Err(ClientError::Unreachable { tried: vec![(name(server), reason(&error))] })
            }
            Err(error) => Err(interrupted(&name(server), &error)),
        }
    }

    fn order(&self) -> impl Iterator<Item = (usize, &Url)> {
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.servers.len();
        (0..count).map(move |i| (first + i) % count).map(|i| (i, &self.servers[i]))
    }
}

pub(super) fn interrupted(server: &str, error: &reqwest::Error) -> ClientError {
    ClientError::Interrupted { server: server.to_owned(), reason: reason(error) }
}

/// Turns refusals into errors.
async fn check(server: String, response: reqwest::Response) -> Result<Answer, ClientError> {
    let status = response.status();
    let media_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    let is_problem = media_type.is_some_and(|value| value.starts_with(PROBLEM_MEDIA_TYPE));
    // Nothing that is asked here is answered with a page; other programs do that.
    let is_page = media_type.is_some_and(|value| value.starts_with("text/html"));
    if status.is_success() && !is_problem && !is_page {
        return Ok(Answer { server, response });
    }
    let status = status.as_u16();
    let body = response.bytes().await.map_err(|error| interrupted(&server, &error))?;
    match serde_json::from_slice::<ProblemBody>(&body) {
        Ok(body) if is_problem => Err(ClientError::Problem { status, body: Box::new(body) }),
        _ => {
            let shown = &body[..body.len().min(SHOWN_BYTES_MAX)];
            let text = String::from_utf8_lossy(shown).trim().to_owned();
            Err(ClientError::Unexpected { server, status, text })
        }
    }
}

fn parse(server: &str) -> Result<Url, ClientError> {
    let bad = |reason: String| ClientError::BadServer { server: server.to_owned(), reason };
    let text = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let url = Url::parse(&text).map_err(|error| bad(error.to_string()))?;
    match (url.scheme(), url.host_str()) {
        ("http", Some(_)) if url.path() == "/" && url.query().is_none() => Ok(url),
        ("http", Some(_)) => Err(bad("an address without a path, please".to_owned())),
        ("https", _) => Err(bad("TLS is not served yet; use http://".to_owned())),
        _ => Err(bad("http://HOST:PORT is wanted".to_owned())),
    }
}

fn url(server: &Url, request: &Request) -> Url {
    let mut url = server.clone();
    url.set_path(&request.path);
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    url
}

/// A segment of a path: what is not plain is percent-encoded (RFC 3986, 2.1).
pub(super) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut path = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                path.push(char::from(byte));
            }
            other => write!(path, "%{other:02X}").expect("writing to a string can't fail"),
        }
    }
    path
}

fn name(server: &Url) -> String {
    server.as_str().trim_end_matches('/').to_owned()
}

/// The innermost reason: the outer ones only say that sending failed.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::http::topics::ListTopicsResponse;
    use crate::model::problem::{Outcome, Problem};

    /// Answers one request with this text.
    async fn answer_once(listener: &TcpListener, answer: &str) -> String {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            socket.read_buf(&mut head).await.unwrap();
        }
        socket.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(head).unwrap()
    }

    fn http(status: &str, media_type: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
    }

    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    #[tokio::test]
    async fn moves_on_from_a_server_that_refuses_connections() {
        let (gone, dead) = listener().await;
        drop(gone);
        let (alive, address) = listener().await;
        let client = Client::new(&[dead, address.clone()]).unwrap();
        let page = http("200 OK", "application/json", r#"{"topics":[]}"#);
        let (head, topics) = tokio::join!(answer_once(&alive, &page), client.topics());
        assert!(head.starts_with("GET /v1/topics HTTP/1.1"), "{head}");
        assert_eq!(topics.unwrap(), ListTopicsResponse { topics: Vec::new() });
        assert_eq!(client.servers()[0], format!("http://{address}"), "is asked first from now on");
    }

    #[tokio::test]
    async fn unreachable_servers_are_all_named() {
        let (gone, dead) = listener().await;
        drop(gone);
        let error = Client::new(vec![dead.clone()]).unwrap().topics().await.unwrap_err();
        assert!(error.to_string().contains(&dead), "{error}");
        assert!(error.is_safe_to_retry());
    }

    #[tokio::test]
    async fn a_refusal_carries_the_problem() {
        let (server, address) = listener().await;
        let client = Client::new(&[address]).unwrap();
        let problem = Problem::new(ErrorCode::TopicNotFound, "no topic `x`").hint("create it");
        let body = serde_json::to_string(&ProblemBody::from(&problem)).unwrap();
        let page = http("404 Not Found", "application/problem+json", &body);
        let (_, answer) = tokio::join!(answer_once(&server, &page), client.topic("x"));
        match answer.unwrap_err() {
            ClientError::Problem { status: 404, body } => {
                assert_eq!(body.hint.as_deref(), Some("create it"));
            }
            other => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn without_acknowledgement_there_are_no_offsets() {
        let (server, address) = listener().await;
        let client = Client::new(&[address]).unwrap();
        let options = crate::client::ProduceOptions::default();
        let records = crate::http::produce::ProduceRequest::default();
        let page = http("202 Accepted", "application/json", "");
        let (_, answer) =
            tokio::join!(answer_once(&server, &page), client.produce("x", &records, &options));
        assert_eq!(answer.unwrap().offsets, []);
    }

    #[tokio::test]
    async fn a_foreign_server_is_recognised() {
        let (server, address) = listener().await;
        let client = Client::new(&[address]).unwrap();
        let page = http("404 Not Found", "text/html", "<h1>not here</h1>");
        let (_, answer) = tokio::join!(answer_once(&server, &page), client.topics());
        let error = answer.unwrap_err();
        assert!(error.to_string().contains("no Rampart node"), "{error}");
    }

    #[tokio::test]
    async fn a_read_moves_on_from_a_foreign_server_and_a_write_does_not() {
        let (foreign, strange) = listener().await;
        let (ours, address) = listener().await;
        let page = http("200 OK", "text/html", "<h1>it works</h1>");
        let list = http("200 OK", "application/json", r#"{"topics":[]}"#);
        let client = Client::new(&[strange.clone(), address.clone()]).unwrap();
        let answers =
            async { tokio::join!(answer_once(&foreign, &page), answer_once(&ours, &list)) };
        let (_, topics) = tokio::join!(answers, client.topics());
        assert_eq!(topics.unwrap().topics, []);
        assert_eq!(client.servers()[0], format!("http://{address}"));
        let client = Client::new(&[strange.clone(), address]).unwrap();
        let (_, answer) = tokio::join!(answer_once(&foreign, &page), client.delete_topic("x"));
        let error = answer.unwrap_err();
        assert!(
            matches!(&error, ClientError::Unexpected { server, .. } if server.contains(&strange))
        );
    }

    #[tokio::test]
    async fn a_write_whose_answer_is_lost_is_unknown() {
        let (server, address) = listener().await;
        let client = Client::new(&[address]).unwrap();
        let (_, answer) = tokio::join!(answer_once(&server, ""), client.delete_topic("x"));
        let error = answer.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
        assert!(!error.is_safe_to_retry());
    }

    #[test]
    fn bad_servers_are_refused() {
        for server in ["", "https://a:1", "http://", "http://a:1/v1", "ftp://a", "a b"] {
            assert!(Client::new(&[server.to_owned()]).is_err(), "{server:?}");
        }
        assert!(Client::new(Vec::new()).is_err());
        assert_eq!(Client::new(&["a:1".to_owned()]).unwrap().servers(), ["http://a:1"]);
    }
}
