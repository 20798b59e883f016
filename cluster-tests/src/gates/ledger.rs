//! The record as a whole: the file, the next unused seed, and what adds up.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::run_line::{Gate, RunLine, Verdict};

/// All lines, in the order in which they were written.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    lines: Vec<RunLine>,
}

/// What the counted lines of one gate add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lines that count.
    pub runs: u64,
    /// Lines that came to no end, and count for nothing else.
    pub undecided: u64,
    /// Seeds that were run, each once.
    pub seeds: u64,
    /// Seconds.
    pub seconds: u64,
    /// Faults of all kinds.
    pub faults: u64,
    /// Their kinds.
    pub fault_kinds: BTreeSet<String>,
    /// Acknowledged operations.
    pub acknowledged: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Damaged files.
    pub damaged_files: u64,
    /// Sizes of clusters.
    pub nodes: BTreeSet<u64>,
    /// Protocols of clients.
    pub protocols: BTreeSet<String>,
    /// What was left out.
    pub skipped: BTreeSet<String>,
    /// Known assertions of openraft.
    pub known_upstream: u64,
    /// Seeds that failed, and not since been clean.
    pub open_failures: BTreeSet<u64>,
}

impl Ledger {
    /// Reads the record; empty where there is no file yet.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is not one; the error names it.
    pub fn read(path: &Path) -> Result<Ledger> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ledger::parse(&text).with_context(|| path.display().to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ledger::default()),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    fn parse(text: &str) -> Result<Ledger> {
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            lines.push(serde_json::from_str(line).with_context(|| format!("line {number}"))?);
        }
        Ok(Ledger { lines })
    }

    /// A seed that no run of this gate has used, of whatever code.
    pub fn next_seed(&self, gate: Gate) -> u64 {
        let of_gate = self.lines.iter().filter(|line| line.gate == gate);
        of_gate.map(RunLine::next_seed).max().unwrap_or(1).max(1)
    }

    /// What the lines about all code add up to, or those about this code alone.
    pub fn totals(&self, gate: Gate, tree: Option<&str>) -> Totals {
        let mut totals = Totals::default();
        let mut seen = SeedRanges::default();
        let is_meant = |line: &&RunLine| tree.is_none_or(|tree| line.tree == tree);
        for line in self.lines.iter().filter(|line| line.gate == gate).filter(is_meant) {
            match line.verdict {
                Verdict::Undecided => totals.undecided += 1,
                Verdict::Clean | Verdict::Violated => {
                    totals.seeds += seen.add(line.first_seed, line.next_seed());
                    totals.add(line);
                }
            }
        }
        totals
    }

    /// First and last day of the lines.
    pub fn days(&self) -> Option<(&str, &str)> {
        let mut days = self.lines.iter().map(|line| &*line.date);
        let first = days.next()?;
        Some(days.fold((first, first), |(from, to), day| (from.min(day), to.max(day))))
    }
}

impl Totals {
    fn add(&mut self, line: &RunLine) {
        let work = &line.work;
        self.runs += 1;
        self.seconds += work.seconds;
        self.faults += work.faults.values().sum::<u64>();
        self.fault_kinds.extend(work.faults.keys().cloned());
        self.acknowledged += work.acknowledged;
        self.cuts += work.cuts;
        self.damaged_files += work.damaged_files;
        self.nodes.extend(&work.nodes);
        self.protocols.extend(work.protocols.iter().cloned());
        self.skipped.extend(work.skipped.iter().cloned());
        self.known_upstream += work.known_upstream;
        self.open_failures.retain(|seed| !line.has_run(*seed));
        self.open_failures.extend(&line.failed_seeds);
        if line.verdict == Verdict::Violated && line.failed_seeds.is_empty() {
            self.open_failures.insert(line.first_seed);
        }
    }
}

/// Seeds that were counted already.
#[derive(Debug, Default)]
struct SeedRanges(Vec<(u64, u64)>);

impl SeedRanges {
    /// Adds `from..to`; answers how many of them are new.
    fn add(&mut self, from: u64, to: u64) -> u64 {
        let (mut new, mut merged, mut rest) = (to - from, (from, to), Vec::new());
        for (start, end) in self.0.drain(..) {
            if end < from || start > to {
                rest.push((start, end));
                continue;
            }
            new -= end.min(to).saturating_sub(start.max(from));
            merged = (merged.0.min(start), merged.1.max(end));
        }
        rest.push(merged);
        self.0 = rest;
        new
    }
}

/// Appends a line to the record.
///
/// # Errors
/// The file cannot be written.
pub fn append(path: &Path, line: &RunLine) -> Result<()> {
    let text = serde_json::to_string(line)? + "\n";
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())?;
    Ok(file.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::super::run_line::Work;
    use super::*;

    fn line(gate: Gate, tree: &str, first_seed: u64, seeds: u64) -> RunLine {
        RunLine {
            gate,
            commit: "c".to_owned(),
            tree: tree.to_owned(),
            date: "2026-01-31".to_owned(),
            first_seed,
            seeds,
            verdict: Verdict::Clean,
            failed_seeds: Vec::new(),
            work: Work { seconds: 10, known_upstream: 1, ..Work::default() },
        }
    }

    fn violated(line: RunLine, failed_seeds: &[u64]) -> RunLine {
        RunLine { verdict: Verdict::Violated, failed_seeds: failed_seeds.to_vec(), ..line }
    }

    #[test]
    fn the_next_seed_follows_every_run_of_its_gate_of_whatever_code() {
        assert_eq!(Ledger::default().next_seed(Gate::Sim), 1);
        let lines = vec![
            line(Gate::Sim, "old", 1, 200),
            line(Gate::Sim, "new", 50, 10),
            line(Gate::Chaos, "new", 900, 1),
        ];
        let ledger = Ledger { lines };
        assert_eq!(ledger.next_seed(Gate::Sim), 201);
        assert_eq!(ledger.next_seed(Gate::Chaos), 901);
        assert_eq!(ledger.next_seed(Gate::Crash), 1);
    }

    #[test]
    fn only_lines_about_this_code_count_and_undecided_ones_do_not() {
        let undecided =
            RunLine { verdict: Verdict::Undecided, ..line(Gate::Sim, "new", 301, 1_000) };
        let lines = vec![
            line(Gate::Sim, "old", 1, 100),
            line(Gate::Sim, "new", 101, 100),
            undecided,
            line(Gate::Crash, "new", 1, 7),
        ];
        let ledger = Ledger { lines };
        assert_eq!(ledger.totals(Gate::Sim, None).seeds, 200);
        let totals = ledger.totals(Gate::Sim, Some("new"));
        assert_eq!((totals.runs, totals.undecided), (1, 1));
        assert_eq!((totals.seeds, totals.seconds, totals.known_upstream), (100, 10, 1));
    }

    #[test]
    fn a_seed_that_is_run_again_counts_once() {
        let lines = vec![
            line(Gate::Sim, "t", 1, 100),
            line(Gate::Sim, "t", 201, 100),
            line(Gate::Sim, "t", 51, 200),
            line(Gate::Sim, "t", 300, 2),
        ];
        assert_eq!(Ledger { lines }.totals(Gate::Sim, Some("t")).seeds, 301);
    }

    #[test]
    fn a_failure_is_open_until_its_seed_is_clean() {
        let mut lines = vec![violated(line(Gate::Sim, "t", 1, 100), &[7, 9])];
        let open = |lines: &[RunLine]| {
            let totals = Ledger { lines: lines.to_vec() }.totals(Gate::Sim, Some("t"));
            totals.open_failures.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(open(&lines), [7, 9]);
        lines.push(line(Gate::Sim, "t", 7, 1));
        assert_eq!(open(&lines), [9]);
        lines.push(violated(line(Gate::Sim, "t", 9, 1), &[9]));
        assert_eq!(open(&lines), [9]);
        lines.push(violated(line(Gate::Sim, "t", 400, 1), &[]));
        assert_eq!(open(&lines), [9, 400], "a failure without a seed is not forgotten");
    }

    #[test]
    fn lines_are_appended_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs.jsonl");
        assert!(Ledger::read(&path).unwrap().lines.is_empty());
        let lines = [line(Gate::Sim, "t", 1, 2), violated(line(Gate::Chaos, "t", 3, 1), &[3])];
        for line in &lines {
            append(&path, line).unwrap();
        }
        assert_eq!(Ledger::read(&path).unwrap().lines, lines);
        std::fs::write(&path, "{}\n").unwrap();
        let error = format!("{:#}", Ledger::read(&path).unwrap_err());
        assert!(error.contains("line 1"), "{error}");
    }
}
