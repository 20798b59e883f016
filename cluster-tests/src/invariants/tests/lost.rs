//! Spoiling what was acknowledged (P1).

use super::history::{History, MORE_ORDERS, ORDERS, linearizable, refused};
use crate::history::event::{Function, Phase};
use crate::invariants::Property;

#[test]
fn an_acknowledged_record_missing_from_the_tail() {
    refused(Property::P1, |history| {
        for place in history.finals(ORDERS) {
            let event = &mut history.events[place];
            let end = event.high_watermark.unwrap();
            event.high_watermark = Some(end - 1);
            if event.next_offset == Some(end) {
                event.next_offset = Some(end - 1);
                event.offsets.pop();
                event.values.pop();
            }
        }
    });
}

#[test]
fn an_acknowledged_record_missing_from_the_middle() {
    refused(Property::P1, |history| {
        let ack = history.last_acks(ORDERS)[2];
        let lost = history.events[ack].offsets[0];
        history.change_at_the_end(ORDERS, lost, None);
    });
}

#[test]
fn an_acknowledged_record_overwritten() {
    refused(Property::P1, |history| {
        let ack = history.last_acks(MORE_ORDERS)[2];
        let lost = history.events[ack].offsets[0];
        history.change_at_the_end(MORE_ORDERS, lost, Some("ghost-orders-1"));
    });
}

#[test]
fn two_acknowledged_records_swapped() {
    refused(Property::P1, |history| {
        let acks = history.last_acks(ORDERS);
        let [a, b] = [acks[0], acks[3]].map(|i| history.events[i].clone());
        history.change_at_the_end(ORDERS, a.offsets[0], Some(&b.values[0]));
        history.change_at_the_end(ORDERS, b.offsets[0], Some(&a.values[0]));
    });
}

#[test]
fn an_acknowledgement_that_names_another_offset() {
    refused(Property::P1, |history| {
        let acks = history.last_acks(ORDERS);
        let (first, second) = (acks[0], acks[1]);
        let other = history.events[second].offsets[0];
        history.forget(second);
        let event = &mut history.events[first];
        event.offsets = (other..).take(event.values.len()).collect();
    });
}

#[test]
fn a_fetch_that_passes_over_an_acknowledged_record() {
    refused(Property::P1, |history| {
        let is_acked = |history: &History, i: usize| {
            history.ack_of(ORDERS, history.events[i].offsets[1]).is_some()
        };
        let poll = history.polls(ORDERS).into_iter().find(|i| is_acked(history, *i)).unwrap();
        let event = &mut history.events[poll];
        event.offsets.remove(1);
        event.values.remove(1);
    });
}

#[test]
fn a_latest_offset_below_what_was_acknowledged() {
    refused(Property::P1, |history| {
        let listed = history.places(Function::ListOffset, Phase::Ok, ORDERS);
        let is_latest = |i: &usize| history.events[*i].spec.as_deref() == Some("latest");
        let last = listed.into_iter().rfind(is_latest).unwrap();
        history.events[last].offset = Some(1);
    });
}

#[test]
fn a_linearizable_fetch_that_finds_nothing() {
    refused(Property::P1, |history| {
        let event = linearizable(history, ORDERS, |event| event.offsets.len() > 3);
        event.next_offset = event.offset;
        event.offsets.clear();
        event.values.clear();
    });
}

#[test]
fn a_replica_without_the_end_of_what_was_acknowledged() {
    refused(Property::P1, |history| {
        let dump = history.places(Function::Dump, Phase::Ok, ORDERS)[1];
        let event = &mut history.events[dump];
        let last = event.entries.pop().unwrap();
        event.log_end = Some(last.base);
    });
}
