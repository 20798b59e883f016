//! A state machine whose state is all in memory, published after every batch of entries: that of the
//! metadata group, and that of the groups in a partition of `__group_state`. What survives is the
//! snapshot; the log behind it is applied again after a restart.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use openraft::storage::EntryResponder;
use rampart_api::model::ids::{GroupId, Offset};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::snapshot_store;
use crate::engine::Engine;
use crate::format::FormatError;
use crate::format::envelope;
use crate::log::{GroupLog, Primed};
use crate::type_config::{
    Applied, Entry, EntryPayload, LogId, Proposal, Snapshot, SnapshotMeta, StoredMembership,
    TypeConfig,
};

/// A pure state machine of which a snapshot holds everything.
pub trait WholeState:
    Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Newest version of its snapshots.
    const SNAPSHOT_VERSION: u8;
    /// What is published after every batch of entries.
    type Published: Clone + fmt::Debug + Send + Sync + 'static;

    /// The state before the first entry.
    fn empty(group: GroupId) -> Self;

    /// Applies the command at an index of the log.
    fn apply_proposal(&mut self, index: u64, proposal: &Proposal) -> Result<Applied, String>;

    /// The bytes of a snapshot.
    fn encode(&self) -> Vec<u8> {
        envelope::seal(Self::SNAPSHOT_VERSION, self)
    }

    /// The reverse of `encode`, also of what older programs wrote.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    fn decode(data: &[u8]) -> Result<Self, FormatError> {
        envelope::open(Self::SNAPSHOT_VERSION, data)
    }

    /// What is published of the state at an index.
    fn published(index: u64, state: &Arc<Self>) -> Self::Published;
}

/// What the machine, its snapshot builder and the readers share.
#[derive(Debug)]
pub(crate) struct WholeShared<S: WholeState> {
    engine: Arc<dyn Engine>,
    group: GroupId,
    log: Arc<GroupLog>,
    applied: Mutex<AppliedWhole<S>>,
    /// The newest snapshot that is on its way to the disk. openraft builds snapshots beside the
    /// task that installs them: an older one is not written behind it. Locked until the write is
    /// submitted.
    submitted: Mutex<Option<LogId>>,
    published: watch::Sender<S::Published>,
}

/// What was applied last.
#[derive(Debug, Clone)]
struct AppliedWhole<S> {
    log_id: Option<LogId>,
    membership: StoredMembership,
    state: Arc<S>,
}

/// The machine itself: the only one that changes what is applied.
#[derive(Debug)]
pub struct WholeMachine<S: WholeState> {
    shared: Arc<WholeShared<S>>,
}

impl<S: WholeState> WholeShared<S> {
    pub(crate) fn new(engine: Arc<dyn Engine>, log: Arc<GroupLog>) -> Self {
        let group = log.group;
        let state = Arc::new(S::empty(group));
        let published = watch::channel(S::published(0, &state)).0;
        let membership = StoredMembership::default();
        let applied = Mutex::new(AppliedWhole { log_id: None, membership, state });
        WholeShared { engine, group, log, applied, submitted: Mutex::default(), published }
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
    ) -> Option<impl Future<Output = io::Result<()>> + Send + use<S>> {
        let mut submitted = lock(&self.submitted);
        if *submitted > meta.last_log_id {
            return None;
        }
        *submitted = meta.last_log_id;
        Some(self.log.write(snapshot_store::store(self.group, meta, data)))
    }

    fn lock(&self) -> MutexGuard<'_, AppliedWhole<S>> {
        lock(&self.applied)
    }

    /// What was published last.
    pub(super) fn published(&self) -> S::Published {
        self.published.borrow().clone()
    }

    /// What is published, as it changes.
    pub(super) fn watch(&self) -> watch::Receiver<S::Published> {
        self.published.subscribe()
    }

    /// Looks at the state, and holds up whoever applies meanwhile.
    pub(super) fn look<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.lock().state)
    }

    /// Its log.
    pub(super) fn log(&self) -> &GroupLog {
        &self.log
    }

    fn publish(&self) {
        let published = {
            let applied = self.lock();
            S::published(applied.log_id.map_or(0, |log_id| log_id.index), &applied.state)
        };
        self.published.send_replace(published);
    }

    fn replace(&self, meta: &SnapshotMeta, data: &[u8]) -> io::Result<()> {
        let state = S::decode(data)?;
        if let Some(log_id) = meta.last_log_id {
            // Nothing here has an offset.
            self.log.prime(Primed { log_id, next_offset: Offset(0) });
        }
        *self.lock() = AppliedWhole {
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

impl<S: WholeState> WholeMachine<S> {
    pub(crate) fn new(shared: Arc<WholeShared<S>>) -> Self {
        WholeMachine { shared }
    }

    pub(super) fn applied_state(&self) -> (Option<LogId>, StoredMembership) {
        let applied = self.shared.lock();
        (applied.log_id, applied.membership.clone())
    }

    pub(super) async fn apply<E>(&mut self, mut entries: E) -> io::Result<()>
    where
        E: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + Send,
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

    pub(super) fn snapshot_builder(&self) -> WholeSnapshotBuilder<S> {
        let applied = self.shared.lock().clone();
        WholeSnapshotBuilder { shared: self.shared.clone(), applied }
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

impl<S: WholeState> AppliedWhole<S> {
    fn apply(&mut self, group: GroupId, entry: Entry) -> io::Result<Applied> {
        let Entry { log_id, payload } = entry;
        let response = match payload {
            EntryPayload::Blank => Applied::Nothing,
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                Applied::Nothing
            }
            EntryPayload::Normal(proposal) => {
                let state = Arc::make_mut(&mut self.state);
                state.apply_proposal(log_id.index, &proposal).map_err(|what| {
                    let what = format!("group {group}: entry {log_id}: {what}");
                    io::Error::new(io::ErrorKind::InvalidData, what)
                })?
            }
        };
        self.log_id = Some(log_id);
        Ok(response)
    }
}

/// Builds a snapshot of the state as it was when the builder was made.
#[derive(Debug)]
pub struct WholeSnapshotBuilder<S: WholeState> {
    shared: Arc<WholeShared<S>>,
    applied: AppliedWhole<S>,
}

impl<S: WholeState> WholeSnapshotBuilder<S> {
    /// The snapshot is durable when this returns: openraft purges what it covers next.
    pub(super) async fn build(&mut self) -> io::Result<Snapshot> {
        let data = Bytes::from(self.applied.state.encode());
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
