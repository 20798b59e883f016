//! P13: every record that a group has behind it was delivered to one of its members, or given up; of
//! a group that has nothing left to do, every record that there is. One whose poll was never
//! answered is delivered again, so somebody has seen it.

use super::findings::Findings;
use super::group::{Claim, Group};
use super::partition::Partition;
use super::property::Property::P13;
use super::state::State;

/// Walks the records of each partition of a group.
pub(super) fn at_end(group: &Group, state: &State, findings: &mut Findings) {
    // What was given up without anybody having seen it, its polls being answered to nobody, waits, or
    // is in the dead-letter topic: both are known at the end alone.
    let is_open = group.attempts_max.is_some() && !(group.is_drained && group.dead_was_read);
    if group.was_reset || is_open {
        return;
    }
    for (at, claim) in &group.claims {
        let partition = &state.partitions[*at as usize];
        if partition.is_deleted {
            continue;
        }
        let from = begin(group, claim).max(partition.floors.start);
        let to = if group.is_drained { u64::MAX } else { claim.committed.last().unwrap_or(0) };
        walk((group, claim, *at), (state, partition), (from, to), findings);
    }
}

fn walk(
    (group, claim, at): (&Group, &Claim, u32),
    (state, partition): (&State, &Partition),
    (from, to): (u64, u64),
    findings: &mut Findings,
) {
    let behind = partition.log().filter(|(offset, _)| (from..to).contains(offset));
    for (offset, value) in behind {
        findings.facts(P13, 1);
        let was_delivered = claim.records.get(&offset).is_some_and(|fate| fate.deliveries > 0);
        if was_delivered || group.dead.contains_key(&(at, offset)) {
            continue;
        }
        findings.violation(P13, || {
            let (group, name, value) = (&group.name, &partition.name, state.values.text(value));
            format!("{group}: {value} at {offset} of {name} was delivered to nobody")
        });
    }
}

/// The first record that is the group's business.
fn begin(group: &Group, claim: &Claim) -> u64 {
    let first = claim.records.keys().next().copied();
    if group.is_from_earliest { 0 } else { first.unwrap_or(u64::MAX) }
}
