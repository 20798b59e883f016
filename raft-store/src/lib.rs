//! What survives a crash: Raft logs, replicated state machines, snapshots. One store per node,
//! shared by all groups, one sync for many groups' appends.
//!
//! openraft's types stop here and in `node/src/raft`. RocksDB is named in `engine/rocks` alone.

pub mod engine;
pub mod format;
pub mod keys;
pub mod state;
pub mod ticket;
pub mod type_config;
