//! Producer ids: this node takes blocks of them from the metadata, as Kafka's brokers do, and gives
//! them out one by one. What is left of a block when the node stops is never used.

use std::ops::Range;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::command::{MetadataCommand, MetadataResponse};

use super::ControllerHandle;

impl ControllerHandle {
    /// A producer id that nobody has.
    ///
    /// # Errors
    /// Those of the metadata group, when a new block is needed.
    pub async fn new_producer(&self) -> Result<u64, Problem> {
        if let Some(id) = self.producer_ids().next() {
            return Ok(id);
        }
        // Several that find the block used up at once each take one: there are enough.
        let (_, response) = self.metadata().propose(MetadataCommand::AllocateProducerIds).await?;
        let MetadataResponse::ProducerIds { first, count } = response else {
            let detail = "the allocation was applied as another command";
            return Err(Problem::unknown(ErrorCode::Internal, detail));
        };
        *self.producer_ids() = first + 1..first + count;
        Ok(first)
    }

    fn producer_ids(&self) -> std::sync::MutexGuard<'_, Range<u64>> {
        self.inner.producer_ids.lock().expect("no holder of this lock panics")
    }
}
