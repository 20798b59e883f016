//! Carries out a plan: what is in force at a moment follows from the faults that are active then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rampart_cluster_tests::history::{Event, Function};

use super::network::Network;
use super::processes::Processes;
use super::storm::{Order, Storm};
use super::{Fault, Plan, Planned};
use crate::dice::Dice;
use crate::world::{Stage, World};

/// A sync that takes so long never ends while the machine stands still.
const NEVER: u32 = u32::MAX;

/// Faults over time.
#[derive(Debug)]
pub(crate) struct Injector {
    waiting: Vec<Planned>,
    active: Vec<(Duration, Fault)>,
    total: Duration,
    sync_steps: u32,
    began: Option<Duration>,
    storm: Option<Storm>,
    network: Network,
    processes: Processes,
    counts: BTreeMap<String, u64>,
    /// A machine has lost its disk: its replicas may still be missing when the next fault comes.
    has_wiped: bool,
}

impl Injector {
    /// Nothing happens yet.
    pub(crate) fn new(plan: Plan, latency: Duration, dice: &Dice) -> Injector {
        let mut waiting = plan.faults;
        waiting.reverse();
        Injector {
            waiting,
            active: Vec::new(),
            total: plan.total,
            sync_steps: plan.sync_steps,
            began: None,
            storm: plan.storm.map(|from| Storm::new(dice.of("storm rounds"), from)),
            network: Network::new(latency),
            processes: Processes::default(),
            counts: BTreeMap::new(),
            has_wiped: false,
        }
    }

    /// Faults so far, by kind.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.clone()
    }

    /// Does what is due before the next step.
    pub(crate) fn act(&mut self, world: &mut World) {
        self.processes.look_after(world);
        self.network.let_through(world);
        if world.shared().stage() != Stage::Faults {
            return;
        }
        if self.began.is_none() {
            self.apply(world);
        }
        let began = *self.began.get_or_insert(world.elapsed());
        let now = world.elapsed().saturating_sub(began);
        let is_over = now >= self.total;
        let mut changed = self.end(world, |(end, _)| is_over || *end <= now);
        if is_over {
            self.waiting.clear();
            self.storm = None;
        }
        while self.waiting.last().is_some_and(|next| next.at <= now) {
            let next = self.waiting.pop().expect("there was one");
            self.begin(world, next);
            changed = true;
        }
        changed |= self.storm(world, now);
        if changed {
            self.apply(world);
        }
        if is_over {
            let event = Event::new(0, Function::Mark);
            let kind = Some("faults_end".to_owned());
            world.shared().recorder().note(Event { kind, ..event });
            world.shared().set_stage(Stage::Healing);
        }
    }

    /// What a storm wants; whether there was anything.
    fn storm(&mut self, world: &mut World, now: Duration) -> bool {
        let orders = self.storm.as_mut().map_or_else(Vec::new, |storm| storm.look(world, now));
        let changed = !orders.is_empty();
        for order in orders {
            match order {
                Order::Begin(planned) => self.begin(world, planned),
                Order::End(over) => {
                    self.end(world, |(_, fault)| *fault == over);
                }
            }
        }
        changed
    }

    fn begin(&mut self, world: &mut World, planned: Planned) {
        let fault = planned.fault;
        let is_alone = self.active.is_empty() && !self.has_wiped;
        let majority = Some(is_alone && fault.leaves_majority());
        self.has_wiped |= matches!(fault, Fault::Wipe(_));
        note(world, Function::Inject, &fault, majority);
        *self.counts.entry(fault.name().to_owned()).or_default() += 1;
        self.processes.begin(world, &fault);
        self.active.push((planned.at + planned.lasts, fault));
    }

    /// Ends some of the faults in force; whether there were any.
    fn end(&mut self, world: &mut World, which: impl Fn(&(Duration, Fault)) -> bool) -> bool {
        let (over, active): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.active).into_iter().partition(which);
        self.active = active;
        for (_, fault) in &over {
            self.processes.end(world, fault);
            note(world, Function::Heal, fault, None);
        }
        !over.is_empty()
    }

    /// Network and disks as the active faults want them.
    fn apply(&mut self, world: &mut World) {
        let hosts = world.shared().hosts().len();
        let faults: Vec<&Fault> = self.active.iter().map(|(_, fault)| fault).collect();
        self.network.apply(world, &faults);
        for host in 0..hosts {
            let disk = world.shared().hosts()[host].disk();
            let ticks = faults.iter().filter_map(|fault| match fault {
                Fault::Stall(stalled) if *stalled == host => Some(NEVER),
                Fault::SlowSync(slow, ticks) if *slow == host => Some(*ticks),
                _ => None,
            });
            disk.slow_syncs(ticks.max().unwrap_or(self.sync_steps));
            let is_full = faults.iter().any(|fault| **fault == Fault::DiskFull(host));
            disk.set_free_bytes(is_full.then_some(0));
        }
    }
}

fn note(world: &World, f: Function, fault: &Fault, majority: Option<bool>) {
    let event = Event::new(0, f);
    world.shared().recorder().note(Event {
        kind: Some(fault.name().to_owned()),
        detail: Some(format!("{fault:?}")),
        majority,
        ..event
    });
}

/// Hosts that a fault is about; used by those who look at several.
pub(super) fn pairs(hosts: usize) -> BTreeSet<(usize, usize)> {
    (0..hosts).flat_map(|a| (a + 1..hosts).map(move |b| (a, b))).collect()
}
