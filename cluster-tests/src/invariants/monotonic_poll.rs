//! P7: a reader goes on where it was, record by record, until it says that it seeks. A linearizable
//! fetch is a question beside that, and so is one that begins at `earliest`, `latest` or a time. A
//! member of a group gets records in the order of their offsets, and, whoever had its partitions
//! before, none below what the group has committed.

use std::collections::HashMap;

use super::answer::{Answer, is_linearizable};
use super::findings::Findings;
use super::group::Claim;
use super::groups::{Record, Told};
use super::property::Property::P7;
use crate::history::event::{Event, Function};

/// Where each reader goes on, by process and partition.
#[derive(Debug, Default)]
pub(super) struct Readers {
    next: HashMap<(u32, u32), u64>,
}

impl Readers {
    /// A reader goes on elsewhere, or begins anew where nothing says where.
    pub(super) fn seek(&mut self, process: u32, partition: u32, offset: Option<u64>) {
        match offset {
            Some(offset) => drop(self.next.insert((process, partition), offset)),
            None => drop(self.next.remove(&(process, partition))),
        }
    }

    /// A reader was given partitions: it begins anew in all of them.
    pub(super) fn assigned(&mut self, process: u32) {
        self.next.retain(|(reader, _), _| *reader != process);
    }

    /// A page: it begins where it was asked to, goes on to its last record, and the reader asked
    /// where it had ended before.
    pub(super) fn on_answer(
        &mut self,
        answer: &Answer<'_>,
        (partition, name): (u32, &str),
        findings: &mut Findings,
    ) {
        let event = answer.event;
        if answer.is_last() {
            return;
        }
        findings.facts(P7, 1);
        if let Some(what) = in_itself(answer) {
            findings.violation(P7, || format!("{name}: {what}: {}", answer.when()));
        }
        if is_linearizable(event) || event.spec.is_some() {
            return;
        }
        let first = event.offsets.first().copied();
        let begin = if event.f == Function::Tail { first } else { event.offset.or(first) };
        let reader = (event.process, partition);
        let next = event.next_offset.or(answer.end()).or(begin);
        let expected = self.next.get(&reader).copied();
        if let (Some(begin), Some(expected)) = (begin, expected)
            && begin != expected
        {
            findings.violation(P7, || {
                let when = answer.when();
                format!("{name}: a reader had come to {expected} and went on at {begin}: {when}")
            });
        }
        if let Some(next) = next {
            self.next.insert(reader, next);
        }
    }
}

/// A member is given records: those of a partition in order, but for those that come again.
pub(super) fn on_deliveries(told: Told<'_>, findings: &mut Findings) {
    let mut last: HashMap<(&str, u32), u64> = HashMap::new();
    for delivery in told.event.deliveries.iter().filter(|delivery| !delivery.is_parked) {
        findings.facts(P7, 1);
        let key = (delivery.topic.as_str(), delivery.partition);
        let before = last.insert(key, delivery.offset);
        if let Some(before) = before.filter(|before| *before >= delivery.offset) {
            findings.violation(P7, || {
                let (topic, partition) = key;
                let (offset, when) = (delivery.offset, told.when());
                format!("{topic}/{partition}: {offset} was delivered after {before}: {when}")
            });
        }
    }
}

/// A member is given a record: none that its group had behind it when the member asked.
pub(super) fn on_delivery(claim: &Claim, record: Record<'_>, findings: &mut Findings) {
    let (offset, told) = (record.delivery.offset, record.told);
    let committed = claim.committed.at(told.asked).filter(|_| !record.delivery.is_parked);
    if let Some(committed) = committed.filter(|committed| offset < *committed) {
        findings.violation(P7, || {
            let (text, when) = (record.text(), told.when());
            format!("{text}: to {when}, though the group was at {committed}")
        });
    }
}

/// What is wrong with a page whatever came before.
fn in_itself(answer: &Answer<'_>) -> Option<String> {
    let Event { offset, next_offset, log_start, ref offsets, f, .. } = *answer.event;
    let asked = offset.filter(|_| f != Function::Tail);
    if let (Some(asked), Some(first)) = (asked, offsets.first())
        && *first < asked
    {
        return Some(format!("asked from {asked} on, answered from {first} on"));
    }
    let is_trimmed = offsets.is_empty() && asked < log_start;
    let expected = answer.end().or(asked).filter(|_| !is_trimmed)?;
    let next = next_offset.filter(|next| *next != expected)?;
    Some(format!("goes on at {next}, where {expected} is next"))
}
