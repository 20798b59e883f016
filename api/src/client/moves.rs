//! `[pure]` Where a producer or a consumer of one partition goes on when the topic moves to another
//! cluster: the old one, then the new one, never both at once. No partition is in two places for one
//! client, which is what keeps the order of a key.
//!
//! A producer goes over once everything that it sent to the old partition is decided: written, or
//! certainly not. What the seal refused is the first to be sent to the new one, in the same order as
//! before; so is everything behind it, for a partition that is sealed takes nothing more. What may
//! have been written is asked for again at the *old* cluster, under its number: it remembers what it
//! wrote before the seal, and answers with its offset.
//!
//! A consumer reads the old partition to where it ends before it reads anything of the new one. In a
//! group it goes over when everything below that is settled, and nothing is parked.

use crate::http::castle::{ClusterDispatch, TopicDispatch};
use crate::http::castle_moves::MovedTo;
use crate::http::error::ProblemBody;
use crate::model::error_code::ErrorCode;
use crate::model::problem::Outcome;

/// Where a client of one partition works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Side {
    /// The cluster that it began with.
    #[default]
    Old,
    /// The one that the topic moved to.
    New(Destination),
}

/// The cluster that a topic moved to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// The name that the old cluster has for it.
    pub cluster: String,
    /// URLs of its servers.
    pub servers: Vec<String>,
}

/// A producer's way over, for one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerMove {
    target: Option<Destination>,
    undecided: usize,
}

impl ProducerMove {
    /// A batch is sent to the old cluster.
    pub fn sent(&mut self) {
        self.undecided += 1;
    }

    /// A batch that was sent there is decided: written, or certainly not.
    pub fn decided(&mut self) {
        self.undecided = self.undecided.saturating_sub(1);
    }

    /// What the old cluster refused. Says whether the batch goes to the new one: then it is decided
    /// here, too. What has another code, or may have been written, stays the old cluster's.
    pub fn refused(&mut self, refusal: &ProblemBody) -> bool {
        let Some(destination) = destination_of(refusal) else { return false };
        self.target = Some(destination);
        self.decided();
        true
    }

    /// Castle says that the partition goes on elsewhere.
    pub fn told(&mut self, destination: Destination) {
        self.target.get_or_insert(destination);
    }

    /// Whether anything may still be sent to the old cluster for the first time.
    pub fn may_send_to_old(&self) -> bool {
        self.target.is_none()
    }

    /// Where new batches go; nothing while what was sent to the old cluster is not decided.
    pub fn side(&self) -> Option<Side> {
        match &self.target {
            None => Some(Side::Old),
            Some(target) if self.undecided == 0 => Some(Side::New(target.clone())),
            Some(_) => None,
        }
    }
}

/// How far a consumer is in the old partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// Everything below is settled, or was read where nothing is settled.
    pub offset: u64,
    /// Records of the partition that are parked and come again.
    pub parked: u64,
}

/// Where a consumer reads: the old partition until it is read to where it ends for good. A partition
/// whose end is not known yet is not read to it, however quiet it is.
pub fn consumer_side(
    sealed_at: Option<u64>,
    reached: Reached,
    destination: Option<&Destination>,
) -> Side {
    match (sealed_at, destination) {
        (Some(end), Some(to)) if reached.offset >= end && reached.parked == 0 => {
            Side::New(to.clone())
        }
        _ => Side::Old,
    }
}

/// The destination that a refusal names. Only what was certainly not done may be done elsewhere.
pub fn destination_of(refusal: &ProblemBody) -> Option<Destination> {
    if refusal.code != ErrorCode::TopicMoved || refusal.outcome != Outcome::NotDone {
        return None;
    }
    let MovedTo { cluster, servers, .. } = *refusal.moved_to.clone()?;
    (!servers.is_empty()).then_some(Destination { cluster, servers })
}

/// The destination that Castle's answer names for a topic.
pub fn destination_in(
    topic: &TopicDispatch,
    cluster: impl Fn(&str) -> Option<ClusterDispatch>,
) -> Option<Destination> {
    let name = topic.moved_to.clone()?;
    let servers = cluster(&name)?.brokers.into_iter().map(|broker| broker.http).collect();
    Some(Destination { cluster: name, servers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::castle::BrokerCandidate;
    use crate::model::problem::{self, Problem};

    fn east() -> Destination {
        Destination { cluster: "east".into(), servers: vec!["http://a:1".into()] }
    }

    fn moved(problem: Problem) -> ProblemBody {
        let Destination { cluster, servers } = east();
        let to = problem::MovedTo { cluster, servers, id: "7".into(), sealed_at: None };
        ProblemBody::from(&Problem { moved_to: Some(Box::new(to)), ..problem })
    }

    #[test]
    fn a_producer_goes_over_once_all_it_sent_is_decided() {
        let mut moving = ProducerMove::default();
        assert_eq!(moving.side(), Some(Side::Old));
        moving.sent();
        moving.sent();
        moving.sent();
        moving.decided();
        assert!(moving.refused(&moved(Problem::new(ErrorCode::TopicMoved, "sealed"))));
        assert!(!moving.may_send_to_old());
        assert_eq!(moving.side(), None, "one is not decided");
        moving.decided();
        assert_eq!(moving.side(), Some(Side::New(east())));
    }

    #[test]
    fn what_may_have_been_written_stays_with_the_old_cluster() {
        let mut moving = ProducerMove::default();
        moving.sent();
        for other in [
            moved(Problem::unknown(ErrorCode::TopicMoved, "perhaps")),
            moved(Problem::unknown(ErrorCode::Timeout, "perhaps")),
            moved(Problem::new(ErrorCode::NotLeader, "no")),
            ProblemBody::from(&Problem::new(ErrorCode::TopicMoved, "to nobody knows where")),
        ] {
            assert!(!moving.refused(&other), "{other:?}");
            assert_eq!(moving.side(), Some(Side::Old));
        }
        moving.told(east());
        assert_eq!(moving.side(), None, "what was sent is asked for again, there");
        assert!(!moving.may_send_to_old());
        moving.decided();
        assert_eq!(moving.side(), Some(Side::New(east())));
    }

    #[test]
    fn a_consumer_reads_the_old_partition_to_its_end_first() {
        let (to, reached) = (east(), |offset, parked| Reached { offset, parked });
        let cases = [
            (None, reached(9, 0), Some(&to), false),
            (Some(9), reached(8, 0), Some(&to), false),
            (Some(9), reached(9, 1), Some(&to), false),
            (Some(9), reached(9, 0), None, false),
            (Some(9), reached(9, 0), Some(&to), true),
            (Some(0), reached(0, 0), Some(&to), true),
        ];
        for (sealed_at, reached, to, is_new) in cases {
            let side = consumer_side(sealed_at, reached, to);
            assert_eq!(side != Side::Old, is_new, "{sealed_at:?} {reached:?} {to:?}");
        }
    }

    #[test]
    fn castle_names_the_servers_of_the_other_cluster() {
        let broker = BrokerCandidate { http: "http://a:1".into(), ..Default::default() };
        let cluster = ClusterDispatch { brokers: vec![broker], ..Default::default() };
        let known = |name: &str| (name == "east").then(|| cluster.clone());
        let mut topic = TopicDispatch::default();
        assert_eq!(destination_in(&topic, known), None);
        topic.moved_to = Some("east".into());
        assert_eq!(destination_in(&topic, known), Some(east()));
        topic.moved_to = Some("west".into());
        assert_eq!(destination_in(&topic, known), None);
    }
}
