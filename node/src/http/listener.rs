//! The HTTP listener: accepts at most so many connections, serves HTTP/1.1 and HTTP/2 on each, and
//! stops in order: no new connections, waiting reads end, what is being answered is finished.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rampart_api::http::error::{PROBLEM_MEDIA_TYPE, ProblemBody};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use super::connection::{Connection, InProgress, Protocol, Timeouts, while_sending};
use super::edge::Edge;
use super::router::router;
use crate::net::{TcpListener, TcpStream};
use crate::tasks::Tasks;

/// Between two requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// For a client that does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Requests at a time on one HTTP/2 connection.
const HTTP2_STREAMS_MAX: u32 = 100;
/// Between two pings of an HTTP/2 connection.
const HTTP2_PING_EVERY: Duration = Duration::from_secs(20);
/// Pause after the system could not accept, for example because it is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Said to a connection that is too many.
static REFUSAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let detail = "this node has as many connections as it takes";
    let problem = Problem::new(ErrorCode::Overloaded, detail).retry_after_ms(1_000);
    let body = ProblemBody { status: 503, ..ProblemBody::from(&problem) }.to_json();
    let mut answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {PROBLEM_MEDIA_TYPE}\r\n\
         retry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    answer
});

/// A running listener.
#[derive(Debug, Clone)]
pub struct HttpHandle {
    edge: Edge,
    places: Arc<Semaphore>,
    places_max: u32,
    tasks: Tasks,
}

impl HttpHandle {
    /// Stops accepting, ends waiting reads and live tails, waits for what is being answered, at most
    /// `deadline`, and cuts off the rest.
    pub async fn stop(&self, deadline: Duration) {
        self.edge.stopping().cancel();
        let all_gone = self.places.acquire_many(self.places_max);
        if tokio::time::timeout(deadline, all_gone).await.is_err() {
            let left = self.places_max as usize - self.places.available_permits();
            tracing::warn!(left, "connections were cut off");
        }
        self.tasks.stop(ACCEPT_PAUSE).await;
    }
}

/// Serves the edge on a bound listener.
pub fn serve(listener: TcpListener, edge: Edge, tasks: &Tasks) -> HttpHandle {
    serve_router(listener, router(edge.clone()), edge, tasks)
}

pub(super) fn serve_router(
    listener: TcpListener,
    router: Router,
    edge: Edge,
    tasks: &Tasks,
) -> HttpHandle {
    let places_max = u32::try_from(edge.limits().connections_max).unwrap_or(u32::MAX >> 3);
    let server = Server {
        places: Arc::new(Semaphore::new(places_max as usize)),
        timeouts: Timeouts {
            first_byte: edge.http().header_timeout() / 2,
            head: edge.http().header_timeout(),
            idle: IDLE_TIMEOUT,
            write: WRITE_TIMEOUT,
        },
        tasks: tasks.child(),
        router,
        edge,
    };
    let handle = HttpHandle {
        edge: server.edge.clone(),
        places: server.places.clone(),
        places_max,
        tasks: server.tasks.clone(),
    };
    let spawner = server.tasks.clone();
    spawner.spawn("http listener", server.run(listener));
    handle
}

#[derive(Debug, Clone)]
struct Server {
    router: Router,
    edge: Edge,
    places: Arc<Semaphore>,
    timeouts: Timeouts,
    tasks: Tasks,
}

impl Server {
    async fn run(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.edge.stopping().cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => self.take(stream),
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            // Whoever can't take it at once is not waited for.
            let _ = stream.try_write(&REFUSAL);
            return;
        };
        // A small answer must not wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let server = self.clone();
        self.tasks.spawn("http connection", async move {
            server.edge.metrics().http.connections.inc();
            let counted = Counted { server, _place: place };
            if let Err(error) = counted.server.serve(stream).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }

    async fn serve(
        &self,
        stream: TcpStream,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let in_progress = InProgress::default();
        let accepted = Connection::accept(stream, self.timeouts, in_progress.clone());
        let connection = tokio::select! {
            accepted = accepted => accepted?,
            () = self.edge.stopping().cancelled() => return Ok(()),
        };
        let budget = self.edge.budget().connection();
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(budget.clone());
            answer(self.router.clone(), request, in_progress.clone())
        });
        let protocol = connection.protocol();
        let socket = TokioIo::new(connection);
        match protocol {
            Protocol::Http1 => {
                let mut serving = pin!(http1().serve_connection(socket, service));
                tokio::select! {
                    ended = serving.as_mut() => return Ok(ended?),
                    () = self.edge.stopping().cancelled() => {}
                }
                serving.as_mut().graceful_shutdown();
                Ok(serving.await?)
            }
            Protocol::Http2 => {
                let spawn = StreamTasks(self.tasks.clone());
                let mut serving = pin!(http2(spawn).serve_connection(socket, service));
                tokio::select! {
                    ended = serving.as_mut() => return Ok(ended?),
                    () = self.edge.stopping().cancelled() => {}
                }
                serving.as_mut().graceful_shutdown();
                Ok(serving.await?)
            }
        }
    }
}

/// Gives the connection's place back, however the connection ends.
struct Counted {
    server: Server,
    _place: OwnedSemaphorePermit,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.server.edge.metrics().http.connections.dec();
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    in_progress: InProgress,
) -> Result<Response, Infallible> {
    let progressing = in_progress.begin();
    let response = router.oneshot(request.map(Body::new)).await?;
    Ok(while_sending(response, progressing))
}

fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // The connection's own limits; hyper's would end idle connections as well.
    builder.header_read_timeout(None);
    builder.timer(TokioTimer::new()).max_header_size(HEAD_BYTES_MAX);
    builder
}

fn http2(tasks: StreamTasks) -> http2::Builder<StreamTasks> {
    let mut builder = http2::Builder::new(tasks);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).expect("16 KiB"))
        .keep_alive_interval(HTTP2_PING_EVERY)
        .keep_alive_timeout(HTTP2_PING_EVERY);
    builder
}

/// Spawns the streams of HTTP/2 connections.
#[derive(Debug, Clone)]
struct StreamTasks(Tasks);

impl<F> hyper::rt::Executor<F> for StreamTasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn("http2 stream", future);
    }
}
