//! A number that only grows, and since which line of the history it was known to be so high.

/// What was known when.
#[derive(Debug, Clone, Default)]
pub(super) struct Floor {
    /// Line and number, both ascending.
    steps: Vec<(u32, u64)>,
}

impl Floor {
    /// On this line it is said to be so high, at least.
    pub(super) fn raise(&mut self, line: u32, to: u64) {
        if self.last().is_none_or(|last| last < to) {
            self.steps.push((line, to));
        }
    }

    /// What whoever asked on this line must not fall below.
    pub(super) fn at(&self, line: u32) -> Option<u64> {
        let known = self.steps.partition_point(|(since, _)| *since < line);
        Some(self.steps.get(known.checked_sub(1)?)?.1)
    }

    /// The highest that is known.
    pub(super) fn last(&self) -> Option<u64> {
        self.steps.last().map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_holds_for_whoever_asks_later() {
        let mut floor = Floor::default();
        assert_eq!((floor.at(9), floor.last()), (None, None));
        for (line, to) in [(2, 10), (4, 7), (6, 20)] {
            floor.raise(line, to);
        }
        let known = [0, 2, 3, 6, 7].map(|line| floor.at(line));
        assert_eq!(known, [None, None, Some(10), Some(10), Some(20)]);
        assert_eq!(floor.last(), Some(20));
    }
}
