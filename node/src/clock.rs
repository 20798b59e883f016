//! The only place that reads time. Everything else gets a `Clock` or a `now`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Wall and monotonic time of this node. Copied freely. Monotonic time is the runtime's, so that a
/// test or a simulation that steers the runtime steers it; wall time is the system's, or follows
/// the runtime's from a given moment on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    wall: Wall,
}

#[derive(Debug, Clone, Copy, Default)]
enum Wall {
    /// What the system says.
    #[default]
    System,
    /// So many milliseconds since 1970 it was at that instant.
    Given { ms: i64, at: Instant },
}

impl Clock {
    /// A clock that says `now_ms` now and goes on with the runtime: any wall time at all, and the
    /// same one in each run where the runtime's time is steered.
    pub fn given(now_ms: i64) -> Self {
        Clock { wall: Wall::Given { ms: now_ms, at: monotonic() } }
    }

    /// Milliseconds since 1970, for timestamps only: it may jump.
    pub fn now_ms(self) -> i64 {
        match self.wall {
            Wall::System => system_ms(),
            Wall::Given { ms, at } => {
                ms.saturating_add(millis(monotonic().saturating_duration_since(at)))
            }
        }
    }

    /// Monotonic time, for durations and deadlines.
    pub fn instant(self) -> Instant {
        monotonic()
    }
}

#[expect(clippy::disallowed_methods)] // This is the place.
fn monotonic() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods)] // This is the place.
fn system_ms() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_clock_says_what_it_was_given_and_goes_on_with_the_runtime() {
        let an_hour = Duration::from_secs(3_600);
        let t0 = monotonic();
        let clock = Clock::given(-5);
        let t1 = monotonic();
        let now_ms = clock.now_ms();
        let t2 = monotonic();
        let gone = now_ms + 5;
        assert!((0..=millis(t2 - t0)).contains(&gone), "{gone} ms in {:?}", t2 - t1);

        let earlier = t0.checked_sub(an_hour).unwrap_or(t0);
        let clock = Clock { wall: Wall::Given { ms: -5, at: earlier } };
        assert!(clock.now_ms() + 5 >= millis(t0 - earlier));
    }

    #[test]
    fn the_systems_clock_is_past_2020() {
        assert!(Clock::default().now_ms() > 1_577_836_800_000);
    }
}
