//! Makes good histories of clients that follow Castle: two that ask it themselves, one whose heartbeats
//! nobody sees, and one that does not follow it. A node joins and is removed, leaders change, nodes
//! break; an answer may be a little late with all of it.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::history::castle::{Dispatch, Named, NamedLeader};
use crate::history::event::{Ack, Event, Function, Phase};

pub(super) const TOPIC: &str = "steered";
pub(super) const PARTITIONS: u32 = 2;
/// Clients that ask Castle themselves.
pub(super) const ASKING: [u32; 2] = [10, 11];
/// The client whose heartbeats nobody sees.
pub(super) const SILENT: u32 = 12;
/// A client that does not follow Castle.
const OTHER: u32 = 20;
/// The node that joins and is removed.
pub(super) const GUEST: u32 = 3;
/// Between heartbeats.
const INTERVAL_MS: u64 = 1_000;
/// What it is in nanoseconds.
const INTERVAL: u64 = INTERVAL_MS * 1_000_000;

struct Play {
    rng: StdRng,
    time: u64,
    op: u64,
    events: Vec<Event>,
    logs: Vec<Vec<String>>,
    members: Vec<u32>,
    removed_at: Option<u64>,
    leaders: Vec<(u32, u64)>,
    known: Vec<Dispatch>,
    fault: Option<Event>,
    version: u64,
    sent: u64,
}

/// A good history of so many steps: the node joins after a quarter of them, and is removed at half.
pub(super) fn history(seed: u64, steps: u32) -> Vec<Event> {
    let mut play = Play::new(seed);
    for step in 0..steps {
        if step == steps / 4 {
            play.members.push(GUEST);
        } else if step == steps / 2 {
            play.remove_guest();
        }
        play.step();
    }
    play.heal_all();
    play.read_everything();
    play.events
}

/// What the cluster calls a node.
pub(super) fn named(node: u32) -> Named {
    Named { id: u64::from(node) + 1, node: Some(node) }
}

impl Play {
    fn new(seed: u64) -> Play {
        let mut play = Play {
            rng: StdRng::seed_from_u64(seed),
            time: 1_000,
            op: 1,
            events: Vec::new(),
            logs: vec![Vec::new(); PARTITIONS as usize],
            members: vec![0, 1, 2],
            removed_at: None,
            leaders: vec![(0, 1); PARTITIONS as usize],
            known: vec![Dispatch::default(); ASKING.len()],
            fault: None,
            version: 1,
            sent: 0,
        };
        play.mark(SILENT, "steered");
        (0..60).for_each(|_| play.write(OTHER, Phase::Ok));
        play
    }

    fn begin(&mut self, event: Event) -> Event {
        self.time += self.rng.random_range(1..20_000_000);
        let event = Event { time: self.time, op: self.op, phase: Phase::Invoke, ..event };
        self.op += 1;
        self.events.push(event.clone());
        event
    }

    fn end(&mut self, event: Event, phase: Phase) {
        self.time += self.rng.random_range(1..20_000_000);
        self.events.push(Event { time: self.time, phase, ..event });
    }

    fn note(&mut self, event: Event) {
        let event = self.begin(event);
        self.end(event, Phase::Ok);
    }

    fn mark(&mut self, process: u32, kind: &str) {
        let event = Event::new(process, Function::Mark);
        self.note(Event { kind: Some(kind.to_owned()), ..event });
    }

    fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..3 => self.fail_over(),
            3..5 => self.break_or_heal(),
            5..40 => {
                let client = self.rng.random_range(0..ASKING.len());
                self.heartbeat(client);
            }
            lot => {
                let writers = [ASKING[0], ASKING[1], SILENT, OTHER];
                let is_hit = self.fault.is_some() && lot % 3 == 0;
                let phase = if is_hit { Phase::Unknown } else { Phase::Ok };
                let writer = writers[self.rng.random_range(0..writers.len())];
                self.write(writer, phase);
            }
        }
    }

    fn fail_over(&mut self) {
        let partition = self.rng.random_range(0..self.leaders.len());
        let leader = self.members[self.rng.random_range(0..self.members.len())];
        self.leaders[partition] = (leader, self.leaders[partition].1 + 1);
    }

    fn break_or_heal(&mut self) {
        match self.fault.take() {
            Some(Event { kind, detail, .. }) => {
                self.note(Event { kind, detail, ..Event::new(0, Function::Heal) });
            }
            None => {
                let event = Event::new(0, Function::Inject);
                let (kind, detail) = (Some("kill-one".to_owned()), Some("1: kill".to_owned()));
                let fault = Event { kind, detail, majority: Some(true), ..event };
                self.note(fault.clone());
                self.fault = Some(fault);
            }
        }
    }

    fn remove_guest(&mut self) {
        self.members.retain(|node| *node != GUEST);
        for (leader, epoch) in self.leaders.iter_mut().filter(|(leader, _)| *leader == GUEST) {
            (*leader, *epoch) = (0, *epoch + 1);
        }
        let event = Event { node: Some(GUEST), ..Event::new(0, Function::Admin) };
        self.note(Event { kind: Some("remove_node".to_owned()), ..event });
        self.removed_at = Some(self.time);
    }

    fn heartbeat(&mut self, client: usize) {
        let event = Event { node: Some(0), ..Event::new(ASKING[client], Function::Heartbeat) };
        let begun = self.begin(event);
        match self.rng.random_range(0..20) {
            0 => return self.end(begun, Phase::Fail),
            1 => return self.end(begun, Phase::Unknown),
            2 => return,
            _ => {}
        }
        let (brokers, leaders) = (self.brokers(begun.time), self.named_leaders());
        let known = &self.known[client];
        let dispatch = if (&known.brokers, &known.leaders) == (&brokers, &leaders) {
            let status = "no_change".to_owned();
            Dispatch { status, brokers: Vec::new(), leaders: Vec::new(), ..known.clone() }
        } else {
            self.version += 1;
            let (status, version) = ("ok".to_owned(), self.version);
            let whole = Dispatch { status, version, interval_ms: INTERVAL_MS, brokers, leaders };
            self.known[client] = whole.clone();
            whole
        };
        self.end(Event { dispatch: Some(dispatch), ..begun }, Phase::Ok);
    }

    /// The members, and for a while perhaps who was one.
    fn brokers(&mut self, asked_at: u64) -> Vec<Named> {
        let mut brokers: Vec<Named> = self.members.iter().copied().map(named).collect();
        let is_fresh = self.removed_at.is_some_and(|at| asked_at < at + INTERVAL);
        if is_fresh && self.rng.random() {
            brokers.push(named(GUEST));
        }
        brokers
    }

    fn named_leaders(&self) -> Vec<NamedLeader> {
        let leaders = (0..).zip(&self.leaders);
        let named = |(partition, (leader, epoch)): (u32, &(u32, u64))| NamedLeader {
            partition,
            epoch: *epoch,
            leader: named(*leader),
        };
        leaders.map(named).collect()
    }

    fn write(&mut self, process: u32, phase: Phase) {
        self.sent += 1;
        let partition = self.rng.random_range(0..PARTITIONS);
        let values = vec![format!("s{process}-{}", self.sent)];
        let event = Event::new(process, Function::Produce).at(TOPIC, partition);
        let begun = self.begin(Event { ack: Some(Ack::Quorum), values: values.clone(), ..event });
        let log = &mut self.logs[partition as usize];
        let offsets = vec![log.len() as u64];
        log.extend(values);
        match phase {
            Phase::Ok => self.end(Event { offsets, ..begun }, phase),
            _ => self.end(begun, phase),
        }
    }

    /// Nothing goes wrong any more, and everybody is served twice.
    fn heal_all(&mut self) {
        self.mark(0, "faults_end");
        if self.fault.is_some() {
            self.break_or_heal();
        }
        self.mark(0, "healed");
        for step in ["writes_again", "replicas_equal"] {
            for process in [ASKING[0], ASKING[1], SILENT, OTHER] {
                // Enough for both partitions, nearly always.
                (0..8).for_each(|_| self.write(process, Phase::Ok));
            }
            self.mark(0, step);
        }
    }

    fn read_everything(&mut self) {
        for partition in 0..PARTITIONS {
            let values = self.logs[partition as usize].clone();
            let end = values.len() as u64;
            let event = Event::new(200, Function::FinalRead).at(TOPIC, partition);
            let event = Event { offset: Some(0), offsets: (0..end).collect(), values, ..event };
            let (next_offset, high_watermark) = (Some(end), Some(end));
            self.note(Event { next_offset, high_watermark, log_start: Some(0), ..event });
        }
    }
}
