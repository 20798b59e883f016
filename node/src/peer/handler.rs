//! What the transport needs from the rest of the node: somebody who answers, somebody who takes
//! Raft's messages, and a durable memory of whom it met. Implemented outside of this folder.

use std::fmt;
use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rampart_api::model::ids::NodeId;
use rampart_api::peer::handshake::{Refusal, Seen};
use rampart_api::peer::ping::Ping;
use rampart_api::peer::raft::{Append, AppendReply, AppendResult};
use rampart_api::peer::rpc::{PeerRequest, PeerResponse};
use tokio::sync::mpsc;

use super::outbox::Outbox;

/// Circumstances of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Who asks; `None` = a node that joins and has no id yet.
    pub from: Option<NodeId>,
    /// Nobody waits longer than this.
    pub deadline: Duration,
    /// It has been forwarded once and must not be again.
    pub is_forwarded: bool,
    /// Metadata index the sender had applied; waiting for it avoids answering from an older world.
    pub metadata_index: u64,
}

/// Answers the questions of other nodes, and of this one to itself.
pub trait PeerHandler: fmt::Debug + Send + Sync + 'static {
    /// Answers a question that is not Raft's. Dropped when its deadline passes.
    fn handle(&self, asked: Asked, request: PeerRequest) -> BoxFuture<'static, PeerResponse>;

    /// Content of the next ping to a node. Called every 100 ms for each.
    fn ping(&self, to: NodeId) -> Ping;

    /// A ping came in.
    fn pinged(&self, from: NodeId, ping: Ping);

    /// Metadata index that this node has applied; travels with its questions.
    fn metadata_index(&self) -> u64;
}

/// Takes Raft's messages. The transport knows streams, not groups.
pub trait RaftReceiver: fmt::Debug + Send + Sync + 'static {
    /// Serves one stream of appends, which arrive numbered from 0 without a gap, until it ends.
    fn append_stream(
        &self,
        requests: mpsc::Receiver<Append>,
        replies: StreamReplies,
    ) -> BoxFuture<'static, ()>;

    /// Serves a lone append: a heartbeat.
    fn append(&self, append: Append) -> BoxFuture<'static, AppendResult>;

    /// Answers a vote, a pre-vote, a transfer of leadership or a snapshot.
    fn call(&self, request: PeerRequest) -> BoxFuture<'static, PeerResponse>;
}

/// Durable memory of the nodes met: what catches wiped and restored disks.
pub trait PeerFacts: fmt::Debug + Send + Sync + 'static {
    /// What was last seen of a node. May block.
    ///
    /// # Errors
    /// The disk's, or the record is damaged; the node is not let in then, for it could be anybody.
    fn seen(&self, node: NodeId) -> io::Result<Option<Seen>>;

    /// Remembers it; on disk when it returns. May block.
    ///
    /// # Errors
    /// The disk's; the node is not let in then.
    fn remember(&self, node: NodeId, seen: Seen) -> io::Result<()>;

    /// Whether the id was taken out of the cluster for good. Must be quick.
    fn is_retired(&self, _node: NodeId) -> bool {
        false
    }
}

/// Answers of one stream of appends.
#[derive(Debug, Clone)]
pub struct StreamReplies {
    pub(super) stream: u64,
    pub(super) outbox: Outbox,
}

impl StreamReplies {
    /// Answers all requests up to `seq`. The answer is lost if the connection is.
    pub async fn send(&self, seq: u64, result: AppendResult) {
        let reply = AppendReply { stream: self.stream, seq, result };
        // Nobody is left to tell when the connection is gone: the leader starts over.
        let _ = self.outbox.send(reply.encode()).await;
    }
}

/// Why a call brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The question certainly did not reach the other node.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The question left, and no answer came: it may have been carried out, or still be.
    #[error("no answer: {0}")]
    Unknown(String),
    /// The other node refuses this one's handshake; nothing was sent.
    #[error("refused: {0}")]
    Refused(Refusal),
}
