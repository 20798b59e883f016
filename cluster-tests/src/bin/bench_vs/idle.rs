//! What many partitions cost while nobody uses them.

use std::time::Duration;

use anyhow::Result;

use super::contest::Figures;
use super::cost::{Cost, mean_memory};
use super::rows::{Figure, Part};
use super::system::System;

const PARTITIONS: u32 = 1_000;
/// Rampart's groups fall quiet a second after they were made; both get the same time.
const UNTIL_QUIET: Duration = Duration::from_secs(20);
/// CPU is counted in steps of 10 ms: it takes a while to tell parts of a percent.
const SPAN_MIN: Duration = Duration::from_secs(10);

/// CPU of the busiest node, and memory.
pub(crate) async fn idle<S: System>(
    system: &S,
    span: Duration,
    figures: &mut Figures,
) -> Result<()> {
    eprintln!("bench-vs: {}: {}", S::NAME, Part::Idle.name());
    system.make_topic("idle", PARTITIONS).await?;
    tokio::time::sleep(UNTIL_QUIET).await;
    let pids = system.pids()?;
    let before = Cost::so_far(&pids)?;
    tokio::time::sleep(span.max(SPAN_MIN)).await;
    let busiest = Cost::so_far(&pids)?.busiest_since(&before);
    figures.insert((Part::Idle, Figure::IdleCpu), busiest);
    figures.insert((Part::Idle, Figure::Memory), mean_memory(&pids)?);
    Ok(())
}
