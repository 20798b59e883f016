//! P11, INV-08: in one generation of a group a partition is one member's; what an older holder says
//! of records, and what a member of an older generation commits, is refused; and no member is told
//! of the past.

use super::findings::Findings;
use super::group::{Claim, Group, MemberNumber};
use super::groups::{Record, Told};
use super::property::Property::P11;
use crate::history::group::Settled;

/// A poll names a generation: none that is older than one that was known when it was asked.
pub(super) fn on_generation(group: &Group, told: Told<'_>, findings: &mut Findings) {
    let Some(generation) = told.event.generation else { return };
    findings.facts(P11, 1);
    if let Some(known) = group.generation.at(told.asked).filter(|known| generation < *known) {
        findings.violation(P11, || {
            let (name, when) = (&group.name, told.when());
            format!("{name} was in generation {known}, and {when} was told {generation}")
        });
    }
}

/// A member has a partition in a generation.
pub(super) fn on_assignment(
    group: &mut Group,
    (at, partition): (u32, &str),
    (generation, member): (u64, MemberNumber),
    told: Told<'_>,
    findings: &mut Findings,
) {
    findings.facts(P11, 1);
    let owner = *group.claim(at).assigned.entry(generation).or_insert(member);
    if owner != member {
        findings.violation(P11, || {
            let (name, when) = (&group.name, told.when());
            format!("{name}: {partition} has two owners in generation {generation}: {when}")
        });
    }
}

/// A record is delivered: since an epoch in which nobody else was given any, and not an older one.
pub(super) fn on_delivery(
    claim: &mut Claim,
    record: Record<'_>,
    member: MemberNumber,
    findings: &mut Findings,
) {
    let (told, Some(epoch)) = (record.told, record.delivery.epoch) else { return };
    findings.facts(P11, 1);
    let holder = *claim.holders.entry(epoch).or_insert(member);
    if holder != member {
        findings.violation(P11, || {
            let (text, when) = (record.text(), told.when());
            format!("{text}: to {when}, though epoch {epoch} is another member's")
        });
    }
    if let Some(known) = claim.epoch.at(told.asked).filter(|known| epoch < *known) {
        findings.violation(P11, || {
            let (text, when) = (record.text(), told.when());
            format!("{text}: to {when}, who held it since {epoch}, when it was held since {known}")
        });
    }
    claim.epoch.raise(told.line, epoch);
}

/// A record is settled: not by who held it before somebody else did.
pub(super) fn on_settled(claim: &Claim, record: Record<'_>, findings: &mut Findings) {
    let (told, Some(epoch)) = (record.told, record.delivery.epoch) else { return };
    findings.facts(P11, 1);
    // What is settled already does not become it by this.
    let is_counted = !matches!(record.delivery.result, Some(Settled::AlreadySettled));
    let known = claim.epoch.at(told.asked).filter(|known| epoch < *known && is_counted);
    if let Some(known) = known {
        findings.violation(P11, || {
            let (text, when) = (record.text(), told.when());
            format!("{text}: settled by {when} of epoch {epoch}, when it was held since {known}")
        });
    }
}

/// An offset is committed: by a member of the generation that there is.
pub(super) fn on_commit(group: &Group, told: Told<'_>, findings: &mut Findings) {
    let Some(generation) = told.event.generation else { return };
    findings.facts(P11, 1);
    if let Some(known) = group.generation.at(told.asked).filter(|known| generation < *known) {
        findings.violation(P11, || {
            let (name, when) = (&group.name, told.when());
            format!("{name}: {when} committed in generation {generation}, when {known} was known")
        });
    }
}
