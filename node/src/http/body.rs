//! Request bodies: read within the limits of size, speed and bytes in flight. A client slower than
//! 1 KiB/s is cut off, so that it can't hold a connection's memory for ever.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use rampart_api::http::json_text::check_depth;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::admission::{Budget, ConnectionBudget, Held};
use super::edge::Edge;
use super::error::invalid;
use super::media;
use crate::clock::Clock;

/// However much has arrived, silence lasts no longer than this.
const CREDIT_MAX: Duration = Duration::from_secs(30);
/// Between two lines of a stream a client may pause for so long.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Slowest speed.
const BYTES_PER_SECOND_MIN: u64 = 1 << 10;
/// How much of a refused body is read and thrown away, so that the client gets to see the refusal
/// instead of a reset connection.
const DRAINED_BYTES_MAX: usize = 64 << 20;
/// And for how long.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);
/// Bodies that are not records are small.
const COMMAND_BYTES_MAX: usize = 1 << 20;

/// How fast the next piece must come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// At the slowest speed at least.
    Steady,
    /// Between two lines of a stream.
    Pausing,
}

/// A body that is being received.
#[derive(Debug)]
pub(super) struct RequestBody {
    stream: axum::body::BodyDataStream,
    budget: Budget,
    connection: ConnectionBudget,
    clock: Clock,
    declared: Option<usize>,
    /// It may be silent for so long, plus a second for each KiB of it that has arrived.
    silence_max: Duration,
    /// How much longer it may be silent. Only time in which it is waited for counts.
    credit: Duration,
    waiting_since: Option<Instant>,
}

impl RequestBody {
    /// Starts to receive.
    pub(super) fn new(edge: &Edge, request: Request) -> Self {
        let connection = request.extensions().get::<ConnectionBudget>().cloned();
        let declared = content_length(request.headers());
        let clock = edge.clock();
        let silence_max = edge.http().header_timeout() / 2;
        RequestBody {
            connection: connection.unwrap_or_else(|| edge.budget().connection()),
            stream: Body::into_data_stream(request.into_body()),
            budget: edge.budget().clone(),
            clock,
            declared,
            silence_max,
            credit: silence_max,
            waiting_since: None,
        }
    }

    /// The whole body, at most `max` bytes.
    ///
    /// # Errors
    /// `REQUEST_TOO_LARGE`, `OVERLOADED`, or a body that breaks off or is too slow.
    pub(super) async fn whole(mut self, max: usize) -> Result<(Bytes, Held), Problem> {
        let collected = self.collect(max).await;
        if collected.is_err() {
            self.drain().await;
        }
        collected
    }

    async fn collect(&mut self, max: usize) -> Result<(Bytes, Held), Problem> {
        let mut held = Held::default();
        if let Some(declared) = self.declared {
            check_size(declared, max)?;
            self.budget.check(&self.connection, declared)?;
        }
        let Some(first) = self.next(&mut held).await? else {
            return Ok((Bytes::new(), held));
        };
        check_size(first.len(), max)?;
        let Some(second) = self.next(&mut held).await? else {
            return Ok((first, held));
        };
        let mut whole = BytesMut::with_capacity(first.len() + second.len());
        whole.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            check_size(whole.len() + chunk.len(), max)?;
            whole.extend_from_slice(&chunk);
            next = self.next(&mut held).await?;
        }
        Ok((whole.freeze(), held))
    }

    async fn next(&mut self, held: &mut Held) -> Result<Option<Bytes>, Problem> {
        let Some(chunk) = self.arrive(Pace::Steady).await? else {
            return Ok(None);
        };
        self.admit(chunk.len(), held).await?;
        Ok(Some(chunk))
    }

    /// The next piece; `None` at the end. Nothing is lost if the future is dropped before it is
    /// ready. Follow it with `admit`.
    ///
    /// # Errors
    /// A body that breaks off or is too slow.
    pub(super) async fn arrive(&mut self, pace: Pace) -> Result<Option<Bytes>, Problem> {
        let since = *self.waiting_since.get_or_insert_with(|| self.clock.instant());
        let patience = match pace {
            Pace::Steady => self.credit,
            Pace::Pausing => PAUSE_MAX,
        };
        let Ok(next) = tokio::time::timeout_at(since + patience, self.stream.next()).await else {
            return Err(too_slow(pace));
        };
        let chunk = match next {
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) => return Err(invalid(format!("the body broke off: {error}"))),
            None => return Ok(None),
        };
        let earned = chunk.len() as f64 / BYTES_PER_SECOND_MIN as f64;
        self.leave();
        let credit = match pace {
            Pace::Steady => self.credit,
            Pace::Pausing => self.silence_max,
        };
        self.credit = (credit + Duration::from_secs_f64(earned)).min(CREDIT_MAX);
        Ok(Some(chunk))
    }

    /// It is not waited for until the next `arrive`: the client is not to blame for that time.
    pub(super) fn leave(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            let waited = self.clock.instant().saturating_duration_since(since);
            self.credit = self.credit.saturating_sub(waited);
        }
    }

    /// Takes room for a piece that arrived.
    ///
    /// # Errors
    /// `OVERLOADED`.
    pub(super) async fn admit(&mut self, bytes: usize, held: &mut Held) -> Result<(), Problem> {
        self.budget.take(&self.connection, held, bytes).await
    }

    /// Reads and throws away what is left of a refused body, within bounds.
    pub(super) async fn drain(&mut self) {
        let mut drained = 0;
        let reading = async {
            while let Some(Ok(chunk)) = self.stream.next().await {
                drained += chunk.len();
                if drained > DRAINED_BYTES_MAX {
                    return;
                }
            }
        };
        // Either way the refusal is sent next, and what is left is the connection's to close.
        let _ = tokio::time::timeout(DRAIN_TIME_MAX, reading).await;
    }
}

fn too_slow(pace: Pace) -> Problem {
    match pace {
        Pace::Steady => {
            invalid(format!("the body comes slower than {BYTES_PER_SECOND_MIN} bytes per second"))
        }
        Pace::Pausing => invalid(format!("no line came for {} seconds", PAUSE_MAX.as_secs())),
    }
}

/// A command's JSON body.
///
/// # Errors
/// Another media type, too large, nested too deep, malformed, of another shape.
pub(super) async fn json<T: DeserializeOwned>(edge: &Edge, request: Request) -> Result<T, Problem> {
    require_json(request.headers())?;
    let (body, _held) = RequestBody::new(edge, request).whole(COMMAND_BYTES_MAX).await?;
    if body.trim_ascii().is_empty() {
        return Err(invalid("the request has no body; a JSON object is expected"));
    }
    parse(&body)
}

/// A command's JSON body that may be missing.
///
/// # Errors
/// As `json`.
pub(super) async fn json_or_default<T: DeserializeOwned + Default>(
    edge: &Edge,
    request: Request,
) -> Result<T, Problem> {
    let typed = require_json(request.headers());
    let (body, _held) = RequestBody::new(edge, request).whole(COMMAND_BYTES_MAX).await?;
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    typed?;
    parse(&body)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    check_depth(body).map_err(|error| invalid(error.to_string()))?;
    let parsed = axum::Json::<T>::from_bytes(body);
    parsed.map(|axum::Json(value)| value).map_err(|rejection| {
        let text = rejection.body_text();
        // axum's own introduction says nothing about this body.
        let detail = text.split_once(": ").map_or(text.as_str(), |(_, detail)| detail);
        invalid(format!("malformed body: {detail}"))
    })
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    match media::content_type(headers)?.as_deref() {
        None | Some(media::JSON) => Ok(()),
        // What curl -d sends unless told otherwise.
        Some("application/x-www-form-urlencoded") => Ok(()),
        Some(other) => Err(Problem::new(
            ErrorCode::UnsupportedMediaType,
            format!("this endpoint takes application/json, not {}", media::shown(other)),
        )),
    }
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn check_size(size: usize, max: usize) -> Result<(), Problem> {
    if size > max {
        return Err(Problem::new(
            ErrorCode::RequestTooLarge,
            format!("the body has {size} bytes or more, at most {max} are taken"),
        )
        .hint("send several requests, or application/x-ndjson, which has no limit as a whole"));
    }
    Ok(())
}
