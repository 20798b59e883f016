//! `application/vnd.rampart.batch`: record batches v2 as they are, back to back, for one partition.
//! Each is checked by its header and CRC, and its records are looked through once, within bounds of
//! what may come out of them, so that nobody stores what others can't read. What is stored are the
//! bytes that came. Answered with one entry per batch.

use axum::extract::Request;
use bytes::Bytes;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::limits::BATCH_DECOMPRESSED_BYTES_MAX;
use rampart_api::model::once::OnceTag;
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::{
    BatchHeader, WalkLimits, split, stamp_log_append_time, validate, walk,
};

use super::Job;
use super::plan::{Part, RecordPlace};
use super::send::{answer, send};
use crate::http::body::RequestBody;
use crate::http::error::{Answered, invalid};

/// Bits of a batch's attributes that only the cluster may set: transactional, control.
const RESERVED_ATTRIBUTES: i16 = 0x30;
/// How many times its own size a request may hold, decompressed.
const DECOMPRESSED_PER_REQUEST: usize = 4;

pub(super) async fn produce(job: Job, request: Request) -> Answered {
    let partition = job.partition.ok_or_else(|| {
        invalid("raw batches need ?partition=").hint("or send records as JSON, which are spread")
    })?;
    let max = job.edge.request_bytes_max();
    let (batch, held) = RequestBody::new(&job.edge, request).whole(max).await?;
    let Checked { batch, places, records, once } = check(&job, &batch).await?;
    let results = send(&job, vec![Part { partition, batch, records, once }]).await;
    drop(held);
    Ok(answer(&[partition], &places, &results))
}

/// A body that can be appended.
struct Checked {
    batch: Bytes,
    /// Where each batch begins.
    places: Vec<RecordPlace>,
    records: u32,
    /// It is one batch, to be written once.
    once: Option<OnceTag>,
}

/// Checks every batch, and gives them the time of the log where the topic wants that.
async fn check(job: &Job, body: &Bytes) -> Result<Checked, Problem> {
    let batches = split(body)?;
    if batches.is_empty() {
        return Err(invalid("the body is empty; one or more record batches are expected"));
    }
    check_count(job, batches.iter().map(|(header, _)| header.record_count))?;
    let now_ms = job.now_ms();
    let mut plain_left = job.edge.request_bytes_max().saturating_mul(DECOMPRESSED_PER_REQUEST);
    plain_left = plain_left.min(BATCH_DECOMPRESSED_BYTES_MAX);
    let (mut places, mut records) = (Vec::with_capacity(batches.len()), 0u32);
    let mut stamped = Vec::new();
    for (index, (_, bytes)) in batches.iter().enumerate() {
        let at = |problem| at(index, problem);
        let header = validate(bytes).map_err(|error| at(error.into()))?;
        check_header(&header).map_err(at)?;
        let limits = WalkLimits {
            plain_bytes_max: plain_left,
            record_bytes_max: job.record_limits().record_bytes_max,
        };
        let walked = walk(bytes, limits).map_err(|error| at(error.into()))?;
        plain_left -= walked.plain_bytes;
        let mut timestamp_ms = header.base_timestamp;
        if job.keeps_timestamps() {
            job.check_timestamp(walked.max_timestamp).map_err(at)?;
        } else {
            timestamp_ms = now_ms;
            let from = stamped.len();
            stamped.extend_from_slice(bytes);
            stamp_log_append_time(&mut stamped[from..], now_ms);
        }
        let is_stamped = !job.keeps_timestamps();
        places.push(RecordPlace { part: 0, delta: records, timestamp_ms, is_stamped });
        records += header.record_count.unsigned_abs();
        // Decompressing takes a while; others have their turn between two batches.
        tokio::task::yield_now().await;
    }
    let once = mark(job, &batches, now_ms, body)?;
    let batch = if stamped.is_empty() { body.clone() } else { Bytes::from(stamped) };
    Ok(Checked { batch, places, records, once })
}

/// Whether the body is to be written once. Then it is one batch: of several, some might be there.
fn mark(
    job: &Job,
    batches: &[(BatchHeader, Bytes)],
    now_ms: i64,
    body: &[u8],
) -> Result<Option<OnceTag>, Problem> {
    for (header, _) in batches {
        let mark = job.mark_of_batch(header, now_ms, body)?;
        if mark.is_some() && batches.len() > 1 {
            return Err(invalid("several batches in a request that is to be written once")
                .hint("send each in a request of its own"));
        }
        if mark.is_some() {
            return Ok(mark);
        }
    }
    Ok(None)
}

fn check_count(job: &Job, counts: impl Iterator<Item = i32>) -> Result<(), Problem> {
    let (records, max) =
        (counts.map(|count| u64::from(count.unsigned_abs())).sum::<u64>(), job.records_max());
    if records > max as u64 {
        return Err(Problem::new(
            ErrorCode::RequestTooLarge,
            format!("{records} records in one request, at most {max} are taken"),
        ));
    }
    Ok(())
}

fn check_header(header: &BatchHeader) -> Result<(), Problem> {
    if header.attributes & RESERVED_ATTRIBUTES != 0 {
        return Err(invalid("control and transactional batches can't be sent"));
    }
    if header.is_log_append_time() {
        return Err(invalid("only the cluster gives records the time of the log (attribute 8)")
            .hint("set message.timestamp.type=LogAppendTime on the topic"));
    }
    Ok(())
}

fn at(index: usize, mut problem: Problem) -> Problem {
    problem.detail = format!("batch {index}: {}", problem.detail);
    problem
}
