//! P12, INV-09: how far a group is never goes back but by a reset, is moved by what its members say
//! and by nothing else, and what was acknowledged is not delivered again.

use super::findings::Findings;
use super::group::{Claim, Group};
use super::groups::{Record, Told};
use super::partition::Partition;
use super::property::Property::P12;

/// Somebody asked how far the group is in a partition.
pub(super) fn on_progress(
    group: &mut Group,
    (at, partition): (u32, &Partition),
    committed: u64,
    (told, findings): (Told<'_>, &mut Findings),
) {
    findings.facts(P12, 1);
    let gives_up = group.attempts_max.is_some();
    let claim = group.claims.entry(at).or_default();
    let (group, name) = (&group.name, &partition.name);
    if let Some(known) = claim.committed.at(told.asked).filter(|known| committed < *known) {
        findings.violation(P12, || {
            let when = told.when();
            format!("{group}: {name} was at {known}, and {when} found it at {committed}")
        });
    } else if is_acked_before(claim, committed, told.asked) {
        findings.violation(P12, || {
            let when = told.when();
            format!("{group}: {name} stands at {committed}, which is acknowledged: {when}")
        });
    }
    // A record that is given up is parked and passed over with nobody saying anything.
    if !gives_up {
        passed_over(claim, (group, partition), committed, (told, findings));
    }
}

/// Delivered records that the group passed over though nobody spoke of them.
fn passed_over(
    claim: &mut Claim,
    (group, partition): (&str, &Partition),
    committed: u64,
    (told, findings): (Told<'_>, &mut Findings),
) {
    let gone = partition.floors.start.max(partition.truncated_to);
    let from = claim.looked_to.max(claim.said_below).max(gone);
    // Where records go by themselves, they may be gone before anybody is told.
    if from < committed && partition.keeps.is_none() {
        let silent = claim.records.range(from..committed).filter(|(_, fate)| !fate.was_said);
        for (offset, _) in silent {
            findings.violation(P12, || {
                let (name, when) = (&partition.name, told.when());
                format!(
                    "{group}: {name} is at {committed}, and nobody settled {offset}, which was \
                     delivered: {when}"
                )
            });
        }
    }
    claim.looked_to = claim.looked_to.max(committed);
}

/// A record is delivered; whether though it was acknowledged before.
pub(super) fn on_delivery(claim: &Claim, record: Record<'_>, findings: &mut Findings) -> bool {
    findings.facts(P12, 1);
    let is_again = is_acked_before(claim, record.delivery.offset, record.told.asked);
    if is_again {
        findings.violation(P12, || {
            let (text, when) = (record.text(), record.told.when());
            format!("{text}: to {when}, after it was acknowledged")
        });
    }
    is_again
}

fn is_acked_before(claim: &Claim, offset: u64, line: u32) -> bool {
    let acked = claim.records.get(&offset).and_then(|fate| fate.acked);
    acked.is_some_and(|acked| acked < line)
}
