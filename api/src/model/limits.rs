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
/// What an operator may raise [`RECORD_BYTES_MAX`] to: every record can be parked.
pub const RECORD_BYTES_CEILING: usize = 16 << 20;
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
/// Producer ids from here on are the cluster's own: no client is given one, and a partition never
/// forgets one that has written to it.
pub const INTERNAL_PRODUCER_ID_MIN: i64 = 1 << 62;
/// Requests with an idempotency key that a partition remembers.
pub const IDEMPOTENCY_KEYS_PER_PARTITION_MAX: usize = 10_000;
/// An idempotency key is remembered for so long at most.
pub const IDEMPOTENCY_KEY_EXPIRY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Producer ids that a node takes from the metadata at a time.
pub const PRODUCER_ID_BLOCK: u64 = 1_000;
/// Longest name of a consumer group, in bytes.
pub const GROUP_NAME_BYTES_MAX: usize = 249;
/// Longest member id, client id, host, rack or instance id of a group's member, in bytes.
pub const MEMBER_TEXT_BYTES_MAX: usize = 256;
/// What a client of Kafka's classic protocol may say of one member, in bytes.
pub const MEMBER_METADATA_BYTES_MAX: usize = 64 << 10;
/// Least milliseconds after which a silent member of a group is gone.
pub const GROUP_SESSION_MS_MIN: u32 = 1_000;
/// Most milliseconds after which a silent member of a group is gone.
pub const GROUP_SESSION_MS_MAX: u32 = 30 * 60 * 1_000;
/// Most milliseconds for which a member keeps a record without saying anything of it.
pub const GROUP_LOCK_MS_MAX: u32 = 12 * 60 * 60 * 1_000;
/// Groups whose state is in one partition of `__group_state`.
pub const GROUPS_PER_STATE_MAX: usize = 10_000;
/// Members of one group.
pub const MEMBERS_PER_GROUP_MAX: usize = 1_000;
/// Topics one member subscribes to.
pub const TOPICS_PER_MEMBER_MAX: usize = 100;
/// Partitions that one group has offsets of, or that its members hold.
pub const PARTITIONS_PER_GROUP_MAX: usize = 20_000;
/// What a client may note beside a committed offset, in bytes.
pub const OFFSET_METADATA_BYTES_MAX: usize = 4 << 10;
/// Gaps between what is done and what is not above a committed offset, and in what is resolved of a
/// dead-letter partition.
pub const OFFSET_RANGES_MAX: usize = 4_096;
/// Records of one partition that wait in a group to be delivered again: at this number the partition
/// pauses.
pub const PARKED_PER_PARTITION_MAX: usize = 1_000;
/// A parked record that is copied into the group's state, in bytes.
pub const PARKED_RECORD_BYTES_MAX: usize = RECORD_BYTES_CEILING;
/// Records that one request parks together, in bytes; the first is taken whatever its size.
pub const PARKED_PER_REQUEST_BYTES_MAX: usize = 8 << 20;
/// What is kept of the reason why a record was not processed, in bytes.
pub const PARKED_ERROR_BYTES_MAX: usize = 1 << 10;
/// Deliveries of a record before it is given up.
pub const DEAD_LETTER_ATTEMPTS_MAX: u32 = 100;
/// How long a record that was not processed may wait to be delivered again.
pub const DEAD_LETTER_DELAY_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1_000;
/// Dead letters that one request brings back.
pub const REDRIVEN_PER_REQUEST_MAX: usize = 1_000;
/// A text that dead letters are filtered by, in bytes.
pub const DEAD_LETTER_FILTER_BYTES_MAX: usize = 1 << 10;
/// Groups that have a dead-letter switch of their own in one topic.
pub const DEAD_LETTER_GROUPS_PER_TOPIC_MAX: usize = 100;
/// Other clusters that one cluster knows.
pub const PEER_CLUSTERS_MAX: usize = 16;
/// Longest name of another cluster, and longest id of a topic there, in bytes.
pub const PEER_CLUSTER_NAME_BYTES_MAX: usize = 100;
/// Servers of another cluster.
pub const PEER_SERVERS_PER_CLUSTER_MAX: usize = 32;
/// Longest URL of one of them, in bytes.
pub const PEER_SERVER_BYTES_MAX: usize = 256;
/// Topics that move, or have moved, to other clusters.
pub const TOPIC_MOVES_MAX: usize = 1_000;
/// Directives that one client has not yet acknowledged.
pub const DIRECTIVES_PER_CLIENT_MAX: usize = 100;
/// Directives in one partition of `__group_state` that clients have not yet acknowledged.
pub const DIRECTIVES_PER_STATE_MAX: usize = 4_096;
/// How long a directive waits for its client unless it says so, in milliseconds.
pub const DIRECTIVE_TTL_MS: u64 = 5 * 60 * 1_000;
/// Most milliseconds that a directive may wait for its client.
pub const DIRECTIVE_TTL_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// Topics and groups that one client of Castle names.
pub const CASTLE_SUBSCRIPTIONS_MAX: usize = 100;
/// What one node keeps of all clients that send it heartbeats, in bytes.
pub const CASTLE_CLIENTS_BYTES_MAX: u64 = 32 << 20;
/// Brokers that one answer of Castle names.
pub const CASTLE_BROKERS_MAX: usize = 5;
/// Partitions that one answer of Castle names; topics beyond are left out of it.
pub const CASTLE_PARTITIONS_PER_ANSWER_MAX: usize = 20_000;
/// Different answers that one node of Castle keeps ready.
pub const CASTLE_ANSWERS_KEPT_MAX: usize = 1_024;
/// Older clients with one instance id that one node of Castle remembers to have refused.
pub const CASTLE_REPLACED_MAX: usize = 8;
/// The state of all groups in one partition of `__group_state`, in bytes, so that its snapshot fits
/// into a frame between nodes.
pub const GROUP_STATE_BYTES_MAX: u64 = 32 << 20;
/// Parked records are taken up to so many bytes of that, so that members and offsets always fit.
pub const PARKED_BYTES_MAX: u64 = GROUP_STATE_BYTES_MAX / 4 * 3;
