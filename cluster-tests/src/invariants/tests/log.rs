//! Spoiling what is in the log, and in which order (P2 to P6).

use super::history::{At, EVENTS, History, MORE_ORDERS, ORDERS, refused};
use crate::history::event::Event;
use crate::invariants::Property;

#[test]
fn one_offset_given_to_two() {
    refused(Property::P2, |history| {
        let acks = history.last_acks(ORDERS);
        let first = history.events[acks[4]].offsets[0];
        let event = &mut history.events[acks[5]];
        event.offsets = (first..).take(event.values.len()).collect();
    });
}

#[test]
fn one_offset_given_to_two_by_one_leader_with_ack_1() {
    refused(Property::P2, |history| {
        let acks = history.last_acks(EVENTS);
        let first = history.events[acks[4]].offsets[0];
        let event = &mut history.events[acks[5]];
        event.offsets = (first..).take(event.values.len()).collect();
    });
}

#[test]
fn a_value_that_nobody_sent() {
    refused(Property::P3, |history| history.append_at_the_end(ORDERS, "phantom"));
}

#[test]
fn a_value_that_was_refused() {
    refused(Property::P3, |history| history.append_at_the_end(ORDERS, "refused-orders-0"));
}

#[test]
fn a_value_that_was_sent_elsewhere() {
    refused(Property::P3, |history| {
        let ack = history.last_acks(MORE_ORDERS)[0];
        let value = history.events[ack].values[0].clone();
        history.append_at_the_end(ORDERS, &value);
    });
}

#[test]
fn a_value_that_nobody_was_told_of_twice() {
    refused(Property::P3, |history| {
        history.append_at_the_end(ORDERS, "ghost-orders-0");
        history.append_at_the_end(ORDERS, "ghost-orders-0");
    });
}

#[test]
fn an_acknowledged_value_twice() {
    refused(Property::P4, |history| {
        let ack = history.last_acks(ORDERS)[0];
        let value = history.events[ack].values[0].clone();
        history.append_at_the_end(ORDERS, &value);
    });
}

#[test]
fn an_order_of_offsets_that_is_not_that_of_time() {
    refused(Property::P5, |history| {
        let acks = history.last_acks(ORDERS);
        let pairs = acks.iter().flat_map(|a| acks.iter().map(move |b| (*a, *b)));
        let count = |i: usize| history.events[i].values.len();
        let mut equal = pairs.filter(|(a, b)| a + 4 < *b && count(*a) == count(*b));
        let (a, b) = equal.next().unwrap();
        let (early, late) = (history.events[a].clone(), history.events[b].clone());
        for i in 0..early.values.len() {
            history.change_at_the_end(ORDERS, early.offsets[i], Some(&late.values[i]));
        }
        for i in 0..early.values.len() {
            history.change_at_the_end(ORDERS, late.offsets[i], Some(&early.values[i]));
        }
        history.events[a].offsets = late.offsets;
        history.events[b].offsets = early.offsets;
    });
}

/// An acknowledgement at the end of more than one record, forgotten.
fn forgotten_batch(history: &mut History, at: At) -> Event {
    let mut acks = history.last_acks(at).into_iter();
    let ack = acks.find(|i| history.events[*i].values.len() > 1).unwrap();
    let event = history.events[ack].clone();
    history.forget(ack);
    event
}

#[test]
fn a_batch_of_which_a_part_is_missing() {
    refused(Property::P6, |history| {
        let batch = forgotten_batch(history, ORDERS);
        history.change_at_the_end(ORDERS, batch.offsets[1], Some("ghost-orders-0"));
    });
}

#[test]
fn a_batch_in_another_order() {
    refused(Property::P6, |history| {
        let batch = forgotten_batch(history, EVENTS);
        history.change_at_the_end(EVENTS, batch.offsets[0], Some(&batch.values[1]));
        history.change_at_the_end(EVENTS, batch.offsets[1], Some(&batch.values[0]));
    });
}

#[test]
fn a_batch_acknowledged_at_offsets_apart() {
    refused(Property::P6, |history| {
        let mut acks = history.last_acks(ORDERS).into_iter();
        let ack = acks.find(|i| history.events[*i].values.len() > 1).unwrap();
        *history.events[ack].offsets.last_mut().unwrap() += 1;
    });
}
