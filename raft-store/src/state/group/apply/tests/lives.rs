//! Whole lives of records, with coordinators that die between any two steps (INV-10): good records
//! are processed, bad ones end in the dead-letter topic, each exactly once, and nothing is left.

use proptest::prelude::*;

use super::*;

/// A dead-letter partition as its Raft group keeps it: takes each sequence once, in order.
#[derive(Debug, Default)]
struct DeadLetters {
    /// Offset of the record at the origin, in order.
    records: Vec<(u64, Dying)>,
}

impl DeadLetters {
    /// Answers the offset; a sequence that is known is answered as the first time.
    fn write(&mut self, origin: u64, dying: Dying) -> u64 {
        let at = dying.sequence as usize;
        if let Some(first) = self.records.get(at) {
            assert_eq!(*first, (origin, dying), "other bytes under the same sequence");
        } else {
            assert_eq!(at, self.records.len(), "a gap: this would be refused for ever");
            self.records.push((origin, dying));
        }
        at as u64
    }
}

/// What a coordinator and its consumer do.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The next fresh record is processed.
    Fresh,
    /// The next record that waits is delivered again.
    Again,
    /// The first record of the lane is written to the dead-letter partition.
    Write,
    /// That it was written is replicated.
    Confirm,
    /// The coordinator dies, and the consumer with it: all that is volatile is gone.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Fresh),
        4 => Just(Step::Again),
        3 => Just(Step::Write),
        3 => Just(Step::Confirm),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 0..120)
}

/// Offsets from 10 on are the records; `bad[n]` = the n-th is never processed.
struct Life {
    groups: Groups,
    dead_letters: DeadLetters,
    bad: Vec<bool>,
    /// Volatile: the next fresh record, and the sequence that was written and not yet confirmed.
    next: u64,
    written: Option<u32>,
    starts: u32,
}

const FIRST: u64 = 10;
const ATTEMPTS: u32 = 3;

impl Life {
    fn new(bad: Vec<bool>) -> Life {
        let (groups, dead_letters) = (Groups::new(), DeadLetters::default());
        let mut life = Life { groups, dead_letters, bad, next: FIRST, written: None, starts: 0 };
        life.take_over();
        life.groups.apply(start(&[(0, FIRST)]));
        life
    }

    fn member(&self) -> String {
        format!("m{}", self.starts)
    }

    fn holding(&self) -> Holding {
        by(&self.member(), 0, self.groups.group().generation)
    }

    fn take_over(&mut self) {
        if self.starts > 0 {
            let old = self.member();
            self.groups.apply(expire(&old));
        }
        self.starts += 1;
        let name = self.member();
        self.groups.apply(join(G, &name, &[1]));
        let generation = self.groups.group().generation;
        self.groups.apply(assign(generation, &[(&name, &[0])]));
        let progress = self.groups.group().progress.get(&at(0));
        self.next = progress.map_or(FIRST, |progress| progress.committed.0);
        self.written = None;
    }

    fn end(&self) -> u64 {
        FIRST + self.bad.len() as u64
    }

    fn is_bad(&self, offset: u64) -> bool {
        self.bad[(offset - FIRST) as usize]
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Fresh => self.fresh(),
            Step::Again => self.again(),
            Step::Write => self.write(),
            Step::Confirm => {
                if let Some(sequence) = self.written.take() {
                    assert_eq!(self.groups.apply(dead(0, sequence)), GroupOutcome::Dead);
                }
            }
            Step::Crash => self.take_over(),
        }
    }

    fn fresh(&mut self) {
        while self.next < self.end() {
            let offset = self.next;
            self.next += 1;
            if self.groups.group().progress[&at(0)].is_settled(Offset(offset)) {
                continue;
            }
            let outcome = match self.is_bad(offset) {
                false => self.groups.apply(ack(self.holding(), &[(offset, offset + 1)])),
                true => self.groups.apply(park(self.holding(), &[(offset, wait(0))])),
            };
            assert!(!matches!(outcome, GroupOutcome::Refused(_)), "{outcome:?}");
            return;
        }
    }

    fn again(&mut self) {
        let mut parked = self.groups.group().parked.iter();
        let waits = parked.find(|(_, parked)| matches!(parked.place, Place::Waiting { .. }));
        let Some((id, record)) = waits else { return };
        let (id, offset, attempts) = (id.0, record.offset.0, record.attempts);
        assert!(self.is_bad(offset), "a good record was parked");
        let fate = if attempts + 1 >= ATTEMPTS { die(0) } else { wait(0) };
        let outcome = self.groups.apply(retry(self.holding(), id, fate));
        assert!(!matches!(outcome, GroupOutcome::Refused(_)), "{outcome:?}");
    }

    /// The very bytes follow from the state: whoever coordinates writes the same.
    fn write(&mut self) {
        let lane = self.groups.state.lanes.by_partition.get(&dlq(0));
        let Some(first) = lane.and_then(|lane| lane.dying.front()).cloned() else { return };
        let record = self.groups.parked(first.id.0).expect("it is parked until it is dead");
        let Place::Dying(dying) = record.place else { panic!("{record:?}") };
        let offset = record.offset.0;
        self.dead_letters.write(offset, dying);
        self.written = Some(first.sequence);
    }

    /// Goes on until nothing is left to do.
    fn finish(&mut self) {
        loop {
            let before = self.groups.state.clone();
            for step in [Step::Fresh, Step::Again, Step::Write, Step::Confirm] {
                self.take(step);
            }
            let mut after = self.groups.state.clone();
            after.applied_index = before.applied_index;
            if after == before {
                return;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn bad_records_end_in_the_dead_letter_topic_exactly_once(
        bad in prop::collection::vec(prop::bool::weighted(0.4), 1..25),
        steps in steps(),
    ) {
        let mut life = Life::new(bad);
        steps.into_iter().for_each(|step| life.take(step));
        life.finish();
        let mut dead: Vec<u64> = life.dead_letters.records.iter().map(|(at, _)| *at).collect();
        dead.sort_unstable();
        let bad: Vec<u64> = (FIRST..life.end()).filter(|offset| life.is_bad(*offset)).collect();
        prop_assert_eq!(&dead, &bad);
        let group = life.groups.group();
        prop_assert_eq!(life.groups.committed(0), life.end());
        prop_assert!(group.parked.is_empty());
        prop_assert_eq!(group.counters.dead, bad.len() as u64);
    }
}
