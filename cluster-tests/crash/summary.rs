//! What a run did, told while it runs, and at its end as one JSON object for whoever adds up runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use rampart_cluster_tests::harness::clock::Stopwatch;
use serde_json::{Value, json};

/// Between two lines of progress.
const PROGRESS_APART: Duration = Duration::from_secs(5);
/// More failures are counted, not told.
const FAILURES_TOLD: usize = 20;

/// Counts and failures of one run.
#[derive(Debug)]
pub(crate) struct Summary {
    what: &'static str,
    seed: u64,
    started: Stopwatch,
    told: Duration,
    counts: BTreeMap<String, u64>,
    notes: BTreeMap<String, u64>,
    skipped: BTreeMap<String, String>,
    failures: Vec<Value>,
}

impl Summary {
    pub(crate) fn new(what: &'static str, seed: u64) -> Summary {
        Summary {
            what,
            seed,
            started: Stopwatch::start(),
            told: Duration::ZERO,
            counts: BTreeMap::new(),
            notes: BTreeMap::new(),
            skipped: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    /// Something happened once more.
    pub(crate) fn count(&mut self, name: &str) {
        *self.counts.entry(name.to_owned()).or_default() += 1;
    }

    /// A figure beside the counts.
    pub(crate) fn note(&mut self, name: &str, figure: u64) {
        self.notes.insert(name.to_owned(), figure);
    }

    /// Something can't be done on this machine.
    pub(crate) fn skip(&mut self, name: &str, why: &anyhow::Error) {
        eprintln!("{}: SKIPPED, {name} does not work here: {why:#}", self.what);
        self.skipped.insert(name.to_owned(), format!("{why:#}"));
    }

    /// A rule was broken; `again` is the command that repeats it.
    pub(crate) fn fail(&mut self, what: &str, again: &str) {
        if self.failures.len() < FAILURES_TOLD {
            eprintln!("{}: FAILED: {what}\n  again: {again}", self.what);
        }
        self.failures.push(json!({ "what": what, "again": again }));
    }

    /// Says now and then how far the run is.
    pub(crate) fn progress(&mut self, done: u64, all: u64, started: Stopwatch) {
        let elapsed = started.elapsed();
        if done < all && elapsed < self.told + PROGRESS_APART {
            return;
        }
        self.told = elapsed;
        let rate = done as f64 * 60.0 / elapsed.as_secs_f64().max(0.001);
        let failures = self.failures.len();
        eprintln!("{}: {done} of {all}, {rate:.0} a minute, {failures} failures", self.what);
    }

    /// How many were done.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Whether a rule was broken.
    pub(crate) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Prints the object, and writes it to a file.
    pub(crate) fn finish(&self, file: Option<&Path>) -> Result<()> {
        let verdict = match (self.has_failed(), self.total()) {
            (true, _) => "failed",
            (false, 0) => "skipped",
            (false, _) => "passed",
        };
        let told = &self.failures[..self.failures.len().min(FAILURES_TOLD)];
        let object = json!({
            "what": self.what, "seed": self.seed, "count": self.total(),
            "seconds": self.started.elapsed().as_secs_f64(), "counts": self.counts,
            "notes": self.notes, "skipped": self.skipped, "failed": self.failures.len(),
            "failures": told, "verdict": verdict,
        });
        println!("{object}");
        match file {
            Some(file) => Ok(std::fs::write(file, format!("{object}\n"))?),
            None => Ok(()),
        }
    }
}
