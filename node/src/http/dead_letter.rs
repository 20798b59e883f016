//! `/v1/topics/{t}/dead-letter`: the dead-letter switch of a topic, or of one of its groups.

use axum::Json;
use axum::extract::{Request, State};
use rampart_api::http::dead_letter::{
    DeadLetterDescription, DeadLetterSettings, DeadLetterTopic, SetDeadLetterRequest,
    SetDeadLetterResponse,
};
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
use crate::groups::dead_letters::default_topic;

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
    Ok(Json(described(&edge, &topic, params.group)))
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
