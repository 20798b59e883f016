//! P18, INV-14: a partition that keeps a majority has a leader again soon after a fault, writes go
//! on and replicas become equal after healing, and no call takes for ever.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::property::Property::P18;
use super::verdict::Outages;
use super::wait::Wait;
use super::write::seconds;
use crate::history::event::{Event, Phase};

const SECOND: u64 = 1_000_000_000;
/// The longest that a partition with a majority may be without a leader, or without an
/// acknowledged write after healing.
pub(super) const WORST: u64 = 10 * SECOND;
/// The same for 99 of 100 outages.
const P99: u64 = 5 * SECOND;
/// Outages from which on a p99 says something.
const OUTAGES_MIN: usize = 100;
/// How long replicas may take to be equal after healing.
const EQUAL: u64 = 60 * SECOND;
/// Above every client's own timeout.
const CALL_MAX: u64 = 60 * SECOND;
/// A fault works on for so long after it was healed: elections, reconnections.
const AFTERMATH: u64 = 10 * SECOND;

/// Faults of the run: when they began, and when they were healed.
#[derive(Debug, Default)]
pub(super) struct Faults {
    all: Vec<Fault>,
}

#[derive(Debug)]
struct Fault {
    /// The operation that injects it.
    op: u64,
    name: (String, String, Option<u32>),
    leaves_majority: bool,
    healed: Option<u64>,
}

impl Faults {
    pub(super) fn count(&self) -> u64 {
        self.all.len() as u64
    }

    /// Whether a fault was there, or its consequences, at this time or later.
    pub(super) fn since(&self, time: u64) -> bool {
        self.all
            .iter()
            .any(|fault| fault.healed.is_none_or(|healed| healed.saturating_add(AFTERMATH) >= time))
    }

    /// Whether none was about clocks, by its name.
    pub(super) fn spare_clocks(&self) -> bool {
        !self
            .all
            .iter()
            .any(|fault| fault.name.0.contains("clock") || fault.name.0.contains("jump"))
    }

    fn begin(&mut self, event: &Event) {
        let leaves_majority = event.majority == Some(true);
        self.all.push(Fault { op: event.op, name: name(event), leaves_majority, healed: None });
    }

    /// Whom it hit is known for certain once it is in force; one that failed never was.
    fn in_force(&mut self, event: &Event) {
        if event.phase == Phase::Fail {
            self.all.retain(|fault| fault.op != event.op);
        }
        for fault in self.all.iter_mut().filter(|fault| fault.op == event.op) {
            fault.leaves_majority |= event.majority == Some(true);
            fault.name = name(event);
        }
    }

    /// The heal of a name ends every fault of that name; one that says no more than a kind ends all
    /// of the kind.
    fn heal(&mut self, event: &Event) {
        let (kind, detail, node) = name(event);
        let is_meant = |fault: &Fault| {
            let (of_kind, of_detail, of_node) = &fault.name;
            *of_kind == kind
                && (detail.is_empty() || *of_detail == detail)
                && (node.is_none() || *of_node == node)
        };
        for fault in self.all.iter_mut().filter(|fault| is_meant(fault)) {
            fault.healed.get_or_insert(event.time);
        }
    }

    fn heal_all(&mut self, time: u64) {
        for fault in &mut self.all {
            fault.healed.get_or_insert(time);
        }
    }

    /// Whether none is in force.
    pub(super) fn are_over(&self) -> bool {
        self.all.iter().all(|fault| fault.healed.is_some())
    }

    /// Whether every fault in force leaves a majority.
    fn leave_majority(&self) -> bool {
        let mut in_force = self.all.iter().filter(|fault| fault.healed.is_none());
        in_force.all(|fault| fault.leaves_majority)
    }
}

fn name(event: &Event) -> (String, String, Option<u32>) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (text(&event.kind), text(&event.detail), event.node)
}

/// All that is awaited.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    pub(super) faults: Faults,
    /// Each partition's wait for a leader.
    waits: BTreeMap<u32, Wait>,
    /// Partitions for which nobody waits any more.
    deleted: BTreeSet<u32>,
    outages: Vec<u64>,
    /// Since when a write, and equal replicas, are awaited after healing.
    write_due: Option<u64>,
    was_written: bool,
    equal_due: Option<u64>,
}

impl Liveness {
    pub(super) fn on_inject(&mut self, event: &Event) {
        if event.phase == Phase::Invoke {
            self.faults.begin(event);
            (self.write_due, self.equal_due) = (None, None);
        } else {
            self.faults.in_force(event);
        }
        self.start_waiting(event);
    }

    pub(super) fn on_heal(&mut self, event: &Event) {
        if event.phase == Phase::Ok {
            self.faults.heal(event);
            self.start_waiting(event);
        }
    }

    /// Everything was disturbed just now: every partition's wait begins anew, or ends undecided
    /// where no majority is left.
    fn start_waiting(&mut self, event: &Event) {
        let leave_majority = self.faults.leave_majority();
        for (_, wait) in self.waits.iter_mut().filter(|(at, _)| !self.deleted.contains(at)) {
            wait.restart(leave_majority.then_some(event.time));
        }
    }

    pub(super) fn produce_begins(&mut self, partition: u32, time: u64) {
        self.waits.entry(partition).or_default().begins(time);
    }

    pub(super) fn produce_ends(
        &mut self,
        partition: u32,
        name: &str,
        event: &Event,
        findings: &mut Findings,
    ) {
        self.waits.entry(partition).or_default().ends();
        if event.phase == Phase::Ok {
            self.has_leader(partition, name, event.time, findings);
            self.was_written = true;
        }
    }

    /// A partition is no more, or soon: nobody waits for it.
    pub(super) fn is_deleted(&mut self, partition: u32) {
        self.waits.insert(partition, Wait::default());
        self.deleted.insert(partition);
    }

    /// A partition was seen to have a leader.
    pub(super) fn has_leader(
        &mut self,
        partition: u32,
        name: &str,
        time: u64,
        findings: &mut Findings,
    ) {
        let Some(wait) = self.waits.get_mut(&partition) else { return };
        if let Some(since) = wait.is_over() {
            self.outages.push(time.saturating_sub(since));
            demand(findings, time.saturating_sub(since), WORST, || {
                format!("{name}: no leader from {} to {}", seconds(since), seconds(time))
            });
        }
    }

    /// A step of the run.
    pub(super) fn on_mark(&mut self, kind: &str, event: &Event, findings: &mut Findings) {
        let now = event.time;
        match kind {
            "healed" => {
                self.faults.heal_all(now);
                self.start_waiting(event);
                (self.write_due, self.equal_due) = (Some(now), Some(now));
                self.was_written = false;
            }
            "writes_again" => {
                if let Some(healed) = self.write_due.take() {
                    demand(findings, now.saturating_sub(healed), WORST, || {
                        format!("healed at {}, writes again at {}", seconds(healed), seconds(now))
                    });
                }
            }
            "replicas_equal" => {
                if let Some(healed) = self.equal_due.take() {
                    demand(findings, now.saturating_sub(healed), EQUAL, || {
                        format!("healed at {}, equal at {}", seconds(healed), seconds(now))
                    });
                }
            }
            _ => {}
        }
    }

    /// A call that is answered, or was given up.
    pub(super) fn call_ends(&self, event: &Event, began: u64, findings: &mut Findings) {
        let took = event.time.saturating_sub(began);
        if took > CALL_MAX {
            findings.violation(P18, || {
                let (op, f, took) = (event.op, event.f, seconds(took));
                format!("operation {op}, a {f:?}, begun at {}, took {took}", seconds(began))
            });
        }
    }

    /// What is still awaited when the history ends at `now`; answers why that may say too little.
    pub(super) fn at_end(
        &mut self,
        names: &[&str],
        now: u64,
        findings: &mut Findings,
    ) -> Vec<String> {
        for (partition, wait) in &self.waits {
            if let Some(since) = wait.since().filter(|since| now.saturating_sub(*since) > WORST) {
                findings.facts(P18, 1);
                let name = names.get(*partition as usize).copied().unwrap_or("");
                findings.violation(P18, || {
                    format!(
                        "{name}: no leader from {} to the end, {}",
                        seconds(since),
                        seconds(now)
                    )
                });
            }
        }
        let mut undecided = Vec::new();
        if self.write_due.is_some() && !self.was_written {
            undecided.push("healed, and no write was acknowledged after it".to_owned());
        }
        if let Some(healed) = self.equal_due {
            let text = format!("healed at {}, and never said to be equal", seconds(healed));
            let took = now.saturating_sub(healed);
            match took > EQUAL {
                true => demand(findings, took, EQUAL, || text),
                false => undecided.push(text),
            }
        }
        self.judge_p99(findings);
        undecided
    }

    fn judge_p99(&mut self, findings: &mut Findings) {
        self.outages.sort_unstable();
        if let Some(outages) = self.outages().filter(|_| self.outages.len() >= OUTAGES_MIN) {
            demand(findings, outages.p99_ms * 1_000_000, P99, || {
                format!("no leader for {} ms, p99 of {}", outages.p99_ms, outages.count)
            });
        }
    }

    /// The outages measured, once the history has ended.
    pub(super) fn outages(&self) -> Option<Outages> {
        let count = self.outages.len();
        let p99 = self.outages.get((count * 99).div_ceil(100).checked_sub(1)?)?;
        let (p99_ms, worst_ms) = (p99 / 1_000_000, self.outages.last()? / 1_000_000);
        Some(Outages { count: count as u64, p99_ms, worst_ms })
    }
}

/// Something took so long, and may take so much.
fn demand(findings: &mut Findings, took: u64, most: u64, message: impl FnOnce() -> String) {
    findings.facts(P18, 1);
    if took > most {
        findings.violation(P18, message);
    }
}
