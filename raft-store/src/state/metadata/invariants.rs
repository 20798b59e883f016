//! What is true of the metadata after every command. Checked by the tests of `apply` after each
//! step, and by whoever opens a snapshot (INV-04).

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::model::ids::{PartitionId, ReplicaId};

use super::castle::MovePhase;
use super::state::{MetadataState, NodeState, PartitionRecord, ReplicaState, TopicRecord};

impl MetadataState {
    /// Says what is wrong, if anything is.
    ///
    /// # Errors
    /// The first violated rule, naming the thing.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.check_nodes()?;
        self.check_names()?;
        self.check_groups()?;
        self.check_replica_ids()?;
        self.check_moves()?;
        self.partitions().try_for_each(|(topic, number, partition)| {
            self.check_partition(partition)
                .map_err(|wrong| format!("{}/{number}: {wrong}", topic.name))
        })
    }

    fn check_nodes(&self) -> Result<(), String> {
        let bootstrapped = self.cluster.is_some();
        ensure(bootstrapped || self.nodes.is_empty(), || "nodes without a cluster".into())?;
        ensure(bootstrapped || self.topics.is_empty(), || "topics without a cluster".into())?;
        let mut disks = BTreeSet::new();
        for (id, node) in &self.nodes {
            ensure(*id == node.id, || format!("node {} is kept under id {id}", node.id))?;
            ensure(id.0 >= 1 && id.0 < self.next_node, || format!("node id {id} was not given"))?;
            ensure(disks.insert(node.disk), || format!("disk {} has two nodes", node.disk))?;
            let replaced = node.state == NodeState::Replaced;
            ensure(replaced == node.replaced_by.is_some(), || {
                format!("node {id} is {:?}, replaced by {:?}", node.state, node.replaced_by)
            })?;
            let gone = node.state == NodeState::Decommissioned;
            ensure(!gone || self.replicas_on(*id).next().is_none(), || {
                format!("node {id} is decommissioned and has replicas")
            })?;
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), String> {
        let names: BTreeMap<_, _> = self.topics.values().map(|t| (t.name.clone(), t.id)).collect();
        ensure(names.len() == self.topics.len(), || "two topics of one name".into())?;
        ensure(names == self.topic_names, || "the names are not those of the topics".into())?;
        let own = self.topics.iter().all(|(id, topic)| *id == topic.id);
        ensure(own, || "a topic is kept under another id".into())
    }

    fn check_groups(&self) -> Result<(), String> {
        let mut groups = BTreeMap::new();
        for (topic, number, partition) in self.partitions() {
            let group = partition.group;
            let given = group.0 >= 1 && group.0 < self.next_group;
            ensure(given, || format!("group id {group} was not given"))?;
            let single = groups.insert(group, (topic.id, number)).is_none();
            ensure(single, || format!("group {group} is two partitions"))?;
        }
        ensure(groups == self.groups, || "the groups are not those of the partitions".into())
    }

    fn check_replica_ids(&self) -> Result<(), String> {
        let mut owners: BTreeMap<ReplicaId, (&TopicRecord, PartitionId)> = BTreeMap::new();
        for (topic, number, partition) in self.partitions() {
            for replica in partition.replicas.iter().chain(&partition.initial) {
                let given = replica.id.0 >= 1 && replica.id.0 < self.next_replica;
                ensure(given, || format!("replica id {} was not given", replica.id))?;
                let (owner, at) = owners.entry(replica.id).or_insert((topic, number));
                ensure(owner.id == topic.id && *at == number, || {
                    format!("replica id {} is in two partitions", replica.id)
                })?;
            }
        }
        Ok(())
    }

    fn check_moves(&self) -> Result<(), String> {
        for (topic, moving) in &self.castle.moves {
            let Some(record) = self.topics.get(topic) else {
                return Err(format!("topic {topic} moves and is not there"));
            };
            let known = self.castle.clusters.contains_key(&moving.to);
            ensure(known, || format!("{} moves to unknown {}", record.name, moving.to))?;
            let count = record.partitions.len();
            let exist = moving.sealed.keys().all(|number| (*number as usize) < count);
            ensure(exist, || format!("{}: a sealed partition is not there", record.name))?;
            let goes_on = moving.phase == MovePhase::Preparing || !moving.held;
            ensure(goes_on, || format!("INV-21: {} is held and goes on", record.name))?;
            let fits = match moving.phase {
                MovePhase::Preparing => moving.sealed.is_empty(),
                MovePhase::Sealing => moving.sealed.len() < count,
                MovePhase::Moved => moving.sealed.len() == count,
            };
            ensure(fits, || {
                format!("INV-21: {}: {:?} with {:?}", record.name, moving.phase, moving.sealed)
            })?;
        }
        Ok(())
    }

    fn check_partition(&self, partition: &PartitionRecord) -> Result<(), String> {
        ensure(!partition.replicas.is_empty(), || "no replicas".into())?;
        ensure(!partition.initial.is_empty(), || "no creation record".into())?;
        let mut ids = BTreeSet::new();
        let mut nodes = BTreeSet::new();
        for replica in &partition.replicas {
            let (id, node) = (replica.id, replica.node);
            ensure(ids.insert(id), || format!("replica {id} twice"))?;
            ensure(self.nodes.contains_key(&node), || format!("replica on unknown node {node}"))?;
            let damaged = partition.damaged.contains(&id);
            // Only a damaged replica stands beside another one on its node, until it is gone.
            ensure(damaged || nodes.insert(node), || format!("two replicas on node {node}"))?;
            ensure(!damaged || replica.state == ReplicaState::Leaving, || {
                format!("damaged replica {id} is {:?}", replica.state)
            })?;
            let votes = partition.voters.contains(&id);
            ensure(replica.state != ReplicaState::Voter || votes, || {
                format!("replica {id} is a voter and was never reported as one")
            })?;
            ensure(replica.state != ReplicaState::Joining || !votes, || {
                format!("replica {id} joins and votes already")
            })?;
        }
        ensure(partition.voters.is_subset(&ids), || "a voter without a record".into())?;
        ensure(partition.damaged.is_subset(&ids), || "a damaged one without a record".into())?;
        let leader = partition.leader.is_none_or(|node| self.nodes.contains_key(&node));
        ensure(leader, || "the leader's node is not in the cluster".into())
    }
}

fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(wrong()) }
}
