//! `/v1/groups/{g}/poll` and `/ack`: records into a member's hands, and out of them.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use rampart_api::http::encoding::Encoding;
use rampart_api::http::error::ProblemBody;
use rampart_api::http::fetch::{Layout, RecordPosition, write_record};
use rampart_api::http::groups::{
    AckRequest, AckResponse, AckResult, PollRequest, PollResponse, Settled, StartAt,
};
use rampart_api::http::json_text::{put_integer, put_string};
use rampart_api::model::limits::{
    GROUP_LOCK_MS_MAX, GROUP_SESSION_MS_MAX, GROUP_SESSION_MS_MIN, RECORDS_PER_REQUEST_MAX,
    TOPICS_PER_MEMBER_MAX,
};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::MemberId;
use rampart_raft_store::state::group::state::MemberAbout;

use super::body::json;
use super::edge::Edge;
use super::error::{Answered, Refusal, invalid};
use super::groups::{check_name, names};
use super::media::JSON;
use super::query::{NoQuery, Query, Segments, at_least_one, milliseconds};
use crate::groups::poll::{Poll, Polled};
use crate::groups::request::{GroupAnswer, GroupRequest, Said, Settle, Verdict};
use crate::groups::service::odd;
use crate::partition::request::OffsetSpec;

const RECORDS_DEFAULT: u64 = 500;
const BYTES_DEFAULT: u64 = 1 << 20;
const WAIT_MAX: Duration = Duration::from_secs(60);
const LOCK_DEFAULT_MS: u64 = 30_000;
const SESSION_DEFAULT_MS: u64 = 15_000;

/// Gives a member records of the partitions that it holds; the first poll joins the group.
///
/// Each record comes with an ack token, and stays in the member's hands until it is settled or its
/// lock runs out. A member that gives no sign of life for its session is taken out of the group.
#[utoipa::path(
    post, path = "/v1/groups/{group}/poll", tag = "groups", request_body = PollRequest,
    params(("group" = String, Path, description = "Name of the group")),
    responses(
        (status = 200, description = "Records, perhaps none", body = PollResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn poll(
    State(edge): State<Edge>,
    Segments(group): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Answered {
    let wanted: PollRequest = json(&edge, request).await?;
    check_name(&group)?;
    let encoding = wanted.encoding.unwrap_or_default();
    let poll = read(&edge, group, wanted).await?;
    let _place = match poll.wait.is_zero() {
        true => None,
        false => Some(edge.wait_places(1)?),
    };
    let mut room = edge.answers().take(poll.bytes_max)?;
    let member = poll.member.clone();
    let polled = edge.services().groups.poll(poll).await?;
    let body = written(&edge, &member, &polled, encoding);
    room.fit(body.len())?;
    Ok(([(CONTENT_TYPE, JSON)], body).into_response())
}

async fn read(edge: &Edge, group: String, wanted: PollRequest) -> Result<Poll, Problem> {
    if wanted.topics.is_empty() || wanted.topics.len() > TOPICS_PER_MEMBER_MAX {
        let count = wanted.topics.len();
        return Err(invalid(format!("topics names {count} topics"))
            .hint(format!("name 1 to {TOPICS_PER_MEMBER_MAX}")));
    }
    let mut topics = BTreeSet::new();
    for name in &wanted.topics {
        topics.insert(edge.topic(name).await?.id);
    }
    let session_ms = between(
        "session_ms",
        wanted.session_ms.unwrap_or(SESSION_DEFAULT_MS),
        (GROUP_SESSION_MS_MIN, GROUP_SESSION_MS_MAX),
    )?;
    let lock_ms =
        between("lock_ms", wanted.lock_ms.unwrap_or(LOCK_DEFAULT_MS), (1, GROUP_LOCK_MS_MAX))?;
    let records = RECORDS_PER_REQUEST_MAX as u64;
    let records_max = at_least_one("max_records", wanted.max_records, RECORDS_DEFAULT, records)?;
    let bytes = edge.limits().fetch_bytes_max;
    let bytes_max = at_least_one("max_bytes", wanted.max_bytes, BYTES_DEFAULT, bytes)?;
    let member = match wanted.member.is_empty() {
        true => edge.services().groups.new_member(&wanted.client_id),
        false => MemberId(wanted.member),
    };
    let about = MemberAbout {
        client_id: wanted.client_id,
        host: wanted.host,
        rack: wanted.rack,
        instance_id: wanted.instance_id,
        session_ms,
    };
    Ok(Poll {
        group,
        member,
        about,
        topics,
        start: match wanted.start {
            StartAt::Earliest => OffsetSpec::Earliest,
            StartAt::Latest => OffsetSpec::Latest,
            StartAt::Timestamp(timestamp) => OffsetSpec::Timestamp(timestamp),
        },
        records_max: usize::try_from(records_max).unwrap_or(usize::MAX),
        bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
        wait: milliseconds("wait_ms", wanted.wait_ms, Duration::ZERO, WAIT_MAX)?,
        lock_ms,
    })
}

fn between(name: &str, given: u64, (min, max): (u32, u32)) -> Result<u32, Problem> {
    let fits = u32::try_from(given).ok().filter(|given| (min..=max).contains(given));
    fits.ok_or_else(|| invalid(format!("{name} is {given}, {min} to {max} are allowed")))
}

/// The answer as text: records are written without a tree in between.
fn written(edge: &Edge, member: &MemberId, polled: &Polled, encoding: Encoding) -> Vec<u8> {
    let names = names(edge);
    let mut out = b"{\"member\":".to_vec();
    put_string(&mut out, &member.0);
    out.extend_from_slice(b",\"generation\":");
    put_integer(&mut out, polled.generation);
    out.extend_from_slice(b",\"assignment\":[");
    for (number, at) in polled.assignment.iter().enumerate() {
        out.extend_from_slice(if number == 0 { b"{\"topic\":" } else { b",{\"topic\":" });
        put_string(&mut out, &names(*at));
        out.extend_from_slice(b",\"partition\":");
        put_integer(&mut out, at.partition);
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"records\":[");
    for (number, polled) in polled.records.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        let topic = names(polled.partition);
        let (partition, offset) = (polled.partition.partition, polled.offset.0);
        let position = RecordPosition { topic: &topic, partition, offset };
        write_record(&mut out, position, &polled.record, encoding, Layout::Body);
        // What follows belongs to the same object.
        out.pop();
        out.extend_from_slice(b",\"ack_token\":");
        put_string(&mut out, &polled.token);
        out.extend_from_slice(b",\"attempt\":");
        put_integer(&mut out, polled.attempt);
        if let Some(error) = &polled.error {
            out.extend_from_slice(b",\"error\":");
            put_string(&mut out, error);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

/// Says what a member did with records: one result per token, in the order of `ack`, `retry`,
/// `reject`, `renew`.
///
/// Asked twice it answers `already_settled`. A token of another generation is refused, and its
/// record is delivered again.
#[utoipa::path(
    post, path = "/v1/groups/{group}/ack", tag = "groups", request_body = AckRequest,
    params(("group" = String, Path, description = "Name of the group")),
    responses(
        (status = 200, description = "A result per token", body = AckResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn ack(
    State(edge): State<Edge>,
    Segments(group): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<AckResponse>, Refusal> {
    let wanted: AckRequest = json(&edge, request).await?;
    check_name(&group)?;
    let member = MemberId(wanted.member.clone());
    let verdicts = verdicts(wanted)?;
    let tokens: Vec<String> = verdicts.iter().map(|settled| settled.token.clone()).collect();
    let settle = Settle { group, member, verdicts };
    let results = match edge.services().groups.ask(GroupRequest::Settle(settle)).await? {
        GroupAnswer::Settled(results) => results,
        other => return Err(odd(&other).into()),
    };
    let results = tokens.into_iter().zip(results).map(|(token, result)| result_of(token, result));
    Ok(Json(AckResponse { results: results.collect() }))
}

fn verdicts(wanted: AckRequest) -> Result<Vec<crate::groups::request::Settled>, Problem> {
    use crate::groups::request::Settled as Say;
    let AckRequest { member: _, ack, retry, reject, renew } = wanted;
    let count = ack.len() + retry.len() + reject.len() + renew.len();
    if count == 0 || count > RECORDS_PER_REQUEST_MAX {
        return Err(invalid(format!("{count} tokens in one request"))
            .hint(format!("name 1 to {RECORDS_PER_REQUEST_MAX} in ack, retry, reject and renew")));
    }
    let mut say = Vec::with_capacity(count);
    say.extend(ack.into_iter().map(|token| Say { token, said: Said::Ack, error: String::new() }));
    say.extend(retry.into_iter().map(|item| {
        let (token, error) = (item.token, item.error);
        Say { token, said: Said::Retry(item.delay_ms), error }
    }));
    say.extend(reject.into_iter().map(|item| {
        let (token, error) = (item.token, item.error);
        Say { token, said: Said::Reject, error }
    }));
    for item in renew {
        let lock_ms = item.lock_ms.unwrap_or(LOCK_DEFAULT_MS);
        let lock_ms = between("lock_ms", lock_ms, (1, GROUP_LOCK_MS_MAX))?;
        say.push(Say { token: item.token, said: Said::Renew(lock_ms), error: String::new() });
    }
    Ok(say)
}

fn result_of(token: String, result: Result<Verdict, Problem>) -> AckResult {
    let known = |result, due_ms| AckResult {
        token: token.clone(),
        result: Some(result),
        due_ms,
        code: None,
        detail: None,
    };
    match result {
        Ok(Verdict::Acked) => known(Settled::Acked, None),
        Ok(Verdict::AlreadySettled) => known(Settled::AlreadySettled, None),
        Ok(Verdict::Parked { due_ms }) => known(Settled::Parked, Some(due_ms)),
        Ok(Verdict::Dying) => known(Settled::Dying, None),
        Ok(Verdict::InPlace) => known(Settled::InPlace, None),
        Ok(Verdict::Gone) => known(Settled::Gone, None),
        Ok(Verdict::Renewed) => known(Settled::Renewed, None),
        Err(problem) => AckResult {
            token,
            result: None,
            due_ms: None,
            code: Some(problem.code),
            detail: Some(problem.to_string()),
        },
    }
}
