//! Meeting another node: judged by the pure rule of the protocol against what is remembered, and
//! remembered durably before it is let in. One meeting at a time, so that two connections of a
//! node don't pass each other.

use std::io;
use std::sync::Arc;

use rampart_api::peer::handshake::{Identity, Refusal, Seen, Verdict, judge};
use rampart_raft_store::runtime::run_blocking;
use tokio::sync::Mutex;

use super::handler::PeerFacts;

/// The memory could not be read or written; the node is not let in.
#[derive(Debug, thiserror::Error)]
#[error("the memory of peers: {0}")]
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
        let node = other.node;
        let seen = match node == own.node {
            true => Some(Seen::from(own)),
            false => self.ask(move |memory| memory.seen(node)).await?,
        };
        match judge(own.cluster, other, seen) {
            Err(refusal) => Ok(Err(refusal)),
            Ok(_) if node == own.node => {
                let detail = format!("this is node {node} itself: its data directory was copied");
                Ok(Err(Refusal::NotNow { detail }))
            }
            Ok(_) if self.memory.is_retired(node) => Ok(Err(Refusal::NotAMember { node })),
            Ok(Verdict::Known) => Ok(Ok(())),
            Ok(Verdict::Remember) => {
                let seen = Seen::from(other);
                self.ask(move |memory| memory.remember(node, seen)).await?;
                Ok(Ok(()))
            }
        }
    }

    /// The memory is on disk: not on a thread of the runtime.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn PeerFacts) -> io::Result<T> + Send + 'static,
    ) -> Result<T, FactsError> {
        let memory = self.memory.clone();
        let answer = run_blocking(move || question(memory.as_ref())).await;
        answer
            .map_err(|error| FactsError(error.to_string()))?
            .map_err(|error| FactsError(error.to_string()))
    }
}
