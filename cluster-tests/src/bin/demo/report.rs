//! The table at the end: what was promised, what was seen.

use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};

/// One line of the table.
struct Line {
    what: &'static str,
    promised: &'static str,
    seen: String,
    verdict: Verdict,
}

/// What is said of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Holds,
    /// A time that this machine did not reach, which says something about the machine too.
    Slower,
    Broken,
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Verdict::Holds => "ok",
            Verdict::Slower => "slower here",
            Verdict::Broken => "NOT SEEN",
        }
    }
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
        let verdict = if holds { Verdict::Holds } else { Verdict::Broken };
        self.lines.push(Line { what, promised, seen: seen.into(), verdict });
    }

    /// Adds a time or an amount that depends on the machine: beyond what was promised it is said,
    /// but does not fail the demo.
    pub(crate) fn timed(
        &mut self,
        what: &'static str,
        promised: &'static str,
        seen: impl Into<String>,
        holds: bool,
    ) {
        let verdict = if holds { Verdict::Holds } else { Verdict::Slower };
        self.lines.push(Line { what, promised, seen: seen.into(), verdict });
    }

    /// Promises that were not seen.
    pub(crate) fn missing(&self) -> usize {
        self.lines.iter().filter(|line| line.verdict == Verdict::Broken).count()
    }

    /// For people.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(["", "promised", "seen in this run", ""]);
        for line in &self.lines {
            table.add_row([line.what, line.promised, &line.seen, line.verdict.text()]);
        }
        table
    }
}

/// A duration as people read it.
pub(crate) fn millis(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
