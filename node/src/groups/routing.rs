//! `[pure]` Which partition of the internal topic holds what: its leader is the coordinator. The
//! number of partitions is fixed when the cluster is created, and the hash is Kafka's, so a group
//! never moves.

use rampart_api::model::ids::{PartitionId, TopicId};
use rampart_api::model::murmur2::partition_for_key;

/// The internal topic.
pub const GROUP_STATE_TOPIC: &str = "__group_state";

/// Its id, the same in every cluster: it is created once and never deleted.
pub const GROUP_STATE_TOPIC_ID: TopicId = TopicId(uuid::Uuid::from_u128(1));

/// The partition of `__group_state` that holds a group. `partitions` must be at least 1.
pub fn partition_of_group(group: &str, partitions: u32) -> PartitionId {
    partition_for_key(group.as_bytes(), partitions)
}

/// The partition of `__group_state` that holds the directives for a client.
pub fn partition_of_client(client: &str, partitions: u32) -> PartitionId {
    partition_for_key(client.as_bytes(), partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kafka's own vectors: -973932308 & 0x7fffffff = 1173551340, and so on.
    #[test]
    fn a_group_lies_where_kafkas_hash_says() {
        let vectors = [("21", 1_173_551_340), ("foobar", 1_357_151_166), ("abc", 479_470_107)];
        for (name, hash) in vectors {
            for partitions in [1, 8, 16, 50] {
                assert_eq!(partition_of_group(name, partitions), hash % partitions, "{name}");
            }
        }
        assert_eq!(partition_of_group("flights", 8), partition_of_client("flights", 8));
    }
}
