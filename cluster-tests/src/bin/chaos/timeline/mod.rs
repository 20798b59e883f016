//! The picture of a run: one HTML file that needs nothing else, drawn from the history.

mod chart;
mod gather;
mod page;

use std::path::Path;

use anyhow::{Context, Result};
use rampart_cluster_tests::history::reader;
use rampart_cluster_tests::invariants::Verdict;

use gather::Gathered;

/// Draws what the history has.
pub(crate) fn draw(history: &Path, verdict: &Verdict, to: &Path) -> Result<()> {
    let mut gathered = Gathered::default();
    for event in reader::open(history)? {
        gathered.take(&event?);
    }
    let verdict = verdict.to_string();
    std::fs::write(to, page::html(&gathered, &verdict)).with_context(|| to.display().to_string())
}
