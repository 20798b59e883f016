//! `rampart group list|describe|lag|reset-offsets|delete`.

use clap::{Args, Subcommand};
use rampart_api::http::groups::{
    DeleteGroupRequest, GroupDescription, GroupPartitionDescription, GroupSummary, LagResponse,
    ResetOffset, ResetRequest, ResetTo,
};

use super::confirm::confirm;
use super::context::Context;
use super::failure::Failure;
use super::output::{duration_ms, number, or_dash, pairs, table};
use super::watch;

#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// List consumer groups.
    List,
    /// Show a group: members, and how far it is in each partition.
    Describe {
        /// Its name.
        group: String,
        /// Again every second, until interrupted.
        #[arg(long)]
        watch: bool,
    },
    /// Show how far a group is behind.
    Lag {
        /// Its name.
        group: String,
        /// Again every second, until interrupted.
        #[arg(long)]
        watch: bool,
    },
    /// Move a group to other offsets in a topic.
    ResetOffsets(ResetArgs),
    /// Forget groups without members, with their offsets.
    Delete {
        /// Their names.
        #[arg(required = true)]
        groups: Vec<String>,
        /// Although records of them wait to be delivered again: these are dropped.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    /// The group.
    group: String,
    /// Topic.
    #[arg(short, long)]
    topic: String,
    /// Where to: earliest, latest, an offset N, +N or -N records from where the group is, or @ and a
    /// time, as milliseconds since 1970.
    #[arg(long, allow_hyphen_values = true, value_parser = reset_to)]
    to: ResetTo,
    /// Only these partitions.
    #[arg(short, long = "partition", value_name = "N", value_delimiter = ',')]
    partitions: Vec<u32>,
    /// Although the group has members: what they hold is delivered anew.
    #[arg(long)]
    force: bool,
}

fn reset_to(text: &str) -> Result<ResetTo, String> {
    let wrong =
        |_| format!("earliest, latest, an offset, +N, -N, or @ and a time is wanted, not {text:?}");
    match text {
        "earliest" => return Ok(ResetTo::Earliest),
        "latest" => return Ok(ResetTo::Latest),
        _ => {}
    }
    if let Some(time) = text.strip_prefix('@') {
        return time.parse().map(ResetTo::Timestamp).map_err(wrong);
    }
    match text.starts_with(['+', '-']) {
        true => text.parse().map(ResetTo::Shift).map_err(wrong),
        false => text.parse().map(ResetTo::Offset).map_err(wrong),
    }
}

pub(super) async fn run(command: GroupCommand, context: &Context) -> Result<(), Failure> {
    match command {
        GroupCommand::List => {
            let groups = context.client()?.groups().await?;
            context.printer.print(&groups, |list| group_table(&list.groups))
        }
        GroupCommand::Describe { group, watch } => {
            let client = context.client()?;
            watch::show(context, watch, async || client.group(&group).await, describe).await
        }
        GroupCommand::Lag { group, watch } => lag(&group, watch, context).await,
        GroupCommand::ResetOffsets(args) => reset(args, context).await,
        GroupCommand::Delete { groups, force } => delete(groups, force, context).await,
    }
}

fn group_table(groups: &[GroupSummary]) -> String {
    let rows = groups.iter().map(|group| {
        [
            group.group.clone(),
            group.members.to_string(),
            group.partitions.to_string(),
            group.parked.to_string(),
            group.generation.to_string(),
        ]
    });
    table(["GROUP", "MEMBERS", "PARTITIONS", "PARKED", "GENERATION"], rows)
}

fn partition_table(partitions: &[GroupPartitionDescription]) -> String {
    let rows = partitions.iter().map(|partition| {
        [
            partition.topic.clone(),
            partition.partition.to_string(),
            or_dash(partition.committed, |offset| offset.to_string()),
            or_dash(partition.high_watermark, |offset| offset.to_string()),
            or_dash(partition.lag, number),
            partition.in_flight.to_string(),
            partition.parked.to_string(),
            partition.dying.to_string(),
            or_dash(partition.holder.clone(), |holder| holder),
        ]
    });
    let header = [
        "TOPIC",
        "PARTITION",
        "COMMITTED",
        "END",
        "LAG",
        "IN FLIGHT",
        "PARKED",
        "DYING",
        "HELD BY",
    ];
    table(header, rows)
}

fn describe(group: &GroupDescription) -> String {
    let counters = &group.counters;
    let head = pairs(&[
        ("group", group.group.clone()),
        ("protocol", group.protocol.clone()),
        ("generation", group.generation.to_string()),
        ("parked so far", number(counters.parked)),
        ("recovered", number(counters.recovered)),
        ("dead", number(counters.dead)),
        ("lost", number(counters.lost)),
    ]);
    let members = group.members.iter().map(|member| {
        [
            member.member.clone(),
            member.client_id.clone(),
            member.host.clone(),
            member.rack.clone(),
            duration_ms(member.session_ms.into()),
        ]
    });
    let members = table(["MEMBER", "CLIENT", "HOST", "RACK", "SESSION"], members);
    format!("{head}\n{members}\n\n{}", partition_table(&group.partitions))
}

async fn lag(group: &str, watch: bool, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let show = |lag: &LagResponse| {
        format!("lag {}\n\n{}", number(lag.lag), partition_table(&lag.partitions))
    };
    watch::show(context, watch, async || client.group_lag(group).await, show).await
}

async fn reset(args: ResetArgs, context: &Context) -> Result<(), Failure> {
    let request = ResetRequest {
        topic: args.topic,
        partitions: args.partitions,
        to: args.to,
        force: args.force,
        dry_run: context.is_dry_run,
    };
    let done = context.client()?.reset_offsets(&args.group, &request).await?;
    context.printer.print(&done, |done| {
        let head = if done.dry_run { "would be moved" } else { "moved" };
        let row = |moved: &ResetOffset| {
            [
                moved.topic.clone(),
                moved.partition.to_string(),
                or_dash(moved.from, |offset| offset.to_string()),
                moved.to.to_string(),
            ]
        };
        format!(
            "{head}\n{}",
            table(["TOPIC", "PARTITION", "FROM", "TO"], done.offsets.iter().map(row))
        )
    })
}

async fn delete(groups: Vec<String>, force: bool, context: &Context) -> Result<(), Failure> {
    context.refuse_dry_run("group delete")?;
    confirm(context, &format!("forget {} with its offsets", groups.join(", ")))?;
    let client = context.client()?;
    for group in groups {
        let deleted = client.delete_group(&group, DeleteGroupRequest { force }).await?;
        context.printer.print(&deleted, |deleted| format!("forgotten: {}", deleted.group))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_a_reset_read_as_documented() {
        let cases = [
            ("earliest", ResetTo::Earliest),
            ("latest", ResetTo::Latest),
            ("17", ResetTo::Offset(17)),
            ("+3", ResetTo::Shift(3)),
            ("-3", ResetTo::Shift(-3)),
            ("@1700000000000", ResetTo::Timestamp(1_700_000_000_000)),
        ];
        for (text, to) in cases {
            assert_eq!(reset_to(text), Ok(to), "{text}");
        }
        for text in ["", "start", "@noon", "-x"] {
            assert!(reset_to(text).is_err(), "{text}");
        }
    }
}
