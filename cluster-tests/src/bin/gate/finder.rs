//! Calls a finder with the arguments that it knows, until the minutes are over or it finds
//! something.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rampart_cluster_tests::gates::ledger::Ledger;
use rampart_cluster_tests::gates::run_line::{Gate, Verdict};
use rampart_cluster_tests::gates::summary::{self, Summary};
use rampart_cluster_tests::gates::{RUNS, tree};
use rampart_cluster_tests::harness::clock::Stopwatch;

use crate::record::{self, Ended};

/// Neither clean nor violated.
pub(crate) const UNDECIDED: u8 = 5;
/// Seconds of faults of one chaos run: a history of more is slow to judge.
const CHAOS_SECONDS_MAX: u64 = 600;
/// Less is no chaos run.
const CHAOS_SECONDS_MIN: u64 = 30;
/// Where a chaos run leaves what it found, with its seed behind it.
const CHAOS_FOLDER: &str = "target/chaos";
/// More than any finder gets through in a minute.
const PER_MINUTE_MAX: u64 = 10_000;

/// The exit code of a verdict; the finders' own.
pub(crate) fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Clean => 0,
        Verdict::Violated => 1,
        Verdict::Undecided => UNDECIDED,
    }
}

/// A finder's program, and what it is told besides the seeds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program<'a> {
    pub(crate) path: &'a Path,
    pub(crate) more: &'a [String],
}

/// Runs a finder for so many minutes, and writes down each of its runs.
pub(crate) fn run(root: &Path, gate: Gate, program: Program, minutes: u64) -> Result<Verdict> {
    let code = tree::code(root)?;
    let (since, all) = (Stopwatch::start(), Duration::from_secs(minutes * 60));
    loop {
        let seed = Ledger::read(&root.join(RUNS))?.next_seed(gate);
        let left = all.saturating_sub(since.elapsed()).as_secs();
        let mut merged: Option<Ended> = None;
        for mut arguments in calls(gate, seed, left) {
            arguments.extend_from_slice(program.more);
            let ended = call(gate, seed, program.path, &arguments)?;
            merged = Some(match merged {
                None => ended,
                Some(first) => together(first, ended),
            });
        }
        let Some(ended) = merged else { return Ok(Verdict::Clean) };
        let verdict = record::append(root, &code, ended)?;
        if verdict != Verdict::Clean || gate != Gate::Chaos {
            return Ok(verdict);
        }
    }
}

/// The calls of one run: none if too little time is left.
fn calls(gate: Gate, seed: u64, seconds: u64) -> Vec<Vec<String>> {
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect();
    let minutes = seconds.div_ceil(60).max(1);
    match gate {
        Gate::Sim => {
            let count = minutes * PER_MINUTE_MAX;
            vec![words(format!("sweep --from {seed} --count {count} --minutes {minutes}"))]
        }
        Gate::Chaos if seconds < CHAOS_SECONDS_MIN => Vec::new(),
        Gate::Chaos => {
            let seconds = seconds.min(CHAOS_SECONDS_MAX);
            let nodes = if seed.is_multiple_of(2) { 5 } else { 3 };
            let out = format!("{CHAOS_FOLDER}-{seed}");
            vec![words(format!("--seed {seed} --duration {seconds} --nodes {nodes} --out {out}"))]
        }
        // Half of the time each.
        Gate::Crash => ["cuts", "damage"]
            .into_iter()
            .map(|what| {
                let minutes = minutes.div_ceil(2);
                let count = minutes * PER_MINUTE_MAX;
                words(format!("{what} --seed {seed} --count {count} --minutes {minutes}"))
            })
            .collect(),
    }
}

/// Calls the finder, showing what it says, and takes its summary.
fn call(gate: Gate, first_seed: u64, program: &Path, arguments: &[String]) -> Result<Ended> {
    println!("{} {}", program.display(), arguments.join(" "));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| program.display().to_string())?;
    let stdout = child.stdout.take().context("the finder's output")?;
    let mut said = None;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        said = summary::find(&line).or(said);
    }
    let exit_code = child.wait()?.code();
    Ok(Ended { gate, first_seed, exit_code, summary: said.unwrap_or_default() })
}

/// Two calls over the same seeds as one run: as bad as the worse of them.
fn together(first: Ended, second: Ended) -> Ended {
    let worse = [&first, &second].map(|ended| summary::judge(ended.exit_code, &ended.summary));
    let verdict = match worse {
        [Verdict::Violated, _] | [_, Verdict::Violated] => Verdict::Violated,
        [Verdict::Clean, Verdict::Clean] => Verdict::Clean,
        _ => Verdict::Undecided,
    };
    let (a, b) = (first.summary, second.summary);
    let (mut work, more) = (a.work, b.work);
    work.seconds += more.seconds;
    work.cuts += more.cuts;
    work.damaged_files += more.damaged_files;
    work.operations += more.operations;
    work.acknowledged += more.acknowledged;
    work.known_upstream += more.known_upstream;
    work.skipped.extend(more.skipped);
    for (kind, count) in more.faults {
        *work.faults.entry(kind).or_insert(0) += count;
    }
    let summary = Summary {
        seeds: a.seeds.max(b.seeds),
        failed_seeds: [a.failed_seeds, b.failed_seeds].concat(),
        properties: [a.properties, b.properties].concat(),
        verdict: Some(verdict),
        first_seed: a.first_seed,
        work,
    };
    let exit_code = Some(i32::from(exit_code(verdict)));
    Ended { exit_code, summary, ..first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(gate: Gate, seed: u64, seconds: u64) -> Vec<String> {
        calls(gate, seed, seconds).iter().map(|words| words.join(" ")).collect()
    }

    #[test]
    fn each_finder_is_called_in_its_own_words() {
        assert_eq!(line(Gate::Sim, 7, 600), ["sweep --from 7 --count 100000 --minutes 10"]);
        assert_eq!(
            line(Gate::Chaos, 7, 7_200),
            ["--seed 7 --duration 600 --nodes 3 --out target/chaos-7"]
        );
        assert_eq!(
            line(Gate::Chaos, 8, 90),
            ["--seed 8 --duration 90 --nodes 5 --out target/chaos-8"]
        );
        assert!(line(Gate::Chaos, 8, 20).is_empty(), "too little is left");
        let both =
            ["cuts", "damage"].map(|what| format!("{what} --seed 1 --count 50000 --minutes 5"));
        assert_eq!(line(Gate::Crash, 1, 600), both);
    }

    #[test]
    fn two_calls_are_as_bad_as_the_worse_and_add_up() {
        let ended = |exit_code, cuts, damaged_files, verdict| {
            let mut summary = Summary { verdict: Some(verdict), ..Summary::default() };
            (summary.work.cuts, summary.work.damaged_files) = (cuts, damaged_files);
            Ended { gate: Gate::Crash, first_seed: 1, exit_code: Some(exit_code), summary }
        };
        let clean = together(ended(0, 50, 0, Verdict::Clean), ended(0, 0, 90, Verdict::Clean));
        assert_eq!((clean.summary.work.cuts, clean.summary.work.damaged_files), (50, 90));
        assert_eq!((clean.exit_code, clean.summary.verdict), (Some(0), Some(Verdict::Clean)));
        let bad = together(ended(0, 1, 0, Verdict::Clean), ended(1, 0, 1, Verdict::Violated));
        assert_eq!((bad.exit_code, bad.summary.verdict), (Some(1), Some(Verdict::Violated)));
        let lost = together(ended(5, 1, 0, Verdict::Clean), ended(0, 0, 1, Verdict::Clean));
        assert_eq!(lost.exit_code, Some(5));
    }
}
