//! The one configuration: defaults, then a TOML file, then the environment, then flags.
//!
//! `Loader` reads the layers and validates them once; a `Config` that came out of it can't be
//! wrong. Nothing outside this folder looks a setting up by name: `node.rs` passes the sections
//! down. Topic configuration and cluster-wide settings are not here, they are replicated.

mod castle;
mod error;
mod groups;
mod http;
mod limits;
mod load;
mod log;
mod node;
mod peer;
mod raft;
mod sample;
mod section;
mod storage;
mod topic_defaults;
mod validate;
mod value;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

pub use castle::CastleConfig;
pub use error::ConfigError;
pub use groups::GroupsConfig;
pub use http::HttpConfig;
pub use limits::LimitsConfig;
pub use load::{Loaded, Loader, Origin};
pub use log::{LogConfig, LogFormat};
pub use node::{Entry, NodeConfig};
pub use peer::PeerConfig;
pub use raft::RaftConfig;
pub use sample::{Setting, sample, settings};
pub use section::{Key, Section};
pub use storage::{StorageConfig, StorageEngine};
pub use topic_defaults::TopicDefaultsConfig;
pub use value::Given;

/// Everything that can be configured on one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// This node.
    pub node: NodeConfig,
    /// The HTTP listener.
    pub http: HttpConfig,
    /// The listener for other nodes.
    pub peer: PeerConfig,
    /// Memory and disk.
    pub storage: StorageConfig,
    /// Timings.
    pub raft: RaftConfig,
    /// What a node takes before it refuses.
    pub limits: LimitsConfig,
    /// What a new topic gets.
    pub topic_defaults: TopicDefaultsConfig,
    /// Consumer groups.
    pub groups: GroupsConfig,
    /// The dispatcher of clients.
    pub castle: CastleConfig,
    /// What the process says.
    pub log: LogConfig,
}

impl Config {
    /// All sections, in the order of the file.
    pub fn sections(&self) -> [&dyn Section; 10] {
        [
            &self.node,
            &self.http,
            &self.peer,
            &self.storage,
            &self.raft,
            &self.limits,
            &self.topic_defaults,
            &self.groups,
            &self.castle,
            &self.log,
        ]
    }

    fn sections_mut(&mut self) -> [&mut dyn Section; 10] {
        [
            &mut self.node,
            &mut self.http,
            &mut self.peer,
            &mut self.storage,
            &mut self.raft,
            &mut self.limits,
            &mut self.topic_defaults,
            &mut self.groups,
            &mut self.castle,
            &mut self.log,
        ]
    }
}

/// What others call a listener that is bound to `bound`: what was configured, else that.
fn advertised(configured: &str, bound: SocketAddr) -> String {
    if configured.is_empty() { bound.to_string() } else { configured.to_owned() }
}
