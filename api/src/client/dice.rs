//! `[pure]` Numbers that one seed repeats: splitmix64, which is enough for jitter and spreading.

/// A sequence of numbers.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The same numbers for the same seed.
    pub(super) fn seeded(seed: u64) -> Self {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        // The high half of a product is below `end`, and as even as nobody can measure here.
        let product = u128::from(self.next()) * u128::from(end.max(1));
        u32::try_from(product >> 64).expect("it is below a u32")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_their_seed_and_spread_over_their_range() {
        let draw = |seed| {
            let mut dice = Dice::seeded(seed);
            (0..1_000).map(|_| dice.below(4)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        for number in 0..4 {
            let hits = draw(7).iter().filter(|drawn| **drawn == number).count();
            assert!((200..300).contains(&hits), "{number} came {hits} times");
        }
        assert_eq!(Dice::seeded(1).below(0), 0);
    }
}
