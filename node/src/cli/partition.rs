//! `rampart partition describe|move|transfer-leader`.

use clap::{Args, Subcommand};
use rampart_api::http::cluster::SetReplicasRequest;
use rampart_api::http::topics::PartitionDescription;

use super::context::Context;
use super::failure::{Failure, NOT_FOUND};
use super::node::move_table;
use super::output::table;
use super::topic::partition_table;

#[derive(Debug, Subcommand)]
pub(super) enum PartitionCommand {
    /// Show a partition and its replicas.
    Describe(PartitionArgs),
    /// Move a partition's replicas to exactly these nodes.
    Move(MoveArgs),
    /// Let another replica lead.
    TransferLeader(TransferArgs),
}

#[derive(Debug, Args)]
pub(super) struct PartitionArgs {
    /// Topic.
    topic: String,
    /// Number inside the topic.
    partition: u32,
}

#[derive(Debug, Args)]
pub(super) struct MoveArgs {
    #[command(flatten)]
    partition: PartitionArgs,
    /// Nodes, the preferred leader first.
    #[arg(long, value_name = "NODE", value_delimiter = ',', required_unless_present = "cancel")]
    to: Vec<u64>,
    /// Take back a move that has not finished.
    #[arg(long, conflicts_with = "to")]
    cancel: bool,
}

#[derive(Debug, Args)]
pub(super) struct TransferArgs {
    #[command(flatten)]
    partition: PartitionArgs,
    /// Node that should lead; the best candidate if missing.
    #[arg(long, value_name = "NODE")]
    to: Option<u64>,
}

pub(super) async fn run(command: PartitionCommand, context: &Context) -> Result<(), Failure> {
    match command {
        PartitionCommand::Describe(args) => show(&args, context).await,
        PartitionCommand::Move(args) => set_replicas(args, context).await,
        PartitionCommand::TransferLeader(args) => {
            context.refuse_dry_run("partition transfer-leader")?;
            let PartitionArgs { topic, partition } = args.partition;
            let done = context.client()?.transfer_leadership(&topic, partition, args.to).await?;
            context.printer.print(&done, |done| {
                format!("node {} leads {}/{}", done.leader, done.topic, done.partition)
            })
        }
    }
}

async fn show(args: &PartitionArgs, context: &Context) -> Result<(), Failure> {
    let topic = context.client()?.topic(&args.topic).await?;
    let count = topic.partitions.len();
    let found = topic.partitions.into_iter().find(|p| p.partition == args.partition);
    let Some(partition) = found else {
        let what = format!("{} has no partition {}", args.topic, args.partition);
        return Err(Failure::new(what)
            .code(NOT_FOUND)
            .hint(format!("it has 0 to {}", count.saturating_sub(1))));
    };
    context.printer.print(&partition, describe)
}

fn describe(partition: &PartitionDescription) -> String {
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let rows = partition.replicas.iter().map(|replica| {
        [
            replica.node.to_string(),
            replica.replica.to_string(),
            replica.role.clone(),
            if replica.alive { "yes" } else { "no" }.to_owned(),
            replica.in_sync.map_or("-", |is| if is { "yes" } else { "no" }).to_owned(),
            number(replica.match_offset),
            number(replica.lag_records),
            number(replica.lag_ms),
        ]
    });
    let header = ["NODE", "REPLICA", "ROLE", "ALIVE", "IN SYNC", "ON DISK", "LAG", "LAG MS"];
    format!("{}\n\n{}", partition_table(std::slice::from_ref(partition)), table(header, rows))
}

async fn set_replicas(args: MoveArgs, context: &Context) -> Result<(), Failure> {
    let PartitionArgs { topic, partition } = args.partition;
    let request =
        SetReplicasRequest { nodes: args.to, dry_run: context.is_dry_run, cancel: args.cancel };
    let done = context.client()?.set_replicas(&topic, partition, &request).await?;
    context.printer.print(&done, |done| {
        let head = match (args.cancel, done.dry_run) {
            (true, _) => "taken back",
            (false, true) => "would be started",
            (false, false) => "started",
        };
        format!("{head}\n{}", move_table(std::slice::from_ref(&done.planned)))
    })
}
