//! `[pure]` What a client knows of what Castle told it: the version of its answer, and which
//! directives are done. A directive comes until it is among the done ones of a heartbeat that was
//! answered, so it may come twice; it is carried out once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::http::castle::{
    BrokerCandidate, ClusterDispatch, Command, HeartbeatRequest, HeartbeatResponse,
    HeartbeatStatus, TopicDispatch,
};
use crate::model::error_code::ErrorCode;
use crate::model::limits::DIRECTIVES_PER_CLIENT_MAX;

/// What an answer is to bring about, in this order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    /// These nodes are asked first, the best one before the others.
    Prefer(Vec<BrokerCandidate>),
    /// So it stands with a topic of the client's own cluster.
    Topic(String, TopicDispatch),
    /// A topic goes on in another cluster, at these nodes.
    MovedTo { topic: String, cluster: String, brokers: Vec<BrokerCandidate> },
    /// A directive.
    Do(Command),
    /// The client is not known, and goes on without.
    NotRegistered(Option<ErrorCode>, Option<String>),
}

/// The client's side of a Castle session.
#[derive(Debug, Default)]
pub(super) struct CastleState {
    version: u64,
    /// Carried out, and not known to be known.
    done: BTreeSet<u64>,
    /// Carried out, the latest ones: they are not carried out again.
    remembered: VecDeque<u64>,
}

impl CastleState {
    /// Fills in what the next heartbeat says of the session.
    pub(super) fn fill(&self, request: HeartbeatRequest) -> HeartbeatRequest {
        let done = self.done.iter().copied().collect();
        HeartbeatRequest { known_version: self.version, done, ..request }
    }

    /// Whether something is to be said without waiting for the next beat.
    pub(super) fn is_urgent(&self) -> bool {
        !self.done.is_empty()
    }

    /// The answer to a heartbeat that named these directives as done.
    pub(super) fn answered(&mut self, named: &[u64], answer: HeartbeatResponse) -> Vec<Effect> {
        let mut effects = Vec::new();
        if answer.status == HeartbeatStatus::RegisterFail {
            self.version = 0;
            effects.push(Effect::NotRegistered(answer.code, answer.detail));
            return effects;
        }
        self.done.retain(|id| !named.contains(id));
        if answer.status != HeartbeatStatus::NoChange {
            self.version = answer.version;
            effects.extend(dispatch(&answer.clusters));
        }
        for directive in answer.directives {
            self.done.insert(directive.id);
            if !self.remembered.contains(&directive.id) {
                self.remember(directive.id);
                effects.push(Effect::Do(directive.kind));
            }
        }
        effects
    }

    /// All that is known is to be told again.
    pub(super) fn forget(&mut self) {
        self.version = 0;
    }

    fn remember(&mut self, id: u64) {
        if self.remembered.len() == DIRECTIVES_PER_CLIENT_MAX {
            self.remembered.pop_front();
        }
        self.remembered.push_back(id);
    }
}

/// Where to go. The client's own cluster is the one that no topic moves to.
fn dispatch(clusters: &BTreeMap<String, ClusterDispatch>) -> Vec<Effect> {
    let topics = || clusters.values().flat_map(|cluster| cluster.topics.iter());
    let is_target =
        |name: &String| topics().any(|(_, topic)| topic.moved_to.as_ref() == Some(name));
    let own = clusters.iter().find(|(name, _)| !is_target(name));
    let Some((_, own)) = own else { return Vec::new() };
    let mut effects = Vec::new();
    if !own.brokers.is_empty() {
        effects.push(Effect::Prefer(own.brokers.clone()));
    }
    for (name, topic) in &own.topics {
        effects.push(Effect::Topic(name.clone(), topic.clone()));
        if let Some(cluster) = &topic.moved_to {
            let target = clusters.get(cluster);
            let brokers = target.map(|target| target.brokers.clone()).unwrap_or_default();
            let (topic, cluster) = (name.clone(), cluster.clone());
            effects.push(Effect::MovedTo { topic, cluster, brokers });
        }
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::castle::Directive;

    fn directives(ids: &[u64]) -> HeartbeatResponse {
        let directives = ids.iter().map(|id| Directive { id: *id, kind: Command::Pause });
        HeartbeatResponse { version: 3, directives: directives.collect(), ..Default::default() }
    }

    fn done(state: &CastleState) -> Vec<u64> {
        state.fill(HeartbeatRequest::default()).done
    }

    #[test]
    fn a_directive_is_carried_out_once_and_named_until_that_is_known() {
        let mut state = CastleState::default();
        assert_eq!(state.answered(&[], directives(&[7])), [Effect::Do(Command::Pause)]);
        assert!(state.is_urgent());
        assert_eq!(done(&state), [7]);
        // The answer to that was lost, and the directive comes again to another heartbeat.
        assert_eq!(state.answered(&[], directives(&[7, 8])), [Effect::Do(Command::Pause)]);
        assert_eq!(done(&state), [7, 8]);
        assert_eq!(state.answered(&[7, 8], directives(&[])), []);
        assert!(!state.is_urgent());
        // A node that had not heard of it asks again: it is said again, and not done again.
        assert_eq!(state.answered(&[], directives(&[8])), []);
        assert_eq!(done(&state), [8]);
    }

    #[test]
    fn an_answer_without_change_keeps_what_is_known_and_a_refusal_forgets_it() {
        let brokers = vec![BrokerCandidate { id: 1, ..Default::default() }];
        let own = ClusterDispatch { brokers: brokers.clone(), ..Default::default() };
        let clusters = [("a".to_owned(), own)];
        let answer = || HeartbeatResponse {
            version: 9,
            clusters: clusters.clone().into(),
            ..Default::default()
        };
        let mut state = CastleState::default();
        assert_eq!(state.answered(&[], answer()), [Effect::Prefer(brokers)]);
        assert_eq!(state.fill(HeartbeatRequest::default()).known_version, 9);
        let same = HeartbeatResponse { status: HeartbeatStatus::NoChange, version: 9, ..answer() };
        assert_eq!(state.answered(&[], same), []);
        let refused = HeartbeatResponse {
            status: HeartbeatStatus::RegisterFail,
            code: Some(ErrorCode::Overloaded),
            ..Default::default()
        };
        let expected = [Effect::NotRegistered(Some(ErrorCode::Overloaded), None)];
        assert_eq!(state.answered(&[], refused), expected);
        assert_eq!(state.fill(HeartbeatRequest::default()).known_version, 0);
    }

    #[test]
    fn the_own_cluster_is_the_one_that_nothing_moves_to() {
        let broker = |id| vec![BrokerCandidate { id, ..Default::default() }];
        let moving = TopicDispatch { moved_to: Some("a".to_owned()), ..Default::default() };
        let old = ClusterDispatch {
            brokers: broker(1),
            topics: [("t".to_owned(), moving.clone())].into(),
        };
        let new = ClusterDispatch { brokers: broker(2), ..Default::default() };
        let clusters = [("b".to_owned(), old), ("a".to_owned(), new)];
        let answer = HeartbeatResponse { clusters: clusters.into(), ..Default::default() };
        let expected = [
            Effect::Prefer(broker(1)),
            Effect::Topic("t".to_owned(), moving),
            Effect::MovedTo { topic: "t".to_owned(), cluster: "a".to_owned(), brokers: broker(2) },
        ];
        assert_eq!(CastleState::default().answered(&[], answer), expected);
    }
}
