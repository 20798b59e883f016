//! A history to spoil: finds what to change in it, and changes it everywhere where it must be.

use super::good::{self, Shape};
use crate::history::event::{Event, Function, Phase};
use crate::invariants::{Judge, Outcome, Property, Verdict};

/// A partition's name.
pub(super) type At = (&'static str, u32);
pub(super) const ORDERS: At = ("orders", 0);
pub(super) const MORE_ORDERS: At = ("orders", 1);
pub(super) const EVENTS: At = ("events", 0);

/// A good history that can be spoiled.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) events: Vec<Event>,
}

impl History {
    pub(super) fn good() -> History {
        let shape = Shape { seed: 7, steps: 2_500, fault_every: 400, is_lossy: true };
        History { events: good::history(shape) }
    }

    pub(super) fn judge(&self) -> Verdict {
        let mut judge = Judge::new();
        for event in &self.events {
            judge.event(event);
        }
        judge.finish()
    }

    /// Places of the events of a function and phase about a partition.
    pub(super) fn places(&self, f: Function, phase: Phase, (topic, partition): At) -> Vec<usize> {
        let is_meant = |event: &Event| {
            (event.f, event.phase) == (f, phase)
                && event.topic.as_deref() == Some(topic)
                && event.partition == Some(partition)
        };
        (0..self.events.len()).filter(|i| is_meant(&self.events[*i])).collect()
    }

    /// Acknowledgements after healing, which only those who read at the end have seen: in pairs
    /// that were under way together.
    pub(super) fn last_acks(&self, at: At) -> Vec<usize> {
        let acks = self.places(Function::Produce, Phase::Ok, at);
        acks[acks.len() - 8..].to_vec()
    }

    pub(super) fn finals(&self, at: At) -> Vec<usize> {
        self.places(Function::FinalRead, Phase::Ok, at)
    }

    /// The place of the beginning of an operation.
    pub(super) fn begin_of(&self, end: usize) -> usize {
        let op = self.events[end].op;
        self.events.iter().position(|event| event.op == op).unwrap()
    }

    /// The place of a step of the run.
    pub(super) fn mark(&self, kind: &str) -> usize {
        let is_it = |event: &Event| event.phase == Phase::Ok && event.kind.as_deref() == Some(kind);
        self.events.iter().position(is_it).unwrap()
    }

    /// An operation's end becomes unknown.
    pub(super) fn forget(&mut self, end: usize) {
        let event = &mut self.events[end];
        event.phase = Phase::Unknown;
        event.offsets.clear();
    }

    /// What is read at the end at an offset becomes another value, or nothing.
    pub(super) fn change_at_the_end(&mut self, at: At, offset: u64, value: Option<&str>) {
        for place in self.finals(at) {
            let event = &mut self.events[place];
            let Some(i) = event.offsets.iter().position(|o| *o == offset) else { continue };
            match value {
                Some(value) => value.clone_into(&mut event.values[i]),
                None => drop((event.offsets.remove(i), event.values.remove(i))),
            }
        }
    }

    /// Whoever reads at the end finds one more record behind the others.
    pub(super) fn append_at_the_end(&mut self, at: At, value: &str) {
        for place in self.finals(at) {
            let event = &mut self.events[place];
            let end = event.high_watermark.unwrap();
            event.high_watermark = Some(end + 1);
            if event.next_offset == Some(end) {
                event.next_offset = Some(end + 1);
                event.offsets.push(end);
                event.values.push(value.to_owned());
            }
        }
    }

    /// Everything from a place on is later.
    pub(super) fn delay(&mut self, from: usize, seconds: u64) {
        for event in &mut self.events[from..] {
            event.time += seconds * 1_000_000_000;
        }
    }

    /// A fetch that found more than three records, asked for by readers who go on.
    pub(super) fn polls(&self, at: At) -> Vec<usize> {
        let fetches = self.places(Function::Fetch, Phase::Ok, at);
        let is_poll =
            |i: &usize| self.events[*i].isolation.is_none() && self.events[*i].offsets.len() > 3;
        fetches.into_iter().filter(is_poll).collect()
    }

    /// The place of the acknowledgement of an offset.
    pub(super) fn ack_of(&self, at: At, offset: u64) -> Option<usize> {
        let mut acks = self.places(Function::Produce, Phase::Ok, at).into_iter();
        acks.find(|i| self.events[*i].offsets.contains(&offset))
    }
}

/// Spoils the good history and demands that exactly this property refuses it.
pub(super) fn refused(by: Property, spoil: impl FnOnce(&mut History)) {
    let mut history = History::good();
    let good = history.clone();
    spoil(&mut history);
    assert_ne!(history.events, good.events, "nothing was spoiled");
    let verdict = history.judge();
    assert_eq!(verdict.outcome, Outcome::Violated, "{verdict}");
    assert_eq!(verdict.violated(), [by], "{verdict}");
}

/// The last linearizable fetch like this.
pub(super) fn linearizable(
    history: &mut History,
    at: At,
    is_meant: impl Fn(&Event) -> bool,
) -> &mut Event {
    let fetches = history.places(Function::Fetch, Phase::Ok, at);
    let is_it = |i: &usize| {
        let event = &history.events[*i];
        event.isolation.is_some() && is_meant(event)
    };
    let place = fetches.into_iter().rfind(is_it).unwrap();
    &mut history.events[place]
}
