//! INV-01: an acknowledged record is at its offset, with its value, for ever. Below the offset that
//! the test itself has trimmed to it may be gone; nowhere else.

use std::collections::HashMap;

use super::Log;
use crate::workloads::append::{Attempt, Outcome};

/// Acknowledged values that are not where the acknowledgement said.
pub fn violations(attempts: &[Attempt], log: &Log) -> Vec<String> {
    let by_offset: HashMap<(u32, u64), Option<&str>> = log
        .iter()
        .flat_map(|(p, read)| read.records.iter().map(|r| ((*p, r.offset), r.value.as_deref())))
        .collect();
    let mut found = Vec::new();
    for attempt in attempts {
        let Outcome::Acked(offsets) = &attempt.outcome else {
            continue;
        };
        let trimmed_to = log.get(&attempt.partition).map_or(0, |read| read.trimmed_to);
        for (value, offset) in attempt.values.iter().zip(offsets) {
            let place = (attempt.partition, *offset);
            let seen = by_offset.get(&place).copied().flatten();
            if seen != Some(value.as_str()) && *offset >= trimmed_to {
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
        let mut trimmed = log(&[(1, "b")]);
        trimmed.entry(0).or_default().trimmed_to = 1;
        assert!(violations(&attempts, &trimmed).is_empty());
    }

    #[test]
    fn a_lost_head_is_not_retention() {
        let attempts = [attempt(&["a", "b"], Outcome::Acked(vec![0, 1]))];
        assert_eq!(violations(&attempts, &log(&[(1, "b")])).len(), 1);
    }
}
