//! What the store's writing thread says of its syncs, as metrics.

use std::time::Duration;

use rampart_raft_store::SyncObserver;

use super::Metrics;

impl SyncObserver for Metrics {
    fn synced(&self, took: Duration, appends: u64) {
        self.storage.sync_batches.inc();
        self.storage.sync_appends.inc_by(appends);
        self.storage.sync_latency.observe(took.as_secs_f64());
    }
}
