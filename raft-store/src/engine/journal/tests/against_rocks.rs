//! Both engines on disk get the same random changes, crashes and reads, and must say the same.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::engine::rocks::RocksEngine;

const GROUPS: u64 = 3;

#[derive(Debug, Clone)]
enum Step {
    /// So many entries of a group, each so large.
    Append(u64, u64, usize),
    /// A group's log is cut at this part of it, in percent, and goes on there.
    Truncate(u64, u64),
    /// Its first part is purged, in percent; beyond 100 % a snapshot stands for all and more.
    Purge(u64, u64),
    /// All of it.
    Drop(u64),
    Put(u8, u8),
    Erase(u8, u8),
    /// What is open is dropped and opened again, with so much memory.
    Reopen(usize),
    /// Another process goes on with what is on disk, with so much memory.
    Crash(usize),
    /// Reads from this part of a group's log, in percent, so many bytes.
    Read(u64, u64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let group = 1..=GROUPS;
    // With little, all is written behind soon; with much, what a crash took is missed for long.
    let memory = || prop::sample::select(vec![128 << 10, 1 << 20, 16 << 20]);
    prop_oneof![
        20 => (group.clone(), 1..20u64, prop_oneof![0..200usize, 1_000..9_000usize, 60_000..400_000usize])
            .prop_map(|(group, count, bytes)| Step::Append(group, count, bytes)),
        4 => (group.clone(), 0..=100u64).prop_map(|(group, at)| Step::Truncate(group, at)),
        4 => (group.clone(), 0..=110u64).prop_map(|(group, at)| Step::Purge(group, at)),
        1 => group.clone().prop_map(Step::Drop),
        3 => any::<(u8, u8)>().prop_map(|(key, value)| Step::Put(key, value)),
        1 => any::<(u8, u8)>().prop_map(|(from, to)| Step::Erase(from, to)),
        1 => memory().prop_map(Step::Reopen),
        3 => memory().prop_map(Step::Crash),
        6 => (group, 0..=100u64, 0..400_000usize)
            .prop_map(|(group, at, bytes)| Step::Read(group, at, bytes)),
    ]
}

/// One engine and its directory.
struct Side<E> {
    engine: Option<E>,
    dir: TempDir,
    open: fn(&Path, usize) -> E,
}

impl<E: Engine> Side<E> {
    fn new(open: fn(&Path, usize) -> E) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Side { engine: Some(open(dir.path(), 128 << 10)), dir, open }
    }

    fn engine(&self) -> &E {
        self.engine.as_ref().unwrap()
    }

    fn reopen(&mut self, memory: usize) {
        drop(self.engine.take());
        self.engine = Some((self.open)(self.dir.path(), memory));
    }

    fn crash(&mut self, memory: usize) {
        let left = copied(self.dir.path());
        drop(self.engine.take());
        self.dir = left;
        self.engine = Some((self.open)(self.dir.path(), memory));
    }
}

/// A group's log, as its owner knows it: the first index and the one behind the last.
#[derive(Debug, Clone, Copy)]
struct Log {
    first: u64,
    next: u64,
}

impl Log {
    fn at(&self, percent: u64) -> u64 {
        self.first + (self.next - self.first) * percent / 100
    }
}

struct Both {
    journal: Side<JournalEngine>,
    rocks: Side<RocksEngine>,
    logs: [Log; GROUPS as usize],
    /// Makes payloads differ.
    writes: u64,
}

impl Both {
    fn new() -> Both {
        Both {
            journal: Side::new(|dir, write_buffer_bytes| {
                let options = StoreOptions { write_buffer_bytes, ..options() };
                JournalEngine::open(dir, &options).unwrap()
            }),
            rocks: Side::new(|dir, _| RocksEngine::open(dir, &StoreOptions::default()).unwrap()),
            logs: [Log { first: 1, next: 1 }; GROUPS as usize],
            writes: 0,
        }
    }

    fn write(&mut self, ops: Vec<Op>) {
        self.writes += 1;
        if self.writes.is_multiple_of(3) {
            for engine in [self.journal.engine() as &dyn Engine, self.rocks.engine()] {
                engine.submit(Write { ops: ops.clone(), done: None });
                engine.settle().unwrap();
            }
        } else {
            self.journal.engine().write_now(ops.clone()).unwrap();
            self.rocks.engine().write_now(ops).unwrap();
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Append(group, count, bytes) => {
                let next = self.logs[group as usize - 1].next;
                let ops = (next..next + count).map(|index| {
                    let byte = (self.writes ^ index) as u8;
                    append(group, index, &vec![byte; bytes / count as usize])
                });
                let ops = ops.collect();
                self.write(ops);
                self.logs[group as usize - 1].next += count;
            }
            Step::Truncate(group, at) => {
                let from = self.logs[group as usize - 1].at(at);
                self.write(vec![Op::Truncate { group: GroupId(group), from }]);
                self.logs[group as usize - 1].next = from;
            }
            Step::Purge(group, at) => {
                let upto = self.logs[group as usize - 1].at(at);
                self.write(vec![Op::Purge { group: GroupId(group), upto }]);
                let log = &mut self.logs[group as usize - 1];
                *log = Log { first: upto + 1, next: log.next.max(upto + 1) };
            }
            Step::Drop(group) => {
                self.write(vec![Op::Truncate { group: GroupId(group), from: 0 }]);
                self.logs[group as usize - 1] = Log { first: 1, next: 1 };
            }
            Step::Put(key, value) => self.write(vec![Op::put(vec![key], vec![value])]),
            Step::Erase(from, to) => {
                self.write(vec![Op::Erase { from: vec![from], to: vec![to] }]);
            }
            Step::Reopen(memory) => {
                self.journal.reopen(memory);
                self.rocks.reopen(memory);
            }
            Step::Crash(memory) => {
                self.journal.crash(memory);
                self.rocks.crash(memory);
            }
            Step::Read(group, at, bytes) => {
                let from = self.logs[group as usize - 1].at(at);
                let read = |engine: &dyn Engine| {
                    engine.entries(GroupId(group), from, u64::MAX, bytes).unwrap()
                };
                assert_eq!(read(self.journal.engine()), read(self.rocks.engine()));
            }
        }
    }

    fn compare(&self) {
        let (journal, rocks) = (self.journal.engine(), self.rocks.engine());
        assert_eq!(
            journal.facts(&[], &[255, 255]).unwrap(),
            rocks.facts(&[], &[255, 255]).unwrap()
        );
        for group in 1..=GROUPS {
            let bounds = |engine: &dyn Engine| engine.log_bounds(GroupId(group)).unwrap();
            assert_eq!(bounds(journal), bounds(rocks), "group {group}");
            // Not by assert_eq: it would print megabytes.
            assert!(all(journal, group) == all(rocks, group), "group {group}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn both_engines_say_the_same(steps in prop::collection::vec(step(), 1..60)) {
        let mut both = Both::new();
        for step in &steps {
            both.step(step);
            if matches!(step, Step::Crash(_) | Step::Reopen(_)) {
                both.compare();
            }
        }
        both.compare();
        let looked = ReadOnlyEngine::open(both.journal.dir.path(), &options()).unwrap();
        for group in 1..=GROUPS {
            let is_same = all(&looked, group) == all(both.journal.engine(), group);
            prop_assert!(is_same, "group {group} to who looks on");
        }
    }
}
