//! Tells the metadata who leads what: batched, at most once per interval and node. Produce and
//! fetch never wait for it (claims in the pings are faster), so a failover of 500 groups is no
//! storm.

use std::collections::HashMap;
use std::time::Duration;

use rampart_api::model::ids::{GroupId, NodeId};
use rampart_raft_store::state::metadata::command::{LeaderReport, MetadataCommand};

use super::replica_manager::ReplicaManager;
use crate::metadata::MetadataHandle;
use crate::raft::status::Role;

/// Least pause between two reports.
const REPORT_EVERY: Duration = Duration::from_millis(100);
/// Groups in one report.
const REPORT_GROUPS_MAX: usize = 1_000;
/// How long one report may take before it is made again.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Reports until cancelled.
pub async fn run(node: NodeId, manager: ReplicaManager, metadata: MetadataHandle) {
    let mut every = tokio::time::interval(REPORT_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut reported: HashMap<GroupId, u64> = HashMap::new();
    loop {
        every.tick().await;
        let leaders = news(node, &manager, &reported);
        if leaders.is_empty() {
            continue;
        }
        let terms: Vec<(GroupId, u64)> = leaders.iter().map(|r| (r.group, r.epoch)).collect();
        let command = MetadataCommand::ReportLeaders { leaders };
        match metadata.propose_within(command, REPORT_TIMEOUT).await {
            Ok(_) => reported.extend(terms),
            Err(problem) => tracing::debug!(%problem, "leaders not reported; it will be retried"),
        }
    }
}

fn news(
    node: NodeId,
    manager: &ReplicaManager,
    reported: &HashMap<GroupId, u64>,
) -> Vec<LeaderReport> {
    manager
        .all()
        .iter()
        .filter_map(|replica| {
            let status = replica.status();
            let group = replica.spec().group;
            let news = status.role == Role::Leader && reported.get(&group) != Some(&status.term);
            news.then(|| LeaderReport {
                group,
                leader: node,
                epoch: status.term,
                log_start: replica.log().log_start_offset(),
            })
        })
        .take(REPORT_GROUPS_MAX)
        .collect()
}
