//! Applying a command: pure and deterministic, so that equal logs give equal states (INV-04). One
//! handler per command, by subject. A refusal changes nothing; handlers check first, then change.
//!
//! What a value *means* (topic names, configuration keys) is judged by the proposer and not here:
//! a newer version may know more keys, and replicas of two versions must not decide differently
//! about the same entry. Here stand the rules that keep the state itself sound.
//! INV-16: counters of ids only grow.

mod castle;
mod nodes;
mod reassign;
#[cfg(test)]
mod tests;
mod topics;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::limits::PRODUCER_ID_BLOCK;
use rampart_api::model::problem::Problem;

use super::castle::TopicMove;
use super::command::{MetadataCommand, MetadataResponse};
use super::state::MetadataState;

/// What a handler answers: a response, or a refusal that changed nothing.
type Handled = Result<MetadataResponse, Problem>;

impl MetadataState {
    /// Applies the command at `index` of the metadata log.
    ///
    /// # Panics
    /// When `index` is not above the last one applied: an entry applied twice would give out ids
    /// twice.
    pub fn apply(&mut self, index: u64, command: &MetadataCommand) -> MetadataResponse {
        assert!(
            index > self.applied_index,
            "INV-04: index {index} applied after {}",
            self.applied_index
        );
        self.applied_index = index;
        self.handle(command).unwrap_or_else(MetadataResponse::Refused)
    }

    fn handle(&mut self, command: &MetadataCommand) -> Handled {
        use MetadataCommand as C;
        if self.cluster.is_none() && !matches!(command, C::Bootstrap { .. }) {
            return Err(Problem::new(ErrorCode::NotReady, "the cluster is not bootstrapped yet")
                .hint("start one node with --bootstrap"));
        }
        match command {
            C::Bootstrap { cluster, disk, info } => self.bootstrap(*cluster, *disk, info),
            C::Join { disk, info } => self.join(*disk, info),
            C::UpdateNode { node, disk, boot, info } => self.update_node(*node, *disk, *boot, info),
            C::SetNodeState { node, state } => self.set_node_state(*node, *state),
            C::RemoveNode { node } => self.remove_node(*node),
            C::CreateTopic {
                topic,
                name,
                internal,
                replication_factor,
                config,
                replicas,
                now_ms,
            } => self.create_topic(&topics::Creation {
                topic: *topic,
                name,
                internal: *internal,
                replication_factor: *replication_factor,
                config,
                replicas,
                now_ms: *now_ms,
            }),
            C::DeleteTopic { topic } => self.delete_topic(*topic),
            C::AlterTopic { topic, config } => self.alter_topic(*topic, config),
            C::AddPartitions { topic, expected, replicas } => {
                self.add_partitions(*topic, *expected, replicas)
            }
            C::SetReplicationFactor { topic, replication_factor } => {
                self.set_replication_factor(*topic, *replication_factor)
            }
            C::RaiseDefaultReplication { topic, replication_factor } => {
                self.raise_default_replication(*topic, *replication_factor)
            }
            C::Reassign { group, target } => self.reassign(*group, target),
            C::CancelReassign { group } => self.cancel_reassign(*group),
            C::MembershipReached { group, voters, membership_index } => {
                self.membership_reached(*group, voters, *membership_index)
            }
            C::ReportLeaders { leaders } => self.report_leaders(leaders),
            C::SetClusterConfig { config } => self.set_cluster_config(config),
            C::ReplaceReplica { group, replica } => self.replace_replica(*group, *replica),
            // Unlike a counter this needs no place in the state: an index comes once.
            C::AllocateProducerIds => Ok(MetadataResponse::ProducerIds {
                first: self.applied_index.saturating_mul(PRODUCER_ID_BLOCK),
                count: PRODUCER_ID_BLOCK,
            }),
            C::SetPeerCluster { name, servers } => self.set_peer_cluster(name, servers),
            C::RemovePeerCluster { name } => self.remove_peer_cluster(name),
            C::StartTopicMove { topic, to, target, hold, now_ms } => {
                let announced = TopicMove::announced(to, target, *now_ms);
                let moving = TopicMove { held: *hold, ..announced };
                self.start_topic_move(*topic, moving)
            }
            C::SealTopic { topic } => self.seal_topic(*topic),
            C::CancelTopicMove { topic } => self.cancel_topic_move(*topic),
            C::PartitionSealed { group, at } => self.partition_sealed(*group, *at),
        }
    }
}
