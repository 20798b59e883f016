//! Dead letters: the switch of a topic or of one of its groups, and the topic that takes them.

use std::sync::Arc;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::TopicId;
use rampart_api::model::problem::{Outcome, Problem};
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::TopicRecord;

use super::{ControllerHandle, Outlook};
use crate::controller::dead_letter_rules::{
    find_dead_letter_topic, plan_dead_letter_topic, plan_switch, topic_needed,
};
use crate::controller::request::{NewSwitch, SwitchSet};
use crate::controller::topic_rules::dry_run;

impl ControllerHandle {
    /// Sets a dead-letter switch; before it is turned on, the topic that it names is created.
    ///
    /// # Errors
    /// `TOPIC_NOT_FOUND`; `INVALID_CONFIG`, naming the field; `UNSAFE` for a topic of the cluster's
    /// own; those of creating a topic.
    pub async fn set_dead_letter(&self, new: &NewSwitch) -> Result<SwitchSet, Problem> {
        let state = self.inner.metadata.state();
        let (origin, command) = plan_switch(&state, new)?;
        let needed = topic_needed(new);
        if new.dry_run {
            let created = match needed {
                Some(name) => self.would_create(origin, &name)?.then_some(name),
                None => None,
            };
            return Ok(SwitchSet { created, index: None });
        }
        let created = match needed {
            Some(name) => self.provide(origin, &name).await?.1.then_some(name),
            None => None,
        };
        match self.propose(command).await {
            Ok(index) => Ok(SwitchSet { created, index: Some(index) }),
            Err(problem) => Err(match created {
                Some(name) => half_done(problem, &name),
                None => problem,
            }),
        }
    }

    /// The dead-letter topic of that name, which is created if it is not there: as safe as its
    /// origin, and without an end to how long it keeps what it has. May be called by many at once,
    /// and again.
    ///
    /// # Errors
    /// `TOPIC_NOT_FOUND` when the origin is gone; `INVALID_CONFIG` for a topic that takes no dead
    /// letters of it; those of creating a topic.
    pub async fn ensure_dead_letter_topic(
        &self,
        origin: TopicId,
        name: &str,
    ) -> Result<Arc<TopicRecord>, Problem> {
        let state = self.inner.metadata.state();
        let gone = || Problem::new(ErrorCode::TopicNotFound, format!("topic {origin} is gone"));
        let origin = state.topics.get(&origin).ok_or_else(gone)?;
        Ok(self.provide(origin, name).await?.0)
    }

    /// The topic, and whether it was created for it.
    async fn provide(
        &self,
        origin: &TopicRecord,
        name: &str,
    ) -> Result<(Arc<TopicRecord>, bool), Problem> {
        let outlook = self.outlook();
        if let Some(found) = find_dead_letter_topic(&outlook.state, origin, name)? {
            return Ok((found, false));
        }
        let (id, command) = self.plan_dead_letter_topic(&outlook, origin, name)?;
        match self.propose_creation(id, command).await {
            Ok((created, _)) => Ok((created, true)),
            // Another coordinator needed it at the same moment, or the same one before.
            Err(taken) if taken.code == ErrorCode::TopicExists => {
                let state = self.inner.metadata.state();
                let found = find_dead_letter_topic(&state, origin, name)?;
                Ok((found.ok_or_else(|| not_seen_yet(name))?, false))
            }
            Err(problem) => Err(problem),
        }
    }

    /// Whether `provide` would create it, and could. Changes nothing.
    fn would_create(&self, origin: &TopicRecord, name: &str) -> Result<bool, Problem> {
        let outlook = self.outlook();
        if find_dead_letter_topic(&outlook.state, origin, name)?.is_some() {
            return Ok(false);
        }
        let command = self.plan_dead_letter_topic(&outlook, origin, name)?.1;
        dry_run(&outlook.state, &command).map(|_| true)
    }

    /// The creation of the topic, under an id of its own.
    fn plan_dead_letter_topic(
        &self,
        outlook: &Outlook,
        origin: &TopicRecord,
        name: &str,
    ) -> Result<(TopicId, MetadataCommand), Problem> {
        let id = TopicId(self.inner.randomness.uuid());
        let around = (outlook.situation(), self.inner.limits);
        let at = (id, self.inner.clock.now_ms());
        Ok((id, plan_dead_letter_topic(around, origin, name, at)?))
    }
}

/// The topic is there already, so it can't be said that nothing was done.
fn half_done(problem: Problem, topic: &str) -> Problem {
    let problem = Problem { outcome: Outcome::Unknown, ..problem };
    problem
        .hint(format!("topic {topic} was created, the switch perhaps not set: look, set it again"))
}

fn not_seen_yet(topic: &str) -> Problem {
    let detail = format!("topic {topic} was created or deleted by another a moment ago");
    Problem::new(ErrorCode::NotReady, detail).hint("try again")
}
