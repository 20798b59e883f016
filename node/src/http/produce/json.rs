//! A JSON body: read, checked and planned as a whole before anything is written.

use axum::extract::Request;
use rampart_api::http::produce::{InputRecord, JsonRecords, Place};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;

use super::Job;
use super::once::Once;
use super::plan::{Plan, Rules, plan};
use super::send::{answer, send, taken_apart};
use crate::http::body::RequestBody;
use crate::http::edge::partition_of;
use crate::http::error::Answered;
use crate::http::spread::Block;

pub(super) async fn produce(job: Job, request: Request) -> Answered {
    let max = job.edge.request_bytes_max();
    let (body, held) = RequestBody::new(&job.edge, request).whole(max).await?;
    let mut plan = read(&job, &body)?;
    job.mark(&mut plan, &[b"json", &body])?;
    // The batches are copies; the text is not needed while they are on their way.
    drop(body);
    let (partitions, places, parts) = taken_apart(plan);
    let results = send(&job, parts).await;
    drop(held);
    Ok(answer(&partitions, &places, &results))
}

fn read(job: &Job, body: &[u8]) -> Result<Plan, Problem> {
    let parsed = JsonRecords::parse(body, job.encoding, job.records_max())?;
    let count = parsed.len();
    if count == 0 {
        return Err(Problem::new(ErrorCode::InvalidRequest, "the body has no records")
            .hint("send at least one: {\"records\":[{\"value\":...}]}"));
    }
    let mut records = Vec::with_capacity(count);
    for (index, record) in parsed.decode(job.record_limits()).enumerate() {
        let record = record?;
        check_record(job, &record, Place::Record(index))?;
        records.push(record);
    }
    Ok(plan_records(job, &records, &mut None))
}

/// A record names only a partition that exists, and a time that the topic takes.
pub(super) fn check_record(
    job: &Job,
    record: &InputRecord<'_>,
    place: Place,
) -> Result<(), Problem> {
    let partition = record.partition.map_or(Ok(()), |p| partition_of(&job.topic, p).map(drop));
    let timestamp = record.timestamp.map_or(Ok(()), |ms| job.check_timestamp(ms));
    partition.and(timestamp).map_err(|mut problem| {
        problem.detail = format!("{place}: {}", problem.detail);
        problem
    })
}

/// Plans records whose partitions were checked.
pub(super) fn plan_records(
    job: &Job,
    records: &[InputRecord<'_>],
    block: &mut Option<Block>,
) -> Plan {
    let rules = Rules {
        partitions: u32::try_from(job.topic.partitions.len()).expect("limited far below 2^32"),
        default: job.partition,
        now_ms: job.now_ms(),
        keeps_timestamps: job.keeps_timestamps(),
        sequence: job.once.as_ref().and_then(Once::sequence),
    };
    let chosen = job.once.as_ref().and_then(|once| once.partition_for_keyless(rules.partitions));
    plan(records, &rules, |keyless| match chosen {
        Some(partition) => vec![(partition, keyless)],
        None => job.edge.spread(&job.topic, block, keyless),
    })
}
