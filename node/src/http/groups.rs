//! `/v1/groups…`: list, describe, commit, reset, lag, delete. Polls and acks are in `group_records`.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use futures_util::StreamExt;
use rampart_api::http::error::ProblemBody;
use rampart_api::http::groups::{
    CommitRequest, CommitResponse, CommittedOffset, DeleteGroupRequest, GroupCounters,
    GroupDescription, GroupMember, GroupPartitionDescription, GroupSummary, LagResponse,
    ListGroupsResponse, ResetOffset, ResetRequest, ResetResponse, ResetTo,
};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{Offset, TopicId};
use rampart_api::model::limits::{DIRECTIVE_TTL_MS, GROUP_NAME_BYTES_MAX};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::state::{DirectiveKind, MemberAbout};
use rampart_raft_store::state::group::{MemberId, TopicPartition};
use rampart_raft_store::state::metadata::state::TopicRecord;

use super::body::{json, json_or_default};
use super::edge::{Edge, partition_of};
use super::error::{Refusal, invalid};
use super::media::shown;
use super::query::{NoQuery, Query, Segments, split_verb, unknown_verb};
use crate::groups::request::{Commit, Described, DescribedPartition, GroupAnswer, GroupRequest};
use crate::groups::service::odd;
use crate::partition::request::{ListedOffset, OffsetSpec, PartitionKey};

/// Leaders that are asked at once where their partition ends.
const LEADERS_AT_ONCE: usize = 64;
/// Members that are told of a reset at once.
const CLIENTS_AT_ONCE: usize = 16;
/// A leader that does not answer in time leaves the lag unknown.
const END_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Lists the groups.
#[utoipa::path(
    get, path = "/v1/groups", tag = "groups",
    responses(
        (status = 200, description = "By name", body = ListGroupsResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(edge): State<Edge>,
    _: Query<NoQuery>,
) -> Result<Json<ListGroupsResponse>, Refusal> {
    let groups = edge.services().groups.list().await?.into_iter().map(|listed| GroupSummary {
        group: listed.group,
        generation: listed.generation,
        members: listed.members,
        partitions: listed.partitions,
        parked: listed.parked,
    });
    Ok(Json(ListGroupsResponse { groups: groups.collect() }))
}

/// Describes a group: members, and how far it is in each partition.
#[utoipa::path(
    get, path = "/v1/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "Name of the group")),
    responses(
        (status = 200, description = "The group", body = GroupDescription),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn describe(
    State(edge): State<Edge>,
    Segments(group): Segments<String>,
    _: Query<NoQuery>,
) -> Result<Json<GroupDescription>, Refusal> {
    let described = described(&edge, &group).await?;
    let members = described.members.iter().map(|(id, about)| GroupMember {
        member: id.to_string(),
        client_id: about.client_id.clone(),
        host: about.host.clone(),
        rack: about.rack.clone(),
        instance_id: about.instance_id.clone(),
        session_ms: about.session_ms,
    });
    let counters = described.counters;
    Ok(Json(GroupDescription {
        generation: described.generation,
        protocol: described.protocol.clone(),
        created_ms: described.created_ms,
        members: members.collect(),
        partitions: partitions(&edge, described.partitions).await,
        counters: GroupCounters {
            lost: counters.lost,
            parked: counters.parked,
            recovered: counters.recovered,
            dead: counters.dead,
            redriven: counters.redriven,
            dropped: counters.dropped,
            expired: counters.expired,
        },
        group,
    }))
}

/// How far a group is behind, partition by partition.
#[utoipa::path(
    get, path = "/v1/groups/{group}/lag", tag = "groups",
    params(("group" = String, Path, description = "Name of the group")),
    responses(
        (status = 200, description = "The lag", body = LagResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn lag(
    State(edge): State<Edge>,
    Segments(group): Segments<String>,
    _: Query<NoQuery>,
) -> Result<Json<LagResponse>, Refusal> {
    let described = described(&edge, &group).await?;
    let partitions = partitions(&edge, described.partitions).await;
    let lag = partitions.iter().filter_map(|partition| partition.lag).sum();
    Ok(Json(LagResponse { lag, partitions }))
}

/// Commits offsets: all below them is done.
#[utoipa::path(
    post, path = "/v1/groups/{group}/commit", tag = "groups", request_body = CommitRequest,
    params(("group" = String, Path, description = "Name of the group")),
    responses(
        (status = 200, description = "Committed", body = CommitResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn commit(
    State(edge): State<Edge>,
    Segments(group): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<CommitResponse>, Refusal> {
    let wanted: CommitRequest = json(&edge, request).await?;
    check_name(&group)?;
    let mut offsets = Vec::with_capacity(wanted.offsets.len());
    for offset in &wanted.offsets {
        let topic = edge.topic(&offset.topic).await?;
        partition_of(&topic, offset.partition)?;
        let at = TopicPartition { topic: topic.id, partition: offset.partition };
        offsets.push((at, Offset(offset.offset), None, offset.metadata.clone()));
    }
    let commit = Commit {
        group,
        member: wanted.member.map(MemberId),
        generation: wanted.generation,
        offsets,
    };
    let at = at(edge.services().groups.ask(GroupRequest::Commit(commit)).await?)?;
    let names = names(&edge);
    let offsets = at.into_iter().map(|(at, offset)| CommittedOffset {
        topic: names(at),
        partition: at.partition,
        offset: offset.0,
    });
    Ok(Json(CommitResponse { offsets: offsets.collect() }))
}

/// Splits the verb from the group: `:reset-offsets` is the only one.
pub(super) async fn act(
    edge: State<Edge>,
    Segments(segment): Segments<String>,
    query: Query<NoQuery>,
    request: Request,
) -> Result<Json<ResetResponse>, Refusal> {
    match split_verb(&segment) {
        (group, Some("reset-offsets")) => {
            reset_offsets(edge, Segments(group.to_owned()), query, request).await
        }
        (_, verb) => Err(unknown_verb(verb, &[":reset-offsets"]).into()),
    }
}

/// Moves a group to other offsets in a topic.
#[utoipa::path(
    post, path = "/v1/groups/{group}:reset-offsets", tag = "groups", request_body = ResetRequest,
    params(("group" = String, Path, description = "Name of the group")),
    responses(
        (status = 200, description = "Moved, or what would be", body = ResetResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn reset_offsets(
    State(edge): State<Edge>,
    Segments(group): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<ResetResponse>, Refusal> {
    let wanted: ResetRequest = json(&edge, request).await?;
    check_name(&group)?;
    let topic = edge.topic(&wanted.topic).await?;
    let (present, members) = match described(&edge, &group).await {
        Ok(described) => (described.partitions, described.members),
        Err(Problem { code: ErrorCode::GroupNotFound, .. }) => (Vec::new(), Vec::new()),
        Err(problem) => return Err(problem.into()),
    };
    let all = 0..u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX);
    let numbers: Vec<u32> =
        if wanted.partitions.is_empty() { all.collect() } else { wanted.partitions.clone() };
    let mut moves = Vec::with_capacity(numbers.len());
    for number in numbers {
        partition_of(&topic, number)?;
        let at = TopicPartition { topic: topic.id, partition: number };
        let known = present.iter().find(|known| known.partition == at);
        let from = known.and_then(|known| known.committed);
        let to = target(&edge, &topic, number, from, wanted.to).await?;
        moves.push((at, from, to));
    }
    if !wanted.dry_run {
        let offsets = moves.iter().map(|(at, _, to)| (*at, *to)).collect();
        let reset = GroupRequest::Reset { group, offsets, is_forced: wanted.force };
        edge.services().groups.ask(reset).await?;
        tell_members(&edge, &members, topic.id).await;
    }
    let offsets = moves.into_iter().map(|(at, from, to)| ResetOffset {
        topic: topic.name.clone(),
        partition: at.partition,
        from: from.map(|from| from.0),
        to: to.0,
    });
    Ok(Json(ResetResponse { offsets: offsets.collect(), dry_run: wanted.dry_run }))
}

/// Those of the members that send heartbeats hear that what they have in hand is not theirs any more.
/// The others hear it when they settle it.
async fn tell_members(edge: &Edge, members: &[(MemberId, MemberAbout)], topic: TopicId) {
    let clients = members.iter().filter_map(|(_, about)| about.instance_id.clone());
    let told: Vec<_> = clients
        .map(|client| {
            let kind = DirectiveKind::Reset { topic };
            edge.services().castle.command(client, kind, DIRECTIVE_TTL_MS)
        })
        .collect();
    let told = futures_util::stream::iter(told).buffered(CLIENTS_AT_ONCE);
    told.for_each(|told| async move {
        if let Err(problem) = told {
            tracing::debug!(%problem, "a member does not hear of the reset");
        }
    })
    .await;
}

/// Forgets a group without members.
#[utoipa::path(
    delete, path = "/v1/groups/{group}", tag = "groups",
    request_body(content = Option<DeleteGroupRequest>, content_type = "application/json"),
    params(("group" = String, Path, description = "Name of the group")),
    responses(
        (status = 200, description = "Forgotten", body = GroupSummary),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(edge): State<Edge>,
    Segments(group): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<GroupSummary>, Refusal> {
    let wanted: DeleteGroupRequest = json_or_default(&edge, request).await?;
    let before = described(&edge, &group).await?;
    let delete = GroupRequest::Delete { group: group.clone(), is_forced: wanted.force };
    edge.services().groups.ask(delete).await?;
    Ok(Json(GroupSummary {
        group,
        generation: before.generation,
        members: 0,
        partitions: before.partitions.len() as u64,
        parked: before.partitions.iter().map(|partition| partition.parked).sum(),
    }))
}

/// Takes a member out of a group.
#[utoipa::path(
    delete, path = "/v1/groups/{group}/members/{member}", tag = "groups",
    params(
        ("group" = String, Path, description = "Name of the group"),
        ("member" = String, Path, description = "Name of the member"),
    ),
    responses(
        (status = 204, description = "It is out; what it held goes to the others"),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn leave(
    State(edge): State<Edge>,
    Segments((group, member)): Segments<(String, String)>,
    _: Query<NoQuery>,
) -> Result<axum::http::StatusCode, Refusal> {
    let leave = GroupRequest::Leave { group, member: MemberId(member) };
    edge.services().groups.ask(leave).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

/// A group's name, as a path gives it.
pub(super) fn check_name(group: &str) -> Result<(), Problem> {
    let length = group.len();
    if length <= GROUP_NAME_BYTES_MAX {
        return Ok(());
    }
    let detail = format!("the group's name has {length} bytes: {}", shown(group));
    Err(invalid(detail).hint(format!("choose one of at most {GROUP_NAME_BYTES_MAX}")))
}

async fn described(edge: &Edge, group: &str) -> Result<Described, Problem> {
    check_name(group)?;
    match edge.services().groups.ask(GroupRequest::Describe { group: group.to_owned() }).await? {
        GroupAnswer::Described(described) => Ok(*described),
        other => Err(odd(&other)),
    }
}

fn at(answer: GroupAnswer) -> Result<Vec<(TopicPartition, Offset)>, Problem> {
    match answer {
        GroupAnswer::At(at) => Ok(at),
        other => Err(odd(&other)),
    }
}

/// Names of topics; the id of one that is gone.
pub(super) fn names(edge: &Edge) -> impl Fn(TopicPartition) -> String + use<> {
    let state = edge.services().metadata.state();
    move |at| match state.topics.get(&at.topic) {
        Some(topic) => topic.name.clone(),
        None => at.topic.to_string(),
    }
}

/// Partitions of a group with their ends, and so with their lag.
async fn partitions(
    edge: &Edge,
    described: Vec<DescribedPartition>,
) -> Vec<GroupPartitionDescription> {
    let ends = described.iter().map(|known| {
        let at = known.partition.into();
        let asked = edge.services().partitions.list_offset(at, OffsetSpec::Latest);
        async move { tokio::time::timeout(END_TIMEOUT, asked).await.ok()?.ok() }
    });
    let ends: Vec<_> = ends.collect();
    let ends: Vec<Option<ListedOffset>> =
        futures_util::stream::iter(ends).buffered(LEADERS_AT_ONCE).collect().await;
    let names = names(edge);
    let all = described.into_iter().zip(ends).map(|(known, end)| {
        let end = end.map(|end| end.high_watermark.0);
        let committed = known.committed.map(|committed| committed.0);
        let open = end
            .zip(committed)
            .map(|(end, committed)| end.saturating_sub(committed).saturating_sub(known.settled));
        GroupPartitionDescription {
            topic: names(known.partition),
            partition: known.partition.partition,
            committed,
            high_watermark: end,
            lag: open.map(|open| open + known.parked),
            holder: known.holder.map(|holder| holder.to_string()),
            in_flight: known.in_flight,
            parked: known.parked,
            dying: known.dying,
        }
    });
    all.collect()
}

/// Where a reset moves a partition.
async fn target(
    edge: &Edge,
    topic: &TopicRecord,
    partition: u32,
    from: Option<Offset>,
    to: ResetTo,
) -> Result<Offset, Problem> {
    let key = PartitionKey { topic: topic.id, partition };
    let spec = match to {
        ResetTo::Earliest => OffsetSpec::Earliest,
        ResetTo::Latest | ResetTo::Offset(_) | ResetTo::Shift(_) => OffsetSpec::Latest,
        ResetTo::Timestamp(timestamp) => OffsetSpec::Timestamp(timestamp),
    };
    let listed = edge.services().partitions.list_offset(key, spec).await?;
    let within = |offset: u64| offset.clamp(listed.log_start.0, listed.high_watermark.0);
    Ok(match to {
        ResetTo::Earliest | ResetTo::Latest | ResetTo::Timestamp(_) => listed.offset,
        ResetTo::Offset(offset) => Offset(within(offset)),
        ResetTo::Shift(records) => {
            let from = from.ok_or_else(|| {
                invalid(format!("the group has no offset of partition {partition} to shift"))
            })?;
            Offset(within(from.0.saturating_add_signed(records)))
        }
    })
}
