//! Makes good histories of consumer groups: members of a tiny coordinator that does everything right
//! come and go, settle what they have in hand or forget it, hear nothing now and then, and in the end
//! one of them does what is left. One group gives records up, the other has them again in place.

#[path = "good_coordinator.rs"]
mod coordinator;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use self::coordinator::{Coordinator, Hand};
use crate::history::event::{Ack, Event, Function, Phase};
use crate::history::group::{Delivery, Held, Progress, Said};

pub(super) const TOPIC: &str = "jobs";
pub(super) const PARTITIONS: u32 = 2;
/// The group that gives records up after so many deliveries.
pub(super) const STRICT: &str = "strict";
pub(super) const ATTEMPTS: u32 = 3;
/// The one that does not.
pub(super) const PATIENT: &str = "patient";

/// One member's client.
struct Client {
    member: String,
    /// What it believes to have in hand.
    hand: Vec<Delivery>,
    begun: Option<Event>,
    is_gone: bool,
}

struct Play {
    rng: StdRng,
    time: u64,
    op: u64,
    events: Vec<Event>,
    logs: Vec<Vec<String>>,
    groups: Vec<(Coordinator, Vec<Client>)>,
    members: u32,
}

/// A good history of so many steps.
pub(super) fn history(seed: u64, steps: u32) -> Vec<Event> {
    let mut play = Play::new(seed);
    for _ in 0..steps {
        play.step();
    }
    play.drain();
    play.read_everything();
    play.events
}

impl Play {
    fn new(seed: u64) -> Play {
        let groups = [(PATIENT, None), (STRICT, Some(ATTEMPTS))];
        let groups = groups.map(|(name, attempts)| (Coordinator::new(name, attempts), Vec::new()));
        let mut play = Play {
            rng: StdRng::seed_from_u64(seed),
            time: 1_000,
            op: 1,
            events: Vec::new(),
            logs: vec![Vec::new(); PARTITIONS as usize],
            groups: groups.into(),
            members: 0,
        };
        for (name, attempts) in [(PATIENT, None), (STRICT, Some(ATTEMPTS.to_string()))] {
            let event = Event { kind: Some("group".to_owned()), ..Event::new(0, Function::Mark) };
            let spec = Some("earliest".to_owned());
            play.note(Event { group: Some(name.to_owned()), spec, detail: attempts, ..event });
        }
        (0..30).for_each(|_| play.produce());
        play
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn begin(&mut self, event: Event) -> Event {
        self.time += self.rng.random_range(1..5_000_000);
        let event = Event { time: self.time, op: self.op, phase: Phase::Invoke, ..event };
        self.op += 1;
        self.events.push(event.clone());
        event
    }

    fn end(&mut self, event: Event, phase: Phase) {
        self.time += self.rng.random_range(1..5_000_000);
        self.events.push(Event { time: self.time, phase, ..event });
    }

    fn note(&mut self, event: Event) {
        let event = self.begin(event);
        self.end(event, Phase::Ok);
    }

    fn produce(&mut self) {
        let partition = self.rng.random_range(0..PARTITIONS);
        let log = &self.logs[partition as usize];
        let values: Vec<String> =
            (0..2).map(|i| format!("j{partition}-{}", log.len() + i)).collect();
        let event = Event::new(1, Function::Produce).at(TOPIC, partition);
        let begun = self.begin(Event { ack: Some(Ack::Quorum), values: values.clone(), ..event });
        let base = self.logs[partition as usize].len() as u64;
        self.logs[partition as usize].extend(values);
        self.end(Event { offsets: vec![base, base + 1], ..begun }, Phase::Ok);
    }

    fn step(&mut self) {
        let group = self.rng.random_range(0..self.groups.len());
        match self.rng.random_range(0..100) {
            0..4 => self.produce(),
            4..7 => self.join(group),
            7..9 => self.groups[group].0.fail_over(),
            9..14 => self.lock_ends(group),
            14..20 => self.look(group),
            _ => self.turn(group),
        }
    }

    fn join(&mut self, group: usize) {
        let (coordinator, clients) = &mut self.groups[group];
        if clients.iter().filter(|client| !client.is_gone).count() >= 3 {
            return;
        }
        let member = format!("m{}", self.members);
        self.members += 1;
        coordinator.join(&member);
        clients.push(Client { member, hand: Vec::new(), begun: None, is_gone: false });
    }

    fn lock_ends(&mut self, group: usize) {
        let time = self.time;
        let number = self.rng.random_range(0..8);
        self.groups[group].0.lock_ends(number, time);
    }

    /// A member goes on with what it does.
    fn turn(&mut self, group: usize) {
        let count = self.groups[group].1.len();
        if count == 0 {
            return;
        }
        let number = self.rng.random_range(0..count);
        match self.groups[group].1[number].begun.take() {
            Some(begun) => self.answer(group, number, begun),
            None => self.ask(group, number),
        }
    }

    fn ask(&mut self, group: usize, number: usize) {
        let name = self.groups[group].0.name;
        let client = &self.groups[group].1[number];
        if client.is_gone && client.hand.is_empty() {
            return;
        }
        let (member, is_gone) = (client.member.clone(), client.is_gone);
        let lot = self.rng.random_range(0..100);
        let event = |f| {
            let event = Event::new(10 + 100 * group as u32 + number as u32, f);
            Event { group: Some(name.to_owned()), member: Some(member.clone()), ..event }
        };
        let event = match lot {
            0..3 if !is_gone => {
                self.groups[group].0.leave(&member);
                self.groups[group].1[number].is_gone = true;
                return self.note(event(Function::Leave));
            }
            3..50 if !is_gone => event(Function::Poll),
            _ => Event { deliveries: self.says(group, number), ..event(Function::Settle) },
        };
        if event.f == Function::Settle && event.deliveries.is_empty() {
            return;
        }
        let begun = self.begin(event);
        self.groups[group].1[number].begun = Some(begun);
    }

    /// What a member says of some of what it has in hand; it forgets some of it.
    fn says(&mut self, group: usize, number: usize) -> Vec<Delivery> {
        let gives_up = self.groups[group].0.attempts_max.is_some();
        let hand = std::mem::take(&mut self.groups[group].1[number].hand);
        let mut spoken = Vec::new();
        for mut delivery in hand {
            if self.chance(10) {
                continue;
            }
            let said = match delivery.offset % 10 {
                0 if gives_up => Said::Reject,
                1 => Said::Retry,
                2 if delivery.attempt < 2 => Said::Retry,
                _ => Said::Ack,
            };
            let said = if said == Said::Retry && !gives_up && delivery.attempt > 2 {
                Said::Ack
            } else {
                said
            };
            delivery.said = Some(said);
            delivery.delay_ms = (said == Said::Retry && gives_up).then_some(20);
            spoken.push(delivery);
        }
        spoken
    }

    fn answer(&mut self, group: usize, number: usize, begun: Event) {
        let lot = self.rng.random_range(0..100);
        // Lost on the way there, or on the way back.
        let (is_done, phase) = match lot {
            0..5 => (false, Phase::Unknown),
            5..10 => (true, Phase::Unknown),
            10..13 => (false, Phase::Fail),
            _ => (true, Phase::Ok),
        };
        let (time, most) = (self.time, self.rng.random_range(1..6));
        let (coordinator, clients) = &mut self.groups[group];
        let mut event = begun.clone();
        if is_done && event.f == Function::Poll {
            if let Some(Hand { generation, assignment, deliveries }) =
                coordinator.poll(&clients[number].member, (time, most), &self.logs)
            {
                let held = assignment
                    .into_iter()
                    .map(|partition| Held { topic: TOPIC.to_owned(), partition });
                event.assignment = held.collect();
                (event.generation, event.deliveries) = (Some(generation), deliveries);
            }
        } else if is_done {
            coordinator.settle(&clients[number].member, &mut event.deliveries, time);
        }
        if phase != Phase::Ok {
            return self.end(begun, phase);
        }
        if event.f == Function::Poll {
            clients[number].hand.extend(event.deliveries.iter().cloned());
        }
        self.end(event, phase);
    }

    fn look(&mut self, group: usize) {
        let coordinator = &self.groups[group].0;
        let begun =
            Event { group: Some(coordinator.name.to_owned()), ..Event::new(5, Function::Progress) };
        let begun = self.begin(begun);
        let progress = (0..PARTITIONS).map(|partition| Progress {
            topic: TOPIC.to_owned(),
            partition,
            committed: Some(self.groups[group].0.committed(partition)),
            lag: None,
        });
        let progress = progress.collect();
        self.end(Event { progress, ..begun }, Phase::Ok);
    }

    /// One member does what is left, for as long as there is anything.
    fn drain(&mut self) {
        for group in 0..self.groups.len() {
            for number in 0..self.groups[group].1.len() {
                if let Some(begun) = self.groups[group].1[number].begun.take() {
                    self.end(begun, Phase::Unknown);
                }
                let member = self.groups[group].1[number].member.clone();
                self.groups[group].0.leave(&member);
                self.groups[group].1[number].is_gone = true;
            }
            self.join(group);
            let last = self.groups[group].1.len() - 1;
            while !self.groups[group].0.is_done(&self.logs) {
                self.time += 50_000_000;
                for f in [Function::Poll, Function::Settle] {
                    self.drain_by(group, last, f);
                }
            }
            self.look(group);
            let name = Some(self.groups[group].0.name.to_owned());
            let mark = Event::new(0, Function::Mark);
            self.note(Event { kind: Some("drained".to_owned()), group: name, ..mark });
        }
    }

    fn drain_by(&mut self, group: usize, number: usize, f: Function) {
        let (name, member) = {
            let (coordinator, clients) = &self.groups[group];
            (coordinator.name.to_owned(), clients[number].member.clone())
        };
        let event = Event { group: Some(name), member: Some(member), ..Event::new(90, f) };
        let event = match f {
            Function::Settle => Event { deliveries: self.says(group, number), ..event },
            _ => event,
        };
        let begun = self.begin(event);
        self.answer(group, number, begun);
        // What it forgot comes again at once.
        (0..8).for_each(|number| self.groups[group].0.lock_ends(number, self.time));
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
        let dead = self.groups[1].0.dead(&self.logs);
        let event = Event::new(200, Function::DeadLetters).at("jobs.strict.dlq", 0);
        let offsets = (0..dead.len() as u64).collect();
        let group = Some(STRICT.to_owned());
        self.note(Event { group, offsets, deliveries: dead, ..event });
    }
}
