//! The end of a good history: everything is healed, writes go on, every partition is read and every
//! disk dumped.

use super::{Log, PAGE, World};
use crate::history::event::{DumpedEntry, Event, Function, Phase};

/// Who reads at the end.
const LAST_READER: u32 = 200;

impl World {
    /// Faults and clients end.
    pub(super) fn heal(&mut self) {
        self.mark("faults_end");
        self.heal_fault();
        self.leaderless = 0;
        for number in 0..self.clients.len() {
            if let Some(begun) = self.clients[number].begun.take() {
                self.answer(number, begun);
            }
        }
        for (log, values) in std::mem::take(&mut self.late) {
            self.logs[log].append(&values);
        }
        for log in &mut self.logs {
            log.committed = log.values.len();
        }
        self.mark("healed");
    }

    /// Pairs of writers, which only those who read at the end see; and one value that is never
    /// there, and one that was refused.
    pub(super) fn write_again(&mut self) {
        for log in 0..self.logs.len() {
            for (what, phase) in [("ghost", Phase::Unknown), ("refused", Phase::Fail)] {
                let Log { topic, partition, ack, .. } = self.logs[log];
                let event = Event::new(50, Function::Produce).at(topic, partition);
                let values = vec![format!("{what}-{topic}-{partition}")];
                let begun = self.begin(Event { ack: Some(ack), values, ..event });
                self.end(begun, phase);
            }
        }
        for _ in 0..4 {
            for log in 0..self.logs.len() {
                let begun = [51, 52].map(|process| {
                    let event = self.produce(process, log);
                    self.begin(event)
                });
                for begun in begun {
                    let offsets = self.logs[log].append(&begun.values);
                    let epoch = Some(self.logs[log].epoch);
                    self.end(Event { offsets, epoch, ..begun }, Phase::Ok);
                }
                self.logs[log].committed = self.logs[log].values.len();
            }
        }
        self.mark("writes_again");
        self.mark("replicas_equal");
    }

    pub(super) fn read_everything(&mut self) {
        for node in 1..=2 {
            for log in 0..self.logs.len() {
                let Log { topic, partition, start, .. } = self.logs[log];
                for from in (start..self.logs[log].values.len()).step_by(PAGE) {
                    let event = Event::new(LAST_READER, Function::FinalRead).at(topic, partition);
                    let offset = Some(from as u64);
                    let begun = self.begin(Event { offset, node: Some(node), ..event });
                    self.answer_fetch(log, begun);
                }
            }
        }
    }

    /// Each replica has cut its own log at another place below the log start.
    pub(super) fn dump(&mut self) {
        for node in 1..=3 {
            for log in 0..self.logs.len() {
                let Log { topic, partition, start, ref values, ref entries, .. } = self.logs[log];
                let cut = start / node as usize;
                let entry = |(base, records, term): &(usize, usize, u64)| DumpedEntry {
                    base: *base as u64,
                    records: *records as u64,
                    term: *term,
                    crc: format!("{:08x}", base * 31 + records),
                };
                let kept = entries.iter().filter(|(base, _, _)| *base >= cut);
                let event = Event::new(LAST_READER, Function::Dump).at(topic, partition);
                let event = Event {
                    node: Some(node),
                    replica: Some(u64::from(node) + 10),
                    entries: kept.map(entry).collect(),
                    log_start: Some(cut as u64),
                    log_end: Some(values.len() as u64),
                    ..event
                };
                self.note(event);
            }
        }
    }
}
