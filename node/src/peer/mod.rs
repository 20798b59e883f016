//! The transport between nodes: sockets, links, handshakes, liveness. Bytes are the business of
//! `api::peer`; what the messages mean is the business of those who implement `handler`.
//!
//! ```text
//!  PeerNet (net) ── links (link) ── connection ── outbox ══ socket ══ listener ── handler
//!        one per node and class        questions, streams   writev       reader      raft
//! ```
//! The side that sends opens: two nodes have two connections of each class, one per direction, and
//! answers come back on the connection of their question.

pub mod client;
mod connection;
mod facts;
mod handler;
mod limits;
mod link;
mod listener;
mod liveness;
mod net;
mod outbox;
mod reader;
mod refusals;

pub(crate) use connection::{InFlight, Prepared, ReplyReceiver, StreamSender};
pub use handler::{Asked, CallError, PeerFacts, PeerHandler, RaftReceiver, StreamReplies};
pub use limits::PeerLimits;
pub use liveness::{LivenessView, Observation};
pub use net::{Directory, PeerNet, PeerOptions};

#[cfg(test)]
mod tests;
