//! `[topic_defaults]`: what a topic gets that was created without saying.

use super::section::section;
use super::value::between;

section! {
    /// What a topic gets that was created through this node without saying. Everything else is a
    /// configuration key of the topic: `rampart topic describe` shows them.
    TopicDefaultsConfig = "topic_defaults" {
        /// Partitions.
        partitions: u32 = 1, |v| between(v, 1, 100_000);
        /// Replicas of each partition. With fewer nodes it starts lower, and rises as nodes join.
        replication_factor: u32 = 3, |v| between(v, 1, 15);
    }
}
