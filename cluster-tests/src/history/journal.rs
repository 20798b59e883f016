//! A history that stays in memory: for tests that are short and judge themselves.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use super::reader;
use super::recorder::Recorder;
use crate::harness::clock::Stopwatch;
use crate::invariants::{Verdict, judge};

/// A recorder, and what it has recorded.
#[derive(Debug, Clone)]
pub struct Journal {
    recorder: Recorder,
    lines: Lines,
}

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Default for Journal {
    fn default() -> Self {
        Journal::new()
    }
}

impl Journal {
    /// Nothing has happened yet; the clock starts now.
    pub fn new() -> Journal {
        let (lines, watch) = (Lines::default(), Stopwatch::start());
        let now = move || u64::try_from(watch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Journal { recorder: Recorder::new(lines.clone(), now), lines }
    }

    /// Where to record.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Judges what was recorded so far.
    pub fn judge(&self) -> Result<Verdict> {
        self.recorder.flush()?;
        let lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        judge(reader::events(lines.as_slice()))
    }
}
