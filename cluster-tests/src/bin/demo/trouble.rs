//! A node is killed while records flow, comes back, and another one is drained.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::views;
use rampart_cluster_tests::history::Journal;
use rampart_cluster_tests::invariants::{Outcome, Verdict};
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender, Attempt};
use rampart_cluster_tests::workloads::read_back;
use serde_json::json;

use super::report::millis;
use super::{Demo, PARTITIONS, TOPIC};

/// What the progress bar counts here.
pub(crate) const UNITS: u64 = 8_000;
/// Requests to be acknowledged before the kill, and again after it.
const REQUESTS: u64 = 300;
const PATIENCE: Duration = Duration::from_secs(60);
/// The node that was killed stays away until so many records were written without it.
const MISSED: u64 = 2_000;

/// kill -9 of the node that leads most, under load; then it comes back.
pub(crate) async fn kill_the_busiest_leader(demo: &mut Demo) -> Result<()> {
    demo.step("kill -9 of the node that leads most partitions, while records flow");
    let start = ends(demo).await?;
    let options =
        AppendOptions { writers: PARTITIONS * 4, ..AppendOptions::new(TOPIC, PARTITIONS) };
    let journal = Journal::new();
    let appender = Appender::start(&demo.cluster.apis(), &options, journal.recorder());
    appender.wait_more(REQUESTS).await?;
    let (victim, led) = busiest(demo).await?;
    demo.cluster.kill(victim);
    // Taken when the process is gone: nothing that is sent from now on was answered by it.
    let gone = Stopwatch::start();
    demo.say(format!("node {victim} is gone, it led partitions {led:?}"));
    appender.wait_more(REQUESTS).await?;
    demo.bar.inc(UNITS / 4);
    let survivor = (victim + 1) % 3;
    for partition in &led {
        demo.cluster.leader(survivor, TOPIC, *partition).await?;
    }
    appender.wait_more(REQUESTS).await?;
    wait_for(format!("{MISSED} records that it misses"), PATIENCE, || async {
        let behind = lag_of(demo, survivor, victim).await?;
        ensure!(behind >= MISSED, "{behind} so far");
        Ok(())
    })
    .await?;
    let attempts = appender.stop().await?;
    catch_up(demo, survivor, victim).await?;
    time(demo, &attempts, gone, &led)?;
    judge(demo, &journal, &start).await
}

/// The killed node comes back, and its lag is shown while it becomes less.
async fn catch_up(demo: &mut Demo, survivor: usize, victim: usize) -> Result<()> {
    demo.step("It comes back and catches up");
    let behind = lag_of(demo, survivor, victim).await?;
    let id = demo.cluster.node_id(victim).await?;
    let back = Stopwatch::start();
    demo.cluster.launch(victim)?;
    let shown = Cell::new(None);
    // Looked at from the launch on: it is level before it says that it is ready.
    wait_for("all replicas to be level", PATIENCE, || async {
        let topic = demo.cluster.api(survivor).topic(TOPIC).await?;
        let lag = views::lag_of(&topic, id)?;
        if shown.replace(Some(lag)) != Some(lag) {
            demo.say(format!("{:>6}: {lag} records behind", millis(back.elapsed())));
        }
        views::demand_level(&topic, 3)
    })
    .await?;
    let took = back.elapsed();
    demo.cluster.wait_ready(victim).await?;
    demo.report.seen(
        "the killed node returns",
        "catches up by itself",
        format!("{behind} records in {}, start included", millis(took)),
        behind > 0,
    );
    demo.bar.inc(UNITS / 4);
    Ok(())
}

/// No leadership stays on a drained node.
pub(crate) async fn drain(demo: &mut Demo) -> Result<()> {
    demo.step("A node is drained");
    let (index, led) = busiest(demo).await?;
    ensure!(!led.is_empty(), "no node leads anything, so none can be drained");
    let id = demo.cluster.node_id(index).await?;
    let api = demo.cluster.api((index + 1) % 3);
    let watch = Stopwatch::start();
    api.post(&format!("/v1/cluster/nodes/{id}:drain"), &json!({})).await?.ok()?;
    wait_for("the drained node to lead nothing", PATIENCE, || async {
        let topic = api.topic(TOPIC).await?;
        ensure!(views::led_by(&topic, id)? == 0, "it still leads");
        views::demand_leaders(&topic)
    })
    .await?;
    let took = millis(watch.elapsed());
    for partition in &led {
        api.produce(TOPIC, *partition, "after the drain", "").await?.ok()?;
    }
    demo.say(format!("node {index} led {} partitions, now none, after {took}", led.len()));
    demo.report.seen(
        "a node is drained",
        "leads nothing, records flow",
        format!("{} leaderships moved in {took}", led.len()),
        true,
    );
    demo.cluster
        .any()?
        .post(&format!("/v1/cluster/nodes/{id}:recommission"), &json!({}))
        .await?
        .ok()?;
    demo.bar.inc(UNITS / 4);
    Ok(())
}

/// Time to the first acknowledgement on each partition of the victim.
fn time(demo: &mut Demo, attempts: &[Attempt], gone: Stopwatch, led: &[u32]) -> Result<()> {
    let mut firsts = Vec::new();
    for partition in led {
        let first = attempts
            .iter()
            .filter(|a| a.partition == *partition && a.is_acked() && a.sent > gone)
            .map(|a| a.answered.since(gone))
            .min();
        firsts.push(first.context("a partition was never written to again")?);
    }
    let (first, last) = (firsts.iter().min(), firsts.iter().max());
    let (first, last) = first.zip(last).context("the victim led nothing")?;
    demo.say(format!("first acknowledged write on its partitions after {}", millis(*last)));
    demo.report.timed(
        "kill -9 of a leader",
        "acknowledged writes within 2 s",
        format!(
            "after {} on the first, {} on the last of its partitions",
            millis(*first),
            millis(*last)
        ),
        *last < Duration::from_secs(2),
    );
    Ok(())
}

/// Every acknowledged record is at its place, and all else that a history must hold.
async fn judge(demo: &mut Demo, journal: &Journal, start: &[u64]) -> Result<()> {
    for (partition, from) in (0..).zip(start) {
        let node = demo.cluster.any()?;
        read_back::read(journal.recorder(), node, (TOPIC, partition), Some(*from)).await?;
    }
    let verdict = journal.judge()?;
    let holds = verdict.outcome == Outcome::Clean;
    let Verdict { counts, .. } = verdict;
    let text = match holds {
        true => format!("{} acknowledged, 0 missing, {} unknown", counts.acked, counts.unknown),
        false => verdict.to_string(),
    };
    demo.say(&text);
    demo.report.seen("acknowledged records", "none missing, none twice", text, holds);
    demo.bar.inc(UNITS / 4);
    Ok(())
}

/// The node that leads most partitions, and which.
async fn busiest(demo: &Demo) -> Result<(usize, Vec<u32>)> {
    let mut led: Vec<Vec<u32>> = vec![Vec::new(); 3];
    for partition in 0..PARTITIONS {
        let asked = *demo.cluster.running().first().context("no node runs")?;
        led[demo.cluster.leader(asked, TOPIC, partition).await?].push(partition);
    }
    let most = led.iter().map(Vec::len).max().unwrap_or(0);
    let index = led.iter().position(|led| led.len() == most).context("no node")?;
    Ok((index, led.swap_remove(index)))
}

/// Where each partition ends now.
async fn ends(demo: &Demo) -> Result<Vec<u64>> {
    let mut ends = Vec::new();
    for partition in 0..PARTITIONS {
        let page = demo.cluster.any()?.read(TOPIC, partition, "&offset=latest").await?;
        ends.push(page.high_watermark);
    }
    Ok(ends)
}

/// Records that a node's replicas are behind, in all.
async fn lag_of(demo: &Demo, asked: usize, node: usize) -> Result<u64> {
    let id = demo.cluster.node_id(node).await?;
    views::lag_of(&demo.cluster.api(asked).topic(TOPIC).await?, id)
}
