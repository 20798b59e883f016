//! What a load did so far: records, bytes, and how long records waited.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::time::Instant;

use crate::cli::output::{bytes, number, table};
use crate::clock::Clock;

/// Longest time that is told apart.
const LONGEST_US: u64 = 600_000_000;
/// Digits of a time that are right.
const DIGITS: u8 = 3;

/// Counted while a load runs.
#[derive(Debug)]
pub(super) struct Figures {
    clock: Clock,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    began: Instant,
    ended: Instant,
    records: u64,
    bytes: u64,
    requests: u64,
    refused: u64,
    waited: Histogram<u64>,
}

impl Figures {
    /// From now on.
    pub(super) fn start(clock: Clock) -> Figures {
        let now = clock.instant();
        let waited = Histogram::new_with_max(LONGEST_US, DIGITS).expect("bounds of our own");
        let seen =
            Seen { began: now, ended: now, records: 0, bytes: 0, requests: 0, refused: 0, waited };
        Figures { clock, seen: Mutex::new(seen) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Counters are whole whatever happened.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was answered: so many bytes, and how long each of its records waited.
    pub(super) fn answered(&self, bytes: u64, waited: impl Iterator<Item = Duration>) {
        let mut seen = self.seen();
        seen.ended = self.clock.instant();
        seen.requests += 1;
        seen.bytes += bytes;
        for time in waited {
            seen.records += 1;
            let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            seen.waited.saturating_record(us);
        }
    }

    /// So many records came, of whose times nothing is known.
    pub(super) fn came(&self, bytes: u64, records: u64) {
        let mut seen = self.seen();
        seen.ended = self.clock.instant();
        seen.requests += 1;
        seen.bytes += bytes;
        seen.records += records;
    }

    /// The server had no room for a request, which is sent again.
    pub(super) fn refused(&self) {
        self.seen().refused += 1;
    }

    /// Records so far.
    pub(super) fn records(&self) -> u64 {
        self.seen().records
    }

    /// One line about how it goes.
    pub(super) fn line(&self, verb: &str) -> String {
        let seen = self.seen();
        let seconds = self.clock.instant().saturating_duration_since(seen.began).as_secs_f64();
        let rate = seen.records as f64 / seconds.max(1e-3);
        format!("{} records {verb}, {} a second", number(seen.records), number(rate as u64))
    }

    /// All of it.
    pub(super) fn summary(&self) -> Summary {
        let seen = self.seen();
        let seconds = seen.ended.saturating_duration_since(seen.began).as_secs_f64();
        let per_second = |count: u64| count as f64 / seconds.max(1e-6);
        let ms = |share: f64| seen.waited.value_at_quantile(share) as f64 / 1e3;
        let latency = (!seen.waited.is_empty()).then(|| Latency {
            p50_ms: ms(0.5),
            p90_ms: ms(0.9),
            p99_ms: ms(0.99),
            p999_ms: ms(0.999),
            max_ms: seen.waited.max() as f64 / 1e3,
        });
        Summary {
            seconds,
            records: seen.records,
            bytes: seen.bytes,
            requests: seen.requests,
            refused: seen.refused,
            records_per_second: per_second(seen.records),
            bytes_per_second: per_second(seen.bytes),
            latency,
        }
    }
}

/// What a load did.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Summary {
    seconds: f64,
    records: u64,
    bytes: u64,
    requests: u64,
    refused: u64,
    records_per_second: f64,
    bytes_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Latency>,
}

/// How long records waited.
#[derive(Debug, Clone, Copy, Serialize)]
struct Latency {
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    max_ms: f64,
}

/// What is printed.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// Until records were acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) produce: Option<Summary>,
    /// Until they were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consume: Option<Summary>,
}

impl Report {
    /// As a table.
    pub(super) fn text(&self) -> String {
        let rows = [("produce", &self.produce), ("consume", &self.consume)];
        let rows = rows.into_iter().filter_map(|(what, summary)| Some((what, summary.as_ref()?)));
        let rows = rows.map(|(what, summary)| {
            let ms = |of: fn(&Latency) -> f64| {
                summary
                    .latency
                    .as_ref()
                    .map_or("-".to_owned(), |latency| format!("{:.2}", of(latency)))
            };
            [
                what.to_owned(),
                number(summary.records),
                number(summary.records_per_second as u64),
                bytes(summary.bytes_per_second as u64),
                number(summary.refused),
                ms(|latency| latency.p50_ms),
                ms(|latency| latency.p90_ms),
                ms(|latency| latency.p99_ms),
                ms(|latency| latency.p999_ms),
                ms(|latency| latency.max_ms),
            ]
        });
        let header = [
            "",
            "RECORDS",
            "RECORDS/S",
            "BYTES/S",
            "REFUSED",
            "P50 MS",
            "P90 MS",
            "P99 MS",
            "P99.9 MS",
            "MAX MS",
        ];
        table(header, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_add_up() {
        let figures = Figures::start(Clock::default());
        let times = (1..=100).map(Duration::from_millis);
        figures.answered(1_000, times);
        figures.refused();
        {
            let mut seen = figures.seen();
            seen.ended = seen.began + Duration::from_secs(2);
        }
        let summary = figures.summary();
        assert_eq!((summary.records, summary.requests, summary.refused), (100, 1, 1));
        assert!((summary.records_per_second - 50.0).abs() < 0.1, "{summary:?}");
        let latency = summary.latency.unwrap();
        assert!((latency.p50_ms - 50.0).abs() < 0.2, "{latency:?}");
        assert!((latency.max_ms - 100.0).abs() < 0.2, "{latency:?}");
        assert!(Report { produce: Some(summary), consume: None }.text().contains("99.0"));
    }
}
