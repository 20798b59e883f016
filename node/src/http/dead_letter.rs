//! `/v1/topics/{t}/dead-letter`: the dead-letter switch of a topic, or of one of its groups.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use futures_util::{StreamExt, stream};
use rampart_api::http::dead_letter::{
    DeadLetterBacklog, DeadLetterDescription, DeadLetterSettings, DeadLetterTopic,
    SetDeadLetterRequest, SetDeadLetterResponse,
};
use rampart_api::http::dead_letter_records::DeadLetterFilter;
use rampart_api::http::error::ProblemBody;
use rampart_api::model::dead_letter::{DeadLetterSwitch, check_group_name, groups};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::TopicRecord;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::json;
use super::edge::Edge;
use super::error::Refusal;
use super::query::{Query, Segments};
use crate::controller::request::NewSwitch;
use crate::groups::dead_box::{Backlog, DeadQuery, SLICE_BYTES_MAX};
use crate::groups::dead_letters::default_topic;
use crate::groups::dead_slice::Whose;

/// Whoever does not say in time how much waits leaves it unknown.
const BACKLOG_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Groups whose backlog one answer shows.
const BACKLOGS_MAX: usize = 100;
/// Groups that are asked about at once.
const BACKLOGS_AT_ONCE: usize = 16;

/// Query of the switch.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SwitchParams {
    /// Of this group; if missing, of all groups that have no switch of their own.
    group: Option<String>,
}

/// Shows the dead-letter switch.
#[utoipa::path(
    get, path = "/v1/topics/{topic}/dead-letter", tag = "dead_letters",
    params(("topic" = String, Path, description = "Name of the topic"), SwitchParams),
    responses(
        (status = 200, description = "The switch", body = DeadLetterDescription),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn describe(
    State(edge): State<Edge>,
    Segments(topic): Segments<String>,
    Query(params): Query<SwitchParams>,
) -> Result<Json<DeadLetterDescription>, Refusal> {
    check(&params)?;
    let topic = edge.topic(&topic).await?;
    let mut described = described(&edge, &topic, params.group.clone());
    match params.group {
        Some(group) => {
            if let Some(backlog) = backlog(&edge, &topic, &group).await {
                described.depth = Some(backlog.depth);
                described.depth_is_exact = Some(backlog.is_exact);
                described.parked = Some(backlog.parked);
                described.dying = Some(backlog.dying);
            }
        }
        None => described.backlogs = backlogs(&edge, &topic).await,
    }
    Ok(Json(described))
}

/// Replaces the dead-letter switch. Turned on, it creates the topic that dead records go to, where
/// its name is known: where each group has one of its own and none is named, the first dead record of
/// a group does.
#[utoipa::path(
    put, path = "/v1/topics/{topic}/dead-letter", tag = "dead_letters",
    request_body = SetDeadLetterRequest,
    params(("topic" = String, Path, description = "Name of the topic"), SwitchParams),
    responses(
        (status = 200, description = "Set, or what would be", body = SetDeadLetterResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn set(
    State(edge): State<Edge>,
    Segments(topic): Segments<String>,
    Query(params): Query<SwitchParams>,
    request: Request,
) -> Result<Json<SetDeadLetterResponse>, Refusal> {
    let wanted: SetDeadLetterRequest = json(&edge, request).await?;
    check(&params)?;
    edge.topic(&topic).await?;
    let dry_run = wanted.dry_run;
    let switch = DeadLetterSwitch::from(wanted);
    let settings = DeadLetterSettings::from(switch.clone());
    let new = NewSwitch { topic, group: params.group, switch, dry_run };
    let set = edge.services().controller.set_dead_letter(new).await?;
    let (created_topic, metadata_index) = (set.created, set.index);
    Ok(Json(SetDeadLetterResponse { settings, created_topic, metadata_index, dry_run }))
}

/// What a group has not processed; nothing where nobody answers in time, or there is no such group:
/// the switch is shown all the same.
pub(super) async fn backlog(edge: &Edge, topic: &TopicRecord, group: &str) -> Option<Backlog> {
    let query = DeadQuery { records_max: 1, ..query_of(edge, topic, group) };
    // In a topic of many groups records are read to be counted.
    let _room = match query.is_shared {
        true => Some(edge.answers().take(SLICE_BYTES_MAX).ok()?),
        false => None,
    };
    let asked = edge.services().groups.backlog(query);
    tokio::time::timeout(BACKLOG_TIMEOUT, asked).await.ok()?.ok()
}

/// What the groups that read a topic have not processed. In a topic of many groups nothing is read
/// for it.
async fn backlogs(edge: &Edge, topic: &TopicRecord) -> BTreeMap<String, DeadLetterBacklog> {
    let listed = tokio::time::timeout(BACKLOG_TIMEOUT, edge.services().groups.list()).await;
    let listed = listed.ok().and_then(Result::ok).unwrap_or_default();
    let queries = listed.into_iter().filter_map(|listed| {
        let query = query_of(edge, topic, &listed.group);
        (query.from.is_some() || listed.parked > 0).then_some(query)
    });
    let asked = queries.take(BACKLOGS_MAX).map(|query| async move {
        let (group, is_shared) = (query.whose.group.clone(), query.is_shared);
        let name = query.name.clone();
        let asked = edge.services().groups.backlog(DeadQuery { is_shared: false, ..query });
        let found = tokio::time::timeout(BACKLOG_TIMEOUT, asked).await.ok()?.ok()?;
        let is_empty = found.depth + found.parked + found.dying == 0;
        let backlog = DeadLetterBacklog {
            topic: name,
            depth: found.depth,
            depth_is_exact: found.is_exact && !is_shared,
            parked: found.parked,
            dying: found.dying,
        };
        (found.reads && !is_empty).then_some((group, backlog))
    });
    let asked: Vec<_> = asked.collect();
    let found = stream::iter(asked).buffer_unordered(BACKLOGS_AT_ONCE);
    found.filter_map(std::future::ready).collect().await
}

/// All dead letters of a group of a topic.
pub(super) fn query_of(edge: &Edge, topic: &TopicRecord, group: &str) -> DeadQuery {
    let (switch, _) = DeadLetterSwitch::in_force(&topic.config, Some(group));
    let is_shared = switch.topic.is_some();
    let name = switch.topic.unwrap_or_else(|| default_topic(&topic.name, group));
    let from = edge.services().metadata.state().topic_by_name(&name).cloned();
    DeadQuery {
        whose: Whose {
            group: group.to_owned(),
            origin: topic.id,
            partitions: u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX),
            filter: DeadLetterFilter::default(),
        },
        origin: topic.name.clone(),
        name,
        from: from.filter(|from| !from.internal && from.id != topic.id),
        is_shared,
        records_max: usize::MAX,
        cursor: None,
    }
}

fn check(params: &SwitchParams) -> Result<(), Refusal> {
    let group = params.group.as_deref();
    Ok(group.map_or(Ok(()), check_group_name).map_err(Problem::from)?)
}

fn described(edge: &Edge, topic: &TopicRecord, group: Option<String>) -> DeadLetterDescription {
    let (switch, scope) = DeadLetterSwitch::in_force(&topic.config, group.as_deref());
    let by_default = || group.as_deref().map(|group| default_topic(&topic.name, group));
    let name = switch.topic.clone().or_else(by_default);
    let state = edge.services().metadata.state();
    let dead_letter_topic = name.map(|name| {
        let exists = state.topic_by_name(&name).is_some();
        DeadLetterTopic { name, exists }
    });
    let own = match group {
        Some(_) => Default::default(),
        None => groups(&topic.config).map(|(group, own)| (group, own.into())).collect(),
    };
    DeadLetterDescription {
        settings: switch.into(),
        from: scope.into(),
        group,
        dead_letter_topic,
        groups: own,
        depth: None,
        depth_is_exact: None,
        parked: None,
        dying: None,
        backlogs: Default::default(),
    }
}
