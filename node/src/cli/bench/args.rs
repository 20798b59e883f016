//! What a load is made of.

use clap::{Args, ValueEnum};
use rampart_api::model::record_batch::Compression;
use rampart_api::model::topic_config::Ack;

/// Records a second of `bench e2e` unless it is said.
pub(super) const E2E_RATE: u64 = 1_000;
/// Records that `bench consume` writes unless it is said.
pub(super) const CONSUMED_RECORDS: u64 = 1_000_000;

/// The topic that the load is put on.
#[derive(Debug, Clone, Args)]
pub(super) struct TopicArgs {
    /// A topic that is there; without one, one is made and deleted at the end.
    #[arg(long)]
    pub(super) topic: Option<String>,
    /// Partitions of the topic that is made.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) partitions: u32,
    /// Its replicas [default: 3, or as many as there are nodes].
    #[arg(long, value_name = "N")]
    pub(super) replicas: Option<u32>,
}

/// What is written, and how.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct LoadArgs {
    #[command(flatten)]
    pub(super) topic: TopicArgs,
    /// Bytes of a value.
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(8..=1 << 20))]
    pub(super) record_bytes: u32,
    /// Records of a request.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) batch: u32,
    /// At a rate: how long the first record of a request waits for others, in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub(super) linger_ms: u64,
    /// Records a second, over all partitions [default: flat out].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(super) rate: Option<u64>,
    /// Requests under way at any time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub(super) in_flight: u32,
    /// What must confirm a write: -1, quorum, 1 or 0 [default: the topic's].
    #[arg(long, allow_hyphen_values = true)]
    pub(super) ack: Option<Ack>,
    /// Different keys; 0: records have none.
    #[arg(long, default_value_t = 0)]
    pub(super) keys: u64,
    /// Compression of raw batches.
    #[arg(long, value_enum, default_value_t = Packing::None)]
    pub(super) compression: Packing,
    /// What a request carries: a record batch as it is stored, or JSON.
    #[arg(long, value_enum, default_value_t = Body::Raw)]
    pub(super) body: Body,
    /// How long it runs.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) seconds: u64,
    /// Ends after so many records, if that is sooner; of `consume`, how many are written first
    /// unless the topic is named [default there: 1000000].
    #[arg(long, value_name = "N")]
    pub(super) records: Option<u64>,
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Body {
    /// A record batch v2.
    Raw,
    /// Records as JSON.
    Json,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Packing {
    /// Not.
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4 frame.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl From<Packing> for Compression {
    fn from(packing: Packing) -> Self {
        match packing {
            Packing::None => Compression::None,
            Packing::Gzip => Compression::Gzip,
            Packing::Snappy => Compression::Snappy,
            Packing::Lz4 => Compression::Lz4,
            Packing::Zstd => Compression::Zstd,
        }
    }
}
