//! P5: in a partition the order of acknowledgement is the order of offsets: what was sent after an
//! acknowledgement lies behind it. An ack 1 counts if its record is still there. A producer's
//! sequences lie in order, too, and one that sends them in order is not told that they are not.

use super::findings::Findings;
use super::partition::Partition;
use super::property::Property::P5;
use super::state::State;
use super::write::{End, Write, when};
use crate::history::event::{Event, Phase};

/// Refusals of a producer that has one request under way, and sends it until it is acknowledged: none
/// of them can be right.
const WRONG: [&str; 5] = [
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
    "UNKNOWN_PRODUCER_ID",
    "INVALID_PRODUCER_EPOCH",
    "DUPLICATE_SEQUENCE",
    "IDEMPOTENCY_MISMATCH",
];

/// An answer to a produce that is to be written once.
pub(super) fn on_answer(event: &Event, name: &str, findings: &mut Findings) {
    findings.facts(P5, 1);
    let error = event.error.as_deref().filter(|_| event.phase != Phase::Ok).unwrap_or_default();
    if WRONG.iter().any(|code| error.contains(code)) {
        findings.violation(P5, || {
            let when = when(event);
            format!("{name}: what comes next was refused as if it did not: {error}: {when}")
        });
    }
}

/// Walks the produces of each producer by their sequences.
pub(super) fn sequences(state: &State, findings: &mut Findings) {
    for ((partition, producer), numbered) in &state.numbered {
        let mut numbered = numbered.clone();
        numbered.sort_unstable();
        let acked = numbered.iter().map(|(sequence, index)| (*sequence, *index));
        let acked = acked.filter(|(_, index)| state.writes[*index as usize].end == End::Acked);
        let mut before: Option<(i64, u32)> = None;
        for (sequence, index) in acked {
            let offset = |index: u32| state.writes[index as usize].offset;
            findings.facts(P5, 1);
            if let Some((earlier, other)) =
                before.filter(|(_, other)| offset(*other) >= offset(index))
            {
                findings.violation(P5, || {
                    let name = &state.partitions[*partition as usize].name;
                    let (a, b) = (offset(other).unwrap_or(0), offset(index).unwrap_or(0));
                    format!(
                        "{name}: producer {producer} has sequence {earlier} at {a} and {sequence} \
                         at {b}"
                    )
                });
            }
            before = Some((sequence, index));
        }
    }
}

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
