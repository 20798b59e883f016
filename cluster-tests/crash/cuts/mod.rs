//! Power cuts: a writer works on a store on a file system of its own, is stopped at a random
//! microsecond, and the next one finds what is left. That is held against what was acknowledged.

mod child;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use self::child::{Lines, Syncs, Writing};
use crate::Limits;
use crate::disk::{Disk, Kind};
use crate::event::Event;
use crate::model::History;
use crate::slow_sync;
use crate::summary::Summary;

/// A store that is not read in this time hangs.
const OPEN_LIMIT: Duration = Duration::from_secs(60);
/// A disk is used for so many cuts at most ...
const CUTS_PER_DISK: u64 = 40;
/// ... or until it is so full, in percent.
const USED_PERCENT_MAX: u64 = 60;
/// A writer runs for so long at most before it is cut.
const RUN_MS_MAX: u64 = 250;
/// A store opens in about this time: a cut in it falls between nothing and a little more.
const OPEN_US_MAX: u64 = 120_000;
const SLOW_US_MAX: u64 = 30_000;

/// How a writer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The power goes while it writes.
    Power,
    /// While syncs are slow.
    PowerInSlowSync,
    /// While it opens its store.
    PowerInOpen,
    /// It is killed, the power stays.
    Kill,
    /// It is killed, and then the power goes.
    KillThenPower,
    /// It closes its store, and then the power goes.
    CloseThenPower,
}

impl End {
    fn draw(rng: &mut StdRng, can_be_slow: bool) -> End {
        match rng.random_range(0..100) {
            0..45 => End::Power,
            45..60 if can_be_slow => End::PowerInSlowSync,
            45..75 => End::PowerInOpen,
            75..85 => End::Kill,
            85..95 => End::KillThenPower,
            _ => End::CloseThenPower,
        }
    }

    fn name(self) -> &'static str {
        match self {
            End::Power => "power cut",
            End::PowerInSlowSync => "power cut in slow syncs",
            End::PowerInOpen => "power cut while opening",
            End::Kill => "kill -9",
            End::KillThenPower => "kill -9, then power cut",
            End::CloseThenPower => "closed, then power cut",
        }
    }
}

/// All that one run has.
struct Run<'a> {
    seed: u64,
    below: &'a Path,
    kinds: Vec<Kind>,
    slow: Option<PathBuf>,
    is_lying: bool,
    disk: Disk,
    /// Cuts on this disk.
    cuts: u64,
    history: History,
    /// The last writer had not read its store when the power went.
    was_cut_while_opening: bool,
    cuts_in_a_row: u64,
    steps: u64,
    recovered_beyond: u64,
    longest_open: Duration,
}

/// Cuts until a limit is reached.
pub(crate) fn run(limits: &Limits, below: &Path, summary: &mut Summary) -> Result<()> {
    let tools = TempDir::new()?;
    let slow = slow_sync::build(tools.path());
    if let Err(error) = &slow {
        summary.skip("slow syncs", error);
        if limits.lying_disk {
            return Ok(());
        }
    }
    let mut kinds = Vec::new();
    for kind in Kind::ALL {
        match works(kind, below) {
            Ok(()) => kinds.push(kind),
            Err(error) => summary.skip(kind.name(), &error),
        }
    }
    let Some(first) = kinds.first() else { return Ok(()) };
    let disk = Disk::new(*first, below)?;
    let mut run = Run {
        seed: limits.seed,
        below,
        kinds,
        slow: slow.ok(),
        is_lying: limits.lying_disk,
        disk,
        cuts: 0,
        history: History::default(),
        was_cut_while_opening: false,
        cuts_in_a_row: 0,
        steps: 0,
        recovered_beyond: 0,
        longest_open: Duration::ZERO,
    };
    let started = Stopwatch::start();
    for number in 0..limits.count {
        if limits.is_over(started) {
            break;
        }
        let end = run.one(number).and_then(|(end, verdict)| {
            summary.count(end.name());
            if let Err(what) = verdict {
                let kept = run.keep_evidence(number)?;
                let again = format!("crash cuts --seed {} --count {}", run.seed, number + 1);
                let what = format!("cut {number}, {}: {what}; kept in {kept}", end.name());
                summary.fail(&what, &again);
                run.renew(number)?;
            }
            Ok(())
        });
        end.with_context(|| format!("cut {number} of seed {}", run.seed))?;
        summary.progress(number + 1, limits.count, started);
    }
    summary.note("steps", run.steps);
    summary.note("unacknowledged steps that survived", run.recovered_beyond);
    summary.note("cut while opening, twice or more in a row", run.cuts_in_a_row);
    summary.note("longest opening, ms", run.longest_open.as_millis() as u64);
    Ok(())
}

/// Whether this machine can cut the power of such a file system.
pub(crate) fn works(kind: Kind, below: &Path) -> Result<()> {
    let mut disk = Disk::new(kind, below)?;
    std::fs::write(disk.path().join("before"), "")?;
    disk.cut_power()?;
    let late = std::fs::write(disk.path().join("after"), "late");
    anyhow::ensure!(late.is_err(), "the file system takes writes after it was shut down");
    disk.remount()?;
    anyhow::ensure!(!disk.path().join("before").exists(), "what was not synced survived");
    Ok(())
}

impl Run<'_> {
    fn dir(&self) -> PathBuf {
        self.disk.path().join("store")
    }

    /// One writer's life and its end.
    fn one(&mut self, number: u64) -> Result<(End, Result<(), String>)> {
        if self.cuts >= CUTS_PER_DISK || self.disk.used_percent()? > USED_PERCENT_MAX {
            self.renew(number)?;
        }
        self.cuts += 1;
        let mut rng = StdRng::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9) ^ number);
        let end = End::draw(&mut rng, self.slow.is_some());
        let syncs = self.syncs(end, &mut rng);
        let writing = Writing::start(&self.dir(), rng.random(), syncs)?;
        let opening = Stopwatch::start();
        if end == End::PowerInOpen {
            writing.run_for(Duration::from_micros(rng.random_range(0..OPEN_US_MAX)));
        } else if writing.wait_found(OPEN_LIMIT) {
            self.longest_open = self.longest_open.max(opening.elapsed());
            writing.run_for(Duration::from_micros(rng.random_range(0..RUN_MS_MAX * 1_000)));
        } else {
            let lines = writing.kill()?;
            let what = match lines.failures.first() {
                Some(failure) => format!("the store does not open: {failure}"),
                None => format!("the store was not read within {OPEN_LIMIT:?}"),
            };
            return Ok((end, Err(what)));
        }
        let lines = self.end(writing, end)?;
        Ok((end, self.judge(lines, end)))
    }

    fn syncs(&self, end: End, rng: &mut StdRng) -> Option<Syncs<'_>> {
        let library = self.slow.as_deref()?;
        if self.is_lying {
            return Some(Syncs { library, name: slow_sync::LIES, value: "1".to_owned() });
        }
        let value = rng.random_range(100..SLOW_US_MAX).to_string();
        let is_slow = end == End::PowerInSlowSync;
        is_slow.then_some(Syncs { library, name: slow_sync::DELAY, value })
    }

    fn end(&mut self, writing: Writing, end: End) -> Result<Lines> {
        let lines = match end {
            End::Power | End::PowerInSlowSync | End::PowerInOpen => {
                writing.is_cut_now();
                self.disk.cut_power()?;
                writing.kill()?
            }
            End::Kill => return writing.kill(),
            End::KillThenPower => {
                let lines = writing.kill()?;
                self.disk.cut_power()?;
                lines
            }
            End::CloseThenPower => {
                let lines = writing.close(OPEN_LIMIT)?;
                self.disk.cut_power()?;
                lines
            }
        };
        self.disk.remount()?;
        Ok(lines)
    }

    /// Holds what a writer found against what those before it were told.
    fn judge(&mut self, lines: Lines, end: End) -> Result<(), String> {
        if let Some(failure) = lines.failures.first() {
            return Err(format!("it failed before it was cut: {failure}"));
        }
        if end == End::CloseThenPower && !lines.events.contains(&Event::Ended) {
            return Err(format!("it did not close its store within {OPEN_LIMIT:?}"));
        }
        let was_cut_while_opening = std::mem::replace(&mut self.was_cut_while_opening, true);
        for event in lines.events {
            match event {
                Event::Found(found) => {
                    self.was_cut_while_opening = false;
                    self.recovered_beyond += self.history.check(&found)? as u64;
                    self.history.rebase(&found);
                }
                Event::Begun { id, group, step } => {
                    self.steps += 1;
                    self.history.begun(id, group, step);
                }
                Event::Durable { id, snapshot } => self.history.acknowledged(id, snapshot),
                Event::Ended | Event::Failed(_) => {}
            }
        }
        self.cuts_in_a_row += u64::from(was_cut_while_opening && self.was_cut_while_opening);
        Ok(())
    }

    /// An empty disk.
    fn renew(&mut self, number: u64) -> Result<()> {
        let kind = self.kinds[number as usize % self.kinds.len()];
        self.disk = Disk::new(kind, self.below)?;
        self.history = History::default();
        self.was_cut_while_opening = false;
        self.cuts = 0;
        Ok(())
    }

    /// Copies the store away, with what it should have held.
    fn keep_evidence(&self, number: u64) -> Result<String> {
        if self.is_lying {
            return Ok("nothing, for the disk lied".to_owned());
        }
        let kept = TempDir::with_prefix(format!("rampart-cut-{number}-"))?.keep();
        std::fs::write(kept.join("history.txt"), format!("{:#?}", self.history))?;
        if self.dir().exists() {
            crate::files::copy(&self.dir(), &kept.join("store"))?;
        }
        Ok(kept.display().to_string())
    }
}
