//! What the nodes count of their Raft groups while a run goes on, over all their lives: whether a soak
//! did what it is there for shows only here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::metrics::{Total, counters};
use rampart_cluster_tests::workloads::traffic::Traffic;

/// Between two looks; what a node counts after the last one before it is killed is lost.
const PAUSE: Duration = Duration::from_millis(500);
/// A node that takes longer is paused, cut off or down.
const PATIENCE: Duration = Duration::from_secs(1);
/// What is looked at, in the order of `Counted`.
const NAMES: [&str; 3] =
    ["raft_log_cuts_total", "raft_snapshots_sent_total", "raft_group_restarts_total"];

/// The sums over all nodes; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    nodes: Arc<Mutex<BTreeMap<usize, [Total; 3]>>>,
}

/// How often what happened, at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Logs were cut off behind what retention took.
    pub(crate) log_cuts: u64,
    /// Snapshots were sent to replicas that were too far behind.
    pub(crate) snapshots_sent: u64,
    /// Groups were restarted in place.
    pub(crate) group_restarts: u64,
}

impl Meter {
    /// Looks again and again until the traffic is closed.
    pub(crate) async fn run(self, traffic: Traffic) {
        while traffic.rest(PAUSE).await {
            self.look(&traffic.nodes()).await;
        }
    }

    /// Looks at every node once.
    pub(crate) async fn look(&self, nodes: &[Api]) {
        let ask = |api| tokio::time::timeout(PATIENCE, counters(api, NAMES));
        for (index, found) in
            futures_util::future::join_all(nodes.iter().map(ask)).await.into_iter().enumerate()
        {
            if let Ok(Ok(values)) = found {
                let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
                let totals = nodes.entry(index).or_default();
                totals.iter_mut().zip(values).for_each(|(total, value)| total.see(value));
            }
        }
    }

    /// What there was so far.
    pub(crate) fn counted(&self) -> Counted {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let [log_cuts, snapshots_sent, group_restarts] =
            [0, 1, 2].map(|place| nodes.values().map(|totals| totals[place].sum()).sum());
        Counted { log_cuts, snapshots_sent, group_restarts }
    }
}
