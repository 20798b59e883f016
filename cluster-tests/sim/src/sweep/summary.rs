//! What many runs came to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::ASSERTIONS;
use super::child::Ran;
use crate::run::Verdict;

/// Counts, and what failed.
#[derive(Debug)]
pub(super) struct Summary {
    first_seed: Option<u64>,
    planned: usize,
    ran: u64,
    with_assertions: u64,
    too_thin: u64,
    acked: u64,
    events: u64,
    virtual_ms: u64,
    faults: BTreeMap<String, u64>,
    upstream: BTreeMap<String, u64>,
    failures: Vec<Failure>,
}

/// A run that failed.
#[derive(Debug, Clone, Serialize)]
struct Failure {
    run: String,
    what: String,
}

/// A summary as it is printed.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    /// Of a range of seeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seed: Option<u64>,
    planned: usize,
    ran: u64,
    /// Of them, those with openraft's debug assertions.
    with_assertions: u64,
    failed: usize,
    too_thin: u64,
    seeds_per_minute: u64,
    virtual_seconds: u64,
    acked: u64,
    events: u64,
    faults: &'a BTreeMap<String, u64>,
    upstream: &'a BTreeMap<String, u64>,
    failures: &'a [Failure],
}

impl Summary {
    pub(super) fn new(first_seed: Option<u64>, planned: usize) -> Summary {
        Summary {
            first_seed,
            planned,
            ran: 0,
            with_assertions: 0,
            too_thin: 0,
            acked: 0,
            events: 0,
            virtual_ms: 0,
            faults: BTreeMap::new(),
            upstream: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    /// Whether none has failed so far.
    pub(super) fn holds(&self) -> bool {
        self.failures.is_empty()
    }

    /// Counts a run, and says at once if it failed.
    pub(super) fn add(&mut self, run: &[String], ran: Ran) {
        self.ran += 1;
        self.with_assertions += u64::from(run.iter().any(|argument| argument == ASSERTIONS));
        let what = match ran {
            Ran::Died(what) => what,
            Ran::Upstream(name) => {
                *self.upstream.entry(name.to_owned()).or_default() += 1;
                return;
            }
            Ran::Reported(report) => {
                self.acked += report.acked;
                self.events += report.events;
                self.virtual_ms += report.virtual_ms;
                for (fault, count) in report.faults {
                    *self.faults.entry(fault).or_default() += count;
                }
                match report.verdict {
                    Verdict::Holds => return,
                    Verdict::TooThin(_) => {
                        self.too_thin += 1;
                        return;
                    }
                    Verdict::Upstream(name) => {
                        *self.upstream.entry(name).or_default() += 1;
                        return;
                    }
                    Verdict::Violated(what) | Verdict::Panicked(what) => what,
                }
            }
        };
        let run = run.join(" ");
        eprintln!("FAILED  sim {run}  # {what}");
        self.failures.push(Failure { run, what });
    }

    pub(super) fn progress(&self, elapsed: Duration) -> String {
        format!(
            "{} of {} runs, {} failed, {} a minute, {} values acknowledged",
            self.ran,
            self.planned,
            self.failures.len(),
            self.per_minute(elapsed),
            self.acked
        )
    }

    fn per_minute(&self, elapsed: Duration) -> u64 {
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        self.ran * 60_000 / ms
    }

    pub(super) fn report(&self, elapsed: Duration) -> Report<'_> {
        Report {
            first_seed: self.first_seed,
            planned: self.planned,
            ran: self.ran,
            with_assertions: self.with_assertions,
            failed: self.failures.len(),
            too_thin: self.too_thin,
            seeds_per_minute: self.per_minute(elapsed),
            virtual_seconds: self.virtual_ms / 1_000,
            acked: self.acked,
            events: self.events,
            faults: &self.faults,
            upstream: &self.upstream,
            failures: &self.failures,
        }
    }

    /// Adds the failures to a list of runs.
    pub(super) fn keep(&self, file: &Path) -> Result<()> {
        let mut list = File::options()
            .append(true)
            .create(true)
            .open(file)
            .with_context(|| file.display().to_string())?;
        for Failure { run, what } in &self.failures {
            let first = what.lines().next().unwrap_or_default();
            writeln!(list, "{run}  # {first}")?;
        }
        Ok(())
    }
}
