//! When records are due and requests are sent, at a fixed rate. `[pure]`

use std::time::Duration;

/// A rate, cut into requests of equal size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    rate: u64,
    batch: u64,
    linger: Duration,
}

impl Schedule {
    /// Requests of as many records as are due within the linger, up to a whole batch.
    pub(super) fn new(rate: u64, batch: u32, linger: Duration) -> Schedule {
        let within = linger.as_nanos() * u128::from(rate) / 1_000_000_000;
        let due = u64::try_from(within).unwrap_or(u64::MAX).saturating_add(1);
        Schedule { rate, batch: due.min(batch.into()), linger }
    }

    /// Records of each request.
    pub(super) fn batch(&self) -> u64 {
        self.batch
    }

    /// When a record is due, counted from the start.
    pub(super) fn due(&self, record: u64) -> Duration {
        let nanos = u128::from(record) * 1_000_000_000 / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// When a request is sent: with its last record if it is full, else after its linger.
    pub(super) fn sent(&self, request: u64, batch: u32) -> Duration {
        let first = request * self.batch;
        match self.batch == u64::from(batch) {
            true => self.due(first + self.batch - 1),
            false => self.due(first) + self.linger,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn without_a_linger_each_record_goes_alone_when_it_is_due() {
        let schedule = Schedule::new(2_000, 100, Duration::ZERO);
        assert_eq!(schedule.batch(), 1);
        assert_eq!(
            [0, 1, 2_000].map(|n| schedule.sent(n, 100)),
            [0, 500, 1_000_000].map(Duration::from_micros)
        );
    }

    #[test]
    fn with_a_linger_a_request_takes_what_is_due_within_it() {
        let schedule = Schedule::new(2_000, 100, 5 * MS);
        assert_eq!(schedule.batch(), 11);
        assert_eq!(
            (schedule.due(11), schedule.sent(1, 100)),
            (5_500 * MS / 1_000, 10_500 * MS / 1_000)
        );
    }

    #[test]
    fn a_full_request_goes_with_its_last_record() {
        let schedule = Schedule::new(100_000, 10, 5 * MS);
        assert_eq!((schedule.batch(), schedule.sent(1, 10)), (10, Duration::from_micros(190)));
    }
}
