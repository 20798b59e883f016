//! Speaks to the edge: through the router, or over a socket where streams and limits matter.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::{Router, http};
use bytes::Bytes;
use rampart_api::http::error::ProblemBody;
use rampart_api::model::error_code::ErrorCode;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::fake::FakeNode;
use crate::clock::Clock;
use crate::config::{HttpConfig, LimitsConfig};
use crate::http::{Edge, EdgeOptions, HttpHandle, Services, router, serve};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

/// Everything that is waited for comes within this time.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// An edge over a fake node.
pub(super) struct Harness {
    pub(super) node: Arc<FakeNode>,
    pub(super) edge: Edge,
    router: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Harness {
    pub(super) fn new() -> Self {
        Harness::with(HttpConfig::default(), LimitsConfig::default())
    }

    pub(super) fn with(http: HttpConfig, limits: LimitsConfig) -> Self {
        let node = FakeNode::new();
        let services = Services {
            partitions: node.clone(),
            metadata: node.clone(),
            groups: node.clone(),
            castle: node.clone(),
            controller: node.clone(),
            node: node.clone(),
        };
        let edge = Edge::new(EdgeOptions {
            services,
            clock: Clock::default(),
            metrics: Metrics::new(),
            http,
            limits,
        });
        Harness { node, router: router(edge.clone()), edge }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// Sends a GET whose answer is not read yet.
    pub(super) async fn open(&self, path: &str) -> http::Response<Body> {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body).await
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Serves on a free port of loopback.
    pub(super) async fn serve(&self, tasks: &Tasks) -> (SocketAddr, HttpHandle) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        (addr, serve(listener, self.edge.clone(), tasks))
    }
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {self:?}"),
        }
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The answer is this refusal, and its parts agree.
    #[track_caller]
    pub(super) fn refused(&self, code: ErrorCode, detail: &str) -> ProblemBody {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem: ProblemBody = self.json();
        assert_eq!(problem.code, code, "{problem:?}");
        assert_eq!(self.status.as_u16(), problem.status);
        assert!(problem.detail.contains(detail), "`{}` lacks `{detail}`", problem.detail);
        let comes_back = self.headers.contains_key(http::header::RETRY_AFTER);
        assert!(comes_back || ![429, 503].contains(&problem.status), "{self:?}");
        problem
    }
}
