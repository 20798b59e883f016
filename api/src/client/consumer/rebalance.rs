//! `[pure]` Which partitions a member holds, as the answers to its polls say, and who hears of it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Number inside the topic.
    pub partition: u32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<Arc<str>>, partition: u32) -> Self {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// Hears of partitions that come and go. Called by the consumer's own task, which does nothing else
/// while it runs: hand over whatever takes longer. There is one task for each cluster where topics of
/// the consumer are. A topic that moves is revoked in the one before it is assigned in the other.
pub trait RebalanceListener: fmt::Debug + Send + Sync {
    /// The member holds these from now on; none of their records was delivered yet.
    fn on_assigned(&self, partitions: &[TopicPartition]) {
        let _ = partitions;
    }

    /// They go to somebody else as soon as their records in hand are settled: no more are fetched,
    /// those that were fetched are still delivered, and all of them can be settled.
    fn on_revoked(&self, partitions: &[TopicPartition]) {
        let _ = partitions;
    }

    /// Somebody else may have them already: the session ran out. What was delivered of them can't be
    /// settled any more and is delivered again, to whoever has them.
    fn on_lost(&self, partitions: &[TopicPartition]) {
        let _ = partitions;
    }
}

/// What a listener is to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>),
}

impl Change {
    pub(super) fn tell(&self, listener: &dyn RebalanceListener) {
        match self {
            Change::Assigned(partitions) => listener.on_assigned(partitions),
            Change::Revoked(partitions) => listener.on_revoked(partitions),
            Change::Lost(partitions) => listener.on_lost(partitions),
        }
    }
}

/// What the member holds.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    held: BTreeSet<TopicPartition>,
}

impl Assignment {
    pub(super) fn held(&self) -> &BTreeSet<TopicPartition> {
        &self.held
    }

    /// An answer says what the member holds now: what went is told before what came.
    pub(super) fn becomes(&mut self, now: BTreeSet<TopicPartition>) -> Vec<Change> {
        let gone: Vec<_> = self.held.difference(&now).cloned().collect();
        let come: Vec<_> = now.difference(&self.held).cloned().collect();
        self.held = now;
        let mut changes = Vec::new();
        if !gone.is_empty() {
            changes.push(Change::Revoked(gone));
        }
        if !come.is_empty() {
            changes.push(Change::Assigned(come));
        }
        changes
    }

    /// The member is out of the group.
    pub(super) fn lost(&mut self) -> Option<Change> {
        let held = std::mem::take(&mut self.held);
        (!held.is_empty()).then(|| Change::Lost(held.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(partitions: &[u32]) -> BTreeSet<TopicPartition> {
        partitions.iter().map(|partition| TopicPartition::new("t", *partition)).collect()
    }

    fn list(partitions: &[u32]) -> Vec<TopicPartition> {
        set(partitions).into_iter().collect()
    }

    #[test]
    fn what_went_is_told_before_what_came_and_what_stays_is_not() {
        let mut assignment = Assignment::default();
        assert_eq!(assignment.becomes(set(&[])), []);
        assert_eq!(assignment.becomes(set(&[0, 1])), [Change::Assigned(list(&[0, 1]))]);
        assert_eq!(assignment.becomes(set(&[0, 1])), []);
        let both = [Change::Revoked(list(&[0])), Change::Assigned(list(&[2]))];
        assert_eq!(assignment.becomes(set(&[1, 2])), both);
        assert_eq!(assignment.lost(), Some(Change::Lost(list(&[1, 2]))));
        assert_eq!(assignment.lost(), None);
        assert_eq!(assignment.becomes(set(&[1])), [Change::Assigned(list(&[1]))]);
    }
}
