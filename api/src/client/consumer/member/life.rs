//! `[pure]` A member's life: whether its application is here, how it ends, and when it may leave.

use std::time::Duration;

use super::{Life, Member};
use crate::client::consumer::error::ConsumerError;

impl Member {
    /// Whether the application has been away for too long.
    pub(super) fn is_absent(&self, now: Duration) -> bool {
        self.visitors == 0 && now.saturating_sub(self.visited) >= self.options.processing_max
    }

    /// Who waits for records is here.
    pub(in crate::client::consumer) fn enters(&mut self, now: Duration) {
        self.visitors += 1;
        self.visited = now;
    }

    pub(in crate::client::consumer) fn goes(&mut self, now: Duration) {
        self.visitors -= 1;
        self.visited = now;
    }

    /// Ends the consumer: what is to be said is said, for a while, and then it leaves.
    /// `is_done`: what was delivered last is done.
    pub(in crate::client::consumer) fn close(&mut self, is_done: bool, now: Duration) {
        if self.life != Life::Running {
            return;
        }
        match is_done {
            true => self.finish_batch(now),
            false => self.last_batch.clear(),
        }
        self.life = Life::Closing { until: now + self.options.close_timeout };
    }

    /// An operator ends the consumer: what is in hand is finished first.
    pub(in crate::client::consumer) fn end(&mut self) {
        self.was_told_to_end = true;
        self.drop_buffered(|_| true);
    }

    pub(super) fn may_leave(&self, now: Duration) -> bool {
        match self.life {
            Life::Closing { until } => {
                let is_waiting = self.is_polling || self.hand.has_said();
                !is_waiting || now >= until
            }
            Life::Running | Life::Ended => false,
        }
    }

    pub(in crate::client::consumer) fn has_ended(&mut self) {
        self.life = Life::Ended;
        self.hand.close();
        self.buffer.drop_lost(|_| true);
    }

    pub(in crate::client::consumer) fn is_over(&self) -> bool {
        self.life == Life::Ended
    }

    pub(in crate::client::consumer) fn check_running(&self) -> Result<(), ConsumerError> {
        match (self.life, self.was_told_to_end) {
            (_, true) => Err(ConsumerError::Ended),
            (Life::Running, false) => Ok(()),
            (Life::Closing { .. } | Life::Ended, false) => Err(ConsumerError::Closed),
        }
    }
}
