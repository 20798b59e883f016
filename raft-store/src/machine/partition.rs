//! A partition's state machine. The records stay in the log; applying an entry checks its offsets
//! (INV-02), moves the high watermark (INV-03) and answers the proposer.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use openraft::storage::EntryResponder;
use rampart_api::model::ids::{GroupId, Offset};
use rampart_api::model::record_batch;
use tokio::sync::watch;

use super::partition_snapshot::{self, Cut, PartitionSnapshotBuilder};
use super::snapshot_store;
use crate::engine::{Engine, Op, Write};
use crate::format::log_id::term_of;
use crate::format::membership::StoredMembershipRecord;
use crate::format::once::once_batches;
use crate::keys::Family;
use crate::keys::applied::AppliedRecord;
use crate::log::{GroupLog, Primed, store_producers};
use crate::planted::{self, Bug};
use crate::state::partition::{
    PartitionCommand, PartitionState, PartitionStateError, ProducersRecord,
};
use crate::type_config::{
    self, Entry, EntryPayload, LogId, Proposal, ProposalKind, Snapshot, SnapshotMeta,
    StoredMembership, TypeConfig,
};

/// The applied state is written again after so many entries.
const CHECKPOINT_ENTRIES: u64 = 1_024;
/// With many producers that is after one entry for so many bytes of theirs.
const PRODUCER_BYTES_PER_ENTRY: u64 = 256;
/// The applied state is written again after so many bytes of records.
const CHECKPOINT_BYTES: u64 = 1 << 20;

/// What a partition has applied.
#[derive(Debug, Clone, Default)]
pub(crate) struct Applied {
    pub(crate) log_id: Option<LogId>,
    pub(crate) state: PartitionState,
    /// In order, see `keys::applied`.
    pub(crate) memberships: Vec<StoredMembership>,
}

/// A snapshot's description and its bytes.
pub(crate) type StoredSnapshot = (SnapshotMeta, Bytes);

/// The newest snapshot and applied state that are on their way to the disk. openraft builds
/// snapshots beside the task that applies and installs; what is older than these is not written
/// behind them. Locked before `applied`, and until the write is submitted.
#[derive(Debug)]
struct Submitted {
    snapshot: Option<StoredSnapshot>,
    applied: Option<LogId>,
}

/// What the machine shares with the partition's reads.
#[derive(Debug)]
pub(crate) struct PartitionShared {
    pub(crate) group: GroupId,
    pub(crate) log: Arc<GroupLog>,
    applied: Mutex<Applied>,
    pub(crate) cut: Mutex<Option<Cut>>,
    /// The one that is durable.
    snapshot: Mutex<Option<StoredSnapshot>>,
    submitted: Mutex<Submitted>,
    high_watermark: watch::Sender<Offset>,
}

/// The machine itself: the only one that changes what is applied.
#[derive(Debug)]
pub struct PartitionMachine {
    shared: Arc<PartitionShared>,
    entries_since_checkpoint: u64,
    bytes_since_checkpoint: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic under the lock ends the group's core, which is then started from the disk.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PartitionShared {
    /// Starts from the stored applied state and snapshot. Blocks where the engine does.
    pub(crate) fn open(engine: &dyn Engine, log: Arc<GroupLog>) -> io::Result<Self> {
        let group = log.group;
        let mut applied = match engine.fact(&Family::Applied.group_key(group))? {
            Some(bytes) => Applied::try_from(AppliedRecord::decode(&bytes)?)?,
            None => Applied::default(),
        };
        if planted::is(Bug::AppliedAheadOnRestart) {
            applied.log_id = log.last_log_id();
            applied.state.next_offset = log.end_offset();
        }
        let snapshot = snapshot_store::load(engine, group)?.map(|s| (s.meta, s.snapshot));
        let submitted = Submitted { snapshot: snapshot.clone(), applied: applied.log_id };
        if let Some(log_id) = applied.log_id {
            let next_offset = applied.state.next_offset;
            log.prime(Primed { log_id, next_offset });
        }
        Ok(PartitionShared {
            group,
            log,
            high_watermark: watch::channel(applied.state.next_offset).0,
            applied: Mutex::new(applied),
            cut: Mutex::new(None),
            snapshot: Mutex::new(snapshot),
            submitted: Mutex::new(submitted),
        })
    }

    pub(crate) fn applied(&self) -> MutexGuard<'_, Applied> {
        lock(&self.applied)
    }

    pub(crate) fn cut(&self) -> MutexGuard<'_, Option<Cut>> {
        lock(&self.cut)
    }

    pub(crate) fn current_snapshot(&self) -> Option<StoredSnapshot> {
        lock(&self.snapshot).clone()
    }

    /// A snapshot is durable. An older one never takes the place of a newer one.
    fn set_snapshot(&self, meta: &SnapshotMeta, data: &Bytes) {
        let mut current = lock(&self.snapshot);
        if current.as_ref().is_none_or(|(now, _)| now.last_log_id <= meta.last_log_id) {
            *current = Some((meta.clone(), data.clone()));
        }
    }

    /// Stores the snapshot at a cut, or nothing if a newer one is on its way already; answers the
    /// newest once it is durable.
    pub(super) async fn store_built(&self, cut: Option<Cut>) -> io::Result<StoredSnapshot> {
        let (snapshot, durable) = {
            let mut submitted = lock(&self.submitted);
            let cut_at = cut.map(|cut| cut.log_id);
            match &submitted.snapshot {
                // Its write is before this empty one.
                Some(newer) if newer.0.last_log_id > cut_at => {
                    (newer.clone(), self.log.write(Vec::new()))
                }
                _ => {
                    let (meta, data) = self.at_cut(cut);
                    let mut ops = snapshot_store::store(self.group, &meta, &data);
                    ops.extend(self.checkpoint(&mut submitted));
                    submitted.snapshot = Some((meta.clone(), data.clone()));
                    ((meta, data), self.log.write(ops))
                }
            }
        };
        durable.await?;
        self.set_snapshot(&snapshot.0, &snapshot.1);
        Ok(snapshot)
    }

    fn at_cut(&self, cut: Option<Cut>) -> StoredSnapshot {
        let mut applied = self.applied();
        let producers = self.log.applied_producers();
        partition_snapshot::at_cut(&mut applied, &producers, cut)
    }

    async fn store_installed(
        &self,
        meta: &SnapshotMeta,
        data: &Bytes,
        (installed, producers): (&Applied, &ProducersRecord),
    ) -> io::Result<()> {
        let durable = {
            let mut submitted = lock(&self.submitted);
            let newest = submitted.snapshot.as_ref().and_then(|(meta, _)| meta.last_log_id);
            let newest = newest.max(submitted.applied);
            if newest > meta.last_log_id {
                let (group, older) = (self.group, meta.last_log_id);
                let what = format!("group {group}: a snapshot of {older:?} behind {newest:?}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
            let mut ops = snapshot_store::store(self.group, meta, data);
            ops.push(self.applied_op(installed));
            ops.push(store_producers(self.group, producers));
            submitted.snapshot = Some((meta.clone(), data.clone()));
            submitted.applied = installed.log_id;
            self.log.write(ops)
        };
        durable.await?;
        self.set_snapshot(meta, data);
        Ok(())
    }

    /// Makes what is applied durable.
    pub(crate) async fn save_applied(&self) -> io::Result<()> {
        let durable = {
            let mut submitted = lock(&self.submitted);
            let ops = self.checkpoint(&mut submitted);
            self.log.write(ops.into_iter().chain(self.log.take_committed_op()).collect())
        };
        durable.await
    }

    /// Writes down what is applied, without waiting.
    fn submit_applied(&self) {
        let mut submitted = lock(&self.submitted);
        let ops = self.checkpoint(&mut submitted);
        let ops = ops.into_iter().chain(self.log.take_committed_op()).collect();
        self.log.submit(Write { ops, done: None });
    }

    pub(crate) fn watch_high_watermark(&self) -> watch::Receiver<Offset> {
        self.high_watermark.subscribe()
    }

    fn publish(&self) {
        let next_offset = self.applied().state.next_offset;
        self.high_watermark.send_if_modified(|high_watermark| {
            let changed = *high_watermark != next_offset;
            *high_watermark = next_offset;
            changed
        });
    }

    /// The change that stores what is applied now, unless a snapshot that reaches further is being
    /// installed.
    fn checkpoint(&self, submitted: &mut Submitted) -> Vec<Op> {
        let applied = self.applied();
        if applied.log_id < submitted.applied {
            return Vec::new();
        }
        submitted.applied = applied.log_id;
        let applied_op = self.applied_op(&applied);
        self.log.take_producers_op().into_iter().chain([applied_op]).collect()
    }

    fn applied_op(&self, applied: &Applied) -> Op {
        Op::put(Family::Applied.group_key(self.group), AppliedRecord::from(applied).encode())
    }
}

impl PartitionMachine {
    pub(crate) fn new(shared: Arc<PartitionShared>) -> Self {
        PartitionMachine { shared, entries_since_checkpoint: 0, bytes_since_checkpoint: 0 }
    }

    pub(super) fn applied_state(&self) -> (Option<LogId>, StoredMembership) {
        let applied = self.shared.applied();
        (applied.log_id, applied.memberships.last().cloned().unwrap_or_default())
    }

    pub(super) async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + Send,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.entries_since_checkpoint += 1;
            if let EntryPayload::Normal(proposal) = &entry.payload {
                self.bytes_since_checkpoint += proposal.body.len() as u64;
            }
            let response = self.shared.applied().apply(&self.shared.log, entry)?;
            if let Some(responder) = responder {
                responder.send(response);
            }
        }
        self.shared.publish();
        self.checkpoint_sometimes();
        Ok(())
    }

    fn checkpoint_sometimes(&mut self) {
        if self.entries_since_checkpoint < CHECKPOINT_ENTRIES
            && self.bytes_since_checkpoint < CHECKPOINT_BYTES
        {
            return;
        }
        // Many producers are written less often: at most a byte of them for four of the log.
        let producers = self.shared.log.producers_bytes() as u64;
        if self.entries_since_checkpoint < producers / PRODUCER_BYTES_PER_ENTRY
            && self.bytes_since_checkpoint < 4 * producers
        {
            return;
        }
        (self.entries_since_checkpoint, self.bytes_since_checkpoint) = (0, 0);
        self.shared.submit_applied();
    }

    pub(super) fn snapshot_builder(&self, force: bool) -> Option<PartitionSnapshotBuilder> {
        // Without a planned cut a snapshot would take the retained records from new learners.
        if !force && self.shared.cut().is_none() {
            return None;
        }
        Some(PartitionSnapshotBuilder::new(self.shared.clone()))
    }

    pub(super) async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        data: Bytes,
    ) -> io::Result<()> {
        let shared = &self.shared;
        let (state, producers) = partition_snapshot::decode(&data)?;
        let (next_offset, sealed) = (state.next_offset, state.sealed);
        let installed = Applied {
            log_id: meta.last_log_id,
            state,
            memberships: vec![meta.last_membership.clone()],
        };
        shared.store_installed(meta, &data, (&installed, &producers)).await?;
        if let Some(log_id) = meta.last_log_id {
            shared.log.prime(Primed { log_id, next_offset });
        }
        {
            let mut applied = shared.applied();
            shared.log.install_producers(producers);
            shared.log.install_seal(sealed, meta.last_log_id.map(|log_id| log_id.index));
            *applied = installed;
        }
        shared.publish();
        Ok(())
    }

    pub(super) fn current_snapshot(&self) -> Option<Snapshot> {
        let (meta, snapshot) = self.shared.current_snapshot()?;
        Some(Snapshot { meta, snapshot })
    }
}

impl Applied {
    fn apply(&mut self, log: &GroupLog, entry: Entry) -> io::Result<type_config::Applied> {
        let Entry { log_id, payload } = entry;
        let wrong = |what: String| {
            let what = format!("group {}: entry {log_id}: {what}", log.group);
            io::Error::new(io::ErrorKind::InvalidData, what)
        };
        self.state.apply_term(term_of(&log_id));
        let response = match payload {
            EntryPayload::Blank => type_config::Applied::Nothing,
            EntryPayload::Membership(membership) => {
                self.memberships.push(StoredMembership::new(Some(log_id), membership));
                type_config::Applied::Nothing
            }
            EntryPayload::Normal(proposal) => {
                let applied = self.state.apply_proposal(log_id.index, &proposal).map_err(wrong)?;
                if proposal.kind == ProposalKind::OnceBatches {
                    log.apply_once(log_id.index);
                }
                applied
            }
        };
        self.log_id = Some(log_id);
        Ok(response)
    }
}

impl PartitionState {
    fn apply_proposal(
        &mut self,
        index: u64,
        proposal: &Proposal,
    ) -> Result<type_config::Applied, String> {
        match proposal.kind {
            ProposalKind::Batches => self.apply_batches(&proposal.body),
            ProposalKind::OnceBatches => {
                let batches = once_batches(&proposal.body).map_err(|error| error.to_string())?;
                self.apply_batches(&batches)
            }
            ProposalKind::Partition => {
                let command =
                    PartitionCommand::decode(&proposal.body).map_err(|e| e.to_string())?;
                Ok(match command {
                    PartitionCommand::TrimTo { offset } => {
                        type_config::Applied::Trimmed { log_start: self.apply_trim(offset) }
                    }
                    PartitionCommand::Seal => {
                        type_config::Applied::Sealed { at: self.apply_seal(index) }
                    }
                })
            }
            ProposalKind::Metadata | ProposalKind::Groups => {
                Err(format!("{:?} in a partition of data", proposal.kind))
            }
        }
    }

    /// All batches or none: a state in between would be refused by every entry that follows.
    fn apply_batches(&mut self, body: &Bytes) -> Result<type_config::Applied, String> {
        if planted::is(Bug::OffsetFromMemory)
            && let Ok(header) = record_batch::BatchHeader::parse(body)
        {
            self.next_offset = Offset(header.base_offset.unsigned_abs());
        }
        let base_offset = self.next_offset;
        let mut records = 0_u32;
        for (header, _) in record_batch::split(body).map_err(|error| error.to_string())? {
            let base = u64::try_from(header.base_offset).map_err(|error| error.to_string())?;
            let count = u32::try_from(header.record_count).map_err(|error| error.to_string())?;
            let expected = Offset(base_offset.0 + u64::from(records));
            if Offset(base) != expected {
                let found = Offset(base);
                return Err(PartitionStateError::OffsetMismatch { expected, found }.to_string());
            }
            records = records.checked_add(count).ok_or("more records than an entry can count")?;
        }
        self.apply_records(base_offset, records).map_err(|error| error.to_string())?;
        Ok(type_config::Applied::Appended { base_offset, records })
    }
}

impl From<&Applied> for AppliedRecord {
    fn from(applied: &Applied) -> Self {
        AppliedRecord {
            log_id: applied.log_id.as_ref().map(Into::into),
            state: applied.state.clone(),
            memberships: applied.memberships.iter().map(StoredMembershipRecord::from).collect(),
        }
    }
}

impl TryFrom<AppliedRecord> for Applied {
    type Error = crate::format::FormatError;

    fn try_from(record: AppliedRecord) -> Result<Self, Self::Error> {
        let memberships = record.memberships.into_iter().map(StoredMembership::try_from);
        Ok(Applied {
            log_id: record.log_id.map(LogId::from),
            state: record.state,
            memberships: memberships.collect::<Result<_, _>>()?,
        })
    }
}
