//! Tells the metadata who leads what: batched, at most once per interval and node. Produce and
//! fetch never wait for it (claims in the pings are faster), so a failover of 500 groups is no
//! storm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rampart_api::model::ids::{GroupId, Offset};
use rampart_api::peer::ping::LeaderClaim;
use rampart_raft_store::state::metadata::command::{LeaderReport, MetadataCommand};

use super::replica_manager::ReplicaManager;
use crate::clock::Clock;
use crate::metadata::MetadataHandle;
use crate::raft::claims::{ClaimOutbox, ClaimTable};

/// Least pause between two reports.
const REPORT_EVERY: Duration = Duration::from_millis(100);
/// Groups in one report.
const REPORT_GROUPS_MAX: usize = 1_000;
/// How long one report may take before it is made again.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the groups of deleted topics are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Reports until cancelled; and forgets here, and in the claims heard, what is gone.
pub async fn run(
    outbox: Arc<ClaimOutbox>,
    heard: Arc<ClaimTable>,
    manager: ReplicaManager,
    metadata: MetadataHandle,
    clock: Clock,
) {
    let mut every = clock.every(REPORT_EVERY);
    let mut reported: BTreeMap<GroupId, u64> = BTreeMap::new();
    let (mut ticks, mut all_reported) = (0, None);
    loop {
        every.tick().await;
        ticks += 1;
        if REPORT_EVERY * ticks >= FORGET_EVERY {
            ticks = 0;
            let state = metadata.state();
            heard.forget_if(|group| state.is_gone(group));
            reported.retain(|group, _| !state.is_gone(*group));
        }
        let changes = outbox.changes();
        if all_reported == Some(changes) {
            continue;
        }
        let claims = outbox.news(&reported, REPORT_GROUPS_MAX);
        if claims.is_empty() {
            all_reported = Some(changes);
            continue;
        }
        let leaders = claims.iter().map(|claim| report(claim, &manager)).collect();
        let command = MetadataCommand::ReportLeaders { leaders };
        match metadata.propose_within(command, REPORT_TIMEOUT).await {
            Ok(_) => reported.extend(claims.iter().map(|claim| (claim.group, claim.term))),
            Err(problem) => tracing::debug!(%problem, "leaders not reported; it will be retried"),
        }
    }
}

fn report(claim: &LeaderClaim, manager: &ReplicaManager) -> LeaderReport {
    let log_start = manager.get(claim.group).map_or(Offset(0), |replica| replica.log_start());
    LeaderReport { group: claim.group, leader: claim.node, epoch: claim.term, log_start }
}
