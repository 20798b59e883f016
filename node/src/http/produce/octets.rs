//! `application/octet-stream`: the body is one record's value; key and headers come as
//! `X-Record-Key` and `X-Record-Header-*`, whose names HTTP makes lower case.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::HeaderMap;
use bytes::Bytes;
use rampart_api::http::produce::{InputRecord, Place};
use rampart_api::model::problem::Problem;

use super::Job;
use super::json::plan_records;
use super::plan::Plan;
use super::send::{answer, send, taken_apart};
use crate::http::body::RequestBody;
use crate::http::error::{Answered, invalid};

const KEY: &str = "x-record-key";
const HEADER_PREFIX: &str = "x-record-header-";

pub(super) async fn produce(job: Job, request: Request) -> Answered {
    let headers = request.headers().clone();
    let key = key(&headers)?;
    let max = job.edge.request_bytes_max();
    let (body, held) = RequestBody::new(&job.edge, request).whole(max).await?;
    let record = InputRecord {
        key,
        value: Some(Cow::Borrowed(&body)),
        headers: record_headers(&headers),
        partition: None,
        timestamp: None,
    };
    record.check(Place::Body, &job.record_limits()).map_err(Problem::from)?;
    let mut plan = plan_records(&job, &[record], &mut None);
    mark(&job, &mut plan, &headers, &body)?;
    let (partitions, places, parts) = taken_apart(plan);
    let results = send(&job, parts).await;
    drop(held);
    Ok(answer(&partitions, &places, &results))
}

/// Key and headers are as much a part of the request as the value.
fn mark(job: &Job, plan: &mut Plan, headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let ours = headers
        .iter()
        .filter(|(name, _)| name.as_str() == KEY || name.as_str().starts_with(HEADER_PREFIX));
    let mut parts: Vec<&[u8]> = vec![b"octets", body];
    for (name, value) in ours {
        parts.extend([name.as_str().as_bytes(), value.as_bytes()]);
    }
    job.mark(plan, &parts)
}

fn key(headers: &HeaderMap) -> Result<Option<Cow<'_, [u8]>>, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    let key = keys.next().map(|value| Cow::Borrowed(value.as_bytes()));
    if keys.next().is_some() {
        return Err(invalid("X-Record-Key is there more than once"));
    }
    Ok(key)
}

fn record_headers(headers: &HeaderMap) -> Vec<(String, Option<Bytes>)> {
    let named = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(HEADER_PREFIX)?;
        Some((name.to_owned(), Some(Bytes::copy_from_slice(value.as_bytes()))))
    });
    named.collect()
}

#[cfg(test)]
mod tests;
