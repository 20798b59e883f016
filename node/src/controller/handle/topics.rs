//! Topics: create, delete, configure, grow.

use std::collections::BTreeMap;
use std::sync::Arc;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::TopicId;
use rampart_api::model::problem::{Outcome, Problem};
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::{MetadataState, TopicRecord};

use super::ControllerHandle;
use crate::controller::request::NewTopic;
use crate::controller::situation::Situation;
use crate::controller::topic_rules::{
    dry_run, group_state_due, plan_add_partitions, plan_alter, plan_create, plan_delete,
    plan_group_state, plan_set_factor,
};

impl ControllerHandle {
    /// Creates a topic, and answers its record and the metadata index that has it. With a dry run
    /// the record is what would be, and the index is that of the state it was planned on.
    ///
    /// # Errors
    /// Names what is wrong with the request; an unknown outcome when the answer was lost.
    pub async fn create_topic(&self, new: NewTopic) -> Result<(Arc<TopicRecord>, u64), Problem> {
        let outlook = self.outlook();
        let topic = TopicId(self.inner.randomness.uuid());
        let now_ms = self.inner.clock.now_ms();
        let limits = self.inner.limits;
        let command = plan_create(outlook.situation(), limits, &new, topic, now_ms)?;
        if new.dry_run {
            let after = dry_run(&outlook.state, &command)?;
            return Ok((record(&after, topic)?, outlook.state.applied_index));
        }
        self.propose_creation(topic, command).await
    }

    /// Proposes the creation of a topic under this id, and answers its record and the metadata index
    /// that has it.
    pub(super) async fn propose_creation(
        &self,
        topic: TopicId,
        command: MetadataCommand,
    ) -> Result<(Arc<TopicRecord>, u64), Problem> {
        match self.propose(command.clone()).await {
            Ok(index) => Ok((record(&self.inner.metadata.state(), topic)?, index)),
            Err(lost) if lost.outcome == Outcome::Unknown => self.create_again(command).await,
            Err(refused) => Err(refused),
        }
    }

    /// The creation of the topic that holds the groups, while it is not there.
    pub(in crate::controller) fn group_state_due(
        &self,
        situation: Situation<'_>,
    ) -> Option<MetadataCommand> {
        group_state_due(situation, self.inner.limits, self.inner.clock.now_ms())
    }

    /// Creates the topic that holds the groups, if it isn't there: for whoever polls before the
    /// controller has had time to.
    ///
    /// # Errors
    /// Those of the placement; `NOT_LEADER` where the metadata has no leader.
    pub async fn create_group_state(&self) -> Result<(), Problem> {
        let outlook = self.outlook();
        let now_ms = self.inner.clock.now_ms();
        let command = plan_group_state(outlook.situation(), self.inner.limits, now_ms)?;
        match self.propose(command).await {
            Ok(_) => Ok(()),
            // Another node was faster; or it is done although the answer was lost.
            Err(problem) if problem.code == ErrorCode::TopicExists => Ok(()),
            Err(problem) => Err(problem),
        }
    }

    /// The answer to this creation was lost. It is proposed once more, under another id: under the
    /// same one a topic that was deleted in between would rise from the dead (INV-16).
    async fn create_again(
        &self,
        mut command: MetadataCommand,
    ) -> Result<(Arc<TopicRecord>, u64), Problem> {
        let MetadataCommand::CreateTopic { topic, name, .. } = &mut command else {
            unreachable!("only creations are sent here");
        };
        let (first, name) = (*topic, name.clone());
        let second = TopicId(self.inner.randomness.uuid());
        *topic = second;
        match self.propose(command).await {
            Ok(index) => Ok((record(&self.inner.metadata.state(), second)?, index)),
            Err(problem) => {
                let state = self.inner.metadata.state();
                let created = whose_name(&state, &name, first, problem)?;
                Ok((created, state.applied_index))
            }
        }
    }

    /// Deletes a topic; answers the metadata index.
    ///
    /// # Errors
    /// `TOPIC_NOT_FOUND`; `UNSAFE` for one of the cluster's own.
    pub async fn delete_topic(&self, name: &str) -> Result<u64, Problem> {
        self.propose(plan_delete(&self.inner.metadata.state(), name)?).await
    }

    /// Sets configuration keys, and resets those given as `None`; answers the metadata index.
    ///
    /// # Errors
    /// `TOPIC_NOT_FOUND`, `INVALID_CONFIG`.
    pub async fn alter_topic(
        &self,
        name: &str,
        changes: BTreeMap<String, Option<String>>,
    ) -> Result<u64, Problem> {
        self.propose(plan_alter(&self.inner.metadata.state(), name, &changes)?).await
    }

    /// Grows a topic to `total` partitions; answers the metadata index.
    ///
    /// # Errors
    /// `TOPIC_NOT_FOUND`; `INVALID_REQUEST` for fewer than it has, or more than it may have.
    pub async fn add_partitions(&self, name: &str, total: u32) -> Result<u64, Problem> {
        let outlook = self.outlook();
        match plan_add_partitions(outlook.situation(), self.inner.limits, name, total)? {
            Some(command) => self.propose(command).await,
            None => Ok(outlook.state.applied_index),
        }
    }

    /// Whether each partition of a topic can have so many replicas. Changes nothing.
    ///
    /// # Errors
    /// Those of `set_replication_factor`.
    pub fn check_replication_factor(&self, name: &str, factor: u32) -> Result<(), Problem> {
        plan_set_factor(self.outlook().situation(), name, factor).map(drop)
    }

    /// Changes how many replicas each partition has; the controller then moves towards it. Answers
    /// the metadata index.
    ///
    /// # Errors
    /// `TOPIC_NOT_FOUND`; `INVALID_REPLICATION_FACTOR`, naming both numbers.
    pub async fn set_replication_factor(&self, name: &str, factor: u32) -> Result<u64, Problem> {
        self.propose(plan_set_factor(self.outlook().situation(), name, factor)?).await
    }
}

/// The first proposal may still be done, so only the state machine's own refusal, which has seen
/// the log up to the second one, says that nothing was. Its codes are those that no retry heals.
fn after_a_lost_answer(second: Problem) -> Problem {
    if second.code.retriable() {
        return Problem { outcome: Outcome::Unknown, ..second };
    }
    second
}

/// What a second creation's refusal says about the first one: that a topic has the name is no
/// refusal if that is the first one's.
fn whose_name(
    state: &MetadataState,
    name: &str,
    first: TopicId,
    second: Problem,
) -> Result<Arc<TopicRecord>, Problem> {
    if second.code != ErrorCode::TopicExists {
        return Err(after_a_lost_answer(second));
    }
    match state.topic_by_name(name) {
        Some(topic) if topic.id == first => Ok(topic.clone()),
        Some(_) => Err(second),
        // Not seen here yet, or deleted since: it may have been the first one's.
        None => Err(Problem { outcome: Outcome::Unknown, ..second }),
    }
}

fn record(state: &MetadataState, topic: TopicId) -> Result<Arc<TopicRecord>, Problem> {
    state.topics.get(&topic).cloned().ok_or_else(|| {
        Problem::new(ErrorCode::TopicNotFound, "the topic was deleted right after its creation")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::testing::Sample;

    #[test]
    fn a_name_that_is_taken_may_be_the_first_proposals_own() {
        let sample = Sample::nodes(1).topic("flights", 1, &[&[1]]);
        let state = &sample.state;
        let own = state.topic_by_name("flights").unwrap().id;
        let other = TopicId(uuid::Uuid::from_u128(99));
        let taken = || Problem::new(ErrorCode::TopicExists, "x");
        assert_eq!(whose_name(state, "flights", own, taken()).unwrap().id, own);
        let outcome = |name, first| whose_name(state, name, first, taken()).unwrap_err().outcome;
        assert_eq!(outcome("flights", other), Outcome::NotDone);
        assert_eq!(outcome("ports", own), Outcome::Unknown);
        let led = Problem::new(ErrorCode::NotLeader, "x");
        let lost = whose_name(state, "flights", own, led).unwrap_err();
        assert_eq!(lost.outcome, Outcome::Unknown);
    }

    #[test]
    fn a_second_refusal_does_not_undo_a_lost_answer() {
        let outcome = |code| after_a_lost_answer(Problem::new(code, "x")).outcome;
        assert_eq!(outcome(ErrorCode::NotLeader), Outcome::Unknown);
        assert_eq!(outcome(ErrorCode::NotReady), Outcome::Unknown);
        assert_eq!(outcome(ErrorCode::Timeout), Outcome::Unknown);
        assert_eq!(outcome(ErrorCode::TopicExists), Outcome::NotDone);
    }
}
