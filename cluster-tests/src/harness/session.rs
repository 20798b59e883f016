//! How one test runs: a runtime of its own, one test of a file at a time (each has three
//! processes on few cores), a hard limit of time, and the nodes' logs printed if it fails.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// A test that needs longer hangs.
const LIMIT: Duration = Duration::from_secs(300);
/// Lines of each log that are printed after a failure.
const LOG_LINES: usize = 60;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

thread_local! {
    /// Folders of clusters that are gone, kept until the verdict is known; `None` outside.
    static FOLDERS: RefCell<Option<Vec<TempDir>>> = const { RefCell::new(None) };
}

/// Runs a test to its end.
///
/// # Panics
/// If the test answers an error, panics, or hangs.
pub fn run<F>(test: F)
where
    F: Future<Output = Result<()>>,
{
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = supervise(LIMIT, test) {
        panic!("{error:#}");
    }
}

/// Runs a future to its end, at most so long; if it fails or panics the logs of its clusters are
/// printed and their folders kept. Interrupted by Ctrl-C or SIGTERM it fails too, so that what it
/// made is taken down.
pub fn supervise<F>(limit: Duration, work: F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    FOLDERS.set(Some(Vec::new()));
    let verdict = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let late = |_| Err(anyhow!("it hangs: no end after {limit:?}"));
            tokio::select! {
                verdict = tokio::time::timeout(limit, work) => verdict.unwrap_or_else(late),
                interruption = interrupted() => interruption,
            }
        })
    }));
    let folders = FOLDERS.take().unwrap_or_default();
    if !matches!(verdict, Ok(Ok(()))) {
        print_logs(folders);
    }
    verdict.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Ends with an error when this process is told to end.
async fn interrupted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done?,
        _ = terminate.recv() => {}
    }
    Err(anyhow!("interrupted"))
}

/// Announces what a test does next, and why.
pub fn phase(text: impl AsRef<str>) {
    eprintln!("--- {}", text.as_ref());
}

/// Hands a cluster's folder over until the verdict.
pub(super) fn keep_until_verdict(folder: TempDir) {
    // Refused only while the thread itself ends; then the folder goes at once.
    let _ = FOLDERS.try_with(|folders| {
        if let Some(folders) = folders.borrow_mut().as_mut() {
            folders.push(folder);
        }
    });
}

fn print_logs(folders: Vec<TempDir>) {
    for folder in folders {
        let path = folder.keep();
        for entry in std::fs::read_dir(&path).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                print_tail(&entry.path());
            }
        }
        eprintln!("=== logs and data are kept in {}", path.display());
    }
}

fn print_tail(log: &Path) {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    eprintln!("=== the end of {}", log.display());
    for line in lines.iter().skip(lines.len().saturating_sub(LOG_LINES)) {
        eprintln!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    struct Cleared<'a>(&'a AtomicBool);

    impl Drop for Cleared<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn an_interrupted_run_clears_up_and_fails() {
        let cleared = AtomicBool::new(false);
        let verdict = supervise(LIMIT, async {
            let _made = Cleared(&cleared);
            // The handlers are in place once the other branch has been polled.
            tokio::task::yield_now().await;
            kill_process(getpid(), Signal::TERM)?;
            std::future::pending().await
        });
        assert_eq!(verdict.unwrap_err().to_string(), "interrupted");
        assert!(cleared.load(Ordering::Relaxed));
    }
}
