//! `gate`: runs a finder at the next unused seeds, writes down what it did, and makes the table of
//! all runs. `make gate-sim`, `gate-chaos`, `gate-crash` and `gate-report` call it.

mod finder;
mod record;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use rampart_cluster_tests::gates::ledger::Ledger;
use rampart_cluster_tests::gates::run_line::Gate;
use rampart_cluster_tests::gates::{PAGE, RUNS, document, figures, summary, tree};

/// Keeps the record of the long runs, docs/reliability-runs.jsonl.
///
/// Exit codes: 0 clean, 1 a property was violated, 2 usage, 5 undecided.
#[derive(Debug, Parser)]
#[command(name = "gate", version, max_term_width = 100)]
struct Options {
    /// Root of the repository
    #[arg(long, default_value = ".", global = true)]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a finder for some minutes, at seeds that were not used yet, and appends what it did
    Run(Run),
    /// Prints the next seed that no run has used
    NextSeed {
        /// Which finder
        gate: GateName,
    },
    /// Appends a run that was made without `run`: its output, with the summary, on standard input
    Append {
        /// Which finder
        gate: GateName,
        /// How it ended
        #[arg(long)]
        exit_code: i32,
    },
    /// Writes the table of the runs of this code into docs/reliability.md
    Report {
        /// Only says whether the table there is that of this code and of the record
        #[arg(long)]
        check: bool,
    },
}

/// A finder, and for how long.
#[derive(Debug, clap::Args)]
struct Run {
    /// Which finder
    gate: GateName,
    /// Minutes in all
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    minutes: u64,
    /// The finder's program
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// More arguments for each call of the finder, after --
    #[arg(last = true)]
    more: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum GateName {
    Sim,
    Chaos,
    Crash,
}

impl From<GateName> for Gate {
    fn from(name: GateName) -> Gate {
        match name {
            GateName::Sim => Gate::Sim,
            GateName::Chaos => Gate::Chaos,
            GateName::Crash => Gate::Crash,
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match dispatch(&options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("gate: {error:#}");
            ExitCode::from(finder::UNDECIDED)
        }
    }
}

fn dispatch(options: &Options) -> Result<ExitCode> {
    let (root, runs) = (&options.root, options.root.join(RUNS));
    match &options.command {
        Command::Run(run) => {
            let program = finder::Program { path: &run.program, more: &run.more };
            let verdict = finder::run(root, run.gate.into(), program, run.minutes)?;
            return Ok(ExitCode::from(finder::exit_code(verdict)));
        }
        Command::NextSeed { gate } => {
            println!("{}", Ledger::read(&runs)?.next_seed((*gate).into()));
        }
        Command::Append { gate, exit_code } => {
            let output = std::io::read_to_string(std::io::stdin())?;
            let summary = summary::find(&output).context("the input has no summary")?;
            let first_seed = summary.first_seed.context("the summary names no first seed")?;
            let code = tree::code(root)?;
            let run = record::Ended {
                gate: (*gate).into(),
                first_seed,
                exit_code: Some(*exit_code),
                summary,
            };
            record::append(root, &code, run)?;
        }
        Command::Report { check: true } => check(root)?,
        Command::Report { check: false } => report(root)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn report(root: &std::path::Path) -> Result<()> {
    let (ledger, code, path) =
        (Ledger::read(&root.join(RUNS))?, tree::code(root)?, root.join(PAGE));
    let page = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let table = figures::table(&ledger, &code.tree);
    std::fs::write(&path, document::with_table(&page, &code.tree, &table)?)?;
    print!("{table}");
    Ok(())
}

fn check(root: &std::path::Path) -> Result<()> {
    let (ledger, code, path) =
        (Ledger::read(&root.join(RUNS))?, tree::code(root)?, root.join(PAGE));
    let page = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (tree, table) = document::table_of(&page)?;
    if tree != code.tree {
        bail!(
            "{PAGE} has the figures of tree {tree}, this code is {}: make gate-report",
            code.tree
        );
    }
    if table != figures::table(&ledger, tree) {
        bail!("{PAGE} and {RUNS} differ: make gate-report");
    }
    Ok(())
}
