//! The engine on RocksDB: one database per node, two column families, one thread that writes
//! and one that gives the space of deleted entries back.
//! The only code that names rocksdb. Durable means: in RocksDB's write-ahead log and fdatasynced.

mod index;
mod log_files;
mod medium;
pub(super) mod open;
mod options;
mod read_only;
mod reads;
mod reclaim;
pub(super) mod synced_mark;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rampart_api::model::ids::GroupId;
use rocksdb::DB;
use tokio::sync::{Semaphore, watch};

use super::committer::{Committer, Parts};
use super::{Engine, Op, SUBMITTED_BYTES_MAX, Space, Write};
use crate::error::OpenError;
use crate::store::StoreOptions;
use medium::RocksMedium;
use reclaim::Reclaimer;
use synced_mark::SyncedMark;

pub(crate) use index::{Changes, Index};
pub(crate) use medium::mark_error;
pub(crate) use read_only::ReadOnlyEngine;

/// Column family of the entries: key (group, index) big-endian.
const LOG: &str = "log";
/// Column family of the facts: keys made by `keys`.
const FACTS: &str = "facts";

/// Column family of a journal's pieces: key (group, first index) big-endian.
const PIECES: &str = "pieces";

/// Why nothing is written any more, if so.
type Failed = watch::Receiver<Option<String>>;

/// An open database with its committer thread. Closed, and its lock given back, on drop.
#[derive(Debug)]
pub(crate) struct RocksEngine {
    db: Arc<DB>,
    dir: PathBuf,
    committer: Committer,
    admission: Arc<Semaphore>,
    failed: Failed,
}

impl RocksEngine {
    /// Opens the database in `dir`, or creates it in an empty or missing one.
    ///
    /// # Errors
    /// In use, not accessible, full, of a newer format, or damaged: each with what to do.
    pub(crate) fn open(dir: &Path, options: &StoreOptions) -> Result<RocksEngine, OpenError> {
        let (parts, failed) = RocksEngine::parts(dir, options)?;
        RocksEngine::start(dir, parts, failed)
    }

    fn parts(
        dir: &Path,
        options: &StoreOptions,
    ) -> Result<(Parts<RocksMedium>, Failed), OpenError> {
        let db = Arc::new(open::open(dir, options)?);
        let unusable = |source| open::unusable(dir, source);
        let mark = SyncedMark::open(dir, db.latest_sequence_number()).map_err(unusable)?;
        let reclaimer = Reclaimer::start(db.clone()).map_err(unusable)?;
        let (failed_tx, failed) = watch::channel(None);
        let parts = Parts {
            medium: RocksMedium { db, mark, reclaimer },
            failed: failed_tx,
            observer: options.sync_observer.clone(),
            #[cfg(test)]
            on_sync: None,
        };
        Ok((parts, failed))
    }

    fn start(
        dir: &Path,
        parts: Parts<RocksMedium>,
        failed: Failed,
    ) -> Result<RocksEngine, OpenError> {
        let db = parts.medium.db.clone();
        let committer = Committer::start(parts).map_err(|source| open::unusable(dir, source))?;
        let admission = Arc::new(Semaphore::new(SUBMITTED_BYTES_MAX));
        Ok(RocksEngine { db, dir: dir.to_owned(), committer, admission, failed })
    }
}

impl Engine for RocksEngine {
    fn submit(&self, write: Write) {
        self.committer.submit(write);
    }

    fn settle(&self) -> io::Result<()> {
        self.committer.settle()
    }

    fn write_now(&self, ops: Vec<Op>) -> io::Result<()> {
        self.committer.write_now(ops)
    }

    fn entries(
        &self,
        group: GroupId,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> io::Result<Vec<(u64, Bytes)>> {
        reads::entries(&self.db, group, from, to, max_bytes)
    }

    fn log_bounds(&self, group: GroupId) -> io::Result<Option<(u64, u64)>> {
        reads::log_bounds(&self.db, group)
    }

    fn fact(&self, key: &[u8]) -> io::Result<Option<Bytes>> {
        reads::fact(&self.db, key)
    }

    fn facts(&self, from: &[u8], to: &[u8]) -> io::Result<Vec<(Vec<u8>, Bytes)>> {
        reads::facts(&self.db, from, to)
    }

    /// A batch is replayed whole or not at all, and what was synced is checked when it is opened.
    fn can_tear(&self) -> bool {
        false
    }

    fn reads_block(&self) -> bool {
        true
    }

    fn admission(&self) -> &Arc<Semaphore> {
        &self.admission
    }

    fn failed(&self) -> watch::Receiver<Option<String>> {
        self.failed.clone()
    }

    fn space(&self) -> io::Result<Space> {
        space(&self.dir)
    }
}

pub(super) fn space(dir: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(Space {
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}

/// Key of an entry: the group's entries lie together, in order.
fn log_key(group: GroupId, index: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&group.0.to_be_bytes());
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

/// First key after the group's entries.
fn log_end(group: GroupId) -> Vec<u8> {
    match group.0.checked_add(1) {
        Some(next) => log_key(GroupId(next), 0).to_vec(),
        None => vec![0xff; 17],
    }
}

#[cfg(test)]
mod tests;
