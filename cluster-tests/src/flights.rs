//! Ten thousand real flight records: the data of the demo and of the smoke test.

use anyhow::{Context, Result};
use serde_json::Value;

const TEXT: &str = include_str!("../data/flights-10k.jsonl");

/// One JSON object a line, each line unlike any other.
pub fn lines() -> Vec<&'static str> {
    TEXT.lines().collect()
}

/// The airport a flight starts from.
pub fn origin(line: &str) -> Result<String> {
    let flight: Value = serde_json::from_str(line)?;
    Ok(flight["origin"].as_str().context("a flight without origin")?.to_owned())
}
