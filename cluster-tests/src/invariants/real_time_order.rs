//! P5: in a partition the order of acknowledgement is the order of offsets: what was sent after an
//! acknowledgement lies behind it. An ack 1 counts if its record is still there.

use super::findings::Findings;
use super::partition::Partition;
use super::property::Property::P5;
use super::state::State;
use super::write::{End, Write};

/// Walks the produces by the time they began, keeping the highest offset acknowledged before.
pub(super) fn at_end(state: &State, partition: &Partition, findings: &mut Findings) {
    let write = |index: &u32| &state.writes[*index as usize];
    let counts = |index: &u32| {
        let write = write(index);
        write.must_stay() || (write.end == End::Acked && state.is_kept(*index))
    };
    let by_begin: Vec<u32> = partition.writes.iter().copied().filter(counts).collect();
    let mut by_end = by_begin.clone();
    by_end.sort_by_key(|index| write(index).end_line);
    let mut acked = by_end.iter().map(write).peekable();
    let mut highest: Option<&Write> = None;
    for late in by_begin.iter().map(write) {
        while let Some(early) = acked.next_if(|early| early.end_line < late.begin) {
            if highest.is_none_or(|highest| highest.offset < early.offset) {
                highest = Some(early);
            }
        }
        let Some(early) = highest else { continue };
        findings.facts(P5, 1);
        if late.offset <= early.offset {
            findings.violation(P5, || message(state, &partition.name, late, early));
        }
    }
}

fn message(state: &State, name: &str, late: &Write, early: &Write) -> String {
    let at = |write: &Write| {
        let (value, offset) = (state.values.text(write.first_value), write.offset.unwrap_or(0));
        format!("{value} at {offset} ({})", write.when())
    };
    format!("{name}: {} was sent after {} was acknowledged", at(late), at(early))
}
