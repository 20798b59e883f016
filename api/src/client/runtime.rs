//! The only place of the client that reads time, asks the system for entropy, and starts tasks.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Monotonic time, for durations and deadlines.
#[expect(clippy::disallowed_methods)] // This is the place.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970, for timestamps only: it may jump.
#[expect(clippy::disallowed_methods)] // This is the place.
pub(super) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A number that differs from one call to the next. The standard hasher is keyed by the system.
pub(super) fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Runs a task in the background. It goes on when the handle is dropped.
#[expect(clippy::disallowed_methods)] // This is the place.
pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}
