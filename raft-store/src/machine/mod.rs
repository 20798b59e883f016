//! openraft's state machine over ours: takes committed entries apart, hands them to the pure
//! state machines in `state`, keeps what must survive. One enum for all kinds of groups, so that
//! openraft is instantiated once.

mod groups;
mod metadata;
mod partition;
mod partition_snapshot;
mod snapshot_store;
mod whole;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};

pub use self::groups::GroupReader;
#[cfg(test)]
pub(crate) use self::groups::VERSION as GROUP_SNAPSHOT_VERSION;
pub use self::metadata::MetadataReader;
#[cfg(test)]
pub(crate) use self::metadata::{
    VERSION as METADATA_SNAPSHOT_VERSION, VERSION_WITH_CASTLE as METADATA_CASTLE_VERSION,
};
use self::partition::PartitionMachine;
pub(crate) use self::partition::PartitionShared;
pub(crate) use self::partition_snapshot::Cut;
#[cfg(test)]
pub(crate) use self::partition_snapshot::{
    decode as decode_partition_snapshot, encode as encode_partition_snapshot,
};
use self::whole::{WholeMachine, WholeSnapshotBuilder};
pub(crate) use self::whole::{WholeShared, WholeState};
use crate::state::group::GroupState;
use crate::state::metadata::state::MetadataState;
use crate::type_config::{LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};

/// The state machine of one group.
#[derive(Debug)]
pub enum Machine {
    /// A partition's.
    Partition(PartitionMachine),
    /// The metadata group's.
    Metadata(WholeMachine<MetadataState>),
    /// That of groups in a partition of `__group_state`.
    Groups(WholeMachine<GroupState>),
}

/// Builds one snapshot of one group.
#[derive(Debug)]
pub enum SnapshotBuilder {
    /// Of a partition, at the planned cut.
    Partition(partition_snapshot::PartitionSnapshotBuilder),
    /// Of the metadata group, at the last applied entry.
    Metadata(WholeSnapshotBuilder<MetadataState>),
    /// Of groups in a partition of `__group_state`, at the last applied entry.
    Groups(WholeSnapshotBuilder<GroupState>),
}

impl Machine {
    pub(crate) fn partition(shared: Arc<PartitionShared>) -> Self {
        Machine::Partition(PartitionMachine::new(shared))
    }

    pub(crate) fn metadata(shared: Arc<WholeShared<MetadataState>>) -> Self {
        Machine::Metadata(WholeMachine::new(shared))
    }

    pub(crate) fn groups(shared: Arc<WholeShared<GroupState>>) -> Self {
        Machine::Groups(WholeMachine::new(shared))
    }
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok(match self {
            Machine::Partition(machine) => machine.applied_state(),
            Machine::Metadata(machine) => machine.applied_state(),
            Machine::Groups(machine) => machine.applied_state(),
        })
    }

    async fn apply<S>(&mut self, entries: S) -> io::Result<()>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + Send,
    {
        match self {
            Machine::Partition(machine) => machine.apply(entries).await,
            Machine::Metadata(machine) => machine.apply(entries).await,
            Machine::Groups(machine) => machine.apply(entries).await,
        }
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<SnapshotBuilder> {
        match self {
            Machine::Partition(machine) => {
                machine.snapshot_builder(force).map(SnapshotBuilder::Partition)
            }
            Machine::Metadata(machine) => {
                Some(SnapshotBuilder::Metadata(machine.snapshot_builder()))
            }
            Machine::Groups(machine) => Some(SnapshotBuilder::Groups(machine.snapshot_builder())),
        }
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        self.try_create_snapshot_builder(true).await.expect("forced, so there is a builder")
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Bytes) -> io::Result<()> {
        match self {
            Machine::Partition(machine) => machine.install_snapshot(meta, snapshot).await,
            Machine::Metadata(machine) => machine.install_snapshot(meta, snapshot).await,
            Machine::Groups(machine) => machine.install_snapshot(meta, snapshot).await,
        }
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        match self {
            Machine::Partition(machine) => Ok(machine.current_snapshot()),
            Machine::Metadata(machine) => machine.current_snapshot().await,
            Machine::Groups(machine) => machine.current_snapshot().await,
        }
    }
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        match self {
            SnapshotBuilder::Partition(builder) => builder.build().await,
            SnapshotBuilder::Metadata(builder) => builder.build().await,
            SnapshotBuilder::Groups(builder) => builder.build().await,
        }
    }
}
