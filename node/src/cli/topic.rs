//! `rampart topic create|list|describe|alter|add-partitions|delete|truncate|dead-letter`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use rampart_api::http::produce::RecordError;
use rampart_api::http::topics::{
    AlterTopicRequest, CreateTopicRequest, CreateTopicResponse, PartitionDescription,
    TopicDescription, TruncatePartition, TruncateResponse,
};
use serde::Serialize;

use super::confirm::confirm;
use super::context::Context;
use super::dead_letter::{self, DeadLetterCommand};
use super::failure::{Failure, code_of};
use super::output::{bytes, duration_ms, ids, key_value, number, or_dash, pairs, table};

#[derive(Debug, Subcommand)]
pub(super) enum TopicCommand {
    /// Create a topic.
    Create(CreateArgs),
    /// List topics.
    List,
    /// Show a topic: partitions, leaders, lag, configuration.
    Describe {
        /// Its name.
        topic: String,
    },
    /// Change a topic's configuration or its number of replicas.
    Alter(AlterArgs),
    /// Add partitions. Keys are spread anew: records of one key may then be in two partitions.
    AddPartitions {
        /// Its name.
        topic: String,
        /// Number of partitions afterwards.
        total: u32,
    },
    /// Delete topics with all their records.
    Delete {
        /// Their names.
        #[arg(required = true)]
        topics: Vec<String>,
    },
    /// Delete records from the beginning of partitions.
    Truncate(TruncateArgs),
    /// Say what becomes of records that consumer groups don't process.
    #[command(subcommand)]
    DeadLetter(DeadLetterCommand),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// 1 to 249 characters out of A-Z a-z 0-9 . _ -
    topic: String,
    /// Number of partitions [default: 1, or what the node is configured to].
    #[arg(short, long, value_name = "N")]
    partitions: Option<u32>,
    /// Replicas of each partition [default: 3, or as many as there are nodes].
    #[arg(short, long, value_name = "N")]
    replication_factor: Option<u32>,
    /// Configuration, such as retention.ms=86400000 or ack=-1.
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(super) struct AlterArgs {
    /// Its name.
    topic: String,
    /// Set a key.
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    /// Set a key back to its default.
    #[arg(long, value_name = "KEY")]
    reset: Vec<String>,
    /// Replicas of each partition.
    #[arg(short, long, value_name = "N")]
    replication_factor: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct TruncateArgs {
    /// Its name.
    topic: String,
    /// Only these partitions.
    #[arg(short, long = "partition", value_name = "N", value_delimiter = ',')]
    partitions: Vec<u32>,
    /// First offset that stays; everything goes if it is missing.
    #[arg(long, value_name = "OFFSET")]
    before: Option<u64>,
}

pub(super) async fn run(command: TopicCommand, context: &Context) -> Result<(), Failure> {
    match command {
        TopicCommand::Create(args) => create(args, context).await,
        TopicCommand::List => list(context).await,
        TopicCommand::Describe { topic } => {
            let topic = context.client()?.topic(&topic).await?;
            context.printer.print(&topic, describe)
        }
        TopicCommand::Alter(args) => alter(args, context).await,
        TopicCommand::AddPartitions { topic, total } => {
            context.refuse_dry_run("topic add-partitions")?;
            let done = context.client()?.add_partitions(&topic, total).await?;
            context.printer.print(&done, |_| format!("{topic} has {total} partitions"))
        }
        TopicCommand::Delete { topics } => delete(&topics, context).await,
        TopicCommand::Truncate(args) => truncate(args, context).await,
        TopicCommand::DeadLetter(command) => dead_letter::run(command, context).await,
    }
}

async fn create(args: CreateArgs, context: &Context) -> Result<(), Failure> {
    let request = CreateTopicRequest {
        name: args.topic,
        partitions: args.partitions,
        replication_factor: args.replication_factor,
        config: args.config.into_iter().collect(),
        dry_run: context.is_dry_run,
    };
    let created = context.client()?.create_topic(&request).await?;
    context.printer.print(&created, |created: &CreateTopicResponse| {
        let deed = if created.dry_run { "would create" } else { "created" };
        let (name, partitions) = (&created.name, created.partitions);
        let replicas = created.replication_factor;
        format!("{deed} {name}: partitions {partitions}, replicas of each {replicas}")
    })
}

async fn list(context: &Context) -> Result<(), Failure> {
    let topics = context.client()?.topics().await?;
    context.printer.print(&topics, |list| {
        let rows = list.topics.iter().map(|topic| {
            let kind = if topic.internal { "internal" } else { "" };
            [
                topic.name.clone(),
                topic.partitions.to_string(),
                topic.replication_factor.to_string(),
                kind.to_owned(),
            ]
        });
        table(["TOPIC", "PARTITIONS", "REPLICAS", ""], rows)
    })
}

async fn alter(args: AlterArgs, context: &Context) -> Result<(), Failure> {
    context.refuse_dry_run("topic alter")?;
    let set = args.config.into_iter().map(|(key, value)| (key, Some(value)));
    let reset = args.reset.into_iter().map(|key| (key, None));
    let config: BTreeMap<_, _> = set.chain(reset).collect();
    if config.is_empty() && args.replication_factor.is_none() {
        return Err(Failure::usage("nothing to change")
            .hint("--config KEY=VALUE, --reset KEY or --replication-factor N"));
    }
    let change = AlterTopicRequest { config, replication_factor: args.replication_factor };
    let done = context.client()?.alter_topic(&args.topic, &change).await?;
    context.printer.print(&done, |_| format!("changed {}", args.topic))
}

/// What a deletion did, or would do.
#[derive(Debug, Default, Serialize)]
struct Deletion {
    dry_run: bool,
    topics: Vec<DeletedTopic>,
}

#[derive(Debug, Serialize)]
struct DeletedTopic {
    name: String,
    /// Records that it had when it was looked at.
    records: u64,
    /// State of the metadata without it; missing where it was not deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_index: Option<u64>,
}

/// One answer for all topics, and one that can't be deleted doesn't hide what became of the others.
async fn delete(topics: &[String], context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let mut deletion = Deletion { dry_run: context.is_dry_run, ..Deletion::default() };
    for topic in topics {
        let records = records_of(&client.topic(topic).await?);
        let name = topic.clone();
        deletion.topics.push(DeletedTopic { name, records, metadata_index: None });
    }
    let records = deletion.topics.iter().map(|topic| topic.records).sum();
    let deed = format!("delete {} with {} records", topics.join(", "), number(records));
    if context.is_dry_run {
        return context.printer.print(&deletion, |_| format!("would {deed}"));
    }
    confirm(context, &deed)?;
    let mut failed = None;
    for topic in &mut deletion.topics {
        match client.delete_topic(&topic.name).await {
            Ok(done) => topic.metadata_index = Some(done.metadata_index),
            Err(error) => {
                failed = Some(Failure::from(error).about(&topic.name));
                break;
            }
        }
    }
    context.printer.print(&deletion, deleted)?;
    failed.map_or(Ok(()), Err)
}

fn deleted(deletion: &Deletion) -> String {
    let lines = deletion.topics.iter().map(|topic| match topic.metadata_index {
        Some(_) => format!("deleted {}\n", topic.name),
        None => format!("did not delete {}\n", topic.name),
    });
    lines.collect()
}

async fn truncate(args: TruncateArgs, context: &Context) -> Result<(), Failure> {
    context.refuse_dry_run("topic truncate")?;
    let client = context.client()?;
    let mut partitions = args.partitions;
    if partitions.is_empty() {
        let topic = client.topic(&args.topic).await?;
        partitions = topic.partitions.iter().map(|partition| partition.partition).collect();
    }
    let what = args.before.map_or("all records".to_owned(), |o| format!("records below {o}"));
    let named = ids(partitions.iter().copied().map(u64::from));
    confirm(context, &format!("delete {what} in partitions {named} of {}", args.topic))?;
    let before = |partition| TruncatePartition { partition, before_offset: args.before };
    let done = client.truncate(&args.topic, partitions.into_iter().map(before).collect()).await?;
    context.printer.print(&done, truncated)?;
    let failed = done.partitions.iter().find_map(|partition| partition.error.as_ref());
    failed.map_or(Ok(()), |error| Err(Failure::new(error.detail.clone()).code(code_of(error.code))))
}

fn truncated(done: &TruncateResponse) -> String {
    let reason = |error: &Option<RecordError>| error.as_ref().map(|e| e.detail.clone());
    let rows = done.partitions.iter().map(|partition| {
        [
            partition.partition.to_string(),
            or_dash(partition.log_start_offset, |offset| offset.to_string()),
            reason(&partition.error).unwrap_or_default(),
        ]
    });
    table(["PARTITION", "LOG START", ""], rows)
}

/// A topic for people.
fn describe(topic: &TopicDescription) -> String {
    let size = topic.partitions.iter().filter_map(|partition| partition.size_bytes).sum();
    let head = pairs(&[
        ("topic", topic.name.clone()),
        ("id", topic.id.clone()),
        ("partitions", topic.partitions.len().to_string()),
        ("replicas", topic.replication_factor.to_string()),
        ("records", number(records_of(topic))),
        ("size", bytes(size)),
    ]);
    let partitions = partition_table(&topic.partitions);
    let config = topic.config.iter().map(|(key, value)| {
        let origin = if topic.config_set.contains(key) { "set" } else { "default" };
        [key.clone(), value.clone(), origin.to_owned()]
    });
    format!("{head}\n{partitions}\n\n{}", table(["CONFIGURATION", "VALUE", "FROM"], config))
}

/// Partitions for people: one line each, replicas with their lag.
pub(super) fn partition_table(partitions: &[PartitionDescription]) -> String {
    let rows = partitions.iter().map(|partition| {
        [
            partition.partition.to_string(),
            or_dash(partition.leader, |node| node.to_string()),
            partition.leader_epoch.to_string(),
            or_dash(partition.log_start_offset, |offset| offset.to_string()),
            or_dash(partition.high_watermark, |offset| offset.to_string()),
            or_dash(partition.size_bytes, bytes),
            replicas(partition),
            partition.problem.clone().unwrap_or_default(),
        ]
    });
    let header = ["PARTITION", "LEADER", "EPOCH", "START", "END", "SIZE", "REPLICAS", ""];
    table(header, rows)
}

/// Nodes of the replicas, with what is wrong with each.
fn replicas(partition: &PartitionDescription) -> String {
    let show = |replica: &rampart_api::http::topics::ReplicaDescription| {
        let mut remarks = Vec::new();
        if replica.role == "learner" {
            remarks.push("learner".to_owned());
        }
        if !replica.alive {
            remarks.push("dead".to_owned());
        }
        if replica.in_sync == Some(false) {
            let behind = replica.lag_records.unwrap_or_default();
            let since = duration_ms(replica.lag_ms.unwrap_or_default());
            remarks.push(format!("{} records, {since} behind", number(behind)));
        }
        match remarks.is_empty() {
            true => replica.node.to_string(),
            false => format!("{} ({})", replica.node, remarks.join(", ")),
        }
    };
    partition.replicas.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn records_of(topic: &TopicDescription) -> u64 {
    let span =
        |p: &PartitionDescription| Some(p.high_watermark?.saturating_sub(p.log_start_offset?));
    topic.partitions.iter().filter_map(span).sum()
}

#[cfg(test)]
mod tests {
    use rampart_api::http::topics::ReplicaDescription;

    use super::*;

    #[test]
    fn a_deletion_that_stopped_half_way_names_what_is_gone_and_what_is_not() {
        let topic = |name: &str, metadata_index| DeletedTopic {
            name: name.to_owned(),
            records: 3,
            metadata_index,
        };
        let deletion =
            Deletion { dry_run: false, topics: vec![topic("a", Some(7)), topic("b", None)] };
        assert_eq!(deleted(&deletion), "deleted a\ndid not delete b\n");
        assert_eq!(
            serde_json::to_string(&deletion).unwrap(),
            r#"{"dry_run":false,"topics":[{"name":"a","records":3,"metadata_index":7},{"name":"b","records":3}]}"#
        );
    }

    #[test]
    fn a_partition_shows_who_lags_and_why() {
        let replica = |node, in_sync, alive| ReplicaDescription {
            node,
            role: "follower".into(),
            in_sync: Some(in_sync),
            alive,
            lag_records: Some(1_200),
            lag_ms: Some(2_500),
            ..ReplicaDescription::default()
        };
        let partition = PartitionDescription {
            leader: Some(1),
            high_watermark: Some(5_000),
            log_start_offset: Some(10),
            replicas: vec![replica(1, true, true), replica(2, false, false)],
            ..PartitionDescription::default()
        };
        let text = partition_table(&[partition]);
        assert!(text.contains("1 2 (dead, 1,200 records, 2.5 s behind)"), "{text}");
    }
}
