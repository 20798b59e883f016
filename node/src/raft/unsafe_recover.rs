//! The last resort when a majority of the nodes is gone for good: makes one stopped node go on
//! alone. It breaks Raft's promises on purpose, so it is offline, explicit, and says what is lost.
//! Called by `rampart debug unsafe-recover` alone.
//!
//! Each group of which this node has a voting replica gets a new membership, this replica alone,
//! at the end of its log and in a term of its own; then the metadata group gets the commands that
//! take the other nodes out. When the node starts, it elects itself everywhere, and everything in
//! its logs becomes committed, also what never was.

mod plan;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use openraft::storage::{RaftLogReader, RaftLogStorage, RaftStateMachine};
use openraft::vote::leader_id_std::{CommittedLeaderId, LeaderId};
use rampart_api::codec;
use rampart_api::model::ids::{GroupId, NodeId, ReplicaId};
use rampart_raft_store::error::OpenGroupError;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::MetadataState;
use rampart_raft_store::type_config::{
    Entry, EntryPayload, IoFlushed, LogId, Member, Membership, Proposal, ProposalKind, Vote,
};
use rampart_raft_store::{LogStorage, Machine, Store};

use crate::identity::{Identity, IdentityError};

/// Why a node can't be made to go on alone. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum UnsafeRecoverError {
    /// `node.json`.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The node never was in a cluster.
    #[error("this directory is in no cluster: there is nothing to recover")]
    NotInCluster,
    /// Its metadata log is empty: it joined and never heard more.
    #[error("this node has no metadata of its cluster: recover another one")]
    NoMetadata,
    /// A replica can't be opened.
    #[error(transparent)]
    Group(#[from] OpenGroupError),
    /// The disk.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The metadata doesn't take a change that is needed.
    #[error("the metadata refuses {command}: {reason}")]
    Refused {
        /// The change.
        command: String,
        /// Why.
        reason: String,
    },
}

/// What was done, or would be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Recovery {
    /// The node that goes on.
    pub node: NodeId,
    /// Term and index of its metadata log: of several survivors, the highest goes on.
    pub metadata_log: (u64, u64),
    /// Partitions that go on from the replica here, as `topic/partition`.
    pub recovered: Vec<String>,
    /// Partitions without a voting replica here: their records are lost.
    pub lost: Vec<String>,
    /// Nodes that are taken out of the cluster.
    pub removed: Vec<NodeId>,
}

/// A replica of ours, opened to be written to.
struct Opened {
    log: LogStorage,
    voters: BTreeSet<u64>,
    last: LogId,
    vote_term: u64,
}

/// Makes the node of this directory go on alone, or only says what that would do. The caller holds
/// the directory.
///
/// # Errors
/// What makes it impossible. Nothing was changed then, except after an error of the disk.
pub async fn unsafe_recover(
    data_dir: &Path,
    store: &Store,
    is_dry_run: bool,
) -> Result<Recovery, UnsafeRecoverError> {
    let membership =
        Identity::load(data_dir)?.membership.ok_or(UnsafeRecoverError::NotInCluster)?;
    recover(store, membership.node, is_dry_run).await
}

async fn recover(
    store: &Store,
    node: NodeId,
    is_dry_run: bool,
) -> Result<Recovery, UnsafeRecoverError> {
    let (mut metadata, state) = open_metadata(store, node).await?;
    let mut partitions = Vec::new();
    for (group, replica) in store.groups()? {
        let Some((_, record)) = state.partition_of(group) else { continue };
        if !record.replicas.iter().any(|r| r.id == replica && r.node == node) {
            continue;
        }
        let open = store.open_partition(group, replica)?;
        let Some(opened) = inspect(open.log, open.machine).await? else { continue };
        if opened.voters.contains(&replica.0) {
            partitions.push((group, replica, opened));
        }
    }
    let taken = partitions
        .iter()
        .map(|(group, replica, opened)| (*group, (*replica, opened.last.index + 1)))
        .collect();
    let plan = plan::plan(&state, node, &taken)?;
    let name = |group: &GroupId| match state.partition_of(*group) {
        Some((topic, _)) => format!("{}/{}", topic.name, state.groups[group].1),
        None => format!("group {group}"),
    };
    let recovery = Recovery {
        node,
        metadata_log: (metadata.last.leader_id.term, metadata.last.index),
        recovered: taken.keys().map(name).collect(),
        lost: plan.lost.iter().map(name).collect(),
        removed: plan.removed,
    };
    if is_dry_run {
        return Ok(recovery);
    }
    // The metadata goes last: interrupted before that, the same can be done again.
    for (_, replica, opened) in &mut partitions {
        take_over(opened, *replica, node, &[]).await?;
    }
    take_over(&mut metadata, ReplicaId(node.0), node, &plan.commands).await?;
    store.flush()?;
    Ok(recovery)
}

/// The metadata replica, and its state as of the end of its log.
async fn open_metadata(
    store: &Store,
    node: NodeId,
) -> Result<(Opened, MetadataState), UnsafeRecoverError> {
    let open = store.open_metadata(ReplicaId(node.0))?;
    let mut state = (*open.handle.state()).clone();
    let mut machine = open.machine;
    let mut log = open.log;
    let applied = machine.applied_state().await?.0.map_or(0, |id| id.index + 1);
    let mut reader = log.get_log_reader().await;
    for entry in entries_from(&mut reader, &mut log, applied).await? {
        if let EntryPayload::Normal(proposal) = &entry.payload {
            let command: MetadataCommand =
                codec::decode(&proposal.body).map_err(io::Error::other)?;
            state.apply(entry.log_id.index, &command);
        }
    }
    let opened = inspect(log, machine).await?.ok_or(UnsafeRecoverError::NoMetadata)?;
    if state.cluster.is_none() {
        return Err(UnsafeRecoverError::NoMetadata);
    }
    Ok((opened, state))
}

/// The last membership in a log, committed or not, and where the log ends. `None` if it is empty.
async fn inspect(mut log: LogStorage, mut machine: Machine) -> io::Result<Option<Opened>> {
    let Some(last) = log.get_log_state().await?.last_log_id else { return Ok(None) };
    let (applied, membership) = machine.applied_state().await?;
    let mut voters: BTreeSet<u64> = membership.membership().voter_ids().collect();
    let mut reader = log.get_log_reader().await;
    let from = applied.map_or(0, |id| id.index + 1);
    for entry in entries_from(&mut reader, &mut log, from).await? {
        if let EntryPayload::Membership(membership) = &entry.payload {
            voters = membership.voter_ids().collect();
        }
    }
    let vote_term = reader.read_vote().await?.map_or(0, |vote| vote.leader_id.term);
    Ok(Some(Opened { log, voters, last, vote_term }))
}

async fn entries_from<R: RaftLogReader<rampart_raft_store::type_config::TypeConfig>>(
    reader: &mut R,
    log: &mut LogStorage,
    from: u64,
) -> io::Result<Vec<Entry>> {
    let end = log.get_log_state().await?.last_log_id.map_or(0, |last| last.index + 1);
    let mut entries: Vec<Entry> = Vec::new();
    let mut next = from;
    while next < end {
        let read = reader.try_get_log_entries(next..end).await?;
        let Some(last) = read.last() else { break };
        next = last.log_id.index + 1;
        entries.extend(read);
    }
    Ok(entries)
}

/// Ends the log with a membership of this replica alone and these commands, in a term of its own.
async fn take_over(
    opened: &mut Opened,
    replica: ReplicaId,
    node: NodeId,
    commands: &[MetadataCommand],
) -> io::Result<()> {
    let term = opened.vote_term.max(opened.last.leader_id.term) + 1;
    let leader_id = LeaderId { term, voted_for: replica.0 };
    opened.log.save_vote(&Vote { leader_id, committed: false }).await?;
    let alone = Membership::new(
        vec![BTreeSet::from([replica.0])],
        std::collections::BTreeMap::from([(replica.0, Member { node })]),
    )
    .map_err(io::Error::other)?;
    let commands = commands.iter().map(|command| {
        let body = codec::encode(command).into();
        EntryPayload::Normal(Proposal { kind: ProposalKind::Metadata, body, ticket: None })
    });
    let payloads = std::iter::once(EntryPayload::Membership(alone)).chain(commands);
    let entries = payloads.zip(opened.last.index + 1..).map(|(payload, index)| Entry {
        log_id: LogId::new(CommittedLeaderId::new(term), index),
        payload,
    });
    opened.log.append(entries.collect::<Vec<_>>(), IoFlushed::noop()).await
}

#[cfg(test)]
mod tests;
