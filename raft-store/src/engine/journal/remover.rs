//! The thread that removes files that are needed no more, bit by bit. A file system that tells the
//! disk at once what is free (`discard`), or frees many blocks in one transaction, makes every sync
//! wait behind a large file that goes at once: 32 MiB were 30 ms, a topic's GiB a second.
//!
//! What is left when a store closes goes when it is opened again, or later: files of the journal are
//! used again, and a segment between two that are used goes with the older one.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::segments::SEGMENT_BYTES;
use super::space;
use crate::engine::committer::monotonic;

/// A file becomes so much shorter at a time.
const STEP_BYTES: u64 = 1 << 20;
/// In between it rests, and syncs go on: so long as if all that waits now were to go within this
/// time, which Kafka waits before it removes anything (`file.delete.delay.ms`). The more waits the
/// faster it goes: what is removed keeps up with what is written.
const GONE_AFTER: Duration = Duration::from_secs(60);
/// It rests no longer than this.
const REST_MAX: Duration = Duration::from_millis(50);
/// The same where less than this part of the disk is free: writes may wait for the room.
const REST_SCARCE_MAX: Duration = Duration::from_millis(10);
const SCARCE_PERCENT: u64 = 20;

/// Handle of the thread. Dropping it waits for the step under way.
#[derive(Debug)]
pub(super) struct Remover {
    files: Option<Sender<PathBuf>>,
    thread: Option<JoinHandle<()>>,
}

impl Remover {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Remover> {
        let (files_tx, files) = channel();
        let thread = std::thread::Builder::new().name("store-remover".to_owned());
        let thread = thread.spawn(move || Worker::new(files).run())?;
        Ok(Remover { files: Some(files_tx), thread: Some(thread) })
    }

    /// Removes a file, later. Whoever has it open may find it shorter.
    pub(super) fn remove(&self, path: PathBuf) {
        let sent = self.files.as_ref().is_some_and(|files| files.send(path).is_ok());
        if !sent {
            tracing::warn!("files that are needed no more stay until the store is opened again");
        }
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        self.files = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that removes files had panicked");
        }
    }
}

struct Worker {
    files: Receiver<PathBuf>,
    /// In the order in which they came. Names of files that are there: no more than the disk has
    /// room for.
    waiting: VecDeque<PathBuf>,
    rest_max: Duration,
}

impl Worker {
    fn new(files: Receiver<PathBuf>) -> Worker {
        Worker { files, waiting: VecDeque::new(), rest_max: REST_MAX }
    }

    /// Until the handle is dropped.
    fn run(mut self) {
        while let Some(path) = self.next() {
            // Not worth failing for: it is in nobody's way but for its room.
            match self.remove(&path) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    let path = path.display();
                    tracing::error!(%path, %error, "a file that is needed no more can't be removed");
                }
            }
        }
    }

    fn next(&mut self) -> Option<PathBuf> {
        self.waiting.pop_front().or_else(|| self.files.recv().ok())
    }

    /// Whether it is gone; the store closes if not.
    fn remove(&mut self, path: &Path) -> io::Result<bool> {
        let file = match OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            file => file?,
        };
        self.rest_max = rest_max(path);
        let mut length = file.metadata()?.len();
        while length > STEP_BYTES {
            length = (length - 1) / STEP_BYTES * STEP_BYTES;
            if file.set_len(length).is_err() {
                // Whatever is in the way of it, the name may go.
                break;
            }
            if !self.rest() {
                return Ok(false);
            }
        }
        // Open, it would stay where it is.
        drop(file);
        std::fs::remove_file(path)?;
        Ok(self.rest())
    }

    /// Rests; whether it goes on then.
    fn rest(&mut self) -> bool {
        let begun = monotonic();
        loop {
            let rest = rest(self.waiting.len()).min(self.rest_max);
            match self.files.recv_timeout(rest.saturating_sub(begun.elapsed())) {
                Ok(path) => self.waiting.push_back(path),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

/// Between two steps, while so many files wait behind this one. Most are whole segments.
fn rest(waiting: usize) -> Duration {
    let files = u32::try_from(waiting).unwrap_or(u32::MAX).saturating_add(1);
    GONE_AFTER / files.saturating_mul((SEGMENT_BYTES / STEP_BYTES) as u32)
}

fn rest_max(path: &Path) -> Duration {
    // A disk that doesn't say how full it is has room.
    let is_scarce = path
        .parent()
        .and_then(|dir| space(dir).ok())
        .is_some_and(|space| space.free_bytes < space.total_bytes / 100 * SCARCE_PERCENT);
    if is_scarce { REST_SCARCE_MAX } else { REST_MAX }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::journal::tests::wait_until;

    fn file(path: PathBuf, bytes: u64) -> PathBuf {
        let file = fs::File::create(&path).unwrap();
        file.set_len(bytes).unwrap();
        path
    }

    #[test]
    fn files_of_any_size_go_and_what_is_not_there_stops_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let remover = Remover::start().unwrap();
        remover.remove(dir.path().join("never there"));
        remover.remove(dir.path().to_owned());
        let sizes = [0, 1, STEP_BYTES, STEP_BYTES + 1, 3 * STEP_BYTES];
        for (number, bytes) in sizes.into_iter().enumerate() {
            remover.remove(file(dir.path().join(number.to_string()), bytes));
        }
        wait_until("all are gone", || fs::read_dir(dir.path()).unwrap().next().is_none());
    }

    #[test]
    fn a_large_file_goes_in_steps_and_closing_waits_for_one() {
        let dir = tempfile::tempdir().unwrap();
        let (large, other) = (dir.path().join("large"), dir.path().join("other"));
        let bytes = 100_000 * STEP_BYTES;
        let remover = Remover::start().unwrap();
        remover.remove(file(large.clone(), bytes));
        remover.remove(file(other.clone(), 1));
        wait_until("it is shorter", || fs::metadata(&large).unwrap().len() < bytes);
        drop(remover);
        assert!(fs::metadata(&large).unwrap().len() > bytes / 2, "it went at once");
        assert!(other.exists(), "what came later goes later");
    }
}
