//! `[pure]` Where a client goes: a handful of brokers, its rack first, then little load, and the
//! leaders of its topics' partitions, all as this node knows them. INV-11: a hint and no more.
//!
//! The answer is a map from cluster to brokers and topics, since a topic may be in two of them while
//! it moves: `castle_moves` says where it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rampart_api::http::castle::{
    BrokerCandidate, ClusterDispatch, PartitionDispatch, TopicDispatch,
};
use rampart_api::model::ids::{GroupId, LeaderEpoch, NodeId};
use rampart_api::model::limits::{
    CASTLE_ANSWERS_KEPT_MAX, CASTLE_BROKERS_MAX, CASTLE_PARTITIONS_PER_ANSWER_MAX,
};
use rampart_api::model::murmur2::murmur2;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::state::metadata::state::{MetadataState, NodeState, TopicRecord};

use super::about::About;
use crate::castle_moves;

/// Brokers that are equally good are named in so many orders, so that clients spread over them.
const TURNS: u32 = 8;

/// Where to go, by the name of the cluster.
pub type Clusters = BTreeMap<String, ClusterDispatch>;

/// What the brokers and leaders that are known depend on: while it is the same, so are they.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The metadata's index.
    pub metadata: u64,
    /// Counts changes of leaders.
    pub claims: u64,
    /// Nodes that are heard.
    pub alive: BTreeSet<NodeId>,
}

impl Stamp {
    /// Whether what was made from it is right still, as things stand now.
    pub fn still_holds(&self, now: &Stamp) -> bool {
        if planted::is(Bug::CastleNamesRemovedNode) {
            return self.alive.is_superset(&now.alive);
        }
        self == now
    }
}

/// The brokers as this node knows them at some moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// Grows with every view of this node.
    pub number: u64,
    /// What it was made from.
    pub stamp: Stamp,
    /// The cluster's name: its id.
    pub cluster: String,
    brokers: Vec<Broker>,
}

/// A node that clients may be sent to.
#[derive(Debug, Clone, PartialEq)]
struct Broker {
    candidate: BrokerCandidate,
    weight: Weight,
}

/// How much a broker does already. In wide steps: a client is not sent elsewhere for a partition
/// more or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Usual,
    Heavy,
    Overburdened,
}

/// What decides where a client goes; clients with the same one get the same answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DispatchKey {
    rack: String,
    topics: BTreeSet<String>,
    turn: u32,
}

impl DispatchKey {
    /// That of a client.
    pub fn of(about: &About) -> DispatchKey {
        DispatchKey {
            rack: about.rack.clone(),
            topics: about.subscriptions.iter().map(|one| one.topic.clone()).collect(),
            turn: murmur2(about.instance_id.as_bytes()) % TURNS,
        }
    }
}

impl View {
    /// The brokers of a metadata state. `led` says how many partitions each node leads.
    pub fn of(
        number: u64,
        stamp: Stamp,
        state: &MetadataState,
        led: &BTreeMap<NodeId, u64>,
    ) -> View {
        let total: u64 = led.values().sum();
        let takes = |id: &NodeId| state.nodes[id].state == NodeState::Active;
        let there = |id: &&NodeId| {
            state.nodes.get(id).is_some_and(|node| {
                node.state != NodeState::Replaced && !node.info.http_addr.is_empty()
            })
        };
        let living: Vec<NodeId> = stamp.alive.iter().filter(there).copied().collect();
        // A cluster that is being emptied still has to be reached.
        let any_takes = living.iter().any(takes);
        let chosen = living.iter().filter(|id| !any_takes || takes(id));
        let mean = total / living.len().max(1) as u64;
        let brokers = chosen.map(|id| {
            let (node, led) = (&state.nodes[id], led.get(id).copied().unwrap_or(0));
            let candidate = BrokerCandidate {
                id: id.0,
                http: format!("http://{}", node.info.http_addr),
                kafka: None,
                rack: node.info.rack.clone(),
                load: share(led, total),
            };
            Broker { candidate, weight: Weight::of(led, mean) }
        });
        let brokers = brokers.collect();
        let cluster = state.cluster.map(|cluster| cluster.to_string()).unwrap_or_default();
        View { number, stamp, cluster, brokers }
    }

    /// A handful of brokers, best first.
    fn candidates(&self, key: &DispatchKey) -> Vec<BrokerCandidate> {
        let count = self.brokers.len();
        let turn = key.turn as usize;
        let mut order: Vec<(bool, Weight, usize, &Broker)> = Vec::with_capacity(count);
        for (position, broker) in self.brokers.iter().enumerate() {
            let is_far = broker.candidate.rack != key.rack;
            order.push((is_far, broker.weight, (position + turn) % count, broker));
        }
        order.sort_by_key(|(is_far, weight, position, _)| (*is_far, *weight, *position));
        let best = order.into_iter().take(CASTLE_BROKERS_MAX);
        best.map(|(.., broker)| broker.candidate.clone()).collect()
    }
}

impl Weight {
    fn of(led: u64, mean: u64) -> Weight {
        match led {
            led if led <= mean + mean / 4 + 1 => Weight::Usual,
            led if led <= 2 * mean + 1 => Weight::Heavy,
            _ => Weight::Overburdened,
        }
    }
}

/// The share in tenths: an answer is not news for less.
fn share(led: u64, total: u64) -> f64 {
    if total == 0 {
        return 0.0;
    }
    let tenths = (led * 10 + total / 2) / total;
    tenths as f64 / 10.0
}

/// What this node's cluster says to clients with this key. `leader` is who leads a group as far as is
/// known; one that is not heard is none.
pub fn dispatch(
    view: &View,
    key: &DispatchKey,
    state: &MetadataState,
    leader: impl Fn(GroupId) -> Option<(NodeId, LeaderEpoch)>,
) -> Clusters {
    let mut topics = BTreeMap::new();
    let mut others = Clusters::new();
    let mut room = CASTLE_PARTITIONS_PER_ANSWER_MAX;
    for name in &key.topics {
        let Some(topic) = state.topic_by_name(name) else { continue };
        let Some(left) = room.checked_sub(topic.partitions.len()) else { continue };
        room = left;
        let mut dispatch = topic_dispatch(view, topic, &leader);
        others.extend(castle_moves::tell(state, topic.id, &mut dispatch));
        topics.insert(name.clone(), dispatch);
    }
    let own = ClusterDispatch { brokers: view.candidates(key), topics };
    others.insert(view.cluster.clone(), own);
    others
}

fn topic_dispatch(
    view: &View,
    topic: &TopicRecord,
    leader: impl Fn(GroupId) -> Option<(NodeId, LeaderEpoch)>,
) -> TopicDispatch {
    let partitions = (0u32..).zip(&topic.partitions).map(|(partition, record)| {
        let (leader, epoch) = leader(record.group).unzip();
        PartitionDispatch {
            partition,
            leader: leader.filter(|node| view.stamp.alive.contains(node)).map(|node| node.0),
            epoch: epoch.unwrap_or_default(),
            sealed_at: None,
        }
    });
    TopicDispatch { partitions: partitions.collect(), ..TopicDispatch::default() }
}

/// Answers that are kept ready, so that many clients of one kind cost one answer. An answer that
/// another view leaves as it was stays the same one.
#[derive(Debug, Default)]
pub struct Dispatches {
    by_key: BTreeMap<Arc<DispatchKey>, (u64, Arc<Clusters>)>,
}

impl Dispatches {
    /// The answer of that view, if it was made.
    pub fn get(&self, key: &DispatchKey, view: u64) -> Option<Arc<Clusters>> {
        let (made, clusters) = self.by_key.get(key)?;
        (*made == view).then(|| clusters.clone())
    }

    /// Keeps an answer.
    pub fn put(&mut self, key: &Arc<DispatchKey>, view: u64, made: Clusters) -> Arc<Clusters> {
        if self.by_key.len() >= CASTLE_ANSWERS_KEPT_MAX && !self.by_key.contains_key(key) {
            self.by_key.clear();
        }
        let before = self.by_key.get(key).map(|(_, clusters)| clusters);
        let clusters = match before.filter(|before| ***before == made) {
            Some(same) => same.clone(),
            None => Arc::new(made),
        };
        self.by_key.insert(key.clone(), (view, clusters.clone()));
        clusters
    }
}

#[cfg(test)]
mod tests;
