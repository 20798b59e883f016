//! Nothing is in the log that nobody sent or that was refused, nothing is there twice, and the
//! values of one request stand together.

use std::collections::HashMap;

use super::{Log, Read};
use crate::workloads::append::{Attempt, Outcome};

/// Values that should not be where they are.
pub fn violations(attempts: &[Attempt], log: &Log) -> Vec<String> {
    let sent: HashMap<&str, &Attempt> = attempts
        .iter()
        .flat_map(|attempt| attempt.values.iter().map(move |value| (value.as_str(), attempt)))
        .collect();
    let mut seen: HashMap<&str, (u32, u64)> = HashMap::new();
    let mut found = Vec::new();
    for (partition, read) in log {
        for record in &read.records {
            let value = record.value.as_deref().unwrap_or("null");
            let place = (*partition, record.offset);
            match sent.get(value) {
                None => found.push(format!("phantom: nobody sent {value}, seen at {place:?}")),
                Some(attempt) if attempt.partition != *partition => {
                    found.push(format!(
                        "{value} is in partition {partition}, not where it was sent"
                    ));
                }
                Some(Attempt { outcome: Outcome::NotDone(why), .. }) => {
                    found.push(format!("{value} was refused ({why}), seen at {place:?}"));
                }
                Some(_) => {}
            }
            if let Some(before) = seen.insert(value, place) {
                found.push(format!("duplicate: {value} is at {before:?} and {place:?}"));
            }
        }
    }
    let trimmed_to = |partition| log.get(&partition).map_or(0, |read: &Read| read.trimmed_to);
    found.extend(attempts.iter().filter_map(|a| torn(a, &seen, trimmed_to(a.partition))));
    found
}

/// A request of which only a part is there, or whose values are not side by side.
fn torn(attempt: &Attempt, seen: &HashMap<&str, (u32, u64)>, trimmed_to: u64) -> Option<String> {
    let places: Vec<_> = attempt.values.iter().filter_map(|v| seen.get(v.as_str())).collect();
    let first = places.first()?;
    let together = places.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1);
    let last_missing = attempt.values.last().is_some_and(|v| !seen.contains_key(v.as_str()));
    // Retention may have taken the beginning of a request.
    let is_cut = trimmed_to > 0 && first.1 == trimmed_to;
    let some_missing = places.len() < attempt.values.len() && !is_cut;
    (!together || last_missing || some_missing)
        .then(|| format!("torn: the values {:?} are at {places:?}", attempt.values))
}

#[cfg(test)]
mod tests {
    use super::super::histories::{attempt, log};
    use super::*;

    #[test]
    fn phantoms_refused_doubled_and_torn_values_are_seen() {
        let unknown = || Outcome::Unknown(String::new());
        let attempts =
            [attempt(&["a", "b"], unknown()), attempt(&["no"], Outcome::NotDone(String::new()))];
        let bad = [
            log(&[(0, "never sent")]),
            log(&[(0, "no")]),
            log(&[(0, "a"), (1, "b"), (2, "b")]),
            log(&[(0, "a")]),
            log(&[(0, "b"), (1, "a")]),
            log(&[(0, "b")]),
        ];
        for bad in bad {
            assert!(!violations(&attempts, &bad).is_empty(), "{bad:?}");
        }
        assert!(violations(&attempts, &log(&[])).is_empty());
        assert!(violations(&attempts, &log(&[(0, "a"), (1, "b")])).is_empty());
    }
}
