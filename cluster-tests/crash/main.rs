//! `crash`: the storage engine in one process, and what must hold after it was cut off or its files
//! were damaged (layer L3 of the proof). Exit codes: 0 passed, 1 a rule was broken, 2 wrong usage or
//! the run itself went wrong, 5 this machine can't do it.

mod cuts;
mod damage;
mod disk;
mod event;
mod files;
mod look;
mod model;
mod slow_sync;
mod summary;
mod writer;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use rampart_cluster_tests::harness::clock::Stopwatch;

use crate::summary::Summary;

const BROKEN: u8 = 1;
const WENT_WRONG: u8 = 2;
const CANT: u8 = 5;

/// Cuts the power under a store, and damages its files.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Cuts the power at random moments and compares what is left with what was acknowledged.
    Cuts(Limits),
    /// Damages files of closed stores and looks whether that is found.
    Damage(Limits),
    /// Writes to a store until it is cut off (started by `cuts`).
    #[command(hide = true)]
    Writer {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        seed: u64,
    },
    /// Judges damaged copies of a store (started by `damage`).
    #[command(hide = true)]
    Judge(damage::Batch),
}

/// How much is done.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// Cuts or damages.
    #[arg(long, default_value_t = 50)]
    count: u64,
    /// Draws everything but the moments at which the machine does what it is told.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// No new one is begun after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Folder for the file systems or copies; the default is that for temporary files.
    #[arg(long)]
    below: Option<PathBuf>,
    /// The disk of the cuts says that it synced and does not: they must fail.
    #[arg(long, hide = true)]
    lying_disk: bool,
    /// Also writes the summary to this file.
    #[arg(long)]
    summary: Option<PathBuf>,
}

impl Limits {
    fn is_over(&self, started: Stopwatch) -> bool {
        self.minutes.is_some_and(|minutes| started.elapsed() >= Duration::from_secs(60 * minutes))
    }

    fn run(
        &self,
        what: &'static str,
        run: fn(&Limits, &std::path::Path, &mut Summary) -> Result<()>,
    ) -> Result<u8> {
        let below = self.below.clone().unwrap_or_else(std::env::temp_dir);
        let mut summary = Summary::new(what, self.seed);
        run(self, &below, &mut summary)?;
        summary.finish(self.summary.as_deref())?;
        Ok(match (summary.has_failed(), summary.total()) {
            (true, _) => BROKEN,
            (false, 0) => CANT,
            (false, _) => 0,
        })
    }
}

fn main() -> ExitCode {
    let code = match Arguments::parse().command {
        Command::Cuts(limits) => limits.run("cuts", cuts::run),
        Command::Damage(limits) => limits.run("damage", damage::run),
        Command::Writer { dir, seed } => writer::process::run(&dir, seed).map(|()| 0),
        Command::Judge(batch) => damage::judge(&batch).map(|()| 0),
    };
    ExitCode::from(code.unwrap_or_else(|error| {
        eprintln!("crash: {error:#}");
        WENT_WRONG
    }))
}
