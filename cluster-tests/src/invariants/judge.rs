//! Takes a history event by event, in the order of its lines, and hands each to the properties that
//! it is about. What needs the whole is judged at the end. Linear, and about 150 bytes a produce.

#[path = "conclusion.rs"]
pub(super) mod conclusion;

use std::collections::HashMap;

use super::acked_is_kept;
use super::answer::{Answer, read_value};
use super::batch_atomicity;
use super::castle::Castle;
use super::dense_offsets;
use super::fetch_bound;
use super::findings::Findings;
use super::groups::{Groups, Told};
use super::liveness::Liveness;
use super::membership::Changes;
use super::monotonic_poll::Readers;
use super::no_duplicate;
use super::nothing_phantom;
use super::partition::{Disk, DiskEntry, Floors};
use super::real_time_order;
use super::retention;
use super::state::State;
use super::values::ValueId;
use super::verdict::Counts;
use super::write::{End, NONE, when};
use crate::history::event::{Ack, Event, Function, Phase};

/// The judge of one history.
#[derive(Debug, Default)]
pub struct Judge {
    state: State,
    findings: Findings,
    liveness: Liveness,
    changes: Changes,
    readers: Readers,
    groups: Groups,
    castle: Castle,
    open: HashMap<u64, Open>,
    counts: Counts,
    /// Ends of operations that never began.
    orphans: u64,
    /// Values of the answer at hand: kept, so that it is not allocated each time.
    answered: Vec<ValueId>,
}

/// An operation that has begun and not ended.
#[derive(Debug, Clone, Copy)]
struct Open {
    line: u32,
    time: u64,
    floors: Floors,
    write: Option<u32>,
}

impl Judge {
    /// A judge that has seen nothing.
    pub fn new() -> Judge {
        Judge::default()
    }

    /// The next event.
    pub fn event(&mut self, event: &Event) {
        self.counts.events += 1;
        self.state.now = self.state.now.max(event.time);
        let partition = self.state.partition_of(event);
        if event.phase == Phase::Invoke {
            return self.begin(event, partition);
        }
        let Some(open) = self.open.remove(&event.op) else {
            self.orphans += 1;
            return;
        };
        self.end(event, open, partition);
    }

    fn begin(&mut self, event: &Event, partition: Option<u32>) {
        self.counts.operations += 1;
        let line = u32::try_from(self.counts.events).unwrap_or(NONE);
        let floors = partition.map_or(Floors::default(), |p| self.state.partition(p).floors);
        let mut open = Open { line, time: event.time, floors, write: None };
        match (event.f, partition) {
            (Function::Produce, Some(partition)) => {
                open.write = Some(self.state.begin_write(event, line, partition));
                self.liveness.produce_begins(partition, event.time);
                self.castle.write_begins(event);
            }
            (Function::Truncate, Some(partition)) => {
                let partition = self.state.partition(partition);
                let to = event.offset.unwrap_or(u64::MAX);
                partition.truncated_to = partition.truncated_to.max(to);
            }
            (Function::Heartbeat, _) => self.castle.is_followed_by(event.process),
            (Function::Inject, _) => {
                self.disturbed(event);
                self.state.replicas_equal = None;
            }
            (Function::Admin, _) => {
                self.changes.on_admin(event);
                for partition in self.state.deleted(event) {
                    self.liveness.is_deleted(partition);
                }
            }
            _ => self.groups.begin(event, &mut self.state),
        }
        self.open.insert(event.op, open);
    }

    fn end(&mut self, event: &Event, open: Open, partition: Option<u32>) {
        match (event.f, partition) {
            (Function::Inject | Function::Heal, _) => self.disturbed(event),
            (Function::Admin, _) => self.changed(event),
            (Function::Heartbeat, _) if event.phase == Phase::Ok => {
                self.castle.answered(event, open.time, &mut self.findings)
            }
            (Function::Mark, _) if event.phase == Phase::Ok && event.group.is_none() => {
                self.mark(event)
            }
            (Function::Assign | Function::Subscribe | Function::Rebalance, _) => {
                self.readers.assigned(event.process)
            }
            (Function::Seek, Some(at)) => self.readers.seek(event.process, at, event.offset),
            (Function::Produce, Some(at)) => self.produced(event, open, at),
            _ if event.group.is_some() => self.group_is_told(event, open),
            (_, Some(at)) if event.phase == Phase::Ok => self.answered(event, open, at),
            _ => {}
        }
        if matches!(event.f, Function::Produce | Function::Fetch | Function::ListOffset) {
            self.liveness.call_ends(event, open.time, &mut self.findings);
        }
    }

    /// A fault begins or ends.
    fn disturbed(&mut self, event: &Event) {
        match event.f {
            Function::Heal => self.liveness.on_heal(event),
            _ => self.liveness.on_inject(event),
        }
        self.castle.is_disturbed(self.calm_since(event.time));
    }

    /// This time, unless a fault is in force.
    fn calm_since(&self, time: u64) -> Option<u64> {
        self.liveness.faults.are_over().then_some(time)
    }

    /// A change of the cluster or a topic ends.
    fn changed(&mut self, event: &Event) {
        self.changes.on_admin(event);
        let is_removed = event.kind.as_deref() == Some("remove_node") && event.phase == Phase::Ok;
        if let Some(node) = event.node.filter(|_| is_removed) {
            self.castle.is_removed(node, event.time);
        }
    }

    fn group_is_told(&mut self, event: &Event, open: Open) {
        let line = u32::try_from(self.counts.events).unwrap_or(NONE);
        let clocks_are_right = self.liveness.faults.spare_clocks();
        let (asked, asked_at) = (open.line, open.time);
        let told = Told { event, asked, asked_at, line, clocks_are_right };
        self.groups.end(told, &mut self.state, &mut self.findings);
    }

    fn answered(&mut self, event: &Event, open: Open, at: u32) {
        match event.f {
            Function::Fetch | Function::Tail | Function::FinalRead => self.read(event, open, at),
            Function::ListOffset => self.listed(event, open, at),
            Function::Truncate => self.starts(event, event.log_start, at),
            Function::Dump => self.dumped(event, at),
            Function::Lead => {
                let name = &self.state.partitions[at as usize].name;
                self.liveness.has_leader(at, name, event.time, &mut self.findings);
            }
            _ => {}
        }
    }

    fn produced(&mut self, event: &Event, open: Open, at: u32) {
        let name = &self.state.partitions[at as usize].name;
        self.liveness.produce_ends(at, name, event, &mut self.findings);
        self.castle.write_ends(event, &mut self.findings);
        let Some(write) = open.write.map(|index| &mut self.state.writes[index as usize]) else {
            return;
        };
        let count = u64::from(write.count);
        if write.is_idempotent {
            real_time_order::on_answer(event, name, &mut self.findings);
        }
        if matches!(write.end, End::Acked | End::AckedSomewhere) {
            return no_duplicate::on_answer(event, write, name, &mut self.findings);
        }
        write.ended_at = event.time;
        write.end_line = u32::try_from(self.counts.events).unwrap_or(NONE);
        match event.phase {
            Phase::Fail => write.is_refused(),
            Phase::Ok => write.end = acknowledged(event, write.count),
            Phase::Invoke | Phase::Unknown => {}
        }
        if write.end == End::Acked {
            write.offset = event.offsets.first().copied();
            write.epoch = event.epoch.map_or(NONE, |epoch| u32::try_from(epoch).unwrap_or(NONE));
            let end = write.offset.unwrap_or(0).saturating_add(count);
            if write.must_stay() {
                let floors = &mut self.state.partitions[at as usize].floors;
                floors.acked = floors.acked.max(end);
            }
        } else if write.end == End::AckedSomewhere && !event.offsets.is_empty() {
            batch_atomicity::scattered(event, name, &mut self.findings);
        }
    }

    fn read(&mut self, event: &Event, open: Open, at: u32) {
        let findings = &mut self.findings;
        self.counts.read += event.offsets.len() as u64;
        self.answered.clear();
        for (i, text) in event.values.iter().enumerate() {
            let (id, is_new, is_whole) = read_value(&mut self.state.values, text);
            self.answered.push(id);
            let offset = event.offsets.get(i).copied().unwrap_or(0);
            if !is_whole {
                let name = &self.state.partitions[at as usize].name;
                dense_offsets::corrupt(text, &when(event), name, findings);
            }
            if is_new {
                nothing_phantom::never_sent(text, offset, &when(event), findings);
            }
        }
        let values = &self.answered;
        let answer = Answer { event, values, floors: open.floors, asked: open.line };
        self.counts.read_at_the_end +=
            if answer.is_last() { event.offsets.len() as u64 } else { 0 };
        let contradictions = answer.put_into(self.state.partition(at));
        let partition = &self.state.partitions[at as usize];
        for contradiction in contradictions {
            let names = (partition.name.as_str(), &self.state.values);
            dense_offsets::contradiction(contradiction, &answer, names, findings);
        }
        dense_offsets::on_answer(&answer, partition, findings);
        self.readers.on_answer(&answer, (at, &partition.name), findings);
        fetch_bound::on_answer(&answer, partition, findings);
        // What was acknowledged and is lost takes the watermark back with it: that is one thing.
        if !acked_is_kept::is_short(&answer, partition, findings) {
            fetch_bound::watermark(&answer, partition, findings);
        }
        fetch_bound::log_start(&answer, partition, findings);
        self.starts(event, event.log_start, at);
        self.state.partition(at).learn(event);
    }

    fn listed(&mut self, event: &Event, open: Open, at: u32) {
        let (partition, findings) = (&self.state.partitions[at as usize], &mut self.findings);
        let is_latest = event.spec.as_deref() == Some("latest");
        let is_lost = is_latest && acked_is_kept::is_below(event, open.floors, partition, findings);
        if !is_lost {
            fetch_bound::on_list(event, open.floors, partition, findings);
        }
        if event.spec.as_deref() == Some("earliest") {
            self.starts(event, event.offset, at);
        }
    }

    /// An answer says where a log starts.
    fn starts(&mut self, event: &Event, start: Option<u64>, at: u32) {
        let Some(start) = start else { return };
        let partition = self.state.partition(at);
        retention::on_log_start(event, start, partition, &mut self.findings);
        partition.floors.start = partition.floors.start.max(start);
    }

    fn dumped(&mut self, event: &Event, at: u32) {
        let partition = self.state.partition(at);
        let (node, replica) = (event.node.unwrap_or(0), event.replica.unwrap_or(0));
        let entries = event.entries.iter().map(DiskEntry::new);
        let known = partition.disks.iter_mut();
        if let Some(disk) = known.into_iter().find(|d| (d.node, d.replica) == (node, replica)) {
            disk.entries.extend(entries);
            disk.end = disk.end.max(event.log_end.unwrap_or(0));
            return;
        }
        let entries: Vec<DiskEntry> = entries.collect();
        let last = entries.last().map_or(0, DiskEntry::end);
        partition.disks.push(Disk {
            node,
            replica,
            start: event.log_start.unwrap_or(0),
            end: event.log_end.unwrap_or(last),
            committed: event.high_watermark,
            entries,
        });
    }

    fn mark(&mut self, event: &Event) {
        let kind = event.kind.as_deref().unwrap_or("");
        let topic = event.topic.as_deref().unwrap_or("");
        let number = || event.detail.as_deref()?.trim().parse().ok();
        match kind {
            "retention" => self.state.set_retention(topic, number().unwrap_or(0)),
            "ack1_max_lag_ms" => {
                if let Some(milliseconds) = number() {
                    self.state.set_ack_one_lag(topic, milliseconds);
                }
            }
            "replicas_equal" => self.state.replicas_equal = Some(event.time),
            "steered" => self.castle.is_followed_by(event.process),
            _ => {}
        }
        self.liveness.on_mark(kind, event, &mut self.findings);
        if kind == "healed" {
            self.castle.is_disturbed(self.calm_since(event.time));
        }
    }
}

/// How an acknowledged produce ended: with offsets in a row, unless ack 0 answered none.
fn acknowledged(event: &Event, count: u32) -> End {
    let is_row = event.offsets.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
    match event.offsets.len() == count as usize && is_row && event.ack != Some(Ack::Zero) {
        true => End::Acked,
        false => End::AckedSomewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::verdict::Verdict;

    /// Judges events of one process, a second apart, each with an operation of its own.
    fn verdict(events: impl IntoIterator<Item = (Function, Event)>) -> Verdict {
        let mut judge = Judge::new();
        for (op, (f, event)) in (1..).zip(events) {
            let time = op * 1_000_000_000;
            judge.event(&Event { op, f, time, phase: Phase::Invoke, ..event.clone() });
            judge.event(&Event { op, f, time, ..event });
        }
        judge.finish()
    }

    fn produce(value: usize) -> (Function, Event) {
        let mut event = Event::new(1, Function::Produce).at("t", 0);
        event.phase = Phase::Ok;
        event.values = vec![value.to_string()];
        event.offsets = vec![value as u64];
        (Function::Produce, event)
    }

    fn admin(kind: &str) -> (Function, Event) {
        let mut event = Event::new(1, Function::Admin);
        (event.topic, event.kind) = (Some("t".to_owned()), Some(kind.to_owned()));
        (Function::Admin, event)
    }

    #[test]
    fn a_topic_that_was_deleted_need_not_be_read_at_the_end() {
        let unread = |kind| {
            let verdict = verdict((0..60).map(produce).chain([admin(kind)]));
            verdict.undecided.iter().any(|why| why.contains("t/0 was not read"))
        };
        assert!(unread("alter_topic"));
        assert!(!unread("delete_topic"));
    }

    #[test]
    fn a_fault_is_known_by_what_is_said_when_it_is_in_force() {
        let fault = |f, phase, majority| {
            let event = Event::new(0, f);
            let kind = Some("kill-one".to_owned());
            (f, Event { phase, kind, majority, detail: Some("2: kill -9".to_owned()), ..event })
        };
        let healthy = |majority, phase| {
            let inject = fault(Function::Inject, phase, majority);
            // Somebody waits for a leader from before the fault to long after it.
            let waits = (0..30).map(|_| (Function::Lead, Event::new(0, Function::Lead)));
            let mut judge = verdict_with_open_produce([inject].into_iter().chain(waits));
            judge.violations.retain(|violation| violation.message.contains("no leader"));
            (judge.violations.is_empty(), judge.counts.faults)
        };
        assert_eq!(healthy(Some(true), Phase::Ok), (false, 1));
        assert_eq!(healthy(None, Phase::Ok), (true, 1));
        assert_eq!(healthy(None, Phase::Fail).1, 0);
    }

    /// The same, while a produce is under way that is never answered.
    fn verdict_with_open_produce(events: impl IntoIterator<Item = (Function, Event)>) -> Verdict {
        let mut judge = Judge::new();
        let open = Event { op: 1_000, phase: Phase::Invoke, ..produce(0).1 };
        judge.event(&open);
        for (op, (f, event)) in (1..).zip(events) {
            let time = op * 1_000_000_000;
            judge.event(&Event { op, time, ..Event::new(0, f) });
            judge.event(&Event { op, time, ..event });
        }
        judge.finish()
    }
}
