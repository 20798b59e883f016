//! How the database is tuned: sequential, uncompressed entries; small facts; bounded memory.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode, Options,
};

use super::{FACTS, LOG};

/// Memory of the database. The rest is not for an operator to turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RocksOptions {
    /// Writes in memory and not yet in a table file, over both column families.
    pub memtable_bytes_max: usize,
    /// Blocks read from table files.
    pub block_cache_bytes: usize,
}

impl Default for RocksOptions {
    fn default() -> Self {
        RocksOptions { memtable_bytes_max: 32 << 20, block_cache_bytes: 16 << 20 }
    }
}

/// A write-ahead log older than so many bytes in all forces a flush.
const WAL_BYTES_MAX: u64 = 256 << 20;
const OPEN_FILES_MAX: i32 = 512;

/// Options of the whole database.
pub(super) fn database(options: &RocksOptions) -> Options {
    let mut db = Options::default();
    db.create_if_missing(true);
    db.create_missing_column_families(true);
    // A kill in the middle of a write leaves half a record at the end of the write-ahead log: that
    // is the unsynced tail, and it is dropped. A record that is whole but wrong is damage, and the
    // database refuses to open; the default mode would silently cut synced data behind it.
    db.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    db.set_recycle_log_file_num(0);
    db.set_track_and_verify_wals_in_manifest(true);
    db.set_paranoid_checks(true);
    db.set_db_write_buffer_size(options.memtable_bytes_max);
    db.set_max_total_wal_size(WAL_BYTES_MAX);
    db.set_max_background_jobs(2);
    db.set_max_open_files(OPEN_FILES_MAX);
    db.set_keep_log_file_num(2);
    db
}

/// The column families with their options and a shared block cache.
pub(super) fn column_families(options: &RocksOptions) -> [ColumnFamilyDescriptor; 2] {
    let cache = Cache::new_lru_cache(options.block_cache_bytes);
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);

    let mut log = Options::default();
    let mut log_blocks = BlockBasedOptions::default();
    log_blocks.set_block_cache(&cache);
    log_blocks.set_block_size(64 << 10);
    log.set_block_based_table_factory(&log_blocks);
    // Record batches come compressed, or the producer chose not to.
    log.set_compression_type(DBCompressionType::None);
    log.set_write_buffer_size(options.memtable_bytes_max / 2);
    log.set_target_file_size_base(64 << 20);

    let mut facts = Options::default();
    facts.set_block_based_table_factory(&blocks);
    facts.set_compression_type(DBCompressionType::Lz4);
    facts.set_write_buffer_size(options.memtable_bytes_max / 4);
    [ColumnFamilyDescriptor::new(LOG, log), ColumnFamilyDescriptor::new(FACTS, facts)]
}
