//! One line for programs: what ran, what it met, what the judge says.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result};
use rampart_cluster_tests::harness::clock;
use rampart_cluster_tests::invariants::Verdict;
use serde::Serialize;

use super::judge::{End, Seen};
use super::stage::Stage;

/// The line.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    layer: &'static str,
    /// Of the source this was started in, if it was.
    commit: Option<String>,
    date: String,
    seed: u64,
    seconds: u64,
    nodes: usize,
    env: &'static str,
    /// How many of each kind were in force.
    faults: &'a BTreeMap<String, u64>,
    faults_total: u64,
    operations: u64,
    /// Operations that were answered as done.
    acknowledged: u64,
    acknowledged_records: u64,
    unknown: u64,
    /// Faults that are not possible here.
    skipped: Vec<&'a str>,
    /// What the clients spoke.
    protocols: [&'static str; 1],
    verdict: &'static str,
    /// Properties that do not hold.
    violated: Vec<String>,
    panics: usize,
    /// Panics of openraft that are known, by name.
    known_upstream: &'a BTreeMap<&'static str, u64>,
    /// Groups that were restarted in place, as the nodes counted, at least.
    group_restarts: u64,
    log_cuts: u64,
    snapshots_sent: u64,
}

/// Prints it, and appends it where that is wanted.
pub(crate) fn write(stage: &Stage<'_>, seen: &Seen, verdict: &Verdict, end: End) -> Result<()> {
    let (run, counts) = (stage.run, stage.traffic.counts());
    let counted = stage.meter.counted();
    let mut violated: Vec<String> =
        verdict.violated().iter().map(|property| format!("{property:?}")).collect();
    if !seen.troubles.is_empty() && !violated.iter().any(|property| property == "P18") {
        violated.push("P18".to_owned());
    }
    let summary = Summary {
        layer: "L2",
        commit: commit(),
        date: clock::utc(clock::unix_seconds()),
        seed: run.seed,
        seconds: run.duration.as_secs(),
        nodes: stage.size,
        env: stage.env,
        faults: &seen.disturbed.injected,
        faults_total: seen.disturbed.total(),
        operations: counts.operations(),
        acknowledged: counts.ok,
        acknowledged_records: counts.acked_records,
        unknown: counts.unknown,
        skipped: stage.skipped.keys().map(String::as_str).collect(),
        protocols: ["http"],
        verdict: end.name(),
        violated,
        panics: seen.panics.ours.len(),
        known_upstream: &seen.panics.upstream,
        group_restarts: counted.group_restarts,
        log_cuts: counted.log_cuts,
        snapshots_sent: counted.snapshots_sent,
    };
    let line = serde_json::to_string(&summary)?;
    println!("{line}");
    if let Some(path) = &run.summary {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.with_context(|| path.display().to_string())?;
        file.write_all(format!("{line}\n").as_bytes())?;
    }
    Ok(())
}

/// `git describe` of the folder this runs in.
fn commit() -> Option<String> {
    let args = ["describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"];
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
