//! Reads a history back, line by line: it need not fit into memory.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};

use super::event::Event;

/// The events of a history in the order in which they were written. An error names the line.
pub fn events(mut reader: impl BufRead) -> impl Iterator<Item = Result<Event>> {
    let (mut line, mut number) = (String::new(), 0_u64);
    std::iter::from_fn(move || {
        loop {
            line.clear();
            number += 1;
            match reader.read_line(&mut line) {
                Ok(0) => return None,
                Ok(_) if line.trim_end().is_empty() => {}
                Ok(_) => {
                    let event = serde_json::from_str(&line);
                    return Some(
                        event.with_context(|| format!("line {number}: {}", line.trim_end())),
                    );
                }
                Err(error) => return Some(Err(error).with_context(|| format!("line {number}"))),
            }
        }
    })
}

/// The events of a file.
pub fn open(path: &Path) -> Result<impl Iterator<Item = Result<Event>> + use<>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    Ok(events(BufReader::new(file)))
}
