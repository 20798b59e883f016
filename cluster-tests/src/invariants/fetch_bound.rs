//! P8, INV-03: nothing at or above the high watermark is read, and neither watermark nor log start
//! go back: within one epoch, and for whoever must be told nothing old. (A deposed leader that does
//! not know it yet may answer others with the past.) What was read and is gone at the end is found
//! in `dense_offsets`.

use super::answer::Answer;
use super::findings::Findings;
use super::partition::{Floors, Partition};
use super::property::Property::P8;
use super::write::when;
use crate::history::event::Event;

/// A page's records against its own watermark.
pub(super) fn on_answer(answer: &Answer<'_>, partition: &Partition, findings: &mut Findings) {
    let Some(watermark) = answer.event.high_watermark else { return };
    findings.facts(P8, 1);
    if let Some(above) = answer.event.offsets.iter().find(|offset| **offset >= watermark) {
        findings.violation(P8, || {
            let (name, when) = (&partition.name, answer.when());
            format!("{name}: offset {above} was read with the watermark at {watermark}: {when}")
        });
    }
}

/// A page's watermark against those known before it was asked for.
pub(super) fn watermark(answer: &Answer<'_>, partition: &Partition, findings: &mut Findings) {
    let (event, floors) = (answer.event, answer.floors);
    let Some(watermark) = event.high_watermark else { return };
    let is_same_epoch = event.epoch.is_some() && event.epoch == floors.epoch;
    let floor = match answer.must_be_current() {
        true => floors.watermark,
        false if is_same_epoch => floors.epoch_watermark,
        false => 0,
    };
    if watermark < floor {
        went_back("watermark", (floor, watermark), event, partition, findings);
    }
}

/// A page's log start against those known before it was asked for.
pub(super) fn log_start(answer: &Answer<'_>, partition: &Partition, findings: &mut Findings) {
    let (event, floors) = (answer.event, answer.floors);
    let is_same_epoch = event.epoch.is_some() && event.epoch == floors.epoch;
    if (answer.must_be_current() || is_same_epoch)
        && let Some(start) = event.log_start.filter(|start| *start < floors.start)
    {
        went_back("log start", (floors.start, start), event, partition, findings);
    }
}

/// The latest or earliest offset against what was known before it was asked for.
pub(super) fn on_list(
    event: &Event,
    floors: Floors,
    partition: &Partition,
    findings: &mut Findings,
) {
    let offset = event.offset.unwrap_or(0);
    let (what, floor) = match event.spec.as_deref() {
        Some("latest") => ("watermark", floors.watermark),
        Some("earliest") => ("log start", floors.start),
        _ => return,
    };
    findings.facts(P8, 1);
    if offset < floor {
        went_back(what, (floor, offset), event, partition, findings);
    }
}

fn went_back(
    what: &str,
    (from, to): (u64, u64),
    event: &Event,
    partition: &Partition,
    findings: &mut Findings,
) {
    findings.violation(P8, || {
        format!("{}: the {what} went from {from} back to {to}: {}", partition.name, when(event))
    });
}
