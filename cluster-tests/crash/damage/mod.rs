//! Damaged files: copies of closed stores, each harmed once, judged in batches by processes of their
//! own, so that a hang or a death of one is a verdict, too.

mod harm;
mod judge;
mod records;
mod template;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rampart_cluster_tests::harness::clock::Stopwatch;
use tempfile::TempDir;

pub(crate) use self::judge::{Batch, judge};
use self::judge::{Line, Outcome};
use self::template::Template;
use crate::Limits;
use crate::summary::Summary;

/// A template is damaged so often before the next is made.
const PER_TEMPLATE: u64 = 500;
/// Damages that one process judges.
const PER_PROCESS: u64 = 100;
/// One that is not judged in this time hangs.
const JUDGE_LIMIT: Duration = Duration::from_secs(20);
/// Copies are many and small: in memory where that can be.
const IN_MEMORY: &str = "/dev/shm";

/// Damages until a limit is reached.
pub(crate) fn run(limits: &Limits, below: &Path, summary: &mut Summary) -> Result<()> {
    let in_memory = PathBuf::from(IN_MEMORY);
    let below = match limits.below.is_none() && in_memory.is_dir() {
        true => in_memory,
        false => below.to_owned(),
    };
    let started = Stopwatch::start();
    let mut done = 0;
    while done < limits.count && !limits.is_over(started) {
        let seed = limits.seed.wrapping_add(done / PER_TEMPLATE);
        let folder = TempDir::with_prefix_in("rampart-template-", &below)?;
        Template::make(folder.path(), seed).context("make a template")?;
        let to = PER_TEMPLATE.min(limits.count - done);
        let mut from = 0;
        while from < to && !limits.is_over(started) {
            let batch = Batch {
                template: folder.path().to_owned(),
                // Removed with the template, also what a judge that was killed left.
                below: folder.path().to_owned(),
                seed,
                from,
                to: to.min(from + PER_PROCESS),
            };
            from = judge_batch(&batch, summary)?;
            summary.progress(done + from, limits.count, started);
        }
        done += from;
    }
    Ok(())
}

/// Judges a batch or its first part; answers where to go on.
fn judge_batch(batch: &Batch, summary: &mut Summary) -> Result<u64> {
    let (mut process, lines) = start(batch)?;
    let mut under_way = None;
    let died = loop {
        let line = match lines.recv_timeout(JUDGE_LIMIT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => break "the process died",
            Err(RecvTimeoutError::Timeout) => break "no verdict: it hangs",
        };
        match serde_json::from_str(&line).with_context(|| line.clone())? {
            Line::Begins { number, harm } => under_way = Some((number, harm)),
            Line::Judged { number, harm, outcome } => {
                under_way = None;
                take(batch, number, &harm, &outcome, summary);
                if number + 1 == batch.to {
                    process.wait()?;
                    return Ok(batch.to);
                }
            }
        }
    };
    // It may have ended by itself.
    let _ = process.kill();
    let status = process.wait()?;
    let Some((number, harm)) = under_way else {
        bail!("the judge ended with {status} between two damages of {batch:?}");
    };
    let outcome = Outcome::Wrong(format!("{died} ({status})"));
    take(batch, number, &harm, &outcome, summary);
    Ok(number + 1)
}

fn take(batch: &Batch, number: u64, harm: &str, outcome: &Outcome, summary: &mut Summary) {
    match outcome {
        Outcome::Wrong(what) => {
            summary.count("wrong");
            let again = format!("crash damage --seed {} --count {}", batch.seed, number + 1);
            summary.fail(&format!("damage {number}, {harm}: {what}"), &again);
        }
        Outcome::Harmless
        | Outcome::Cut
        | Outcome::StoreRefused
        | Outcome::ReplicaRefused
        | Outcome::FoundLater => summary.count(&format!("{harm}: {outcome:?}")),
    }
}

fn start(batch: &Batch) -> Result<(Child, Receiver<String>)> {
    let me = std::env::current_exe().context("where is this executable?")?;
    let mut process = Command::new(me)
        .arg("judge")
        .arg("--template")
        .arg(&batch.template)
        .arg("--below")
        .arg(&batch.below)
        .args(["--seed", &batch.seed.to_string()])
        .args(["--from", &batch.from.to_string(), "--to", &batch.to.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let out = BufReader::new(process.stdout.take().context("its output is a pipe")?);
    let (tx, rx) = sync_channel(16);
    std::thread::spawn(move || {
        for line in out.lines().map_while(|line| line.ok()) {
            if tx.send(line).is_err() {
                return;
            }
        }
    });
    Ok((process, rx))
}
