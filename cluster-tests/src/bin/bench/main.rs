//! `make bench`: what the product does on this machine, in absolute figures and in ratios to what
//! the disk alone does in the same run. It prints, and says beside a figure that has a target
//! whether it is reached; it fails for none, for machines differ. Load generator and servers share
//! the machine: on few cores that is part of every figure.

mod castle_figures;
mod cluster_figures;
mod dead_letter_figures;
mod disk;
mod group_figures;
mod load;
mod report;
mod sdk_figures;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::session::supervise;

use report::Report;

/// Throughput, latency, failover, groups, memory and the cost of clients of a three-node cluster.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long each load runs, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Produce requests in flight at any time.
    #[arg(long, default_value_t = 16)]
    in_flight: u32,
    /// Batches of a partition that the SDK has in flight; its default unless given.
    #[arg(long)]
    sdk_in_flight: Option<usize>,
    /// Folder for the data, which decides the disk; it is emptied afterwards.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Also writes the figures as JSON to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also writes the figures into this page, in the place of those that it has.
    #[arg(long)]
    page: Option<PathBuf>,
}

/// The whole run; it takes about ten times `--seconds`.
const LIMIT: Duration = Duration::from_secs(3_600);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match supervise(LIMIT, bench(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(arguments: &Arguments) -> Result<()> {
    let span = Duration::from_secs(arguments.seconds);
    let mut report = Report::new();
    report.progress("the disk alone");
    let disk = disk::measure(&arguments.folder, span / 4)?;
    disk.describe(&mut report);

    report.progress("three nodes");
    let options = Options { folder: Some(arguments.folder.clone()), ..Options::default() };
    let mut cluster = Cluster::start_with(3, options).await?;
    cluster_figures::startup(&mut cluster, &mut report).await?;
    for partitions in [1, 6] {
        let load = load::Load { partitions, in_flight: arguments.in_flight, span };
        load.produce(&cluster, &disk, &mut report).await?;
        load.fetch(&cluster, &disk, &mut report).await?;
        if partitions > 1 {
            let sdk_in_flight = arguments.sdk_in_flight;
            sdk_figures::produce(&cluster, (load, sdk_in_flight), &mut report).await?;
        }
    }
    group_figures::poll_and_ack(&cluster, span, &mut report).await?;
    dead_letter_figures::redrive(&cluster, &mut report).await?;
    cluster_figures::memory(&cluster, "after the load", &mut report)?;
    castle_figures::castle(&cluster, span, &mut report).await?;
    cluster_figures::failover(&mut cluster, &mut report).await?;
    group_figures::coordinator(&mut cluster, &mut report).await?;
    group_figures::rebalance(&cluster, &mut report).await?;
    cluster_figures::idle(&cluster, span, &mut report).await?;
    cluster_figures::memory(&cluster, "with 100 partitions x 3 more", &mut report)?;

    println!("{}", report.table());
    let json = report.json();
    println!("{json}");
    if let Some(path) = &arguments.json {
        std::fs::write(path, json + "\n")?;
    }
    if let Some(path) = &arguments.page {
        let page = report.put_into(&std::fs::read_to_string(path)?, &conditions(arguments))?;
        std::fs::write(path, page)?;
    }
    Ok(())
}

/// When and where the figures were made.
fn conditions(arguments: &Arguments) -> String {
    let command = |program: &str, args: &[&str]| {
        let output = std::process::Command::new(program).args(args).output().ok()?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    let or_unknown = |said: Option<String>| said.unwrap_or_else(|| "unknown".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, commit {}, {cores} cores, Linux {}, {} s a load, {} requests in flight.",
        or_unknown(command("date", &["-u", "+%F %H:%M UTC"])),
        or_unknown(command("git", &["rev-parse", "--short", "HEAD"])),
        or_unknown(command("uname", &["-r"])),
        arguments.seconds,
        arguments.in_flight,
    )
}
