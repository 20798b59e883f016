//! One run in a process of its own.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rampart_cluster_tests::harness::clock::Stopwatch;

use crate::panics;
use crate::run::Report;

/// Real time after which a run counts as hung.
const HUNG_AFTER: Duration = Duration::from_secs(120);
/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What came of it.
#[derive(Debug)]
pub(super) enum Ran {
    /// It ended, and says how.
    Reported(Box<Report>),
    /// An assertion of openraft that is known ended the process.
    Upstream(&'static str),
    /// It did not.
    Died(String),
}

/// Runs `sim` with these arguments.
pub(super) fn run_child(program: &Path, args: &[String]) -> Ran {
    let child = Command::new(program)
        .args(args)
        .arg("--json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    match child {
        Ok(child) => wait(child),
        Err(error) => Ran::Died(format!("could not be started: {error}")),
    }
}

fn wait(mut child: Child) -> Ran {
    let (out, err) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let watch = Stopwatch::start();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.to_string(),
            Ok(None) if watch.elapsed() > HUNG_AFTER => {
                // It may have ended just now.
                let _ = child.kill();
                let _ = child.wait();
                break format!("hung for {HUNG_AFTER:?}");
            }
            Ok(None) => thread::sleep(LOOK),
            Err(error) => break error.to_string(),
        }
    };
    let text = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
    let (out, err) = (text(out), text(err));
    match out.lines().next_back().map(serde_json::from_str) {
        Some(Ok(report)) => Ran::Reported(Box::new(report)),
        Some(Err(_)) | None => {
            let panic = err.lines().find(|line| line.starts_with(panics::SAID));
            if let Some(known) = panic.and_then(panics::known_upstream_said) {
                return Ran::Upstream(known);
            }
            let said = panic.or(err.lines().next_back()).unwrap_or_default();
            Ran::Died(format!("{ended}: {said}"))
        }
    }
}

/// Reads all, so that the process never waits for room.
fn reader(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        if let Some(mut from) = from {
            // What can't be read is missing in the report, which says so.
            let _ = from.read_to_string(&mut text);
        }
        text
    })
}
