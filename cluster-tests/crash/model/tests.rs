//! The model itself: it takes what a crash may leave, and refuses each thing it must not.

use super::*;

const GROUP: u64 = 3;

fn entries(term: u64, digests: std::ops::Range<u32>) -> Vec<NewEntry> {
    digests.map(|digest| NewEntry { term, digest, records: 2 }).collect()
}

/// Six steps, of which the first four are acknowledged.
fn history() -> History {
    let vote = Vote { term: 1, voted_for: 2, committed: true };
    let steps = [
        Step::Create { replica: 7 },
        Step::Vote(vote),
        Step::Append { first: 0, entries: entries(1, 0..4) },
        Step::Append { first: 4, entries: entries(1, 4..6) },
        Step::Truncate { from: 5 },
        Step::Append { first: 5, entries: entries(2, 10..12) },
    ];
    let mut history = History::default();
    for (id, step) in steps.into_iter().enumerate() {
        history.begun(id as u64, GROUP, step);
    }
    history.acknowledged(3, None);
    history
}

/// What a store holds after the first so many steps.
fn found(history: &History, steps: usize) -> Found {
    let mut state = State::default();
    for (_, group, step) in &history.steps[..steps] {
        state.take(*group, step);
    }
    let groups = state.groups.into_iter().map(|(id, group)| {
        let found = FoundGroup {
            replica: group.replica,
            vote: group.vote,
            purged: group.purged,
            snapshot: group.snapshot,
            entries: group.entries,
            end_offset: group.end_offset,
            applied: group.applied.least,
            committed: group.committed.least,
        };
        (id, found)
    });
    Found { boot: state.boot, groups: groups.collect(), complaints: Vec::new() }
}

#[test]
fn any_first_part_that_holds_what_was_acknowledged_is_right() {
    let history = history();
    for steps in 0..=6 {
        let checked = history.check(&found(&history, steps));
        match steps.checked_sub(4) {
            Some(beyond) => assert_eq!(checked, Ok(beyond)),
            None => assert!(checked.is_err(), "{steps} of 4 acknowledged steps were enough"),
        }
    }
}

/// What is changed, by name, and how.
type Change = (&'static str, fn(&mut FoundGroup));

#[test]
fn each_change_of_what_was_found_is_refused() {
    let history = history();
    let changes: [Change; 10] = [
        ("another replica", |group| group.replica += 1),
        ("a vote that went back", |group| group.vote = None),
        ("a vote of nobody", |group| group.vote.as_mut().unwrap().voted_for += 1),
        ("a lost entry", |group| {
            group.entries.pop_last();
        }),
        ("a hole", |group| {
            group.entries.remove(&1);
        }),
        ("another payload", |group| group.entries.get_mut(&2).unwrap().digest ^= 1),
        ("another offset", |group| group.entries.get_mut(&2).unwrap().base_offset += 1),
        ("an entry that nobody wrote", |group| {
            let last = *group.entries.last_key_value().unwrap().1;
            group.entries.insert(9, last);
        }),
        ("a purge that nobody asked for", |group| {
            group.purged = Some(LogId { index: 0, term: 1 });
        }),
        ("an applied mark out of nowhere", |group| group.applied = Some(3)),
    ];
    for (name, change) in changes {
        for steps in 4..=6 {
            let mut found = found(&history, steps);
            change(found.groups.get_mut(&GROUP).unwrap());
            assert!(history.check(&found).is_err(), "{name} after {steps} steps passed");
        }
    }
}

#[test]
fn half_of_a_step_and_steps_out_of_order_are_refused() {
    let history = history();
    let mut half = found(&history, 6);
    half.groups.get_mut(&GROUP).unwrap().entries.pop_last();
    assert!(history.check(&half).is_err());

    let mut later_only = found(&history, 4);
    let last = found(&history, 6);
    later_only.groups.get_mut(&GROUP).unwrap().entries.extend(&last.groups[&GROUP].entries);
    assert!(history.check(&later_only).is_err(), "an append behind a truncation that is not there");
}

#[test]
fn groups_are_cut_at_the_same_step() {
    let mut history = History::default();
    for (id, group) in [1, 2].into_iter().enumerate() {
        history.begun(id as u64, group, Step::Create { replica: group });
    }
    let mut second_only = found(&history, 2);
    second_only.groups.remove(&1);
    assert!(history.check(&second_only).is_err());
    assert_eq!(history.check(&found(&history, 1)), Ok(1));
}

#[test]
fn what_was_found_once_must_stay() {
    let mut history = history();
    let first = found(&history, 5);
    history.check(&first).unwrap();
    history.rebase(&first);
    assert_eq!(history.check(&first), Ok(0));
    assert!(history.check(&found(&self::history(), 4)).is_err());
}

#[test]
fn a_snapshot_that_was_being_built_may_be_there_and_nothing_newer_than_what_is_applied() {
    let mut history = history();
    for (id, step) in
        [Step::Commit { index: 4 }, Step::Apply { index: 3 }, Step::Snapshot { at: None }]
            .into_iter()
            .enumerate()
    {
        history.begun(id as u64 + 6, GROUP, step);
    }
    let with = |index, applied| {
        let mut found = found(&history, 6);
        let group = found.groups.get_mut(&GROUP).unwrap();
        group.snapshot = Some(LogId { index, term: 1 });
        group.applied = applied;
        history.check(&found)
    };
    assert_eq!(with(2, Some(3)), Ok(5));
    assert!(with(4, Some(3)).is_err(), "of more than is applied");
    assert!(with(2, None).is_err(), "without what it is of");
}
