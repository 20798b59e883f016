//! P1, INV-01: a record acknowledged by a majority, or by all in sync, is at its offset at the end,
//! with its value, and in every answer that must be current and was asked for after the
//! acknowledgement. What ack 1 loses is `ack_one_bound`'s to judge.

use std::collections::HashSet;

use super::answer::Answer;
use super::findings::Findings;
use super::partition::{Floors, Partition};
use super::property::Property::P1;
use super::state::State;
use super::write::when;
use crate::history::event::Event;

/// An answer that must be current, too short for what was acknowledged before.
pub(super) fn is_short(
    answer: &Answer<'_>,
    partition: &Partition,
    findings: &mut Findings,
) -> bool {
    let (event, acked) = (answer.event, answer.floors.acked);
    if !answer.must_be_current() || acked == 0 {
        return false;
    }
    findings.facts(P1, 1);
    let ends_below = event.high_watermark.is_some_and(|watermark| watermark < acked);
    let asked = event.offset.unwrap_or(0).max(event.log_start.unwrap_or(0));
    let is_empty = event.offsets.is_empty() && asked < acked;
    if ends_below || is_empty {
        findings.violation(P1, || {
            let name = &partition.name;
            let watermark = event.high_watermark.unwrap_or(asked);
            format!(
                "{name} was acknowledged up to offset {acked}, and {} was then told that it ends \
                 at {watermark}, with {} records from {asked} on",
                answer.when(),
                event.offsets.len()
            )
        });
    }
    ends_below || is_empty
}

/// A latest offset below what was acknowledged before it was asked for.
pub(super) fn is_below(
    event: &Event,
    floors: Floors,
    partition: &Partition,
    findings: &mut Findings,
) -> bool {
    let (offset, acked) = (event.offset.unwrap_or(0), floors.acked);
    findings.facts(P1, 1);
    if offset < acked {
        findings.violation(P1, || {
            let name = &partition.name;
            format!("{name} was acknowledged up to {acked}, and {} found {offset}", when(event))
        });
    }
    offset < acked
}

/// Walks the acknowledgements against the log, but for those that contradict each other.
pub(super) fn at_end(
    state: &State,
    partition: &Partition,
    contradictory: &HashSet<u32>,
    findings: &mut Findings,
) {
    for index in state.must_stay(partition).iter().filter(|index| !contradictory.contains(index)) {
        for (offset, value) in state.records_of(*index) {
            let found = partition.value_at(offset);
            if found.is_none() && !partition.was_read_at_the_end(offset) {
                continue;
            }
            findings.facts(P1, 1);
            if found != Some(value) {
                findings.violation(P1, || {
                    let found = found.map_or("nothing", |found| state.values.text(found));
                    let (name, value) = (&partition.name, state.values.text(value));
                    let when = state.writes[*index as usize].when();
                    format!("{name}: {value} was acknowledged at {offset} ({when}), found: {found}")
                });
            }
        }
    }
    on_disk(state, partition, findings);
}

/// Every replica that was said to be level has what was acknowledged.
fn on_disk(state: &State, partition: &Partition, findings: &mut Findings) {
    let acked = partition.floors.acked;
    for disk in partition.disks.iter().filter(|_| state.replicas_equal.is_some() && acked > 0) {
        findings.facts(P1, 1);
        if disk.end < acked {
            findings.violation(P1, || {
                let (name, node, replica, end) =
                    (&partition.name, disk.node, disk.replica, disk.end);
                format!(
                    "{name} was acknowledged up to {acked}, and replica {replica} on node {node} \
                     ends at {end}"
                )
            });
        }
    }
}
