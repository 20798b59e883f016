//! `[castle]`: the dispatcher of clients.

use std::time::Duration;

use super::section::section;
use super::value::between;

section! {
    /// Castle tells clients where to go and what to do. The same on every node.
    CastleConfig = "castle" {
        /// Clients are told to send a heartbeat this often.
        heartbeat_ms: u64 = 5_000, |v| between(v, 100, 600_000);
        /// A client is forgotten after this much silence.
        client_ttl_ms: u64 = 15_000, |v| between(v, 200, 3_600_000);
        /// Clients that one node takes heartbeats from.
        clients_max: u32 = 20_000, |v| between(v, 1, 1_000_000);
    }
}

impl CastleConfig {
    /// `client_ttl_ms` as a duration.
    pub fn client_ttl(&self) -> Duration {
        Duration::from_millis(self.client_ttl_ms)
    }
}
