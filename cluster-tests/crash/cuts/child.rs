//! A writer in a process of its own, and what it says. All lines that came are kept, with whether
//! the process was already being cut off when they came.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::event::Event;

/// How syncs are changed: a library, and the variable that tells it how.
pub(super) struct Syncs<'a> {
    pub(super) library: &'a Path,
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// The process.
pub(super) struct Writing {
    process: Child,
    heard: Arc<Heard>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Heard {
    state: Mutex<Lines>,
    changed: Condvar,
}

/// What a process said.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) events: Vec<Event>,
    /// Failures that came before anything was done to the process.
    pub(super) failures: Vec<String>,
    is_cut: bool,
    is_over: bool,
}

impl Lines {
    fn end(&mut self) {
        self.is_over = true;
        if !self.is_cut && self.failures.is_empty() && !self.events.contains(&Event::Ended) {
            self.failures.push("it ended by itself".to_owned());
        }
    }
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, line: &str) {
        let mut lines = self.lock();
        // The last line of a killed process may be half: then its step was not issued yet.
        match serde_json::from_str(line) {
            Ok(Event::Failed(what)) if !lines.is_cut => lines.failures.push(what),
            Ok(event) => lines.events.push(event),
            Err(error) if !lines.is_cut => lines.failures.push(format!("{error}: {line}")),
            Err(_) => {}
        }
        drop(lines);
        self.changed.notify_all();
    }
}

impl Writing {
    /// Starts a writer on a store, its syncs as they are or as `syncs` makes them.
    pub(super) fn start(dir: &Path, seed: u64, syncs: Option<Syncs<'_>>) -> Result<Writing> {
        let me = std::env::current_exe().context("where is this executable?")?;
        let mut command = Command::new(me);
        command.arg("writer").arg("--dir").arg(dir).args(["--seed", &seed.to_string()]);
        if let Some(syncs) = syncs {
            command.env("LD_PRELOAD", syncs.library).env(syncs.name, syncs.value);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let heard = Arc::new(Heard::default());
        let out = BufReader::new(process.stdout.take().context("its output is a pipe")?);
        let hearer = heard.clone();
        let reader = std::thread::spawn(move || {
            for line in out.lines().map_while(|line| line.ok()) {
                hearer.take(&line);
            }
            hearer.lock().end();
            hearer.changed.notify_all();
        });
        Ok(Writing { process, heard, reader: Some(reader) })
    }

    /// Waits until it has read all of its store; false if it did not in time, or ended.
    pub(super) fn wait_found(&self, limit: Duration) -> bool {
        let has_found =
            |lines: &Lines| lines.events.iter().any(|event| matches!(event, Event::Found(_)));
        self.wait(limit, |lines| has_found(lines) || lines.is_over);
        has_found(&self.heard.lock())
    }

    /// Lets it go on for so long, or until it ends by itself.
    pub(super) fn run_for(&self, time: Duration) {
        self.wait(time, |lines| lines.is_over);
    }

    fn wait(&self, limit: Duration, until: impl Fn(&Lines) -> bool) {
        let waited =
            self.heard.changed.wait_timeout_while(self.heard.lock(), limit, |lines| !until(lines));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// What it says from now on may come of what is done to it.
    pub(super) fn is_cut_now(&self) {
        self.heard.lock().is_cut = true;
    }

    /// Kills it; answers all it said.
    pub(super) fn kill(mut self) -> Result<Lines> {
        self.is_cut_now();
        // It may have ended by itself.
        let _ = self.process.kill();
        self.end()
    }

    /// Asks it to close its store; answers all it said, or kills it when it takes too long.
    pub(super) fn close(mut self, limit: Duration) -> Result<Lines> {
        if let Some(mut input) = self.process.stdin.take() {
            // It may have ended by itself.
            let _ = writeln!(input, "end");
        }
        self.wait(limit, |lines| lines.is_over);
        if !self.heard.lock().is_over {
            return self.kill();
        }
        self.end()
    }

    fn end(&mut self) -> Result<Lines> {
        self.process.wait()?;
        if let Some(reader) = self.reader.take() {
            // It has ended with the pipe.
            let _ = reader.join();
        }
        Ok(std::mem::take(&mut *self.heard.lock()))
    }
}
