//! Reads a history back, line by line: it need not fit into memory.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};

use super::event::Event;

/// The events of a history in the order in which they were written. An error names the line.
pub fn events(reader: impl BufRead) -> impl Iterator<Item = Result<Event>> {
    reader.lines().enumerate().filter(|(_, line)| !matches!(line, Ok(line) if line.is_empty())).map(
        |(number, line)| {
            let line = line.with_context(|| format!("line {}", number + 1))?;
            serde_json::from_str(&line).with_context(|| format!("line {}: {line}", number + 1))
        },
    )
}

/// The events of a file.
pub fn open(path: &Path) -> Result<impl Iterator<Item = Result<Event>> + use<>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    Ok(events(BufReader::new(file)))
}
