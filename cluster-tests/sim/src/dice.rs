//! The dice of a run. Every user has its own, named after it, so that what one of them draws does
//! not change what another one gets.

use std::time::Duration;

use rampart_node::randomness::Randomness;

/// Random choices of one user.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    numbers: Randomness,
}

impl Dice {
    /// The dice of a run.
    pub(crate) fn new(seed: u64) -> Dice {
        Dice { numbers: Randomness::seeded(seed) }
    }

    /// The dice of one user.
    pub(crate) fn of(&self, user: &str) -> Dice {
        Dice { numbers: self.numbers.fork(user) }
    }

    /// What a node gets as its entropy.
    pub(crate) fn randomness(&self, user: &str) -> Randomness {
        self.numbers.fork(user)
    }

    /// Any number.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.number()
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// A position in something of this length, which is not 0.
    pub(crate) fn position(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("it is below a length")
    }

    /// One of these.
    pub(crate) fn pick<T: Clone>(&self, from: &[T]) -> T {
        from[self.position(from.len())].clone()
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Whole milliseconds in `from..to`.
    pub(crate) fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below((to - from).max(1)))
    }

    /// A random order.
    pub(crate) fn shuffled<T>(&self, mut all: Vec<T>) -> Vec<T> {
        for last in (1..all.len()).rev() {
            all.swap(last, self.position(last + 1));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_stay_in_range_and_repeat() {
        let draw = |dice: &Dice| (0..50).map(|_| dice.below(7)).collect::<Vec<_>>();
        let first = draw(&Dice::new(3).of("a"));
        assert!(first.iter().all(|n| *n < 7));
        assert_eq!(first, draw(&Dice::new(3).of("a")));
        assert_ne!(first, draw(&Dice::new(3).of("b")));
        let mut order = Dice::new(1).shuffled((0..20).collect());
        order.sort_unstable();
        assert_eq!(order, (0..20).collect::<Vec<_>>());
    }
}
