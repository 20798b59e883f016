//! `rampart debug inspect`: who the directory belongs to, its replicas, the entries of one log.

use std::path::PathBuf;

use clap::Args;
use rampart_api::model::ids::GroupId;
use rampart_raft_store::GroupKind;
use rampart_raft_store::format::log_id::StoredLogId;
use rampart_raft_store::inspect::{EntryReport, GroupReport, Inspector};
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, NOT_FOUND};
use crate::cli::output::{ids, or_dash, pairs, table};
use crate::data_dir::DataDir;
use crate::identity::Identity;

#[derive(Debug, Args)]
pub(in crate::cli) struct InspectArgs {
    /// Data directory.
    dir: PathBuf,
    /// Show the entries of this group's log, one by one, with their checksums.
    #[arg(long, value_name = "ID")]
    group: Option<u64>,
    /// From this index on.
    #[arg(long, value_name = "INDEX", default_value_t = 0, requires = "group")]
    from: u64,
    /// So many entries at most; the answer says where to go on.
    #[arg(long, value_name = "N", default_value_t = 1_000, requires = "group",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Read every entry of every log; exit code 1 if one is damaged.
    #[arg(long, conflicts_with = "group")]
    verify: bool,
}

/// A data directory.
#[derive(Debug, Serialize)]
struct Found {
    identity: Identity,
    groups: Vec<Group>,
}

/// A replica on disk.
#[derive(Debug, Serialize)]
struct Group {
    group: u64,
    replica: u64,
    kind: &'static str,
    vote_term: Option<u64>,
    first_index: Option<u64>,
    last_index: Option<u64>,
    committed: Option<(u64, u64)>,
    applied: Option<(u64, u64)>,
    snapshot: Option<(u64, u64)>,
    purged: Option<(u64, u64)>,
    synced_index: Option<u64>,
    log_start_offset: Option<u64>,
    log_end_offset: Option<u64>,
    /// With `--verify`: index and reason of every damaged entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged: Option<Vec<(u64, String)>>,
}

/// A part of a log.
#[derive(Debug, Serialize)]
struct Entries {
    group: u64,
    entries: Vec<Entry>,
    /// Where `--from` goes on; missing at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_index: Option<u64>,
}

/// An entry on disk.
#[derive(Debug, Serialize)]
struct Entry {
    index: u64,
    bytes: usize,
    term: Option<u64>,
    kind: Option<u8>,
    base_offset: Option<u64>,
    records: Option<u32>,
    payload_crc32c: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
}

pub(super) fn run(args: &InspectArgs, context: &Context) -> Result<(), Failure> {
    super::check_is_data_dir(&args.dir)?;
    let failed = |error: &dyn std::fmt::Display| Failure::new(error.to_string());
    let identity = Identity::load(&args.dir).map_err(|error| failed(&error))?;
    let inspector =
        Inspector::open(&DataDir::store_in(&args.dir)).map_err(|error| failed(&error))?;
    if let Some(group) = args.group {
        return entries(&inspector, group, args, context);
    }
    let mut groups: Vec<Group> = inspector.groups()?.iter().map(Group::from).collect();
    if args.verify {
        for group in &mut groups {
            group.damaged = Some(damaged(&inspector, GroupId(group.group))?);
        }
    }
    let found = Found { identity, groups };
    context.printer.print(&found, text)?;
    let damaged = found.groups.iter().filter_map(|group| group.damaged.as_ref());
    match damaged.map(Vec::len).sum::<usize>() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} entries are damaged"))
            .hint("docs/operations.md says what to do about damage")),
    }
}

fn damaged(inspector: &Inspector, group: GroupId) -> Result<Vec<(u64, String)>, Failure> {
    let mut damaged = Vec::new();
    for entry in inspector.entries(group, 0) {
        let entry = entry?;
        damaged.extend(entry.content.err().map(|reason| (entry.index, reason)));
    }
    Ok(damaged)
}

/// Prints a part of a log.
fn entries(
    inspector: &Inspector,
    group: u64,
    args: &InspectArgs,
    context: &Context,
) -> Result<(), Failure> {
    let known: Vec<u64> = inspector.groups()?.iter().map(|report| report.group.0).collect();
    if !known.contains(&group) {
        let what = format!("{} has no replica of group {group}", args.dir.display());
        let hint = format!("it has replicas of the groups {}", ids(known));
        return Err(Failure::new(what).code(NOT_FOUND).hint(hint));
    }
    let mut found = Entries { group, entries: Vec::new(), next_index: None };
    for entry in inspector.entries(GroupId(group), args.from) {
        let entry = entry?;
        if found.entries.len() as u64 == args.count {
            found.next_index = Some(entry.index);
            break;
        }
        found.entries.push(Entry::from(entry));
    }
    context.printer.print(&found, entries_text)
}

fn entries_text(found: &Entries) -> String {
    let mut text = entry_table(&found.entries);
    if let Some(next) = found.next_index {
        text.push_str(&format!("\n\nmore: --from {next}"));
    }
    text
}

impl From<&GroupReport> for Group {
    fn from(report: &GroupReport) -> Self {
        let id = |id: Option<StoredLogId>| id.map(|id| (id.term, id.index));
        Group {
            group: report.group.0,
            replica: report.replica.0,
            kind: match report.kind {
                GroupKind::Partition => "partition",
                GroupKind::Metadata => "metadata",
                GroupKind::Groups => "groups",
            },
            vote_term: report.vote.map(|(term, _, _)| term),
            first_index: report.indexes.map(|(first, _)| first),
            last_index: report.indexes.map(|(_, last)| last),
            committed: id(report.committed),
            applied: id(report.applied),
            snapshot: id(report.snapshot),
            purged: id(report.purged),
            synced_index: report.synced_mark,
            log_start_offset: report.log_start.map(|offset| offset.0),
            log_end_offset: report.log_end.map(|offset| offset.0),
            damaged: None,
        }
    }
}

impl From<EntryReport> for Entry {
    fn from(report: EntryReport) -> Self {
        let (header, damage) = match report.content {
            Ok(header) => (Some(header), None),
            Err(damage) => (None, Some(damage)),
        };
        Entry {
            index: report.index,
            bytes: report.bytes,
            term: header.map(|(header, _)| header.term),
            kind: header.map(|(header, _)| header.kind),
            base_offset: header.map(|(header, _)| header.base_offset.0),
            records: header.map(|(header, _)| header.records),
            payload_crc32c: header.map(|(_, crc)| format!("{crc:08x}")),
            damage,
        }
    }
}

fn text(found: &Found) -> String {
    let identity = &found.identity;
    let member = identity.membership.as_ref();
    let head = pairs(&[
        ("node", or_dash(member, |member| member.node.to_string())),
        ("cluster", or_dash(member, |member| member.cluster.to_string())),
        ("disk", identity.disk.to_string()),
        ("starts", identity.boot.to_string()),
    ]);
    let number = |number: Option<u64>| or_dash(number, |number| number.to_string());
    let id = |id: Option<(u64, u64)>| or_dash(id, |(term, index)| format!("{term}.{index}"));
    let rows = found.groups.iter().map(|group| {
        [
            group.group.to_string(),
            group.kind.to_owned(),
            group.replica.to_string(),
            number(group.vote_term),
            number(group.first_index),
            number(group.last_index),
            number(group.synced_index),
            id(group.committed),
            id(group.snapshot),
            number(group.log_start_offset),
            number(group.log_end_offset),
            damage(group),
        ]
    });
    let header = [
        "GROUP",
        "KIND",
        "REPLICA",
        "VOTE",
        "FIRST",
        "LAST",
        "SYNCED",
        "COMMITTED",
        "SNAPSHOT",
        "LOG START",
        "LOG END",
        "",
    ];
    format!("{head}\n{}", table(header, rows))
}

fn damage(group: &Group) -> String {
    match group.damaged.as_deref() {
        None => String::new(),
        Some([]) => "intact".to_owned(),
        Some([(index, reason), rest @ ..]) => {
            format!("DAMAGED at {index}: {reason}, and {} more", rest.len())
        }
    }
}

fn entry_table(entries: &[Entry]) -> String {
    let rows = entries.iter().map(|entry| {
        [
            entry.index.to_string(),
            or_dash(entry.term, |term| term.to_string()),
            or_dash(entry.kind, |kind| kind.to_string()),
            or_dash(entry.base_offset, |offset| offset.to_string()),
            or_dash(entry.records, |records| records.to_string()),
            entry.bytes.to_string(),
            or_dash(entry.payload_crc32c.as_ref(), ToString::to_string),
            entry.damage.clone().unwrap_or_default(),
        ]
    });
    table(["INDEX", "TERM", "KIND", "OFFSET", "RECORDS", "BYTES", "CRC32C", ""], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_named_with_its_index() {
        let entry =
            Entry::from(EntryReport { index: 7, bytes: 60, content: Err("bad crc".into()) });
        let text = entry_table(&[entry]);
        assert!(text.contains("7") && text.contains("bad crc"), "{text}");
    }
}
