//! Three times what the cluster takes: what gets through, what is refused and how, what memory it
//! takes, and whether it is over at once when the load is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::figures::median;
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::{Stopwatch, background};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::harness::probe::pass;
use rampart_cluster_tests::harness::proc_stat::resident_bytes;
use serde_json::json;

use super::load::{BATCH, BATCH_RECORDS, batch, latencies};
use super::report::Report;

const TOPIC: &str = "bench-overload";
const PARTITIONS: u32 = 6;
/// Requests under way that the cluster takes with ease; the peak is what they get through.
const EASY: u32 = 16;
/// Before the peak is measured there is a load for so many times as long, and no less than until
/// old records are removed, as they always are later: it takes a part of the disk.
const WARM_SPANS: u32 = 3;
const WARM_MIN: Duration = Duration::from_secs(45);
/// How much more is offered than the peak.
const TIMES: f64 = 3.0;
/// Requests that wait for their answers or for the time to try again. What comes above it is not
/// sent: clients are bounded too.
const WAITING_MAX: u64 = 1_500;
/// The log is trimmed behind the writers: a minute would fill a disk.
const RETAINED_BYTES: u64 = 64 << 20;
/// Between two looks at what is due, and at memory.
const STEP: Duration = Duration::from_millis(10);
/// What gets through before and after it is counted in such spans. What ends and begins in so short
/// a one counts: it is compared with those as short.
const WINDOW: Duration = Duration::from_secs(1);
/// So many of them before it.
const WINDOWS_BEFORE: usize = 5;
/// So many behind it.
const WINDOWS_BEHIND: usize = 30;
/// Those behind so many say what the disk takes by then: it changes by a third within a minute,
/// whatever is done with it.
const WINDOWS_UNTIL_LEVEL: usize = 15;
/// Targets: what gets through as a part of the peak, or of what did before; memory; how soon.
const OF_PEAK: f64 = 0.9;
const MEMORY_MIB: f64 = 1_024.0;
const RECOVERED_S: f64 = 3.0;
/// What the disk takes moves by so much by itself.
const LEVEL: f64 = 0.67;
/// So many windows in a row are no accident.
const STEADY: usize = 2;

/// All of it; the overload lasts twelve times the span.
pub(crate) async fn measure(cluster: &Cluster, span: Duration, report: &mut Report) -> Result<()> {
    let config = json!({ "retention.bytes": RETAINED_BYTES.to_string() });
    cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, config).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    let writers = Arc::new(Writers::new(cluster).await?);
    // New files are faster than those that are used again, as all are after a while.
    report.progress("what the cluster takes, after a while");
    closed(&writers, (span * WARM_SPANS).max(WARM_MIN)).await?;
    let peak = closed(&writers, span).await?;
    let before = windows(&writers, WINDOWS_BEFORE).await?;
    let long = span * 12;
    report.progress(format!("three times as much for {} s", long.as_secs()));
    let area = "three times the load that it takes, 6 partitions x 3";
    let watch = Stopwatch::start();
    let memory = open(&writers, cluster, (peak * TIMES, long)).await?;
    let seen = writers.take();
    let took = watch.elapsed().as_secs_f64();
    let through = seen.times.len() as f64 / took;
    report.add(area, "records before it", peak * BATCH_RECORDS as f64, "1/s");
    report.add(area, "records that get through", through * BATCH_RECORDS as f64, "1/s");
    report.add_above(area, "of those before it", through / peak, "", OF_PEAK);
    report.add(area, "refused, saying when to come again", seen.refused as f64 / took, "1/s");
    report.add(area, "not sent, as too many waited", seen.unsent as f64 / took, "1/s");
    latencies(area, seen.times, report);
    report.add_below(area, "RSS per node, most at any time", memory, "MiB", MEMORY_MIB);
    report.progress("what it takes then");
    let behind = windows(&writers, WINDOWS_BEHIND).await?;
    let recovery = Recovery::of(&before, &behind).context("the cluster does not recover")?;
    report.add_above(area, "records behind it : before it", recovery.level, "", LEVEL);
    let took = recovery.windows as f64 * WINDOW.as_secs_f64();
    report.add_below(area, "from its end until as much gets through", took, "s", RECOVERED_S);
    cluster.api(0).delete(&format!("/v1/topics/{TOPIC}")).await?.ok()?;
    Ok(())
}

/// What was seen since the last look.
#[derive(Debug, Default)]
struct Seen {
    /// From sending to the acknowledgement, of the attempt that was acknowledged.
    times: Vec<Duration>,
    refused: u64,
    unsent: u64,
}

/// A way to the leader of each partition.
struct Writers {
    leaders: Vec<(Api, String)>,
    batch: bytes::Bytes,
    seen: Mutex<Seen>,
    waiting: AtomicU64,
}

impl Writers {
    async fn new(cluster: &Cluster) -> Result<Writers> {
        let mut leaders = Vec::new();
        for partition in 0..PARTITIONS {
            let api = cluster.api(cluster.leader(0, TOPIC, partition).await?).clone();
            let path = format!("/v1/topics/{TOPIC}/records?partition={partition}&ack=quorum");
            leaders.push((api, path));
        }
        let (batch, waiting) = (batch(1), AtomicU64::new(0));
        Ok(Writers { leaders, batch, seen: Mutex::default(), waiting })
    }

    fn with_seen<T>(&self, with: impl FnOnce(&mut Seen) -> T) -> T {
        with(&mut self.seen.lock().expect("no holder of this lock panics"))
    }

    fn take(&self) -> Seen {
        self.with_seen(std::mem::take)
    }

    /// One request, again as long as it is refused.
    async fn write(&self, number: u64) -> Result<()> {
        let (api, path) = &self.leaders[(number % u64::from(PARTITIONS)) as usize];
        loop {
            let watch = Stopwatch::start();
            let answer = api.post_bytes(path, BATCH, self.batch.clone()).await?;
            match answer.status {
                200 => {
                    self.with_seen(|seen| seen.times.push(watch.elapsed()));
                    return Ok(());
                }
                429 | 503 => {
                    let wait = answer.header("retry-after").context("no Retry-After")?.parse()?;
                    self.with_seen(|seen| seen.refused += 1);
                    pass(Duration::from_secs(wait)).await;
                }
                _ => anyhow::bail!("{answer:?}"),
            }
        }
    }
}

/// Requests a second that so many writers get through, each waiting for its answers.
async fn closed(writers: &Arc<Writers>, span: Duration) -> Result<f64> {
    writers.take();
    let watch = Stopwatch::start();
    let tasks: Vec<_> = (0..EASY)
        .map(|worker| {
            let writers = writers.clone();
            background(async move {
                while watch.elapsed() < span {
                    writers.write(worker.into()).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(writers.take().times.len() as f64 / watch.elapsed().as_secs_f64())
}

/// What gets through in each of some windows, requests a second.
async fn windows(writers: &Arc<Writers>, count: usize) -> Result<Vec<f64>> {
    let mut rates = Vec::new();
    for _ in 0..count {
        rates.push(closed(writers, WINDOW).await?);
    }
    Ok(rates)
}

/// How it was over.
struct Recovery {
    /// What gets through in the end, as a part of what did before.
    level: f64,
    /// Windows until as much got through as before, or as in the end if that is less, and went on to.
    windows: usize,
}

impl Recovery {
    fn of(before: &[f64], behind: &[f64]) -> Option<Recovery> {
        let before = median(before.to_vec())?;
        let level = median(behind.get(WINDOWS_UNTIL_LEVEL..)?.to_vec())?;
        let enough = before.min(level) * OF_PEAK;
        let is_enough = |rates: &[f64]| rates.iter().all(|rate| *rate >= enough);
        let windows = behind.windows(STEADY).position(is_enough)? + 1;
        Some(Recovery { level: level / before, windows })
    }
}

/// So many requests a second, whatever becomes of those before; the most memory of a node, in MiB.
async fn open(
    writers: &Arc<Writers>,
    cluster: &Cluster,
    (rate, span): (f64, Duration),
) -> Result<f64> {
    let (watch, mut begun, mut most) = (Stopwatch::start(), 0_u64, 0_u64);
    let (failed, mut failures) = tokio::sync::mpsc::channel(1);
    while watch.elapsed() < span {
        let due = (watch.elapsed().as_secs_f64() * rate) as u64;
        for number in begun..due {
            if writers.waiting.load(Ordering::Relaxed) >= WAITING_MAX {
                writers.with_seen(|seen| seen.unsent += 1);
                continue;
            }
            writers.waiting.fetch_add(1, Ordering::Relaxed);
            let (writers, failed) = (writers.clone(), failed.clone());
            background(async move {
                if let Err(error) = writers.write(number).await {
                    // The first is enough.
                    let _ = failed.try_send(error);
                }
                writers.waiting.fetch_sub(1, Ordering::Relaxed);
            });
        }
        begun = due.max(begun);
        for index in cluster.running() {
            most = most.max(resident_bytes(cluster.pid(index)?)?);
        }
        if let Ok(error) = failures.try_recv() {
            return Err(error);
        }
        pass(STEP).await;
    }
    let watch = Stopwatch::start();
    while writers.waiting.load(Ordering::Relaxed) > 0 {
        ensure!(watch.elapsed() < Duration::from_secs(60), "requests are not answered");
        pass(STEP).await;
    }
    Ok(most as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_once_as_much_gets_through_as_before_or_in_the_end_and_goes_on_to() {
        let behind = |first: &[f64], rest: f64| {
            let mut rates = first.to_vec();
            rates.resize(WINDOWS_BEHIND, rest);
            rates
        };
        let recovery = |rates: Vec<f64>| Recovery::of(&[90.0, 100.0, 110.0], &rates);
        let at_once = recovery(behind(&[], 100.0)).unwrap();
        assert_eq!((at_once.windows, at_once.level), (1, 1.0));
        assert_eq!(recovery(behind(&[30.0, 95.0, 40.0], 95.0)).unwrap().windows, 4, "by accident");
        let slower = recovery(behind(&[30.0], 80.0)).unwrap();
        assert_eq!((slower.windows, slower.level), (2, 0.8));
        assert_eq!(recovery(behind(&[95.0], 200.0)).unwrap().windows, 1, "more than before");
        assert!(recovery(Vec::new()).is_none(), "nothing was seen");
    }
}
