//! The store of one node: what all its groups share, and the way to each of them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use rampart_api::model::ids::{GroupId, ReplicaId};
use tokio::sync::watch;

use crate::engine::memory::{MemoryEngine, MemoryFaults};
use crate::engine::{Engine, EngineKind, Op, Space, SyncObserver};
use crate::error::{OpenError, OpenGroupError};
use crate::format::envelope;
use crate::keys::group::{self, GroupKind, GroupRecord};
use crate::keys::{Family, node_record, registry};
use crate::log::{self, DamagedGroups, GroupLog, LogStorage, TailBudget, erase_one};
use crate::machine::{
    GroupReader, Machine, MetadataReader, PartitionShared, WholeShared, WholeState,
};
use crate::partition_log::PartitionLog;
use crate::planted::{self, Bug};

/// What an operator may choose about a store, and who hears of its syncs.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Engine of a directory that is new; one that is there says itself what it was made for.
    pub engine: EngineKind,
    /// Bytes of newest entries that all groups together keep in memory.
    pub tail_cache_bytes: usize,
    /// The disk counts as full when less than this is free ...
    pub reserve_bytes: u64,
    /// ... or less than this share of it, in percent.
    pub reserve_percent: u64,
    /// Memory of the engine's write buffers.
    pub write_buffer_bytes: usize,
    /// Memory of the engine's block cache.
    pub block_cache_bytes: usize,
    /// Told of each sync.
    pub sync_observer: Option<Arc<dyn SyncObserver>>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            engine: EngineKind::Journal,
            tail_cache_bytes: 32 << 20,
            reserve_bytes: 1 << 30,
            reserve_percent: 5,
            write_buffer_bytes: 32 << 20,
            block_cache_bytes: 16 << 20,
            sync_observer: None,
        }
    }
}

/// Everything on one data directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    tails: Arc<TailBudget>,
    /// The logs that were opened last, until they are dropped.
    opened: Arc<Mutex<BTreeMap<GroupId, Weak<GroupLog>>>>,
    damaged: DamagedGroups,
    options: StoreOptions,
}

/// A group that was opened: the two halves openraft wants, and the handle for everybody else.
#[derive(Debug)]
pub struct OpenGroup<H> {
    /// Its log.
    pub log: LogStorage,
    /// Its state machine.
    pub machine: Machine,
    /// Reads of its state.
    pub handle: H,
}

impl Store {
    /// Opens a data directory, which is created if it is missing. Blocks.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Store, OpenError> {
        Ok(Store::over(crate::engine::open_disk(dir, &options)?, options))
    }

    /// A store in memory, on the disk behind `faults`: what a test or a simulation runs on.
    pub fn in_memory(faults: MemoryFaults) -> Store {
        Store::in_memory_with(faults, StoreOptions::default())
    }

    /// As [`Store::in_memory`], with the options that a node's configuration gives.
    pub fn in_memory_with(faults: MemoryFaults, options: StoreOptions) -> Store {
        let engine = MemoryEngine::new(faults).observed_by(options.sync_observer.clone());
        Store::over(Arc::new(engine), options)
    }

    pub(crate) fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    fn over(engine: Arc<dyn Engine>, options: StoreOptions) -> Store {
        let tails = TailBudget::new(options.tail_cache_bytes);
        Store { engine, tails, opened: Arc::default(), damaged: DamagedGroups::default(), options }
    }

    /// Opens a partition's replica; its log is created if it is not there. Blocks. The caller has
    /// at most one opened replica of a group at a time.
    pub fn open_partition(
        &self,
        group: GroupId,
        replica: ReplicaId,
    ) -> Result<OpenGroup<PartitionLog>, OpenGroupError> {
        let log = match self.open_log(group, replica, GroupKind::Partition) {
            Err(OpenGroupError::Damaged { .. }) if planted::is(Bug::ReusedReplicaId) => {
                self.drop_group(group).map_err(|error| OpenGroupError::read(group, error))?;
                self.open_log(group, replica, GroupKind::Partition)?
            }
            opened => opened?,
        };
        let shared = PartitionShared::open(&*self.engine, log.clone())
            .map_err(|error| OpenGroupError::read(group, error))?;
        let shared = Arc::new(shared);
        Ok(OpenGroup {
            log: LogStorage::new(log),
            machine: Machine::partition(shared.clone()),
            handle: PartitionLog::new(shared),
        })
    }

    /// Opens the metadata group's replica. As [`Store::open_partition`].
    pub fn open_metadata(
        &self,
        replica: ReplicaId,
    ) -> Result<OpenGroup<MetadataReader>, OpenGroupError> {
        let (log, shared) = self.open_whole(GroupId::METADATA, replica, GroupKind::Metadata)?;
        let handle = MetadataReader::new(shared.clone());
        Ok(OpenGroup { log, handle, machine: Machine::metadata(shared) })
    }

    /// Opens the replica of a partition of `__group_state`. As [`Store::open_partition`].
    pub fn open_groups(
        &self,
        group: GroupId,
        replica: ReplicaId,
    ) -> Result<OpenGroup<GroupReader>, OpenGroupError> {
        let (log, shared) = self.open_whole(group, replica, GroupKind::Groups)?;
        let handle = GroupReader::new(shared.clone());
        Ok(OpenGroup { log, handle, machine: Machine::groups(shared) })
    }

    /// The log of a group whose state is all in memory, and that state as of its snapshot.
    fn open_whole<S: WholeState>(
        &self,
        group: GroupId,
        replica: ReplicaId,
        kind: GroupKind,
    ) -> Result<(LogStorage, Arc<WholeShared<S>>), OpenGroupError> {
        let log = self.open_log(group, replica, kind)?;
        let shared = Arc::new(WholeShared::new(self.engine.clone(), log.clone()));
        shared.load().map_err(|error| OpenGroupError::read(group, error))?;
        Ok((LogStorage::new(log), shared))
    }

    fn open_log(
        &self,
        group: GroupId,
        replica: ReplicaId,
        kind: GroupKind,
    ) -> Result<Arc<GroupLog>, OpenGroupError> {
        let io_error = |source| OpenGroupError::read(group, source);
        // A replica that was stopped a moment ago may still have writes under way.
        self.close(group);
        self.engine.settle().map_err(io_error)?;
        match self.group_record(group).map_err(io_error)? {
            Some(found) if found == (GroupRecord { replica, kind }) => {}
            Some(found) => {
                return Err(OpenGroupError::OtherReplica {
                    group,
                    found: found.replica,
                    found_kind: found.kind,
                    wanted: replica,
                    wanted_kind: kind,
                });
            }
            None => {
                let record = envelope::seal(group::VERSION, &GroupRecord { replica, kind });
                let mut ops = self.leftovers(group).map_err(io_error)?;
                ops.push(Op::put(Family::Group.group_key(group), record));
                self.engine.write_now(ops).map_err(io_error)?;
            }
        }
        let log = Arc::new(log::open(&self.engine, (group, kind), &self.tails, &self.damaged)?);
        self.forget_damage(group);
        self.opened().insert(group, Arc::downgrade(&log));
        Ok(log)
    }

    fn opened(&self) -> MutexGuard<'_, BTreeMap<GroupId, Weak<GroupLog>>> {
        // Whole after every statement under the lock.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is written any more by a replica of the group that was opened before.
    fn close(&self, group: GroupId) {
        let log = self.opened().remove(&group).and_then(|log| log.upgrade());
        if let Some(log) = log {
            log.close();
        }
    }

    /// Erases what is there of a group without a record. Nothing is, as a rule, and then nothing is
    /// written: each erased range is one more to skip for whoever reads beside it.
    fn leftovers(&self, group: GroupId) -> io::Result<Vec<Op>> {
        let mut ops = Vec::new();
        if self.engine.fact(&node_record::damaged_entry(group))?.is_some() {
            ops.push(erase_one(node_record::damaged_entry(group)));
        }
        if self.engine.log_bounds(group)?.is_some() {
            ops.push(Op::Truncate { group, from: 0 });
        }
        for family in Family::of_groups() {
            let (from, to) = family.group_range(group);
            if !self.engine.facts(&from, &to)?.is_empty() {
                ops.push(Op::Erase { from, to });
            }
        }
        Ok(ops)
    }

    fn group_record(&self, group: GroupId) -> io::Result<Option<GroupRecord>> {
        match self.engine.fact(&Family::Group.group_key(group))? {
            Some(bytes) => Ok(Some(envelope::open(group::VERSION, &bytes)?)),
            None => Ok(None),
        }
    }

    /// The replicas on this disk. Blocks.
    pub fn groups(&self) -> io::Result<Vec<(GroupId, ReplicaId)>> {
        let (from, to) = Family::Group.range();
        let mut groups = Vec::new();
        for (key, value) in self.engine.facts(&from, &to)? {
            let record: GroupRecord = envelope::open(group::VERSION, &value)?;
            groups.extend(registry::parse(&key).map(|(group, _)| (group, record.replica)));
        }
        Ok(groups)
    }

    /// Erases everything of a group, durably. Blocks. Its replica must be stopped; what is left of
    /// it writes nothing any more.
    pub fn drop_group(&self, group: GroupId) -> io::Result<()> {
        self.close(group);
        let mut ops = vec![Op::Truncate { group, from: 0 }];
        for family in Family::of_groups() {
            let (from, to) = family.group_range(group);
            ops.push(Op::Erase { from, to });
        }
        ops.push(erase_one(node_record::damaged_entry(group)));
        self.engine.write_now(ops)?;
        self.forget_damage(group);
        Ok(())
    }

    /// Groups in whose logs a synced entry was read and was damaged or gone, and what was found.
    /// Such a replica must be stopped; opening it again says `Damaged` as long as that is so. A
    /// group leaves when it is opened or dropped.
    pub fn damaged(&self) -> watch::Receiver<BTreeMap<GroupId, String>> {
        self.damaged.subscribe()
    }

    fn forget_damage(&self, group: GroupId) {
        self.damaged.send_if_modified(|damaged| damaged.remove(&group).is_some());
    }

    /// Becomes `Some` when a write or sync failed: nothing is acknowledged any more (INV-13) and
    /// the process must stop with exit code 74.
    pub fn failed(&self) -> watch::Receiver<Option<String>> {
        self.engine.failed()
    }

    /// A small durable fact of the node.
    pub fn node_record_get(&self, key: &str) -> io::Result<Option<Bytes>> {
        self.engine.settle()?;
        self.engine.fact(&node_record::key(key))
    }

    /// Stores a small fact of the node; durable when this returns. Blocks.
    pub fn node_record_put(&self, key: &str, value: impl Into<Bytes>) -> io::Result<()> {
        self.engine.write_now(vec![Op::put(node_record::key(key), value)])
    }

    /// Room on the disk.
    pub fn free_space(&self) -> io::Result<Space> {
        self.engine.space()
    }

    /// Whether only the reserve is left: then leaders refuse produce, while votes, truncations and
    /// trims go on.
    pub fn is_full(&self) -> io::Result<bool> {
        let space = self.engine.space()?;
        let share = space.total_bytes / 100 * self.options.reserve_percent;
        Ok(space.free_bytes < self.options.reserve_bytes.max(share))
    }

    /// Waits until everything written so far is durable. Blocks.
    pub fn flush(&self) -> io::Result<()> {
        self.engine.write_now(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Write;
    use crate::test_data::SyncTally;

    #[test]
    fn an_observer_hears_of_syncs_and_of_the_entries_they_made_durable() {
        let (faults, tally) = (MemoryFaults::none(), Arc::new(SyncTally::default()));
        let options =
            StoreOptions { sync_observer: Some(tally.clone()), ..StoreOptions::default() };
        let store = Store::in_memory_with(faults.clone(), options);
        store.flush().unwrap();
        assert_eq!(tally.seen().1, 0, "nothing was appended");
        let (header, payload) = (Bytes::from_static(b"h"), Bytes::from_static(b"p"));
        let append = |index| Op::Append {
            group: GroupId(1),
            index,
            header: header.clone(),
            payload: payload.clone(),
        };
        let before = tally.seen().0;
        faults.hold_syncs();
        for index in 1..=3 {
            let done: Option<crate::engine::Done> = (index > 1).then(|| Box::new(|_| ()) as _);
            store.engine.submit(Write { ops: vec![append(index)], done });
        }
        assert_eq!(tally.seen().0, before, "nothing is synced yet");
        faults.sync();
        assert_eq!((tally.seen().0 - before, tally.seen().1), (1, 3), "those unsynced before too");
    }

    #[test]
    fn facts_of_a_group_without_a_record_are_erased_when_it_is_opened() {
        let (group, neighbour) = (GroupId(4), GroupId(5));
        let store = Store::in_memory(MemoryFaults::none());
        drop(store.open_partition(neighbour, ReplicaId(1)).unwrap());
        let stray = Bytes::from_static(b"stray");
        let mut ops: Vec<Op> = Family::of_groups()
            .filter(|family| *family != Family::Group)
            .flat_map(|family| [family.group_key(group), family.indexed_key(group, 9)])
            .map(|key| Op::put(key, stray.clone()))
            .collect();
        ops.push(Op::Append { group, index: 9, header: stray.clone(), payload: stray });
        store.engine.write_now(ops).unwrap();

        let opened = store.open_partition(group, ReplicaId(2)).unwrap();
        assert_eq!(opened.handle.applied_index(), None);
        assert_eq!(opened.handle.last_log_index(), None);
        assert_eq!(store.engine.log_bounds(group).unwrap(), None);
        assert_eq!(store.groups().unwrap(), [(group, ReplicaId(2)), (neighbour, ReplicaId(1))]);
    }
}
