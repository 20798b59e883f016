//! P7: a reader goes on where it was, record by record, until it says that it seeks. A linearizable
//! fetch is a question beside that, and so is one that begins at `earliest`, `latest` or a time.

use std::collections::HashMap;

use super::answer::{Answer, is_linearizable};
use super::findings::Findings;
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
