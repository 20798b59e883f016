//! Every limit has a name. These are the defaults; those an operator may change are in the node's
//! configuration under the same name.
//! Enforces INV-12.

/// Longest topic name, in bytes.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;
/// Partitions of one topic.
pub const PARTITIONS_PER_TOPIC_MAX: u32 = 10_000;
/// What an operator may raise [`PARTITIONS_PER_TOPIC_MAX`] to, and cursors can hold.
pub const PARTITIONS_PER_TOPIC_CEILING: u32 = 100_000;
/// Topics of one cluster.
pub const TOPICS_MAX: usize = 10_000;
/// Key, value and headers of one record together, in bytes.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Headers of one record, in bytes.
pub const RECORD_HEADERS_BYTES_MAX: usize = 64 << 10;
/// Body of one HTTP request, in bytes.
pub const REQUEST_BYTES_MAX: usize = 16 << 20;
/// Records of one HTTP request.
pub const RECORDS_PER_REQUEST_MAX: usize = 10_000;
/// Nesting of a JSON body.
pub const JSON_DEPTH_MAX: usize = 32;
/// A frame between nodes, in bytes.
pub const PEER_FRAME_BYTES_MAX: usize = 64 << 20;
/// What one request or answer may have to put into such a frame, in bytes.
pub const FORWARDED_BYTES_MAX: usize = 48 << 20;
/// A frame between nodes before the handshake is done, in bytes.
pub const PEER_HANDSHAKE_BYTES_MAX: usize = 64 << 10;
/// A decompressed batch, in bytes.
pub const BATCH_DECOMPRESSED_BYTES_MAX: usize = 64 << 20;
/// Keyless records of one request are cut into blocks of at most this many.
pub const KEYLESS_BLOCK_RECORDS_MAX: usize = 250;
/// Batches of a producer that a partition remembers: so many may be on their way at once.
pub const PRODUCER_BATCHES_REMEMBERED: usize = 5;
/// Idempotent producers that a partition remembers.
pub const PRODUCERS_PER_PARTITION_MAX: usize = 10_000;
/// A producer that has not written to a partition for so long is forgotten there.
pub const PRODUCER_EXPIRY_MS: i64 = 24 * 60 * 60 * 1_000;
/// A producer keeps its place in a full partition for so long after it wrote: it may still send
/// something again.
pub const PRODUCER_UNTOUCHED_MS: i64 = 10 * 60 * 1_000;
/// Requests with an idempotency key that a partition remembers.
pub const IDEMPOTENCY_KEYS_PER_PARTITION_MAX: usize = 10_000;
/// An idempotency key is remembered for so long at most.
pub const IDEMPOTENCY_KEY_EXPIRY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Producer ids that a node takes from the metadata at a time.
pub const PRODUCER_ID_BLOCK: u64 = 1_000;
