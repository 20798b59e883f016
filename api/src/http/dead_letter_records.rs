//! Bodies of `/v1/topics/{t}/dead-letter/records`, `:redrive` and `:purge`: the records that a group
//! gave up, seen, delivered again, or dropped.
//!
//! The two verbs work in slices: an answer says what it did and, with `next_cursor`, that there is
//! more. Whoever sends it back until there is none has gone once through everything that was there
//! when the first request came; what is given up meanwhile is not touched.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::fetch::FetchedHeaders;
use super::topics::is_false;

/// Which dead records are meant: those that are all of this. Without any field all of the group's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// They came from this partition.
    pub partition: Option<u32>,
    /// They had this offset there.
    pub offset: Option<u64>,
    /// What went wrong has this in it.
    pub error: Option<String>,
    /// Their key is this text.
    pub key: Option<String>,
    /// Their value has this text in it.
    pub contains: Option<String>,
}

/// Answer of `GET /v1/topics/{t}/dead-letter/records`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterRecords {
    /// Name of the dead-letter topic.
    pub topic: String,
    /// Records that wait in it, as `DeadLetterDescription` counts them; absent where its leaders did
    /// not answer.
    #[serde(default)]
    pub depth: Option<u64>,
    /// Those that match, in offset order within a partition of the dead-letter topic. Redriven and
    /// purged ones are left out.
    pub records: Vec<DeadLetterRecord>,
    /// Where to go on, also where no record of this slice matched; null at the end.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// A record that a group gave up.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterRecord {
    /// Its partition of the dead-letter topic.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// When it was given up, in milliseconds since 1970.
    pub timestamp: i64,
    /// A string, null, or `{"$base64":"…"}`.
    #[schema(value_type = Option<serde_json::Value>)]
    pub key: Option<Box<RawValue>>,
    /// As the encoding says, null, or `{"$base64":"…"}`.
    #[schema(value_type = Option<serde_json::Value>)]
    pub value: Option<Box<RawValue>>,
    /// Its own, without those that say where it came from. An object, or `[["name","value"],…]`
    /// where a name repeats.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, Option<serde_json::Value>>)]
    pub headers: FetchedHeaders,
    /// Where it came from.
    pub origin: DeadLetterOrigin,
    /// The group that gave it up.
    pub group: String,
    /// How often it was delivered.
    pub attempts: u32,
    /// What went wrong the last time.
    pub error: String,
}

/// Where a dead record came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterOrigin {
    /// Name of the topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
    /// Position in the partition.
    pub offset: u64,
    /// The timestamp that it had there, in milliseconds since 1970.
    pub timestamp: i64,
}

/// `POST /v1/topics/{t}/dead-letter:redrive`: dead records are delivered again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedriveRequest {
    /// The group that gave them up.
    pub group: String,
    /// Only those from this partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// Only those that had this offset in their partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Only those whose error has this in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Only those whose key is this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only those whose value has this text in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Records of this slice at most; 1,000 unless given, and no more than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000)]
    pub max_records: Option<u64>,
    /// The `next_cursor` of the slice before; absent = from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Only counts.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// Where to.
    pub to: RedriveTo,
}

/// Where dead records go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedriveTo {
    /// To the group that gave them up, and to no other: they are delivered again, with no attempts.
    #[default]
    Group,
    /// To the end of a topic with this name, for all that read it.
    Topic(String),
}

/// What a slice of a redrive did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RedriveResponse {
    /// Records that were looked at.
    pub scanned: u64,
    /// Records of these that match and were neither redriven nor purged before.
    pub matched: u64,
    /// Of the matched ones, those that this request brought back. None with a dry run.
    pub redriven: u64,
    /// Of the matched ones, those that somebody else, or this request's own first try, redrove or
    /// purged meanwhile.
    pub already: u64,
    /// Of the matched ones, those that had no room: they stay where they are, and `next_cursor`
    /// begins with them. Ask again when the group has processed what it was given.
    pub left: u64,
    /// Why, if any were left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_because: Option<String>,
    /// Where to go on; null when all that was there is done.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// Nothing was changed.
    #[serde(default)]
    pub dry_run: bool,
}

/// `POST /v1/topics/{t}/dead-letter:purge`: dead records are given up for good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PurgeRequest {
    /// The group that gave them up.
    pub group: String,
    /// Only those from this partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// Only those that had this offset in their partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Only those whose error has this in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Only those whose key is this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only those whose value has this text in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Records of this slice at most; 1,000 unless given, and no more than 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub max_records: Option<u64>,
    /// The `next_cursor` of the slice before; absent = from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Only counts.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// What a slice of a purge did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgeResponse {
    /// Records that were looked at.
    pub scanned: u64,
    /// Records of these that match and were neither redriven nor purged before.
    pub matched: u64,
    /// Those that this request gave up. None with a dry run.
    pub purged: u64,
    /// Where to go on; null when all that was there is done.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// Nothing was changed.
    #[serde(default)]
    pub dry_run: bool,
}

impl RedriveRequest {
    /// All records of a group that match, back to that group.
    pub fn new(group: impl Into<String>, filter: DeadLetterFilter) -> Self {
        let DeadLetterFilter { partition, offset, error, key, contains } = filter;
        let group = group.into();
        RedriveRequest { group, partition, offset, error, key, contains, ..Self::default() }
    }

    /// Which records are meant.
    pub fn filter(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            partition: self.partition,
            offset: self.offset,
            error: self.error.clone(),
            key: self.key.clone(),
            contains: self.contains.clone(),
        }
    }
}

impl PurgeRequest {
    /// All records of a group that match.
    pub fn new(group: impl Into<String>, filter: DeadLetterFilter) -> Self {
        let DeadLetterFilter { partition, offset, error, key, contains } = filter;
        let group = group.into();
        PurgeRequest { group, partition, offset, error, key, contains, ..Self::default() }
    }

    /// Which records are meant.
    pub fn filter(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            partition: self.partition,
            offset: self.offset,
            error: self.error.clone(),
            key: self.key.clone(),
            contains: self.contains.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrive_goes_to_the_group_unless_a_topic_is_named() {
        let read = |body: &str| serde_json::from_str::<RedriveRequest>(body);
        let plain = read(r#"{"group":"g"}"#).unwrap();
        assert_eq!(plain, RedriveRequest::new("g", DeadLetterFilter::default()));
        assert_eq!(plain.to, RedriveTo::Group);
        assert_eq!(read(r#"{"group":"g","to":"group"}"#).unwrap(), plain);
        let named = read(r#"{"group":"g","to":{"topic":"orders"}}"#).unwrap();
        assert_eq!(named.to, RedriveTo::Topic("orders".to_owned()));
        for wrong in [r#""topic""#, r#"{"group":"g"}"#, r#"{"topic":3}"#, "null"] {
            let body = format!(r#"{{"group":"g","to":{wrong}}}"#);
            assert!(read(&body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_misspelt_filter_is_refused_for_it_would_match_everything() {
        let body = r#"{"group":"g","errror":"x"}"#;
        let error = serde_json::from_str::<PurgeRequest>(body).unwrap_err().to_string();
        assert!(error.contains("unknown field `errror`"), "{error}");
        assert!(serde_json::from_str::<RedriveRequest>(body).is_err());
    }

    #[test]
    fn a_filter_comes_through_a_request_unchanged() {
        let filter = DeadLetterFilter {
            partition: Some(1),
            offset: Some(2),
            error: Some("e".to_owned()),
            key: Some("k".to_owned()),
            contains: Some("c".to_owned()),
        };
        assert_eq!(RedriveRequest::new("g", filter.clone()).filter(), filter);
        let purge = PurgeRequest::new("g", filter.clone());
        let text = serde_json::to_string(&purge).unwrap();
        assert_eq!(serde_json::from_str::<PurgeRequest>(&text).unwrap().filter(), filter);
    }
}
