//! Many runs, each in a process of its own: tokio counts its task ids per process, and a run that
//! dies or hangs takes nothing else with it.

mod child;
mod summary;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::clock::Stopwatch;

use self::child::{Ran, run_child};
use self::summary::Summary;

/// What a run with openraft's debug assertions has among its arguments.
const ASSERTIONS: &str = "--openraft-assertions";
/// One seed of so many has them, if there is such an executable.
const ASSERTIONS_EVERY: u64 = 10;
/// A line of progress this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Which seeds, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many.
    #[arg(long, default_value_t = 100)]
    count: u64,
    #[command(flatten)]
    how: How,
    /// Stops after so many minutes, if not done before.
    #[arg(long)]
    minutes: Option<u64>,
    /// Virtual seconds of faults, of each.
    #[arg(long)]
    seconds: Option<u64>,
    /// Nodes, of each.
    #[arg(long)]
    nodes: Option<usize>,
    /// Breaks the product on purpose, in each.
    #[arg(long)]
    plant: Option<String>,
    /// Writes the runs that fail to this file (seeds/regressions.txt).
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// How many at once.
#[derive(Debug, clap::Args)]
struct How {
    /// Processes at a time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Stops at the first failure.
    #[arg(long)]
    first: bool,
    /// The executable with openraft's debug assertions (target/assertions/sim): it runs every tenth
    /// seed.
    #[arg(long)]
    asserting: Option<PathBuf>,
}

impl How {
    /// The executable for a run; none if it is not there.
    fn program<'a>(&'a self, run: &[String], usual: &'a Path) -> Option<&'a Path> {
        match run.iter().any(|argument| argument == ASSERTIONS) {
            true => self.asserting.as_deref(),
            false => Some(usual),
        }
    }
}

/// Which list.
#[derive(Debug, clap::Args)]
pub(crate) struct RegressionArgs {
    /// The list.
    #[arg(long, default_value = "seeds/regressions.txt")]
    file: PathBuf,
    #[command(flatten)]
    how: How,
}

/// Runs a range of seeds; false if one fails.
pub(crate) fn sweep(args: &Args) -> Result<bool> {
    let mut common = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        common.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    };
    add("--seconds", args.seconds.map(|n| n.to_string()));
    add("--nodes", args.nodes.map(|n| n.to_string()));
    add("--plant", args.plant.clone());
    let runs = (args.from..args.from + args.count).map(|seed| {
        let mut run = vec!["--seed".to_owned(), seed.to_string()];
        run.extend(common.iter().cloned());
        if args.how.asserting.is_some() && seed.is_multiple_of(ASSERTIONS_EVERY) {
            run.push(ASSERTIONS.to_owned());
        }
        run
    });
    let limit = args.minutes.map(|minutes| Duration::from_secs(minutes * 60));
    let runs: Vec<_> = runs.collect();
    let summary = run_all((Some(args.from), &runs), &args.how, limit)?;
    if let Some(file) = &args.keep {
        summary.keep(file)?;
    }
    Ok(summary.holds())
}

/// Runs a list of runs; false if one fails.
pub(crate) fn regressions(args: &RegressionArgs) -> Result<bool> {
    let text = fs::read_to_string(&args.file).with_context(|| args.file.display().to_string())?;
    let lines = text.lines().filter_map(|line| line.split('#').next()).map(str::trim);
    let runs: Vec<Vec<String>> = lines
        .filter(|line| !line.is_empty())
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    Ok(run_all((None, &runs), &args.how, None)?.holds())
}

/// Runs a list, of a range of seeds that begins with the first if there is one.
fn run_all(
    (first_seed, runs): (Option<u64>, &[Vec<String>]),
    how: &How,
    limit: Option<Duration>,
) -> Result<Summary> {
    ensure!(how.jobs > 0, "--jobs 0 runs nothing");
    let program = std::env::current_exe().context("the path of this program")?;
    let watch = Stopwatch::start();
    let next = AtomicUsize::new(0);
    let summary = Mutex::new(Summary::new(first_seed, runs.len()));
    let (done, finished) = mpsc::sync_channel::<()>(how.jobs);
    let is_over = |summary: &Summary| {
        limit.is_some_and(|limit| watch.elapsed() >= limit) || (how.first && !summary.holds())
    };
    thread::scope(|scope| {
        for _ in 0..how.jobs {
            let (done, summary, next, program) = (done.clone(), &summary, &next, &program);
            scope.spawn(move || {
                while !is_over(&locked(summary)) {
                    let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let ran = match how.program(run, program) {
                        Some(program) => run_child(program, run),
                        None => Ran::Died("needs --asserting".to_owned()),
                    };
                    locked(summary).add(run, ran);
                }
                // Nobody listens after a panic.
                let _ = done.send(());
            });
        }
        drop(done);
        let mut left = how.jobs;
        while left > 0 {
            match finished.recv_timeout(PROGRESS_EVERY) {
                Ok(()) => left -= 1,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    eprintln!("{}", locked(&summary).progress(watch.elapsed()));
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => left = 0,
            }
        }
    });
    let summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    eprintln!("{}", summary.progress(watch.elapsed()));
    println!("{}", serde_json::to_string(&summary.report(watch.elapsed()))?);
    Ok(summary)
}

fn locked(summary: &Mutex<Summary>) -> std::sync::MutexGuard<'_, Summary> {
    summary.lock().unwrap_or_else(PoisonError::into_inner)
}
