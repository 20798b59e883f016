//! The only place that reads time. Everything else gets a `Clock` or a `now`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Wall and monotonic time of this node. Copied freely; the simulation's runtime steers both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    offset_ms: i64,
}

impl Clock {
    /// A clock whose wall time is off by `offset_ms`, for tests of clock skew.
    pub fn skewed(offset_ms: i64) -> Self {
        Clock { offset_ms }
    }

    /// Milliseconds since 1970, for timestamps only: it may jump.
    #[allow(clippy::disallowed_methods)] // This is the place.
    pub fn now_ms(self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(self.offset_ms)
    }

    /// Monotonic time, for durations and deadlines.
    pub fn instant(self) -> Instant {
        Instant::now()
    }
}
