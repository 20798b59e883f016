//! Strategies for everything that is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use rampart_api::model::ids::{ClusterId, DiskId, GroupId, NodeId, Offset, ReplicaId, TopicId};
use rampart_api::model::once::{KeyTag, OnceTag};
use uuid::Uuid;

use crate::format::log_id::StoredLogId;
use crate::format::membership::{MembershipRecord, StoredMembershipRecord};
use crate::format::once::OnceHead;
use crate::state::metadata::command::{LeaderReport, MetadataCommand, NodeInfo};
use crate::state::metadata::state::{
    MetadataState, NodeRecord, NodeState, PartitionRecord, ReplicaRecord, ReplicaState, TopicRecord,
};
use crate::state::partition::producers::{OnceBatch, Verdict, Written};
use crate::state::partition::{
    EpochTable, PartitionState, ProducerStates, ProducersRecord, Sealed,
};

pub(crate) fn log_ids() -> impl Strategy<Value = StoredLogId> {
    any::<(u64, u64)>().prop_map(|(term, index)| StoredLogId { term, index })
}

/// One voter set, or two while it changes, and perhaps learners.
pub(crate) fn membership_records() -> impl Strategy<Value = MembershipRecord> {
    let nodes = btree_map(any::<u64>(), any::<u64>().prop_map(NodeId), 1..7);
    nodes.prop_flat_map(|nodes| {
        let ids: Vec<u64> = nodes.keys().copied().collect();
        let voters = prop::sample::subsequence(ids.clone(), 1..=ids.len());
        let configs = vec(voters.prop_map(BTreeSet::from_iter), 1..3);
        configs.prop_map(move |configs| MembershipRecord { configs, nodes: nodes.clone() })
    })
}

pub(crate) fn stored_memberships() -> impl Strategy<Value = StoredMembershipRecord> {
    let membership = prop_oneof![Just(MembershipRecord::default()), membership_records()];
    (option::of(log_ids()), membership)
        .prop_map(|(log_id, membership)| StoredMembershipRecord { log_id, membership })
}

pub(crate) fn partition_states() -> impl Strategy<Value = PartitionState> {
    let epochs = vec((1..9u64, 0..99u64), 0..6);
    (offsets(), offsets(), epochs).prop_map(|(log_start, next_offset, steps)| {
        let (mut epochs, mut epoch, mut offset) = (EpochTable::default(), 0, 0);
        for (epoch_step, offset_step) in steps {
            epoch += epoch_step;
            offset += offset_step;
            epochs.observe(epoch, Offset(offset));
        }
        PartitionState { log_start, next_offset, epochs, sealed: None }
    })
}

pub(crate) fn sealed() -> impl Strategy<Value = Sealed> {
    (any::<u64>(), offsets()).prop_map(|(index, at)| Sealed { index, at })
}

/// Of histories that may have happened.
pub(crate) fn producers_records() -> impl Strategy<Value = ProducersRecord> {
    let written = (0..3i64, 1..9u32, option::of(key_tags()), 0..9u64);
    vec(written, 0..8).prop_map(|history| {
        let (mut states, mut next) = (ProducerStates::default(), BTreeMap::new());
        for (index, (producer_id, records, key, offset)) in (0..).zip(history) {
            let sequence = next.entry(producer_id).or_insert(0);
            let batch = OnceBatch {
                producer_id,
                producer_epoch: 0,
                base_sequence: *sequence,
                records,
                stamp_ms: 1,
                key,
            };
            assert!(states.enter(index, index as i64));
            if states.check(&batch, 0) == Verdict::New {
                *sequence = batch.last_sequence() + 1;
                states.note(&batch, Written { term: 1, base_offset: Offset(offset) });
            }
        }
        ProducersRecord::from(&states)
    })
}

pub(crate) fn once_heads() -> impl Strategy<Value = OnceHead> {
    let tags = btree_map(any::<u32>(), (any::<i64>(), option::of(key_tags())), 0..5);
    (any::<i64>(), tags).prop_map(|(append_ms, tags)| {
        let tag = |(number, (stamp_ms, key))| (number, OnceTag { stamp_ms, key });
        OnceHead { append_ms, tags: tags.into_iter().map(tag).collect() }
    })
}

fn key_tags() -> impl Strategy<Value = KeyTag> {
    any::<([u8; 16], [u8; 16])>().prop_map(|(key, body)| KeyTag { key, body })
}

pub(crate) fn offsets() -> impl Strategy<Value = Offset> {
    any::<u64>().prop_map(Offset)
}

fn text() -> impl Strategy<Value = String> {
    ".{0,9}"
}

fn topic_ids() -> impl Strategy<Value = TopicId> {
    any::<u128>().prop_map(|id| TopicId(Uuid::from_u128(id)))
}

fn cluster_ids() -> impl Strategy<Value = ClusterId> {
    any::<u128>().prop_map(|id| ClusterId(Uuid::from_u128(id)))
}

fn disk_ids() -> impl Strategy<Value = DiskId> {
    any::<u128>().prop_map(|id| DiskId(Uuid::from_u128(id)))
}

fn groups() -> impl Strategy<Value = GroupId> {
    any::<u64>().prop_map(GroupId)
}

fn nodes() -> impl Strategy<Value = NodeId> {
    any::<u64>().prop_map(NodeId)
}

fn replica_ids() -> impl Strategy<Value = ReplicaId> {
    any::<u64>().prop_map(ReplicaId)
}

fn node_infos() -> impl Strategy<Value = NodeInfo> {
    (text(), text(), text(), text()).prop_map(|(peer_addr, http_addr, rack, version)| NodeInfo {
        peer_addr,
        http_addr,
        rack,
        version,
    })
}

fn node_states() -> impl Strategy<Value = NodeState> {
    prop::sample::select(vec![
        NodeState::Active,
        NodeState::Draining,
        NodeState::Decommissioning,
        NodeState::Decommissioned,
        NodeState::Replaced,
    ])
}

fn settings() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(text(), text(), 0..3)
}

fn changes() -> impl Strategy<Value = BTreeMap<String, Option<String>>> {
    btree_map(text(), option::of(text()), 0..3)
}

/// Every command there is; `golden` has one of each and refuses to forget a new one.
pub(crate) fn metadata_commands() -> impl Strategy<Value = MetadataCommand> {
    prop_oneof![node_commands(), topic_commands(), partition_commands(), castle_commands()]
}

fn castle_commands() -> impl Strategy<Value = MetadataCommand> {
    use MetadataCommand::*;
    prop_oneof![
        (text(), vec(text(), 0..3)).prop_map(|(name, servers)| SetPeerCluster { name, servers }),
        text().prop_map(|name| RemovePeerCluster { name }),
        (topic_ids(), text(), text(), any::<(bool, i64)>()).prop_map(
            |(topic, to, target, (hold, now_ms))| StartTopicMove {
                topic,
                to,
                target,
                hold,
                now_ms
            }
        ),
        topic_ids().prop_map(|topic| SealTopic { topic }),
        topic_ids().prop_map(|topic| CancelTopicMove { topic }),
        (groups(), offsets()).prop_map(|(group, at)| PartitionSealed { group, at }),
    ]
}

fn node_commands() -> impl Strategy<Value = MetadataCommand> {
    use MetadataCommand::*;
    prop_oneof![
        (cluster_ids(), disk_ids(), node_infos()).prop_map(|(cluster, disk, info)| Bootstrap {
            cluster,
            disk,
            info
        }),
        (disk_ids(), node_infos()).prop_map(|(disk, info)| Join { disk, info }),
        (nodes(), disk_ids(), any::<u64>(), node_infos())
            .prop_map(|(node, disk, boot, info)| UpdateNode { node, disk, boot, info }),
        (nodes(), node_states()).prop_map(|(node, state)| SetNodeState { node, state }),
        nodes().prop_map(|node| RemoveNode { node }),
        changes().prop_map(|config| SetClusterConfig { config }),
    ]
}

fn topic_commands() -> impl Strategy<Value = MetadataCommand> {
    use MetadataCommand::*;
    let lists = || vec(vec(nodes(), 0..4), 0..4);
    let plain = (text(), any::<bool>(), any::<u32>(), any::<i64>());
    prop_oneof![
        (topic_ids(), plain, settings(), lists()).prop_map(|(topic, plain, config, replicas)| {
            let (name, internal, replication_factor, now_ms) = plain;
            CreateTopic { topic, name, internal, replication_factor, config, replicas, now_ms }
        }),
        topic_ids().prop_map(|topic| DeleteTopic { topic }),
        (topic_ids(), changes()).prop_map(|(topic, config)| AlterTopic { topic, config }),
        (topic_ids(), any::<u32>(), lists())
            .prop_map(|(topic, expected, replicas)| AddPartitions { topic, expected, replicas }),
        (topic_ids(), any::<u32>()).prop_map(|(topic, replication_factor)| SetReplicationFactor {
            topic,
            replication_factor
        }),
        (topic_ids(), any::<u32>()).prop_map(|(topic, replication_factor)| {
            RaiseDefaultReplication { topic, replication_factor }
        }),
    ]
}

fn partition_commands() -> impl Strategy<Value = MetadataCommand> {
    use MetadataCommand::*;
    let report = (groups(), nodes(), any::<u64>(), offsets()).prop_map(
        |(group, leader, epoch, log_start)| LeaderReport { group, leader, epoch, log_start },
    );
    prop_oneof![
        (groups(), vec(nodes(), 0..4)).prop_map(|(group, target)| Reassign { group, target }),
        groups().prop_map(|group| CancelReassign { group }),
        (groups(), vec(replica_ids(), 0..4), any::<u64>()).prop_map(
            |(group, voters, membership_index)| MembershipReached {
                group,
                voters,
                membership_index
            }
        ),
        vec(report, 0..4).prop_map(|leaders| ReportLeaders { leaders }),
        (groups(), replica_ids()).prop_map(|(group, replica)| ReplaceReplica { group, replica }),
        Just(AllocateProducerIds),
    ]
}

fn node_records() -> impl Strategy<Value = NodeRecord> {
    let who = (nodes(), disk_ids(), any::<u64>());
    (who, node_infos(), node_states(), option::of(nodes())).prop_map(
        |((id, disk, boot), info, state, replaced_by)| NodeRecord {
            id,
            disk,
            boot,
            info,
            state,
            replaced_by,
        },
    )
}

fn replica_records() -> impl Strategy<Value = ReplicaRecord> {
    let states = vec![ReplicaState::Voter, ReplicaState::Joining, ReplicaState::Leaving];
    (replica_ids(), nodes(), prop::sample::select(states))
        .prop_map(|(id, node, state)| ReplicaRecord { id, node, state })
}

prop_compose! {
    fn partition_records()(
        group in groups(),
        replicas in vec(replica_records(), 0..4),
        initial in vec(replica_records(), 0..4),
        initialized: bool,
        leader in option::of(nodes()),
        (epoch, membership_index) in any::<(u64, u64)>(),
        voters in btree_set(replica_ids(), 0..4),
        damaged in btree_set(replica_ids(), 0..2),
    ) -> PartitionRecord {
        PartitionRecord {
            group,
            replicas,
            initial,
            initialized,
            leader,
            epoch,
            membership_index,
            voters,
            damaged,
        }
    }
}

prop_compose! {
    fn topic_records()(
        id in topic_ids(),
        name in text(),
        (internal, rises_to) in any::<(bool, u8)>(),
        replication_factor: u32,
        config in settings(),
        partitions in vec(partition_records(), 0..3),
        created_ms: i64,
    ) -> TopicRecord {
        TopicRecord {
            id,
            name,
            internal,
            replication_factor,
            rises_to,
            config,
            partitions,
            created_ms,
        }
    }
}

prop_compose! {
    /// Of the right shape; what it says need not make sense.
    pub(crate) fn metadata_states()(
        cluster in option::of(cluster_ids()),
        nodes in btree_map(nodes(), node_records(), 0..3),
        topics in btree_map(topic_ids(), topic_records().prop_map(Arc::new), 0..3),
        topic_names in btree_map(text(), topic_ids(), 0..3),
        groups in btree_map(groups(), (topic_ids(), any::<u32>()), 0..3),
        config in settings(),
        applied_index: u64,
        (next_node, next_group, next_replica) in any::<(u64, u64, u64)>(),
    ) -> MetadataState {
        MetadataState {
            cluster,
            nodes,
            topics,
            topic_names,
            groups,
            config,
            applied_index,
            next_node,
            next_group,
            next_replica,
            castle: Default::default(),
        }
    }
}
