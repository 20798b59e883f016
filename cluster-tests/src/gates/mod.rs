//! The record of the long runs: how many seeds, hours, power cuts and damaged files the product that
//! is here has survived. A run of a finder (`summary`) becomes a line (`run_line`) of
//! `docs/reliability-runs.jsonl` (`ledger`); from the lines about this code (`tree`) comes the table
//! (`figures`) in `docs/reliability.md` (`document`). The program `gate` does all that.

pub mod document;
pub mod figures;
pub mod ledger;
pub mod run_line;
pub mod summary;
pub mod tree;

/// The record, below the root of the repository.
pub const RUNS: &str = "docs/reliability-runs.jsonl";
/// The page with the table, below the root of the repository.
pub const PAGE: &str = "docs/reliability.md";
