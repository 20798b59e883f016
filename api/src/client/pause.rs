//! `[pure]` Pauses between attempts: they grow with every failure, are at least what the server asked
//! for, and are not the same for all who failed together.

use std::time::Duration;

use super::dice::Dice;

const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long to wait after so many failures.
pub(super) fn pause(failures: u32, asked_for_ms: Option<u64>, dice: &mut Dice) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << failures.saturating_sub(1).min(10));
    let asked_for = Duration::from_millis(asked_for_ms.unwrap_or(0));
    let pause = doubled.max(asked_for).min(PAUSE_MAX);
    pause.mul_f64(0.5 + f64::from(dice.below(1_000)) / 2_000.0).max(asked_for.min(PAUSE_MAX))
}

/// One kind of request of a task: how often it failed, and when it may be sent again.
#[derive(Debug)]
pub(super) struct Pauses {
    failures: u32,
    until: Duration,
    dice: Dice,
}

impl Pauses {
    pub(super) fn seeded(seed: u64) -> Pauses {
        Pauses { failures: 0, until: Duration::ZERO, dice: Dice::seeded(seed) }
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Not before then.
    pub(super) fn until(&self) -> Duration {
        self.until
    }

    pub(super) fn succeeded(&mut self) {
        (self.failures, self.until) = (0, Duration::ZERO);
    }

    pub(super) fn failed(&mut self, now: Duration, asked_for_ms: Option<u64>) {
        self.failures = self.failures.saturating_add(1);
        self.until = now + pause(self.failures, asked_for_ms, &mut self.dice);
    }

    pub(super) fn not_before(&mut self, then: Duration) {
        self.until = self.until.max(then);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_second_and_are_as_long_as_the_server_asks() {
        let mut dice = Dice::seeded(1);
        let ms =
            |failures, asked_for, dice: &mut Dice| pause(failures, asked_for, dice).as_millis();
        for _ in 0..100 {
            assert!((10..=20).contains(&ms(1, None, &mut dice)));
            assert!((40..=80).contains(&ms(3, None, &mut dice)));
            assert!((500..=1_000).contains(&ms(1_000, None, &mut dice)));
            assert!((200..=200).contains(&ms(1, Some(200), &mut dice)));
            assert!((1_000..=1_000).contains(&ms(1, Some(60_000), &mut dice)));
        }
    }

    #[test]
    fn a_success_ends_the_pauses() {
        let mut pauses = Pauses::seeded(1);
        pauses.failed(Duration::from_secs(5), None);
        assert_eq!(pauses.failures(), 1);
        assert!(pauses.until() > Duration::from_secs(5));
        pauses.not_before(Duration::from_secs(9));
        assert_eq!(pauses.until(), Duration::from_secs(9));
        pauses.succeeded();
        assert_eq!((pauses.failures(), pauses.until()), (0, Duration::ZERO));
    }
}
