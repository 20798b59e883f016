//! INV-01: an acknowledged record is at its offset, with its value, for ever. Below the log start
//! it may be gone by retention; nowhere else.

use std::collections::HashMap;

use super::Log;
use crate::workloads::append::{Attempt, Outcome};

/// Acknowledged values that are not where the acknowledgement said.
pub fn violations(attempts: &[Attempt], log: &Log) -> Vec<String> {
    let by_offset: HashMap<(u32, u64), Option<&str>> = log
        .iter()
        .flat_map(|(p, records)| records.iter().map(|r| ((*p, r.offset), r.value.as_deref())))
        .collect();
    let mut found = Vec::new();
    for attempt in attempts {
        let Outcome::Acked(offsets) = &attempt.outcome else {
            continue;
        };
        let log_start = log.get(&attempt.partition).and_then(|records| records.first());
        for (value, offset) in attempt.values.iter().zip(offsets) {
            let place = (attempt.partition, *offset);
            let seen = by_offset.get(&place).copied().flatten();
            let trimmed = log_start.is_some_and(|first| *offset < first.offset);
            if seen != Some(value.as_str()) && !trimmed {
                found
                    .push(format!("INV-01: {value} was acknowledged at {place:?}, read: {seen:?}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::histories::{attempt, log};
    use super::*;

    #[test]
    fn a_lost_a_moved_and_an_overwritten_record_are_seen() {
        let attempts = [attempt(&["a", "b"], Outcome::Acked(vec![0, 1]))];
        for bad in [log(&[(0, "a")]), log(&[(0, "b"), (1, "a")]), log(&[(0, "a"), (1, "x")])] {
            assert!(!violations(&attempts, &bad).is_empty(), "{bad:?}");
        }
        assert!(violations(&attempts, &log(&[(0, "a"), (1, "b")])).is_empty());
    }

    #[test]
    fn what_retention_took_is_not_lost() {
        let attempts = [attempt(&["a", "b"], Outcome::Acked(vec![0, 1]))];
        assert!(violations(&attempts, &log(&[(1, "b")])).is_empty());
    }
}
