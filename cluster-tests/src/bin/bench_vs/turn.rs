//! One turn of either system: all loads, one after the other, each into a topic of its own that is
//! deleted afterwards.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::figures::median;

use super::contest::{Figures, Plan};
use super::cost::{Cost, mean_memory};
use super::rows::{Figure, Part};
use super::system::{Load, Pace, System, Written};

const RECORD_BYTES: u32 = 1 << 10;
const SMALL_RECORD_BYTES: u32 = 100;
const RECORDS_PER_SECOND: u64 = 2_000;
/// So many leaders are killed in a turn.
const KILLS: usize = 3;
/// Data of either when it is started again.
const SOME_DATA: Duration = Duration::from_secs(1);
/// Files of a deleted topic go within this time.
const UNTIL_GONE: Duration = Duration::from_secs(5);
/// So much must be left for the next load: on a full disk refusals would be measured.
const ROOM_BYTES_MIN: u64 = 20 << 30;

/// Measures what the plan wants, on a system that has just become ready on empty data.
pub(crate) async fn turn<S: System>(
    mut system: S,
    fresh: Duration,
    plan: &Plan,
    figures: &mut Figures,
) -> Result<()> {
    if plan.wants(&[Part::Start]) {
        figures.insert((Part::Start, Figure::Fresh), fresh.as_secs_f64() * 1e3);
        start(&mut system, figures).await?;
    }
    let loads = [Part::Produce6, Part::Produce1, Part::Small, Part::Rate, Part::Consume];
    if plan.wants(&loads) {
        system.warm_up(plan.warm).await?;
    }
    for part in [Part::Produce6, Part::Produce1, Part::Small] {
        let is_read_back = part == Part::Produce6 && plan.wants(&[Part::Consume]);
        if plan.wants(&[part]) || is_read_back {
            let written = produce(&system, part, plan, figures).await?;
            if is_read_back {
                consume(&system, &written, figures).await?;
            }
            forget(&system, part, &plan.folder).await?;
        }
    }
    if plan.wants(&[Part::Rate]) {
        at_a_rate(&system, plan, figures).await?;
        forget(&system, Part::Rate, &plan.folder).await?;
    }
    if plan.wants(&[Part::Kill]) {
        kill(&mut system, figures).await?;
    }
    system.end().await
}

fn begin<S: System>(part: Part) {
    eprintln!("bench-vs: {}: {}", S::NAME, part.name());
}

fn topic(part: Part) -> String {
    format!("vs-{part:?}").to_lowercase()
}

async fn start<S: System>(system: &mut S, figures: &mut Figures) -> Result<()> {
    begin::<S>(Part::Start);
    system.make_topic(&topic(Part::Start), 1).await?;
    let load = Load { partitions: 1, record_bytes: RECORD_BYTES, span: SOME_DATA };
    system.produce(&topic(Part::Start), &load).await?;
    let took = system.restart().await?;
    figures.insert((Part::Start, Figure::Existing), took.as_secs_f64() * 1e3);
    Ok(())
}

async fn produce<S: System>(
    system: &S,
    part: Part,
    plan: &Plan,
    figures: &mut Figures,
) -> Result<Written> {
    begin::<S>(part);
    let partitions = if part == Part::Produce1 { 1 } else { 6 };
    let record_bytes = if part == Part::Small { SMALL_RECORD_BYTES } else { RECORD_BYTES };
    system.make_topic(&topic(part), partitions).await?;
    let pids = system.pids()?;
    let before = Cost::so_far(&pids)?;
    let load = Load { partitions, record_bytes, span: plan.span };
    let written = system.produce(&topic(part), &load).await?;
    let (after, millions) = (Cost::so_far(&pids)?, written.records as f64 / 1e6);
    let rate = written.records_per_second;
    figures.insert((part, Figure::Records), rate);
    figures.insert((part, Figure::Megabytes), rate * f64::from(record_bytes) / 1e6);
    figures.insert((part, Figure::NodesCpu), after.nodes_since(&before) / millions);
    figures.insert((part, Figure::GeneratorCpu), after.generators_since(&before) / millions);
    figures.insert((part, Figure::Memory), mean_memory(&pids)?);
    Ok(written)
}

async fn consume<S: System>(system: &S, written: &Written, figures: &mut Figures) -> Result<()> {
    begin::<S>(Part::Consume);
    let rate = system.consume(&topic(Part::Produce6), written.records).await?;
    figures.insert((Part::Consume, Figure::Records), rate);
    figures.insert((Part::Consume, Figure::Megabytes), rate * f64::from(RECORD_BYTES) / 1e6);
    Ok(())
}

async fn at_a_rate<S: System>(system: &S, plan: &Plan, figures: &mut Figures) -> Result<()> {
    begin::<S>(Part::Rate);
    system.make_topic(&topic(Part::Rate), 6).await?;
    let pace = Pace {
        records_per_second: RECORDS_PER_SECOND,
        record_bytes: RECORD_BYTES,
        linger_ms: plan.linger_ms,
        span: plan.span,
    };
    let waited = system.produce_at(&topic(Part::Rate), &pace).await?;
    figures.insert((Part::Rate, Figure::P50), waited.p50_ms);
    figures.insert((Part::Rate, Figure::P99), waited.p99_ms);
    Ok(())
}

async fn kill<S: System>(system: &mut S, figures: &mut Figures) -> Result<()> {
    begin::<S>(Part::Kill);
    system.make_topic(&topic(Part::Kill), 1).await?;
    let mut times = Vec::new();
    for _ in 0..KILLS {
        times.push(system.kill_leader(&topic(Part::Kill)).await?.as_secs_f64() * 1e3);
    }
    figures.extend(median(times).map(|time| ((Part::Kill, Figure::NextWrite), time)));
    Ok(())
}

/// Deletes the topic of a load, so that the next one finds room and a disk that has nothing left to
/// do.
async fn forget<S: System>(system: &S, part: Part, folder: &Path) -> Result<()> {
    system.delete_topic(&topic(part)).await?;
    tokio::time::sleep(UNTIL_GONE).await;
    rustix::fs::sync();
    let room = rustix::fs::statvfs(folder)?;
    let bytes = room.f_bavail * room.f_frsize;
    ensure!(bytes >= ROOM_BYTES_MIN, "only {} GiB are left on this disk", bytes >> 30);
    Ok(())
}
