//! The timings of Raft on this node, and openraft's configuration made from them.

use std::sync::Arc;
use std::time::Duration;

use openraft::SnapshotPolicy;
use rampart_raft_store::scale::{METADATA_LOG_KEPT_ENTRIES, METADATA_SNAPSHOT_ENTRIES};

/// Timings that all nodes of a cluster share. Defaults: interfaces of the product, "Defaults".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RaftTimings {
    /// Pause between heartbeats of a group that has work.
    pub heartbeat: Duration,
    /// Least time without a leader before a replica campaigns.
    pub election_timeout_min: Duration,
    /// Lease of a leader: without a quorum's acknowledgement for so long it takes no writes.
    pub election_timeout_max: Duration,
    /// A led group without work for so long stops its heartbeats.
    pub quiesce_after: Duration,
    /// A leader whose node lives, but has not claimed the group for so long, is challenged.
    pub claim_timeout: Duration,
    /// A replica that has worked, and has not for so long, is started anew.
    pub renew_after: Duration,
}

impl Default for RaftTimings {
    fn default() -> Self {
        RaftTimings {
            heartbeat: Duration::from_millis(150),
            election_timeout_min: Duration::from_millis(300),
            election_timeout_max: Duration::from_millis(600),
            quiesce_after: Duration::from_secs(1),
            claim_timeout: Duration::from_secs(3),
            renew_after: Duration::from_secs(60),
        }
    }
}

/// Entries in one AppendEntries; the log reader also limits the bytes.
const APPEND_ENTRIES_MAX: u64 = 256;

fn base(timings: RaftTimings, name: String) -> openraft::Config {
    let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    openraft::Config {
        cluster_name: name,
        heartbeat_interval: millis(timings.heartbeat),
        election_timeout_min: millis(timings.election_timeout_min),
        election_timeout_max: millis(timings.election_timeout_max),
        max_payload_entries: APPEND_ENTRIES_MAX,
        enable_pre_vote: Some(true),
        // A restarted leader must win an election again: its term may have moved on.
        enable_leader_restore: Some(false),
        ..openraft::Config::default()
    }
}

/// Of groups that the node ticker drives.
fn driven(timings: RaftTimings, name: String) -> openraft::Config {
    openraft::Config {
        enable_tick: false,
        enable_heartbeat: false,
        enable_elect: false,
        // The gate would also suppress the heartbeats that wake a quiesced leader.
        quorum_loss_probe_interval: None,
        ..base(timings, name)
    }
}

/// Partition groups: no ticks of their own (the node ticker drives them), snapshots only at the
/// retention cut.
pub fn partition_config(
    timings: RaftTimings,
) -> Result<Arc<openraft::Config>, openraft::ConfigError> {
    let config = openraft::Config {
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: 0,
        ..driven(timings, "partition".to_owned())
    };
    config.validate().map(Arc::new)
}

/// Partitions of `__group_state`: the node ticker drives them too; ordinary snapshots.
pub fn groups_config(timings: RaftTimings) -> Result<Arc<openraft::Config>, openraft::ConfigError> {
    let config = openraft::Config {
        snapshot_policy: SnapshotPolicy::LogsSinceLast(METADATA_SNAPSHOT_ENTRIES),
        max_in_snapshot_log_to_keep: METADATA_LOG_KEPT_ENTRIES,
        ..driven(timings, "groups".to_owned())
    };
    config.validate().map(Arc::new)
}

/// The metadata group: openraft's own ticks, ordinary snapshots.
pub fn metadata_config(
    timings: RaftTimings,
) -> Result<Arc<openraft::Config>, openraft::ConfigError> {
    let probe = timings.election_timeout_max * 2;
    let config = openraft::Config {
        enable_tick: true,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(METADATA_SNAPSHOT_ENTRIES),
        max_in_snapshot_log_to_keep: METADATA_LOG_KEPT_ENTRIES,
        quorum_loss_probe_interval: Some(u64::try_from(probe.as_millis()).unwrap_or(u64::MAX)),
        ..base(timings, "metadata".to_owned())
    };
    config.validate().map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_timings_make_valid_configurations() {
        partition_config(RaftTimings::default()).expect("partition configuration is valid");
        groups_config(RaftTimings::default()).expect("configuration of groups is valid");
        metadata_config(RaftTimings::default()).expect("metadata configuration is valid");
    }
}
