//! The command line: parses, runs one command, answers an exit code. Every command but `server`,
//! `dev` and `debug` talks to a running cluster through the public HTTP interface.

mod bench;
mod castle;
mod castle_move;
mod cluster;
mod completion;
mod config;
mod confirm;
mod consume;
mod context;
mod dead_letter;
mod dead_letter_records;
mod debug;
mod failure;
mod group;
mod node;
mod output;
mod partition;
mod produce;
mod serve;
mod topic;
mod watch;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use context::Context;
use failure::Failure;
use output::Format;

/// How long leftovers, such as a read from a terminal, may hold up the end of the process.
const LEFTOVERS_TIMEOUT: Duration = Duration::from_millis(200);

/// A replicated log: Kafka's promises over HTTP, in one binary without anything beside it.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused as unsafe; of a node that
/// stops by itself: 70 a fault in the program, 74 the disk failed, 78 the cluster refused it.
#[derive(Debug, Parser)]
#[command(name = "rampart", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
struct GlobalArgs {
    /// Servers to talk to, tried in this order.
    #[arg(
        short,
        long,
        global = true,
        value_name = "URL",
        env = "RAMPART_SERVER",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:8080,http://127.0.0.1:8081"
    )]
    server: Vec<String>,
    /// How answers are printed; a table on a terminal and json otherwise.
    #[arg(long, global = true, value_enum)]
    format: Option<Format>,
    /// Only say what would be done.
    #[arg(long, global = true)]
    dry_run: bool,
    /// Don't ask.
    #[arg(long, short, global = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node.
    Server(serve::ServerArgs),
    /// Run a whole cluster in one process, to try things out.
    Dev(serve::DevArgs),
    /// Create, show and change topics.
    #[command(subcommand)]
    Topic(topic::TopicCommand),
    /// Write records: one value a line, from standard input or a file.
    Produce(produce::ProduceArgs),
    /// Read records.
    Consume(consume::ConsumeArgs),
    /// Put a load on a cluster and say what it took.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Show consumer groups, move their offsets, forget them.
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Show clients that send heartbeats, ask something of them; move topics to other clusters.
    #[command(subcommand)]
    Castle(castle::CastleCommand),
    /// Show nodes, take them out of service and out of the cluster.
    #[command(subcommand)]
    Node(node::NodeCommand),
    /// Show how the cluster is, and even out its load.
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// Show and move single partitions.
    #[command(subcommand)]
    Partition(partition::PartitionCommand),
    /// Show the configuration in effect, or a sample file.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Look into the directory of a stopped node; the last resort when a majority is gone.
    #[command(subcommand)]
    Debug(debug::DebugCommand),
    /// Print a script that completes commands in a shell.
    Completion(completion::CompletionArgs),
}

/// Runs the command that the arguments name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come as errors too, with code 0. A closed terminal is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { failure::USAGE } else { 0 });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::new(format!("no threads: {error}")).report(),
    };
    let result = runtime.block_on(Box::pin(dispatch(cli)));
    runtime.shutdown_timeout(LEFTOVERS_TIMEOUT);
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

async fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let done = ExitCode::SUCCESS;
    let context = Context::new(&cli.global);
    match cli.command {
        Command::Server(args) => {
            context.refuse_dry_run("server")?;
            return Box::pin(serve::server(args)).await;
        }
        Command::Dev(args) => {
            context.refuse_dry_run("dev")?;
            return Box::pin(serve::dev(args)).await;
        }
        Command::Topic(command) => topic::run(command, &context).await?,
        Command::Produce(args) => Box::pin(produce::run(args, &context)).await?,
        Command::Consume(args) => Box::pin(consume::run(args, &context)).await?,
        Command::Bench(command) => Box::pin(bench::run(command, &context)).await?,
        Command::Group(command) => group::run(command, &context).await?,
        Command::Castle(command) => castle::run(command, &context).await?,
        Command::Node(command) => node::run(command, &context).await?,
        Command::Cluster(command) => return cluster::run(command, &context).await,
        Command::Partition(command) => partition::run(command, &context).await?,
        Command::Config(command) => config::run(command, &context)?,
        Command::Debug(command) => Box::pin(debug::run(command, &context)).await?,
        Command::Completion(args) => completion::run(&args, &context)?,
    }
    Ok(done)
}
