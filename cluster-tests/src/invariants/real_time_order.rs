//! In a partition the order of acknowledgement is the order of offsets: what was sent after an
//! acknowledgement lies behind it.

use std::collections::BTreeMap;

use crate::workloads::append::{Attempt, Outcome};

/// Acknowledged requests that lie before one acknowledged earlier.
pub fn violations(attempts: &[Attempt]) -> Vec<String> {
    let mut by_partition: BTreeMap<u32, Vec<(&Attempt, &[u64])>> = BTreeMap::new();
    for attempt in attempts {
        if let Outcome::Acked(offsets) = &attempt.outcome {
            by_partition.entry(attempt.partition).or_default().push((attempt, offsets));
        }
    }
    by_partition.into_values().flat_map(|attempts| in_partition(&attempts)).collect()
}

/// Walks requests by the time they were sent, keeping the highest offset acknowledged before.
fn in_partition(attempts: &[(&Attempt, &[u64])]) -> Vec<String> {
    let mut by_sent = attempts.to_vec();
    by_sent.sort_by_key(|(attempt, _)| attempt.sent);
    let mut by_answer = attempts.to_vec();
    by_answer.sort_by_key(|(attempt, _)| attempt.answered);
    let mut found = Vec::new();
    let (mut acked, mut highest) = (by_answer.into_iter().peekable(), None);
    for (attempt, offsets) in by_sent {
        while let Some((earlier, before)) =
            acked.next_if(|(earlier, _)| earlier.answered < attempt.sent)
        {
            let last = before.iter().max().copied();
            if last > highest.map(|(offset, _)| offset) {
                highest = last.map(|offset| (offset, earlier));
            }
        }
        if let (Some((offset, earlier)), Some(first)) = (highest, offsets.iter().min())
            && *first <= offset
        {
            let (late, early) = (&attempt.values, &earlier.values);
            found.push(format!("order: {late:?} at {first} came after {early:?} at {offset}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::histories::attempt;
    use super::*;

    #[test]
    fn a_later_request_below_an_acknowledged_one_is_seen() {
        let first = attempt(&["a"], Outcome::Acked(vec![5]));
        // The clock must move between the answer and the next request.
        while first.answered.elapsed() < Duration::from_micros(10) {
            std::hint::spin_loop();
        }
        let below = attempt(&["b"], Outcome::Acked(vec![4]));
        let above = attempt(&["b"], Outcome::Acked(vec![6]));
        assert_eq!(violations(&[first.clone(), below]).len(), 1);
        assert!(violations(&[first, above]).is_empty());
    }
}
