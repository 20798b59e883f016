//! A judge of the properties that any run must hold: P1 to P5 and P19.

use std::collections::{BTreeMap, BTreeSet};

use rampart_cluster_tests::history::event::Ack;
use rampart_cluster_tests::history::{Event, Function, Phase};

use super::Findings;

type Partition = (String, u32);

/// What one history says so far.
#[derive(Debug, Default)]
pub(super) struct Judge {
    findings: Findings,
    sent: BTreeSet<String>,
    failed: BTreeSet<String>,
    partitions: BTreeMap<Partition, Seen>,
    /// Highest acknowledged offset of the partition when a write began.
    floors: BTreeMap<u64, Option<u64>>,
}

/// What is known of one partition.
#[derive(Debug, Default)]
struct Seen {
    values: BTreeMap<u64, String>,
    offsets: BTreeMap<String, u64>,
    acked: BTreeMap<u64, String>,
    highest_acked: Option<u64>,
    /// By node: what was read at the end, and from where on.
    last: BTreeMap<u32, (u64, BTreeMap<u64, String>)>,
    /// By node: where that ended.
    ends: BTreeMap<u32, u64>,
    dumps: BTreeMap<u32, BTreeMap<u64, String>>,
}

impl Judge {
    pub(super) fn see(&mut self, event: &Event) {
        self.findings.events += 1;
        let Some(topic) = event.topic.clone() else { return };
        let partition = (topic, event.partition.unwrap_or_default());
        match (event.f, event.phase) {
            (Function::Produce, Phase::Invoke) => {
                self.sent.extend(event.values.iter().cloned());
                let floor = self.seen(&partition).highest_acked;
                self.floors.insert(event.op, floor);
            }
            (Function::Produce, Phase::Ok) => self.acknowledged(event, &partition),
            (Function::Produce, Phase::Fail) => self.failed.extend(event.values.iter().cloned()),
            (Function::Fetch, Phase::Ok) => self.read(event, &partition),
            (Function::FinalRead, Phase::Ok) => {
                self.read(event, &partition);
                let node = event.node.unwrap_or_default();
                let start = event.log_start.unwrap_or_default();
                let seen = self.seen(&partition);
                seen.ends.insert(node, event.next_offset.unwrap_or_default());
                let (from, all) = seen.last.entry(node).or_insert((start, BTreeMap::new()));
                *from = start;
                all.extend(event.offsets.iter().copied().zip(event.values.iter().cloned()));
            }
            (Function::Dump, Phase::Ok) => {
                let entries = event.entries.iter().map(|entry| {
                    (entry.base, format!("{} {} {}", entry.records, entry.term, entry.crc))
                });
                let node = event.node.unwrap_or_default();
                self.seen(&partition).dumps.insert(node, entries.collect());
            }
            _ => {}
        }
    }

    fn seen(&mut self, partition: &Partition) -> &mut Seen {
        self.partitions.entry(partition.clone()).or_default()
    }

    fn violation(&mut self, what: String) {
        self.findings.violations.push(what);
    }

    fn acknowledged(&mut self, event: &Event, partition: &Partition) {
        self.findings.acked += event.values.len() as u64;
        let floor = self.floors.remove(&event.op).flatten();
        if let (Some(first), Some(floor)) = (event.offsets.first(), floor)
            && *first <= floor
        {
            self.violation(format!("P5: op {} at {first}, below {floor}", event.op));
        }
        // Those of the leader alone may be lost with it.
        if !matches!(event.ack, Some(Ack::All | Ack::Quorum)) {
            return;
        }
        let seen = self.seen(partition);
        seen.acked.extend(event.offsets.iter().copied().zip(event.values.iter().cloned()));
        seen.highest_acked = seen.highest_acked.max(event.offsets.last().copied());
    }

    fn read(&mut self, event: &Event, partition: &Partition) {
        for (offset, value) in event.offsets.iter().zip(&event.values) {
            let seen = self.seen(partition);
            let before = seen.values.entry(*offset).or_insert_with(|| value.clone()).clone();
            let at = *seen.offsets.entry(value.clone()).or_insert(*offset);
            if before != *value {
                self.violation(format!("P2: {partition:?} {offset} was {before}, is {value}"));
            }
            if at != *offset {
                self.violation(format!("P4: {value} is at {at} and at {offset}"));
            }
        }
    }

    pub(super) fn finish(mut self) -> Findings {
        let mut found = Vec::new();
        for (partition, seen) in &self.partitions {
            for value in seen.offsets.keys() {
                if !self.sent.contains(value) {
                    found.push(format!("P3: {value} in {partition:?} was never sent"));
                } else if self.failed.contains(value) {
                    found.push(format!("P3: {value} in {partition:?} had failed"));
                }
            }
            seen.judge_last(partition, &mut found);
            seen.judge_dumps(partition, &mut found);
        }
        self.findings.violations.extend(found);
        self.findings
    }
}

impl Seen {
    fn judge_last(&self, partition: &Partition, found: &mut Vec<String>) {
        for (node, (start, all)) in &self.last {
            for (offset, value) in self.acked.range(start..) {
                if all.get(offset) != Some(value) {
                    let what = all.get(offset);
                    found.push(format!(
                        "P1: {partition:?} node {node}: {value} acknowledged at {offset}, \
                         where {what:?} is"
                    ));
                }
            }
            for (expected, offset) in (*start..).zip(all.keys()) {
                if expected != *offset {
                    found.push(format!("P2: {partition:?} node {node}: no {expected}"));
                    break;
                }
            }
            if self.ends.values().any(|other| Some(other) != self.ends.get(node)) {
                found.push(format!("P19: {partition:?} node {node}: another end"));
            }
        }
    }

    fn judge_dumps(&self, partition: &Partition, found: &mut Vec<String>) {
        for (node, entries) in &self.dumps {
            for (other, others) in self.dumps.range(node + 1..) {
                let same = |base: &u64, entry: &String| others.get(base) == Some(entry);
                let first = others.keys().next().copied().unwrap_or_default();
                let differs = entries.range(first..).find(|(base, entry)| !same(base, entry));
                if let Some((base, entry)) = differs {
                    found.push(format!(
                        "P19: {partition:?} at {base}: {entry} on node {node}, {:?} on {other}",
                        others.get(base)
                    ));
                }
            }
        }
    }
}
