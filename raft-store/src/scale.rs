//! Sizes that the simulation makes small, so that snapshots, cuts and installs, which take hours of
//! load elsewhere, happen within its seconds. No rule depends on their values.

/// A granule of a log is closed once it holds this many bytes; a log is cut at granules' ends.
pub const GRANULE_BYTES: u64 = sized(64 << 10, 1 << 10);

/// A cut stays this many entries below the last applied one: openraft reads the log id of applied
/// entries, and must not find them purged (upstream issue 2116).
pub const CUT_MARGIN_ENTRIES: u64 = sized(1_000, 40);

/// Entries between snapshots of the metadata.
pub const METADATA_SNAPSHOT_ENTRIES: u64 = sized(10_000, 25);

/// Entries a metadata snapshot leaves in the log, for followers that are a little behind.
pub const METADATA_LOG_KEPT_ENTRIES: u64 = sized(1_000, 10);

const fn sized(usual: u64, simulated: u64) -> u64 {
    if cfg!(feature = "simulation") { simulated } else { usual }
}
