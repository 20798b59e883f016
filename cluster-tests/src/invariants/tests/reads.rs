//! Spoiling what readers see (P2, P7, P8, P17).

use super::history::{EVENTS, History, ORDERS, linearizable, refused};
use crate::history::event::{Function, Phase};
use crate::invariants::Property;

#[test]
fn an_offset_that_changes_between_two_reads() {
    refused(Property::P2, |history| {
        let poll = *history.polls(ORDERS).last().unwrap();
        history.events[poll].values.swap(0, 1);
    });
}

#[test]
fn a_value_of_which_only_the_beginning_is_right() {
    refused(Property::P2, |history| {
        let poll = history.polls(ORDERS)[2];
        history.events[poll].values[1].insert_str(0, "corrupt:");
    });
}

#[test]
fn a_fetch_that_passes_over_what_nobody_was_told_of() {
    refused(Property::P2, |history| {
        let ack_of_second = |history: &History, i: usize| {
            history.ack_of(ORDERS, history.events[i].offsets[1]).map(|ack| (i, ack))
        };
        let mut polls = history.polls(ORDERS).into_iter();
        let (poll, ack) = polls.find_map(|i| ack_of_second(history, i)).unwrap();
        history.forget(ack);
        let event = &mut history.events[poll];
        event.offsets.remove(1);
        event.values.remove(1);
    });
}

#[test]
fn an_answer_that_has_an_offset_twice() {
    refused(Property::P2, |history| {
        let poll = history.polls(EVENTS)[1];
        let event = &mut history.events[poll];
        event.offsets.insert(1, event.offsets[0]);
        event.values.insert(1, event.values[0].clone());
    });
}

#[test]
fn a_reader_that_is_led_past_a_record() {
    refused(Property::P7, |history| {
        let polls = history.polls(ORDERS);
        let event = &mut history.events[polls[1]];
        event.next_offset = event.next_offset.map(|next| next + 1);
        let process = event.process;
        let is_next = |i: &&usize| history.events[**i].process == process;
        let next = *polls[2..].iter().find(is_next).unwrap();
        let event = &mut history.events[next];
        event.offset = event.offset.map(|offset| offset + 1);
        event.offsets.remove(0);
        event.values.remove(0);
    });
}

#[test]
fn a_reader_that_goes_on_elsewhere_without_seeking() {
    refused(Property::P7, |history| {
        let poll = history.polls(ORDERS)[3];
        let event = &mut history.events[poll];
        event.offset = event.offset.map(|offset| offset + 1);
        event.offsets.remove(0);
        event.values.remove(0);
    });
}

#[test]
fn an_answer_from_before_what_was_asked_for() {
    refused(Property::P7, |history| {
        let event = linearizable(history, ORDERS, |event| event.offsets.len() > 3);
        event.offset = event.offset.map(|offset| offset + 1);
    });
}

#[test]
fn a_record_above_the_high_watermark() {
    refused(Property::P8, |history| {
        let poll = history.polls(ORDERS)[0];
        let event = &mut history.events[poll];
        event.high_watermark = event.offsets.last().copied();
        event.epoch = None;
    });
}

#[test]
fn a_watermark_that_goes_back_under_one_leader() {
    refused(Property::P8, |history| {
        let watermark = |i: usize| (history.events[i].epoch, history.events[i].high_watermark);
        let next = |i: usize| (history.events[i].epoch, history.events[i].next_offset);
        let (polls, all) =
            (history.polls(ORDERS), history.places(Function::Fetch, Phase::Ok, ORDERS));
        let is_known = |i: &usize| {
            let begin = history.begin_of(*i);
            let mut before = all.iter().filter(|other| **other < begin);
            before.any(|other| watermark(*other).0 == next(*i).0 && watermark(*other) > next(*i))
        };
        let poll = polls.iter().copied().find(is_known).unwrap();
        history.events[poll].high_watermark = history.events[poll].next_offset;
    });
}

#[test]
fn a_log_start_that_goes_back() {
    refused(Property::P8, |history| {
        let event = linearizable(history, ORDERS, |event| event.log_start > Some(0));
        event.log_start = event.log_start.map(|start| start - 1);
    });
}

#[test]
fn an_earliest_offset_that_goes_back() {
    refused(Property::P8, |history| {
        let listed = history.places(Function::ListOffset, Phase::Ok, ORDERS);
        let is_earliest = |i: &usize| history.events[*i].spec.as_deref() == Some("earliest");
        let last = listed.into_iter().rfind(is_earliest).unwrap();
        history.events[last].offset = Some(0);
    });
}

#[test]
fn a_record_that_was_read_and_is_gone() {
    refused(Property::P8, |history| {
        let start = history.events[history.finals(ORDERS)[0]].log_start.unwrap();
        let seen =
            history.polls(ORDERS).into_iter().flat_map(|i| history.events[i].offsets.clone());
        let mut acks = seen
            .filter(|offset| *offset > start + 3)
            .filter_map(|offset| history.ack_of(ORDERS, offset));
        let ack = acks.find(|i| history.events[*i].values.len() == 1).unwrap();
        let offset = history.events[ack].offsets[0];
        history.forget(ack);
        history.change_at_the_end(ORDERS, offset, None);
    });
}

#[test]
fn a_log_that_starts_above_what_was_truncated() {
    refused(Property::P17, |history| {
        for place in history.finals(ORDERS) {
            let event = &mut history.events[place];
            let start = event.log_start.unwrap() + 2;
            event.log_start = Some(start);
            let kept = event.offsets.iter().filter(|offset| **offset >= start).count();
            let gone = event.offsets.len() - kept;
            event.offsets.drain(..gone);
            event.values.drain(..gone);
        }
    });
}
