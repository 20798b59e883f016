//! Bodies of `/v1/topics/{t}/dead-letter`: the switch of a topic, or of one of its groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::topics::is_false;
use crate::model::dead_letter::{DeadLetterSwitch, Scope};

/// What becomes of records that a consumer group does not process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterSettings {
    /// Off: a record is delivered again in place, as often as it takes, and its partition waits.
    pub enabled: bool,
    /// Deliveries of a record before it is given up.
    pub attempts: u32,
    /// Milliseconds after the first delivery until the second.
    pub delay_ms: u64,
    /// Each delay is so many times the one before.
    pub backoff: f64,
    /// Milliseconds of the longest delay.
    pub delay_ms_max: u64,
    /// Topic that dead records go to; null = `<topic>.<group>.dlq`, one for each group.
    pub topic: Option<String>,
}

/// Answer of `GET /v1/topics/{t}/dead-letter`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterDescription {
    /// In force, for the group that was asked about or for groups that have none of their own.
    #[serde(flatten)]
    pub settings: DeadLetterSettings,
    /// Whose they are.
    pub from: DeadLetterFrom,
    /// The group that was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where dead records go; missing where each group has a topic of its own and none was asked
    /// about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_topic: Option<DeadLetterTopic>,
    /// Groups that have a switch of their own; empty where one group was asked about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, DeadLetterSettings>,
    /// Of the group that was asked about: records in its dead-letter topic that were neither redriven
    /// nor purged. Absent where those who know did not answer, and so are the next three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
    /// Whether `depth` is exact. If not there are no more than so many: the topic is not the group's
    /// alone, and too long to look at every record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth_is_exact: Option<bool>,
    /// Records of the group that wait to be delivered again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<u64>,
    /// Records of the group on their way into the dead-letter topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dying: Option<u64>,
    /// What waits of each group, by name, where none was asked about: of those that have something,
    /// and of 100 at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub backlogs: BTreeMap<String, DeadLetterBacklog>,
}

/// What a group has not processed of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterBacklog {
    /// Name of its dead-letter topic.
    pub topic: String,
    /// Records in it that were neither redriven nor purged.
    pub depth: u64,
    /// Whether `depth` is exact; if not there are no more than so many.
    pub depth_is_exact: bool,
    /// Records that wait to be delivered again.
    pub parked: u64,
    /// Records on their way into the dead-letter topic.
    pub dying: u64,
}

/// Whose switch it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterFrom {
    /// Nobody has set one.
    Default,
    /// The topic's.
    Topic,
    /// The group's own.
    Group,
}

/// A topic that dead records go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterTopic {
    /// Its name.
    pub name: String,
    /// Whether it is there; if not it is created before the first record goes to it.
    pub exists: bool,
}

/// `PUT /v1/topics/{t}/dead-letter`: replaces the switch. What is missing has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetDeadLetterRequest {
    /// On or off.
    pub enabled: bool,
    /// Deliveries of a record before it is given up.
    #[serde(default = "attempts")]
    #[schema(default = 5, minimum = 1, maximum = 100)]
    pub attempts: u32,
    /// Milliseconds after the first delivery until the second; at most 7 days.
    #[serde(default = "delay_ms")]
    #[schema(default = 1_000, minimum = 0, maximum = 604_800_000)]
    pub delay_ms: u64,
    /// Each delay is so many times the one before.
    #[serde(default = "backoff")]
    #[schema(default = 2.0, minimum = 1, maximum = 10)]
    pub backoff: f64,
    /// Milliseconds of the longest delay; at most 7 days.
    #[serde(default = "delay_ms_max")]
    #[schema(default = 600_000, minimum = 0, maximum = 604_800_000)]
    pub delay_ms_max: u64,
    /// Topic that dead records go to; null or missing = `<topic>.<group>.dlq`, one for each group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Only check and plan.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// Answer of `PUT /v1/topics/{t}/dead-letter`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SetDeadLetterResponse {
    /// In force now.
    #[serde(flatten)]
    pub settings: DeadLetterSettings,
    /// The dead-letter topic that was created for it, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_topic: Option<String>,
    /// State of the metadata that has it; missing with a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_index: Option<u64>,
    /// Nothing was changed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

impl From<DeadLetterSwitch> for DeadLetterSettings {
    fn from(switch: DeadLetterSwitch) -> Self {
        let DeadLetterSwitch { enabled, attempts, delay_ms, backoff, delay_ms_max, topic } = switch;
        DeadLetterSettings { enabled, attempts, delay_ms, backoff, delay_ms_max, topic }
    }
}

impl From<DeadLetterSettings> for SetDeadLetterRequest {
    fn from(settings: DeadLetterSettings) -> Self {
        let DeadLetterSettings { enabled, attempts, delay_ms, backoff, delay_ms_max, topic } =
            settings;
        let dry_run = false;
        SetDeadLetterRequest { enabled, attempts, delay_ms, backoff, delay_ms_max, topic, dry_run }
    }
}

impl From<SetDeadLetterRequest> for DeadLetterSwitch {
    fn from(request: SetDeadLetterRequest) -> Self {
        let SetDeadLetterRequest {
            enabled,
            attempts,
            delay_ms,
            backoff,
            delay_ms_max,
            topic,
            dry_run: _,
        } = request;
        // No topic has an empty name, and some clients send one for none.
        let topic = topic.filter(|name| !name.is_empty());
        DeadLetterSwitch { enabled, attempts, delay_ms, backoff, delay_ms_max, topic }
    }
}

impl From<Scope> for DeadLetterFrom {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Default => DeadLetterFrom::Default,
            Scope::Topic => DeadLetterFrom::Topic,
            Scope::Group => DeadLetterFrom::Group,
        }
    }
}

fn attempts() -> u32 {
    DeadLetterSwitch::default().attempts
}

fn delay_ms() -> u64 {
    DeadLetterSwitch::default().delay_ms
}

fn backoff() -> f64 {
    DeadLetterSwitch::default().backoff
}

fn delay_ms_max() -> u64 {
    DeadLetterSwitch::default().delay_ms_max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_its_default() {
        let request: SetDeadLetterRequest = serde_json::from_str(r#"{"enabled":true}"#).unwrap();
        let default = DeadLetterSwitch { enabled: true, ..DeadLetterSwitch::default() };
        assert_eq!(DeadLetterSwitch::from(request), default);
        let body = r#"{"enabled":true,"attempts":3,"delay_ms":0,"backoff":1,"delay_ms_max":9,
            "topic":"dead"}"#;
        let request: SetDeadLetterRequest = serde_json::from_str(body).unwrap();
        let expected = DeadLetterSwitch {
            enabled: true,
            attempts: 3,
            delay_ms: 0,
            backoff: 1.0,
            delay_ms_max: 9,
            topic: Some("dead".to_owned()),
        };
        assert_eq!(DeadLetterSwitch::from(request), expected);
        for topic in ["null", "\"\""] {
            let body = format!(r#"{{"enabled":false,"topic":{topic}}}"#);
            let request: SetDeadLetterRequest = serde_json::from_str(&body).unwrap();
            assert_eq!(DeadLetterSwitch::from(request), DeadLetterSwitch::default());
        }
    }

    #[test]
    fn unknown_fields_and_a_missing_position_are_named() {
        let cases = [
            (r#"{"attempts":3}"#, "missing field `enabled`"),
            (r#"{"enabled":true,"attempt":3}"#, "unknown field `attempt`"),
            (r#"{"enabled":true,"attempts":-3}"#, "invalid value: integer `-3`"),
        ];
        for (body, expected) in cases {
            let error = serde_json::from_str::<SetDeadLetterRequest>(body).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn an_answer_has_the_settings_at_its_top() {
        let settings = DeadLetterSettings::from(DeadLetterSwitch::default());
        let described = DeadLetterDescription {
            settings: settings.clone(),
            from: DeadLetterFrom::Default,
            group: None,
            dead_letter_topic: None,
            groups: BTreeMap::from([("g".to_owned(), settings)]),
            depth: None,
            depth_is_exact: None,
            parked: None,
            dying: None,
            backlogs: BTreeMap::new(),
        };
        let text = serde_json::to_string(&described).unwrap();
        let start = r#"{"enabled":false,"attempts":5,"delay_ms":1000,"backoff":2.0,
            "delay_ms_max":600000,"topic":null,"from":"default","groups":{"g":{"#;
        assert!(text.starts_with(&start.replace(char::is_whitespace, "")), "{text}");
        assert_eq!(serde_json::from_str::<DeadLetterDescription>(&text).unwrap(), described);
    }
}
