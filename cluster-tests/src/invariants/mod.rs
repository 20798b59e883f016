//! What must hold for a history, property by property, and the judge who reads it once.
//!
//! | number | file |
//! | --- | --- |
//! | P1, INV-01 | `acked_is_kept` |
//! | P2, INV-02 | `dense_offsets` |
//! | P3 | `nothing_phantom` |
//! | P4 | `no_duplicate` |
//! | P5 | `real_time_order` |
//! | P6 | `batch_atomicity` |
//! | P7 | `monotonic_poll` |
//! | P8, INV-03 | `fetch_bound` |
//! | P11, INV-08 | `group_exclusivity` |
//! | P12, INV-09 | `committed_offsets` |
//! | P13 | `at_least_once` |
//! | P14, INV-17 | `ack_one_bound` |
//! | P15 | `membership` |
//! | P16, INV-10 | `dead_letter` |
//! | P17 | `retention` |
//! | P18, INV-14 | `liveness` |
//! | P19 | `replica_equality` |
//! | P20, INV-11 | `castle` |
//!
//! P9 and P10 are about transactions: a verdict names them as not checked until there are such
//! operations. One cause is one property's: a lost record takes the watermark back with it, and that
//! is P1 alone.

mod ack_one_bound;
mod acked_is_kept;
mod answer;
mod at_least_once;
mod batch_atomicity;
mod castle;
mod committed_offsets;
mod dead_letter;
mod dense_offsets;
mod fetch_bound;
mod findings;
mod floor;
mod group;
mod group_exclusivity;
mod groups;
mod judge;
mod liveness;
mod membership;
mod monotonic_poll;
mod no_duplicate;
mod nothing_phantom;
mod offsets;
mod partition;
mod property;
mod real_time_order;
mod replica_equality;
mod retention;
mod state;
#[cfg(test)]
mod tests;
mod values;
mod verdict;
mod wait;
mod write;

use std::path::Path;

use anyhow::Result;

use crate::history::event::Event;
use crate::history::reader;

pub use judge::Judge;
pub use judge::conclusion::ACKNOWLEDGED_MIN;
pub use property::Property;
pub use verdict::{AckOneLoss, Counts, Outages, Outcome, PropertyVerdict, Verdict, Violation};

/// Judges the history in a file. An error is a file that cannot be read, not a bad history.
pub fn check_file(path: &Path) -> Result<Verdict> {
    judge(reader::open(path)?)
}

/// Judges events in the order in which they were written.
pub fn judge(events: impl Iterator<Item = Result<Event>>) -> Result<Verdict> {
    let mut judge = Judge::new();
    for event in events {
        judge.event(&event?);
    }
    Ok(judge.finish())
}
