//! `rampart consume T`: reads partitions and prints records. `position` is where to start,
//! `template` how a record looks, `reader` what is read next.

mod position;
mod reader;
mod template;

use clap::Args;

use super::context::Context;
use super::failure::{Failure, NOT_FOUND};
use super::output::Format;
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
    /// Consumer group.
    #[arg(short, long, hide = true)]
    group: Option<String>,
}

pub(super) async fn run(args: ConsumeArgs, context: &Context) -> Result<(), Failure> {
    if args.group.is_some() {
        return Err(Failure::usage("-g: consumer groups are not served yet")
            .hint("without -g every record is read, from -o on"));
    }
    let template = match (args.template, context.printer.chosen()) {
        (Some(template), _) => template,
        (None, Some(Format::Json)) => Template::Json,
        (None, Some(Format::Table) | None) => Template::default(),
    };
    let client = context.client()?;
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
