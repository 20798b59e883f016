//! What the picture shows, gathered from a history: a second is the unit of everything that is
//! counted. `[pure]`

use std::collections::{BTreeMap, HashMap};

use rampart_cluster_tests::history::{Event, Function, Phase};

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// Everything that is drawn.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// By second.
    pub(crate) seconds: Vec<Second>,
    /// Who led since when, by partition: (second, node or nobody known, epoch).
    pub(crate) leaders: BTreeMap<String, Vec<(f64, Option<u32>, u64)>>,
    /// Faults in the order in which they began.
    pub(crate) faults: Vec<Fault>,
    /// Steps of the run and when they were reached.
    pub(crate) marks: Vec<(f64, String)>,
    /// When the last event was.
    pub(crate) end: f64,
    begun: HashMap<u64, u64>,
    in_force: HashMap<(String, Option<i64>), usize>,
}

/// What ended in one second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Second {
    pub(crate) ok: u64,
    pub(crate) fail: u64,
    pub(crate) unknown: u64,
    /// Records acknowledged.
    pub(crate) acked: u64,
    /// Records read.
    pub(crate) read: u64,
    /// Milliseconds that each acknowledged produce took, in the order of their ends.
    pub(crate) latencies: Vec<f64>,
}

/// One fault from when to when.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) kind: String,
    pub(crate) detail: String,
    pub(crate) from: f64,
    pub(crate) to: Option<f64>,
}

impl Gathered {
    /// Takes the next event.
    pub(crate) fn take(&mut self, event: &Event) {
        let at = event.time as f64 / SECOND as f64;
        self.end = self.end.max(at);
        match event.f {
            Function::Inject | Function::Heal => self.take_fault(event, at),
            Function::Lead if event.phase == Phase::Ok => self.take_leader(event, at),
            Function::Mark if event.phase == Phase::Ok && !is_of_a_client(event) => {
                self.marks.push((at, event.kind.clone().unwrap_or_default()));
            }
            Function::Lead | Function::Mark | Function::Dump | Function::Seek => {}
            _ => self.take_operation(event),
        }
    }

    fn take_operation(&mut self, event: &Event) {
        if event.phase == Phase::Invoke {
            self.begun.insert(event.op, event.time);
            return;
        }
        let begun = self.begun.remove(&event.op);
        let second = (event.time / SECOND) as usize;
        if self.seconds.len() <= second {
            self.seconds.resize(second + 1, Second::default());
        }
        let second = &mut self.seconds[second];
        match event.phase {
            Phase::Ok => second.ok += 1,
            Phase::Fail => second.fail += 1,
            Phase::Unknown | Phase::Invoke => second.unknown += 1,
        }
        if event.phase != Phase::Ok {
            return;
        }
        if event.f == Function::Produce {
            second.acked += event.offsets.len() as u64;
            let took = begun.map(|begun| event.time.saturating_sub(begun) as f64 / 1e6);
            second.latencies.extend(took);
        } else {
            second.read += event.values.len() as u64;
        }
    }

    fn take_leader(&mut self, event: &Event, at: f64) {
        let topic = event.topic.as_deref().unwrap_or_default();
        let partition = format!("{topic}/{}", event.partition.unwrap_or(0));
        let known = self.leaders.entry(partition).or_default();
        let epoch = event.epoch.unwrap_or(0);
        if known.last().is_none_or(|(_, _, last)| *last != epoch) {
            known.push((at, event.node, epoch));
        }
    }

    fn take_fault(&mut self, event: &Event, at: f64) {
        let kind = event.kind.clone().unwrap_or_default();
        let key = (kind.clone(), event.sequence);
        match (event.f, event.phase) {
            (Function::Inject, Phase::Ok | Phase::Unknown) => {
                let detail = event.detail.clone().or_else(|| event.error.clone());
                self.in_force.insert(key, self.faults.len());
                let detail = detail.unwrap_or_default();
                self.faults.push(Fault { kind, detail, from: at, to: None });
            }
            (Function::Heal, Phase::Ok | Phase::Unknown) => {
                if let Some(index) = self.in_force.remove(&key) {
                    self.faults[index].to = Some(at);
                }
            }
            _ => {}
        }
    }
}

/// Not a step of the run, but something about one of its clients.
fn is_of_a_client(event: &Event) -> bool {
    event.kind.as_deref() == Some("steered")
}

impl Second {
    /// The latency that so many of a hundred produces did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Option<f64> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        sorted.get(last * percent / 100).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(op: u64, millis: u64, f: Function, phase: Phase) -> Event {
        Event { op, phase, time: millis * 1_000_000, ..Event::new(1, f) }
    }

    #[test]
    fn operations_count_in_the_second_in_which_they_end() {
        let mut gathered = Gathered::default();
        gathered.take(&event(1, 900, Function::Produce, Phase::Invoke));
        let mut acked = event(1, 1_150, Function::Produce, Phase::Ok);
        acked.offsets = vec![0, 1];
        gathered.take(&acked);
        gathered.take(&event(2, 1_200, Function::Fetch, Phase::Invoke));
        gathered.take(&event(2, 2_500, Function::Fetch, Phase::Unknown));
        let [none, first, second] = gathered.seconds.as_slice() else { panic!("{gathered:?}") };
        assert_eq!((none.ok, first.ok, first.acked, second.unknown), (0, 1, 2, 1));
        assert_eq!(first.latencies, [250.0]);
        assert_eq!(gathered.end, 2.5);
    }

    #[test]
    fn a_fault_lasts_until_it_is_healed() {
        let mut gathered = Gathered::default();
        for (op, millis, f, phase) in [
            (1, 0, Function::Inject, Phase::Invoke),
            (1, 100, Function::Inject, Phase::Ok),
            (2, 150, Function::Inject, Phase::Invoke),
            (2, 200, Function::Inject, Phase::Fail),
            (3, 900, Function::Heal, Phase::Invoke),
            (3, 1_000, Function::Heal, Phase::Ok),
        ] {
            let mut event = event(op, millis, f, phase);
            event.kind = Some("kill-one".to_owned());
            event.sequence = Some(if op == 2 { 1 } else { 0 });
            gathered.take(&event);
        }
        let [fault] = gathered.faults.as_slice() else { panic!("{gathered:?}") };
        assert_eq!((fault.from, fault.to), (0.1, Some(1.0)));
    }

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let second = Second { latencies: vec![5.0, 1.0, 3.0], ..Second::default() };
        assert_eq!(second.percentile(50), Some(3.0));
        assert_eq!(second.percentile(100), Some(5.0));
        assert_eq!(Second::default().percentile(50), None);
    }
}
