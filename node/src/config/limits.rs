//! `[limits]`: everything that protects a node from its clients. Named as in `api::model::limits`.

use rampart_api::model::limits;

use super::section::section;
use super::value::between;

const MIB: u64 = 1 << 20;

section! {
    /// What a node takes before it refuses: 413 for a request that is too large in itself, 429 or
    /// 503 with Retry-After for one that comes at the wrong time.
    LimitsConfig = "limits" {
        /// Body of one request.
        request_bytes_max: u64 = limits::REQUEST_BYTES_MAX as u64, |v| between(v, 1 << 10, 1 << 30);
        /// Records of one request.
        records_per_request_max: u64 = limits::RECORDS_PER_REQUEST_MAX as u64,
            |v| between(v, 1, 10_000_000);
        /// Key, value and headers of one record together; `max.message.bytes` of a topic can't be
        /// larger, and neither can be larger than 16 MiB, so that a group can park every record.
        record_bytes_max: u64 = limits::RECORD_BYTES_MAX as u64,
            |v| between(v, 1 << 10, limits::RECORD_BYTES_CEILING as u64);
        /// Records of one partition that are accepted and not acknowledged yet.
        partition_bytes_in_flight_max: u64 = 24 * MIB, |v| between(v, MIB, 16 << 30);
        /// The same for one client connection.
        connection_bytes_in_flight_max: u64 = 32 * MIB, |v| between(v, MIB, 16 << 30);
        /// The same for the whole node.
        node_bytes_in_flight_max: u64 = 128 * MIB, |v| between(v, MIB, 256 << 30);
        /// Open client connections.
        connections_max: u64 = 4_096, |v| between(v, 1, 1_000_000);
        /// Fetches that wait for a record.
        waiting_fetches_max: u64 = 10_000, |v| between(v, 1, 10_000_000);
        /// Bytes that one fetch may answer, whatever it asks for.
        fetch_bytes_max: u64 = 16 * MIB, |v| between(v, 1 << 10, 1 << 30);
        /// Bytes of answers to fetches that are being made or sent, for the whole node; and as many
        /// again that it has read as a leader, whoever asked.
        fetch_bytes_in_flight_max: u64 = 128 * MIB, |v| between(v, MIB, 256 << 30);
        /// Topics of the cluster.
        topics_max: u64 = limits::TOPICS_MAX as u64, |v| between(v, 1, 1_000_000);
        /// Partitions of one topic.
        partitions_per_topic_max: u32 = limits::PARTITIONS_PER_TOPIC_MAX,
            |v| between(v, 1, limits::PARTITIONS_PER_TOPIC_CEILING.into());
        /// Replicas on one node.
        replicas_per_node_max: u64 = 20_000, |v| between(v, 1, 1_000_000);
    }
}
