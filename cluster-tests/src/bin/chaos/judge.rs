//! Judges a history, says the verdict, and leaves it in the folder.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use rampart_cluster_tests::invariants::{self, Outcome, Verdict};

use super::disturb::Disturbed;
use super::folder::Folder;
use super::options::Faults;
use super::panics::Panics;
use super::stage::Stage;
use super::{summary, timeline};

/// A soak in which the logs are cut more rarely, of all partitions and replicas, says nothing.
const CUTS_A_SECOND_MIN: u64 = 5;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing is wrong.
    Clean,
    /// Something is.
    Violated,
    /// Nothing is seen to be wrong, and too little was seen.
    Undecided,
}

impl End {
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            End::Clean => 0,
            End::Violated => 1,
            End::Undecided => 5,
        })
    }

    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            End::Clean => "clean",
            End::Violated => "violated",
            End::Undecided => "undecided",
        }
    }
}

/// What was seen beside the history.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What came of the plan.
    pub(crate) disturbed: Disturbed,
    /// What the cluster did not do after it was healed.
    pub(crate) troubles: Vec<String>,
    /// Panics in the nodes' logs.
    pub(crate) panics: Panics,
    /// What could not be looked at.
    pub(crate) not_checked: Vec<String>,
}

impl Seen {
    /// Remembers what the cluster should have done and did not.
    pub(crate) fn trouble(&mut self, done: Result<()>) {
        self.troubles.extend(done.err().map(|error| format!("{error:#}")));
    }

    /// Remembers what this program should have done and did not.
    pub(crate) fn problem(&mut self, done: Result<()>) {
        self.disturbed.problems.extend(done.err().map(|error| format!("{error:#}")));
    }

    /// What says by itself that something is wrong.
    fn violations(&self) -> impl Iterator<Item = &String> {
        self.troubles.iter().chain(&self.panics.ours)
    }
}

/// Judges what a run leaves.
pub(crate) fn conclude(stage: &Stage<'_>, seen: &Seen) -> Result<End> {
    stage.traffic.recorder().flush()?;
    let verdict = look(stage.folder)?;
    let why = undecided(stage, seen);
    let end = match verdict.outcome {
        _ if seen.violations().next().is_some() => End::Violated,
        Outcome::Violated => End::Violated,
        Outcome::Undecided => End::Undecided,
        Outcome::Clean if !why.is_empty() => End::Undecided,
        Outcome::Clean => End::Clean,
    };
    for violation in seen.violations() {
        println!("VIOLATED: {violation}");
    }
    for (panic, count) in &seen.panics.upstream {
        println!("known upstream: {count} times the panic \"{panic}\", restarted in place");
    }
    for what in &seen.not_checked {
        println!("not checked: {what}");
    }
    for why in &why {
        println!("undecided: {why}");
    }
    for (fault, why) in &stage.skipped {
        println!("skipped: {fault}: {why}");
    }
    if end == End::Violated {
        println!("reproduce: {}", stage.run.reproduce());
    }
    println!("{}: {}", end.name(), stage.folder.path().display());
    summary::write(stage, seen, &verdict, end)?;
    Ok(end)
}

/// Why nothing can be said, beyond what the judge of the history finds.
fn undecided(stage: &Stage<'_>, seen: &Seen) -> Vec<String> {
    let mut why = seen.disturbed.problems.clone();
    if let Faults::Named(names) = &stage.run.faults {
        let skipped = names.iter().filter_map(|name| stage.skipped.get_key_value(name));
        why.extend(skipped.map(|(fault, why)| format!("{fault} was asked for: {why}")));
        let never = |name: &&String| {
            !stage.skipped.contains_key(*name) && !seen.disturbed.injected.contains_key(*name)
        };
        why.extend(names.iter().filter(never).map(|name| format!("{name} was never in force")));
    }
    if stage.run.is_soak() {
        why.extend(too_calm(stage, seen));
    }
    let (acked, least) = (stage.traffic.counts().acked_records, stage.run.duration.as_secs());
    if acked < least {
        why.push(format!("{acked} records were acknowledged, fewer than one a second"));
    }
    why
}

/// Why a soak did not do what it is there for.
fn too_calm(stage: &Stage<'_>, seen: &Seen) -> Vec<String> {
    let (counted, mut why) = (stage.meter.counted(), Vec::new());
    let least = stage.run.duration.as_secs() * CUTS_A_SECOND_MIN;
    if counted.log_cuts < least {
        why.push(format!("logs were cut {} times, fewer than {least}", counted.log_cuts));
    }
    if counted.snapshots_sent == 0 && seen.disturbed.total() > 0 {
        why.push("nobody was so far behind that a snapshot was sent".to_owned());
    }
    why
}

/// Judges the history of an earlier run.
pub(crate) fn again(path: &Path) -> Result<End> {
    let folder = Folder::of(path);
    ensure!(folder.history().is_file(), "there is no {}", folder.history().display());
    Ok(match look(&folder)?.outcome {
        Outcome::Clean => End::Clean,
        Outcome::Violated => End::Violated,
        Outcome::Undecided => End::Undecided,
    })
}

/// Judges, says and keeps the verdict, draws the picture.
fn look(folder: &Folder) -> Result<Verdict> {
    let verdict = invariants::check_file(&folder.history())?;
    print!("{verdict}");
    std::fs::write(folder.verdict(), serde_json::to_string_pretty(&verdict)? + "\n")?;
    timeline::draw(&folder.history(), &verdict, &folder.timeline())?;
    Ok(verdict)
}
