//! P16, INV-10: in a group that gives records up, each is done or dead and not both, a dead one is in
//! the dead-letter topic once and as it was, none is given up before its last delivery, and one that
//! waits is not delivered before its time.

use super::findings::Findings;
use super::group::{Claim, Dead, Fate, Group};
use super::groups::Record;
use super::property::Property::P16;
use super::state::State;
use super::write::seconds;

/// Times that a record is due at are whole milliseconds of the coordinator's clock, in nanoseconds.
const CLOCK_STEP: u64 = 1_000_000;

/// A record that was parked is delivered again.
pub(super) fn on_delivery(claim: &Claim, record: Record<'_>, findings: &mut Findings) {
    let told = record.told;
    if !record.delivery.is_parked || !told.clocks_are_right {
        return;
    }
    findings.facts(P16, 1);
    let epoch = record.delivery.epoch.unwrap_or(u64::MAX);
    let fate = claim.records.get(&record.delivery.offset);
    let fate = fate.filter(|fate| epoch >= fate.not_before_since);
    let not_before = fate.map_or(0, |fate| fate.not_before);
    if told.event.time + CLOCK_STEP < not_before {
        findings.violation(P16, || {
            let (text, when, due) = (record.text(), told.when(), seconds(not_before));
            format!("{text}: to {when}, before {due}")
        });
    }
}

/// Goes through what is dead, and through what was delivered.
pub(super) fn at_end(group: &Group, state: &State, findings: &mut Findings) {
    let Some(attempts_max) = group.attempts_max.filter(|_| !group.was_reset) else { return };
    for ((at, offset), dead) in &group.dead {
        findings.facts(P16, 1);
        let fate = group.claims.get(at).and_then(|claim| claim.records.get(offset)).copied();
        let fate = fate.unwrap_or_default();
        let value = state.partitions[*at as usize].value_at(*offset);
        if let Some(what) = wrong(*dead, fate, attempts_max, value.is_some_and(|v| v != dead.value))
        {
            findings.violation(P16, || {
                let (name, value) = (&state.partitions[*at as usize].name, dead.value);
                let value = state.values.text(value);
                format!("{}: {value} at {offset} of {name} is dead, {what}", group.name)
            });
        }
    }
    if group.is_drained && group.dead_was_read {
        forgotten(group, state, findings);
    }
}

/// What is wrong with a dead record, if anything is.
fn wrong(dead: Dead, fate: Fate, attempts_max: u32, is_other: bool) -> Option<String> {
    let Dead { copies, attempts, .. } = dead;
    if copies > 1 {
        Some(format!("and in the dead-letter topic {copies} times"))
    } else if fate.acked.is_some() {
        Some("and was acknowledged".to_owned())
    } else if attempts < attempts_max && !fate.was_rejected {
        Some(format!("after {attempts} deliveries of {attempts_max}, and nobody gave it up"))
    } else {
        is_other.then(|| "and was another record".to_owned())
    }
}

/// Records that were delivered and are neither done nor dead, in a group with nothing left to do.
fn forgotten(group: &Group, state: &State, findings: &mut Findings) {
    for (at, claim) in &group.claims {
        let partition = &state.partitions[*at as usize];
        let here = claim.records.range(partition.floors.start..);
        for (offset, fate) in here.filter(|(_, fate)| fate.deliveries > 0) {
            findings.facts(P16, 1);
            let is_dead = group.dead.contains_key(&(*at, *offset));
            if !is_dead && !fate.may_be_done() && !partition.is_deleted {
                findings.violation(P16, || {
                    let (group, name) = (&group.name, &partition.name);
                    format!("{group}: {offset} of {name} was delivered, and is not done nor dead")
                });
            }
        }
    }
}
