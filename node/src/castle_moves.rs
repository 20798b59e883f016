//! `[pure]` What is said about a topic that goes on in another cluster: to whoever is refused, and to
//! those who ask Castle where to go. From the metadata alone, so that every node says the same. What
//! is only announced may be taken back and is not said.

use std::collections::BTreeMap;

use rampart_api::http::castle::{BrokerCandidate, ClusterDispatch, TopicDispatch};
use rampart_api::model::ids::{Offset, PartitionId, TopicId};
use rampart_api::model::problem::MovedTo;
use rampart_raft_store::state::metadata::castle::{MovePhase, TopicMove};
use rampart_raft_store::state::metadata::state::MetadataState;

use crate::partition::request::PartitionKey;

/// The move of a topic, once there is no way back.
fn under_way(state: &MetadataState, topic: TopicId) -> Option<&TopicMove> {
    state.castle.moves.get(&topic).filter(|moving| match moving.phase {
        MovePhase::Preparing => false,
        MovePhase::Sealing | MovePhase::Moved => true,
    })
}

fn servers<'a>(state: &'a MetadataState, moving: &TopicMove) -> &'a [String] {
    state.castle.clusters.get(&moving.to).map_or(&[], |cluster| &cluster.servers)
}

/// Where a partition goes on.
pub fn moved_to(state: &MetadataState, key: PartitionKey) -> Option<MovedTo> {
    let moving = under_way(state, key.topic)?;
    Some(MovedTo {
        cluster: moving.to.clone(),
        servers: servers(state, moving).to_vec(),
        id: moving.target.clone(),
        sealed_at: moving.sealed.get(&key.partition).map(|at| at.0),
    })
}

/// Where a partition ends for good, as far as the metadata knows.
pub fn sealed_at(state: &MetadataState, topic: TopicId, partition: PartitionId) -> Option<Offset> {
    under_way(state, topic)?.sealed.get(&partition).copied()
}

/// Adds to Castle's answer about a topic where it goes on, and gives what belongs under the other
/// cluster's name: brokers that any of its requests may go to. Which of them leads what is for that
/// cluster's own Castle to say.
pub fn tell(
    state: &MetadataState,
    topic: TopicId,
    dispatch: &mut TopicDispatch,
) -> Option<(String, ClusterDispatch)> {
    let moving = under_way(state, topic)?;
    dispatch.moved_to = Some(moving.to.clone());
    for partition in &mut dispatch.partitions {
        partition.sealed_at = moving.sealed.get(&partition.partition).map(|at| at.0);
    }
    let broker = |(id, http): (u64, &String)| BrokerCandidate {
        id,
        http: http.clone(),
        ..Default::default()
    };
    let brokers = (1..).zip(servers(state, moving)).map(broker).collect();
    Some((moving.to.clone(), ClusterDispatch { brokers, topics: BTreeMap::new() }))
}

#[cfg(test)]
mod tests {
    use rampart_api::http::castle::PartitionDispatch;
    use rampart_raft_store::state::metadata::castle::PeerCluster;

    use super::*;

    const TOPIC: TopicId = TopicId(uuid::Uuid::nil());

    fn state(phase: MovePhase, sealed: &[(PartitionId, u64)]) -> MetadataState {
        let mut state = MetadataState::default();
        let servers = vec!["http://a:1".to_owned(), "http://b:1".to_owned()];
        state.castle.clusters.insert("east".into(), PeerCluster { servers });
        let sealed = sealed.iter().map(|(number, at)| (*number, Offset(*at))).collect();
        let moving = TopicMove { phase, sealed, ..TopicMove::announced("east", "t-there", 0) };
        state.castle.moves.insert(TOPIC, moving);
        state
    }

    fn dispatch() -> TopicDispatch {
        let partition = |partition| PartitionDispatch { partition, ..Default::default() };
        TopicDispatch { partitions: vec![partition(0), partition(1)], ..Default::default() }
    }

    #[test]
    fn nothing_is_said_of_what_may_be_taken_back() {
        let state = state(MovePhase::Preparing, &[]);
        let mut said = dispatch();
        assert_eq!(tell(&state, TOPIC, &mut said), None);
        assert_eq!(said, dispatch());
        assert_eq!(moved_to(&state, PartitionKey { topic: TOPIC, partition: 0 }), None);
    }

    #[test]
    fn whoever_asks_learns_the_cluster_and_where_each_partition_ends() {
        let state = state(MovePhase::Sealing, &[(1, 7)]);
        let mut said = dispatch();
        let (name, cluster) = tell(&state, TOPIC, &mut said).unwrap();
        assert_eq!((name.as_str(), said.moved_to.as_deref()), ("east", Some("east")));
        let ends: Vec<_> = said.partitions.iter().map(|p| p.sealed_at).collect();
        assert_eq!(ends, [None, Some(7)]);
        let urls: Vec<_> = cluster.brokers.iter().map(|broker| broker.http.as_str()).collect();
        assert_eq!(urls, ["http://a:1", "http://b:1"]);
        let to = moved_to(&state, PartitionKey { topic: TOPIC, partition: 1 }).unwrap();
        assert_eq!(
            (to.cluster.as_str(), to.id.as_str(), to.sealed_at),
            ("east", "t-there", Some(7))
        );
        assert_eq!(to.servers.len(), 2);
        assert_eq!(sealed_at(&state, TOPIC, 1), Some(Offset(7)));
        assert_eq!(sealed_at(&state, TOPIC, 0), None);
    }

    #[test]
    fn a_topic_that_stays_is_left_alone() {
        let mut said = dispatch();
        assert_eq!(tell(&MetadataState::default(), TOPIC, &mut said), None);
        assert_eq!(said, dispatch());
    }
}
