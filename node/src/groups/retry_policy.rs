//! `[pure]` What becomes of a record that was not processed, as the topic's dead-letter switch says:
//! tried again after a delay that grows, and given up after so many attempts.

use rampart_raft_store::state::group::TopicPartition;
use rampart_raft_store::state::group::command::Fate;

/// The dead-letter switch of a topic, switched on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Deliveries in all.
    pub attempts_max: u32,
    /// Delay after the first one.
    pub delay_ms: u64,
    /// Each delay is so many times the one before.
    pub backoff: f64,
    /// Longest delay.
    pub delay_ms_max: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy { attempts_max: 5, delay_ms: 1_000, backoff: 2.0, delay_ms_max: 600_000 }
    }
}

/// What a member said of a record, or the end of its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Try again, after so long if it says so, which is no longer than the longest delay.
    Retry(Option<u64>),
    /// Not again.
    Reject,
    /// It was not settled in time.
    TimedOut,
}

impl RetryPolicy {
    /// What becomes of a record after `attempts` deliveries, at `now_ms`.
    pub fn fate(&self, failure: Failure, attempts: u32, into: TopicPartition, now_ms: i64) -> Fate {
        let delay = match failure {
            Failure::Reject => None,
            Failure::Retry(_) | Failure::TimedOut if attempts >= self.attempts_max => None,
            Failure::Retry(Some(asked)) => Some(asked.min(self.delay_ms_max)),
            Failure::Retry(None) | Failure::TimedOut => Some(self.delay_ms_after(attempts)),
        };
        match delay {
            Some(delay) => {
                let delay = i64::try_from(delay).unwrap_or(i64::MAX);
                Fate::Wait { due_ms: now_ms.saturating_add(delay) }
            }
            None => Fate::Die { into },
        }
    }

    /// The delay after so many deliveries. Decided once, by the coordinator, and then replicated: so
    /// floating point does no harm.
    fn delay_ms_after(&self, attempts: u32) -> u64 {
        let exponent = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
        let delay = self.delay_ms as f64 * self.backoff.max(1.0).powi(exponent);
        // Not a number, or beyond what fits: the longest.
        if delay < self.delay_ms_max as f64 { delay as u64 } else { self.delay_ms_max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTO: TopicPartition =
        TopicPartition { topic: rampart_api::model::ids::TopicId(uuid::Uuid::nil()), partition: 3 };

    fn due(policy: &RetryPolicy, failure: Failure, attempts: u32) -> Option<i64> {
        match policy.fate(failure, attempts, INTO, 100) {
            Fate::Wait { due_ms } => Some(due_ms - 100),
            Fate::Die { into } => {
                assert_eq!(into, INTO);
                None
            }
        }
    }

    #[test]
    fn delays_double_until_the_attempts_are_used_up() {
        let policy = RetryPolicy::default();
        let delays: Vec<_> = (1..7).map(|n| due(&policy, Failure::TimedOut, n)).collect();
        assert_eq!(delays, [Some(1_000), Some(2_000), Some(4_000), Some(8_000), None, None]);
        assert_eq!(due(&policy, Failure::Reject, 1), None);
        assert_eq!(due(&policy, Failure::Retry(Some(7)), 2), Some(7), "as it asked");
        assert_eq!(due(&policy, Failure::Retry(Some(7)), 5), None);
    }

    #[test]
    fn no_delay_is_longer_than_the_longest() {
        let policy = RetryPolicy { attempts_max: u32::MAX, ..RetryPolicy::default() };
        for attempts in [11, 1_000, u32::MAX - 1] {
            assert_eq!(due(&policy, Failure::Retry(None), attempts), Some(600_000));
        }
        assert_eq!(due(&policy, Failure::Retry(Some(u64::MAX)), 1), Some(600_000));
        let steady = RetryPolicy { backoff: f64::NAN, ..policy };
        assert_eq!(due(&steady, Failure::TimedOut, 9), Some(1_000));
    }
}
