//! The only place that reads time. Everything else gets a `Clock` or a `now`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Wall and monotonic time of this node. Copied freely. Monotonic time is the runtime's, so that a
/// test or a simulation that steers the runtime steers it; wall time is the system's, or follows
/// the runtime's from a given moment on.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: Wall,
    began: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { wall: Wall::System, began: monotonic() }
    }
}

#[derive(Debug, Clone, Copy)]
enum Wall {
    /// What the system says.
    System,
    /// So many milliseconds since 1970 it was when the clock began.
    Given { ms: i64 },
}

impl Clock {
    /// A clock that says `now_ms` now and goes on with the runtime: any wall time at all, and the
    /// same one in each run where the runtime's time is steered.
    pub fn given(now_ms: i64) -> Self {
        Clock { wall: Wall::Given { ms: now_ms }, began: monotonic() }
    }

    /// Milliseconds since 1970, for timestamps only: it may jump.
    pub fn now_ms(self) -> i64 {
        match self.wall {
            Wall::System => system_ms(),
            Wall::Given { ms } => {
                ms.saturating_add(millis(monotonic().saturating_duration_since(self.began)))
            }
        }
    }

    /// Monotonic time, for durations and deadlines.
    pub fn instant(self) -> Instant {
        monotonic()
    }

    /// Ticks at once and then at multiples of `period` since the clock began. Loops of one node that
    /// have nothing to do wake it together, instead of each at a time of its own.
    pub fn every(self, period: Duration) -> Ticks {
        Ticks { began: self.began, period, next: Some(monotonic()) }
    }
}

/// See [`Clock::every`]. A tick that comes late is not made up for.
#[derive(Debug)]
pub struct Ticks {
    began: Instant,
    period: Duration,
    next: Option<Instant>,
}

impl Ticks {
    /// Waits for the next tick. Nothing is lost if the future is dropped.
    pub async fn tick(&mut self) {
        let (began, period) = (self.began, self.period);
        let next = *self.next.get_or_insert_with(|| following(began, period, monotonic()));
        tokio::time::sleep_until(next).await;
        self.next = None;
    }
}

/// The first multiple of a period behind this moment.
fn following(began: Instant, period: Duration, now: Instant) -> Instant {
    let gone = now.saturating_duration_since(began).as_nanos();
    let into = gone % period.as_nanos().max(1);
    now + period.saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(0)))
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
    use futures_util::FutureExt;

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
        let clock = Clock { wall: Wall::Given { ms: -5 }, began: earlier };
        assert!(clock.now_ms() + 5 >= millis(t0 - earlier));
    }

    #[test]
    fn the_systems_clock_is_past_2020() {
        assert!(Clock::default().now_ms() > 1_577_836_800_000);
    }

    #[test]
    fn ticks_are_due_at_multiples_of_their_period() {
        let (began, ms) = (monotonic(), Duration::from_millis);
        for (period, now, next) in [(50, 0, 50), (50, 30, 50), (50, 50, 100), (100, 270, 300)] {
            assert_eq!(following(began, ms(period), began + ms(now)), began + ms(next), "{now}");
        }
        assert_eq!(following(began, Duration::ZERO, began + ms(7)), began + ms(7));
        assert_eq!(following(began + ms(9), ms(50), began), began + ms(50), "before it began");
    }

    #[tokio::test]
    async fn the_first_tick_comes_at_once_and_one_that_is_not_waited_for_is_not_lost() {
        let clock = Clock::default();
        let hour = Duration::from_secs(3_600);
        let mut ticks = clock.every(hour);
        ticks.tick().await;
        assert!(clock.instant() < clock.began + hour);
        let mut ticks = clock.every(Duration::from_millis(50));
        ticks.tick().await;
        assert!(ticks.tick().now_or_never().is_none());
        let due = ticks.next.unwrap();
        ticks.tick().await;
        assert!(clock.instant() >= due && ticks.next.is_none());
    }
}
