//! The harness's own time and tasks. It stands outside the product, so it reads the real clock
//! and spawns plain tasks, but only here, as the product does in its `clock.rs` and `tasks.rs`.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// Time since a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[allow(clippy::disallowed_methods)] // This is the place.
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Time from `earlier`'s start to this one's.
    pub fn since(self, earlier: Stopwatch) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

/// Runs a task beside the test; dropping the handle leaves it running.
#[allow(clippy::disallowed_methods)] // This is the place.
pub fn background<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}
