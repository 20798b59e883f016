//! `[pure]` A bound on bytes a second: whoever took some waits as long as they are worth, so that no
//! burst is ever larger than one helping. Times are since the client began.

use std::time::Duration;

/// The bound; none unless one is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::client) struct Throttle {
    /// 0 = none.
    bytes_per_second: u64,
    free_at: Duration,
}

impl Throttle {
    /// Sets the bound; 0 takes it away.
    pub(in crate::client) fn set(&mut self, bytes_per_second: u64, now: Duration) {
        self.bytes_per_second = bytes_per_second;
        // What was taken under another bound is forgiven.
        self.free_at = self.free_at.min(now);
    }

    /// So many bytes were taken.
    pub(in crate::client) fn took(&mut self, bytes: u64, now: Duration) {
        if self.bytes_per_second > 0 {
            let micros = u128::from(bytes) * 1_000_000 / u128::from(self.bytes_per_second);
            let worth = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
            self.free_at = self.free_at.max(now).saturating_add(worth);
        }
    }

    /// Whether more may be taken.
    pub(in crate::client) fn is_free(&self, now: Duration) -> bool {
        now >= self.free_at
    }

    /// When more may be taken.
    pub(in crate::client) fn free_at(&self) -> Duration {
        self.free_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_paid_for_in_time() {
        let secs = Duration::from_secs;
        let mut throttle = Throttle::default();
        throttle.took(u64::MAX, secs(1));
        assert!(throttle.is_free(secs(1)), "there is no bound");
        throttle.set(1_000, secs(1));
        throttle.took(2_000, secs(1));
        assert_eq!(throttle.free_at(), secs(3));
        throttle.took(500, secs(2));
        assert_eq!(throttle.free_at(), Duration::from_millis(3_500));
        assert!(!throttle.is_free(secs(3)) && throttle.is_free(secs(4)));
        throttle.took(1_000, secs(10));
        assert_eq!(throttle.free_at(), secs(11), "nothing is saved up");
        throttle.set(0, secs(10));
        assert!(throttle.is_free(secs(10)));
    }
}
