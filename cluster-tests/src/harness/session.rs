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

/// A test that needs longer hangs.
const LIMIT: Duration = Duration::from_secs(150);
/// Lines of each log that are printed after a failure.
const LOG_LINES: usize = 60;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

thread_local! {
    /// Folders of clusters that are gone, kept until the test's verdict is known.
    static FOLDERS: RefCell<Vec<TempDir>> = const { RefCell::new(Vec::new()) };
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let verdict = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let late = |_| Err(anyhow!("the test hangs: no end after {LIMIT:?}"));
            tokio::time::timeout(LIMIT, test).await.unwrap_or_else(late)
        })
    }));
    let folders = FOLDERS.take();
    match verdict {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            print_logs(folders);
            panic!("{error:#}");
        }
        Err(panic) => {
            print_logs(folders);
            resume_unwind(panic);
        }
    }
}

/// Announces what a test does next, and why.
pub fn phase(text: impl AsRef<str>) {
    eprintln!("--- {}", text.as_ref());
}

/// Hands a cluster's folder over until the verdict.
pub(super) fn keep_until_verdict(folder: TempDir) {
    // Refused only while the thread itself ends; then the folder goes at once.
    let _ = FOLDERS.try_with(|folders| folders.borrow_mut().push(folder));
}

fn print_logs(folders: Vec<TempDir>) {
    for folder in folders {
        let path = folder.keep();
        for entry in std::fs::read_dir(&path).into_iter().flatten().flatten() {
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "log")
            {
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
