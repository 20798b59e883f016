//! Commands about other clusters and the topics that move there. A move goes one way: it is announced,
//! then its partitions are sealed, then it has moved. Only what is announced can be taken back: once
//! the log says that a partition may be sealed, some producer may have been told.
//! Enforces INV-21.

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{GroupId, Offset, TopicId};
use rampart_api::model::limits::{
    PEER_CLUSTER_NAME_BYTES_MAX, PEER_CLUSTERS_MAX, PEER_SERVER_BYTES_MAX,
    PEER_SERVERS_PER_CLUSTER_MAX, TOPIC_MOVES_MAX,
};
use rampart_api::model::problem::Problem;

use super::Handled;
use super::topics::no_topic;
use crate::state::metadata::castle::{MovePhase, PeerCluster, TopicMove};
use crate::state::metadata::command::MetadataResponse;
use crate::state::metadata::state::MetadataState;

impl MetadataState {
    pub(super) fn set_peer_cluster(&mut self, name: &str, servers: &[String]) -> Handled {
        check_peer(name, servers)?;
        let is_new = !self.castle.clusters.contains_key(name);
        if is_new && self.castle.clusters.len() >= PEER_CLUSTERS_MAX {
            let detail = format!("{PEER_CLUSTERS_MAX} clusters are registered, as many as may be");
            return Err(Problem::new(ErrorCode::InvalidRequest, detail)
                .hint("remove those that are not used any more"));
        }
        let servers = servers.to_vec();
        self.castle.clusters.insert(name.to_owned(), PeerCluster { servers });
        Ok(MetadataResponse::Done)
    }

    pub(super) fn remove_peer_cluster(&mut self, name: &str) -> Handled {
        if !self.castle.clusters.contains_key(name) {
            return Err(no_cluster(name));
        }
        if let Some(topic) = self.castle.moves.iter().find(|(_, moving)| moving.to == name) {
            let topic = self.topics.get(topic.0).map_or("a topic", |topic| topic.name.as_str());
            let detail = format!("cluster {name} is where {topic} goes on: clients are sent there");
            return Err(Problem::new(ErrorCode::Unsafe, detail)
                .hint("delete the topics that have moved there first"));
        }
        self.castle.clusters.remove(name);
        Ok(MetadataResponse::Done)
    }

    pub(super) fn start_topic_move(&mut self, topic: TopicId, wanted: TopicMove) -> Handled {
        let record = self.topics.get(&topic).ok_or_else(|| no_topic(topic))?;
        if let Some(found) = self.castle.moves.get_mut(&topic) {
            if (&found.to, &found.target) != (&wanted.to, &wanted.target) {
                return Err(is_moving(&record.name, found));
            }
            // Asked for again, by somebody who lost the first answer or lets it go on.
            found.held = wanted.held && found.may_be_cancelled();
            return Ok(MetadataResponse::Done);
        }
        if record.internal {
            let detail = format!("topic {} is the cluster's own and stays", record.name);
            return Err(Problem::new(ErrorCode::Unsafe, detail));
        }
        if !self.castle.clusters.contains_key(&wanted.to) {
            return Err(no_cluster(&wanted.to));
        }
        if wanted.target.len() > PEER_CLUSTER_NAME_BYTES_MAX {
            let detail = format!("a topic id of {} bytes", wanted.target.len());
            return Err(Problem::new(ErrorCode::InvalidRequest, detail));
        }
        if self.castle.moves.len() >= TOPIC_MOVES_MAX {
            let detail = format!("{TOPIC_MOVES_MAX} topics move or have moved, as many as may");
            return Err(Problem::new(ErrorCode::Overloaded, detail)
                .hint("delete topics that have moved and are read to their end"));
        }
        self.castle.moves.insert(topic, wanted);
        Ok(MetadataResponse::Done)
    }

    pub(super) fn seal_topic(&mut self, topic: TopicId) -> Handled {
        let moving = self.castle.moves.get_mut(&topic).ok_or_else(|| not_moving(topic))?;
        if moving.held {
            let detail = "the move is held: nothing may be sealed yet";
            return Err(Problem::new(ErrorCode::InvalidRequest, detail));
        }
        if moving.phase == MovePhase::Preparing {
            moving.phase = MovePhase::Sealing;
        }
        Ok(MetadataResponse::Done)
    }

    pub(super) fn cancel_topic_move(&mut self, topic: TopicId) -> Handled {
        let moving = self.castle.moves.get(&topic).ok_or_else(|| not_moving(topic))?;
        if !moving.may_be_cancelled() {
            let detail = format!("the topic is being sealed: it goes on in cluster {}", moving.to);
            return Err(Problem::new(ErrorCode::Unsafe, detail)
                .hint("producers may have gone there already; to come back, move it back"));
        }
        self.castle.moves.remove(&topic);
        Ok(MetadataResponse::Done)
    }

    pub(super) fn partition_sealed(&mut self, group: GroupId, at: Offset) -> Handled {
        let gone = || {
            let detail = format!("group {group} is no partition of a topic that moves");
            Problem::new(ErrorCode::InvalidRequest, detail)
        };
        let (topic, number) = *self.groups.get(&group).ok_or_else(gone)?;
        let count = self.topics.get(&topic).map_or(0, |topic| topic.partitions.len());
        let moving = self.castle.moves.get_mut(&topic).ok_or_else(gone)?;
        if moving.phase == MovePhase::Preparing {
            return Err(gone());
        }
        // There is one seal; another end is that of a log that was recovered without a majority.
        moving.sealed.insert(number, at);
        if moving.sealed.len() == count {
            moving.phase = MovePhase::Moved;
        }
        Ok(MetadataResponse::Done)
    }

    /// A topic that moves keeps its partitions: those of the other cluster are the same.
    pub(super) fn check_stays(&self, topic: TopicId) -> Result<(), Problem> {
        let (record, moving) = (self.topics.get(&topic), self.castle.moves.get(&topic));
        match (record, moving) {
            (Some(record), Some(moving)) => Err(is_moving(&record.name, moving)),
            _ => Ok(()),
        }
    }
}

/// Whether a cluster can be registered like this.
fn check_peer(name: &str, servers: &[String]) -> Result<(), Problem> {
    let wrong = |what: String| Err(Problem::new(ErrorCode::InvalidRequest, what));
    if name.is_empty() || name.len() > PEER_CLUSTER_NAME_BYTES_MAX {
        let length = name.len();
        return wrong(format!("a name of 1 to {PEER_CLUSTER_NAME_BYTES_MAX} bytes, not {length}"));
    }
    if servers.is_empty() || servers.len() > PEER_SERVERS_PER_CLUSTER_MAX {
        let count = servers.len();
        return wrong(format!("1 to {PEER_SERVERS_PER_CLUSTER_MAX} servers, not {count}"));
    }
    match servers.iter().find(|server| server.len() > PEER_SERVER_BYTES_MAX) {
        Some(long) => wrong(format!("{long:.40?} is longer than {PEER_SERVER_BYTES_MAX} bytes")),
        None => Ok(()),
    }
}

fn no_cluster(name: &str) -> Problem {
    let detail = format!("no cluster {name:.100?} is registered");
    Problem::new(ErrorCode::InvalidRequest, detail)
        .hint("PUT /v1/castle/clusters/{name} registers one; GET /v1/castle/clusters lists them")
}

fn is_moving(name: &str, moving: &TopicMove) -> Problem {
    let detail = format!("topic {name} moves, or has moved, to cluster {}", moving.to);
    Problem::new(ErrorCode::Unsafe, detail).hint("see `rampart castle move TOPIC --status`")
}

fn not_moving(topic: TopicId) -> Problem {
    Problem::new(ErrorCode::InvalidRequest, format!("topic {topic} does not move"))
}
