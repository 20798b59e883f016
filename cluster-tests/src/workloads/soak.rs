//! Load as high as it goes on logs that forget almost at once: while records are appended, every
//! replica trims, builds snapshots and purges its log several times a second, and whoever falls
//! behind gets a snapshot. It is there for what the core does after a purge under load
//! (openraft issue 2116).

use std::time::Duration;

use serde_json::{Value, json};

use super::writer::{Target, Writing};
use crate::history::event::Ack;

/// Each node leads one of them.
pub const PARTITIONS: u32 = 3;
/// What the nodes are configured to, so that retention is looked at as often as they allow.
pub const CONFIG: &str = "[storage]\nretention_check_interval_ms = 100\n";

/// A partition keeps so much: two of the pieces that it is cut in.
const RETENTION_BYTES: u64 = 128 << 10;
/// Bytes of a value beyond its name.
const PADDING_MAX: usize = 800;
/// No record is larger, with all that is stored with it, also where it is alone in its batch.
const STORED_BYTES_MAX: u64 = 1_024;
/// So many records are there at least, once anything has been taken from a partition.
pub const KEPT_RECORDS: u64 = RETENTION_BYTES / STORED_BYTES_MAX;

/// The configuration of the topic.
pub fn topic_config() -> Value {
    json!({ "retention.bytes": RETENTION_BYTES })
}

/// Writers that send one request right after the other: few records in each, so that there are
/// many entries.
pub fn writings(topic: &str, partitions: u32) -> Vec<Writing> {
    let writing = |(partition, ack)| Writing {
        target: Target::new(topic, partition, ack),
        records: 1..=4,
        padding: 200..=PADDING_MAX,
        pause: Duration::ZERO,
        is_paced: false,
    };
    let of = |partition| [Ack::All, Ack::Quorum, Ack::Quorum].map(|ack| (partition, ack));
    (0..partitions).flat_map(of).chain([(0, Ack::Leader)]).map(writing).collect()
}
