//! The store of one node: what all its groups share, and the way to each of them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rampart_api::model::ids::{GroupId, ReplicaId};
use tokio::sync::watch;

use crate::engine::memory::{MemoryEngine, MemoryFaults};
use crate::engine::{Engine, Op, Space};
use crate::error::{OpenError, OpenGroupError};
use crate::format::envelope;
use crate::keys::group::{self, GroupKind, GroupRecord};
use crate::keys::{Family, node_record, registry};
use crate::log::{self, GroupLog, LogStorage, TailBudget};
use crate::machine::{Machine, MetadataReader, MetadataShared, PartitionShared};
use crate::partition_log::PartitionLog;

/// What an operator may choose about a store.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
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
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            tail_cache_bytes: 32 << 20,
            reserve_bytes: 1 << 30,
            reserve_percent: 5,
            write_buffer_bytes: 32 << 20,
            block_cache_bytes: 16 << 20,
        }
    }
}

/// Everything on one data directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    tails: Arc<TailBudget>,
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
        Store::over(Arc::new(MemoryEngine::new(faults)), options)
    }

    pub(crate) fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    fn over(engine: Arc<dyn Engine>, options: StoreOptions) -> Store {
        Store { engine, tails: TailBudget::new(options.tail_cache_bytes), options }
    }

    /// Opens a partition's replica; its log is created if it is not there. Blocks. The caller has
    /// at most one opened replica of a group at a time.
    pub fn open_partition(
        &self,
        group: GroupId,
        replica: ReplicaId,
    ) -> Result<OpenGroup<PartitionLog>, OpenGroupError> {
        let log = self.open_log(group, replica, GroupKind::Partition)?;
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
        let group = GroupId::METADATA;
        let log = self.open_log(group, replica, GroupKind::Metadata)?;
        let shared = Arc::new(MetadataShared::new(self.engine.clone(), log.clone()));
        shared.load().map_err(|error| OpenGroupError::read(group, error))?;
        Ok(OpenGroup {
            log: LogStorage::new(log),
            handle: MetadataReader::new(shared.clone()),
            machine: Machine::metadata(shared),
        })
    }

    fn open_log(
        &self,
        group: GroupId,
        replica: ReplicaId,
        kind: GroupKind,
    ) -> Result<Arc<GroupLog>, OpenGroupError> {
        let io_error = |source| OpenGroupError::read(group, source);
        // A replica that was closed a moment ago may still have writes under way.
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
                let op = Op::put(Family::Group.group_key(group), record);
                self.engine.write_now(vec![op]).map_err(io_error)?;
            }
        }
        Ok(Arc::new(log::open(&self.engine, group, &self.tails)?))
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

    /// Erases everything of a group, durably. Blocks. Its replica must be closed.
    pub fn drop_group(&self, group: GroupId) -> io::Result<()> {
        let mut ops = vec![Op::Truncate { group, from: 0 }];
        for family in Family::of_groups() {
            let (from, to) = family.group_range(group);
            ops.push(Op::Erase { from, to });
        }
        self.engine.write_now(ops)
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
