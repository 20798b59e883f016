//! Refusals as answers: one exhaustive mapping from our codes to HTTP statuses, and the body of
//! RFC 9457. Everything the edge refuses passes here.
#![deny(clippy::wildcard_enum_match_arm)]

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rampart_api::http::error::{PROBLEM_MEDIA_TYPE, ProblemBody};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::{Outcome, Problem};

/// A problem on its way to a client.
#[derive(Debug, Clone)]
pub(super) struct Refusal(pub Problem);

/// What a handler answers.
pub(super) type Answered = Result<Response, Refusal>;

/// Marks an answer as a refusal, for the metrics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused(pub ErrorCode);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Refusal(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(problem) = self;
        let body = ProblemBody::from(&problem);
        respond(status(problem.code), &problem, &body)
    }
}

/// A problem body with its headers.
pub(super) fn respond(status: StatusCode, problem: &Problem, body: &ProblemBody) -> Response {
    let mut response = (status, body.to_json()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
    if let Some(seconds) = retry_after_seconds(status, problem) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(Refused(problem.code));
    response
}

/// Whole seconds, rounded up; always there with 429 and 503.
fn retry_after_seconds(status: StatusCode, problem: &Problem) -> Option<u64> {
    let must = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
    match problem.retry_after_ms {
        Some(ms) => Some(ms.div_ceil(1_000).max(1)),
        None => must.then_some(1),
    }
}

/// The status that carries a code.
pub(super) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::CorruptBatch
        | ErrorCode::InvalidConfig
        | ErrorCode::InvalidReplicationFactor
        | ErrorCode::InvalidRequest
        | ErrorCode::InvalidTopic => StatusCode::BAD_REQUEST,
        ErrorCode::ClientNotFound
        | ErrorCode::GroupNotFound
        | ErrorCode::InvalidPartition
        | ErrorCode::NoSuchEndpoint
        | ErrorCode::NodeNotFound
        | ErrorCode::TopicNotFound
        | ErrorCode::UnknownMember => StatusCode::NOT_FOUND,
        ErrorCode::DeadLettersOff
        | ErrorCode::DiskRejected
        | ErrorCode::DuplicateSequence
        | ErrorCode::GroupActive
        | ErrorCode::InstanceReplaced
        | ErrorCode::InvalidProducerEpoch
        | ErrorCode::MixedSettling
        | ErrorCode::NotHeld
        | ErrorCode::OutOfOrderSequenceNumber
        | ErrorCode::StaleGeneration
        | ErrorCode::TopicExists
        | ErrorCode::TopicMoved
        | ErrorCode::UnknownProducerId
        | ErrorCode::Unsafe => StatusCode::CONFLICT,
        ErrorCode::RecordTooLarge | ErrorCode::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::OffsetOutOfRange => StatusCode::RANGE_NOT_SATISFIABLE,
        ErrorCode::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::DamagedBatch | ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::NotLeader
        | ErrorCode::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// The refusal to speak of among several: an unknown outcome goes before what was certainly not
/// done.
pub(super) fn worst<'a>(
    mut problems: impl Iterator<Item = &'a Problem> + Clone,
) -> Option<&'a Problem> {
    let unknown = problems.clone().find(|problem| problem.outcome == Outcome::Unknown);
    unknown.or_else(|| problems.next())
}

/// The request itself is wrong.
pub(super) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(ErrorCode::InvalidRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_status() {
        for &code in ErrorCode::ALL {
            assert_eq!(status(code).as_u16(), code.status(), "{code:?}");
        }
    }

    #[test]
    fn overload_always_says_when_to_come_back() {
        for &code in ErrorCode::ALL {
            let mut problem = Problem::new(code, "x");
            problem.retry_after_ms = None;
            let response = Refusal(problem).into_response();
            let named = response.headers().contains_key(RETRY_AFTER);
            assert_eq!(named, [429, 503].contains(&code.status()), "{code:?}");
        }
        let problem = Problem::new(ErrorCode::StorageFull, "x").retry_after_ms(1_001);
        let response = Refusal(problem).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_MEDIA_TYPE);
    }
}
