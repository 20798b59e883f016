//! Free ports on loopback. Taken below the range the kernel gives to outgoing connections, so
//! that a port stays free while its node is down and being restarted.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// First port that is tried.
const LOWEST: u16 = 10_000;
/// The kernel's own range starts above this by default (`ip_local_port_range`).
const HIGHEST: u16 = 32_000;

static TAKEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port nobody listens on and nobody in this process was given before.
pub fn free_port() -> Result<u16> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = taken.get_or_insert_default();
    for _ in 0..1_000 {
        #[expect(clippy::disallowed_methods)] // Test processes side by side must not agree.
        let port = rand::random_range(LOWEST..HIGHEST);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && taken.insert(port) {
            return Ok(port);
        }
    }
    bail!("no free port between {LOWEST} and {HIGHEST}")
}
