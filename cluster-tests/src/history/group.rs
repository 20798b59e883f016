//! What a history says of a consumer group's records: who has which in hand, what became of them, and
//! how far the group is.

use serde::{Deserialize, Serialize};

/// A partition in a member's hands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Held {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: u32,
}

/// A record that was delivered to a member, that a member speaks of, or that died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Topic it was written to.
    pub topic: String,
    /// Partition it was written to.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its value, as in `values` of an event.
    pub value: String,
    /// Since when its member holds the partition: grows with every change of hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Which delivery it is, from 1; of a dead record, how many there were.
    pub attempt: u32,
    /// It was parked before.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_parked: bool,
    /// What its member says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
    /// With `retry`: not again before so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// What came of that; nothing if it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Settled>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What a member says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It is done with it.
    Ack,
    /// It wants it again.
    Retry,
    /// It gives it up.
    Reject,
}

/// What became of a record that a member spoke of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// It is done.
    Acked,
    /// It was done, parked or given up before.
    AlreadySettled,
    /// It waits, and is delivered again.
    Parked,
    /// It goes into the dead-letter topic.
    Dying,
    /// It is delivered again from where it lies.
    InPlace,
    /// It was gone from its partition.
    Gone,
}

/// How far a group is in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: u32,
    /// All below it is done, parked, or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<u64>,
    /// Records that it has not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Delivery {
    /// A record, delivered for the first time.
    pub fn of((topic, partition): (&str, u32), offset: u64, value: &str) -> Delivery {
        Delivery {
            topic: topic.to_owned(),
            partition,
            offset,
            value: value.to_owned(),
            epoch: None,
            attempt: 1,
            is_parked: false,
            said: None,
            delay_ms: None,
            result: None,
            refused: None,
        }
    }
}

impl Settled {
    /// The one that is called so in an answer.
    pub fn named(name: &str) -> Option<Settled> {
        Some(match name {
            "acked" => Settled::Acked,
            "already_settled" => Settled::AlreadySettled,
            "parked" => Settled::Parked,
            "dying" => Settled::Dying,
            "in_place" => Settled::InPlace,
            "gone" => Settled::Gone,
            _ => return None,
        })
    }
}
