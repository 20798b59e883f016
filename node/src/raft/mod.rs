//! openraft inside the node: its configuration, who should campaign or beat when, and the network
//! between replicas. openraft's types stop here and in `raft-store`.

mod append_stream;
pub mod claims;
mod convert;
pub mod host;
pub mod inbound;
pub mod membership;
pub mod network;
pub mod node_ticker;
pub mod progress;
pub mod settings;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;
pub mod unsafe_recover;
