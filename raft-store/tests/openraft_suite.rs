//! openraft's own storage test suite on our store: both kinds of groups, both engines.

use std::io;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt;
use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_raft_store::type_config::TypeConfig;
use rampart_raft_store::{LogStorage, Machine, MemoryFaults, Store};

#[derive(Debug, Clone, Copy)]
enum Kind {
    Partition,
    Metadata,
}

/// Where a store lives; dropped after its test.
#[allow(dead_code, reason = "holds the directory")]
enum Home {
    Memory,
    #[cfg(feature = "rocks")]
    Directory(Store, tempfile::TempDir),
}

struct InMemory(Kind);

impl StoreBuilder<TypeConfig, LogStorage, Machine, Home> for InMemory {
    async fn build(&self) -> Result<(Home, LogStorage, Machine), StorageError<TypeConfig>> {
        let store = Store::in_memory(MemoryFaults::none());
        let (log, machine) = open(&store, self.0).map_err(storage_error)?;
        Ok((Home::Memory, log, machine))
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

#[cfg(feature = "rocks")]
mod on_disk {
    use rampart_raft_store::StoreOptions;

    use super::*;

    struct OnDisk(Kind);

    impl StoreBuilder<TypeConfig, LogStorage, Machine, Home> for OnDisk {
        async fn build(&self) -> Result<(Home, LogStorage, Machine), StorageError<TypeConfig>> {
            let dir = tempfile::tempdir().map_err(storage_error)?;
            let store = Store::open(dir.path(), StoreOptions::default()).map_err(storage_error)?;
            let (log, machine) = open(&store, self.0).map_err(storage_error)?;
            Ok((Home::Directory(store, dir), log, machine))
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
}
