//! Medians and ratios, as a table for people and as JSON for programs.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use rampart_cluster_tests::figures::{median, readable};
use serde_json::{Value, json};

use super::contest::{Contest, Opponent};
use super::rows::{Figure, Part, ROWS, Target};

/// One line for each figure that was measured.
pub(crate) fn table(contests: &[Contest]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header(contests));
    let mut last = "";
    for &(part, figure, target) in ROWS {
        let row = (part, figure);
        let rampart = contests.iter().flat_map(|contest| contest.rampart(row)).collect();
        let Some(rampart) = median(rampart) else { continue };
        let area = if part.name() == last { "" } else { part.name() };
        last = part.name();
        let mut cells = vec![area.to_owned(), figure.name().to_owned(), readable(rampart)];
        for contest in contests {
            cells.extend(against(contest, row, (rampart, target)));
        }
        table.add_row(cells);
    }
    table
}

fn header(contests: &[Contest]) -> Vec<&'static str> {
    let mut header = vec!["", "figure", "Rampart"];
    for contest in contests {
        header.extend([contest.opponent.name(), "ratio", "target", "reached"]);
    }
    header
}

/// Kafka's figure, the ratio, and what it is to be.
fn against(
    contest: &Contest,
    row: (Part, Figure),
    (rampart, target): (f64, Target),
) -> [String; 4] {
    let (Some(kafka), Some(ratio)) = (median(contest.kafka(row)), contest.ratio(row)) else {
        return [const { String::new() }; 4];
    };
    let is_default = contest.opponent == Opponent::Default;
    let of = |default, flush| if is_default { default } else { flush };
    let (target, is_reached) = match target {
        Target::None => (String::new(), None),
        Target::AtLeast(default, flush) => {
            let bound = of(default, flush);
            (format!("≥ {bound}"), Some(ratio >= bound))
        }
        Target::AtMost(default, flush) => {
            let bound = of(default, flush);
            (format!("≤ {bound}"), Some(ratio <= bound))
        }
        Target::Below(bound) => (format!("Rampart ≤ {bound}"), Some(rampart <= bound)),
    };
    let reached = is_reached.map_or("", |is| if is { "yes" } else { "no" });
    [readable(kafka), readable(ratio), target, reached.to_owned()]
}

/// All rounds.
pub(crate) fn json(contests: &[Contest], conditions: &str) -> Value {
    let contests: Vec<Value> = contests
        .iter()
        .map(|contest| json!({ "against": contest.opponent.name(), "rows": rows(contest) }))
        .collect();
    json!({ "conditions": conditions, "contests": contests })
}

fn rows(contest: &Contest) -> Vec<Value> {
    let rows = ROWS.iter().filter_map(|&(part, figure, _)| {
        let row = (part, figure);
        Some(json!({
            "load": part.name(),
            "figure": figure.name(),
            "rampart": contest.rampart(row),
            "kafka": contest.kafka(row),
            "ratio": contest.ratio(row)?,
        }))
    });
    rows.collect()
}
