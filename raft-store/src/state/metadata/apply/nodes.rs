//! Commands about nodes: joining, restarting, draining, leaving.

use std::collections::BTreeMap;
use std::sync::Arc;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{ClusterId, DiskId, NodeId};
use rampart_api::model::problem::Problem;

use super::Handled;
use super::topics::merge_config;
use crate::state::metadata::command::{MetadataResponse, NodeInfo};
use crate::state::metadata::state::{MetadataState, NodeRecord, NodeState, ReplicaRecord};

/// Blockers named in a refusal; the rest is counted.
const BLOCKERS_NAMED_MAX: usize = 5;

impl MetadataState {
    pub(super) fn bootstrap(
        &mut self,
        cluster: ClusterId,
        disk: DiskId,
        info: &NodeInfo,
    ) -> Handled {
        if let Some(existing) = self.cluster {
            let known = self.nodes.values().find(|node| node.disk == disk);
            return match known {
                Some(node) if existing == cluster => {
                    Ok(MetadataResponse::Joined { node: node.id, cluster })
                }
                Some(_) | None => Err(Problem::new(
                    ErrorCode::InvalidRequest,
                    format!("cluster {existing} is bootstrapped already"),
                )
                .hint("use --join to add a node")),
            };
        }
        self.cluster = Some(cluster);
        // Ids start at 1: group 0 is the metadata group, and 0 is nobody's id elsewhere.
        self.next_node = self.next_node.max(1);
        self.next_group = self.next_group.max(1);
        self.next_replica = self.next_replica.max(1);
        let node = self.insert_node(disk, info);
        Ok(MetadataResponse::Joined { node, cluster })
    }

    pub(super) fn join(&mut self, disk: DiskId, info: &NodeInfo) -> Handled {
        let cluster = self.cluster.expect("commands before bootstrap are refused by handle()");
        if let Some(known) = self.nodes.values().find(|node| node.disk == disk) {
            if known.state == NodeState::Replaced {
                return Err(replaced(known));
            }
            return Ok(MetadataResponse::Joined { node: known.id, cluster });
        }
        let holders: Vec<NodeId> = self.holders(&info.peer_addr).map(|node| node.id).collect();
        if let [first, second, ..] = holders.as_slice() {
            return Err(Problem::new(
                ErrorCode::Unsafe,
                format!("{} is the address of nodes {first} and {second}", info.peer_addr),
            )
            .hint("remove the node that is gone, or join under another address"));
        }
        holders.iter().try_for_each(|old| self.check_replaceable(*old))?;
        let node = self.insert_node(disk, info);
        // The same address with another disk: the old disk is gone, its replicas are rebuilt.
        for old in holders {
            let old = self.nodes.get_mut(&old).expect("found above");
            old.state = NodeState::Replaced;
            old.replaced_by = Some(node);
        }
        Ok(MetadataResponse::Joined { node, cluster })
    }

    /// Nodes that are reached at the address.
    fn holders(&self, peer_addr: &str) -> impl Iterator<Item = &NodeRecord> {
        let living = self.nodes.values().filter(|node| node.state != NodeState::Replaced);
        living.filter(move |node| node.info.peer_addr == peer_addr)
    }

    /// A replaced node never comes back, so nothing may be lost with it: each of its partitions
    /// keeps a majority that rebuilds it.
    fn check_replaceable(&self, old: NodeId) -> Result<(), Problem> {
        let mut lost = self.partitions().filter(|(_, _, partition)| {
            let votes = |r: &ReplicaRecord| r.node == old && partition.voters.contains(&r.id);
            let (sound, all) = self.sound_voters(partition, |replica| replica.node != old);
            partition.replicas.iter().any(votes) && sound * 2 <= all
        });
        let Some((topic, number, _)) = lost.next() else { return Ok(()) };
        let more = match lost.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Err(Problem::new(
            ErrorCode::Unsafe,
            format!(
                "node {old} has this address, and without its disk {}/{number}{more} would have no \
                 majority of its replicas",
                topic.name
            ),
        )
        .hint(
            "start the node with its old data directory; if that is lost, delete the topics that \
             were lost with it; or give the new node an address of its own",
        ))
    }

    fn insert_node(&mut self, disk: DiskId, info: &NodeInfo) -> NodeId {
        let id = NodeId(self.next_node);
        self.next_node += 1;
        let record = NodeRecord {
            id,
            disk,
            boot: 0,
            info: info.clone(),
            state: NodeState::Active,
            replaced_by: None,
        };
        self.nodes.insert(id, record);
        id
    }

    pub(super) fn update_node(
        &mut self,
        node: NodeId,
        disk: DiskId,
        boot: u64,
        info: &NodeInfo,
    ) -> Handled {
        let record = self.nodes.get(&node).ok_or_else(|| {
            Problem::new(
                ErrorCode::DiskRejected,
                format!("node {node} is not in this cluster: it was removed, or never joined"),
            )
            .hint("start it with an empty data directory and --join")
        })?;
        if record.disk != disk {
            return Err(Problem::new(
                ErrorCode::DiskRejected,
                format!("node {node} has disk {}, not {disk}", record.disk),
            )
            .hint(
                "the data directory belongs to another node: check the path, or start with an \
                   empty one and --join",
            ));
        }
        if record.state == NodeState::Replaced {
            return Err(replaced(record));
        }
        if boot <= record.boot {
            return Err(Problem::new(
                ErrorCode::DiskRejected,
                format!(
                    "start {boot} of node {node} is not above the recorded {}: the data \
                     directory is an older copy, or is used twice",
                    record.boot
                ),
            )
            .hint(
                "stop the other process, or start with an empty data directory and --join; \
                   the replicas are rebuilt from the other nodes",
            ));
        }
        // The address may stand in another node's record: that one is gone, or has moved as well and
        // says so when it starts. Peers tell the two apart by the handshake.
        let record = self.nodes.get_mut(&node).expect("looked up above");
        record.boot = boot;
        record.info = info.clone();
        Ok(MetadataResponse::Done)
    }

    pub(super) fn set_node_state(&mut self, node: NodeId, to: NodeState) -> Handled {
        let record = self.node(node)?;
        check_transition(record, to)?;
        if to == NodeState::Decommissioned {
            self.check_empty(node)?;
        }
        let record = self.nodes.get_mut(&node).expect("looked up above");
        record.state = to;
        Ok(MetadataResponse::Done)
    }

    pub(super) fn remove_node(&mut self, node: NodeId) -> Handled {
        self.node(node)?;
        self.check_empty(node)?;
        let stays = |other: &NodeRecord| other.id != node && other.state != NodeState::Replaced;
        if !self.nodes.values().any(stays) {
            return Err(Problem::new(
                ErrorCode::Unsafe,
                format!("node {node} is the last one of the cluster"),
            ));
        }
        self.nodes.remove(&node);
        self.forget_leader(node);
        Ok(MetadataResponse::Done)
    }

    /// No partition names a node as its leader that is not in the cluster.
    fn forget_leader(&mut self, node: NodeId) {
        for topic in self.topics.values_mut() {
            if topic.partitions.iter().any(|partition| partition.leader == Some(node)) {
                let named = Arc::make_mut(topic).partitions.iter_mut();
                named.filter(|p| p.leader == Some(node)).for_each(|p| p.leader = None);
            }
        }
    }

    pub(super) fn set_cluster_config(
        &mut self,
        changes: &BTreeMap<String, Option<String>>,
    ) -> Handled {
        merge_config(&mut self.config, changes)?;
        Ok(MetadataResponse::Done)
    }

    pub(super) fn node(&self, node: NodeId) -> Result<&NodeRecord, Problem> {
        self.nodes.get(&node).ok_or_else(|| {
            Problem::new(ErrorCode::NodeNotFound, format!("node {node} is not in the cluster"))
        })
    }

    fn check_empty(&self, node: NodeId) -> Result<(), Problem> {
        let count = self.replicas_on(node).count();
        if count == 0 {
            return Ok(());
        }
        let mut named: Vec<String> = self
            .replicas_on(node)
            .take(BLOCKERS_NAMED_MAX)
            .map(|(topic, partition)| format!("{}/{partition}", topic.name))
            .collect();
        if count > named.len() {
            named.push(format!("{} more", count - named.len()));
        }
        Err(Problem::new(
            ErrorCode::Unsafe,
            format!("node {node} still has {count} replicas: {}", named.join(", ")),
        )
        .hint(format!("move them away first: rampart node decommission {node} --wait")))
    }
}

fn check_transition(record: &NodeRecord, to: NodeState) -> Result<(), Problem> {
    use NodeState::{Active, Decommissioned, Decommissioning, Draining, Replaced};
    let allowed = match (record.state, to) {
        (Replaced, Replaced) => true,
        (Replaced, _) => return Err(replaced(record)),
        (_, Replaced) => false,
        (Active | Draining, Active | Draining | Decommissioning) => true,
        (Active | Draining, Decommissioned) => false,
        (Decommissioning | Decommissioned, Active) => true,
        (Decommissioning, Decommissioning | Decommissioned) => true,
        (Decommissioned, Decommissioned) => true,
        (Decommissioning | Decommissioned, Draining) | (Decommissioned, Decommissioning) => false,
    };
    if allowed {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::Unsafe,
        format!("node {} cannot go from {} to {}", record.id, word(record.state), word(to)),
    )
    .hint(match to {
        Decommissioned => "decommission it first; it is done when no replica is left",
        Draining | Decommissioning => "recommission it first",
        Active | Replaced => "a node is replaced by joining with its address and another disk",
    }))
}

fn replaced(record: &NodeRecord) -> Problem {
    let by = record.replaced_by.map_or_else(|| "another node".into(), |by| format!("node {by}"));
    Problem::new(
        ErrorCode::DiskRejected,
        format!("node {} was replaced by {by} and does not come back", record.id),
    )
    .hint("start it with an empty data directory and --join: it becomes a new node")
}

/// The word for a node state in messages, as in its JSON form.
fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Active => "active",
        NodeState::Draining => "draining",
        NodeState::Decommissioning => "decommissioning",
        NodeState::Decommissioned => "decommissioned",
        NodeState::Replaced => "replaced",
    }
}
