//! The dead-letter switch: what becomes of a topic's records that a consumer group does not process.
//! Its fields, their bounds, and how it lies among the topic's configuration keys: for the topic one
//! key a field, under Kafka 4.4's name where Kafka has one; for a group that has a switch of its own
//! one key for all of it, so that many groups need few keys. The group's coordinator acts on it.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::error_code::ErrorCode;
use super::limits::{DEAD_LETTER_ATTEMPTS_MAX, DEAD_LETTER_DELAY_MS_MAX, GROUP_NAME_BYTES_MAX};
use super::problem::Problem;
use super::topic_config::{INTERNAL_TOPIC_PREFIX, number, validate_topic_name};

/// The key of a group's own switch is this and the group's name, percent-encoded.
pub const GROUP_KEY_PREFIX: &str = "rampart.dead.letter.group.";

/// Each delay may be so many times the one before.
const BACKOFF_MAX: f64 = 10.0;

/// What becomes of records that were not processed: tried again after a delay that grows, and after
/// so many attempts put into a topic of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetterSwitch {
    /// Off: a record is delivered again and again, in place, and its partition waits for it.
    pub enabled: bool,
    /// Deliveries in all.
    pub attempts: u32,
    /// Delay after the first one.
    pub delay_ms: u64,
    /// Each delay is so many times the one before.
    pub backoff: f64,
    /// Longest delay.
    pub delay_ms_max: u64,
    /// Where dead records go; `None` = a topic for each group, `<topic>.<group>.dlq`.
    pub topic: Option<String>,
}

impl Default for DeadLetterSwitch {
    fn default() -> Self {
        DeadLetterSwitch {
            enabled: false,
            attempts: 5,
            delay_ms: 1_000,
            backoff: 2.0,
            delay_ms_max: 600_000,
            topic: None,
        }
    }
}

/// A field of the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `enabled`.
    Enabled,
    /// `attempts`.
    Attempts,
    /// `delay_ms`.
    DelayMs,
    /// `backoff`.
    Backoff,
    /// `delay_ms_max`.
    DelayMsMax,
    /// `topic`.
    Topic,
}

impl Field {
    /// All of them, in the order in which they are written.
    pub const ALL: [Field; 6] = [
        Field::Enabled,
        Field::Attempts,
        Field::DelayMs,
        Field::Backoff,
        Field::DelayMsMax,
        Field::Topic,
    ];

    /// Its name in the API and in a group's switch.
    pub fn name(self) -> &'static str {
        match self {
            Field::Enabled => "enabled",
            Field::Attempts => "attempts",
            Field::DelayMs => "delay_ms",
            Field::Backoff => "backoff",
            Field::DelayMsMax => "delay_ms_max",
            Field::Topic => "topic",
        }
    }

    /// Its key in the topic's configuration.
    pub fn key(self) -> &'static str {
        match self {
            Field::Enabled => "rampart.dead.letter.enable",
            // Of Kafka's share groups, since KIP-1240.
            Field::Attempts => "share.delivery.count.limit",
            Field::DelayMs => "rampart.dead.letter.delay.ms",
            Field::Backoff => "rampart.dead.letter.backoff",
            Field::DelayMsMax => "rampart.dead.letter.delay.max.ms",
            // Of Kafka's share groups, since KIP-1191.
            Field::Topic => "errors.deadletterqueue.topic.name",
        }
    }

    /// The field that has this key.
    pub fn of_key(key: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.key() == key)
    }
}

/// Whose switch is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Nobody has set one: it is off.
    Default,
    /// The topic's.
    Topic,
    /// The group's own.
    Group,
}

/// What can't be set, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// The field exists, the value is none of its values.
    #[error("`{value}` is no value of {}: {expected}", .field.name())]
    BadValue {
        /// The field.
        field: Field,
        /// The value.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// The switch has no such field.
    #[error("`{field}` is no field of a dead-letter switch, such as attempts=5")]
    UnknownField {
        /// What was given for one.
        field: String,
    },
    /// The first delay is longer than the longest.
    #[error(
        "delay_ms, {delay_ms}, is longer than delay_ms_max, {delay_ms_max}: \
         raise the one or lower the other"
    )]
    DelayTooLong {
        /// The first delay.
        delay_ms: u64,
        /// The longest.
        delay_ms_max: u64,
    },
    /// No group can have this name.
    #[error("`{group}` is no name of a group: it has 1 to {GROUP_NAME_BYTES_MAX} bytes")]
    BadGroup {
        /// The name.
        group: String,
    },
}

impl From<SwitchError> for Problem {
    fn from(error: SwitchError) -> Problem {
        let code = match error {
            SwitchError::BadGroup { .. } => ErrorCode::InvalidRequest,
            SwitchError::BadValue { .. }
            | SwitchError::UnknownField { .. }
            | SwitchError::DelayTooLong { .. } => ErrorCode::InvalidConfig,
        };
        Problem::new(code, error.to_string())
    }
}

impl DeadLetterSwitch {
    /// The switch that a topic's stored configuration has for a group, or for the topic where no
    /// group is named. What a newer version has stored and this one can't read has its default.
    pub fn in_force(stored: &BTreeMap<String, String>, group: Option<&str>) -> (Self, Scope) {
        if let Some(own) = group.and_then(|group| stored.get(&group_key(group))) {
            return (read(own).0, Scope::Group);
        }
        let (mut switch, mut scope) = (DeadLetterSwitch::default(), Scope::Default);
        for field in Field::ALL {
            if let Some(text) = stored.get(field.key()) {
                scope = Scope::Topic;
                // What can't be read leaves the default.
                let _ = switch.set(field, text);
            }
        }
        (switch, scope)
    }

    /// What to set and to reset in a topic's configuration, so that this is the switch of the group,
    /// or of the topic where no group is named.
    pub fn changes(&self, group: Option<&str>) -> BTreeMap<String, Option<String>> {
        if let Some(group) = group {
            return BTreeMap::from([(group_key(group), Some(self.to_text()))]);
        }
        let default = DeadLetterSwitch::default();
        let change = |field: Field| {
            let text = self.text(field);
            (field.key().to_owned(), (text != default.text(field)).then_some(text))
        };
        Field::ALL.into_iter().map(change).collect()
    }

    /// Whether every field, and all of them together, can be set.
    ///
    /// # Errors
    /// Names the field, and what would be right.
    pub fn check(&self) -> Result<(), SwitchError> {
        let mut same = DeadLetterSwitch::default();
        for field in Field::ALL {
            same.set(field, &self.text(field))?;
        }
        let DeadLetterSwitch { delay_ms, delay_ms_max, .. } = *self;
        match delay_ms > delay_ms_max {
            true => Err(SwitchError::DelayTooLong { delay_ms, delay_ms_max }),
            false => Ok(()),
        }
    }

    /// A field as text.
    pub fn text(&self, field: Field) -> String {
        match field {
            Field::Enabled => self.enabled.to_string(),
            Field::Attempts => self.attempts.to_string(),
            Field::DelayMs => self.delay_ms.to_string(),
            Field::Backoff => self.backoff.to_string(),
            Field::DelayMsMax => self.delay_ms_max.to_string(),
            Field::Topic => self.topic.clone().unwrap_or_default(),
        }
    }

    /// All of it on one line, as a group's own switch is stored.
    pub fn to_text(&self) -> String {
        let written = Field::ALL.into_iter().filter(|f| *f != Field::Topic || self.topic.is_some());
        let pairs: Vec<_> =
            written.map(|field| format!("{}={}", field.name(), self.text(field))).collect();
        pairs.join(",")
    }

    pub(super) fn set(&mut self, field: Field, text: &str) -> Result<(), SwitchError> {
        let bad = |expected: String| {
            let value = text.chars().take(80).collect();
            SwitchError::BadValue { field, value, expected }
        };
        let delay = || number(text, 0, DEAD_LETTER_DELAY_MS_MAX).map_err(bad);
        match field {
            Field::Enabled => {
                self.enabled = text.parse().map_err(|_| bad("it is true or false".into()))?;
            }
            Field::Attempts => {
                let attempts = number(text, 1, DEAD_LETTER_ATTEMPTS_MAX.into()).map_err(bad)?;
                self.attempts = u32::try_from(attempts).expect("bounded by a u32");
            }
            Field::DelayMs => self.delay_ms = delay()?,
            Field::DelayMsMax => self.delay_ms_max = delay()?,
            Field::Backoff => match text.parse::<f64>() {
                Ok(backoff) if (1.0..=BACKOFF_MAX).contains(&backoff) => self.backoff = backoff,
                _ => return Err(bad(format!("it is a number from 1 to {BACKOFF_MAX}"))),
            },
            Field::Topic if text.is_empty() => self.topic = None,
            Field::Topic => {
                can_be_named(text).map_err(bad)?;
                self.topic = Some(text.to_owned());
            }
        }
        Ok(())
    }
}

impl FromStr for DeadLetterSwitch {
    type Err = SwitchError;

    /// Reads what `to_text` wrote, or a part of it; the rest has its default.
    fn from_str(text: &str) -> Result<Self, SwitchError> {
        let (switch, errors) = read(text);
        errors.into_iter().next().map_or(Ok(()), Err)?;
        switch.check()?;
        Ok(switch)
    }
}

/// What can be read of a group's own switch, and what can't.
fn read(text: &str) -> (DeadLetterSwitch, Vec<SwitchError>) {
    let (mut switch, mut errors) = (DeadLetterSwitch::default(), Vec::new());
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (name.trim(), value.trim());
        let set = match Field::ALL.into_iter().find(|field| field.name() == name) {
            Some(field) => switch.set(field, value),
            None => Err(SwitchError::UnknownField { field: name.chars().take(40).collect() }),
        };
        errors.extend(set.err());
    }
    (switch, errors)
}

fn can_be_named(topic: &str) -> Result<(), String> {
    validate_topic_name(topic).map_err(|problem| problem.hint.unwrap_or(problem.detail))?;
    match topic.starts_with(INTERNAL_TOPIC_PREFIX) {
        true => Err(format!("names that begin with {INTERNAL_TOPIC_PREFIX} are the cluster's own")),
        false => Ok(()),
    }
}

/// Whether a key is that of a group's own switch.
pub fn is_group_key(key: &str) -> bool {
    key.starts_with(GROUP_KEY_PREFIX)
}

/// The key of a group's own switch.
pub fn group_key(group: &str) -> String {
    let mut key = GROUP_KEY_PREFIX.to_owned();
    for byte in group.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => key.push(byte.into()),
            _ => key.push_str(&format!("%{byte:02X}")),
        }
    }
    key
}

/// The group whose own switch has this key; nothing for any other key, and for one that `group_key`
/// never makes: each group has one.
pub fn group_of_key(key: &str) -> Option<String> {
    let mut pieces = key.strip_prefix(GROUP_KEY_PREFIX)?.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    let group = String::from_utf8(bytes).ok()?;
    (check_group_name(&group).is_ok() && group_key(&group) == key).then_some(group)
}

/// Whether a group can have this name.
///
/// # Errors
/// `BadGroup`.
pub fn check_group_name(group: &str) -> Result<(), SwitchError> {
    match (1..=GROUP_NAME_BYTES_MAX).contains(&group.len()) {
        true => Ok(()),
        false => Err(SwitchError::BadGroup { group: group.chars().take(40).collect() }),
    }
}

/// The groups that have a switch of their own in a topic's stored configuration, with it.
pub fn groups(
    stored: &BTreeMap<String, String>,
) -> impl Iterator<Item = (String, DeadLetterSwitch)> {
    let keys = stored.range(GROUP_KEY_PREFIX.to_owned()..);
    let keys = keys.take_while(|(key, _)| is_group_key(key));
    keys.filter_map(|(key, text)| Some((group_of_key(key)?, read(text).0)))
}

/// The dead-letter topic that a configuration key names, if it names one.
pub fn topic_named_by(key: &str, text: &str) -> Option<String> {
    if key == Field::Topic.key() {
        return Some(text.to_owned());
    }
    is_group_key(key).then(|| read(text).0.topic)?
}

#[cfg(test)]
mod tests;
