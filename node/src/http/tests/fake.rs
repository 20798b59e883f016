//! A node in memory: logs that take batches, a metadata state, a controller that notes what it was
//! asked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use rampart_api::http::castle::{
    CastleClient, CommandResponse, HeartbeatRequest, HeartbeatResponse, HeartbeatStatus,
    ListClientsResponse,
};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{
    ClusterId, DiskId, GroupId, LeaderEpoch, NodeId, Offset, PartitionId, ReplicaId, TopicId,
};
use rampart_api::model::once::OnceTag;
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::{patch, split};
use rampart_api::model::topic_config::{Ack, TopicConfig};
use rampart_raft_store::state::group::MemberId;
use rampart_raft_store::state::group::state::DirectiveKind;
use rampart_raft_store::state::metadata::castle::{MovePhase, PeerCluster, TopicMove};
use rampart_raft_store::state::metadata::command::NodeInfo;
use rampart_raft_store::state::metadata::state::{
    MetadataState, NodeRecord, NodeState, PartitionRecord, ReplicaRecord, ReplicaState, TopicRecord,
};
use tokio::sync::watch;

use crate::controller::request::{
    Decommission, Move, NewSwitch, NewTopic, NewTopicMove, Plan, PlannedMove, PlannedTransfer,
    Progress, SwitchSet,
};
use crate::groups::dead_box::{Backlog, DeadQuery, PurgeDone, RedriveDone, RedriveHow, Slice};
use crate::groups::poll::{Poll, Polled};
use crate::groups::request::{GroupAnswer, GroupRequest, Listed};
use crate::http::services::{
    Answer, Castle, Controller, Groups, Metadata, NodeView, Partitions, Reassign,
};
use crate::partition::request::{
    Fetch, Fetched, ListedOffset, OffsetSpec, PartitionKey, PartitionStatus, Produce, Produced,
    ReplicaStatus,
};
use crate::telemetry::Metrics;

/// Everything behind the edge.
#[derive(Debug)]
pub(super) struct FakeNode {
    pub(super) metadata: watch::Sender<(u64, Arc<MetadataState>)>,
    logs: Mutex<HashMap<PartitionKey, Log>>,
    appended: watch::Sender<u64>,
    /// Refused by partition number.
    pub(super) refusals: Mutex<HashMap<PartitionId, Problem>>,
    /// Who leads which partition number; node 1 if nothing is said.
    pub(super) leaders: Mutex<HashMap<PartitionId, NodeId>>,
    /// Partition numbers that nobody leads yet.
    pub(super) leaderless: Mutex<BTreeSet<PartitionId>>,
    pub(super) dead: Mutex<BTreeSet<NodeId>>,
    /// Alive, but not in sync.
    pub(super) lagging: Mutex<BTreeSet<NodeId>>,
    pub(super) not_ready: Mutex<Vec<String>>,
    pub(super) failure: Mutex<Option<String>>,
    /// What the controller was asked.
    pub(super) asked: Mutex<Vec<String>>,
    /// Batches of each produce, in order of arrival.
    pub(super) produced: Mutex<Vec<(PartitionId, u32)>>,
    /// What each produce says about being written once.
    pub(super) onces: Mutex<Vec<Option<OnceTag>>>,
    /// Produces are answered as duplicates, with this time.
    pub(super) replays: Mutex<Option<i64>>,
    /// What a group gave up.
    pub(super) dead_letters: Mutex<Option<Slice>>,
    /// Produce waits while this is true.
    pub(super) holds: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Log {
    batches: Vec<Bytes>,
    start: u64,
    end: u64,
}

impl FakeNode {
    pub(super) fn new() -> Arc<Self> {
        let mut state = MetadataState {
            cluster: Some(ClusterId(uuid::Uuid::from_u128(9))),
            ..MetadataState::default()
        };
        for id in 1..=3 {
            let id = NodeId(id);
            let info = NodeInfo {
                http_addr: format!("10.0.0.{id}:8080"),
                peer_addr: format!("10.0.0.{id}:9090"),
                ..NodeInfo::default()
            };
            let record = NodeRecord {
                id,
                disk: DiskId::default(),
                boot: 1,
                info,
                state: NodeState::Active,
                replaced_by: None,
            };
            state.nodes.insert(id, record);
        }
        Arc::new(FakeNode {
            metadata: watch::Sender::new((1, Arc::new(state))),
            logs: Mutex::default(),
            appended: watch::Sender::new(0),
            refusals: Mutex::default(),
            leaders: Mutex::default(),
            leaderless: Mutex::default(),
            dead: Mutex::default(),
            lagging: Mutex::default(),
            not_ready: Mutex::default(),
            failure: Mutex::default(),
            asked: Mutex::default(),
            produced: Mutex::default(),
            onces: Mutex::default(),
            replays: Mutex::default(),
            dead_letters: Mutex::default(),
            holds: watch::Sender::new(false),
        })
    }

    pub(super) fn add_topic(&self, name: &str, partitions: u32) -> Arc<TopicRecord> {
        self.add(NewTopic {
            name: name.into(),
            partitions: Some(partitions),
            ..NewTopic::default()
        })
    }

    pub(super) fn add(&self, new: NewTopic) -> Arc<TopicRecord> {
        let topic = Arc::new(topic_record(&self.metadata.borrow().1, new));
        self.metadata.send_modify(|(index, state)| {
            *index += 1;
            let state = Arc::make_mut(state);
            for (number, partition) in (0u32..).zip(&topic.partitions) {
                state.groups.insert(partition.group, (topic.id, number));
            }
            state.topic_names.insert(topic.name.clone(), topic.id);
            state.topics.insert(topic.id, topic.clone());
        });
        topic
    }

    pub(super) fn end(&self, topic: &TopicRecord, partition: PartitionId) -> u64 {
        let key = PartitionKey { topic: topic.id, partition };
        self.logs.lock().unwrap().get(&key).map_or(0, |log| log.end)
    }

    /// Batches of a partition, as they came.
    pub(super) fn batches(&self, topic: &TopicRecord, partition: PartitionId) -> Vec<Bytes> {
        let key = PartitionKey { topic: topic.id, partition };
        self.logs.lock().unwrap().get(&key).map_or_else(Vec::new, |log| log.batches.clone())
    }

    pub(super) fn ends(&self, topic: &TopicRecord) -> Vec<u64> {
        (0u32..).zip(&topic.partitions).map(|(number, _)| self.end(topic, number)).collect()
    }

    fn log<T>(&self, key: PartitionKey, f: impl FnOnce(&mut Log) -> T) -> Result<T, Problem> {
        if !self.metadata.borrow().1.topics.contains_key(&key.topic) {
            return Err(Problem::new(ErrorCode::TopicNotFound, "the topic is gone"));
        }
        if let Some(problem) = self.refusals.lock().unwrap().get(&key.partition) {
            return Err(problem.clone());
        }
        Ok(f(self.logs.lock().unwrap().entry(key).or_default()))
    }

    /// As their leader sees them.
    fn replicas(&self) -> Vec<ReplicaStatus> {
        let lagging = self.lagging.lock().unwrap();
        let replica = |node: u64| ReplicaStatus {
            replica: ReplicaId(node),
            node: NodeId(node),
            role: if node == 1 { "leader" } else { "follower" }.to_owned(),
            match_offset: Offset(0),
            lag_records: 0,
            lag_ms: 0,
            in_sync: !lagging.contains(&NodeId(node)),
        };
        (1..=3).map(replica).collect()
    }

    fn note(&self, what: impl Into<String>) -> Result<u64, Problem> {
        self.asked.lock().unwrap().push(what.into());
        Ok(self.metadata.borrow().0)
    }
}

fn topic_record(state: &MetadataState, new: NewTopic) -> TopicRecord {
    let first = state.groups.len() as u64 + 1;
    let replicas: Vec<_> = (1..=3)
        .map(|node| ReplicaRecord {
            id: ReplicaId(node),
            node: NodeId(node),
            state: ReplicaState::Voter,
        })
        .collect();
    let partition = |number: u32| PartitionRecord {
        group: GroupId(first + u64::from(number)),
        replicas: replicas.clone(),
        initial: replicas.clone(),
        initialized: true,
        leader: Some(NodeId(1)),
        epoch: 1,
        membership_index: 0,
        voters: replicas.iter().map(|replica| replica.id).collect(),
        damaged: BTreeSet::new(),
    };
    TopicRecord {
        id: TopicId(uuid::Uuid::from_u128(u128::from(first))),
        name: new.name,
        internal: false,
        replication_factor: new.replication_factor.unwrap_or(3),
        rises_to: 0,
        config: new.config,
        partitions: (0..new.partitions.unwrap_or(1)).map(partition).collect(),
        created_ms: 1,
    }
}

impl Log {
    fn append(&mut self, batches: &Bytes, records: u32) -> u64 {
        let base = self.end;
        for (header, batch) in split(batches).unwrap() {
            let mut bytes = batch.to_vec();
            patch(&mut bytes, i64::try_from(self.end).unwrap(), 7);
            self.end += u64::try_from(header.record_count).unwrap();
            self.batches.push(Bytes::from(bytes));
        }
        assert_eq!(self.end - base, u64::from(records));
        base
    }

    fn read(&self, request: &Fetch) -> Result<Fetched, Problem> {
        let (start, end) = (self.start, self.end);
        if request.offset.0 < start || request.offset.0 > end {
            let detail = format!("offset {} is not between {start} and {end}", request.offset);
            let mut problem = Problem::new(ErrorCode::OffsetOutOfRange, detail);
            problem.valid_offsets = Some((start, end));
            return Err(problem);
        }
        let mut batches = Vec::new();
        let mut bytes = 0;
        for batch in &self.batches {
            let header = rampart_api::model::record_batch::BatchHeader::parse(batch).unwrap();
            let wanted = header.next_offset() > i64::try_from(request.offset.0).unwrap();
            if wanted && (batches.is_empty() || bytes < request.max_bytes as usize) {
                bytes += batch.len();
                batches.push(batch.clone());
            }
        }
        Ok(Fetched {
            batches,
            high_watermark: Offset(end),
            log_start: Offset(start),
            leader_epoch: 7,
        })
    }
}

impl Partitions for FakeNode {
    fn produce(&self, request: Produce) -> Answer<'_, Produced> {
        async move {
            let mut holds = self.holds.subscribe();
            holds.wait_for(|holds| !holds).await.unwrap();
            let produced = self.log(request.key, |log| Produced {
                base_offset: (request.ack != Some(Ack::None))
                    .then_some(Offset(log.append(&request.batches, request.records))),
                leader_epoch: 7,
                log_start: Offset(log.start),
                replayed_stamp_ms: *self.replays.lock().unwrap(),
            })?;
            self.onces.lock().unwrap().push(request.once);
            self.produced.lock().unwrap().push((request.key.partition, request.records));
            self.appended.send_modify(|count| *count += 1);
            Ok(produced)
        }
        .boxed()
    }

    fn fetch(&self, request: Fetch) -> Answer<'_, Fetched> {
        async move {
            let mut appended = self.appended.subscribe();
            let wait = Duration::from_millis(u64::from(request.wait_ms));
            let read = || self.log(request.key, |log| log.read(&request)).flatten();
            let arrived = async {
                loop {
                    appended.borrow_and_update();
                    let fetched = read()?;
                    if !fetched.batches.is_empty() {
                        return Ok(fetched);
                    }
                    appended.changed().await.unwrap();
                }
            };
            match tokio::time::timeout(wait, arrived).await {
                Ok(result) => result,
                Err(_) => read(),
            }
        }
        .boxed()
    }

    fn list_offset(&self, key: PartitionKey, spec: OffsetSpec) -> Answer<'_, ListedOffset> {
        async move {
            self.log(key, |log| ListedOffset {
                offset: Offset(match spec {
                    OffsetSpec::Earliest => log.start,
                    OffsetSpec::Latest => log.end,
                    OffsetSpec::FromEnd(back) => log.end.saturating_sub(back).max(log.start),
                    OffsetSpec::Timestamp(ms) => u64::try_from(ms).unwrap().min(log.end),
                }),
                timestamp_ms: None,
                high_watermark: Offset(log.end),
                log_start: Offset(log.start),
            })
        }
        .boxed()
    }

    fn truncate(&self, key: PartitionKey, before: Offset) -> Answer<'_, Offset> {
        async move {
            self.log(key, |log| {
                log.start = before.0;
                before
            })
        }
        .boxed()
    }

    fn status(&self, key: PartitionKey) -> Answer<'_, PartitionStatus> {
        async move {
            self.log(key, |log| PartitionStatus {
                group: GroupId(1),
                leader: Some(NodeId(1)),
                leader_epoch: 7,
                log_start: Offset(log.start),
                high_watermark: Offset(log.end),
                log_end: Offset(log.end),
                size_bytes: log.batches.iter().map(|batch| batch.len() as u64).sum(),
                replicas: self.replicas(),
            })
        }
        .boxed()
    }

    fn transfer_leadership(&self, _: PartitionKey, to: Option<NodeId>) -> Answer<'_, NodeId> {
        async move { Ok(to.unwrap_or(NodeId(2))) }.boxed()
    }

    fn leader_hint(&self, group: GroupId) -> Option<(NodeId, LeaderEpoch)> {
        let (_, number) = *self.metadata.borrow().1.groups.get(&group)?;
        if self.leaderless.lock().unwrap().contains(&number) {
            return None;
        }
        let leaders = self.leaders.lock().unwrap();
        Some((leaders.get(&number).copied().unwrap_or(NodeId(1)), 7))
    }
}

impl Metadata for FakeNode {
    fn state(&self) -> Arc<MetadataState> {
        self.metadata.borrow().1.clone()
    }

    fn applied_index(&self) -> u64 {
        self.metadata.borrow().0
    }

    fn watch(&self) -> watch::Receiver<(u64, Arc<MetadataState>)> {
        self.metadata.subscribe()
    }

    fn wait_for_index(&self, index: u64, timeout: Duration) -> Answer<'_, ()> {
        async move {
            let mut watch = self.metadata.subscribe();
            let reached = watch.wait_for(|(applied, _)| *applied >= index);
            match tokio::time::timeout(timeout, reached).await {
                Ok(_) => Ok(()),
                Err(_) => Err(Problem::new(ErrorCode::Timeout, format!("{index} is far away"))),
            }
        }
        .boxed()
    }

    fn leader(&self) -> Option<NodeId> {
        Some(NodeId(1))
    }

    fn voters(&self) -> Vec<NodeId> {
        vec![NodeId(1), NodeId(2), NodeId(3)]
    }
}

fn no_groups() -> Problem {
    Problem::new(ErrorCode::GroupNotFound, "this node has no groups")
}

impl Groups for FakeNode {
    fn poll(&self, poll: Poll) -> Answer<'_, Polled> {
        let what = format!("poll {} {}", poll.group, poll.member);
        async move {
            self.note(what)?;
            Ok(Polled { generation: 1, assignment: Vec::new(), records: Vec::new() })
        }
        .boxed()
    }

    fn ask(&self, request: GroupRequest) -> Answer<'_, GroupAnswer> {
        async move {
            self.note(format!("{request:?}"))?;
            Err(no_groups())
        }
        .boxed()
    }

    fn list(&self) -> Answer<'_, Vec<Listed>> {
        std::future::ready(Ok(Vec::new())).boxed()
    }

    fn peek(&self, query: DeadQuery) -> Answer<'_, Slice> {
        async move {
            let found = self.dead_letters.lock().unwrap().clone();
            self.note(format!("peek {} {:?}", query.whose.group, query.whose.filter))?;
            found.ok_or_else(no_groups)
        }
        .boxed()
    }

    fn redrive(&self, query: DeadQuery, how: RedriveHow) -> Answer<'_, RedriveDone> {
        let to = how.topic.map_or("the group".to_owned(), |topic| topic.name.clone());
        let (group, max, dry) = (query.whose.group, query.records_max, how.dry_run);
        async move {
            self.note(format!("redrive {group} to {to}, {max} at most, dry run: {dry}"))?;
            let because = Some("it is full".to_owned());
            Ok(RedriveDone { matched: 3, left: 1, left_because: because, ..Default::default() })
        }
        .boxed()
    }

    fn purge(&self, query: DeadQuery, dry_run: bool) -> Answer<'_, PurgeDone> {
        let (group, max) = (query.whose.group, query.records_max);
        async move {
            self.note(format!("purge {group}, {max} at most, dry run: {dry_run}"))?;
            Ok(PurgeDone { matched: 2, purged: 2, ..PurgeDone::default() })
        }
        .boxed()
    }

    fn backlog(&self, _: DeadQuery) -> Answer<'_, Backlog> {
        let found = match &*self.dead_letters.lock().unwrap() {
            Some(_) => Ok(Backlog { depth: 7, is_exact: true, parked: 2, dying: 1, reads: true }),
            None => Err(no_groups()),
        };
        std::future::ready(found).boxed()
    }

    fn new_member(&self, client_id: &str) -> MemberId {
        MemberId(format!("{client_id}-1"))
    }
}

/// The only client that the fake knows.
pub(super) const CLIENT: &str = "billing-1";

impl Castle for FakeNode {
    fn heartbeat(&self, request: HeartbeatRequest) -> Answer<'_, HeartbeatResponse> {
        async move {
            self.note(format!("heartbeat {}", request.instance_id))?;
            let status = HeartbeatStatus::NoChange;
            let (version, interval_ms) = (request.known_version, 5_000);
            Ok(HeartbeatResponse { status, version, interval_ms, ..HeartbeatResponse::default() })
        }
        .boxed()
    }

    fn clients(&self) -> Answer<'_, ListClientsResponse> {
        let client = CastleClient { instance_id: CLIENT.to_owned(), ..CastleClient::default() };
        let listed = ListClientsResponse { clients: vec![client], missing_nodes: vec![3] };
        std::future::ready(Ok(listed)).boxed()
    }

    fn command(
        &self,
        client: String,
        kind: DirectiveKind,
        ttl_ms: u64,
    ) -> Answer<'_, CommandResponse> {
        async move {
            self.note(format!("direct {client} {kind:?} {ttl_ms}"))?;
            if client != CLIENT {
                return Err(Problem::new(ErrorCode::ClientNotFound, format!("no {client}")));
            }
            Ok(CommandResponse { id: 7, expires_ms: 9 })
        }
        .boxed()
    }
}

impl Controller for FakeNode {
    fn create_topic(&self, topic: NewTopic) -> Answer<'_, (Arc<TopicRecord>, u64)> {
        async move {
            TopicConfig::from_overrides(&topic.config)?;
            let state = self.metadata.borrow().1.clone();
            if state.topic_by_name(&topic.name).is_some() {
                return Err(Problem::new(ErrorCode::TopicExists, "it is there"));
            }
            if topic.dry_run {
                return Ok((Arc::new(topic_record(&state, topic)), 0));
            }
            Ok((self.add(topic), self.metadata.borrow().0))
        }
        .boxed()
    }

    fn new_producer(&self) -> Answer<'_, u64> {
        async move { Ok(4_000) }.boxed()
    }

    fn delete_topic(&self, name: String) -> Answer<'_, u64> {
        async move {
            self.metadata.send_modify(|(index, state)| {
                *index += 1;
                let state = Arc::make_mut(state);
                if let Some(id) = state.topic_names.remove(&name) {
                    state.topics.remove(&id);
                }
            });
            self.appended.send_modify(|count| *count += 1);
            self.note(format!("delete {name}"))
        }
        .boxed()
    }

    fn alter_topic(
        &self,
        name: String,
        config: BTreeMap<String, Option<String>>,
    ) -> Answer<'_, u64> {
        async move { self.note(format!("alter {name} {config:?}")) }.boxed()
    }

    /// Stores it, and says of every topic that it is named that it was created.
    fn set_dead_letter(&self, new: NewSwitch) -> Answer<'_, SwitchSet> {
        async move {
            new.switch.check()?;
            let created = new.switch.topic.clone();
            if new.dry_run {
                return Ok(SwitchSet { created, index: None });
            }
            self.metadata.send_modify(|(index, state)| {
                *index += 1;
                let state = Arc::make_mut(state);
                let id = state.topic_names[&new.topic];
                let topic = Arc::make_mut(state.topics.get_mut(&id).unwrap());
                for (key, value) in new.switch.changes(new.group.as_deref()) {
                    match value {
                        Some(value) => topic.config.insert(key, value),
                        None => topic.config.remove(&key),
                    };
                }
            });
            Ok(SwitchSet { created, index: Some(self.metadata.borrow().0) })
        }
        .boxed()
    }

    fn add_partitions(&self, name: String, total: u32) -> Answer<'_, u64> {
        async move { self.note(format!("grow {name} to {total}")) }.boxed()
    }

    fn check_replication_factor(&self, _: &str, replicas: u32) -> Result<(), Problem> {
        let nodes = self.metadata.borrow().1.nodes.len();
        if replicas as usize > nodes {
            let detail = format!("{replicas} replicas on {nodes} nodes");
            return Err(Problem::new(ErrorCode::InvalidReplicationFactor, detail));
        }
        Ok(())
    }

    fn set_replication_factor(&self, name: String, replicas: u32) -> Answer<'_, u64> {
        async move { self.note(format!("replicate {name} {replicas}")) }.boxed()
    }

    fn drain(&self, node: NodeId) -> Answer<'_, u64> {
        async move { self.note(format!("drain {node}")) }.boxed()
    }

    fn decommission(&self, node: NodeId, how: Decommission) -> Answer<'_, (Option<u64>, Progress)> {
        async move {
            let index = self.note(format!("decommission {node} {how:?}"))?;
            let blockers = vec!["too few nodes would be left".to_owned()];
            Ok(((!how.dry_run).then_some(index), Progress { blockers, ..Progress::default() }))
        }
        .boxed()
    }

    fn recommission(&self, node: NodeId) -> Answer<'_, u64> {
        async move { self.note(format!("recommission {node}")) }.boxed()
    }

    fn remove(&self, node: NodeId) -> Answer<'_, u64> {
        async move { self.note(format!("remove {node}")) }.boxed()
    }

    fn set_cluster_config(&self, changes: BTreeMap<String, Option<String>>) -> Answer<'_, u64> {
        async move { self.note(format!("configure {changes:?}")) }.boxed()
    }

    fn decommission_progress(&self, _: NodeId) -> Answer<'_, Progress> {
        async move { Ok(Progress { partitions_left: 3, bytes_left: 9, ..Progress::default() }) }
            .boxed()
    }

    fn reassign(&self, request: Reassign) -> Answer<'_, (Option<u64>, PlannedMove)> {
        async move {
            let index = self.note(format!("reassign {:?}", request.nodes))?;
            let planned = PlannedMove {
                topic: request.topic,
                partition: request.partition,
                group: GroupId(1),
                reason: crate::controller::request::MoveReason::Rebalance,
                from: vec![NodeId(1)],
                to: request.nodes,
            };
            Ok(((!request.dry_run).then_some(index), planned))
        }
        .boxed()
    }

    fn cancel_move(&self, topic: String, partition: PartitionId) -> Answer<'_, u64> {
        async move { self.note(format!("cancel {topic}/{partition}")) }.boxed()
    }

    fn moves(&self) -> Answer<'_, Vec<Move>> {
        async move { Ok(Vec::new()) }.boxed()
    }

    fn set_peer_cluster(&self, name: String, servers: Vec<String>) -> Answer<'_, u64> {
        async move {
            self.metadata.send_modify(|(index, state)| {
                *index += 1;
                let castle = &mut Arc::make_mut(state).castle;
                castle.clusters.insert(name.clone(), PeerCluster { servers });
            });
            self.note(format!("register {name}"))
        }
        .boxed()
    }

    fn remove_peer_cluster(&self, name: String) -> Answer<'_, u64> {
        async move { self.note(format!("forget {name}")) }.boxed()
    }

    /// As if both partitions were sealed at once, where they end.
    fn start_topic_move(&self, new: NewTopicMove) -> Answer<'_, Option<u64>> {
        async move {
            if new.dry_run {
                return Ok(None);
            }
            self.metadata.send_modify(|(index, state)| {
                *index += 1;
                let state = Arc::make_mut(state);
                let id = state.topic_names[&new.topic];
                let mut moving = TopicMove::announced(&new.to, "there", 7);
                moving.held = new.hold;
                if !new.hold {
                    moving.phase = MovePhase::Moved;
                    let numbers = (0u32..).zip(&state.topics[&id].partitions);
                    moving.sealed = numbers.map(|(number, _)| (number, Offset(0))).collect();
                }
                state.castle.moves.insert(id, moving);
            });
            self.note(format!("move {} to {}", new.topic, new.to)).map(Some)
        }
        .boxed()
    }

    fn cancel_topic_move(&self, topic: String) -> Answer<'_, u64> {
        async move {
            self.metadata.send_modify(|(index, state)| {
                *index += 1;
                let state = Arc::make_mut(state);
                let id = state.topic_names[&topic];
                state.castle.moves.remove(&id);
            });
            self.note(format!("keep {topic}"))
        }
        .boxed()
    }

    fn topic_move_blockers(&self, topic: TopicId) -> Answer<'_, Vec<String>> {
        async move {
            let held = self.metadata.borrow().1.castle.moves.get(&topic).is_some_and(|m| m.held);
            Ok(if held { vec!["it is held".to_owned()] } else { Vec::new() })
        }
        .boxed()
    }

    fn catch_up(&self) -> Answer<'_, ()> {
        async move { self.note("catch up".to_owned()).map(drop) }.boxed()
    }

    fn rebalance(&self, dry_run: bool) -> Answer<'_, Plan> {
        async move {
            self.note(format!("rebalance {dry_run}"))?;
            let transfer = PlannedTransfer {
                topic: "flights".into(),
                partition: 1,
                group: GroupId(2),
                from: NodeId(1),
                to: NodeId(3),
                order: vec![NodeId(3), NodeId(1), NodeId(2)],
            };
            Ok(Plan { transfers: vec![transfer], ..Plan::default() })
        }
        .boxed()
    }
}

impl NodeView for FakeNode {
    fn id(&self) -> NodeId {
        NodeId(1)
    }

    fn is_alive(&self, node: NodeId) -> bool {
        !self.dead.lock().unwrap().contains(&node)
    }

    fn silent_ms(&self, node: NodeId) -> Option<u64> {
        (node != NodeId(1)).then_some(5)
    }

    fn not_ready_because(&self) -> Vec<String> {
        self.not_ready.lock().unwrap().clone()
    }

    fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap().clone()
    }

    fn measure(&self, metrics: &Metrics) {
        metrics.node.peers.set(2);
    }
}
