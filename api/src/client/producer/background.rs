//! The tasks of a producer, which end with it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::runtime;

/// What runs for a producer.
#[derive(Debug)]
pub(super) struct Background {
    is_over: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Background {
    pub(super) fn new() -> Self {
        Background { is_over: watch::Sender::new(false), tasks: Mutex::default() }
    }

    /// Runs a task.
    pub(super) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks().push(runtime::spawn(task));
    }

    /// Tells tasks without an end of their own when they are to end: an error is the end, too.
    pub(super) fn end_of_it(&self) -> watch::Receiver<bool> {
        self.is_over.subscribe()
    }

    /// Ends it, and waits for all tasks.
    pub(super) async fn end(&self) {
        self.is_over.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks());
        for task in tasks {
            // A task that panicked has answered for its records.
            let _ = task.await;
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
