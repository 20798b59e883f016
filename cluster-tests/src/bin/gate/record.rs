//! From the end of a run to its line.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::gates::RUNS;
use rampart_cluster_tests::gates::ledger;
use rampart_cluster_tests::gates::run_line::{Gate, RunLine, Verdict};
use rampart_cluster_tests::gates::summary::{Summary, judge};
use rampart_cluster_tests::gates::tree::Code;

/// A run that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) gate: Gate,
    pub(crate) first_seed: u64,
    /// None: a signal ended it.
    pub(crate) exit_code: Option<i32>,
    pub(crate) summary: Summary,
}

impl Ended {
    /// The line of this run.
    fn line(self, code: &Code, date: String) -> RunLine {
        let verdict = judge(self.exit_code, &self.summary);
        let mut failed_seeds = self.summary.failed_seeds;
        // One run of one seed need not say which.
        if verdict == Verdict::Violated && failed_seeds.is_empty() {
            failed_seeds.push(self.first_seed);
        }
        RunLine {
            gate: self.gate,
            commit: code.commit.clone(),
            tree: code.tree.clone(),
            date,
            first_seed: self.first_seed,
            seeds: self.summary.seeds.unwrap_or(1).max(1),
            verdict,
            failed_seeds,
            work: self.summary.work,
        }
    }
}

/// Appends the line of a run, about the code that was there when it began; answers its verdict.
pub(crate) fn append(root: &Path, code: &Code, ended: Ended) -> Result<Verdict> {
    let line = ended.line(code, today()?);
    ledger::append(&root.join(RUNS), &line)?;
    println!("{}", serde_json::to_string(&line)?);
    Ok(line.verdict)
}

/// The day, of the machine's own clock: it is written down and decides nothing.
fn today() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output().context("date")?;
    let day = String::from_utf8(output.stdout)?.trim().to_owned();
    ensure!(day.len() == 10, "date said {day:?}");
    Ok(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(exit_code: i32, summary: Summary) -> RunLine {
        let ended =
            Ended { gate: Gate::Chaos, first_seed: 41, exit_code: Some(exit_code), summary };
        let code = Code { commit: "c".to_owned(), tree: "t".to_owned() };
        ended.line(&code, "2026-01-31".to_owned())
    }

    #[test]
    fn a_run_of_one_seed_that_fails_names_it() {
        let line = line(1, Summary::default());
        assert_eq!((line.seeds, line.verdict), (1, Verdict::Violated));
        assert_eq!(line.failed_seeds, [41]);
    }

    #[test]
    fn a_run_that_says_nothing_is_undecided_and_its_seed_is_used() {
        let line = line(0, Summary::default());
        assert_eq!((line.verdict, line.next_seed()), (Verdict::Undecided, 42));
        assert!(line.failed_seeds.is_empty());
    }
}
