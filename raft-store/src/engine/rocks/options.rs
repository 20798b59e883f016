//! How the database is tuned: sequential, uncompressed entries; small facts; bounded memory.

use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, Options};

use super::{FACTS, LOG, PIECES};
use crate::store::StoreOptions;

/// A write-ahead log older than so many bytes in all forces a flush.
const WAL_BYTES_MAX: u64 = 256 << 20;
const OPEN_FILES_MAX: i32 = 512;
/// A table of entries is about so large.
pub(super) const TABLE_BYTES: u64 = 64 << 20;
/// A flush, a compaction, and one more when writes would wait because space is given back.
const BACKGROUND_JOBS: i32 = 3;

/// Options of the whole database.
pub(super) fn database(options: &StoreOptions) -> Options {
    let mut db = Options::default();
    // Only where nothing can have been: else a lost file would make an empty database.
    db.create_if_missing(false);
    db.create_missing_column_families(false);
    // A recycled log has old records behind its end, which could pass for new ones.
    db.set_recycle_log_file_num(0);
    db.set_track_and_verify_wals_in_manifest(true);
    db.set_paranoid_checks(true);
    db.set_db_write_buffer_size(options.write_buffer_bytes);
    db.set_max_total_wal_size(WAL_BYTES_MAX);
    db.set_max_background_jobs(BACKGROUND_JOBS);
    db.set_max_open_files(OPEN_FILES_MAX);
    db.set_keep_log_file_num(2);
    db
}

/// Options of a journal's index: what is in memory is lost as a whole, or not at all.
pub(super) fn index(options: &StoreOptions) -> Options {
    let mut db = database(options);
    db.set_atomic_flush(true);
    db
}

/// Its column families.
pub(super) fn index_families(options: &StoreOptions) -> [ColumnFamilyDescriptor; 2] {
    [FACTS, PIECES].map(|name| ColumnFamilyDescriptor::new(name, small(options)))
}

/// Options of a column family of small values.
fn small(options: &StoreOptions) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(options.block_cache_bytes / 2));
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    let mut small = Options::default();
    small.set_block_based_table_factory(&blocks);
    small.set_compression_type(DBCompressionType::Lz4);
    small.set_write_buffer_size(options.write_buffer_bytes / 4);
    small
}

/// The column families with their options and a shared block cache.
pub(super) fn column_families(options: &StoreOptions) -> [ColumnFamilyDescriptor; 2] {
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
    log.set_write_buffer_size(options.write_buffer_bytes / 2);
    log.set_target_file_size_base(TABLE_BYTES);

    let mut facts = Options::default();
    facts.set_block_based_table_factory(&blocks);
    facts.set_compression_type(DBCompressionType::Lz4);
    facts.set_write_buffer_size(options.write_buffer_bytes / 4);
    [ColumnFamilyDescriptor::new(LOG, log), ColumnFamilyDescriptor::new(FACTS, facts)]
}
