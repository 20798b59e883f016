//! The table at the end: what was promised, what was seen.

use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};

/// One line of the table.
struct Line {
    what: &'static str,
    promised: &'static str,
    seen: String,
    holds: bool,
}

/// What was seen so far.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// Adds what was seen, and whether it is what was promised.
    pub(crate) fn seen(
        &mut self,
        what: &'static str,
        promised: &'static str,
        seen: impl Into<String>,
        holds: bool,
    ) {
        let seen = seen.into();
        self.lines.push(Line { what, promised, seen, holds });
    }

    /// Promises that were not seen.
    pub(crate) fn missing(&self) -> usize {
        self.lines.iter().filter(|line| !line.holds).count()
    }

    /// For people.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(["", "promised", "seen in this run", ""]);
        for line in &self.lines {
            let verdict = if line.holds { "ok" } else { "NOT SEEN" };
            table.add_row([line.what, line.promised, &line.seen, verdict]);
        }
        table
    }
}

/// A duration as people read it.
pub(crate) fn millis(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
