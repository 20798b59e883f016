//! Other clusters, and topics that go on there.

use std::sync::Arc;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::TopicId;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::castle::TopicMove;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::MetadataState;

use super::ControllerHandle;
use crate::controller::request::NewTopicMove;
use crate::controller::topic_moves::{find, find_topic, look, plan_peer_cluster};

impl ControllerHandle {
    /// Registers another cluster, or changes how it is reached; answers the metadata index.
    ///
    /// # Errors
    /// Names what is wrong with the name or a server.
    pub async fn set_peer_cluster(&self, name: &str, servers: Vec<String>) -> Result<u64, Problem> {
        self.propose(plan_peer_cluster(name, &servers)?).await
    }

    /// Forgets another cluster; answers the metadata index.
    ///
    /// # Errors
    /// `UNSAFE` while a topic goes on there.
    pub async fn remove_peer_cluster(&self, name: &str) -> Result<u64, Problem> {
        self.propose(MetadataCommand::RemovePeerCluster { name: name.to_owned() }).await
    }

    /// Announces that a topic goes on in another cluster, or lets an announced one go on; answers the
    /// metadata index, none with a dry run.
    ///
    /// # Errors
    /// `UNSAFE`, saying why the topic there can't go on as this one.
    pub async fn start_topic_move(&self, new: &NewTopicMove) -> Result<Option<u64>, Problem> {
        let state = self.inner.metadata.state();
        let (topic, cluster) = find(&state, &new.topic, &new.to)?;
        let found = look(&state, topic, (&new.to, cluster)).await?;
        if new.dry_run {
            return Ok(None);
        }
        let command = MetadataCommand::StartTopicMove {
            topic: topic.id,
            to: new.to.clone(),
            target: found.id,
            hold: new.hold,
            now_ms: self.inner.clock.now_ms(),
        };
        self.propose(command).await.map(Some)
    }

    /// Takes back a move of which nothing is sealed; answers the metadata index.
    ///
    /// # Errors
    /// `UNSAFE` once partitions are sealed, `INVALID_REQUEST` if it does not move.
    pub async fn cancel_topic_move(&self, topic: &str) -> Result<u64, Problem> {
        let topic = find_topic(&self.inner.metadata.state(), topic)?.id;
        self.propose(MetadataCommand::CancelTopicMove { topic }).await
    }

    /// What keeps the topic's move from going on, as sentences.
    pub async fn topic_move_blockers(&self, topic: TopicId) -> Vec<String> {
        let state = self.inner.metadata.state();
        let Some(moving) = state.castle.moves.get(&topic).filter(|m| m.may_be_cancelled()) else {
            return Vec::new();
        };
        if moving.held {
            return vec!["it is held: start it again without that to let it go on".to_owned()];
        }
        let checked = self.check_target(&state, topic, moving).await;
        checked.err().map(|problem| problem.to_string()).into_iter().collect()
    }

    /// This node's state has everything that was done in the cluster before the call.
    ///
    /// # Errors
    /// Where the metadata takes no writes.
    pub async fn catch_up(&self) -> Result<Arc<MetadataState>, Problem> {
        // A change of nothing has its place in the log behind all that was done.
        let nothing = MetadataCommand::SetClusterConfig { config: Default::default() };
        self.propose(nothing).await?;
        Ok(self.inner.metadata.state())
    }

    /// Whether the topic of the other cluster is still the one that was announced, and fit.
    pub(in crate::controller) async fn check_target(
        &self,
        state: &MetadataState,
        topic: TopicId,
        moving: &TopicMove,
    ) -> Result<(), Problem> {
        let record = state.topics.get(&topic).map(|record| record.name.clone());
        let name = record.unwrap_or_default();
        let (record, cluster) = find(state, &name, &moving.to)?;
        let found = look(state, record, (&moving.to, cluster)).await?;
        if found.id != moving.target {
            let detail = format!("topic {name} of {} is another one than was announced", moving.to);
            return Err(Problem::new(ErrorCode::Unsafe, detail).hint("cancel, and start anew"));
        }
        Ok(())
    }
}
