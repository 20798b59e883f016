//! openraft's own storage test suite on our store: every kind of group, both engines.

use std::io;

use openraft::StorageError;
use openraft::storage::{LogState, RaftLogStorage};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt;
use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_raft_store::type_config::{Entry, EntryPayload, IoFlushed, LogId, TypeConfig, Vote};
use rampart_raft_store::{LogReader, LogStorage, Machine, MemoryFaults, Store};

#[derive(Debug, Clone, Copy)]
enum Kind {
    Partition,
    Metadata,
    Groups,
}

/// Where a store lives; dropped after its test.
#[allow(dead_code, reason = "holds the directory")]
enum Home {
    Memory,
    #[cfg(feature = "rocks")]
    Directory(Store, tempfile::TempDir),
}

/// The suite begins logs in the middle, and purges what a log doesn't have, without a snapshot that
/// could say which offset comes next; ours refuses both. Here the missing entries are appended
/// first.
struct WithoutGaps(LogStorage);

impl WithoutGaps {
    /// Appends blank entries up to the one before `to`.
    async fn fill(&mut self, from: u64, to: LogId) -> io::Result<()> {
        let blank = |index| Entry {
            log_id: LogId { leader_id: to.leader_id, index },
            payload: EntryPayload::Blank,
        };
        let missing: Vec<_> = (from..to.index).map(blank).collect();
        let (tx, rx) = TypeConfig::oneshot();
        self.0.append(missing, IoFlushed::signal(tx)).await?;
        rx.await.map_err(io::Error::other)?
    }
}

impl RaftLogStorage<TypeConfig> for WithoutGaps {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        self.0.get_log_state().await
    }

    async fn get_log_reader(&mut self) -> LogReader {
        self.0.get_log_reader().await
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.0.save_vote(vote).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.0.save_committed(committed).await
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        self.0.read_committed().await
    }

    async fn append<I>(&mut self, entries: I, callback: IoFlushed) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        if let Some(first) = entries.first().map(|entry| entry.log_id)
            && self.0.get_log_state().await?.last_log_id.is_none()
        {
            self.fill(1, first).await?;
        }
        self.0.append(entries, callback).await
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        self.0.truncate_after(last_log_id).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let last = self.0.get_log_state().await?.last_log_id;
        let first = last.map_or(0, |last| last.index + 1);
        self.fill(first, LogId { leader_id: upto.leader_id, index: upto.index + 1 }).await?;
        self.0.purge(upto).await
    }
}

struct InMemory(Kind);

impl StoreBuilder<TypeConfig, WithoutGaps, Machine, Home> for InMemory {
    async fn build(&self) -> Result<(Home, WithoutGaps, Machine), StorageError<TypeConfig>> {
        let store = Store::in_memory(MemoryFaults::none());
        let (log, machine) = open(&store, self.0).map_err(storage_error)?;
        Ok((Home::Memory, WithoutGaps(log), machine))
    }
}

fn storage_error(
    error: impl std::error::Error + Send + Sync + 'static,
) -> StorageError<TypeConfig> {
    StorageError::read(TypeConfig::err_from_error(&io::Error::other(error)))
}

fn open(store: &Store, kind: Kind) -> io::Result<(LogStorage, Machine)> {
    match kind {
        Kind::Partition => {
            let group = store.open_partition(GroupId(7), ReplicaId(1)).map_err(io::Error::other)?;
            Ok((group.log, group.machine))
        }
        Kind::Metadata => {
            let group = store.open_metadata(ReplicaId(1)).map_err(io::Error::other)?;
            Ok((group.log, group.machine))
        }
        Kind::Groups => {
            let group = store.open_groups(GroupId(7), ReplicaId(1)).map_err(io::Error::other)?;
            Ok((group.log, group.machine))
        }
    }
}

#[tokio::test]
async fn a_partition_in_memory_passes() {
    Suite::test_all(InMemory(Kind::Partition)).await.unwrap();
}

#[tokio::test]
async fn the_metadata_group_in_memory_passes() {
    Suite::test_all(InMemory(Kind::Metadata)).await.unwrap();
}

#[tokio::test]
async fn groups_in_memory_pass() {
    Suite::test_all(InMemory(Kind::Groups)).await.unwrap();
}

#[cfg(feature = "rocks")]
mod on_disk {
    use rampart_raft_store::StoreOptions;

    use super::*;

    struct OnDisk(Kind);

    impl StoreBuilder<TypeConfig, WithoutGaps, Machine, Home> for OnDisk {
        async fn build(&self) -> Result<(Home, WithoutGaps, Machine), StorageError<TypeConfig>> {
            let dir = tempfile::tempdir().map_err(storage_error)?;
            let store = Store::open(dir.path(), StoreOptions::default()).map_err(storage_error)?;
            let (log, machine) = open(&store, self.0).map_err(storage_error)?;
            Ok((Home::Directory(store, dir), WithoutGaps(log), machine))
        }
    }

    #[tokio::test]
    async fn a_partition_on_rocksdb_passes() {
        Suite::test_all(OnDisk(Kind::Partition)).await.unwrap();
    }

    #[tokio::test]
    async fn the_metadata_group_on_rocksdb_passes() {
        Suite::test_all(OnDisk(Kind::Metadata)).await.unwrap();
    }

    #[tokio::test]
    async fn groups_on_rocksdb_pass() {
        Suite::test_all(OnDisk(Kind::Groups)).await.unwrap();
    }
}
