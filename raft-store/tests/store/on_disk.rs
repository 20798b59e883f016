//! The same store on RocksDB: restarts, files that were tampered with, directories that cannot be
//! used.

use std::path::{Path, PathBuf};

use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_raft_store::error::{OpenError, OpenGroupError};
use rampart_raft_store::inspect::Inspector;
use rampart_raft_store::type_config::EntryPayload;
use rampart_raft_store::{Store, StoreOptions};

use crate::harness::{GROUP, Replica, batch, data, trim_to};

/// Small buffers, so that a small test reaches table files.
fn options() -> StoreOptions {
    StoreOptions { tail_cache_bytes: 0, write_buffer_bytes: 256 << 10, ..StoreOptions::default() }
}

fn open(dir: &Path) -> Store {
    Store::open(dir, options()).unwrap()
}

/// 2,000 entries of two records and about 800 bytes.
async fn fill(store: &Store) -> Replica {
    let mut replica = Replica::open(store).unwrap();
    for hundred in 0..20 {
        let payloads = (0..100).map(|one| data(batch(2, 350, hundred * 100 + one)));
        replica.append(1, payloads.collect()).await;
    }
    replica.apply_all().await;
    replica.handle.save_applied().await.unwrap();
    replica
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort_by_key(|path| std::cmp::Reverse(std::fs::metadata(path).unwrap().len()));
    files
}

#[tokio::test]
async fn a_replica_restarts_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let replica = fill(&store).await;
    let before = replica.read_all().await;
    assert_eq!(before.len(), 2_000);
    drop((replica, store));

    let store = open(dir.path());
    let mut replica = Replica::open(&store).unwrap();
    assert_eq!(replica.handle.applied_index(), Some(1_999));
    assert_eq!(replica.handle.log_end_offset().0, 4_000);
    assert_eq!(replica.read_all().await, before);
    assert_eq!(replica.entries().await.unwrap().len(), 2_000);
    replica.append(2, vec![EntryPayload::Blank, data(batch(1, 10, 0))]).await;
    assert_eq!(replica.handle.log_end_offset().0, 4_001);
}

#[tokio::test]
async fn a_cut_log_and_a_dropped_group_stay_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut replica = fill(&store).await;
    replica.append(1, vec![trim_to(1_500)]).await;
    replica.apply_all().await;
    let before = replica.read_all().await;
    assert!(replica.handle.plan_cut(None));
    let cut = replica.snapshot_and_purge().await.meta.last_log_id.unwrap().index;
    drop(store.open_partition(GroupId(9), ReplicaId(5)).unwrap());
    store.drop_group(GroupId(9)).unwrap();
    replica.handle.save_applied().await.unwrap();
    drop((replica, store));

    let store = open(dir.path());
    assert_eq!(store.groups().unwrap().len(), 1);
    let mut replica = Replica::open(&store).unwrap();
    assert_eq!(replica.entries().await.unwrap()[0].log_id.index, cut + 1);
    assert_eq!(replica.read_all().await, before);
}

/// A flipped bit in a table file: whoever reads it is told, with the file's name; nothing wrong is
/// ever served.
#[tokio::test]
async fn a_flipped_bit_in_a_table_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let replica = fill(&store).await;
    drop((replica, store));
    let table = files(dir.path(), "sst").remove(0);
    let mut bytes = std::fs::read(&table).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&table, bytes).unwrap();

    let error = match Store::open(dir.path(), options()) {
        Err(error) => error.to_string(),
        Ok(store) => match Replica::open(&store) {
            Err(error) => {
                assert!(matches!(error, OpenGroupError::Damaged { .. }), "{error}");
                error.to_string()
            }
            Ok(mut replica) => replica.entries().await.unwrap_err().to_string(),
        },
    };
    assert!(error.contains(".sst") || error.contains("damaged"), "{error}");
}

#[tokio::test]
async fn a_running_nodes_directory_can_be_inspected() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let _replica = fill(&store).await;
    let inspector = Inspector::open(dir.path()).unwrap();
    let reports = inspector.groups().unwrap();
    assert_eq!(reports[0].indexes, Some((0, 1_999)));
    let offsets: Vec<_> = inspector
        .entries(GROUP, 0)
        .map(|entry| entry.unwrap().content.unwrap().0.base_offset.0)
        .collect();
    assert_eq!(offsets, (0..2_000).map(|entry| entry * 2).collect::<Vec<_>>());
}

#[test]
fn a_directory_that_cannot_be_used_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = Store::open(dir.path(), options()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    drop(store);

    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file, options()).unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    let error = Inspector::open(&dir.path().join("missing")).unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert!(!dir.path().join("missing").exists(), "looking creates nothing");
}

#[test]
fn room_on_the_disk_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let space = store.free_space().unwrap();
    assert!(space.free_bytes > 0 && space.free_bytes <= space.total_bytes);
    drop(store);
    let everything = StoreOptions { reserve_bytes: u64::MAX, ..options() };
    assert!(Store::open(dir.path(), everything).unwrap().is_full().unwrap());
}
