//! `[raft]`: the timings that decide how fast a dead node is noticed and replaced.

use std::time::Duration;

use super::section::section;
use super::value::between;

section! {
    /// Timings of liveness and elections. The same on every node.
    RaftConfig = "raft" {
        /// Every node pings every other one this often.
        ping_interval_ms: u64 = 100, |v| between(v, 10, 10_000);
        /// A node is presumed dead after this much silence.
        node_dead_ms: u64 = 500, |v| between(v, 50, 60_000);
        /// A leader whose followers are silent this long sends a heartbeat.
        heartbeat_interval_ms: u64 = 150, |v| between(v, 10, 10_000);
        /// A follower without a leader campaigns after a random time, at least this.
        election_timeout_min_ms: u64 = 300, |v| between(v, 50, 60_000);
        /// And at most this, which is also how long a leader's lease lasts.
        election_timeout_max_ms: u64 = 600, |v| between(v, 100, 120_000);
        /// How often the node looks over all of its groups.
        sweep_interval_ms: u64 = 50, |v| between(v, 10, 10_000);
        /// A group without writes this long stops sending heartbeats.
        quiesce_after_ms: u64 = 1_000, |v| between(v, 1_000, 86_400_000);
        /// A replica that has worked, and has not for this long, is started anew, one at a time: the
        /// memory of its queues is given back.
        renew_after_ms: u64 = 60_000, |v| between(v, 1_000, 86_400_000);
    }
}

impl RaftConfig {
    /// `ping_interval_ms` as a duration.
    pub fn ping_interval(&self) -> Duration {
        Duration::from_millis(self.ping_interval_ms)
    }

    /// `node_dead_ms` as a duration.
    pub fn node_dead(&self) -> Duration {
        Duration::from_millis(self.node_dead_ms)
    }

    /// `heartbeat_interval_ms` as a duration.
    pub fn heartbeat_interval(&self) -> Duration {
        Duration::from_millis(self.heartbeat_interval_ms)
    }

    /// `election_timeout_min_ms` as a duration.
    pub fn election_timeout_min(&self) -> Duration {
        Duration::from_millis(self.election_timeout_min_ms)
    }

    /// `election_timeout_max_ms` as a duration.
    pub fn election_timeout_max(&self) -> Duration {
        Duration::from_millis(self.election_timeout_max_ms)
    }

    /// `sweep_interval_ms` as a duration.
    pub fn sweep_interval(&self) -> Duration {
        Duration::from_millis(self.sweep_interval_ms)
    }

    /// `renew_after_ms` as a duration.
    pub fn renew_after(&self) -> Duration {
        Duration::from_millis(self.renew_after_ms)
    }

    /// `quiesce_after_ms` as a duration.
    pub fn quiesce_after(&self) -> Duration {
        Duration::from_millis(self.quiesce_after_ms)
    }
}
