//! `make bench-vs`: the same loads on Rampart and on Apache Kafka, in turn, on the same disk in the
//! same run: medians, ratios, and whether those reach what was set. Load generators and nodes share
//! the machine. Kafka is installed and started by `cluster-tests/kafka-baseline`.

mod contest;
mod cost;
mod idle;
mod kafka;
mod rampart;
mod rows;
mod system;
mod table;
mod turn;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use rampart_cluster_tests::figures::appends;
use rampart_cluster_tests::figures::conditions::here_and_now;
use rampart_cluster_tests::figures::page::Section;
use rampart_cluster_tests::harness::session::supervise;

use contest::{Contest, Opponent};
use kafka::baseline::Baseline;
use rows::Part;

/// Rampart against Apache Kafka, in turn: throughput, CPU, memory, latency, start, failover.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rounds: each is a turn of Rampart and one of Kafka.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each load runs, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How long a load warms Kafka up before it is measured.
    #[arg(long, default_value_t = 60)]
    warm_seconds: u64,
    /// At a rate: how long a record waits for others, at either, in milliseconds.
    #[arg(long, default_value_t = 5)]
    linger_ms: u64,
    /// Flat out: Rampart's requests in flight at any time, a batch in each. Kafka's client has up to
    /// five at each node, with a batch of every partition that the node leads: as many.
    #[arg(long, default_value_t = 30)]
    in_flight: u32,
    /// Only these loads.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Folder for the data of both, which decides the disk; it is emptied afterwards.
    #[arg(long, default_value = "target/bench-vs")]
    folder: PathBuf,
    /// Also writes the figures of each round as JSON to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also writes the figures into this page, in the place of those that it has.
    #[arg(long)]
    page: Option<PathBuf>,
}

impl Arguments {
    fn parts(&self) -> Vec<Part> {
        match self.only.is_empty() {
            true => Part::value_variants().to_vec(),
            false => self.only.clone(),
        }
    }
}

/// The whole run: some twenty minutes a round.
const LIMIT: Duration = Duration::from_secs(6 * 3_600);
/// How long the disk alone is measured.
const DISK_SPAN: Duration = Duration::from_secs(3);
/// Where the figures stand in a page.
const SECTION: Section = Section("against Kafka");

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match supervise(LIMIT, bench(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-vs failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(arguments: &Arguments) -> Result<()> {
    let baseline = Baseline::install()?;
    std::fs::create_dir_all(&arguments.folder)?;
    let plan = contest::Plan {
        folder: arguments.folder.canonicalize()?,
        rounds: arguments.rounds,
        span: Duration::from_secs(arguments.seconds),
        warm: Duration::from_secs(arguments.warm_seconds),
        linger_ms: arguments.linger_ms,
        in_flight: arguments.in_flight,
        only: arguments.parts(),
    };
    let before = syncs_per_second(&plan.folder)?;
    let mut contests = Vec::new();
    for opponent in [Opponent::Default, Opponent::FlushPerMessage] {
        let plan = opponent.share(&plan);
        if !plan.only.is_empty() {
            contests.push(Contest::run(opponent, &plan, &baseline).await?);
        }
    }
    let disk = format!("{before:.0}/s before and {:.0}/s after", syncs_per_second(&plan.folder)?);
    report(arguments, &contests, &conditions(arguments, &baseline, &disk)?)
}

fn report(arguments: &Arguments, contests: &[Contest], conditions: &str) -> Result<()> {
    let table = table::table(contests);
    println!("{conditions}\n{table}");
    if let Some(path) = &arguments.json {
        std::fs::write(path, table::json(contests, conditions).to_string() + "\n")?;
    }
    if let Some(path) = &arguments.page {
        let page = SECTION.put(&std::fs::read_to_string(path)?, conditions, table)?;
        std::fs::write(path, page)?;
    }
    Ok(())
}

/// Appends of 4 KiB, each synced, by one writer.
fn syncs_per_second(folder: &Path) -> Result<f64> {
    let path = folder.join("disk-alone");
    let rate = appends::per_second(&path, &[7; 4 << 10], DISK_SPAN, File::sync_data)?;
    std::fs::remove_file(&path)?;
    Ok(rate)
}

/// What the figures were made with.
fn conditions(arguments: &Arguments, baseline: &Baseline, disk: &str) -> Result<String> {
    let Arguments { rounds, seconds, warm_seconds, linger_ms, in_flight, .. } = arguments;
    Ok(format!(
        "{}. {} against Apache Kafka {} (heap {}, {}). Three nodes of either on one machine, \
         replication 3. Rampart: ack quorum, synced, {in_flight} requests in flight. Kafka: \
         acks=all, min.insync.replicas 2, warmed up by {warm_seconds} s of load. Rounds in turn: \
         {rounds}, {seconds} s a load, linger {linger_ms} ms at a rate. 4 KiB append + fdatasync \
         of the disk alone: {disk}.",
        here_and_now(),
        rampart::version()?,
        baseline.version,
        baseline.heap,
        baseline.java,
    ))
}
