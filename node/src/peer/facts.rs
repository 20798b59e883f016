//! Meeting another node: judged by the pure rule of the protocol against what is remembered, and
//! remembered durably before it is let in. One meeting at a time, so that two connections of a
//! node don't pass each other.

use std::sync::Arc;

use rampart_api::peer::handshake::{Identity, Refusal, Verdict, judge};
use tokio::sync::Mutex;

use super::handler::PeerFacts;

/// The memory could not be written; the node is not let in.
#[derive(Debug, thiserror::Error)]
#[error("remembering a peer: {0}")]
pub(super) struct FactsError(String);

/// Serialized access to the memory of nodes met.
#[derive(Debug)]
pub(super) struct Facts {
    memory: Arc<dyn PeerFacts>,
    meeting: Mutex<()>,
}

impl Facts {
    pub(super) fn new(memory: Arc<dyn PeerFacts>) -> Self {
        Facts { memory, meeting: Mutex::new(()) }
    }

    /// Lets a node in, or says why not. What must be remembered is on disk when it returns.
    pub(super) async fn meet(
        &self,
        own: &Identity,
        other: &Identity,
    ) -> Result<Result<(), Refusal>, FactsError> {
        let _meeting = self.meeting.lock().await;
        let (node, disk, boot) = (other.node, other.disk, other.boot);
        let seen =
            if node == own.node { Some((own.disk, own.boot)) } else { self.memory.seen(node) };
        match judge(own.cluster, other, seen) {
            Err(refusal) => Ok(Err(refusal)),
            Ok(_) if node == own.node => {
                let detail = format!("this is node {node} itself: its data directory was copied");
                Ok(Err(Refusal::NotNow { detail }))
            }
            Ok(_) if self.memory.is_retired(node) => Ok(Err(Refusal::NotAMember { node })),
            Ok(Verdict::Known) => Ok(Ok(())),
            Ok(Verdict::Remember) => {
                let memory = self.memory.clone();
                tokio::task::spawn_blocking(move || memory.remember(node, disk, boot))
                    .await
                    .map_err(|error| FactsError(error.to_string()))?
                    .map_err(|error| FactsError(error.to_string()))?;
                Ok(Ok(()))
            }
        }
    }
}
