//! What the record adds up to, beside what it is meant to reach: one long command over all code that
//! there was, a release by the code as it is. A figure that is not reached is `n of N`.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::ledger::{Ledger, Totals};
use super::run_line::Gate;

/// What one long command, and what a release must reach.
struct Target {
    gate: Gate,
    figure: &'static str,
    value: fn(&Totals) -> u64,
    long: Option<u64>,
    release: Option<u64>,
}

/// All that `rampart-chaos` knows.
const FAULT_KINDS: u64 = 48;
const NODES: [u64; 2] = [3, 5];
const PROTOCOLS: [&str; 2] = ["http", "kafka"];

/// In the order of the table.
const TARGETS: &[Target] = &[
    target(Gate::Sim, "seeds", |t| t.seeds, Some(20_000), Some(200_000)),
    target(Gate::Chaos, "hours of faults", |t| t.seconds / 3_600, Some(3), Some(24)),
    target(Gate::Chaos, "faults", |t| t.faults, Some(150), Some(1_000)),
    target(Gate::Chaos, "kinds of faults", kinds, Some(FAULT_KINDS), Some(FAULT_KINDS)),
    target(Gate::Chaos, "acknowledged operations", |t| t.acknowledged, None, Some(10_000_000)),
    target(Gate::Chaos, "cluster sizes of 3 and 5", sizes, None, Some(2)),
    target(Gate::Chaos, "protocols of HTTP and Kafka", protocols, None, Some(2)),
    target(Gate::Crash, "power cuts", |t| t.cuts, Some(2_000), Some(10_000)),
    target(Gate::Crash, "damaged files", |t| t.damaged_files, Some(10_000), Some(10_000)),
];

const fn target(
    gate: Gate,
    figure: &'static str,
    value: fn(&Totals) -> u64,
    long: Option<u64>,
    release: Option<u64>,
) -> Target {
    Target { gate, figure, value, long, release }
}

fn kinds(totals: &Totals) -> u64 {
    totals.fault_kinds.len() as u64
}

fn sizes(totals: &Totals) -> u64 {
    NODES.iter().filter(|size| totals.nodes.contains(size)).count() as u64
}

fn protocols(totals: &Totals) -> u64 {
    PROTOCOLS.iter().filter(|name| totals.protocols.contains(**name)).count() as u64
}

/// The table for the code with this tree, and what must be said beside it.
pub fn table(ledger: &Ledger, tree: &str) -> String {
    let mut text =
        "| gate | figure | all code | one long command | this code | release |\n".to_owned();
    text += "| --- | --- | ---: | --- | ---: | --- |\n";
    for target in TARGETS {
        let figure = |tree| (target.value)(&ledger.totals(target.gate, tree));
        let (all, this) = (figure(None), figure(Some(tree)));
        let (long, release) = (reached(all, target.long), reached(this, target.release));
        let (gate, figure) = (target.gate, target.figure);
        let (all, this) = (thousands(all), thousands(this));
        // Writing to a text does not fail.
        let _ = writeln!(text, "| {gate} | {figure} | {all} | {long} | {this} | {release} |");
    }
    text +=
        "\n| gate | runs | undecided | open failures | known upstream assertions | left out |\n";
    text += "| --- | ---: | ---: | --- | ---: | --- |\n";
    for gate in [Gate::Sim, Gate::Chaos, Gate::Crash] {
        text += &totals_row(gate, &ledger.totals(gate, None));
    }
    match ledger.days() {
        Some((from, to)) => _ = write!(text, "\nRuns from {from} to {to}.\n"),
        None => text += "\nNo run yet.\n",
    }
    text
}

fn totals_row(gate: Gate, totals: &Totals) -> String {
    let open: BTreeSet<String> =
        totals.open_failures.iter().map(|seed| format!("seed {seed}")).collect();
    format!(
        "| {gate} | {} | {} | {} | {} | {} |\n",
        thousands(totals.runs),
        thousands(totals.undecided),
        listed(&open),
        thousands(totals.known_upstream),
        listed(&totals.skipped),
    )
}

fn listed(words: &BTreeSet<String>) -> String {
    match words.is_empty() {
        true => "none".to_owned(),
        false => words.iter().cloned().collect::<Vec<_>>().join(", ").replace('|', "/"),
    }
}

fn reached(value: u64, target: Option<u64>) -> String {
    match target {
        None => String::new(),
        Some(target) if value >= target => format!("{}, reached", thousands(target)),
        Some(target) => format!("{} of {}", thousands(value), thousands(target)),
    }
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::ledger;
    use super::super::run_line::{RunLine, Verdict, Work};
    use super::*;

    #[test]
    fn what_is_not_reached_says_how_far_it_is() {
        assert_eq!(reached(4_100, Some(20_000)), "4,100 of 20,000");
        assert_eq!(reached(20_000, Some(20_000)), "20,000, reached");
        assert_eq!(reached(7, None), "");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
    }

    #[test]
    fn every_kind_of_fault_is_asked_for() {
        assert_eq!(crate::faults::all().len() as u64, FAULT_KINDS);
    }

    #[test]
    fn the_table_tells_all_code_from_this_code() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs.jsonl");
        let work = Work {
            seconds: 3 * 3_600,
            nodes: vec![3],
            faults: [("kill".to_owned(), 100), ("power cut".to_owned(), 51)].into(),
            acknowledged: 12_345,
            protocols: vec!["http".to_owned()],
            skipped: vec!["netem".to_owned()],
            ..Work::default()
        };
        for (tree, date, failed_seeds) in
            [("old", "2026-01-01", vec![]), ("new", "2026-01-02", vec![5])]
        {
            let (commit, tree, date) = ("c".to_owned(), tree.to_owned(), date.to_owned());
            let (gate, verdict, work) = (Gate::Chaos, Verdict::Violated, work.clone());
            let line = RunLine {
                gate,
                commit,
                tree,
                date,
                first_seed: 5,
                seeds: 1,
                verdict,
                failed_seeds,
                work,
            };
            ledger::append(&path, &line).unwrap();
        }
        let table = table(&Ledger::read(&path).unwrap(), "new");
        for row in [
            "| sim | seeds | 0 | 0 of 20,000 | 0 | 0 of 200,000 |",
            "| chaos | hours of faults | 6 | 3, reached | 3 | 3 of 24 |",
            "| chaos | faults | 302 | 150, reached | 151 | 151 of 1,000 |",
            "| chaos | acknowledged operations | 24,690 |  | 12,345 | 12,345 of 10,000,000 |",
            "| chaos | cluster sizes of 3 and 5 | 1 |  | 1 | 1 of 2 |",
            "| chaos | 2 | 0 | seed 5 | 0 | netem |",
            "Runs from 2026-01-01 to 2026-01-02.",
        ] {
            assert!(table.lines().any(|line| line == row), "{row} is not in\n{table}");
        }
    }
}
