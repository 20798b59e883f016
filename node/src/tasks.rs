//! The only place that spawns: named tasks, a cancellation tree, and one policy for panics: logged
//! loudly and counted, and the end of the process if the node can't be without the task.

use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt;
use rampart_raft_store::runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns the tasks of one subsystem. Cheap to clone; children are cancelled with their parent.
#[derive(Debug, Clone)]
pub struct Tasks {
    cancel: CancellationToken,
    tracker: TaskTracker,
    panics: watch::Sender<Panics>,
}

/// What tasks ended by a panic since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Panics {
    /// How many.
    pub count: u64,
    /// The first of them that the node can't be without.
    pub critical: Option<&'static str>,
}

/// What the end of a task by a panic means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// It ends with the task: a request, a connection.
    Passing,
    /// The node can't go on without it.
    Critical,
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
            panics: watch::channel(Panics::default()).0,
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
    pub fn spawn<F>(
        &self,
        name: &'static str,
        future: F,
    ) -> tokio::task::JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.run(name, Weight::Passing, future)
    }

    /// As `spawn`, for a task that the node can't be without: its panic ends the process.
    pub fn spawn_critical<F>(
        &self,
        name: &'static str,
        future: F,
    ) -> tokio::task::JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.run(name, Weight::Critical, future)
    }

    fn run<F>(
        &self,
        name: &'static str,
        weight: Weight,
        future: F,
    ) -> tokio::task::JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let cancel = self.cancel.clone();
        let panics = self.panics.clone();
        // Each of the futures below would hold it twice, as it was given and as it is polled.
        let future = Box::pin(future);
        let guarded = std::panic::AssertUnwindSafe(async move {
            tokio::select! {
                () = cancel.cancelled() => None,
                output = future => Some(output),
            }
        })
        .catch_unwind();
        runtime::spawn(self.tracker.track_future(async move {
            match guarded.await {
                Ok(output) => output,
                Err(_) => {
                    tracing::error!(task = name, ?weight, "task panicked");
                    panics.send_modify(|panics| {
                        panics.count += 1;
                        if weight == Weight::Critical {
                            panics.critical.get_or_insert(name);
                        }
                    });
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

    /// Panics of the tasks of the whole tree.
    pub fn panics(&self) -> watch::Receiver<Panics> {
        self.panics.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panics_are_counted_in_the_whole_tree_and_critical_ones_named() {
        let tasks = Tasks::new();
        let heard = tasks.panics();
        let branch = tasks.child();
        let passing = branch.spawn("request", async { panic!("a bug of one request") });
        let () = passing.await.unwrap().unwrap_or_default();
        assert_eq!(*heard.borrow(), Panics { count: 1, critical: None });
        for name in ["sweep", "controller"] {
            let critical = branch.child().spawn_critical(name, async { panic!("a bug") });
            let () = critical.await.unwrap().unwrap_or_default();
        }
        assert_eq!(*heard.borrow(), Panics { count: 3, critical: Some("sweep") });
    }
}
