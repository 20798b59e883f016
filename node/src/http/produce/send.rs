//! Appends a plan's batches, all partitions at once, and makes the answer of what came back: 200,
//! 202 where nobody knows offsets, 207 where partitions fared differently, else the refusal.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use rampart_api::http::error::ProblemBody;
use rampart_api::http::produce::{ProduceResponse, ProducedOffset, RecordResult};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::PartitionId;
use rampart_api::model::problem::{Outcome, Problem};
use tokio::time::Instant;

use super::Job;
use super::once::note_replay;
use super::plan::{Part, Plan, RecordPlace};
use crate::http::edge::partition_of;
use crate::http::error::{Refusal, respond, worst};
use crate::partition::request::{Produce, Produced};

/// Partitions of one request that are written at a time.
const PARTS_AT_ONCE: usize = 64;
/// What the node may need beyond the client's time limit before the edge gives up on it.
const GRACE: Duration = Duration::from_secs(5);

/// What became of one part.
pub(super) type PartResult = Result<Produced, Problem>;

/// Appends all parts within the request's time; the results are in their order.
pub(super) async fn send(job: &Job, parts: Vec<Part>) -> Vec<PartResult> {
    let deadline = job.edge.clock().instant() + job.timeout;
    let sending = parts.into_iter().map(|part| send_part(job, part, deadline));
    // Boxed, for the future of a whole append is large and there are many.
    let sending: Vec<_> = sending.map(Box::pin).collect();
    futures_util::stream::iter(sending).buffered(PARTS_AT_ONCE).collect().await
}

async fn send_part(job: &Job, part: Part, deadline: Instant) -> PartResult {
    let (key, _) = partition_of(&job.topic, part.partition)?;
    let ms = job.timeout.as_millis();
    let left = deadline.saturating_duration_since(job.edge.clock().instant());
    if left.is_zero() && !job.timeout.is_zero() {
        let detail = format!("{ms} ms were over before partition {} had its turn", part.partition);
        return Err(Problem::new(ErrorCode::Timeout, detail));
    }
    let Part { batch: batches, records, once, .. } = part;
    let request = Produce { key, ack: job.ack, timeout: left, batches, records, once };
    let produced = job.edge.services().partitions.produce(request);
    match tokio::time::timeout(left + GRACE, produced).await {
        Ok(result) => result,
        Err(_) => Err(Problem::unknown(ErrorCode::Timeout, format!("no answer within {ms} ms"))),
    }
}

/// The answer to a request whose records are at `places`. Each of `parts` is the partition and what
/// became of it.
pub(super) fn answer(
    partitions: &[PartitionId],
    places: &[RecordPlace],
    results: &[PartResult],
) -> Response {
    let Some(refusal) = worst(results.iter().filter_map(|result| result.as_ref().err())) else {
        return done(partitions, places, results);
    };
    let has_offsets = |result: &PartResult| matches!(result, Ok(p) if p.base_offset.is_some());
    if !results.iter().any(has_offsets) {
        return refused(refusal, results).into_response();
    }
    let offsets = places.iter().map(|place| {
        let partition = partitions[place.part];
        let produced = results[place.part].as_ref();
        let landed = produced.map(|produced| offset(partition, place, produced));
        match landed {
            Ok(Some(offset)) => RecordResult::Done(offset),
            Ok(None) => RecordResult::failed(Some(partition), &without_offset()),
            Err(problem) => RecordResult::failed(Some(partition), problem),
        }
    });
    let body = ProblemBody::partial(refusal, offsets.collect());
    // No Retry-After: the request must not be sent again as a whole.
    let refusal = Problem { retry_after_ms: None, ..refusal.clone() };
    respond(StatusCode::MULTI_STATUS, &refusal, &body)
}

/// No part has offsets to tell. With ack 0 some may have been taken all the same.
fn refused(refusal: &Problem, results: &[PartResult]) -> Refusal {
    let mut refusal = refusal.clone();
    if results.iter().any(Result::is_ok) {
        refusal.outcome = Outcome::Unknown;
    }
    Refusal(refusal)
}

fn without_offset() -> Problem {
    Problem::unknown(ErrorCode::Internal, "taken without an acknowledgement")
}

fn done(partitions: &[PartitionId], places: &[RecordPlace], results: &[PartResult]) -> Response {
    let mut offsets = Vec::with_capacity(places.len());
    for place in places {
        let Ok(produced) = &results[place.part] else {
            continue;
        };
        match offset(partitions[place.part], place, produced) {
            Some(offset) => offsets.push(offset),
            None => return StatusCode::ACCEPTED.into_response(),
        }
    }
    note_replay(Json(ProduceResponse { offsets }).into_response(), results)
}

/// Where a record landed; `None` with ack 0.
pub(super) fn offset(
    partition: PartitionId,
    place: &RecordPlace,
    produced: &Produced,
) -> Option<ProducedOffset> {
    let base = produced.base_offset?;
    let stamp_ms = produced.replayed_stamp_ms.filter(|_| place.is_stamped);
    Some(ProducedOffset {
        partition,
        offset: base.0 + u64::from(place.delta),
        timestamp: stamp_ms.unwrap_or(place.timestamp_ms),
        leader_epoch: produced.leader_epoch,
    })
}

/// Splits a plan into what `answer` needs and what is sent.
pub(super) fn taken_apart(plan: Plan) -> (Vec<PartitionId>, Vec<RecordPlace>, Vec<Part>) {
    let partitions = plan.parts.iter().map(|part| part.partition).collect();
    (partitions, plan.places, plan.parts)
}
