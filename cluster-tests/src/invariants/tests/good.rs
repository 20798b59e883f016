//! Makes good histories: clients of a tiny cluster that does everything right, with several
//! partitions, faults that cost ack 1 what it may cost, answers that never come, trims, and reads
//! and dumps at the end (`ending`).

#[path = "ending.rs"]
mod ending;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::history::event::{Ack, Event, Function, Phase};

/// What a history is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) seed: u64,
    /// Steps of clients before everything is healed.
    pub(super) steps: u32,
    /// A fault begins each so many steps; 0: never.
    pub(super) fault_every: u32,
    /// Whether what ack 1 acknowledged may be lost.
    pub(super) is_lossy: bool,
}

/// One partition, as it is.
struct Log {
    topic: &'static str,
    partition: u32,
    ack: Ack,
    epoch: u64,
    start: usize,
    committed: usize,
    values: Vec<String>,
    /// Base, records and term of each entry.
    entries: Vec<(usize, usize, u64)>,
}

impl Log {
    fn new(topic: &'static str, partition: u32, ack: Ack) -> Log {
        let (values, entries) = (Vec::new(), Vec::new());
        Log { topic, partition, ack, epoch: 1, start: 0, committed: 0, values, entries }
    }

    fn append(&mut self, values: &[String]) -> Vec<u64> {
        let base = self.values.len();
        self.values.extend_from_slice(values);
        self.entries.push((base, values.len(), self.epoch));
        if self.ack != Ack::Leader {
            self.committed = self.values.len();
        }
        (base as u64..).take(values.len()).collect()
    }

    /// Another leader, who has only what was committed.
    fn fail_over(&mut self) {
        self.epoch += 1;
        self.values.truncate(self.committed);
        self.entries.retain(|(base, _, _)| *base < self.committed);
    }
}

/// What a client does.
#[derive(Clone, Copy)]
enum Role {
    Writer,
    Reader { next: usize },
    Prober,
    Trimmer,
}

struct Client {
    role: Role,
    log: usize,
    /// The operation under way.
    begun: Option<Event>,
}

struct World {
    rng: StdRng,
    is_lossy: bool,
    time: u64,
    op: u64,
    events: Vec<Event>,
    logs: Vec<Log>,
    clients: Vec<Client>,
    /// Appends that nobody was told of and that come late.
    late: Vec<(usize, Vec<String>)>,
    /// Steps until there are leaders again.
    leaderless: u32,
    /// Steps during which followers lag, so that ack 1 has something to lose.
    lagging: u32,
    fault: Option<Event>,
    sent: u64,
}

/// Who disturbs.
const NEMESIS: u32 = 100;
/// Records in a page.
const PAGE: usize = 8;

/// A good history.
pub(super) fn history(shape: Shape) -> Vec<Event> {
    let mut world = World::new(shape);
    for step in 1..=shape.steps {
        if shape.fault_every > 0 {
            world.disturb(step % shape.fault_every, shape.fault_every);
        }
        world.step();
    }
    world.heal();
    world.write_again();
    world.read_everything();
    world.dump();
    world.events
}

impl World {
    fn new(shape: Shape) -> World {
        let logs = vec![
            Log::new("orders", 0, Ack::Quorum),
            Log::new("orders", 1, Ack::All),
            Log::new("events", 0, Ack::Leader),
        ];
        let client = |role, log| Client { role, log, begun: None };
        let mut clients = Vec::new();
        for log in 0..logs.len() {
            clients.extend([client(Role::Writer, log), client(Role::Writer, log)]);
            clients.extend([client(Role::Reader { next: 0 }, log), client(Role::Prober, log)]);
        }
        clients.push(client(Role::Trimmer, 0));
        World {
            rng: StdRng::seed_from_u64(shape.seed),
            is_lossy: shape.is_lossy,
            time: 1_000,
            op: 1,
            events: Vec::new(),
            logs,
            clients,
            late: Vec::new(),
            leaderless: 0,
            lagging: 0,
            fault: None,
            sent: 0,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn tick(&mut self) -> u64 {
        self.time += self.rng.random_range(1..5_000_000);
        self.time
    }

    fn begin(&mut self, event: Event) -> Event {
        let event = Event { time: self.tick(), op: self.op, phase: Phase::Invoke, ..event };
        self.op += 1;
        self.events.push(event.clone());
        event
    }

    fn end(&mut self, event: Event, phase: Phase) {
        let time = self.tick();
        self.events.push(Event { time, phase, ..event });
    }

    fn note(&mut self, event: Event) {
        let event = self.begin(event);
        self.end(event, Phase::Ok);
    }

    fn mark(&mut self, kind: &str) {
        let event = Event::new(NEMESIS, Function::Mark);
        self.note(Event { kind: Some(kind.to_owned()), ..event });
    }

    fn step(&mut self) {
        let is_still = self.lagging > 0 || self.leaderless > 0;
        for i in 0..self.logs.len() {
            if !is_still && self.chance(60) {
                self.logs[i].committed = self.logs[i].values.len();
            }
        }
        if self.leaderless == 0 && self.chance(20) && !self.late.is_empty() {
            let (log, values) = self.late.remove(0);
            self.logs[log].append(&values);
        }
        let client = self.rng.random_range(0..self.clients.len());
        match self.clients[client].begun.take() {
            None => self.ask(client),
            Some(begun) => self.answer(client, begun),
        }
    }

    fn ask(&mut self, number: usize) {
        let Client { role, log, .. } = self.clients[number];
        let (topic, partition) = (self.logs[log].topic, self.logs[log].partition);
        let (start, committed) = (self.logs[log].start, self.logs[log].committed);
        let event = |f| Event::new(number as u32, f).at(topic, partition);
        let event = match role {
            Role::Writer => self.produce(number as u32, log),
            Role::Reader { next } => Event { offset: Some(next as u64), ..event(Function::Fetch) },
            Role::Prober if self.chance(30) => {
                let spec = if self.chance(50) { "latest" } else { "earliest" };
                Event { spec: Some(spec.to_owned()), ..event(Function::ListOffset) }
            }
            Role::Prober => {
                let offset = self.rng.random_range(start..=committed) as u64;
                let isolation = Some("linearizable".to_owned());
                Event { offset: Some(offset), isolation, ..event(Function::Fetch) }
            }
            Role::Trimmer => {
                let to = start + (committed - start) / 8;
                Event { offset: Some(to as u64), ..event(Function::Truncate) }
            }
        };
        self.clients[number].begun = Some(self.begin(event));
    }

    fn produce(&mut self, process: u32, log: usize) -> Event {
        self.sent += 1;
        let count = self.rng.random_range(1..4);
        let values = (0..count).map(|i| format!("w{process}-{}-{i}", self.sent)).collect();
        let Log { topic, partition, ack, .. } = self.logs[log];
        let event = Event::new(process, Function::Produce).at(topic, partition);
        Event { ack: Some(ack), values, ..event }
    }

    fn answer(&mut self, number: usize, begun: Event) {
        let log = self.clients[number].log;
        match self.clients[number].role {
            Role::Writer => self.answer_produce(log, begun),
            Role::Reader { next } => self.answer_reader(number, next, begun),
            Role::Prober if begun.f == Function::ListOffset => {
                let Log { start, committed, .. } = self.logs[log];
                let is_latest = begun.spec.as_deref() == Some("latest");
                let offset = if is_latest { committed } else { start };
                self.end(Event { offset: Some(offset as u64), ..begun }, Phase::Ok);
            }
            Role::Prober => self.answer_fetch(log, begun),
            Role::Trimmer => {
                let to = begun.offset.unwrap_or(0) as usize;
                let log = &mut self.logs[log];
                log.start = log.start.max(to);
                let log_start = Some(log.start as u64);
                self.end(Event { log_start, ..begun }, Phase::Ok);
            }
        }
    }

    fn answer_produce(&mut self, log: usize, begun: Event) {
        let lot = self.rng.random_range(0..100);
        let error = |why: &str| Some(why.to_owned());
        match (self.leaderless > 0, lot) {
            (false, 0..90) => {
                let offsets = self.logs[log].append(&begun.values);
                let epoch = Some(self.logs[log].epoch);
                self.end(Event { offsets, epoch, ..begun }, Phase::Ok);
            }
            (_, 0..40) => self.end(Event { error: error("not leader"), ..begun }, Phase::Fail),
            (_, 40..94) => {
                if self.chance(50) {
                    self.late.push((log, begun.values.clone()));
                }
                self.end(Event { error: error("timeout"), ..begun }, Phase::Unknown);
            }
            // Its end is never known.
            _ => self.late.push((log, begun.values)),
        }
    }

    fn answer_reader(&mut self, number: usize, next: usize, begun: Event) {
        let log = self.clients[number].log;
        let start = self.logs[log].start;
        if next < start {
            let Event { process, .. } = begun;
            self.end(Event { error: Some("out of range".to_owned()), ..begun }, Phase::Fail);
            let Log { topic, partition, .. } = self.logs[log];
            let seek = Event::new(process, Function::Seek).at(topic, partition);
            self.note(Event { offset: Some(start as u64), ..seek });
            self.clients[number].role = Role::Reader { next: start };
            return;
        }
        let next = self.logs[log].committed.min(next + PAGE).max(next);
        self.clients[number].role = Role::Reader { next };
        self.answer_fetch(log, begun);
    }

    fn answer_fetch(&mut self, log: usize, begun: Event) {
        let log = &self.logs[log];
        let asked = begun.offset.unwrap_or(0) as usize;
        if asked < log.start {
            return self
                .end(Event { error: Some("out of range".to_owned()), ..begun }, Phase::Fail);
        }
        let to = log.committed.min(asked + PAGE).max(asked);
        let (offsets, values) = (asked as u64..to as u64, log.values[asked..to].to_vec());
        let read = Event {
            offsets: offsets.collect(),
            values,
            next_offset: Some(to as u64),
            high_watermark: Some(log.committed as u64),
            log_start: Some(log.start as u64),
            epoch: Some(log.epoch).filter(|_| begun.f == Function::Fetch),
            ..begun
        };
        self.end(read, Phase::Ok);
    }

    /// Kills a leader now and then, which costs ack 1 what its followers lacked.
    fn disturb(&mut self, moment: u32, every: u32) {
        self.lagging = self.lagging.saturating_sub(1);
        if self.leaderless == 1 {
            self.find_leaders();
        }
        self.leaderless = self.leaderless.saturating_sub(1);
        if moment == every / 2 {
            self.lagging = if self.is_lossy { 40 } else { 0 };
        } else if moment == every / 2 + 35 && self.fault.is_none() {
            let fault = Event::new(NEMESIS, Function::Inject);
            let (kind, detail) = (Some("kill".to_owned()), Some("leader".to_owned()));
            let fault = self.begin(Event { kind, detail, majority: Some(true), ..fault });
            self.end(fault.clone(), Phase::Ok);
            self.fault = Some(fault);
            self.lagging = 0;
            self.leaderless = 20;
            for log in &mut self.logs {
                if !self.is_lossy {
                    log.committed = log.values.len();
                }
                log.fail_over();
            }
        } else if moment == 0 {
            self.heal_fault();
        }
    }

    fn find_leaders(&mut self) {
        for i in 0..self.logs.len() {
            let Log { topic, partition, epoch, .. } = self.logs[i];
            let lead = Event::new(NEMESIS, Function::Lead).at(topic, partition);
            self.note(Event { node: Some(1), epoch: Some(epoch), ..lead });
        }
    }

    fn heal_fault(&mut self) {
        if let Some(Event { kind, detail, .. }) = self.fault.take() {
            let heal = Event::new(NEMESIS, Function::Heal);
            self.note(Event { kind, detail, ..heal });
        }
    }
}
