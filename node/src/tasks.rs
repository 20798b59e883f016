//! The only place that spawns: named tasks, a cancellation tree, and one policy for panics (logged
//! loudly and counted; the owner decides by the handle's error whether it is fatal).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns the tasks of one subsystem. Cheap to clone; children are cancelled with their parent.
#[derive(Debug, Clone)]
pub struct Tasks {
    cancel: CancellationToken,
    tracker: TaskTracker,
    panics: Arc<AtomicU64>,
}

impl Default for Tasks {
    fn default() -> Self {
        Tasks::new()
    }
}

impl Tasks {
    /// The root.
    pub fn new() -> Self {
        Tasks {
            cancel: CancellationToken::new(),
            tracker: TaskTracker::new(),
            panics: Arc::new(AtomicU64::new(0)),
        }
    }

    /// A branch that can be cancelled and awaited on its own, and is cancelled with this one.
    pub fn child(&self) -> Tasks {
        Tasks {
            cancel: self.cancel.child_token(),
            tracker: TaskTracker::new(),
            panics: self.panics.clone(),
        }
    }

    /// Runs a task until it ends or this branch is cancelled, whichever is first.
    #[allow(clippy::disallowed_methods)] // This is the place.
    pub fn spawn<F>(
        &self,
        name: &'static str,
        future: F,
    ) -> tokio::task::JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let cancel = self.cancel.clone();
        let panics = self.panics.clone();
        let guarded = std::panic::AssertUnwindSafe(async move {
            tokio::select! {
                () = cancel.cancelled() => None,
                output = future => Some(output),
            }
        })
        .catch_unwind();
        tokio::spawn(self.tracker.track_future(async move {
            match guarded.await {
                Ok(output) => output,
                Err(_) => {
                    panics.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(task = name, "task panicked");
                    None
                }
            }
        }))
    }

    /// Resolves when this branch is cancelled.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// Whether this branch is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Cancels this branch and its children, without waiting.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Cancels this branch and waits until its own tasks ended, at most `deadline`.
    pub async fn stop(&self, deadline: Duration) {
        self.cancel.cancel();
        self.tracker.close();
        if tokio::time::timeout(deadline, self.tracker.wait()).await.is_err() {
            tracing::warn!(left = self.tracker.len(), "tasks did not stop in time");
        }
    }

    /// Tasks that ended by a panic since the start.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}
