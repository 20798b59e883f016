//! What this node answers to other nodes: forwarded client requests, proposals for the controller,
//! joins; and what it tells them in its pings. The transport is `peer`, Raft's messages go to
//! `raft::network`.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rampart_api::codec;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{DiskId, NodeId};
use rampart_api::model::problem::Problem;
use rampart_api::peer::handshake::Seen;
use rampart_api::peer::ping::Ping;
use rampart_api::peer::rpc::{JoinAnswer, JoinRequest, PeerRequest, PeerResponse};
use rampart_raft_store::Store;
use rampart_raft_store::state::metadata::command::{MetadataCommand, MetadataResponse, NodeInfo};
use rampart_raft_store::state::metadata::state::NodeState;

use crate::castle::CastleService;
use crate::clock::Clock;
use crate::groups::GroupService;
use crate::metadata::MetadataHandle;
use crate::partition::{PartitionService, remote};
use crate::peer::{Asked, LivenessView, PeerFacts, PeerHandler, client};
use crate::raft::claims::{ClaimOutbox, ClaimTable};

/// How long an answer waits for metadata that the asker has and this node has not.
const METADATA_WAIT_MAX: Duration = Duration::from_secs(2);
/// A node that is silent for so long is replaced when another disk joins at its address.
const REPLACE_AFTER: Duration = Duration::from_secs(5);
/// How long a joining node may take to answer at the address it names.
const CALL_BACK_TIMEOUT: Duration = Duration::from_secs(2);

/// The services that exist once the node runs.
#[derive(Debug, Clone)]
pub struct Services {
    /// Produce, fetch and the rest.
    pub partitions: PartitionService,
    /// Consumer groups.
    pub groups: GroupService,
    /// What Castle knows here.
    pub castle: CastleService,
    /// Proposals and joins.
    pub metadata: MetadataHandle,
    /// Whether an address that a new node claims is still another node's.
    pub liveness: LivenessView,
}

/// Answers other nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PeerService {
    services: Arc<OnceLock<Services>>,
    claims: Arc<ClaimTable>,
    outbox: Arc<ClaimOutbox>,
    clock: Clock,
}

impl PeerService {
    /// Answers `NOT_READY` until `open` is called.
    pub fn new(claims: Arc<ClaimTable>, outbox: Arc<ClaimOutbox>, clock: Clock) -> Self {
        PeerService { services: Arc::default(), claims, outbox, clock }
    }

    /// From now on answers.
    pub fn open(&self, services: Services) {
        if self.services.set(services).is_err() {
            tracing::error!("the peer service was opened twice");
        }
    }
}

impl PeerHandler for PeerService {
    fn handle(&self, asked: Asked, request: PeerRequest) -> BoxFuture<'static, PeerResponse> {
        let Some(services) = self.services.get().cloned() else {
            let problem = Problem::new(ErrorCode::NotReady, "the node is starting");
            return std::future::ready(PeerResponse::Problem(problem)).boxed();
        };
        async move { answer(&services, asked, request).await.unwrap_or_else(PeerResponse::Problem) }
            .boxed()
    }

    fn ping(&self, to: NodeId) -> Ping {
        Ping { claims: self.outbox.for_peer(to, self.clock.instant()) }
    }

    fn pinged(&self, _from: NodeId, ping: Ping) {
        self.claims.hear(&ping.claims, self.clock.instant());
    }

    fn metadata_index(&self) -> u64 {
        self.services.get().map_or(0, |services| services.metadata.applied_index())
    }
}

async fn answer(
    services: &Services,
    asked: Asked,
    request: PeerRequest,
) -> Result<PeerResponse, Problem> {
    match request {
        PeerRequest::Propose { command } => {
            let (index, response) = services.metadata.propose_here(command).await?;
            let response = codec::encode(&response).into();
            Ok(PeerResponse::Proposed { index, response })
        }
        PeerRequest::Join(join) => joined(services, join).await.map(PeerResponse::Joined),
        PeerRequest::Groups { partition, question } => {
            wait_for_metadata(services, asked).await?;
            let answer = services.groups.answer_here(partition, &question).await?;
            Ok(PeerResponse::Groups { answer })
        }
        PeerRequest::Castle { question } => {
            let answer = services.castle.answer_here(&question)?;
            Ok(PeerResponse::Castle { answer })
        }
        PeerRequest::ReadIndex { .. }
        | PeerRequest::Vote(_)
        | PeerRequest::PreVote(_)
        | PeerRequest::TransferLeader(_)
        | PeerRequest::Snapshot(_) => {
            Err(Problem::new(ErrorCode::InvalidRequest, "not a question for this service"))
        }
        partition_request @ (PeerRequest::Produce(_)
        | PeerRequest::Fetch(_)
        | PeerRequest::ListOffset { .. }
        | PeerRequest::Truncate { .. }
        | PeerRequest::Status { .. }
        | PeerRequest::TransferLeadership { .. }) => {
            wait_for_metadata(services, asked).await?;
            let operation = remote::from_wire(partition_request).ok_or_else(|| {
                Problem::new(ErrorCode::InvalidRequest, "not a partition operation")
            })?;
            Ok(remote::answer_to_wire(services.partitions.execute_here(operation).await))
        }
    }
}

/// The asker may know a topic that this node has not heard of yet.
async fn wait_for_metadata(services: &Services, asked: Asked) -> Result<(), Problem> {
    let wait = METADATA_WAIT_MAX.min(asked.deadline);
    if asked.metadata_index > services.metadata.applied_index() {
        services.metadata.wait_for_index(asked.metadata_index, wait).await?;
    }
    Ok(())
}

async fn joined(services: &Services, join: JoinRequest) -> Result<JoinAnswer, Problem> {
    refuse_taken_address(services, &join).await?;
    let info = NodeInfo {
        peer_addr: join.peer_addr,
        http_addr: join.http_addr,
        rack: join.rack,
        version: join.version,
    };
    let command = MetadataCommand::Join { disk: join.disk, info };
    let (metadata_index, response) = services.metadata.propose(command).await?;
    let MetadataResponse::Joined { node, cluster } = response else {
        return Err(Problem::unknown(
            ErrorCode::Internal,
            "the join was applied as another command",
        ));
    };
    let state = services.metadata.state();
    let peers = state
        .nodes
        .values()
        .filter(|record| record.state != NodeState::Replaced)
        .map(|record| (record.id, record.info.peer_addr.clone()))
        .collect();
    Ok(JoinAnswer { cluster, node, peers, metadata_index })
}

/// A join with the address of a node with another disk takes that node's place for good. That is
/// right for a wiped disk, and a disaster for a mistyped address or a node that is merely down: so
/// the old node must have been silent for a while, and the new one must be met at the address.
async fn refuse_taken_address(services: &Services, join: &JoinRequest) -> Result<(), Problem> {
    let state = services.metadata.state();
    let taken = state.nodes.values().find(|node| {
        node.info.peer_addr == join.peer_addr
            && node.disk != join.disk
            && node.state != NodeState::Replaced
    });
    let Some(holder) = taken else { return Ok(()) };
    let (addr, old) = (&join.peer_addr, holder.id);
    let refused = |detail: String| {
        Err(Problem::new(ErrorCode::Unsafe, detail)
            .hint("give the new node an address of its own with --advertise-peer"))
    };
    if services.liveness.is_alive(old) {
        return refused(format!("{addr} is the address of node {old}, which is alive"));
    }
    let silence = services.liveness.silence(old);
    if silence < REPLACE_AFTER {
        return refused(format!(
            "{addr} is the address of node {old}, which is away for {} ms only; after {} ms it is \
             replaced",
            silence.as_millis(),
            REPLACE_AFTER.as_millis()
        ));
    }
    let met = client::joiner_at(addr, old, CALL_BACK_TIMEOUT).await;
    if met != Some(join.disk) {
        return refused(format!(
            "{addr} is the address of node {old}, and the node that asks to join is not met there"
        ));
    }
    Ok(())
}

/// What this node durably remembers of the nodes it met.
#[derive(Debug, Clone)]
pub struct StoredPeerFacts {
    store: Store,
    metadata: Arc<OnceLock<MetadataHandle>>,
}

impl StoredPeerFacts {
    /// Over the node's store.
    pub fn new(store: Store) -> Self {
        StoredPeerFacts { store, metadata: Arc::default() }
    }

    /// Lets it know which nodes left the cluster for good.
    pub fn open(&self, metadata: MetadataHandle) {
        if self.metadata.set(metadata).is_err() {
            tracing::error!("the peer facts were opened twice");
        }
    }

    fn key(node: NodeId) -> String {
        format!("peer/{node}")
    }
}

impl PeerFacts for StoredPeerFacts {
    fn seen(&self, node: NodeId) -> io::Result<Option<Seen>> {
        let bytes = self.store.node_record_get(&Self::key(node))?;
        bytes.map(|bytes| read_seen(node, &bytes)).transpose()
    }

    fn remember(&self, node: NodeId, seen: Seen) -> io::Result<()> {
        self.store.node_record_put(&Self::key(node), Bytes::from(codec::encode(&seen)))
    }

    fn is_retired(&self, node: NodeId) -> bool {
        let Some(metadata) = self.metadata.get() else { return false };
        let state = metadata.state();
        match state.nodes.get(&node) {
            Some(record) => record.state == NodeState::Replaced,
            // A node with a higher id than any given out may have joined a moment ago.
            None => node.0 < state.next_node,
        }
    }
}

fn read_seen(node: NodeId, bytes: &[u8]) -> io::Result<Seen> {
    if let Ok(seen) = codec::decode(bytes) {
        return Ok(seen);
    }
    // Before protocol version 2 the process was not remembered. Whoever speaks that version has
    // started since, so no process of the remembered start can come any more.
    let (disk, boot) = codec::decode::<(DiskId, u64)>(bytes).map_err(|error| {
        let what = format!("what is remembered of node {node} is damaged: {error}");
        io::Error::new(io::ErrorKind::InvalidData, what)
    })?;
    Ok(Seen { disk, boot, start: 0 })
}

#[cfg(test)]
mod tests {
    use rampart_raft_store::MemoryFaults;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_memory_that_cannot_be_read_is_not_an_empty_one() {
        let faults = MemoryFaults::none();
        let store = Store::in_memory(faults.clone());
        let facts = StoredPeerFacts::new(store.clone());
        let node = NodeId(2);
        assert_eq!(facts.seen(node).unwrap(), None);
        let seen = Seen { disk: DiskId(Uuid::from_u128(2)), boot: 3, start: 4 };
        facts.remember(node, seen).unwrap();
        assert_eq!(facts.seen(node).unwrap(), Some(seen));

        faults.fail_reads();
        assert!(facts.seen(node).is_err(), "a failed read");
        faults.repair();
        store.node_record_put("peer/2", Bytes::from_static(b"noise")).unwrap();
        assert!(facts.seen(node).is_err(), "a damaged record");
        let old = codec::encode(&(seen.disk, seen.boot));
        store.node_record_put("peer/2", Bytes::from(old)).unwrap();
        assert_eq!(facts.seen(node).unwrap(), Some(Seen { start: 0, ..seen }));
    }
}
