//! The metadata group's state machine: all of its state in memory, published after every batch of
//! entries. What survives is the snapshot; the log behind it is applied again after a restart.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use openraft::storage::EntryResponder;
use rampart_api::codec;
use rampart_api::model::ids::{GroupId, Offset};
use tokio::sync::watch;

use super::snapshot_store;
use crate::engine::Engine;
use crate::format::envelope;
use crate::log::{GroupLog, Primed};
use crate::state::metadata::command::MetadataCommand;
use crate::state::metadata::state::MetadataState;
use crate::type_config::{
    Applied, Entry, EntryPayload, LogId, Proposal, ProposalKind, Snapshot, SnapshotMeta,
    StoredMembership, TypeConfig,
};

pub(crate) const VERSION: u8 = 1;

/// What the machine, its snapshot builder and the readers share.
#[derive(Debug)]
pub(crate) struct MetadataShared {
    engine: Arc<dyn Engine>,
    group: GroupId,
    log: Arc<GroupLog>,
    applied: Mutex<AppliedMetadata>,
    /// The newest snapshot that is on its way to the disk. openraft builds snapshots beside the
    /// task that installs them: an older one is not written behind it. Locked until the write is
    /// submitted.
    submitted: Mutex<Option<LogId>>,
    published: watch::Sender<(u64, Arc<MetadataState>)>,
}

/// What was applied last.
#[derive(Debug, Clone, Default)]
struct AppliedMetadata {
    log_id: Option<LogId>,
    membership: StoredMembership,
    state: Arc<MetadataState>,
}

/// The machine itself: the only one that changes what is applied.
#[derive(Debug)]
pub struct MetadataMachine {
    shared: Arc<MetadataShared>,
}

/// The metadata as this node has applied it: a consistent view at an index. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MetadataReader {
    shared: Arc<MetadataShared>,
}

impl MetadataReader {
    pub(crate) fn new(shared: Arc<MetadataShared>) -> Self {
        MetadataReader { shared }
    }

    /// The state after the last applied batch.
    pub fn state(&self) -> Arc<MetadataState> {
        self.shared.published.borrow().1.clone()
    }

    /// Index of the last applied entry.
    pub fn applied_index(&self) -> u64 {
        self.shared.published.borrow().0
    }

    /// Changes after every applied batch.
    pub fn watch(&self) -> watch::Receiver<(u64, Arc<MetadataState>)> {
        self.shared.published.subscribe()
    }
}

impl MetadataShared {
    pub(crate) fn new(engine: Arc<dyn Engine>, log: Arc<GroupLog>) -> Self {
        let published = watch::channel((0, Arc::default())).0;
        let (group, applied, submitted) = (log.group, Mutex::default(), Mutex::default());
        MetadataShared { engine, group, log, applied, submitted, published }
    }

    /// Starts from the stored snapshot. Blocks where the engine does.
    pub(crate) fn load(&self) -> io::Result<()> {
        if let Some(snapshot) = snapshot_store::load(&*self.engine, self.group)? {
            *lock(&self.submitted) = snapshot.meta.last_log_id;
            self.replace(&snapshot.meta, &snapshot.snapshot)?;
        }
        Ok(())
    }

    /// Submits a snapshot; answers what waits for it, or nothing if a newer one is on its way.
    fn submit_snapshot(
        &self,
        meta: &SnapshotMeta,
        data: &Bytes,
    ) -> Option<impl Future<Output = io::Result<()>> + Send + use<>> {
        let mut submitted = lock(&self.submitted);
        if *submitted > meta.last_log_id {
            return None;
        }
        *submitted = meta.last_log_id;
        Some(self.log.write(snapshot_store::store(self.group, meta, data)))
    }

    fn lock(&self) -> MutexGuard<'_, AppliedMetadata> {
        lock(&self.applied)
    }

    fn publish(&self) {
        let (index, state) = {
            let applied = self.lock();
            (applied.log_id.map_or(0, |log_id| log_id.index), applied.state.clone())
        };
        self.published.send_replace((index, state));
    }

    fn replace(&self, meta: &SnapshotMeta, data: &[u8]) -> io::Result<()> {
        let state: MetadataState = envelope::open(VERSION, data)?;
        if let Some(log_id) = meta.last_log_id {
            // Nothing here has an offset.
            self.log.prime(Primed { log_id, next_offset: Offset(0) });
        }
        *self.lock() = AppliedMetadata {
            log_id: meta.last_log_id,
            membership: meta.last_membership.clone(),
            state: Arc::new(state),
        };
        self.publish();
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic under the lock ends the group's core, which is then started from the disk.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MetadataMachine {
    pub(crate) fn new(shared: Arc<MetadataShared>) -> Self {
        MetadataMachine { shared }
    }

    pub(super) fn applied_state(&self) -> (Option<LogId>, StoredMembership) {
        let applied = self.shared.lock();
        (applied.log_id, applied.membership.clone())
    }

    pub(super) async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + Send,
    {
        // Answered after the new state is published, so that whoever is answered can see it.
        let mut answers = Vec::new();
        while let Some((entry, responder)) = entries.try_next().await? {
            let response = self.shared.lock().apply(self.shared.group, entry)?;
            answers.extend(responder.map(|responder| (responder, response)));
        }
        self.shared.publish();
        for (responder, response) in answers {
            responder.send(response);
        }
        Ok(())
    }

    pub(super) fn snapshot_builder(&self) -> MetadataSnapshotBuilder {
        let applied = self.shared.lock().clone();
        MetadataSnapshotBuilder { shared: self.shared.clone(), applied }
    }

    pub(super) async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        data: Bytes,
    ) -> io::Result<()> {
        let Some(durable) = self.shared.submit_snapshot(meta, &data) else {
            let (group, older) = (self.shared.group, meta.last_log_id);
            let what = format!("group {group}: a snapshot of {older:?} behind a newer one");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        };
        durable.await?;
        self.shared.replace(meta, &data)
    }

    pub(super) async fn current_snapshot(&self) -> io::Result<Option<Snapshot>> {
        snapshot_store::load_later(&self.shared.engine, self.shared.group).await
    }
}

impl AppliedMetadata {
    fn apply(&mut self, group: GroupId, entry: Entry) -> io::Result<Applied> {
        let Entry { log_id, payload } = entry;
        let response = match payload {
            EntryPayload::Blank => Applied::Nothing,
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                Applied::Nothing
            }
            EntryPayload::Normal(proposal) => {
                self.apply_command(log_id.index, &proposal).map_err(|what| {
                    let what = format!("group {group}: entry {log_id}: {what}");
                    io::Error::new(io::ErrorKind::InvalidData, what)
                })?
            }
        };
        self.log_id = Some(log_id);
        Ok(response)
    }

    fn apply_command(&mut self, index: u64, proposal: &Proposal) -> Result<Applied, String> {
        if proposal.kind != ProposalKind::Metadata {
            return Err(format!("{:?} in the metadata group", proposal.kind));
        }
        let command: MetadataCommand =
            codec::decode(&proposal.body).map_err(|error| error.to_string())?;
        let response = Arc::make_mut(&mut self.state).apply(index, &command);
        Ok(Applied::Metadata(Bytes::from(codec::encode(&response))))
    }
}

/// Builds a snapshot of the state as it was when the builder was made.
#[derive(Debug)]
pub struct MetadataSnapshotBuilder {
    shared: Arc<MetadataShared>,
    applied: AppliedMetadata,
}

impl MetadataSnapshotBuilder {
    /// The snapshot is durable when this returns: openraft purges what it covers next.
    pub(super) async fn build(&mut self) -> io::Result<Snapshot> {
        let data = Bytes::from(envelope::seal(VERSION, &*self.applied.state));
        let meta = SnapshotMeta {
            last_log_id: self.applied.log_id,
            last_membership: self.applied.membership.clone(),
        };
        let shared = &self.shared;
        if let Some(durable) = shared.submit_snapshot(&meta, &data) {
            durable.await?;
            return Ok(Snapshot { meta, snapshot: data });
        }
        // The write of the newer one is before this empty one.
        shared.log.write(Vec::new()).await?;
        let newer = snapshot_store::load_later(&shared.engine, shared.group).await?;
        newer.ok_or_else(|| io::Error::other(format!("group {}: no snapshot", shared.group)))
    }
}
