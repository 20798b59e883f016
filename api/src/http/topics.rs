//! Bodies of `/v1/topics…`: list, create, describe, alter, grow, truncate.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/topics`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTopicRequest {
    /// 1 to 249 characters out of `A-Z a-z 0-9 . _ -`.
    pub name: String,
    /// Number of partitions; 1 if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
    /// Replicas of each partition; min(3, live nodes) if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<u32>,
    /// Kafka's topic keys plus `ack`, `ack1.max.lag.ms` and those of the dead-letter switch. Values
    /// are strings, numbers or booleans.
    #[serde(default, deserialize_with = "config_map", skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// Only check and plan.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// Answer of `POST /v1/topics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateTopicResponse {
    /// Its name.
    pub name: String,
    /// Its identity; a topic recreated under the same name has another.
    pub id: String,
    /// Number of partitions.
    pub partitions: u32,
    /// Replicas of each partition.
    pub replication_factor: u32,
    /// What was set explicitly.
    pub config: BTreeMap<String, String>,
    /// Node ids by partition, the preferred leader first.
    pub replicas: Vec<Vec<u64>>,
    /// State of the metadata that has it; missing with a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_index: Option<u64>,
    /// Nothing was created.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// Answer of `GET /v1/topics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListTopicsResponse {
    /// By name.
    pub topics: Vec<TopicSummary>,
}

/// A topic in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicSummary {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub id: String,
    /// Made by the cluster itself.
    pub internal: bool,
    /// Number of partitions.
    pub partitions: u32,
    /// Replicas each partition should have.
    pub replication_factor: u32,
}

/// Answer of `GET /v1/topics/{t}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub id: String,
    /// Made by the cluster itself.
    pub internal: bool,
    /// Replicas each partition should have.
    pub replication_factor: u32,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Every key with its effective value, and the dead-letter switches that groups have of their own.
    pub config: BTreeMap<String, String>,
    /// The keys of `config` that were set explicitly.
    pub config_set: Vec<String>,
    /// By partition number.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition as its leader sees it; without the numbers if the leader did not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartitionDescription {
    /// Number inside the topic.
    pub partition: u32,
    /// Node that leads it.
    pub leader: Option<u64>,
    /// Term of that leader.
    pub leader_epoch: u64,
    /// First offset that can be read.
    pub log_start_offset: Option<u64>,
    /// Nobody reads at or above it.
    pub high_watermark: Option<u64>,
    /// End of the leader's log.
    pub log_end_offset: Option<u64>,
    /// Bytes of the leader's log.
    pub size_bytes: Option<u64>,
    /// Nothing is written at or above it any more: the topic goes on in another cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<u64>,
    /// All replicas.
    pub replicas: Vec<ReplicaDescription>,
    /// Why the numbers are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One replica as its leader sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaDescription {
    /// Its id, never reused.
    pub replica: u64,
    /// Its node.
    pub node: u64,
    /// `leader`, `follower` or `learner`.
    pub role: String,
    /// Whether its node is alive, as seen by the node that answers.
    pub alive: bool,
    /// Member of the in-sync set.
    pub in_sync: Option<bool>,
    /// Offset after the last record it is known to have on disk.
    pub match_offset: Option<u64>,
    /// Records it is behind the leader's log end.
    pub lag_records: Option<u64>,
    /// Milliseconds since it was last caught up.
    pub lag_ms: Option<u64>,
}

/// `PATCH /v1/topics/{t}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlterTopicRequest {
    /// Keys to set; null resets one to its default.
    #[serde(
        default,
        deserialize_with = "nullable_config_map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub config: BTreeMap<String, Option<String>>,
    /// Replicas each partition should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<u32>,
}

/// `POST /v1/topics/{t}/partitions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPartitionsRequest {
    /// Number of partitions afterwards; it can only grow.
    pub partitions: u32,
}

/// `POST /v1/topics/{t}/truncate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TruncateRequest {
    /// What to delete, by partition.
    pub partitions: Vec<TruncatePartition>,
}

/// Deletes the records of one partition below an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TruncatePartition {
    /// Number inside the topic.
    pub partition: u32,
    /// First offset that stays; the high watermark if null or missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_offset: Option<u64>,
}

/// Answer of `POST /v1/topics/{t}/truncate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TruncateResponse {
    /// In the order of the request.
    pub partitions: Vec<TruncatedPartition>,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TruncatedPartition {
    /// Number inside the topic.
    pub partition: u32,
    /// First offset that can be read now.
    pub log_start_offset: Option<u64>,
    /// Why it was not done, or what is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<super::produce::RecordError>,
}

/// Answer of a change to the cluster's metadata that has nothing else to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MetadataChanged {
    /// State of the metadata that has the change; `min_metadata_index` of a later request.
    pub metadata_index: u64,
}

pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}

/// People write `"retention.ms": 1000` as often as `"1000"`.
fn config_map<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map = BTreeMap::<String, Option<ConfigValue>>::deserialize(from)?;
    map.into_iter()
        .map(|(key, value)| match value {
            Some(ConfigValue(value)) => Ok((key, value)),
            None => Err(D::Error::custom(format!("`{key}` is null; leave it out instead"))),
        })
        .collect()
}

pub(super) fn nullable_config_map<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    let map = BTreeMap::<String, Option<ConfigValue>>::deserialize(from)?;
    Ok(map.into_iter().map(|(key, value)| (key, value.map(|ConfigValue(value)| value))).collect())
}

/// A configuration value, whatever its JSON type, as text.
struct ConfigValue(String);

impl<'de> Deserialize<'de> for ConfigValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConfigValueVisitor)
    }
}

struct ConfigValueVisitor;

impl Visitor<'_> for ConfigValueVisitor {
    type Value = ConfigValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number or a boolean")
    }

    fn visit_str<E>(self, text: &str) -> Result<ConfigValue, E> {
        Ok(ConfigValue(text.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<ConfigValue, E> {
        Ok(ConfigValue(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<ConfigValue, E> {
        Ok(ConfigValue(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<ConfigValue, E> {
        Ok(ConfigValue(number.to_string()))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<ConfigValue, E> {
        Ok(ConfigValue(flag.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_takes_the_documented_shape() {
        let body = r#"{"name":"flights","partitions":4,"replication_factor":3,
            "config":{"retention.ms":1000,"ack":"-1","retention.bytes":-1}}"#;
        let request: CreateTopicRequest = serde_json::from_str(body).unwrap();
        assert_eq!((request.partitions, request.replication_factor), (Some(4), Some(3)));
        assert_eq!(request.config["retention.ms"], "1000");
        assert_eq!(request.config["retention.bytes"], "-1");
        let short: CreateTopicRequest = serde_json::from_str(r#"{"name":"x"}"#).unwrap();
        assert_eq!(short, CreateTopicRequest { name: "x".into(), ..Default::default() });
        assert_eq!(serde_json::to_string(&short).unwrap(), r#"{"name":"x"}"#);
    }

    #[test]
    fn unknown_fields_and_wrong_types_are_named() {
        let cases = [
            (r#"{"name":"x","partition":4}"#, "unknown field `partition`"),
            (r#"{"partitions":4}"#, "missing field `name`"),
            (r#"{"name":"x","partitions":-1}"#, "invalid value: integer `-1`"),
            (r#"{"name":"x","config":{"a":[]}}"#, "a string, a number or a boolean"),
            (r#"{"name":"x","config":{"a":null}}"#, "`a` is null"),
        ];
        for (body, expected) in cases {
            let error = serde_json::from_str::<CreateTopicRequest>(body).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn alter_resets_with_null() {
        let body = r#"{"config":{"retention.ms":null,"ack":"all"}}"#;
        let request: AlterTopicRequest = serde_json::from_str(body).unwrap();
        assert_eq!(request.config["retention.ms"], None);
        assert_eq!(request.config["ack"].as_deref(), Some("all"));
        assert_eq!(request.replication_factor, None);
    }
}
