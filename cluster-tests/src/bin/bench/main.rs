//! `make bench`: what the product does on this machine, in absolute figures and in ratios to what
//! the disk alone does in the same run. It prints, and says beside a figure that has a target
//! whether it is reached; it fails for none, for machines differ. Load generator and servers share
//! the machine: on few cores that is part of every figure.

mod castle_figures;
mod cluster_figures;
mod cold_figures;
mod command_figures;
mod dead_letter_figures;
mod disk;
mod group_figures;
mod load;
mod many_figures;
mod overload_figures;
mod report;
mod sdk_figures;
mod stop_figures;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use rampart_cluster_tests::figures::conditions::here_and_now;
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
    /// Only these loads.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Engine of the nodes' stores.
    #[arg(long, value_enum, default_value_t = Engine::Journal)]
    engine: Engine,
    /// How often nodes are killed where that is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    kills: u16,
    /// Partitions of a topic that is to be large.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    many: u32,
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

/// A part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Raw batches in and out.
    Raw,
    /// The SDK's producer.
    Sdk,
    /// Poll and ack.
    Groups,
    /// Redrive.
    DeadLetters,
    /// Clients of Castle.
    Castle,
    /// JSON, single records, a fixed rate, small records.
    Command,
    /// Old data read beside writers.
    Cold,
    /// Three times the load that it takes.
    Overload,
    /// kill -9, stop, drain, rebalance, and an idle cluster.
    Cluster,
    /// A thousand partitions.
    Many,
}

/// `storage.engine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    Journal,
    Rocksdb,
}

impl Engine {
    fn config(self) -> &'static str {
        match self {
            Engine::Journal => "",
            Engine::Rocksdb => "[storage]\nengine = \"rocksdb\"\n",
        }
    }
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
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
    let config = arguments.engine.config();
    let folder = Some(arguments.folder.clone());
    let mut cluster =
        Cluster::start_with(3, Options { config, folder, ..Options::default() }).await?;
    cluster_figures::startup(&mut cluster, &mut report).await?;
    loads(arguments, &cluster, &disk, &mut report).await?;
    disturbances(arguments, &mut cluster, &mut report).await?;

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

/// What nodes do while they are left alone.
async fn loads(
    arguments: &Arguments,
    cluster: &Cluster,
    disk: &disk::Disk,
    report: &mut Report,
) -> Result<()> {
    let span = Duration::from_secs(arguments.seconds);
    let load = |partitions| load::Load { partitions, in_flight: arguments.in_flight, span };
    for partitions in [1, 6] {
        if arguments.wants(Part::Raw) {
            load(partitions).produce(cluster, disk, report).await?;
            load(partitions).fetch(cluster, disk, report).await?;
            load(partitions).clean_up(cluster).await?;
        }
    }
    if arguments.wants(Part::Sdk) {
        sdk_figures::produce(cluster, (load(6), arguments.sdk_in_flight), report).await?;
        load(6).clean_up(cluster).await?;
    }
    if arguments.wants(Part::Command) {
        command_figures::measure(cluster, arguments.seconds, report).await?;
    }
    if arguments.wants(Part::Cold) {
        cold_figures::measure(cluster, load(6), report).await?;
        load(6).clean_up(cluster).await?;
    }
    if arguments.wants(Part::Groups) {
        group_figures::poll_and_ack(cluster, span, report).await?;
    }
    if arguments.wants(Part::DeadLetters) {
        dead_letter_figures::redrive(cluster, report).await?;
    }
    cluster_figures::memory(cluster, "after the load", report)?;
    if arguments.wants(Part::Overload) {
        overload_figures::measure(cluster, span, report).await?;
    }
    if arguments.wants(Part::Castle) {
        castle_figures::castle(cluster, span, report).await?;
    }
    Ok(())
}

/// Nodes that go and come, and a cluster with many partitions.
async fn disturbances(
    arguments: &Arguments,
    cluster: &mut Cluster,
    report: &mut Report,
) -> Result<()> {
    let (span, kills) = (Duration::from_secs(arguments.seconds), arguments.kills.into());
    if arguments.wants(Part::Cluster) {
        stop_figures::measure(cluster, report).await?;
        group_figures::coordinator(cluster, report).await?;
        group_figures::rebalance(cluster, report).await?;
        load::prepare(cluster, "idle", 100).await?;
        let idle = cluster_figures::Idle { topic: "idle", partitions: 100, span };
        idle.measure(cluster, report).await?;
        cluster_figures::memory(cluster, "with 100 partitions x 3 more", report)?;
        cluster_figures::failover(cluster, ("100 partitions x 3", kills), report).await?;
    }
    if arguments.wants(Part::Many) {
        let many = (arguments.many, kills, span);
        many_figures::measure(cluster, many, report).await?;
    }
    Ok(())
}

/// When and where the figures were made.
fn conditions(arguments: &Arguments) -> String {
    let (place, seconds) = (here_and_now(), arguments.seconds);
    format!("{place}, {seconds} s a load, {} requests in flight.", arguments.in_flight)
}
