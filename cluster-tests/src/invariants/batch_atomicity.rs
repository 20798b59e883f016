//! P6: what was sent together stands together, all of it or nothing.

use super::findings::Findings;
use super::partition::Partition;
use super::property::Property::P6;
use super::state::State;
use super::write::{End, when};
use crate::history::event::Event;

/// An acknowledgement whose offsets do not follow each other.
pub(super) fn scattered(event: &Event, name: &str, findings: &mut Findings) {
    findings.violation(P6, || {
        let (values, offsets) = (&event.values, &event.offsets);
        format!("{name}: {values:?} were acknowledged at {offsets:?} by {}", when(event))
    });
}

/// Walks the log and finds each produce's records in it. What must stay is not looked at: if it
/// lacks a record, that is lost (P1).
pub(super) fn at_end(state: &mut State, partition: &Partition, findings: &mut Findings) {
    for (offset, value) in partition.log() {
        let Some((index, place)) = state.place_in_write(value) else { continue };
        let first = offset.checked_sub(u64::from(place));
        let write = &mut state.writes[index as usize];
        if write.offset.is_none() {
            write.offset = first;
        }
        if write.offset.is_some() && write.offset == first {
            write.found += 1;
        }
    }
    for index in &partition.writes {
        let write = &state.writes[*index as usize];
        if write.count > 1 && write.found > 0 && write.end != End::Failed && !write.must_stay() {
            findings.facts(P6, 1);
            judge(state, *index, partition, findings);
        }
    }
}

fn judge(state: &State, index: u32, partition: &Partition, findings: &mut Findings) {
    let may_be_missing = |offset: u64| {
        let is_behind = partition.last_end.is_some_and(|(end, _)| offset >= end);
        let was_looked_for = partition.was_read_at_the_end(offset) || is_behind;
        let is_unread = partition.value_at(offset).is_none() && !was_looked_for;
        offset < partition.floors.start || is_unread
    };
    let missing = state.records_of(index).find(|(offset, value)| {
        partition.value_at(*offset) != Some(*value) && !may_be_missing(*offset)
    });
    let write = &state.writes[index as usize];
    if let Some((offset, value)) = missing {
        findings.violation(P6, || {
            let (name, value) = (&partition.name, state.values.text(value));
            let (found, count, when) = (write.found, write.count, write.when());
            format!("{name}: {found} of {count} records of {when}; {value} is not at {offset}")
        });
    }
}
