//! Spoiling what groups do (P7, P11 to P13, P16), and that good groups are clean.

use proptest::prelude::*;

use super::good_groups::{ATTEMPTS, PATIENT, STRICT, TOPIC, history};
use crate::history::event::{Event, Function, Phase};
use crate::history::group::{Delivery, Said, Settled};
use crate::invariants::{Judge, Outcome, Property, Verdict};

fn judge(events: &[Event]) -> Verdict {
    let mut judge = Judge::new();
    events.iter().for_each(|event| judge.event(event));
    judge.finish()
}

/// A good history of groups that can be spoiled.
struct Groups {
    events: Vec<Event>,
}

impl Groups {
    fn good() -> Groups {
        Groups { events: history(11, 3_000) }
    }

    /// Places of the answers of a function in a group that are like this.
    fn answers(&self, group: &str, f: Function, is_meant: impl Fn(&Event) -> bool) -> Vec<usize> {
        let is_it = |event: &Event| {
            (event.f, event.phase) == (f, Phase::Ok)
                && event.group.as_deref() == Some(group)
                && is_meant(event)
        };
        (0..self.events.len()).filter(|i| is_it(&self.events[*i])).collect()
    }

    /// The place of the answer after which something of this kind was settled for good, and which.
    fn settled(&self, group: &str, result: Settled) -> (usize, Delivery) {
        let is_meant = |delivery: &&Delivery| delivery.result == Some(result);
        let answers = self.answers(group, Function::Settle, |event| {
            event.deliveries.iter().any(|delivery| is_meant(&delivery))
        });
        let place = answers[answers.len() / 2];
        let found = self.events[place].deliveries.iter().find(is_meant);
        (place, found.unwrap().clone())
    }

    /// The first poll that is asked after a place, answered, and given records.
    fn poll_after(&self, group: &str, place: usize) -> usize {
        let asked = |i: usize| {
            let op = self.events[i].op;
            self.events.iter().position(|event| event.op == op).unwrap()
        };
        let polls = self.answers(group, Function::Poll, |event| !event.deliveries.is_empty());
        polls.into_iter().find(|i| asked(*i) > place).unwrap()
    }

    /// Everything that says that a record was delivered or settled is gone.
    fn unsay(&mut self, group: &str, (partition, offset): (u32, u64), functions: &[Function]) {
        for event in self.events.iter_mut().filter(|event| functions.contains(&event.f)) {
            if event.group.as_deref() == Some(group) {
                event.deliveries.retain(|d| (d.partition, d.offset) != (partition, offset));
            }
        }
    }
}

/// Spoils a good history and demands that exactly this property refuses it.
fn refused(by: Property, spoil: impl FnOnce(&mut Groups)) {
    let mut groups = Groups::good();
    let good = groups.events.clone();
    spoil(&mut groups);
    assert_ne!(groups.events, good, "nothing was spoiled");
    let verdict = judge(&groups.events);
    assert_eq!(verdict.outcome, Outcome::Violated, "{verdict}");
    assert_eq!(verdict.violated(), [by], "{verdict}");
}

#[test]
fn the_good_groups_are_clean_and_have_facts_of_everything() {
    let verdict = judge(&Groups::good().events);
    assert_eq!(verdict.outcome, Outcome::Clean, "{verdict}");
    for property in [Property::P7, Property::P11, Property::P12, Property::P13, Property::P16] {
        assert!(verdict.facts(property) > 50, "{property:?}: {verdict}");
    }
    assert!(verdict.counts.delivered > 100 && verdict.counts.settled > 100, "{verdict}");
}

#[test]
fn a_partition_with_two_owners_in_one_generation() {
    refused(Property::P11, |groups| {
        let mine = groups.answers(PATIENT, Function::Poll, |event| event.assignment.len() == 1);
        let (a, held) = (mine[0], groups.events[mine[0]].assignment[0].clone());
        let is_another = |i: &&usize| {
            let event = &groups.events[**i];
            event.generation == groups.events[a].generation
                && event.member != groups.events[a].member
                && event.assignment[0] != held
        };
        let other = *mine.iter().find(is_another).unwrap();
        groups.events[other].assignment.push(held);
    });
}

#[test]
fn a_member_that_is_told_an_older_generation() {
    refused(Property::P11, |groups| {
        let polls = groups.answers(STRICT, Function::Poll, |event| {
            event.generation.is_some_and(|generation| generation > 3)
        });
        let event = &mut groups.events[polls[polls.len() / 2]];
        (event.generation, event.assignment) = (Some(1), Vec::new());
    });
}

#[test]
fn a_token_of_an_older_holder_that_settles() {
    refused(Property::P11, |groups| {
        let (place, at) = late_token(groups);
        let delivery = &mut groups.events[place].deliveries[at];
        (delivery.refused, delivery.result) = (None, Some(Settled::InPlace));
    });
}

/// An answer that refuses a token of an older epoch than one that was seen before it was asked.
fn late_token(groups: &Groups) -> (usize, usize) {
    let answers = groups.answers(PATIENT, Function::Settle, |_| true);
    for place in answers {
        let op = groups.events[place].op;
        let asked = groups.events.iter().position(|event| event.op == op).unwrap();
        for (at, late) in groups.events[place].deliveries.iter().enumerate() {
            let is_newer =
                |known: &Delivery| known.partition == late.partition && known.epoch > late.epoch;
            let seen = groups.events[..asked].iter().any(|event| {
                (event.f, event.phase) == (Function::Poll, Phase::Ok)
                    && event.group.as_deref() == Some(PATIENT)
                    && event.deliveries.iter().any(is_newer)
            });
            if seen && late.refused.is_some() {
                return (place, at);
            }
        }
    }
    panic!("no member was late");
}

#[test]
fn records_given_to_two_members_since_one_epoch() {
    refused(Property::P11, |groups| {
        let polls = groups.answers(PATIENT, Function::Poll, |event| !event.deliveries.is_empty());
        let first = groups.events[polls[0]].clone();
        let event = groups.events[polls[0] + 1].clone();
        let mut other = Event { op: 1_000_000, member: Some("intruder".to_owned()), ..first };
        (other.assignment, other.deliveries) = (Vec::new(), other.deliveries[..1].to_vec());
        let time = event.time;
        let asked = Event { phase: Phase::Invoke, deliveries: Vec::new(), time, ..other.clone() };
        groups.events.splice(polls[0] + 1..polls[0] + 1, [asked, other]);
    });
}

#[test]
fn a_commit_of_an_older_generation_that_succeeds() {
    refused(Property::P11, |groups| {
        let last = groups.events.iter().rposition(|event| event.generation > Some(2)).unwrap();
        let at = groups.events[last].time;
        let commit = Event::new(77, Function::Commit).at(TOPIC, 0);
        let group = Some(PATIENT.to_owned());
        let commit = Event { group, generation: Some(1), offset: Some(0), op: 2_000_000, ..commit };
        let asked = Event { time: at, ..commit };
        let told = Event { phase: Phase::Ok, ..asked.clone() };
        groups.events.splice(last + 1..last + 1, [asked, told]);
    });
}

#[test]
fn a_committed_offset_that_goes_back() {
    refused(Property::P12, |groups| {
        let far = |event: &Event| event.progress[0].committed > Some(5);
        let looks = groups.answers(STRICT, Function::Progress, far);
        let event = &mut groups.events[looks[looks.len() / 2]];
        event.progress[0].committed = Some(0);
    });
}

#[test]
fn a_group_that_stands_at_an_acknowledged_record() {
    refused(Property::P12, |groups| {
        // Nobody has asked before, so that nothing goes back.
        let looks = groups.answers(PATIENT, Function::Progress, |_| true);
        let ops: Vec<u64> = looks.iter().map(|i| groups.events[*i].op).collect();
        let (last, others) = ops.split_last().unwrap();
        let acked = groups.answers(PATIENT, Function::Settle, |event| {
            event.deliveries.iter().any(|d| d.result == Some(Settled::Acked))
        });
        let acked = groups.events[acked[0]].deliveries.iter();
        let acked = acked.clone().find(|d| d.result == Some(Settled::Acked)).unwrap().clone();
        groups.events.retain(|event| !others.contains(&event.op));
        let is_it = |event: &&mut Event| event.op == *last && event.phase == Phase::Ok;
        let event = groups.events.iter_mut().find(is_it).unwrap();
        event.progress.retain(|progress| progress.partition == acked.partition);
        event.progress[0].committed = Some(acked.offset);
    });
}

#[test]
fn an_acknowledged_record_that_is_delivered_again() {
    refused(Property::P12, |groups| {
        let (place, acked) = groups.settled(PATIENT, Settled::Acked);
        let poll = groups.poll_after(PATIENT, place);
        // As one that was parked, it may come in any order.
        let again = Delivery { epoch: None, is_parked: true, said: None, result: None, ..acked };
        groups.events[poll].deliveries.push(again);
    });
}

#[test]
fn a_group_that_passes_over_what_nobody_settled() {
    refused(Property::P12, |groups| {
        let (_, delivery) = groups.settled(PATIENT, Settled::Acked);
        groups.unsay(PATIENT, (delivery.partition, delivery.offset), &[Function::Settle]);
    });
}

#[test]
fn a_record_that_was_delivered_to_nobody() {
    refused(Property::P13, |groups| {
        let (_, delivery) = groups.settled(PATIENT, Settled::Acked);
        let functions = [Function::Settle, Function::Poll];
        groups.unsay(PATIENT, (delivery.partition, delivery.offset), &functions);
    });
}

#[test]
fn a_record_that_is_dead_twice() {
    refused(Property::P16, |groups| {
        let place = groups.answers(STRICT, Function::DeadLetters, |_| true)[0];
        let event = &mut groups.events[place];
        event.deliveries.push(event.deliveries[0].clone());
        event.offsets.push(event.offsets.len() as u64);
    });
}

#[test]
fn a_rejected_record_that_is_not_among_the_dead() {
    refused(Property::P16, |groups| {
        let (_, dying) = groups.settled(STRICT, Settled::Dying);
        let at = (dying.partition, dying.offset);
        groups.unsay(STRICT, at, &[Function::DeadLetters]);
    });
}

#[test]
fn a_record_that_is_acknowledged_and_dead() {
    refused(Property::P16, |groups| {
        let (_, acked) = groups.settled(STRICT, Settled::Acked);
        let place = groups.answers(STRICT, Function::DeadLetters, |_| true)[0];
        let dead = Delivery { attempt: ATTEMPTS, ..acked };
        groups.events[place].deliveries.push(dead);
    });
}

#[test]
fn a_record_that_is_given_up_too_early() {
    refused(Property::P16, |groups| {
        let place = groups.answers(STRICT, Function::DeadLetters, |_| true)[0];
        let tried = groups.events[place].deliveries.iter_mut();
        let tried = tried.rev().find(|dead| dead.offset % 10 != 0);
        tried.unwrap().attempt = 1;
    });
}

#[test]
fn an_acknowledgement_may_be_told_that_its_own_first_attempt_was_done() {
    let mut groups = Groups::good();
    let (_, acked) = groups.settled(STRICT, Settled::Acked);
    let settles = groups
        .events
        .iter_mut()
        .filter(|event| event.f == Function::Settle && event.group.as_deref() == Some(STRICT));
    for delivery in settles.flat_map(|event| &mut event.deliveries) {
        let is_it = (delivery.partition, delivery.offset) == (acked.partition, acked.offset);
        if is_it && delivery.result == Some(Settled::Acked) {
            delivery.result = Some(Settled::AlreadySettled);
        }
    }
    let verdict = judge(&groups.events);
    assert_eq!(verdict.outcome, Outcome::Clean, "{verdict}");
}

#[test]
fn a_dead_record_that_is_another_one() {
    refused(Property::P16, |groups| {
        let place = groups.answers(STRICT, Function::DeadLetters, |_| true)[0];
        let other = groups.events[place].deliveries[1].value.clone();
        groups.events[place].deliveries[0].value = other;
    });
}

#[test]
fn a_parked_record_that_is_forgotten() {
    refused(Property::P16, |groups| {
        let (place, parked) = groups.settled(STRICT, Settled::Parked);
        let at = (parked.partition, parked.offset);
        let later = groups.events.split_off(place + 1);
        let mut later = Groups { events: later };
        let functions = [Function::Poll, Function::Settle, Function::DeadLetters];
        later.unsay(STRICT, at, &functions);
        // What was said of it before was that it shall come again.
        for event in groups.events.iter_mut().filter(|event| event.f == Function::Settle) {
            for delivery in &mut event.deliveries {
                if (delivery.partition, delivery.offset) == at {
                    delivery.said = Some(Said::Retry);
                }
            }
        }
        groups.events.append(&mut later.events);
    });
}

#[test]
fn a_parked_record_that_comes_before_its_time() {
    refused(Property::P16, |groups| {
        park_for_an_hour(groups);
    });
}

#[test]
fn a_parked_record_may_come_in_an_answer_to_who_held_it_before() {
    let mut groups = Groups::good();
    let parked = park_for_an_hour(&mut groups);
    let at = (parked.partition, parked.offset);
    // Whoever parked it had it since a later epoch than the answer that comes now is of.
    let of_it = |delivery: &&mut Delivery| (delivery.partition, delivery.offset) == at;
    for event in groups.events.iter_mut().filter(|event| event.group.as_deref() == Some(STRICT)) {
        for delivery in event.deliveries.iter_mut().filter(of_it) {
            if delivery.is_parked {
                delivery.epoch = delivery.epoch.map(|epoch| epoch - 1);
            }
        }
    }
    let found = judge(&groups.events);
    let early = found.violations.iter().filter(|found| found.property == Property::P16);
    assert_eq!(early.count(), 0, "{found}");
}

/// Whoever parks the first record that is parked asks for an hour; answers which that is.
fn park_for_an_hour(groups: &mut Groups) -> Delivery {
    let (place, parked) = groups.settled(STRICT, Settled::Parked);
    let op = groups.events[place].op;
    for event in groups.events.iter_mut().filter(|event| event.op == op) {
        event.deliveries.iter_mut().for_each(|delivery| {
            delivery.delay_ms = delivery.delay_ms.map(|_| 3_600_000);
        });
    }
    parked
}

#[test]
fn records_of_a_partition_out_of_order() {
    refused(Property::P7, |groups| {
        let in_order = |event: &Event| {
            let pair = event.deliveries.first().zip(event.deliveries.get(1));
            pair.is_some_and(|(a, b)| a.partition == b.partition && !a.is_parked && !b.is_parked)
        };
        let poll = groups.answers(PATIENT, Function::Poll, in_order)[0];
        groups.events[poll].deliveries.swap(0, 1);
    });
}

#[test]
fn a_record_below_the_committed_offset() {
    refused(Property::P7, |groups| {
        // An early one, which the group has behind it long before its end.
        let is_acked = |delivery: &&Delivery| delivery.result == Some(Settled::Acked);
        let mut answers = groups.answers(PATIENT, Function::Settle, |_| true).into_iter();
        let acked = answers.find_map(|i| groups.events[i].deliveries.iter().find(is_acked));
        let acked = acked.unwrap().clone();
        let at = (acked.partition, acked.offset);
        // That it was acknowledged was never answered.
        for event in groups.events.iter_mut().filter(|event| event.f == Function::Settle) {
            let is_it = |d: &&mut Delivery| (d.partition, d.offset) == at;
            event.deliveries.iter_mut().filter(is_it).for_each(|d| d.result = None);
        }
        let behind = |event: &Event| {
            let progress = event.progress.iter().find(|p| p.partition == acked.partition);
            progress.is_some_and(|progress| progress.committed > Some(acked.offset))
        };
        let look = groups.answers(PATIENT, Function::Progress, behind)[0];
        let poll = groups.poll_after(PATIENT, look);
        let delivery = Delivery { epoch: None, said: None, result: None, ..acked };
        groups.events[poll].deliveries.insert(0, delivery);
    });
}

#[test]
fn a_group_that_was_not_drained_is_undecided() {
    let mut groups = Groups::good();
    groups.events.retain(|event| event.kind.as_deref() != Some("drained"));
    let verdict = judge(&groups.events);
    assert_eq!(verdict.outcome, Outcome::Undecided, "{verdict}");
    assert!(verdict.undecided.iter().any(|why| why.contains("was not drained")), "{verdict}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    #[test]
    fn good_groups_are_clean(seed: u64, steps in 200..2_000_u32) {
        let verdict = judge(&history(seed, steps));
        prop_assert_eq!(verdict.outcome, Outcome::Clean, "{}", verdict);
    }

    #[test]
    fn good_groups_that_break_off_violate_nothing(seed: u64, part in 0.0..1.0) {
        let events = history(seed, 800);
        let verdict = judge(&events[..(events.len() as f64 * part) as usize]);
        prop_assert!(verdict.violated().is_empty(), "{}", verdict);
    }
}
