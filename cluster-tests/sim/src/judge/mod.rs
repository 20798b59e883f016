//! The verdict over a history.

mod own;

use std::path::Path;

use anyhow::Result;
use rampart_cluster_tests::history::reader;

/// What was found in a history.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Values acknowledged.
    pub(crate) acked: u64,
    /// Events read.
    pub(crate) events: u64,
    /// What must not be, each with the number of its property.
    pub(crate) violations: Vec<String>,
}

/// Judges the history in a file.
pub(crate) fn judge(history: &Path) -> Result<Findings> {
    let mut judge = own::Judge::default();
    for event in reader::open(history)? {
        judge.see(&event?);
    }
    Ok(judge.finish())
}
