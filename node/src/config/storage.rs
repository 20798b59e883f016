//! `[storage]`: memory and disk of the store.

use std::time::Duration;

use super::section::section;
use super::value::{Given, Value, between};

const MIB: u64 = 1 << 20;

section! {
    /// Memory and disk of the store, for the whole node.
    StorageConfig = "storage" {
        /// Engine of a data directory that is new: `journal`, or `rocksdb`, which has all in
        /// RocksDB and costs several times the CPU. A directory that is there says itself what it
        /// was made for.
        engine: StorageEngine = StorageEngine::Journal, super::value::any;
        /// Memory for writes that are in the journal but not in segments yet; twice as much while
        /// the disk is slower than the writers. The journal's files are half as large, and ten at
        /// most. With `rocksdb`, memory for what is not in a table file yet.
        memtable_bytes_max: u64 = 32 * MIB, |v| between(v, MIB, 16 << 30);
        /// Memory for blocks read from disk.
        block_cache_bytes: u64 = 16 * MIB, |v| between(v, MIB, 64 << 30);
        /// Memory for the newest entries of all logs, so that replication and reads at the tail
        /// don't touch the disk.
        tail_cache_bytes_max: u64 = 16 * MIB, |v| between(v, MIB, 64 << 30);
        /// Part of the disk that clients' records may not use. Below it produce is refused with
        /// STORAGE_FULL, reads go on, and the cluster can still elect, trim and delete.
        disk_reserve_percent: u64 = 5, |v| between(v, 0, 50);
        /// The same as an absolute minimum; the larger of the two counts.
        disk_reserve_bytes_min: u64 = 1 << 30, |v| between(v, 0, 1 << 50);
        /// How often retention is looked at.
        retention_check_interval_ms: u64 = 30_000, |v| between(v, 100, 86_400_000);
    }
}

/// `storage.engine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageEngine {
    /// A journal that all groups share, and segments.
    Journal,
    /// All in RocksDB.
    RocksDb,
}

impl Value for StorageEngine {
    fn read(given: &Given) -> Result<Self, String> {
        match String::read(given).unwrap_or_default().as_str() {
            "journal" => Ok(StorageEngine::Journal),
            "rocksdb" => Ok(StorageEngine::RocksDb),
            _ => Err("journal or rocksdb".to_owned()),
        }
    }

    fn show(&self) -> String {
        match self {
            StorageEngine::Journal => "\"journal\"".to_owned(),
            StorageEngine::RocksDb => "\"rocksdb\"".to_owned(),
        }
    }
}

impl StorageConfig {
    /// `retention_check_interval_ms` as a duration.
    pub fn retention_check_interval(&self) -> Duration {
        Duration::from_millis(self.retention_check_interval_ms)
    }
}
