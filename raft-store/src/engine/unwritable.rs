//! What the engines that only look have in common: nothing is written, and that is said.

use std::io;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use super::{Write, WriteError};

/// How often a store that changes while it is opened is looked at anew.
pub(super) const LOOKS_MAX: u32 = 20;

/// The writing side of such an engine.
#[derive(Debug)]
pub(super) struct Unwritable {
    admission: Arc<Semaphore>,
    failed: watch::Sender<Option<String>>,
}

impl Default for Unwritable {
    fn default() -> Unwritable {
        Unwritable { admission: Arc::new(Semaphore::new(0)), failed: watch::channel(None).0 }
    }
}

impl Unwritable {
    pub(super) fn submit(&self, write: Write) {
        if let Some(done) = write.done {
            done(Err(error()));
        }
    }

    pub(super) fn write_now(&self) -> io::Result<()> {
        Err(error().into())
    }

    /// Without room for anything.
    pub(super) fn admission(&self) -> &Arc<Semaphore> {
        &self.admission
    }

    /// Never set.
    pub(super) fn failed(&self) -> watch::Receiver<Option<String>> {
        self.failed.subscribe()
    }
}

/// Why nothing is written.
fn error() -> WriteError {
    WriteError { kind: io::ErrorKind::ReadOnlyFilesystem, message: "opened to read".to_owned() }
}
