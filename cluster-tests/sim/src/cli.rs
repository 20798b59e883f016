//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::run::{Options, Verdict};
use crate::{panics, run, sweep};

/// Runs one seed, or many.
#[derive(Debug, Parser)]
#[command(name = "sim", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    one: One,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs one seed after the other, each in a process of its own.
    Sweep(sweep::Args),
    /// Runs the seeds that once failed.
    Regressions(sweep::RegressionArgs),
}

/// One run.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct One {
    /// Decides everything.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Virtual seconds of faults.
    #[arg(long, default_value_t = 12)]
    pub(crate) seconds: u64,
    /// 3 or 5; by lot if not given.
    #[arg(long)]
    pub(crate) nodes: Option<usize>,
    /// Where the history goes; nowhere if not given.
    #[arg(long)]
    pub(crate) history: Option<PathBuf>,
    /// Shows what the nodes log (RUST_LOG chooses what).
    #[arg(long)]
    pub(crate) trace: bool,
    /// Breaks the product on purpose (builds with planted bugs).
    #[arg(long)]
    pub(crate) plant: Option<String>,
    /// Refuses to run where openraft's debug assertions are off (target/assertions/sim has them).
    #[arg(long)]
    pub(crate) openraft_assertions: bool,
    /// Prints the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Does it; false if something does not hold.
pub(crate) fn run(args: Args) -> Result<bool> {
    match args.command {
        Some(Command::Sweep(args)) => sweep::sweep(&args),
        Some(Command::Regressions(args)) => sweep::regressions(&args),
        None => one(args.one),
    }
}

fn one(args: One) -> Result<bool> {
    if args.trace {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_timer(VirtualTime)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .init();
    }
    // The profile `assertions` turns them on in openraft and here, and nowhere else.
    let has_assertions = cfg!(debug_assertions);
    ensure!(
        has_assertions || !args.openraft_assertions,
        "openraft's assertions are off in this executable: use target/assertions/sim"
    );
    panics::keep();
    if let Some(bug) = &args.plant {
        plant(bug)?;
    }
    let kept = match args.history {
        Some(path) => Kept::There(path),
        None => Kept::Nowhere(tempfile::NamedTempFile::new().context("a temporary history")?),
    };
    let report = run::run(&Options {
        seed: args.seed,
        faults: Duration::from_secs(args.seconds),
        nodes: args.nodes,
        history: kept.path(),
    })?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!(
            "seed {}: {:?}; {} events, {} values acknowledged, {} virtual ms, faults {:?}",
            report.seed,
            report.verdict,
            report.events,
            report.acked,
            report.virtual_ms,
            report.faults
        );
    }
    Ok(match report.verdict {
        Verdict::Holds | Verdict::TooThin(_) | Verdict::Upstream(_) => true,
        Verdict::Violated(_) | Verdict::Panicked(_) => false,
    })
}

/// Breaks this process's product.
#[cfg(feature = "planted-bugs")]
fn plant(bug: &str) -> Result<()> {
    rampart_raft_store::planted::plant(bug).map_err(anyhow::Error::msg)
}

/// There is nothing to break in this build.
#[cfg(not(feature = "planted-bugs"))]
fn plant(_bug: &str) -> Result<()> {
    anyhow::bail!("this build has no planted bugs: build with --features planted-bugs")
}

/// A history that is kept, or not.
enum Kept {
    There(PathBuf),
    Nowhere(tempfile::NamedTempFile),
}

impl Kept {
    fn path(&self) -> PathBuf {
        match self {
            Kept::There(path) => path.clone(),
            Kept::Nowhere(file) => file.path().to_owned(),
        }
    }
}

/// Stamps what is logged with the run's own time.
struct VirtualTime;

impl tracing_subscriber::fmt::time::FormatTime for VirtualTime {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        match turmoil::sim_elapsed() {
            Some(elapsed) => write!(w, "{:>9.3}", elapsed.as_secs_f64()),
            None => write!(w, "        -"),
        }
    }
}
