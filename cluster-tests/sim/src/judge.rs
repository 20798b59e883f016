//! The verdict over a history, in the words of a run.

use std::path::Path;

use anyhow::Result;
use rampart_cluster_tests::invariants::{Outcome, check_file};

/// What was found in a history.
#[derive(Debug)]
pub(crate) struct Findings {
    /// Records acknowledged.
    pub(crate) acked: u64,
    /// Lines read.
    pub(crate) events: u64,
    /// The first violation of each property.
    pub(crate) violation: Option<String>,
    /// Why the history says nothing.
    pub(crate) too_thin: Option<String>,
}

/// Judges the history in a file.
pub(crate) fn judge(history: &Path) -> Result<Findings> {
    let verdict = check_file(history)?;
    let mut violations: Vec<String> = Vec::new();
    for property in verdict.violated() {
        let first = verdict.violations.iter().find(|violation| violation.property == property);
        let message = first.map_or("", |violation| violation.message.as_str());
        violations.push(format!("{property:?}: {message}"));
    }
    let is_undecided = verdict.outcome == Outcome::Undecided;
    Ok(Findings {
        acked: verdict.counts.acked,
        events: verdict.counts.events,
        violation: (!violations.is_empty()).then(|| violations.join("; ")),
        too_thin: is_undecided.then(|| verdict.undecided.join("; ")),
    })
}
