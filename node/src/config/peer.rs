//! `[peer]`: the listener of the other nodes.

use std::net::SocketAddr;

use super::advertised;
use super::section::section;
use super::value::{any, empty_or_host_port};

section! {
    /// The listener for the other nodes of the cluster. Keep it inside a trusted network.
    PeerConfig = "peer" {
        /// Address to listen on. Port 0 takes a free one.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9090)), any;
        /// HOST:PORT under which the other nodes reach it. Empty: the listen address.
        advertise: String = String::new(), |v| empty_or_host_port(v);
    }
}

impl PeerConfig {
    /// What others call this listener, once it is bound to `bound`.
    pub fn advertised(&self, bound: SocketAddr) -> String {
        advertised(&self.advertise, bound)
    }
}
