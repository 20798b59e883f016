//! P4: a value is in the log no more often than it was sent, and one of an idempotent producer
//! once: sent again, it is answered with the offsets that it has. If it was sent and nobody was ever
//! told, a second copy is P3's: one of them is a phantom.

use super::findings::Findings;
use super::partition::Partition;
use super::property::Property::{P3, P4};
use super::state::State;
use super::values::ValueId;
use super::write::{End, Write, when};
use crate::history::event::{Event, Phase};

/// What was acknowledged was sent again, or the answer to it came twice.
pub(super) fn on_answer(event: &Event, write: &Write, name: &str, findings: &mut Findings) {
    let first = event.offsets.first().filter(|_| event.phase == Phase::Ok).copied();
    let (Some(again), Some(before)) = (first, write.offset) else { return };
    findings.facts(P4, 1);
    if again != before {
        findings.violation(P4, || {
            let when = when(event);
            format!("{name}: acknowledged at {before}, and, sent again, at {again}: {when}")
        });
    }
}

/// Walks the log and counts. What was sent elsewhere is P3's.
pub(super) fn at_end(
    state: &mut State,
    number: u32,
    partition: &Partition,
    findings: &mut Findings,
) {
    for (offset, value) in partition.log() {
        if !writes(state, value).any(|write| write.partition == number) {
            continue;
        }
        findings.facts(P4, 1);
        let copies = state.values.count_copy(value);
        if copies < 2 || copies <= allowed(state, value) {
            continue;
        }
        let is_acked =
            writes(state, value).any(|write| !matches!(write.end, End::Unknown | End::Failed));
        findings.violation(if is_acked { P4 } else { P3 }, || {
            let (name, value) = (&partition.name, state.values.text(value));
            format!("{name}: copy {copies} of {value} is at {offset}")
        });
    }
}

fn writes(state: &State, value: ValueId) -> impl Iterator<Item = &Write> {
    state.values.writes(value).map(|index| &state.writes[index as usize])
}

/// How often a value may be there; one that was refused is judged elsewhere.
fn allowed(state: &State, value: ValueId) -> u8 {
    let possible = writes(state, value).filter(|write| write.end != End::Failed);
    let sent = u8::try_from(possible.count()).unwrap_or(u8::MAX);
    let is_idempotent = writes(state, value).any(|write| write.is_idempotent);
    if is_idempotent { sent.min(1) } else { sent.max(1) }
}
