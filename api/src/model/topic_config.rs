//! Topic configuration: the keys, their defaults, what values they take, and the name rule. Keys
//! are Kafka's, plus `ack`, `ack1.max.lag.ms` and those of the dead-letter switch, which `dead_letter`
//! reads. Metadata stores only what was set explicitly; every node computes the effective values here.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use super::dead_letter::{self, DeadLetterSwitch, Field, SwitchError};
use super::error_code::ErrorCode;
use super::limits::{RECORD_BYTES_MAX, REQUEST_BYTES_MAX, TOPIC_NAME_BYTES_MAX};
use super::problem::Problem;

/// Names that begin so are the cluster's own.
pub const INTERNAL_TOPIC_PREFIX: &str = "__";

/// What must confirm a write before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ack {
    /// `-1` or `all`: committed, and on the disk of every in-sync replica.
    All,
    /// `quorum`: committed, that is on the disks of a majority.
    Quorum,
    /// `1`: on the leader's disk.
    Leader,
    /// `0`: nothing; there is no answer.
    None,
}

impl Ack {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Ack::All => "-1",
            Ack::Quorum => "quorum",
            Ack::Leader => "1",
            Ack::None => "0",
        }
    }
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no [`Ack`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ack is {ACK_EXPECTED}, not `{0}`")]
pub struct AckError(String);

const ACK_EXPECTED: &str = "-1 (or all), quorum, 1 or 0";

impl FromStr for Ack {
    type Err = AckError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "-1" | "all" => Ok(Ack::All),
            "quorum" => Ok(Ack::Quorum),
            "1" => Ok(Ack::Leader),
            "0" => Ok(Ack::None),
            _ => Err(AckError(word.chars().take(40).collect())),
        }
    }
}

impl Serialize for Ack {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Ack {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        word.parse().map_err(D::Error::custom)
    }
}

/// Who gives a record its timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// `CreateTime`: the producer.
    CreateTime,
    /// `LogAppendTime`: the leader.
    LogAppendTime,
}

/// What happens to old records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupPolicy {
    /// `delete`: they go by age and size.
    Delete,
}

/// A configuration key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name.
    pub name: &'static str,
    /// Its default, as text.
    pub default: &'static str,
    /// One sentence, units included.
    pub doc: &'static str,
}

/// All keys, alphabetised.
pub const KEYS: &[KeyInfo] = &[
    KeyInfo {
        name: "ack",
        default: "quorum",
        doc: "what must confirm a write unless the request says otherwise: -1 (or all), quorum, 1, 0",
    },
    KeyInfo {
        name: "ack1.max.lag.ms",
        default: "1000",
        doc: "ack 1 waits for the quorum once the best follower is this many ms behind",
    },
    KeyInfo {
        name: "cleanup.policy",
        default: "delete",
        doc: "what happens to old records: delete (compact is not supported yet)",
    },
    KeyInfo {
        name: "errors.deadletterqueue.topic.name",
        default: "",
        doc: "where records go that were given up; empty = <topic>.<group>.dlq for each group",
    },
    KeyInfo { name: "max.message.bytes", default: "1048576", doc: "largest record, in bytes" },
    KeyInfo {
        name: "message.timestamp.after.max.ms",
        default: "3600000",
        doc: "a producer's timestamp may be this many ms in the future at most",
    },
    KeyInfo {
        name: "message.timestamp.type",
        default: "CreateTime",
        doc: "who gives a record its timestamp: CreateTime (producer) or LogAppendTime (leader)",
    },
    KeyInfo {
        name: "min.insync.replicas",
        default: "majority",
        doc: "replicas that must be in sync for a write with ack -1: a number, or majority",
    },
    KeyInfo {
        name: "rampart.dead.letter.backoff",
        default: "2",
        doc: "each delay before a record is tried again is so many times the one before, 1 to 10",
    },
    KeyInfo {
        name: "rampart.dead.letter.delay.max.ms",
        default: "600000",
        doc: "a record is tried again after this many ms at the latest",
    },
    KeyInfo {
        name: "rampart.dead.letter.delay.ms",
        default: "1000",
        doc: "a record that was not processed is tried again after this many ms, then more",
    },
    KeyInfo {
        name: "rampart.dead.letter.enable",
        default: "false",
        doc: "the dead-letter switch: whether records that are not processed are set aside, tried \
              again and given up in the end. A group that has a switch of its own has it in \
              rampart.dead.letter.group.GROUP",
    },
    KeyInfo {
        name: "replica.lag.time.max.ms",
        default: "3000",
        doc: "a replica that has not been caught up for this many ms is not in sync",
    },
    KeyInfo {
        name: "retention.bytes",
        default: "-1",
        doc: "oldest records go when a partition is larger than this many bytes; -1 = never",
    },
    KeyInfo {
        name: "retention.ms",
        default: "604800000",
        doc: "records older than this many ms go; -1 = never",
    },
    KeyInfo {
        name: "segment.bytes",
        default: "268435456",
        doc: "accepted so that Kafka's tools work, and without effect: a log has no segments, records \
              go in units of about 64 KiB",
    },
    KeyInfo {
        name: "share.delivery.count.limit",
        default: "5",
        doc: "with the dead-letter switch on, a record is given up after so many deliveries",
    },
];

/// The effective configuration of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    /// `ack`.
    pub ack: Ack,
    /// `ack1.max.lag.ms`.
    pub ack1_max_lag_ms: u64,
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// The dead-letter switch of groups that have none of their own.
    pub dead_letter: DeadLetterSwitch,
    /// `max.message.bytes`.
    pub max_message_bytes: usize,
    /// `message.timestamp.after.max.ms`.
    pub message_timestamp_after_max_ms: i64,
    /// `message.timestamp.type`.
    pub message_timestamp_type: TimestampType,
    /// `min.insync.replicas`; `None` = the default rule of [`TopicConfig::min_insync`].
    pub min_insync_replicas: Option<u32>,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max_ms: u64,
    /// `retention.bytes`; `None` = never.
    pub retention_bytes: Option<u64>,
    /// `retention.ms`; `None` = never.
    pub retention_ms: Option<i64>,
    /// `segment.bytes`: accepted and shown, and read by nobody. The log is cut in granules.
    pub segment_bytes: u64,
}

impl Default for TopicConfig {
    fn default() -> Self {
        TopicConfig {
            ack: Ack::Quorum,
            ack1_max_lag_ms: 1_000,
            cleanup_policy: CleanupPolicy::Delete,
            dead_letter: DeadLetterSwitch::default(),
            max_message_bytes: RECORD_BYTES_MAX,
            message_timestamp_after_max_ms: 60 * 60 * 1_000,
            message_timestamp_type: TimestampType::CreateTime,
            min_insync_replicas: None,
            replica_lag_time_max_ms: 3_000,
            retention_bytes: None,
            retention_ms: Some(7 * 24 * 60 * 60 * 1_000),
            segment_bytes: 256 << 20,
        }
    }
}

/// A key or value that can't be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No such key.
    #[error("unknown topic configuration key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// The key exists, the value is none of its values.
    #[error("`{value}` is no value of `{key}`: {expected}")]
    BadValue {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// A dead-letter switch of nobody.
    #[error(
        "`{key}` names no group: that stands behind {}, percent-encoded where it is not \
         A-Z a-z 0-9 . _ -",
        dead_letter::GROUP_KEY_PREFIX
    )]
    BadGroup {
        /// The key.
        key: String,
    },
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Problem {
        let problem = Problem::new(ErrorCode::InvalidConfig, error.to_string());
        match error {
            ConfigError::UnknownKey { .. } => {
                let names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
                let (names, more) = (names.join(", "), dead_letter::GROUP_KEY_PREFIX);
                problem.hint(format!("the keys are {names}, and {more}GROUP"))
            }
            ConfigError::BadValue { .. } | ConfigError::BadGroup { .. } => problem,
        }
    }
}

impl TopicConfig {
    /// Defaults, with `overrides` on top.
    pub fn from_overrides(overrides: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut config = TopicConfig::default();
        for (key, value) in overrides {
            config.set(key, value)?;
        }
        Ok(config)
    }

    /// What is stored, read by a version that may know fewer keys than the one that checked it:
    /// defaults, with what can be read on top, and what can't.
    pub fn from_stored(stored: &BTreeMap<String, String>) -> (Self, Vec<ConfigError>) {
        let mut config = TopicConfig::default();
        // Groups' own switches are read by whoever asks for one: this is done for every write.
        let own = stored.iter().filter(|(key, _)| !dead_letter::is_group_key(key));
        let unread = own.filter_map(|(key, value)| config.set(key, value).err());
        let unread = unread.collect();
        (config, unread)
    }

    /// In-sync replicas that a write with ack -1 needs: as configured but not more than there are
    /// replicas; by default 1 below three replicas, else the majority.
    pub fn min_insync(&self, replication_factor: u32) -> u32 {
        match self.min_insync_replicas {
            Some(n) => n.min(replication_factor.max(1)),
            None if replication_factor < 3 => 1,
            None => replication_factor / 2 + 1,
        }
    }

    /// Every key with its effective value, as text.
    pub fn effective(&self) -> BTreeMap<String, String> {
        let min_insync = self.min_insync_replicas.map_or("majority".into(), |n| n.to_string());
        let timestamp_type = match self.message_timestamp_type {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        };
        let cleanup_policy = match self.cleanup_policy {
            CleanupPolicy::Delete => "delete",
        };
        let pairs = [
            ("ack", self.ack.to_string()),
            ("ack1.max.lag.ms", self.ack1_max_lag_ms.to_string()),
            ("cleanup.policy", cleanup_policy.to_string()),
            ("max.message.bytes", self.max_message_bytes.to_string()),
            ("message.timestamp.after.max.ms", self.message_timestamp_after_max_ms.to_string()),
            ("message.timestamp.type", timestamp_type.to_string()),
            ("min.insync.replicas", min_insync),
            ("replica.lag.time.max.ms", self.replica_lag_time_max_ms.to_string()),
            ("retention.bytes", or_never(self.retention_bytes)),
            ("retention.ms", or_never(self.retention_ms)),
            ("segment.bytes", self.segment_bytes.to_string()),
        ];
        let switch = Field::ALL.map(|field| (field.key(), self.dead_letter.text(field)));
        let pairs = pairs.into_iter().chain(switch);
        pairs.map(|(key, value)| (key.to_string(), value)).collect()
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
        let bad = |expected: String| ConfigError::BadValue {
            key: key.into(),
            value: value.chars().take(80).collect(),
            expected,
        };
        match key {
            "ack" => self.ack = value.parse().map_err(|_| bad(format!("it is {ACK_EXPECTED}")))?,
            "ack1.max.lag.ms" => self.ack1_max_lag_ms = number(value, 0, DAY_MS).map_err(bad)?,
            "cleanup.policy" => {
                self.cleanup_policy = match value {
                    "delete" => CleanupPolicy::Delete,
                    "compact" | "compact,delete" | "delete,compact" => {
                        return Err(bad("compaction is not supported yet, only delete is".into()));
                    }
                    _ => return Err(bad("it is delete".into())),
                }
            }
            "max.message.bytes" => {
                let max = REQUEST_BYTES_MAX as u64;
                self.max_message_bytes = number(value, 1, max).map_err(bad)? as usize;
            }
            "message.timestamp.after.max.ms" => {
                let ms = number(value, 0, i64::MAX as u64).map_err(bad)?;
                self.message_timestamp_after_max_ms = ms as i64;
            }
            "message.timestamp.type" => {
                self.message_timestamp_type = match value {
                    "CreateTime" => TimestampType::CreateTime,
                    "LogAppendTime" => TimestampType::LogAppendTime,
                    _ => return Err(bad("it is CreateTime or LogAppendTime".into())),
                }
            }
            "min.insync.replicas" => {
                self.min_insync_replicas = match value {
                    "majority" => None,
                    _ => Some(number(value, 1, 1_000).map_err(bad)? as u32),
                }
            }
            "replica.lag.time.max.ms" => {
                self.replica_lag_time_max_ms = number(value, 1, DAY_MS).map_err(bad)?;
            }
            "retention.bytes" => {
                self.retention_bytes = number_or_never(value, i64::MAX as u64).map_err(bad)?;
            }
            "retention.ms" => {
                let ms = number_or_never(value, i64::MAX as u64).map_err(bad)?;
                self.retention_ms = ms.map(|ms| ms as i64);
            }
            "segment.bytes" => {
                self.segment_bytes = number(value, 1 << 20, 1 << 30).map_err(bad)?;
            }
            _ => return self.set_dead_letter(key, value),
        }
        Ok(())
    }

    fn set_dead_letter(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let bad = |value: &str, expected| ConfigError::BadValue {
            key: key.into(),
            value: value.chars().take(80).collect(),
            expected,
        };
        if let Some(field) = Field::of_key(key) {
            return self.dead_letter.set(field, value).map_err(|error| match error {
                SwitchError::BadValue { value, expected, .. } => bad(&value, expected),
                other => bad(value, other.to_string()),
            });
        }
        if !dead_letter::is_group_key(key) {
            return Err(ConfigError::UnknownKey { key: key.chars().take(120).collect() });
        }
        if dead_letter::group_of_key(key).is_none() {
            return Err(ConfigError::BadGroup { key: key.chars().take(120).collect() });
        }
        let switch: Result<DeadLetterSwitch, _> = value.parse();
        switch.map(drop).map_err(|error| bad(value, error.to_string()))
    }
}

/// Checks a topic name: 1 to 249 characters of `[A-Za-z0-9._-]`, neither `.` nor `..`.
pub fn validate_topic_name(name: &str) -> Result<(), Problem> {
    let shown: String = name.chars().take(60).collect();
    let refuse = |why: String| {
        let hint = format!("1 to {TOPIC_NAME_BYTES_MAX} characters out of A-Z a-z 0-9 . _ -");
        Err(Problem::new(ErrorCode::InvalidTopic, why).hint(hint))
    };
    if name.is_empty() {
        return refuse("topic name is empty".into());
    }
    if name.len() > TOPIC_NAME_BYTES_MAX {
        return refuse(format!("topic name `{shown}…` is {} bytes long", name.len()));
    }
    if name == "." || name == ".." {
        return refuse(format!("topic name can't be `{name}`"));
    }
    let legal = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name.chars().find(|c| !legal(c)) {
        Some(c) => refuse(format!("topic name `{}` has the character {c:?}", shown.escape_debug())),
        None => Ok(()),
    }
}

pub(super) fn number(value: &str, min: u64, max: u64) -> Result<u64, String> {
    match value.parse::<u64>() {
        Ok(n) if (min..=max).contains(&n) => Ok(n),
        _ => Err(format!("it is a number from {min} to {max}")),
    }
}

fn number_or_never(value: &str, max: u64) -> Result<Option<u64>, String> {
    if value == "-1" {
        return Ok(None);
    }
    number(value, 0, max).map(Some).map_err(|expected| format!("{expected}, or -1 for never"))
}

fn or_never(value: Option<impl ToString>) -> String {
    value.map_or("-1".into(), |value| value.to_string())
}

#[cfg(test)]
mod round_trip;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<TopicConfig, ConfigError> {
        let pairs = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        TopicConfig::from_overrides(&pairs)
    }

    #[test]
    fn documented_defaults_are_the_defaults() {
        let documented: Vec<_> = KEYS.iter().map(|key| (key.name, key.default)).collect();
        assert_eq!(parse(&documented).unwrap(), TopicConfig::default());
        let effective = TopicConfig::default().effective();
        let effective: Vec<_> = effective.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(effective, documented, "same keys, same order, same text");
    }

    #[test]
    fn effective_values_read_back_as_the_same_configuration() {
        let config = parse(&[
            ("ack", "all"),
            ("ack1.max.lag.ms", "5"),
            ("max.message.bytes", "100"),
            ("message.timestamp.after.max.ms", "7"),
            ("message.timestamp.type", "LogAppendTime"),
            ("min.insync.replicas", "2"),
            ("replica.lag.time.max.ms", "10"),
            ("rampart.dead.letter.enable", "true"),
            ("retention.bytes", "12"),
            ("retention.ms", "-1"),
            ("segment.bytes", "1048576"),
            ("share.delivery.count.limit", "7"),
        ])
        .unwrap();
        assert_eq!((config.dead_letter.enabled, config.dead_letter.attempts), (true, 7));
        assert_eq!(config.ack, Ack::All);
        assert_eq!(config.retention_bytes, Some(12));
        assert_eq!(config.retention_ms, None);
        assert_eq!(TopicConfig::from_overrides(&config.effective()).unwrap(), config);
    }

    #[test]
    fn unknown_key_is_named_and_the_known_ones_listed() {
        let error = parse(&[("retention.sm", "1")]).unwrap_err();
        assert_eq!(error, ConfigError::UnknownKey { key: "retention.sm".into() });
        let problem = Problem::from(error);
        assert_eq!(problem.code, ErrorCode::InvalidConfig);
        assert!(problem.detail.contains("retention.sm"));
        assert!(problem.hint.unwrap().contains("retention.ms"));
    }

    #[test]
    fn bad_values_say_what_would_be_right() {
        let cases = [
            ("ack", "2", "quorum"),
            ("ack1.max.lag.ms", "-1", "from 0"),
            ("cleanup.policy", "compact", "not supported yet"),
            ("cleanup.policy", "burn", "delete"),
            ("max.message.bytes", "0", "from 1"),
            ("message.timestamp.after.max.ms", "-1", "from 0"),
            ("message.timestamp.type", "createtime", "CreateTime or LogAppendTime"),
            ("min.insync.replicas", "0", "from 1"),
            ("replica.lag.time.max.ms", "", "from 1"),
            ("retention.bytes", "-2", "or -1"),
            ("retention.ms", "7d", "or -1"),
            ("segment.bytes", "1", "from 1048576"),
            ("errors.deadletterqueue.topic.name", "a b", "A-Z a-z"),
            ("rampart.dead.letter.backoff", "0.5", "from 1 to 10"),
            ("rampart.dead.letter.enable", "on", "true or false"),
            ("rampart.dead.letter.group.g", "attempts=0", "from 1 to 100"),
            ("share.delivery.count.limit", "0", "from 1 to 100"),
        ];
        for (key, value, expected) in cases {
            let text = parse(&[(key, value)]).unwrap_err().to_string();
            assert!(text.contains(key) && text.contains(expected), "{text}");
        }
    }

    #[test]
    fn a_groups_switch_is_a_key_of_its_own() {
        let key = "rampart.dead.letter.group.a%20b";
        let config = parse(&[(key, "enabled=true,attempts=3")]).unwrap();
        assert_eq!(config, TopicConfig::default(), "it is not the topic's");
        let error = parse(&[("rampart.dead.letter.group.a b", "enabled=true")]).unwrap_err();
        assert!(matches!(error, ConfigError::BadGroup { .. }), "{error}");
        let stored = [(key.to_owned(), "of=tomorrow".to_owned())].into();
        assert_eq!(TopicConfig::from_stored(&stored), (TopicConfig::default(), Vec::new()));
    }

    #[test]
    fn ack_words_read_back() {
        for (word, ack) in [
            ("-1", Ack::All),
            ("all", Ack::All),
            ("quorum", Ack::Quorum),
            ("1", Ack::Leader),
            ("0", Ack::None),
        ] {
            assert_eq!(word.parse::<Ack>().unwrap(), ack);
            assert_eq!(ack.to_string().parse::<Ack>().unwrap(), ack);
            let json = serde_json::to_string(&ack).unwrap();
            assert_eq!(serde_json::from_str::<Ack>(&json).unwrap(), ack);
            assert_eq!(crate::codec::decode::<Ack>(&crate::codec::encode(&ack)).unwrap(), ack);
        }
        assert!("".parse::<Ack>().is_err());
        assert!("2".parse::<Ack>().unwrap_err().to_string().contains("quorum"));
    }

    #[test]
    fn min_insync_default_is_one_below_three_replicas_else_the_majority() {
        let default = TopicConfig::default();
        let expected = [(1, 1), (2, 1), (3, 2), (4, 3), (5, 3)];
        for (replicas, needed) in expected {
            assert_eq!(default.min_insync(replicas), needed, "{replicas} replicas");
        }
        let three = parse(&[("min.insync.replicas", "3")]).unwrap();
        assert_eq!(three.min_insync(5), 3);
        assert_eq!(three.min_insync(1), 1, "never more than there are");
    }

    #[test]
    fn topic_names() {
        for good in ["a", "flights", "A.b_c-9", "__state", &"x".repeat(249)] {
            assert!(validate_topic_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "../x", "a/b", "a b", "ü", "a\n", "a:b", &"x".repeat(300)] {
            let problem = validate_topic_name(bad).unwrap_err();
            assert_eq!(problem.code, ErrorCode::InvalidTopic);
            assert!(problem.hint.is_some());
        }
    }

    #[test]
    fn a_key_of_a_newer_version_leaves_the_others_as_they_are() {
        let stored = [("compression.type", "zstd"), ("retention.ms", "-1")];
        let stored = stored.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let (config, unread) = TopicConfig::from_stored(&stored);
        assert_eq!((config.retention_ms, unread.len()), (None, 1));
    }
}
