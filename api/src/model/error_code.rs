//! Every error a client or an operator can meet, alphabetised, with its HTTP status and whether
//! trying again can help. Each has a page in docs/errors (checked by a test).

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($( $(#[$doc:meta])* $variant:ident = $text:literal, $status:literal, $retriable:literal; )*) => {
        /// What went wrong, as a stable word that programs may compare.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $( $(#[$doc])* #[serde(rename = $text)] $variant, )*
        }

        impl ErrorCode {
            /// All codes, in alphabetical order.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant),*];

            /// The word on the wire, for example `NOT_LEADER`.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $text),* }
            }

            /// HTTP status that carries it.
            pub fn status(self) -> u16 {
                match self { $(ErrorCode::$variant => $status),* }
            }

            /// Whether the same request can succeed later or elsewhere.
            pub fn retriable(self) -> bool {
                match self { $(ErrorCode::$variant => $retriable),* }
            }
        }
    };
}

error_codes! {
    /// No client of that name sends heartbeats to Castle.
    ClientNotFound = "CLIENT_NOT_FOUND", 404, false;
    /// The record batch is not what its header says (CRC, count, length).
    CorruptBatch = "CORRUPT_BATCH", 400, false;
    /// A stored batch can't be read as records; the hint names the offset after it.
    DamagedBatch = "DAMAGED_BATCH", 500, false;
    /// The topic's dead-letter switch is off for the group, so nothing can be rejected.
    DeadLettersOff = "DEAD_LETTERS_OFF", 409, false;
    /// The node's id, disk or cluster is not the one the cluster knows.
    DiskRejected = "DISK_REJECTED", 409, false;
    /// The batch was written before, so long ago that its offset is not known any more.
    DuplicateSequence = "DUPLICATE_SEQUENCE", 409, false;
    /// The group has members; the operation is for one without, unless it is forced.
    GroupActive = "GROUP_ACTIVE", 409, false;
    /// No consumer group of that name.
    GroupNotFound = "GROUP_NOT_FOUND", 404, false;
    /// The same `Idempotency-Key` came with another body.
    IdempotencyMismatch = "IDEMPOTENCY_MISMATCH", 422, false;
    /// Another client with the same instance id came later; this one is not served any more.
    InstanceReplaced = "INSTANCE_REPLACED", 409, false;
    /// A bug or a fault in this server; the log has more.
    Internal = "INTERNAL", 500, true;
    /// Configuration key unknown or value out of range.
    InvalidConfig = "INVALID_CONFIG", 400, false;
    /// A partition number that the topic does not have.
    InvalidPartition = "INVALID_PARTITION", 404, false;
    /// A newer epoch of the producer has written to the partition.
    InvalidProducerEpoch = "INVALID_PRODUCER_EPOCH", 409, false;
    /// A replication factor the cluster cannot satisfy.
    InvalidReplicationFactor = "INVALID_REPLICATION_FACTOR", 400, false;
    /// The request is malformed: syntax, type, encoding, unknown field, missing parameter.
    InvalidRequest = "INVALID_REQUEST", 400, false;
    /// A topic name that is empty, too long, or has characters outside `[A-Za-z0-9._-]`.
    InvalidTopic = "INVALID_TOPIC", 400, false;
    /// The endpoint has other methods; `Allow` names them.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, false;
    /// A member acknowledges records or commits offsets, and did the other one before.
    MixedSettling = "MIXED_SETTLING", 409, false;
    /// No such endpoint.
    NoSuchEndpoint = "NO_SUCH_ENDPOINT", 404, false;
    /// The node asked for is not in the cluster.
    NodeNotFound = "NODE_NOT_FOUND", 404, false;
    /// The `Accept` header names nothing that the endpoint answers.
    NotAcceptable = "NOT_ACCEPTABLE", 406, false;
    /// Fewer replicas in sync than `min.insync.replicas`; nothing was written.
    NotEnoughReplicas = "NOT_ENOUGH_REPLICAS", 503, true;
    /// Written, but fewer replicas than `min.insync.replicas` confirmed; the outcome is unknown.
    NotEnoughReplicasAfterAppend = "NOT_ENOUGH_REPLICAS_AFTER_APPEND", 503, true;
    /// The member does not hold the partition, or has taken it anew since.
    NotHeld = "NOT_HELD", 409, false;
    /// The leader is another node, or there is none right now.
    NotLeader = "NOT_LEADER", 503, true;
    /// The node is starting or stopping.
    NotReady = "NOT_READY", 503, true;
    /// The offset is below the log start or above the end; the answer names both.
    OffsetOutOfRange = "OFFSET_OUT_OF_RANGE", 416, false;
    /// The batch does not follow the producer's last one in the partition; nothing was written.
    OutOfOrderSequenceNumber = "OUT_OF_ORDER_SEQUENCE_NUMBER", 409, false;
    /// A limit that protects the server is reached; try again after `Retry-After`.
    Overloaded = "OVERLOADED", 429, true;
    /// A single record is larger than `max.message.bytes`.
    RecordTooLarge = "RECORD_TOO_LARGE", 413, false;
    /// The request is larger than the limit it names.
    RequestTooLarge = "REQUEST_TOO_LARGE", 413, false;
    /// The group has gone on to another generation.
    StaleGeneration = "STALE_GENERATION", 409, false;
    /// The disk is full up to its reserve; nothing was written. Reads go on.
    StorageFull = "STORAGE_FULL", 507, true;
    /// No answer in time: the outcome is unknown.
    Timeout = "TIMEOUT", 504, true;
    /// A topic of that name exists.
    TopicExists = "TOPIC_EXISTS", 409, false;
    /// The partition is sealed: it goes on in another cluster, which the answer names.
    TopicMoved = "TOPIC_MOVED", 409, false;
    /// No topic of that name.
    TopicNotFound = "TOPIC_NOT_FOUND", 404, false;
    /// Not a member of the group: it never was, it left, or its session ran out.
    UnknownMember = "UNKNOWN_MEMBER", 404, false;
    /// Nothing is known, or known any more, of the producer in the partition.
    UnknownProducerId = "UNKNOWN_PRODUCER_ID", 409, false;
    /// The operation would lose data or availability; the answer says what blocks it.
    Unsafe = "UNSAFE", 409, false;
    /// The body's media type is not one this endpoint takes.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415, false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_alphabetised_and_unique() {
        let words: Vec<_> = ErrorCode::ALL.iter().map(|c| c.as_str()).collect();
        let mut sorted = words.clone();
        sorted.sort_unstable();
        sorted.dedup();
        // Ordered by the variant's name, which sorts NoSuch before Node.
        assert_eq!(sorted.len(), words.len());
    }
}
