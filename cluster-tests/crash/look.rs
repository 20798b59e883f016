//! Reads everything in an opened store, by each way that the product reads it, and holds the ways
//! against each other: the log as replication reads it, the bytes as `rampart debug inspect` shows
//! them, the records as a fetch gets them.

use std::collections::BTreeMap;

use openraft::storage::{RaftLogReader, RaftLogStorage, RaftStateMachine};
use rampart_api::model::ids::{GroupId, Offset, ReplicaId};
use rampart_api::model::record_batch;
use rampart_raft_store::error::{OpenGroupError, ReadError};
use rampart_raft_store::format::encode_entry_payload;
use rampart_raft_store::format::envelope::crc32c;
use rampart_raft_store::format::log_id::{StoredLogId, term_of};
use rampart_raft_store::inspect::{GroupReport, Inspector};
use rampart_raft_store::type_config::{self, EntryPayload, ProposalKind};
use rampart_raft_store::{OpenGroup, PartitionLog, Store};

use crate::model::{Entry, Found, FoundGroup, LogId, Vote};

/// The node's own fact in the store.
pub(crate) const BOOT: &str = "boot";
/// Base offset and leader epoch of a batch lie in these bytes: the store fills them in.
const FILLED_IN: usize = 16;
const FETCH_BYTES: usize = 1 << 20;

/// Replicas that were opened.
pub(crate) type Opened = BTreeMap<u64, OpenGroup<PartitionLog>>;

/// Why not everything can be read.
#[derive(Debug)]
pub(crate) enum Blind {
    /// Damage was found, and said so: the node would not serve this.
    Refused(String),
    /// Anything else.
    Wrong(String),
}

/// Opens every replica and reads all of it.
pub(crate) async fn look(store: &Store) -> Result<(Found, Opened), Blind> {
    let io = |error: std::io::Error| refused_or_wrong(error.kind(), &error);
    let boot = match store.node_record_get(BOOT).map_err(io)? {
        Some(bytes) => bytes.first_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes)),
        None => 0,
    };
    let mut found = Found { boot, ..Found::default() };
    let mut opened = Opened::new();
    for (group, replica) in store.groups().map_err(io)? {
        let (seen, open) = one(store, group, replica, &mut found.complaints).await?;
        found.groups.insert(group.0, seen);
        opened.insert(group.0, open);
    }
    Ok((found, opened))
}

fn refused_or_wrong(kind: std::io::ErrorKind, error: &dyn std::fmt::Display) -> Blind {
    match kind {
        std::io::ErrorKind::InvalidData => Blind::Refused(error.to_string()),
        _ => Blind::Wrong(error.to_string()),
    }
}

fn open(
    store: &Store,
    group: GroupId,
    replica: ReplicaId,
) -> Result<OpenGroup<PartitionLog>, Blind> {
    store.open_partition(group, replica).map_err(|error| match error {
        OpenGroupError::Damaged { .. } => Blind::Refused(error.to_string()),
        OpenGroupError::Newer { .. }
        | OpenGroupError::OtherReplica { .. }
        | OpenGroupError::Io { .. } => Blind::Wrong(error.to_string()),
    })
}

async fn one(
    store: &Store,
    group: GroupId,
    replica: ReplicaId,
    complaints: &mut Vec<String>,
) -> Result<(FoundGroup, OpenGroup<PartitionLog>), Blind> {
    let io = |error: std::io::Error| refused_or_wrong(error.kind(), &error);
    let mut open = open(store, group, replica)?;
    let mut reader = open.log.get_log_reader().await;
    let entries = reader.try_get_log_entries(..).await.map_err(io)?;
    let state = open.log.get_log_state().await.map_err(io)?;
    let committed = open.log.read_committed().await.map_err(io)?;
    let vote = reader.read_vote().await.map_err(io)?;
    let (applied, _) = open.machine.applied_state().await.map_err(io)?;
    let snapshot = open.machine.get_current_snapshot().await.map_err(io)?;
    let found = FoundGroup {
        replica: replica.0,
        vote: vote.as_ref().map(vote_of),
        purged: state.last_purged_log_id.as_ref().map(id_of),
        snapshot: snapshot.and_then(|snapshot| snapshot.meta.last_log_id.as_ref().map(id_of)),
        entries: with_offsets(store, group, &entries, complaints).map_err(io)?,
        end_offset: open.handle.log_end_offset().0,
        applied: applied.map(|applied| applied.index),
        committed: committed.map(|committed| committed.index),
    };
    let mut said = inner_complaints(&found);
    let reports = Inspector::of(store).groups().map_err(io)?;
    match reports.iter().find(|report| report.group == group) {
        Some(report) => said.extend(report_complaints(&found, report)),
        None => said.push("inspect does not show it".to_owned()),
    }
    said.extend(fetch_complaints(&found, &open.handle).await?);
    complaints.extend(said.into_iter().map(|what| format!("group {group}: {what}")));
    Ok((found, open))
}

pub(crate) fn id_of(log_id: &type_config::LogId) -> LogId {
    LogId { index: log_id.index, term: term_of(log_id) }
}

fn vote_of(vote: &type_config::Vote) -> Vote {
    use openraft::vote::RaftLeaderId;
    Vote {
        term: vote.leader_id.term(),
        voted_for: *vote.leader_id.node_id(),
        committed: vote.committed,
    }
}

/// Checksum of a payload, without what the store fills in.
pub(crate) fn digest(payload: &EntryPayload) -> u32 {
    let (kind, bytes) = encode_entry_payload(payload);
    let is_data = kind == ProposalKind::Batches as u8;
    match record_batch::split(&bytes) {
        Ok(batches) if is_data => {
            let parts: Vec<&[u8]> = batches.iter().map(|(_, batch)| &batch[FILLED_IN..]).collect();
            crc32c(&parts)
        }
        _ => crc32c(&[&[kind], &bytes]),
    }
}

/// The entries, each with where its records are according to the bytes on disk.
fn with_offsets(
    store: &Store,
    group: GroupId,
    entries: &[type_config::Entry],
    complaints: &mut Vec<String>,
) -> std::io::Result<BTreeMap<u64, Entry>> {
    let mut found = BTreeMap::new();
    let inspector = Inspector::of(store);
    let mut on_disk = inspector.entries(group, 0);
    for entry in entries {
        let (index, term) = (entry.log_id.index, term_of(&entry.log_id));
        let header = match on_disk.next().transpose()?.map(|report| report.content) {
            Some(Ok((header, _))) => header,
            other => {
                complaints.push(format!("group {group}: entry {index} on disk is {other:?}"));
                break;
            }
        };
        if (header.index, header.term) != (index, term) {
            complaints.push(format!("group {group}: entry {index} on disk is {header:?}"));
        }
        let (base_offset, records) = (header.base_offset.0, u64::from(header.records));
        let digest = digest(&entry.payload);
        found.insert(index, Entry { term, digest, base_offset, records });
    }
    Ok(found)
}

/// What contradicts itself within one replica.
fn inner_complaints(found: &FoundGroup) -> Vec<String> {
    let mut said = Vec::new();
    let mut next = None;
    for (index, entry) in &found.entries {
        if next.is_some_and(|next| next != (*index, entry.base_offset)) {
            said.push(format!("the log has a hole before {index}, {entry:?}"));
        }
        next = Some((index + 1, entry.base_offset + entry.records));
    }
    if next.is_some_and(|(_, end)| end != found.end_offset) {
        said.push(format!("the log ends at offset {}, its entries at {next:?}", found.end_offset));
    }
    let first = found.entries.first_key_value().map(|(index, _)| *index);
    let purged = found.purged.map(|purged| purged.index);
    if let (Some(first), Some(purged)) = (first, purged)
        && first != purged + 1
    {
        said.push(format!("purged up to {purged}, and the log begins at {first}"));
    }
    let last = found.entries.last_key_value().map(|(index, _)| *index).max(purged);
    let snapshot = found.snapshot.map(|at| at.index);
    // What an installed snapshot brought was never in this log.
    if found.applied > last.max(snapshot) {
        said.push(format!("applied {:?}, the log ends at {last:?}", found.applied));
    }
    if purged > found.applied || snapshot > found.applied {
        let applied = found.applied;
        said.push(format!("purged {purged:?}, snapshot {snapshot:?}, applied {applied:?}"));
    }
    said
}

/// Where the read-only view differs from the opened replica.
fn report_complaints(found: &FoundGroup, report: &GroupReport) -> Vec<String> {
    let id = |stored: Option<StoredLogId>| stored.map(|s| LogId { index: s.index, term: s.term });
    let vote = found.vote.map(|vote| (vote.term, ReplicaId(vote.voted_for), vote.committed));
    let first = found.entries.first_key_value().map(|(index, _)| *index);
    let last = found.entries.last_key_value().map(|(index, _)| *index);
    let same = vote == report.vote
        && found.purged == id(report.purged)
        && found.snapshot == id(report.snapshot)
        && first.zip(last) == report.indexes;
    match same {
        true => Vec::new(),
        false => vec![format!("inspect shows {report:?} for {:?} to {:?}", first, last)],
    }
}

/// What a client would get, and where it is not what the log holds.
async fn fetch_complaints(found: &FoundGroup, handle: &PartitionLog) -> Result<Vec<String>, Blind> {
    let (mut next, end) = (handle.log_start_offset(), handle.high_watermark());
    let ends: Vec<_> = found.entries.values().map(|e| e.base_offset + e.records).collect();
    let first = found.entries.values().next().map_or(u64::MAX, |entry| entry.base_offset);
    let holds = |offset: u64| first <= offset && ends.last().is_some_and(|end| offset < *end);
    let mut said = Vec::new();
    while next < end {
        let batches = handle.read(next, FETCH_BYTES).await.map_err(|error| match error {
            ReadError::Io(error) => refused_or_wrong(error.kind(), &error),
            ReadError::OutOfRange { .. } => Blind::Wrong(error.to_string()),
        })?;
        let before = next;
        for batch in batches {
            match record_batch::validate(&batch) {
                Ok(header) if holds(next.0) => next = Offset(header.next_offset() as u64),
                Ok(header) => said.push(format!("a fetch of {next} answers {header:?}")),
                Err(error) => said.push(format!("a fetch of {next} answers a bad batch: {error}")),
            }
        }
        if next == before || !said.is_empty() {
            said.push(format!("a fetch stops at {next}, below {end}"));
            break;
        }
    }
    Ok(said)
}
