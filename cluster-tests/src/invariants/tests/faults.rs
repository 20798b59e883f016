//! Spoiling what faults may cost: ack 1, time, equal replicas, changes (P14, P15, P18, P19).

use std::collections::BTreeSet;

use super::history::{EVENTS, History, MORE_ORDERS, ORDERS, refused};
use crate::history::event::{Event, Function, Phase};
use crate::invariants::Property;

#[test]
fn ack_1_lost_over_too_long_a_time() {
    refused(Property::P14, |history| {
        let lost = lost_by_ack_one(history);
        let last = *lost.last().unwrap();
        let begin = history.begin_of(last);
        history.events[begin].time += 2_000_000_000;
        history.events[last].time += 2_000_000_000;
    });
}

/// Places of acknowledgements of ack 1, of one leader, whose records are not there at the end.
fn lost_by_ack_one(history: &History) -> Vec<usize> {
    let finals = history.finals(EVENTS).into_iter();
    let kept: BTreeSet<String> = finals.flat_map(|i| history.events[i].values.clone()).collect();
    let acks = history.places(Function::Produce, Phase::Ok, EVENTS).into_iter();
    let lost = acks.filter(|i| !kept.contains(&history.events[*i].values[0]));
    let lost: Vec<usize> = lost.collect();
    let of_epoch = |epoch: Option<u64>| -> Vec<usize> {
        lost.iter().copied().filter(|i| history.events[*i].epoch == epoch).collect()
    };
    let epochs = lost.iter().map(|i| of_epoch(history.events[*i].epoch));
    let of_one = epochs.max_by_key(Vec::len).unwrap();
    assert!(of_one.len() > 1, "the good history loses too little");
    of_one
}

#[test]
fn ack_1_lost_in_the_middle() {
    refused(Property::P14, |history| {
        let mut acks = history.last_acks(EVENTS).into_iter();
        let ack = acks.find(|i| history.events[*i].values.len() == 1).unwrap();
        let lost = history.events[ack].offsets[0];
        history.change_at_the_end(EVENTS, lost, Some("ghost-events-0"));
    });
}

#[test]
fn ack_1_lost_without_a_fault() {
    refused(Property::P14, |history| {
        history.events.retain(|event| !matches!(event.f, Function::Inject | Function::Heal));
    });
}

#[test]
fn a_change_of_nodes_that_is_never_completed() {
    refused(Property::P15, |history| {
        let last = history.events.last().unwrap().clone();
        let event = Event { op: last.op + 1, time: last.time, ..Event::new(9, Function::Admin) };
        let event = Event { kind: Some("add_node".to_owned()), ..event };
        history.events.push(event.clone());
        history.events.push(Event { phase: Phase::Fail, ..event });
    });
}

#[test]
fn no_leader_for_eleven_seconds() {
    refused(Property::P18, |history| {
        let is_inject = |event: &Event| event.f == Function::Inject && event.phase == Phase::Ok;
        let fault = history.events.iter().position(is_inject).unwrap();
        let wants = |event: &Event| event.f == Function::Produce && event.phase == Phase::Invoke;
        let wanted = history.events[fault..].iter().position(wants).unwrap();
        history.delay(fault + wanted + 1, 11);
    });
}

#[test]
fn no_writes_after_healing() {
    refused(Property::P18, |history| {
        let (healed, again) = (history.mark("healed"), history.mark("writes_again"));
        for place in healed..again {
            let event = &history.events[place];
            if event.f == Function::Produce && event.phase == Phase::Ok {
                history.forget(place);
            }
        }
        history.delay(again, 11);
        history.events.drain(again - 1..=again);
    });
}

#[test]
fn writes_too_late_after_healing() {
    refused(Property::P18, |history| {
        let again = history.mark("writes_again");
        history.delay(again - 1, 11);
    });
}

#[test]
fn replicas_equal_too_late_after_healing() {
    refused(Property::P18, |history| {
        let equal = history.mark("replicas_equal");
        history.delay(equal - 1, 61);
    });
}

#[test]
fn replicas_never_equal_after_healing() {
    refused(Property::P18, |history| {
        let equal = history.mark("replicas_equal");
        history.delay(equal - 1, 61);
        history.events.drain(equal - 1..=equal);
    });
}

#[test]
fn a_call_that_is_answered_after_a_minute() {
    refused(Property::P18, |history| {
        let listed = history.places(Function::ListOffset, Phase::Ok, ORDERS)[0];
        history.events[listed].time += 61_000_000_000;
    });
}

#[test]
fn a_replica_that_differs_in_a_byte() {
    refused(Property::P19, |history| {
        let dump = history.places(Function::Dump, Phase::Ok, MORE_ORDERS)[2];
        let entries = &mut history.events[dump].entries;
        let middle = entries.len() / 2;
        entries[middle].crc = "deadbeef".to_owned();
    });
}

#[test]
fn a_replica_that_lacks_an_entry() {
    refused(Property::P19, |history| {
        let dump = history.places(Function::Dump, Phase::Ok, MORE_ORDERS)[0];
        let entries = &mut history.events[dump].entries;
        entries.remove(entries.len() / 2);
    });
}
