//! What became of the lines: counted by partition, with the first failure.

use std::collections::BTreeMap;

use rampart_api::http::error::ProblemBody;
use rampart_api::http::produce::LineResult;
use rampart_api::model::problem::Outcome;
use serde::Serialize;

use super::lines::Batch;
use crate::cli::failure::{Failure, code_of};
use crate::cli::output::number;

/// Counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    topic: String,
    /// Acknowledged.
    records: u64,
    /// Acknowledged, by partition.
    partitions: BTreeMap<u32, u64>,
    /// Certainly not written.
    not_done: u64,
    /// Written or not, nobody knows.
    unknown: u64,
    /// The first that was not acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_failure: Option<FailedLine>,
}

/// A line that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct FailedLine {
    line: u64,
    problem: ProblemBody,
}

impl Report {
    pub(super) fn new(topic: &str) -> Self {
        Report {
            topic: topic.to_owned(),
            records: 0,
            partitions: BTreeMap::new(),
            not_done: 0,
            unknown: 0,
            first_failure: None,
        }
    }

    /// Adds the answers to a batch.
    pub(super) fn add(&mut self, batch: &Batch, results: &[LineResult]) {
        for result in results {
            match result {
                LineResult::Done(done) => {
                    self.records += 1;
                    *self.partitions.entry(done.partition).or_default() += 1;
                }
                LineResult::Failed(failed) => {
                    match failed.problem.outcome {
                        Outcome::NotDone => self.not_done += 1,
                        Outcome::Unknown => self.unknown += 1,
                    }
                    let line = batch.input_line(failed.line);
                    let mut problem = failed.problem.clone();
                    // The server counts the lines of a request; the reader those of the input.
                    let counted = format!("line {}, ", failed.line);
                    if let Some(rest) = problem.detail.strip_prefix(&counted) {
                        problem.detail = rest.to_owned();
                    }
                    self.first_failure.get_or_insert(FailedLine { line, problem });
                }
            }
        }
    }

    /// Records that were acknowledged.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn has_failed(&self) -> bool {
        self.first_failure.is_some()
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let each = self.partitions.iter().map(|(p, count)| format!("{p}: {}", number(*count)));
        let partitions = each.collect::<Vec<_>>().join(", ");
        let head = format!("{} records written to {}", number(self.records), self.topic);
        if partitions.is_empty() { head } else { format!("{head} (by partition: {partitions})") }
    }

    /// The failure to end with, if there is one.
    pub(super) fn failure(&self) -> Option<Failure> {
        let FailedLine { line, problem } = self.first_failure.as_ref()?;
        let (not_done, unknown) = (number(self.not_done), number(self.unknown));
        let what = format!(
            "line {line}: {} ({}); {not_done} lines certainly not written, {unknown} unknown, \
             and nothing after them was sent",
            problem.detail,
            problem.code.as_str()
        );
        let failure = Failure::new(what).code(code_of(problem.code));
        Some(match &problem.hint {
            Some(hint) => failure.hint(hint.clone()),
            None => failure,
        })
    }
}

#[cfg(test)]
mod tests {
    use rampart_api::http::produce::{LineDone, LineFailed};
    use rampart_api::model::error_code::ErrorCode;
    use rampart_api::model::problem::Problem;

    use super::*;

    #[test]
    fn lines_are_counted_and_the_first_failure_is_named() {
        let done = |line| LineResult::Done(LineDone { line, partition: 2, offset: Some(line) });
        let problem = Problem::unknown(ErrorCode::Timeout, "line 3, no answer").hint("look");
        let failed = LineResult::Failed(LineFailed { line: 3, problem: (&problem).into() });
        let mut report = Report::new("t");
        report.add(&Batch::default(), &[done(1), done(2)]);
        assert_eq!(report.text(), "2 records written to t (by partition: 2: 2)");
        assert_eq!(report.failure(), None);
        report.add(&Batch::default(), &[failed]);
        let failure = report.failure().unwrap().to_string();
        assert!(
            failure.contains(": no answer (TIMEOUT); 0 lines certainly not written, 1 unknown"),
            "{failure}"
        );
        assert!(failure.ends_with("hint: look"), "{failure}");
    }
}
