//! `[node]`: this node, its directory, and how it gets into a cluster.

use std::path::PathBuf;
use std::time::Duration;

use super::section::section;
use super::value::{any, between, host_ports};

section! {
    /// This node: where its data is and how it gets into a cluster. Its id is given by the cluster.
    NodeConfig = "node" {
        /// Directory of everything that survives a crash. One process at a time.
        data_dir: PathBuf = PathBuf::from("/var/lib/rampart"), any;
        /// Failure domain, such as an availability zone. Replicas of a partition go to distinct
        /// racks where there are enough. Empty: this node is a rack of its own.
        rack: String = String::new(), any;
        /// On an empty directory: create a new cluster of one node. Ignored on any other.
        bootstrap: bool = false, any;
        /// On an empty directory: join the cluster of any of these peer addresses. Ignored on any
        /// other.
        join: Vec<String> = Vec::new(), |v| host_ports(v);
        /// How long a stopping node may take to hand over its leaderships and answer what it
        /// accepted, in milliseconds.
        shutdown_timeout_ms: u64 = 10_000, |v| between(v, 0, 600_000);
    }
}

/// How a node with an empty directory gets into a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// It creates one.
    Bootstrap,
    /// It asks one of these peer addresses to take it.
    Join(&'a [String]),
    /// Nothing was said: only a directory that is in a cluster already can start.
    Initialised,
}

impl NodeConfig {
    /// What to do with an empty directory.
    pub fn entry(&self) -> Entry<'_> {
        match (self.bootstrap, self.join.as_slice()) {
            (true, _) => Entry::Bootstrap,
            (false, []) => Entry::Initialised,
            (false, peers) => Entry::Join(peers),
        }
    }

    /// `shutdown_timeout_ms` as a duration.
    pub fn shutdown_timeout(&self) -> Duration {
        Duration::from_millis(self.shutdown_timeout_ms)
    }
}
