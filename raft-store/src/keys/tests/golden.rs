//! The bytes of every record on disk, against those of `tests/fixtures/format_1.txt`: a format
//! can't change unnoticed. One line per record, `name = hex`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use rampart_api::codec;
use rampart_api::model::ids::{ClusterId, DiskId, NodeId, Offset, TopicId};
use rampart_api::model::once::{KeyTag, OnceTag};
use uuid::Uuid;

use super::*;
use crate::format::log_id::StoredLogId;
use crate::format::membership::{MembershipRecord, StoredMembershipRecord};
use crate::format::{EntryHeader, OnceHead, STORE_FORMAT_VERSION, encode_entry_payload};
use crate::machine::WholeState;
use crate::state::metadata::castle::{CastleRecord, MovePhase, PeerCluster, TopicMove};
use crate::state::metadata::command::{LeaderReport, MetadataCommand, NodeInfo};
use crate::state::metadata::state::{
    MetadataState, NodeRecord, NodeState, PartitionRecord, ReplicaRecord, ReplicaState, TopicRecord,
};
use crate::state::partition::producers::{OnceBatch, Written};
use crate::state::partition::{
    EpochTable, PartitionState, ProducerStates, ProducersRecord, Sealed,
};
use crate::type_config::{EntryPayload, Membership, ProposalKind};

mod groups;

const FIXTURE: &str = include_str!("../../../tests/fixtures/format_1.txt");

#[test]
fn bytes_on_disk_are_what_they_were() {
    assert_eq!(STORE_FORMAT_VERSION, 2, "1 and 2 have the same records; a newer one has its own");
    let mut now = String::new();
    for (name, bytes) in records() {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(now, "{name} = {hex}").unwrap();
    }
    let changed: Vec<&str> =
        now.lines().filter(|line| !FIXTURE.lines().any(|l| l == *line)).collect();
    assert!(
        now == FIXTURE,
        "bytes on disk changed. What a program has written must stay readable: raise the version \
         of the record, keep reading the old one, say so in docs/formats.md and CHANGELOG.md, and \
         add the new bytes beside the old. Lines that are not in the fixture:\n{}",
        changed.join("\n")
    );
}

fn records() -> Vec<(String, Vec<u8>)> {
    let mut records = Vec::new();
    for family in Family::ALL {
        let sample = key(family, &("peer.7".to_owned(), 0x0102, 0x0304));
        records.push((format!("{family:?} key"), sample));
        let values = values(family).into_iter();
        records.extend(values.map(|(what, bytes)| (format!("{family:?} {what}"), bytes)));
    }
    let payload = b"payload";
    let header = EntryHeader { kind: 1, term: 2, index: 3, base_offset: Offset(4), records: 5 };
    let entry = [&header.encode(GroupId(6), payload)[..], payload].concat();
    records.push(("entry".to_owned(), entry));
    let membership = Membership::try_from(membership()).unwrap();
    let (kind, bytes) = encode_entry_payload(&EntryPayload::Membership(membership));
    records.push((format!("payload {kind} membership"), bytes.to_vec()));
    let trim = PartitionCommand::TrimTo { offset: Offset(9) }.proposal();
    records.push((format!("payload {} TrimTo", trim.kind as u8), trim.body.to_vec()));
    let seal = PartitionCommand::Seal.proposal();
    records.push((format!("payload {} Seal", seal.kind as u8), seal.body.to_vec()));
    let once = ProposalKind::OnceBatches as u8;
    records.push((format!("payload {once} head"), once_head().begin(0).to_vec()));
    let metadata = ProposalKind::Metadata as u8;
    for command in commands() {
        let name = format!("payload {metadata} {}", command_name(&command));
        records.push((name, codec::encode(&command)));
    }
    records.extend(groups::records());
    records
}

fn values(family: Family) -> Vec<(&'static str, Vec<u8>)> {
    let log_id = StoredLogId { term: 2, index: 3 };
    let stored = || StoredMembershipRecord { log_id: Some(log_id), membership: membership() };
    let kinds = [
        ("partition", GroupKind::Partition),
        ("metadata", GroupKind::Metadata),
        ("groups", GroupKind::Groups),
    ];
    match family {
        // Its owner's business; see `node/src/peer_service.rs`.
        Family::NodeRecord => vec![],
        Family::Group => kinds
            .map(|(name, kind)| {
                (name, envelope::seal(group::VERSION, &GroupRecord { replica: ReplicaId(5), kind }))
            })
            .to_vec(),
        Family::Vote => {
            let record = VoteRecord { term: 2, voted_for: 5, committed: true };
            vec![("value", envelope::seal(vote::VERSION, &record))]
        }
        Family::Committed => vec![("value", envelope::seal(committed::VERSION, &log_id))],
        Family::Purged => {
            let record = PurgedRecord { log_id, next_offset: Offset(9) };
            vec![("value", envelope::seal(purged::VERSION, &record))]
        }
        Family::SyncedMark => vec![("value", envelope::seal(synced_mark::VERSION, &3u64))],
        Family::LogTerm => vec![("value", envelope::seal(log_term::VERSION, &2u64))],
        Family::OffsetIndex => {
            let granule = Granule {
                first_index: 1,
                last_index: 2,
                base_offset: Offset(3),
                next_offset: Offset(4),
                bytes: 5,
                max_timestamp: -6,
            };
            vec![("value", envelope::seal(offset_index::VERSION, &granule))]
        }
        Family::Applied => {
            let (log_id, state, memberships) = (Some(log_id), partition_state(), vec![stored()]);
            let record = AppliedRecord { log_id, state, memberships };
            let mut sealed = record.clone();
            sealed.state.sealed = SEALED;
            vec![("value", record.encode()), ("sealed", sealed.encode())]
        }
        Family::SnapshotMeta => {
            let (membership, data_crc) = (stored(), 0x0a0b_0c0d);
            let record = SnapshotMetaRecord { last_log_id: Some(log_id), membership, data_crc };
            vec![("value", envelope::seal(snapshot::VERSION, &record))]
        }
        Family::SnapshotData => vec![
            ("partition", partition_snapshot(&ProducersRecord::default())),
            ("partition with producers", partition_snapshot(&producers_record())),
            ("partition sealed", sealed_snapshot()),
            ("metadata", metadata_state().encode()),
            ("metadata with clusters", with_castle().encode()),
            ("groups", groups::snapshot()),
        ],
        Family::Producers => {
            vec![("value", envelope::seal(producers::VERSION, &producers_record()))]
        }
    }
}

fn partition_snapshot(producers: &ProducersRecord) -> Vec<u8> {
    crate::machine::encode_partition_snapshot(&partition_state(), producers).to_vec()
}

const SEALED: Option<Sealed> = Some(Sealed { index: 6, at: Offset(9) });

fn sealed_snapshot() -> Vec<u8> {
    let state = PartitionState { sealed: SEALED, ..partition_state() };
    crate::machine::encode_partition_snapshot(&state, &producers_record()).to_vec()
}

/// A topic on its way to another cluster.
fn with_castle() -> MetadataState {
    let moving = TopicMove {
        phase: MovePhase::Sealing,
        sealed: BTreeMap::from([(0, Offset(9))]),
        ..TopicMove::announced("east", "8899aabb", 1_700_000_000_000)
    };
    let east = PeerCluster { servers: vec!["http://b:1".to_owned()] };
    let castle = CastleRecord {
        clusters: BTreeMap::from([("east".to_owned(), east)]),
        moves: BTreeMap::from([(topic_id(), moving)]),
    };
    MetadataState { castle, ..metadata_state() }
}

/// A producer and a key.
fn producers_record() -> ProducersRecord {
    let mut states = ProducerStates::default();
    let batch = OnceBatch {
        producer_id: 5_001,
        producer_epoch: 2,
        base_sequence: 0,
        records: 3,
        stamp_ms: 1_700_000_000_000,
        key: None,
    };
    assert!(states.enter(3, 1_700_000_000_001));
    states.note(&batch, Written { term: 2, base_offset: Offset(4) });
    let keyed = OnceBatch { producer_id: -1, key: once_head().tags[1].1.key, ..batch };
    assert!(states.enter(4, 1_700_000_000_002));
    states.note(&keyed, Written { term: 2, base_offset: Offset(7) });
    ProducersRecord::from(&states)
}

fn once_head() -> OnceHead {
    let key = Some(KeyTag { key: [0x11; 16], body: [0x22; 16] });
    let tags = vec![(0, OnceTag { stamp_ms: 7, key: None }), (2, OnceTag { stamp_ms: 8, key })];
    OnceHead { append_ms: 1_700_000_000_000, tags }
}

/// In the middle of a change, with a learner.
fn membership() -> MembershipRecord {
    let nodes = [(1, NodeId(11)), (2, NodeId(12)), (3, NodeId(13)), (4, NodeId(14))];
    let configs = vec![BTreeSet::from([1, 2]), BTreeSet::from([2, 3])];
    MembershipRecord { configs, nodes: BTreeMap::from(nodes) }
}

fn partition_state() -> PartitionState {
    let mut epochs = EpochTable::default();
    epochs.observe(1, Offset(0));
    epochs.observe(3, Offset(4));
    PartitionState { log_start: Offset(2), next_offset: Offset(9), epochs, sealed: None }
}

fn info() -> NodeInfo {
    NodeInfo {
        peer_addr: "a:1".to_owned(),
        http_addr: "a:2".to_owned(),
        rack: "r".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

fn topic_id() -> TopicId {
    TopicId(Uuid::from_u128(0x00112233_44556677_8899aabb_ccddeeff))
}

fn settings() -> BTreeMap<String, String> {
    BTreeMap::from([("retention.ms".to_owned(), "1000".to_owned())])
}

fn metadata_state() -> MetadataState {
    let states = [ReplicaState::Voter, ReplicaState::Joining, ReplicaState::Leaving];
    let replicas: Vec<ReplicaRecord> = (1..)
        .zip(states)
        .map(|(n, state)| ReplicaRecord { id: ReplicaId(n), node: NodeId(n), state })
        .collect();
    let partition = PartitionRecord {
        group: GroupId(1),
        initial: replicas[..1].to_vec(),
        replicas,
        initialized: true,
        leader: Some(NodeId(1)),
        epoch: 2,
        membership_index: 7,
        voters: BTreeSet::from([ReplicaId(1), ReplicaId(3)]),
        damaged: BTreeSet::from([ReplicaId(3)]),
    };
    let topic = TopicRecord {
        id: topic_id(),
        name: "flights".to_owned(),
        internal: false,
        replication_factor: 2,
        rises_to: 3,
        config: settings(),
        partitions: vec![partition],
        created_ms: 1_700_000_000_000,
    };
    let states = [
        NodeState::Active,
        NodeState::Draining,
        NodeState::Decommissioning,
        NodeState::Decommissioned,
        NodeState::Replaced,
    ];
    let nodes = (1..).zip(states).map(|(n, state)| {
        let (id, disk) = (NodeId(n), DiskId(Uuid::from_u128(u128::from(n))));
        let replaced_by = (state == NodeState::Replaced).then_some(NodeId(1));
        (id, NodeRecord { id, disk, boot: 3, info: info(), state, replaced_by })
    });
    MetadataState {
        cluster: Some(ClusterId(Uuid::from_u128(9))),
        nodes: nodes.collect(),
        topic_names: BTreeMap::from([(topic.name.clone(), topic.id)]),
        topics: BTreeMap::from([(topic.id, Arc::new(topic))]),
        groups: BTreeMap::from([(GroupId(1), (topic_id(), 0))]),
        config: settings(),
        applied_index: 8,
        next_node: 6,
        next_group: 2,
        next_replica: 4,
        castle: CastleRecord::default(),
    }
}

fn commands() -> Vec<MetadataCommand> {
    use MetadataCommand::*;
    let (topic, group, node, disk) =
        (topic_id(), GroupId(1), NodeId(2), DiskId(Uuid::from_u128(3)));
    let changes =
        || BTreeMap::from([("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)]);
    let replicas = || vec![vec![NodeId(1), NodeId(2)], vec![]];
    let report = LeaderReport { group, leader: node, epoch: 4, log_start: Offset(5) };
    vec![
        Bootstrap { cluster: ClusterId(Uuid::from_u128(9)), disk, info: info() },
        Join { disk, info: info() },
        UpdateNode { node, disk, boot: 4, info: info() },
        SetNodeState { node, state: NodeState::Draining },
        RemoveNode { node },
        CreateTopic {
            topic,
            name: "flights".to_owned(),
            internal: true,
            replication_factor: 3,
            config: settings(),
            replicas: replicas(),
            now_ms: -1,
        },
        DeleteTopic { topic },
        AlterTopic { topic, config: changes() },
        AddPartitions { topic, expected: 2, replicas: replicas() },
        SetReplicationFactor { topic, replication_factor: 3 },
        Reassign { group, target: vec![node] },
        CancelReassign { group },
        MembershipReached { group, voters: vec![ReplicaId(5)], membership_index: 6 },
        ReportLeaders { leaders: vec![report] },
        SetClusterConfig { config: changes() },
        ReplaceReplica { group, replica: ReplicaId(5) },
        RaiseDefaultReplication { topic, replication_factor: 3 },
        AllocateProducerIds,
        SetPeerCluster { name: "east".to_owned(), servers: vec!["http://b:1".to_owned()] },
        RemovePeerCluster { name: "east".to_owned() },
        StartTopicMove {
            topic,
            to: "east".to_owned(),
            target: "8899aabb".to_owned(),
            hold: true,
            now_ms: -1,
        },
        SealTopic { topic },
        CancelTopicMove { topic },
        PartitionSealed { group, at: Offset(9) },
    ]
}

/// A new command does not compile until it is named here; then it wants a sample above and a
/// strategy in `test_values`.
fn command_name(command: &MetadataCommand) -> &'static str {
    match command {
        MetadataCommand::Bootstrap { .. } => "Bootstrap",
        MetadataCommand::Join { .. } => "Join",
        MetadataCommand::UpdateNode { .. } => "UpdateNode",
        MetadataCommand::SetNodeState { .. } => "SetNodeState",
        MetadataCommand::RemoveNode { .. } => "RemoveNode",
        MetadataCommand::CreateTopic { .. } => "CreateTopic",
        MetadataCommand::DeleteTopic { .. } => "DeleteTopic",
        MetadataCommand::AlterTopic { .. } => "AlterTopic",
        MetadataCommand::AddPartitions { .. } => "AddPartitions",
        MetadataCommand::SetReplicationFactor { .. } => "SetReplicationFactor",
        MetadataCommand::Reassign { .. } => "Reassign",
        MetadataCommand::CancelReassign { .. } => "CancelReassign",
        MetadataCommand::MembershipReached { .. } => "MembershipReached",
        MetadataCommand::ReportLeaders { .. } => "ReportLeaders",
        MetadataCommand::SetClusterConfig { .. } => "SetClusterConfig",
        MetadataCommand::ReplaceReplica { .. } => "ReplaceReplica",
        MetadataCommand::RaiseDefaultReplication { .. } => "RaiseDefaultReplication",
        MetadataCommand::AllocateProducerIds => "AllocateProducerIds",
        MetadataCommand::SetPeerCluster { .. } => "SetPeerCluster",
        MetadataCommand::RemovePeerCluster { .. } => "RemovePeerCluster",
        MetadataCommand::StartTopicMove { .. } => "StartTopicMove",
        MetadataCommand::SealTopic { .. } => "SealTopic",
        MetadataCommand::CancelTopicMove { .. } => "CancelTopicMove",
        MetadataCommand::PartitionSealed { .. } => "PartitionSealed",
    }
}
