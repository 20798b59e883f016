//! Commands about topics: creation, deletion, configuration, partitions, replication factor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{GroupId, NodeId, PartitionId, ReplicaId, TopicId};
use rampart_api::model::problem::Problem;

use super::Handled;
use crate::state::metadata::command::MetadataResponse;
use crate::state::metadata::state::{
    MetadataState, NodeState, PartitionRecord, ReplicaRecord, ReplicaState, TopicRecord,
};

/// Topics, whatever an operator allows: the limits in force are in the node's configuration and are
/// checked by the proposer; these are the same on every node.
const TOPICS_EVER_MAX: usize = 1_000_000;
/// Partitions of one topic, likewise.
const PARTITIONS_EVER_MAX: usize = 100_000;
/// What a replication factor that is not reached yet may rise to.
const RISES_TO_MAX: u32 = u8::MAX as u32;
/// Explicit keys of one configuration.
const CONFIG_KEYS_MAX: usize = 200;
/// Bytes of one configuration key or value.
const CONFIG_TEXT_BYTES_MAX: usize = 4 << 10;

/// The fields of `CreateTopic`.
pub(super) struct Creation<'a> {
    pub(super) topic: TopicId,
    pub(super) name: &'a str,
    pub(super) internal: bool,
    pub(super) replication_factor: u32,
    pub(super) config: &'a BTreeMap<String, String>,
    pub(super) replicas: &'a [Vec<NodeId>],
    pub(super) now_ms: i64,
}

impl MetadataState {
    pub(super) fn create_topic(&mut self, new: &Creation<'_>) -> Handled {
        if let Some(existing) = self.topics.get(&new.topic).filter(|t| t.name == new.name) {
            // The same command again, by a proposer that lost the first answer.
            return Ok(created(existing));
        }
        self.check_creation(new)?;
        let partitions = new.replicas.iter().map(|nodes| self.new_partition(nodes)).collect();
        let factor = new.replicas.first().map_or(0, Vec::len);
        let replication_factor = u32::try_from(factor).expect("bounded by the number of nodes");
        let rises = replication_factor < new.replication_factor;
        let record = TopicRecord {
            id: new.topic,
            name: new.name.to_owned(),
            internal: new.internal,
            replication_factor,
            rises_to: if rises { rises_to(new.replication_factor) } else { 0 },
            config: new.config.clone(),
            partitions,
            created_ms: new.now_ms,
        };
        let response = created(&record);
        self.topic_names.insert(record.name.clone(), record.id);
        self.index_groups(&record, 0);
        self.topics.insert(record.id, Arc::new(record));
        Ok(response)
    }

    fn check_creation(&self, new: &Creation<'_>) -> Result<(), Problem> {
        if self.topic_names.contains_key(new.name) {
            return Err(Problem::new(
                ErrorCode::TopicExists,
                format!("a topic named {:?} exists already", new.name),
            )
            .hint("choose another name, or alter the existing topic"));
        }
        if self.topics.contains_key(&new.topic) {
            return Err(Problem::new(
                ErrorCode::TopicExists,
                format!("topic id {} is in use by another topic", new.topic),
            ));
        }
        if self.topics.len() >= TOPICS_EVER_MAX {
            return Err(Problem::new(
                ErrorCode::Overloaded,
                format!("the cluster has {TOPICS_EVER_MAX} topics, as many as it may"),
            )
            .hint("delete topics that are no longer used"));
        }
        check_config(new.config)?;
        check_partition_count(new.replicas.len())?;
        let factor = new.replicas.first().map_or(0, Vec::len);
        let wanted = new.replication_factor;
        if factor > wanted as usize || (factor < wanted as usize && wanted > RISES_TO_MAX) {
            return Err(Problem::new(
                ErrorCode::InvalidReplicationFactor,
                format!("{factor} nodes given for replication factor {wanted}"),
            ));
        }
        new.replicas.iter().try_for_each(|nodes| self.check_placement(nodes, factor))
    }

    pub(super) fn delete_topic(&mut self, topic: TopicId) -> Handled {
        let record = self.topics.remove(&topic).ok_or_else(|| no_topic(topic))?;
        self.topic_names.remove(&record.name);
        self.castle.moves.remove(&topic);
        for partition in &record.partitions {
            self.groups.remove(&partition.group);
        }
        Ok(MetadataResponse::Done)
    }

    pub(super) fn alter_topic(
        &mut self,
        topic: TopicId,
        changes: &BTreeMap<String, Option<String>>,
    ) -> Handled {
        let record = self.topics.get_mut(&topic).ok_or_else(|| no_topic(topic))?;
        let mut config = record.config.clone();
        merge_config(&mut config, changes)?;
        Arc::make_mut(record).config = config;
        Ok(MetadataResponse::Done)
    }

    pub(super) fn add_partitions(
        &mut self,
        topic: TopicId,
        expected: PartitionId,
        replicas: &[Vec<NodeId>],
    ) -> Handled {
        let record = self.topics.get(&topic).ok_or_else(|| no_topic(topic))?;
        self.check_stays(topic)?;
        let count = record.partitions.len();
        if count != expected as usize {
            return Err(Problem::new(
                ErrorCode::InvalidRequest,
                format!("topic {} has {count} partitions now, not {expected}", record.name),
            )
            .hint("somebody else changed it meanwhile: look again and repeat if still wanted"));
        }
        if replicas.is_empty() {
            return Err(Problem::new(ErrorCode::InvalidRequest, "no partitions to add"));
        }
        check_partition_count(count.saturating_add(replicas.len()))?;
        let factor = record.replication_factor as usize;
        replicas.iter().try_for_each(|nodes| self.check_placement(nodes, factor))?;

        let added: Vec<_> = replicas.iter().map(|nodes| self.new_partition(nodes)).collect();
        let record = self.topics.get_mut(&topic).expect("looked up above");
        Arc::make_mut(record).partitions.extend(added);
        let record = record.clone();
        self.index_groups(&record, count);
        Ok(MetadataResponse::PartitionsAdded { first: expected })
    }

    pub(super) fn set_replication_factor(&mut self, topic: TopicId, factor: u32) -> Handled {
        let nodes = self.nodes.len();
        let record = self.topics.get_mut(&topic).ok_or_else(|| no_topic(topic))?;
        if factor == 0 || factor as usize > nodes {
            return Err(Problem::new(
                ErrorCode::InvalidReplicationFactor,
                format!("replication factor {factor} with {nodes} nodes in the cluster"),
            )
            .hint(format!("choose 1 to {nodes}, or add nodes first")));
        }
        let record = Arc::make_mut(record);
        record.replication_factor = factor;
        record.rises_to = 0;
        Ok(MetadataResponse::Done)
    }

    pub(super) fn raise_default_replication(&mut self, topic: TopicId, factor: u32) -> Handled {
        let record = self.topics.get_mut(&topic).ok_or_else(|| no_topic(topic))?;
        let wanted = u32::from(record.rises_to);
        let factor = factor.min(wanted);
        // Planned from an older state: an operator was faster. Nothing is left to do.
        if factor > record.replication_factor {
            let record = Arc::make_mut(record);
            record.replication_factor = factor;
            if factor == wanted {
                record.rises_to = 0;
            }
        }
        Ok(MetadataResponse::Done)
    }

    /// A new replica goes to active nodes only, and at most one of a partition to each.
    pub(super) fn check_placement(&self, nodes: &[NodeId], factor: usize) -> Result<(), Problem> {
        if nodes.is_empty() || nodes.len() != factor {
            return Err(Problem::new(
                ErrorCode::InvalidReplicationFactor,
                format!("{} nodes given for replication factor {factor}", nodes.len()),
            ));
        }
        check_distinct(nodes)?;
        nodes.iter().try_for_each(|node| self.check_takes_replicas(*node))
    }

    pub(super) fn check_takes_replicas(&self, node: NodeId) -> Result<(), Problem> {
        match self.node(node)?.state {
            NodeState::Active => Ok(()),
            NodeState::Draining
            | NodeState::Decommissioning
            | NodeState::Decommissioned
            | NodeState::Replaced => Err(Problem::new(
                ErrorCode::Unsafe,
                format!("node {node} takes no new replicas: it is on its way out"),
            )
            .hint("name active nodes, or recommission it")),
        }
    }

    fn new_partition(&mut self, nodes: &[NodeId]) -> PartitionRecord {
        let group = GroupId(self.next_group);
        self.next_group += 1;
        let replicas: Vec<_> =
            nodes.iter().map(|node| self.new_replica(*node, ReplicaState::Voter)).collect();
        PartitionRecord {
            group,
            initial: replicas.clone(),
            voters: replicas.iter().map(|replica| replica.id).collect(),
            replicas,
            initialized: false,
            leader: None,
            epoch: 0,
            membership_index: 0,
            damaged: BTreeSet::new(),
        }
    }

    pub(super) fn new_replica(&mut self, node: NodeId, state: ReplicaState) -> ReplicaRecord {
        let id = ReplicaId(self.next_replica);
        self.next_replica += 1;
        ReplicaRecord { id, node, state }
    }

    fn index_groups(&mut self, record: &TopicRecord, from: usize) {
        let numbered = (0..).zip(&record.partitions).skip(from);
        self.groups.extend(numbered.map(|(number, p)| (p.group, (record.id, number))));
    }
}

fn created(record: &TopicRecord) -> MetadataResponse {
    let groups = record.partitions.iter().map(|partition| partition.group).collect();
    MetadataResponse::TopicCreated { topic: record.id, groups }
}

fn rises_to(factor: u32) -> u8 {
    u8::try_from(factor).expect("bounded by the check of the creation")
}

pub(super) fn no_topic(topic: TopicId) -> Problem {
    Problem::new(ErrorCode::TopicNotFound, format!("no topic with id {topic}"))
}

pub(super) fn check_distinct(nodes: &[NodeId]) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    match nodes.iter().find(|node| !seen.insert(**node)) {
        None => Ok(()),
        Some(twice) => Err(Problem::new(
            ErrorCode::InvalidRequest,
            format!("node {twice} is named twice for one partition"),
        )),
    }
}

fn check_partition_count(count: usize) -> Result<(), Problem> {
    if (1..=PARTITIONS_EVER_MAX).contains(&count) {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::InvalidRequest,
        format!("a topic has 1 to {PARTITIONS_EVER_MAX} partitions, not {count}"),
    ))
}

/// Sets and resets keys, all or none.
pub(super) fn merge_config(
    config: &mut BTreeMap<String, String>,
    changes: &BTreeMap<String, Option<String>>,
) -> Result<(), Problem> {
    let mut merged = config.clone();
    for (key, value) in changes {
        match value {
            Some(value) => merged.insert(key.clone(), value.clone()),
            None => merged.remove(key),
        };
    }
    check_config(&merged)?;
    *config = merged;
    Ok(())
}

fn check_config(config: &BTreeMap<String, String>) -> Result<(), Problem> {
    if config.len() > CONFIG_KEYS_MAX {
        return Err(Problem::new(
            ErrorCode::InvalidConfig,
            format!("{} configuration keys, more than {CONFIG_KEYS_MAX}", config.len()),
        ));
    }
    let too_long = |text: &String| text.len() > CONFIG_TEXT_BYTES_MAX;
    match config.iter().find(|(key, value)| too_long(key) || too_long(value)) {
        None => Ok(()),
        Some((key, _)) => Err(Problem::new(
            ErrorCode::InvalidConfig,
            format!("{:.40?} or its value is longer than {CONFIG_TEXT_BYTES_MAX} bytes", key),
        )),
    }
}
