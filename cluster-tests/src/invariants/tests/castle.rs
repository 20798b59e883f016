//! Spoiling what clients are told by Castle, and how they fare who follow it (P20).

use proptest::prelude::*;

use super::good_castle::{ASKING, GUEST, SILENT, history, named};
use crate::history::castle::Dispatch;
use crate::history::event::{Event, Function, Phase};
use crate::invariants::{Judge, Outcome, Property, Verdict};

/// Two heartbeats, in nanoseconds.
const TWO_HEARTBEATS: u64 = 2_000_000_000;

fn judge(events: &[Event]) -> Verdict {
    let mut judge = Judge::new();
    events.iter().for_each(|event| judge.event(event));
    judge.finish()
}

/// A good history of clients that follow Castle, and can be spoiled.
struct Steered {
    events: Vec<Event>,
}

impl Steered {
    fn good() -> Steered {
        Steered { events: history(5, 2_000) }
    }

    fn begin_of(&self, end: usize) -> &Event {
        let op = self.events[end].op;
        self.events.iter().find(|event| event.op == op).unwrap()
    }

    /// When the node was removed.
    fn removed_at(&self) -> u64 {
        let is_it = |event: &&Event| {
            event.phase == Phase::Ok && event.kind.as_deref() == Some("remove_node")
        };
        self.events.iter().find(is_it).unwrap().time
    }

    /// Places of the answers to heartbeats of a client that were sent so long after the removal.
    fn answers(&self, process: u32, after: u64) -> Vec<usize> {
        let from = self.removed_at() + after;
        let is_it = |i: &usize| {
            let event = &self.events[*i];
            (event.process, event.f, event.phase) == (process, Function::Heartbeat, Phase::Ok)
                && self.begin_of(*i).time > from
        };
        (0..self.events.len()).filter(is_it).collect()
    }

    fn dispatch(&mut self, place: usize) -> &mut Dispatch {
        self.events[place].dispatch.as_mut().unwrap()
    }

    /// The first whole answer of these.
    fn whole(&self, places: &[usize]) -> usize {
        let is_whole = |i: &&usize| {
            self.events[**i].dispatch.as_ref().is_some_and(|dispatch| !dispatch.is_no_change())
        };
        *places.iter().find(is_whole).unwrap()
    }

    fn mark(&self, kind: &str) -> usize {
        let is_it = |event: &Event| event.phase == Phase::Ok && event.kind.as_deref() == Some(kind);
        self.events.iter().position(is_it).unwrap()
    }

    /// Acknowledgements of a client between two places.
    fn acks(&self, process: u32, from: usize, to: usize) -> Vec<usize> {
        let is_it = |i: &usize| {
            let event = &self.events[*i];
            (event.process, event.f, event.phase) == (process, Function::Produce, Phase::Ok)
        };
        (from..to).filter(is_it).collect()
    }

    /// Nobody was told of these acknowledgements.
    fn forget(&mut self, places: &[usize]) {
        for place in places {
            let event = &mut self.events[*place];
            event.phase = Phase::Unknown;
            event.offsets.clear();
        }
    }

    fn delay(&mut self, from: usize, seconds: u64) {
        for event in &mut self.events[from..] {
            event.time += seconds * 1_000_000_000;
        }
    }
}

/// Spoils a good history and demands that exactly P20 refuses it.
fn refused(spoil: impl FnOnce(&mut Steered)) {
    let mut steered = Steered::good();
    let good = steered.events.clone();
    spoil(&mut steered);
    assert_ne!(steered.events, good, "nothing was spoiled");
    let verdict = judge(&steered.events);
    assert_eq!(verdict.outcome, Outcome::Violated, "{verdict}");
    assert_eq!(verdict.violated(), [Property::P20], "{verdict}");
}

#[test]
fn those_who_are_steered_well_are_clean_and_have_facts() {
    let verdict = judge(&Steered::good().events);
    assert_eq!(verdict.outcome, Outcome::Clean, "{verdict}");
    assert!(verdict.facts(Property::P20) > 100, "{verdict}");
}

#[test]
fn a_removed_node_among_the_brokers() {
    refused(|steered| {
        let place = steered.whole(&steered.answers(ASKING[0], TWO_HEARTBEATS));
        steered.dispatch(place).brokers.push(named(GUEST));
    });
}

#[test]
fn a_removed_node_that_is_said_to_lead() {
    refused(|steered| {
        let place = steered.whole(&steered.answers(ASKING[1], TWO_HEARTBEATS));
        steered.dispatch(place).leaders[0].leader = named(GUEST);
    });
}

#[test]
fn who_is_told_to_go_on_with_a_removed_node() {
    refused(|steered| {
        let last_before = steered.answers(ASKING[0], 0)[0];
        steered.dispatch(last_before).status = "ok".to_owned();
        steered.dispatch(last_before).brokers.push(named(GUEST));
        for place in steered.answers(ASKING[0], 0).split_off(1) {
            let dispatch = steered.dispatch(place);
            dispatch.status = "no_change".to_owned();
            dispatch.brokers.clear();
            dispatch.leaders.clear();
        }
    });
}

#[test]
fn a_removed_node_may_be_named_for_two_heartbeats() {
    let mut steered = Steered::good();
    let place = steered.whole(&steered.answers(ASKING[0], TWO_HEARTBEATS));
    steered.dispatch(place).brokers.push(named(GUEST));
    assert_eq!(judge(&steered.events).violated(), [Property::P20]);
    // Who is asked to come every hour is told in time.
    for event in &mut steered.events {
        event.dispatch.iter_mut().for_each(|dispatch| dispatch.interval_ms = 3_600_000);
    }
    let verdict = judge(&steered.events);
    assert_eq!(verdict.outcome, Outcome::Clean, "{verdict}");
}

#[test]
fn one_that_follows_castle_is_not_served_after_healing() {
    for process in [ASKING[0], SILENT] {
        refused(|steered| {
            let (healed, end) = (steered.mark("healed"), steered.events.len());
            steered.forget(&steered.acks(process, healed, end));
            steered.delay(steered.mark("replicas_equal") + 1, 11);
        });
    }
}

#[test]
fn one_that_follows_castle_is_served_too_late_after_healing() {
    refused(|steered| {
        let again = steered.mark("writes_again");
        steered.forget(&steered.acks(SILENT, steered.mark("healed"), again));
        let first = steered.acks(SILENT, again, steered.events.len())[0];
        steered.delay(first, 11);
    });
}

#[test]
fn one_that_wants_nothing_after_healing_leaves_it_undecided() {
    let mut steered = Steered::good();
    let healed = steered.mark("healed");
    // Somebody else writes that.
    for event in &mut steered.events[healed + 1..] {
        event.process = if event.process == SILENT { 99 } else { event.process };
    }
    let verdict = judge(&steered.events);
    assert_eq!(verdict.outcome, Outcome::Undecided, "{verdict}");
    assert!(verdict.undecided[0].contains("process 12 follows Castle"), "{verdict}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    #[test]
    fn good_answers_are_clean(seed: u64, steps in 200..2_000_u32) {
        let verdict = judge(&history(seed, steps));
        prop_assert_eq!(verdict.outcome, Outcome::Clean, "{}", verdict);
    }

    #[test]
    fn good_answers_that_break_off_violate_nothing(seed: u64, part in 0.0..1.0) {
        let events = history(seed, 800);
        let verdict = judge(&events[..(events.len() as f64 * part) as usize]);
        prop_assert!(verdict.violated().is_empty(), "{}", verdict);
    }
}
