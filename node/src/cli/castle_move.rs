//! `rampart castle clusters …` and `rampart castle move`: other clusters, and topics that go on there.

use std::time::Duration;

use clap::{Args, Subcommand};
use rampart_api::client::Client;
use rampart_api::http::castle_moves::{
    ClusterDescription, MoveTopicRequest, TopicMoveDescription, TopicMovePhase,
};

use super::confirm::confirm;
use super::context::Context;
use super::failure::{Failure, UNSAFE};
use super::output::{or_dash, pairs, table};

/// How often `--wait` looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// So many looks in a row that find it blocked end `--wait`.
const BLOCKED_LOOKS_MAX: u32 = 10;

/// What is asked about other clusters.
#[derive(Debug, Subcommand)]
pub(super) enum CastleMoveCommand {
    /// List, register and forget clusters that topics can move to.
    #[command(subcommand)]
    Clusters(ClustersCommand),
    /// Let a topic go on in another cluster: its partitions are sealed here, nothing is copied.
    Move(MoveArgs),
}

/// What is done with other clusters.
#[derive(Debug, Subcommand)]
pub(super) enum ClustersCommand {
    /// List the clusters that are registered.
    List,
    /// Register a cluster, or change how it is reached.
    Set {
        /// The name that this cluster has for it.
        name: String,
        /// URLs of its servers, as clients reach them.
        #[arg(required = true, value_name = "URL")]
        servers: Vec<String>,
    },
    /// Forget a cluster that no topic has moved to.
    Remove {
        /// Its name.
        name: String,
    },
}

/// Which topic, and what about it.
#[derive(Debug, Args)]
pub(super) struct MoveArgs {
    /// Name of the topic.
    topic: String,
    /// The cluster where it goes on.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["status", "cancel"])]
    to: Option<String>,
    /// Only announce it; the same without this lets it go on.
    #[arg(long, requires = "to", conflicts_with = "wait")]
    hold: bool,
    /// Until every partition is sealed.
    #[arg(long)]
    wait: bool,
    /// Show how far it is.
    #[arg(long, conflicts_with_all = ["to", "cancel"])]
    status: bool,
    /// Take it back, if nothing is sealed yet.
    #[arg(long, conflicts_with_all = ["to", "wait"])]
    cancel: bool,
}

pub(super) async fn run(command: CastleMoveCommand, context: &Context) -> Result<(), Failure> {
    match command {
        CastleMoveCommand::Clusters(command) => clusters(command, context).await,
        CastleMoveCommand::Move(args) => move_topic(&args, context).await,
    }
}

async fn clusters(command: ClustersCommand, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let changed = match command {
        ClustersCommand::List => {
            let listed = client.peer_clusters().await?;
            return context.printer.print(&listed, |listed| cluster_table(&listed.clusters));
        }
        ClustersCommand::Set { name, servers } => {
            context.refuse_dry_run("castle clusters set")?;
            client.set_peer_cluster(&name, &servers).await?
        }
        ClustersCommand::Remove { name } => {
            context.refuse_dry_run("castle clusters remove")?;
            client.remove_peer_cluster(&name).await?
        }
    };
    context.printer.print(&changed, |_| "done".to_owned())
}

async fn move_topic(args: &MoveArgs, context: &Context) -> Result<(), Failure> {
    let (client, topic) = (context.client()?, args.topic.as_str());
    let shown = match &args.to {
        Some(to) => start(&client, args, to, context).await?,
        None if args.cancel => {
            context.refuse_dry_run("castle move --cancel")?;
            client.cancel_topic_move(topic).await?
        }
        None => client.topic_move(topic).await?,
    };
    let shown = match args.wait && !context.is_dry_run {
        true => wait(&client, topic).await?,
        false => shown,
    };
    context.printer.print(&shown, describe)
}

async fn start(
    client: &Client,
    args: &MoveArgs,
    to: &str,
    context: &Context,
) -> Result<TopicMoveDescription, Failure> {
    let (hold, dry_run) = (args.hold, context.is_dry_run);
    let request = MoveTopicRequest { to: to.to_owned(), hold, dry_run };
    if !hold && !dry_run {
        confirm(context, &format!("seal {} here, so that it goes on in {to}", args.topic))?;
    }
    Ok(client.start_topic_move(&args.topic, &request).await?)
}

/// Until it has moved, or can't.
async fn wait(client: &Client, topic: &str) -> Result<TopicMoveDescription, Failure> {
    let mut blocked_looks = 0;
    loop {
        let shown = client.topic_move(topic).await?;
        match shown.phase {
            TopicMovePhase::Moved => return Ok(shown),
            TopicMovePhase::Stays => return Err(Failure::new(format!("{topic} does not move"))),
            TopicMovePhase::Preparing | TopicMovePhase::Sealing => {}
        }
        blocked_looks = if shown.blockers.is_empty() { 0 } else { blocked_looks + 1 };
        if blocked_looks > BLOCKED_LOOKS_MAX {
            let what = format!("{topic} can't go on: {}", shown.blockers.join("; "));
            let hint = "it goes on by itself when that is gone; --cancel takes it back";
            return Err(Failure::new(what).hint(hint.to_owned()).code(UNSAFE));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn cluster_table(clusters: &[ClusterDescription]) -> String {
    let rows = clusters
        .iter()
        .map(|cluster| [cluster.name.clone(), cluster.servers.join(" "), cluster.topics.join(" ")]);
    table(["CLUSTER", "SERVERS", "TOPICS THAT GO ON THERE"], rows)
}

fn describe(shown: &TopicMoveDescription) -> String {
    let sealed = shown.partitions.iter().filter(|p| p.sealed_at.is_some()).count();
    let to = shown.to.as_ref();
    let head = pairs(&[
        ("topic", shown.topic.clone()),
        ("state", phase(shown.phase).to_owned()),
        ("goes on in", or_dash(to, |to| format!("{} ({})", to.cluster, to.servers.join(" ")))),
        ("sealed", format!("{sealed} of {}", shown.partitions.len())),
        ("blocked", or_dash(shown.blockers.first(), |_| shown.blockers.join("; "))),
    ]);
    let rows = shown.partitions.iter().map(|partition| {
        [partition.partition.to_string(), or_dash(partition.sealed_at, |at| at.to_string())]
    });
    format!("{head}\n\n{}", table(["PARTITION", "ENDS AT"], rows))
}

fn phase(phase: TopicMovePhase) -> &'static str {
    match phase {
        TopicMovePhase::Stays => "stays",
        TopicMovePhase::Preparing => "announced; can be taken back",
        TopicMovePhase::Sealing => "being sealed",
        TopicMovePhase::Moved => "moved",
    }
}

#[cfg(test)]
mod tests {
    use rampart_api::http::castle_moves::{MovedTo, PartitionSeal};

    use super::*;

    #[test]
    fn a_move_shows_where_each_partition_ends_and_what_blocks_it() {
        let seal = |partition, sealed_at| PartitionSeal { partition, sealed_at };
        let to = MovedTo {
            cluster: "east".into(),
            servers: vec!["http://a:1".into()],
            ..MovedTo::default()
        };
        let mut shown = TopicMoveDescription {
            topic: "orders".into(),
            phase: TopicMovePhase::Sealing,
            to: Some(to),
            partitions: vec![seal(0, Some(12)), seal(1, None)],
            ..TopicMoveDescription::default()
        };
        let text = describe(&shown);
        for part in ["being sealed", "east (http://a:1)", "1 of 2", "12"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        shown.blockers.push("it is held".into());
        assert!(describe(&shown).contains("it is held"));
    }
}
