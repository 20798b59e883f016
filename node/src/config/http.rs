//! `[http]`: the listener of clients, the console and the operators.

use std::net::SocketAddr;
use std::time::Duration;

use super::advertised;
use super::section::section;
use super::value::{any, between, empty_or_host_port};

section! {
    /// The HTTP listener. There is no authentication yet: whoever reaches it may do everything.
    HttpConfig = "http" {
        /// Address to listen on. Port 0 takes a free one.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)), any;
        /// HOST:PORT under which clients and the other nodes reach it. Empty: the listen address.
        advertise: String = String::new(), |v| empty_or_host_port(v);
        /// How long a produce request waits for its acknowledgement if it does not say.
        produce_timeout_ms: u64 = 30_000, |v| between(v, 1, 600_000);
        /// Longest `timeout_ms` and `wait_ms` a request may ask for.
        wait_ms_max: u64 = 300_000, |v| between(v, 1_000, 3_600_000);
        /// How long a client may take to send the head of a request, in milliseconds.
        header_timeout_ms: u64 = 10_000, |v| between(v, 100, 600_000);
    }
}

impl HttpConfig {
    /// What others call this listener, once it is bound to `bound`.
    pub fn advertised(&self, bound: SocketAddr) -> String {
        advertised(&self.advertise, bound)
    }

    /// `produce_timeout_ms` as a duration.
    pub fn produce_timeout(&self) -> Duration {
        Duration::from_millis(self.produce_timeout_ms)
    }

    /// `wait_ms_max` as a duration.
    pub fn wait_max(&self) -> Duration {
        Duration::from_millis(self.wait_ms_max)
    }

    /// `header_timeout_ms` as a duration.
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }
}
