//! The edge's traits over this node's handles. Decides nothing; kept apart so that neither the edge
//! nor the subsystems know each other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rampart_api::http::castle::{
    CommandResponse, HeartbeatRequest, HeartbeatResponse, ListClientsResponse,
};
use rampart_api::model::ids::{GroupId, LeaderEpoch, NodeId, Offset, PartitionId, TopicId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::Store;
use rampart_raft_store::state::group::MemberId;
use rampart_raft_store::state::group::state::DirectiveKind;
use rampart_raft_store::state::metadata::state::{MetadataState, NodeState, TopicRecord};
use tokio::sync::watch;

use crate::castle::CastleService;
use crate::controller::ControllerHandle;
use crate::controller::request::{
    Decommission, Move, NewSwitch, NewTopic, NewTopicMove, Plan, PlannedMove, Progress, SwitchSet,
};
use crate::groups::GroupService;
use crate::groups::dead_box::{Backlog, DeadQuery, PurgeDone, RedriveDone, RedriveHow, Slice};
use crate::groups::poll::{Poll, Polled};
use crate::groups::request::{GroupAnswer, GroupRequest, Listed};
use crate::http::services::{
    Answer, Castle, Controller, Groups, Metadata, NodeView, Partitions, Reassign,
};
use crate::metadata::MetadataHandle;
use crate::partition::request::{
    Fetch, Fetched, ListedOffset, OffsetSpec, PartitionKey, PartitionStatus, Produce, Produced,
};
use crate::partition::{PartitionService, ReplicaManager};
use crate::peer::LivenessView;
use crate::raft::status;
use crate::stop::StopReason;
use crate::telemetry::metrics::{Metrics, set_count};

impl Partitions for PartitionService {
    fn produce(&self, request: Produce) -> Answer<'_, Produced> {
        PartitionService::produce(self, request).boxed()
    }

    fn fetch(&self, request: Fetch) -> Answer<'_, Fetched> {
        PartitionService::fetch(self, request).boxed()
    }

    fn list_offset(&self, key: PartitionKey, spec: OffsetSpec) -> Answer<'_, ListedOffset> {
        PartitionService::list_offset(self, key, spec).boxed()
    }

    fn truncate(&self, key: PartitionKey, before: Offset) -> Answer<'_, Offset> {
        PartitionService::truncate(self, key, before).boxed()
    }

    fn status(&self, key: PartitionKey) -> Answer<'_, PartitionStatus> {
        PartitionService::status(self, key).boxed()
    }

    fn transfer_leadership(&self, key: PartitionKey, to: Option<NodeId>) -> Answer<'_, NodeId> {
        PartitionService::transfer_leadership(self, key, to).boxed()
    }

    fn leader_hint(&self, group: GroupId) -> Option<(NodeId, LeaderEpoch)> {
        PartitionService::leader_hint(self, group)
    }
}

impl Groups for GroupService {
    fn poll(&self, poll: Poll) -> Answer<'_, Polled> {
        GroupService::poll(self, poll).boxed()
    }

    fn ask(&self, request: GroupRequest) -> Answer<'_, GroupAnswer> {
        GroupService::ask(self, request).boxed()
    }

    fn list(&self) -> Answer<'_, Vec<Listed>> {
        GroupService::list(self).boxed()
    }

    fn peek(&self, query: DeadQuery) -> Answer<'_, Slice> {
        async move { GroupService::peek(self, &query).await }.boxed()
    }

    fn redrive(&self, query: DeadQuery, how: RedriveHow) -> Answer<'_, RedriveDone> {
        async move { GroupService::redrive(self, &query, &how).await }.boxed()
    }

    fn purge(&self, query: DeadQuery, dry_run: bool) -> Answer<'_, PurgeDone> {
        async move { GroupService::purge(self, &query, dry_run).await }.boxed()
    }

    fn backlog(&self, query: DeadQuery) -> Answer<'_, Backlog> {
        async move { GroupService::backlog(self, &query).await }.boxed()
    }

    fn new_member(&self, client_id: &str) -> MemberId {
        GroupService::new_member(self, client_id)
    }
}

impl Castle for CastleService {
    fn heartbeat(&self, request: HeartbeatRequest) -> Answer<'_, HeartbeatResponse> {
        CastleService::heartbeat(self, request).map(Ok).boxed()
    }

    fn clients(&self) -> Answer<'_, ListClientsResponse> {
        CastleService::clients(self).map(Ok).boxed()
    }

    fn command(
        &self,
        client: String,
        kind: DirectiveKind,
        ttl_ms: u64,
    ) -> Answer<'_, CommandResponse> {
        CastleService::command(self, client, kind, ttl_ms).boxed()
    }
}

impl Metadata for MetadataHandle {
    fn state(&self) -> Arc<MetadataState> {
        MetadataHandle::state(self)
    }

    fn applied_index(&self) -> u64 {
        MetadataHandle::applied_index(self)
    }

    fn watch(&self) -> watch::Receiver<(u64, Arc<MetadataState>)> {
        MetadataHandle::watch(self)
    }

    fn wait_for_index(&self, index: u64, timeout: Duration) -> Answer<'_, ()> {
        MetadataHandle::wait_for_index(self, index, timeout).boxed()
    }

    fn leader(&self) -> Option<NodeId> {
        MetadataHandle::leader(self)
    }

    fn voters(&self) -> Vec<NodeId> {
        let view = status::membership(self.raft());
        view.voters.iter().map(|(_, node)| *node).collect()
    }
}

impl Controller for ControllerHandle {
    fn create_topic(&self, topic: NewTopic) -> Answer<'_, (Arc<TopicRecord>, u64)> {
        ControllerHandle::create_topic(self, topic).boxed()
    }

    fn new_producer(&self) -> Answer<'_, u64> {
        ControllerHandle::new_producer(self).boxed()
    }

    fn delete_topic(&self, name: String) -> Answer<'_, u64> {
        async move { ControllerHandle::delete_topic(self, &name).await }.boxed()
    }

    fn alter_topic(
        &self,
        name: String,
        config: BTreeMap<String, Option<String>>,
    ) -> Answer<'_, u64> {
        async move { ControllerHandle::alter_topic(self, &name, config).await }.boxed()
    }

    fn set_dead_letter(&self, new: NewSwitch) -> Answer<'_, SwitchSet> {
        async move { ControllerHandle::set_dead_letter(self, &new).await }.boxed()
    }

    fn add_partitions(&self, name: String, total: u32) -> Answer<'_, u64> {
        async move { ControllerHandle::add_partitions(self, &name, total).await }.boxed()
    }

    fn check_replication_factor(&self, name: &str, replicas: u32) -> Result<(), Problem> {
        ControllerHandle::check_replication_factor(self, name, replicas)
    }

    fn set_replication_factor(&self, name: String, replicas: u32) -> Answer<'_, u64> {
        async move { ControllerHandle::set_replication_factor(self, &name, replicas).await }.boxed()
    }

    fn drain(&self, node: NodeId) -> Answer<'_, u64> {
        ControllerHandle::drain(self, node).boxed()
    }

    fn decommission(&self, node: NodeId, how: Decommission) -> Answer<'_, (Option<u64>, Progress)> {
        ControllerHandle::decommission(self, node, how).boxed()
    }

    fn recommission(&self, node: NodeId) -> Answer<'_, u64> {
        ControllerHandle::recommission(self, node).boxed()
    }

    fn remove(&self, node: NodeId) -> Answer<'_, u64> {
        ControllerHandle::remove(self, node).boxed()
    }

    fn set_cluster_config(&self, changes: BTreeMap<String, Option<String>>) -> Answer<'_, u64> {
        ControllerHandle::set_cluster_config(self, changes).boxed()
    }

    fn decommission_progress(&self, node: NodeId) -> Answer<'_, Progress> {
        ControllerHandle::decommission_progress(self, node).boxed()
    }

    fn reassign(&self, request: Reassign) -> Answer<'_, (Option<u64>, PlannedMove)> {
        async move {
            let Reassign { topic, partition, nodes, dry_run } = request;
            ControllerHandle::reassign(self, &topic, partition, nodes, dry_run).await
        }
        .boxed()
    }

    fn cancel_move(&self, topic: String, partition: PartitionId) -> Answer<'_, u64> {
        async move { ControllerHandle::cancel_move(self, &topic, partition).await }.boxed()
    }

    fn moves(&self) -> Answer<'_, Vec<Move>> {
        ControllerHandle::moves(self).map(Ok).boxed()
    }

    fn set_peer_cluster(&self, name: String, servers: Vec<String>) -> Answer<'_, u64> {
        async move { ControllerHandle::set_peer_cluster(self, &name, servers).await }.boxed()
    }

    fn remove_peer_cluster(&self, name: String) -> Answer<'_, u64> {
        async move { ControllerHandle::remove_peer_cluster(self, &name).await }.boxed()
    }

    fn start_topic_move(&self, new: NewTopicMove) -> Answer<'_, Option<u64>> {
        async move { ControllerHandle::start_topic_move(self, &new).await }.boxed()
    }

    fn cancel_topic_move(&self, topic: String) -> Answer<'_, u64> {
        async move { ControllerHandle::cancel_topic_move(self, &topic).await }.boxed()
    }

    fn topic_move_blockers(&self, topic: TopicId) -> Answer<'_, Vec<String>> {
        ControllerHandle::topic_move_blockers(self, topic).map(Ok).boxed()
    }

    fn catch_up(&self) -> Answer<'_, ()> {
        async move { ControllerHandle::catch_up(self).await.map(drop) }.boxed()
    }

    fn rebalance(&self, dry_run: bool) -> Answer<'_, Plan> {
        ControllerHandle::rebalance(self, dry_run).boxed()
    }
}

/// This node as the edge sees it.
#[derive(Debug, Clone)]
pub struct ThisNode {
    /// Its id.
    pub id: NodeId,
    /// Which others live.
    pub liveness: LivenessView,
    /// Its metadata.
    pub metadata: MetadataHandle,
    /// Its replicas.
    pub manager: ReplicaManager,
    /// Its partitions.
    pub partitions: PartitionService,
    /// Its disk.
    pub store: Store,
    /// Reached readiness once since it started.
    pub ready: watch::Receiver<bool>,
    /// Why it must end.
    pub must_stop: watch::Receiver<Option<StopReason>>,
}

impl NodeView for ThisNode {
    fn id(&self) -> NodeId {
        self.id
    }

    fn is_alive(&self, node: NodeId) -> bool {
        self.liveness.is_alive(node)
    }

    fn silent_ms(&self, node: NodeId) -> Option<u64> {
        self.liveness.silent_ms(node).filter(|_| node != self.id)
    }

    fn not_ready_because(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.metadata.leader().is_none() {
            reasons.push("the metadata group has no leader that this node knows".to_owned());
        }
        if !*self.ready.borrow() {
            let leaderless = self
                .manager
                .all()
                .iter()
                .filter(|replica| self.partitions.leader_hint(replica.spec().group).is_none())
                .count();
            reasons.push(match leaderless {
                0 => "the node is starting".to_owned(),
                n => format!("{n} of its partitions have no leader yet"),
            });
        }
        reasons
    }

    fn failure(&self) -> Option<String> {
        self.must_stop.borrow().as_ref().map(ToString::to_string)
    }

    fn measure(&self, metrics: &Metrics) {
        let state = self.metadata.state();
        let is_peer = |id: NodeId, of: NodeState| id != self.id && of != NodeState::Replaced;
        let peers = || state.nodes.values().filter(|node| is_peer(node.id, node.state));
        let alive = peers().filter(|node| self.liveness.is_alive(node.id));
        set_count(&metrics.node.peers, peers().count());
        set_count(&metrics.node.peers_alive, alive.count());
        set_count(&metrics.produce.in_flight_bytes, self.partitions.bytes_in_flight());
        // A disk that doesn't say how full it is stands where it said so last.
        if let (Ok(space), Ok(is_full)) = (self.store.free_space(), self.store.is_full()) {
            set_count(&metrics.storage.disk_free_bytes, space.free_bytes);
            set_count(&metrics.storage.disk_size_bytes, space.total_bytes);
            metrics.storage.disk_full.set(i64::from(is_full));
        }
    }
}
