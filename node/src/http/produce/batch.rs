//! `application/vnd.rampart.batch`: record batches v2 as they are, back to back, for one partition.
//! Checked by their headers and CRC, never decoded; answered with one entry per batch.

use axum::extract::Request;
use bytes::Bytes;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::{BATCH_HEADER_BYTES, BatchHeader, split, validate};

use super::Job;
use super::plan::{Part, RecordPlace};
use super::send::{answer, send};
use crate::http::body::RequestBody;
use crate::http::error::{Answered, invalid};

/// Bits of a batch's attributes that only the cluster may set: transactional, control.
const RESERVED_ATTRIBUTES: i16 = 0x30;
/// Most bytes that a record adds to its key, value and headers.
const RECORD_OVERHEAD_BYTES: usize = 64;

pub(super) async fn produce(job: Job, request: Request) -> Answered {
    let partition = job.partition.ok_or_else(|| {
        invalid("raw batches need ?partition=").hint("or send records as JSON, which are spread")
    })?;
    let max = job.edge.request_bytes_max();
    let (batch, held) = RequestBody::new(&job.edge, request).whole(max).await?;
    let (places, records) = check(&job, &batch)?;
    let results = send(&job, vec![Part { partition, batch, records }]).await;
    drop(held);
    Ok(answer(&[partition], &places, &results))
}

/// Checks every batch; answers where each begins, and the number of records.
fn check(job: &Job, body: &Bytes) -> Result<(Vec<RecordPlace>, u32), Problem> {
    let batches = split(body)?;
    if batches.is_empty() {
        return Err(invalid("the body is empty; one or more record batches are expected"));
    }
    let record_max = job.record_limits().record_bytes_max;
    let (mut places, mut records) = (Vec::with_capacity(batches.len()), 0usize);
    for (index, (_, bytes)) in batches.iter().enumerate() {
        let header = validate(bytes).map_err(|error| at(index, error.into()))?;
        check_header(&header, record_max).map_err(|problem| at(index, problem))?;
        let delta = u32::try_from(records).expect("bounded by the body's size");
        places.push(RecordPlace { part: 0, delta, timestamp_ms: header.base_timestamp });
        records += usize::try_from(header.record_count).expect("validated to be positive");
    }
    if records > job.records_max() {
        return Err(Problem::new(
            ErrorCode::RequestTooLarge,
            format!("{records} records in one request, at most {} are taken", job.records_max()),
        ));
    }
    Ok((places, u32::try_from(records).expect("bounded by the body's size")))
}

fn check_header(header: &BatchHeader, record_bytes_max: usize) -> Result<(), Problem> {
    if header.attributes & RESERVED_ATTRIBUTES != 0 {
        return Err(invalid("control and transactional batches can't be sent"));
    }
    if header.producer_id >= 0 {
        return Err(invalid("it names a producer id: idempotent produce is not served yet")
            .hint("send it with producer id, epoch and sequence -1"));
    }
    let payload = header.size() - BATCH_HEADER_BYTES;
    let count = usize::try_from(header.record_count).unwrap_or(0);
    if payload > count.saturating_mul(record_bytes_max + RECORD_OVERHEAD_BYTES) {
        return Err(Problem::new(
            ErrorCode::RecordTooLarge,
            format!(
                "{payload} bytes in {count} records, at most {record_bytes_max} each are taken"
            ),
        ));
    }
    Ok(())
}

fn at(index: usize, mut problem: Problem) -> Problem {
    problem.detail = format!("batch {index}: {}", problem.detail);
    problem
}
