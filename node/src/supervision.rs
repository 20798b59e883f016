//! Watches what the node can't be without, and says that it must stop when that is lost: the store,
//! the metadata core, the long-lived tasks, and its place in the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use rampart_api::model::ids::NodeId;
use rampart_api::peer::handshake::Refusal;
use rampart_raft_store::Store;
use tokio::sync::watch;

use crate::metadata::MetadataHandle;
use crate::peer::PeerNet;
use crate::stop::{StopKind, Stopper};
use crate::tasks::Tasks;
use crate::telemetry::{Metrics, metrics};

/// How often the refusals are weighed again though none came: the directory may have changed.
const WEIGH_EVERY: Duration = Duration::from_secs(1);
/// How long the end of the metadata core waits for the store to say that it was the cause.
const CAUSE_WAIT: Duration = Duration::from_secs(1);

/// What is watched.
pub(crate) struct Watched {
    pub(crate) store: Store,
    pub(crate) peer: PeerNet,
    pub(crate) metadata: MetadataHandle,
    pub(crate) tasks: Tasks,
    pub(crate) metrics: Metrics,
}

/// Starts watching.
pub(crate) fn watch(watched: &Watched, stop: &Stopper) {
    let Watched { store, peer, metadata, tasks, metrics } = watched;
    tasks.spawn_critical("storage failure", storage(store.failed(), stop.clone()));
    let refusals = refusals(peer.clone(), metrics.clone(), stop.clone());
    tasks.spawn_critical("refusals", refusals);
    let core = metadata_core(metadata.clone(), store.failed(), stop.clone());
    tasks.spawn_critical("metadata core", core);
    tasks.spawn("panics", panics(tasks.clone(), metrics.clone(), stop.clone()));
}

/// After a failed write or sync nothing is acknowledged any more. A store that can't even say that
/// it failed has failed.
async fn storage(mut failed: watch::Receiver<Option<String>>, stop: Stopper) {
    let reason = match failed.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or_default(),
        Err(_) => "its writer has ended".to_owned(),
    };
    stop.stop(StopKind::Storage, format!("the store failed: {reason}"));
}

/// One node that refuses this one may be the stranger itself. When so many do that the others are
/// no majority, it is this one.
async fn refusals(peer: PeerNet, metrics: Metrics, stop: Stopper) {
    let mut refusals = peer.rejections();
    loop {
        let now = refusals.borrow_and_update().clone();
        let refusing = now.values().filter(|refusal| refusal.is_final()).count();
        metrics.node.peers_refusing.set(i64::try_from(refusing).unwrap_or(i64::MAX));
        if peer.is_outvoted() {
            stop.stop(StopKind::Refused, outvoted(&now));
            return;
        }
        match tokio::time::timeout(WEIGH_EVERY, refusals.changed()).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(_)) => return,
        }
    }
}

fn outvoted(refusals: &BTreeMap<NodeId, Refusal>) -> String {
    let said = refusals.iter().filter(|(_, refusal)| refusal.is_final());
    let said: Vec<_> = said.map(|(node, refusal)| format!("node {node}: {refusal}")).collect();
    format!(
        "most of the cluster refuses this node ({}); start it with its own data directory, or with \
         an empty data directory to join as a new node",
        said.join("; ")
    )
}

/// Without its metadata core a node hears of no change any more, and can't tell: it stops, and
/// whoever runs it starts it again.
async fn metadata_core(
    metadata: MetadataHandle,
    mut failed: watch::Receiver<Option<String>>,
    stop: Stopper,
) {
    let reason = metadata.core_ended().await;
    // A failed sync ends this core too, and is the better answer.
    let _ = tokio::time::timeout(CAUSE_WAIT, failed.wait_for(Option::is_some)).await;
    stop.stop(StopKind::Internal, format!("the core of the metadata group ended: {reason}"));
}

async fn panics(tasks: Tasks, metrics: Metrics, stop: Stopper) {
    let mut panics = tasks.panics();
    loop {
        let now = *panics.borrow_and_update();
        metrics::set_total(&metrics.node.panics, now.count);
        if let Some(task) = now.critical {
            stop.stop(StopKind::Internal, format!("task \"{task}\" of the node panicked"));
        }
        if panics.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(all(test, feature = "rocks"))]
mod tests {
    use super::*;
    use crate::config::Loader;
    use crate::node::Node;
    use crate::stop::StopReason;

    async fn start(data_dir: &std::path::Path) -> Node {
        let data_dir = data_dir.display().to_string();
        let settings = [
            ("node.data_dir", data_dir.as_str()),
            ("node.bootstrap", "true"),
            ("http.listen", "127.0.0.1:0"),
            ("peer.listen", "127.0.0.1:0"),
        ];
        let mut loader = Loader::new();
        for (key, text) in settings {
            loader = loader.flag("test", key, text).expect("the setting exists");
        }
        let config = loader.load().expect("the settings are valid").config;
        Box::pin(Node::start(config)).await.expect("the node starts")
    }

    async fn must_stop(node: &Node) -> StopReason {
        let stopped = tokio::time::timeout(Duration::from_secs(30), node.must_stop()).await;
        stopped.expect("the node says that it must stop")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_of_the_metadata_core_stops_the_node() {
        let dir = tempfile::tempdir().unwrap();
        let node = start(dir.path()).await;
        let panicked = node.metadata.raft().with_raft_state(|_| -> () { panic!("injected") }).await;
        assert!(panicked.is_err());
        let reason = must_stop(&node).await;
        assert_eq!(reason.kind, StopKind::Internal);
        assert!(reason.what.contains("metadata group"), "{reason}");
        node.abandon(&reason).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_of_a_critical_task_stops_the_node_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let node = start(dir.path()).await;
        node.tasks.child().spawn("request", async { panic!("a request") });
        node.tasks.child().spawn_critical("sweep", async { panic!("injected") });
        let reason = must_stop(&node).await;
        assert_eq!(reason.kind, StopKind::Internal);
        assert!(reason.what.contains("\"sweep\""), "{reason}");
    }
}
