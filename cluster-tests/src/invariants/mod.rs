//! What must hold for a history of appends and the log that is read at the end. One file per
//! property; each answers the violations it finds, and is itself tested with bad histories.
//!
//! INV-01 is `acked_is_kept`, INV-02 `dense_offsets`; the others keep readers and writers honest.

pub mod acked_is_kept;
pub mod dense_offsets;
pub mod nothing_phantom;
pub mod real_time_order;

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::harness::client::{Api, Record};
use crate::workloads::append::{Attempt, Outcome};

/// A partition number and what was read from it.
pub type Log = BTreeMap<u32, Read>;

/// What was read from a partition.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// Where it must start: below this, and only there, records may be gone by retention.
    pub trimmed_to: u64,
    /// What is there from then on.
    pub records: Vec<Record>,
}

/// Violations shown before the rest is only counted.
const SHOWN: usize = 10;

/// Counts of a history that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Values acknowledged, all of them found.
    pub acked: usize,
    /// Values whose outcome nobody knew, found or not.
    pub unknown: usize,
    /// Records read.
    pub read: usize,
}

/// Reads every partition of a topic, from which nothing was deleted, through one node and checks
/// everything.
pub async fn check(
    node: &Api,
    topic: &str,
    partitions: u32,
    attempts: &[Attempt],
) -> Result<Verdict> {
    let mut log = Log::new();
    for partition in 0..partitions {
        let start = node.read(topic, partition, "&offset=earliest&max_records=1").await?.log_start;
        if start != 0 {
            bail!("{topic}/{partition} starts at {start}, and nothing was deleted from it");
        }
        let records = node.read_all(topic, partition).await?;
        log.insert(partition, Read { trimmed_to: 0, records });
    }
    check_log(attempts, &log)
}

/// Checks everything on what was read. A history in which nothing was acknowledged proves nothing,
/// so it is refused.
pub fn check_log(attempts: &[Attempt], log: &Log) -> Result<Verdict> {
    let mut violations = acked_is_kept::violations(attempts, log);
    violations.extend(dense_offsets::violations(log));
    violations.extend(nothing_phantom::violations(attempts, log));
    violations.extend(real_time_order::violations(attempts));
    if !violations.is_empty() {
        let shown: Vec<&str> = violations.iter().take(SHOWN).map(String::as_str).collect();
        bail!("{} violations, the first: {}", violations.len(), shown.join("; "));
    }
    let values = |wanted: fn(&Outcome) -> bool| -> usize {
        attempts.iter().filter(|a| wanted(&a.outcome)).map(|a| a.values.len()).sum()
    };
    let acked = values(|outcome| matches!(outcome, Outcome::Acked(_)));
    if acked == 0 {
        bail!("none of {} attempts was acknowledged, so there is nothing to check", attempts.len());
    }
    Ok(Verdict {
        acked,
        unknown: values(|outcome| matches!(outcome, Outcome::Unknown(_))),
        read: log.values().map(|read| read.records.len()).sum(),
    })
}

#[cfg(test)]
mod histories {
    use super::*;
    use crate::harness::clock::Stopwatch;

    /// An attempt to partition 0, sent and answered now.
    pub(super) fn attempt(values: &[&str], outcome: Outcome) -> Attempt {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        let (sent, answered) = (Stopwatch::start(), Stopwatch::start());
        Attempt { partition: 0, values, outcome, sent, answered }
    }

    /// Partition 0 with these offsets and values.
    pub(super) fn log(records: &[(u64, &str)]) -> Log {
        let record = |(offset, value): &(u64, &str)| Record {
            offset: *offset,
            key: None,
            value: Some((*value).to_owned()),
        };
        Log::from([(0, Read { trimmed_to: 0, records: records.iter().map(record).collect() })])
    }

    #[test]
    fn a_good_history_holds() {
        let attempts = [
            attempt(&["a", "b"], Outcome::Acked(vec![0, 1])),
            attempt(&["c"], Outcome::Unknown("timeout".to_owned())),
            attempt(&["d"], Outcome::NotDone("refused".to_owned())),
            attempt(&["e"], Outcome::Acked(vec![3])),
        ];
        let verdict = check_log(&attempts, &log(&[(0, "a"), (1, "b"), (2, "c"), (3, "e")]));
        assert_eq!(verdict.unwrap(), Verdict { acked: 3, unknown: 1, read: 4 });
    }

    #[test]
    fn a_history_without_acknowledgements_proves_nothing() {
        let attempts = [attempt(&["a"], Outcome::Unknown("timeout".to_owned()))];
        assert!(check_log(&attempts, &log(&[])).is_err());
    }
}
