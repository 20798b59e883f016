//! `rampart consume T`: reads partitions and prints records. `position` is where to start,
//! `template` how a record looks, `reader` what is read next.

mod member;
mod position;
mod reader;
mod template;

use clap::Args;
use rampart_api::client::FetchFrom;
use rampart_api::http::fetch::OffsetParam;
use rampart_api::http::groups::StartAt;

use super::context::Context;
use super::failure::{Failure, NOT_FOUND};
use super::output::Format;
use member::GroupReader;
use position::Position;
use reader::{Reader, Until};
use template::Template;

#[derive(Debug, Args)]
pub(super) struct ConsumeArgs {
    /// Topic.
    topic: String,
    /// Where to start: earliest, latest, an offset N, -N for the last N of each partition, or @ and
    /// a time, as milliseconds since 1970.
    #[arg(short, long, default_value = "earliest", allow_hyphen_values = true)]
    offset: Position,
    /// Stop after so many records; wait for them if they aren't there yet.
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// How a record is printed: %v value, %k key, %t topic, %p partition, %o offset, %T timestamp,
    /// %h headers, %S size of the value, \n, \t [default: '%v\n'].
    #[arg(short = 'f', long, value_name = "TEMPLATE")]
    template: Option<Template>,
    /// Go on at the end, with what comes.
    #[arg(long)]
    follow: bool,
    /// Only these partitions.
    #[arg(short, long = "partition", value_name = "N", value_delimiter = ',')]
    partitions: Vec<u32>,
    /// Read as a member of this consumer group: partitions are shared with its other members, and
    /// what is printed is acknowledged. -o says where the group begins in partitions that it never
    /// read.
    #[arg(short, long, conflicts_with = "partitions")]
    group: Option<String>,
}

pub(super) async fn run(args: ConsumeArgs, context: &Context) -> Result<(), Failure> {
    let template = match (args.template, context.printer.chosen()) {
        (Some(template), _) => template,
        (None, Some(Format::Json)) => Template::Json,
        (None, Some(Format::Table) | None) => Template::default(),
    };
    let client = context.client()?;
    if let Some(group) = args.group {
        let start = group_start(args.offset)?;
        let (topic, count, is_following) = (args.topic, args.count, args.follow);
        let reader = GroupReader { client, group, topic, template, start, count, is_following };
        return reader.run().await;
    }
    let topic = client.topic(&args.topic).await?;
    let all: Vec<u32> = topic.partitions.iter().map(|partition| partition.partition).collect();
    let partitions = choose(&args.topic, &all, args.partitions)?;
    let until = match (args.follow, args.count) {
        (true, None) => Until::Stopped,
        (_, Some(count)) => Until::Records(count),
        (false, None) => Until::End,
    };
    let reader = Reader { client, topic: args.topic, template, until };
    tokio::select! {
        done = Box::pin(reader.run(&partitions, args.offset)) => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// Where a group begins; it goes on where it is.
fn group_start(offset: Position) -> Result<StartAt, Failure> {
    match offset.0 {
        FetchFrom::Offset(OffsetParam::Earliest) => Ok(StartAt::Earliest),
        FetchFrom::Offset(OffsetParam::Latest) => Ok(StartAt::Latest),
        FetchFrom::Timestamp(timestamp) => Ok(StartAt::Timestamp(timestamp)),
        FetchFrom::Offset(OffsetParam::At(_) | OffsetParam::FromEnd(_)) => {
            Err(Failure::usage("with -g, -o is earliest, latest, or @ and a time")
                .hint("`rampart group reset-offsets` moves a group to an offset"))
        }
    }
}

fn choose(topic: &str, all: &[u32], wanted: Vec<u32>) -> Result<Vec<u32>, Failure> {
    if wanted.is_empty() {
        return Ok(all.to_vec());
    }
    match wanted.iter().find(|partition| !all.contains(partition)) {
        None => Ok(wanted),
        Some(missing) => Err(Failure::new(format!("{topic} has no partition {missing}"))
            .code(NOT_FOUND)
            .hint(format!("it has 0 to {}", all.len().saturating_sub(1)))),
    }
}
