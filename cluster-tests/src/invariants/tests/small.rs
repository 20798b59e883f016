//! What a verdict says, and what a small history does not say.

use std::io::Cursor;

use super::history::History;
use crate::history::event::{Ack, Event, Function, Phase};
use crate::history::{Journal, Recorder, reader};
use crate::invariants::{Judge, Outcome, Property, Verdict, check_file, judge};

/// Values of one produce, with its end.
fn produce(journal: &Journal, values: &[&str], offsets: &[u64], phase: Phase) {
    let event = Event::new(1, Function::Produce).at("t", 0);
    let values = values.iter().map(|&value| value.to_owned()).collect();
    let begun = journal.recorder().invoke(Event { ack: Some(Ack::Quorum), values, ..event });
    journal.recorder().end(Event { offsets: offsets.to_vec(), ..begun }, phase);
}

/// What was read at the end, from the first of these offsets to the last.
fn read(journal: &Journal, records: &[(u64, &str)]) {
    let event = Event::new(9, Function::FinalRead).at("t", 0);
    let end = records.last().map_or(0, |(offset, _)| offset + 1);
    let (offsets, values) = records.iter().map(|(o, value)| (*o, (*value).to_owned())).unzip();
    let (next_offset, high_watermark) = (Some(end), Some(end));
    journal.recorder().note(Event { offsets, values, next_offset, high_watermark, ..event });
}

#[test]
fn the_good_history_is_clean_and_has_facts_of_everything() {
    let verdict = History::good().judge();
    assert_eq!(verdict.outcome, Outcome::Clean, "{verdict}");
    use Property::{P1, P2, P3, P4, P5, P6, P7, P8, P14, P17, P18, P19};
    for property in [P1, P2, P3, P4, P5, P6, P7, P8, P14, P17, P18, P19] {
        assert!(verdict.facts(property) > 5, "{property:?}: {verdict}");
    }
    assert!(!verdict.ack_one_losses.is_empty(), "{verdict}");
    assert!(verdict.outages.is_some(), "{verdict}");
}

#[test]
fn too_few_acknowledgements_and_nothing_read_are_undecided() {
    let journal = Journal::new();
    produce(&journal, &["a"], &[0], Phase::Ok);
    let verdict = journal.judge().unwrap();
    assert_eq!(verdict.outcome, Outcome::Undecided);
    assert_eq!(verdict.undecided.len(), 2, "{verdict}");
    assert!(verdict.clone().demand_clean().is_err());
    assert!(verdict.violated().is_empty());
}

#[test]
fn an_unknown_value_may_be_there_and_a_value_sent_twice_may_be_there_twice() {
    let journal = Journal::new();
    produce(&journal, &["a"], &[], Phase::Unknown);
    produce(&journal, &["b"], &[0], Phase::Ok);
    produce(&journal, &["a"], &[2], Phase::Ok);
    read(&journal, &[(0, "b"), (1, "a"), (2, "a")]);
    assert!(journal.judge().unwrap().violated().is_empty());
    read(&journal, &[(0, "b"), (1, "a"), (2, "a"), (3, "a")]);
    assert_eq!(journal.judge().unwrap().violated(), [Property::P4]);
}

#[test]
fn a_value_of_an_idempotent_producer_is_there_once_however_often_it_was_sent() {
    let sent_twice = |producer_id: Option<u64>, records: &[(u64, &str)]| {
        let journal = Journal::new();
        for phase in [Phase::Unknown, Phase::Ok] {
            let event = Event::new(1, Function::Produce).at("t", 0);
            let (values, sequence) = (vec!["a".to_owned()], producer_id.map(|_| 0));
            let event = Event { ack: Some(Ack::Quorum), values, producer_id, sequence, ..event };
            let begun = journal.recorder().invoke(event);
            let offsets = if phase == Phase::Ok { vec![0] } else { Vec::new() };
            journal.recorder().end(Event { offsets, ..begun }, phase);
        }
        read(&journal, records);
        journal.judge().unwrap().violated()
    };
    assert!(sent_twice(Some(4_000), &[(0, "a")]).is_empty());
    assert_eq!(sent_twice(Some(4_000), &[(0, "a"), (1, "a")]), [Property::P4]);
    assert!(sent_twice(None, &[(0, "a"), (1, "a")]).is_empty(), "it was sent twice");
}

#[test]
fn a_log_that_forgets_by_itself_may_start_anywhere() {
    let journal = Journal::new();
    produce(&journal, &["a", "b"], &[0, 1], Phase::Ok);
    let event = Event::new(9, Function::FinalRead).at("t", 0);
    let read = Event { offsets: vec![1], values: vec!["b".to_owned()], ..event };
    let read = Event { log_start: Some(1), high_watermark: Some(2), ..read };
    let retention = Event { kind: Some("retention".to_owned()), ..Event::new(9, Function::Mark) };
    let other = Journal::new();
    produce(&other, &["a", "b"], &[0, 1], Phase::Ok);
    other.recorder().note(read.clone());
    assert_eq!(other.judge().unwrap().violated(), [Property::P17]);
    journal.recorder().note(retention.clone());
    journal.recorder().note(read.clone());
    assert!(journal.judge().unwrap().violated().is_empty());
    // One record is there: it may leave so many, and not fewer than it says.
    for (kept, violated) in [("1", &[][..]), ("2", &[Property::P17])] {
        let journal = Journal::new();
        produce(&journal, &["a", "b"], &[0, 1], Phase::Ok);
        journal.recorder().note(Event { detail: Some(kept.to_owned()), ..retention.clone() });
        journal.recorder().note(read.clone());
        assert_eq!(journal.judge().unwrap().violated(), violated);
    }
}

#[test]
fn a_verdict_names_every_property_and_comes_back_from_json() {
    let mut history = History::good();
    history.append_at_the_end(super::history::ORDERS, "phantom");
    let verdict = history.judge();
    let text = verdict.to_string();
    for property in Property::ALL {
        assert!(text.contains(&format!("\n  {property:?} ")), "{property:?} is not in {text}");
    }
    assert!(text.contains("P9  read committed: not checked (no such operations"), "{text}");
    assert!(text.contains("phantom is at"), "{text}");
    let json = serde_json::to_string(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
}

#[test]
fn only_the_first_violations_are_shown_and_all_are_counted() {
    let journal = Journal::new();
    let records: Vec<(u64, String)> = (0..100).map(|i| (i, format!("phantom {i}"))).collect();
    let records: Vec<(u64, &str)> = records.iter().map(|(i, v)| (*i, v.as_str())).collect();
    read(&journal, &records);
    let verdict = journal.judge().unwrap();
    assert_eq!(verdict.violations.len(), 10);
    let counted = verdict.properties.iter().find(|p| p.property == Property::P3).unwrap();
    assert_eq!(counted.violations, 100);
}

#[test]
fn a_file_is_judged_as_the_events_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let recorder = Recorder::create(&path).unwrap();
    recorder.note(Event::new(1, Function::Produce).at("t", 0));
    recorder.flush().unwrap();
    let verdict = check_file(&path).unwrap();
    assert_eq!((verdict.counts.events, verdict.counts.operations), (2, 1));
    assert!(check_file(&folder.path().join("none")).is_err());
}

#[test]
fn a_line_that_is_no_event_is_an_error_that_names_it() {
    let events = reader::events(Cursor::new("\nno event\n"));
    let error = judge(events).unwrap_err();
    assert!(format!("{error:#}").contains("line 2"), "{error:#}");
}

#[test]
fn a_good_history_without_its_end_is_undecided() {
    let history = History::good();
    let half = &history.events[..history.events.len() / 2];
    let mut judge = Judge::new();
    half.iter().for_each(|event| judge.event(event));
    assert_eq!(judge.finish().outcome, Outcome::Undecided);
}
