//! INV-02: offsets are dense from the log start, each used once.

use super::Log;

/// Places where the next offset is not one more.
pub fn violations(log: &Log) -> Vec<String> {
    let mut found = Vec::new();
    for (partition, records) in log {
        for pair in records.windows(2) {
            let (before, after) = (pair[0].offset, pair[1].offset);
            if after != before + 1 {
                found.push(format!("INV-02: partition {partition} goes from {before} to {after}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::histories::log;
    use super::*;

    #[test]
    fn a_hole_a_repetition_and_a_step_back_are_seen() {
        for bad in [[0, 2], [0, 0], [1, 0]] {
            assert_eq!(violations(&log(&[(bad[0], "a"), (bad[1], "b")])).len(), 1);
        }
        assert!(violations(&log(&[(5, "a"), (6, "b")])).is_empty());
    }
}
