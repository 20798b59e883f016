//! P2, INV-02: offsets are dense from the log start on, each is given once, and whoever reads one
//! sees the same value.

use std::collections::HashSet;

use super::answer::Answer;
use super::findings::Findings;
use super::partition::Partition;
use super::property::Property::{P1, P2, P8};
use super::state::State;
use super::values::{ValueId, Values};
use super::write::{End, NONE, seconds};
use crate::history::event::Ack;

/// The order inside an answer.
pub(super) fn on_answer(answer: &Answer<'_>, partition: &Partition, findings: &mut Findings) {
    findings.facts(P2, answer.event.offsets.len() as u64);
    let offsets = answer.event.offsets.windows(2).filter(|pair| pair[1] <= pair[0]);
    for pair in offsets {
        findings.violation(P2, || {
            let (name, when) = (&partition.name, answer.when());
            format!("{name}: {} comes after {} in the answer to {when}", pair[1], pair[0])
        });
    }
    let (offsets, values) = (answer.event.offsets.len(), answer.values.len());
    if offsets != values {
        findings.violation(P2, || {
            format!("{}: {offsets} offsets, {values} values: {}", partition.name, answer.when())
        });
    }
}

/// An offset that was read with another value before.
pub(super) fn contradiction(
    (offset, before, now): (u64, ValueId, ValueId),
    answer: &Answer<'_>,
    (name, values): (&str, &Values),
    findings: &mut Findings,
) {
    findings.violation(P2, || {
        let (before, now) = (values.text(before), values.text(now));
        format!("{name}: {offset} was {before} and then {now}, read by {}", answer.when())
    });
}

/// A value of which only the beginning is what was sent.
pub(super) fn corrupt(text: &str, answer_to: &str, name: &str, findings: &mut Findings) {
    findings.violation(P2, || format!("{name}: {text}, read by {answer_to}"));
}

/// Offsets given twice by whom they must not be lost from, or by one leader; answers the produces
/// that contradict each other.
pub(super) fn given_twice(
    state: &State,
    partition: &Partition,
    findings: &mut Findings,
) -> HashSet<u32> {
    let mut contradictory =
        given_twice_among(&state.must_stay(partition), state, partition, findings);
    let write = |index: &u32| &state.writes[*index as usize];
    let is_leaders_alone = |index: &u32| {
        let write = write(index);
        write.end == End::Acked && write.ack == Ack::Leader && write.epoch != NONE
    };
    let mut by_leader: Vec<u32> =
        partition.writes.iter().copied().filter(is_leaders_alone).collect();
    by_leader.sort_by_key(|index| (write(index).epoch, write(index).offset));
    for of_one in by_leader.chunk_by(|a, b| write(a).epoch == write(b).epoch) {
        contradictory.extend(given_twice_among(of_one, state, partition, findings));
    }
    contradictory
}

/// The same among produces in the order of their offsets.
fn given_twice_among(
    writes: &[u32],
    state: &State,
    partition: &Partition,
    findings: &mut Findings,
) -> HashSet<u32> {
    let mut contradictory = HashSet::new();
    let mut before: Option<(u32, u64)> = None;
    for index in writes.iter().copied() {
        let write = &state.writes[index as usize];
        let first = write.offset.unwrap_or(0);
        let end = first.saturating_add(u64::from(write.count));
        if let Some((other, other_end)) = before.filter(|(_, end)| first < *end) {
            contradictory.extend([other, index]);
            findings.violation(P2, || {
                let (name, when) = (&partition.name, write.when());
                let other = state.writes[other as usize].when();
                format!("{name}: offset {first} was given to {when}, and to {other}")
            });
            before = Some(if end > other_end { (index, end) } else { (other, other_end) });
        } else {
            before = Some((index, end));
        }
    }
    contradictory
}

/// Offsets that a read passed over: lost if acknowledged (P1), gone if somebody read them before
/// (P8), and else a hole.
pub(super) fn passed_over(state: &State, partition: &Partition, findings: &mut Findings) {
    let acked = state.must_stay(partition);
    for skipped in &partition.skipped {
        let range = |index: &u32| {
            let write = &state.writes[*index as usize];
            let first = write.offset.unwrap_or(0);
            (first, first.saturating_add(u64::from(write.count)))
        };
        let behind = acked.partition_point(|index| range(index).1 <= skipped.from);
        let overlaps = acked.get(behind).filter(|index| range(index).0 < skipped.to);
        let offsets = skipped.from..skipped.to;
        let was_read = || {
            let most = skipped.to - skipped.from;
            offsets
                .clone()
                .take(most.min(1 << 20) as usize)
                .any(|o| partition.seen.get(o).is_some())
        };
        let property = match overlaps {
            Some(_) => P1,
            None if skipped.is_last && was_read() => P8,
            None => P2,
        };
        findings.violation(property, || {
            let (name, op, time) = (&partition.name, skipped.op, seconds(skipped.time));
            let acked = overlaps.map_or(String::new(), |index| {
                let write = &state.writes[*index as usize];
                let value = state.values.text(write.first_value);
                format!(", acknowledged: {value} of {}", write.when())
            });
            format!("{name}: {offsets:?} is passed over by operation {op}, at {time}{acked}")
        });
    }
}
