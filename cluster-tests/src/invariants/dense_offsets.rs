//! INV-02: offsets are dense from the log start, each used once, and the log starts where it was
//! trimmed to.

use super::Log;

/// Places where the next offset is not one more.
pub fn violations(log: &Log) -> Vec<String> {
    let mut found = Vec::new();
    for (partition, read) in log {
        if let Some(first) = read.records.first().filter(|first| first.offset != read.trimmed_to) {
            let (first, start) = (first.offset, read.trimmed_to);
            found.push(format!("INV-02: partition {partition} starts at {first}, not at {start}"));
        }
        for pair in read.records.windows(2) {
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
        for bad in [[0, 2], [0, 0], [1, 2]] {
            assert_eq!(violations(&log(&[(bad[0], "a"), (bad[1], "b")])).len(), 1);
        }
        assert_eq!(violations(&log(&[(1, "a"), (0, "b")])).len(), 2);
        let mut trimmed = log(&[(5, "a"), (6, "b")]);
        assert_eq!(violations(&trimmed).len(), 1);
        trimmed.entry(0).or_default().trimmed_to = 5;
        assert!(violations(&trimmed).is_empty());
    }
}
