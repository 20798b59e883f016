//! `[pure]` The protocol between nodes: bytes to messages and back, no sockets.
//!
//! ```text
//! frame      what a connection is cut into
//! handshake  who is there, and may they come in
//! raft       votes, entries and snapshots, in Rampart's own words
//! ping       liveness and leader claims, one message for all groups
//! rpc        questions with one answer: forwarded requests and the small Raft calls
//! ```
//! Control data goes through `codec`; payloads (record batches, snapshots, commands) are raw
//! slices of the frame and never copied. Sockets live in `node/src/peer`.

pub mod frame;
pub mod handshake;
pub mod ping;
pub mod raft;
pub mod rpc;
#[cfg(test)]
mod tests;
mod wire;

pub use wire::DecodeError;
