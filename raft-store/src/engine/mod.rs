//! The one narrow interface to what holds bytes: logs of groups and small facts beside them.
//! Writes are submitted in order and complete in order, many groups' writes in one sync; reads
//! are synchronous and see everything submitted and settled.
//!
//! `memory` is always compiled, deterministic, and fails on command. On disk there are two: `journal`
//! writes its own files, `rocks` leaves all to RocksDB and is what the other is compared with.
//! Called by `log`, `machine`, `store` and `inspect`; nobody else.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rampart_api::model::ids::GroupId;
use tokio::sync::{Semaphore, watch};

use crate::error::OpenError;
#[cfg(feature = "rocks")]
use crate::format::STORE_FORMAT_ROCKS;
use crate::store::StoreOptions;

#[cfg(feature = "rocks")]
mod committer;
#[cfg(feature = "rocks")]
mod journal;
pub(crate) mod memory;
#[cfg(feature = "rocks")]
mod rocks;
#[cfg(feature = "rocks")]
mod unwritable;

/// Bytes that may be submitted and not yet synced, over all groups (INV-12).
pub(crate) const SUBMITTED_BYTES_MAX: usize = 64 << 20;

/// Room that an append takes at least, however small it is: so the appends that wait are limited
/// in number too, to 16,384.
pub(crate) const APPEND_ROOM_MIN: usize = 4 << 10;

/// A change to what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// Stores an entry: header, then payload.
    Append {
        /// Whose log.
        group: GroupId,
        /// Where in it.
        index: u64,
        /// Encoded entry header.
        header: Bytes,
        /// The payload as it came.
        payload: Bytes,
    },
    /// Removes the entries from this index on.
    Truncate {
        /// Whose log.
        group: GroupId,
        /// First index that goes.
        from: u64,
    },
    /// Removes the entries up to this index.
    Purge {
        /// Whose log.
        group: GroupId,
        /// Last index that goes.
        upto: u64,
    },
    /// Stores a fact.
    Put {
        /// Its key, made by `keys`.
        key: Vec<u8>,
        /// Its value.
        value: Bytes,
    },
    /// Removes the facts with `from <= key < to`.
    Erase {
        /// First key that goes.
        from: Vec<u8>,
        /// First key that stays.
        to: Vec<u8>,
    },
}

impl Op {
    /// A fact.
    pub(crate) fn put(key: Vec<u8>, value: impl Into<Bytes>) -> Op {
        Op::Put { key, value: value.into() }
    }

    /// Whether it stores an entry.
    pub(crate) fn is_append(&self) -> bool {
        matches!(self, Op::Append { .. })
    }

    /// Roughly what the change occupies in memory and in the log.
    #[cfg_attr(not(feature = "rocks"), allow(dead_code))] // Only a disk batches by size.
    pub(crate) fn size(&self) -> usize {
        match self {
            Op::Append { header, payload, .. } => 64 + header.len() + payload.len(),
            Op::Truncate { .. } | Op::Purge { .. } => 64,
            Op::Put { key, value } => 64 + key.len() + value.len(),
            Op::Erase { from, to } => 64 + from.len() + to.len(),
        }
    }
}

/// Called once, when a write is durable or has failed. Runs on the engine's thread: it must not
/// block.
pub(crate) type Done = Box<dyn FnOnce(Result<(), WriteError>) + Send>;

/// Changes that become durable together or not at all.
pub(crate) struct Write {
    /// In order.
    pub ops: Vec<Op>,
    /// With `Some`, the write is synced and the callback says when. With `None` it becomes durable
    /// with the next synced write, or a little later.
    pub done: Option<Done>,
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let synced = self.done.is_some();
        f.debug_struct("Write").field("ops", &self.ops).field("synced", &synced).finish()
    }
}

/// A write that is not durable. The engine has failed as a whole: nothing is acknowledged any
/// more (INV-13).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct WriteError {
    /// `StorageFull` when the disk had no room, else what the disk said.
    pub kind: io::ErrorKind,
    /// What failed and where.
    pub message: String,
}

#[cfg(feature = "rocks")]
impl WriteError {
    /// Says what could not be done, and what the disk said.
    pub(crate) fn of(what: &str, error: &io::Error) -> WriteError {
        WriteError { kind: error.kind(), message: format!("{what}: {error}") }
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        io::Error::new(error.kind, error)
    }
}

/// Room on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that can still be written.
    pub free_bytes: u64,
    /// Size of the file system.
    pub total_bytes: u64,
}

/// Hears of each sync, on the engine's thread: it must not block.
pub trait SyncObserver: fmt::Debug + Send + Sync {
    /// A synced write took so long and made so many log entries durable, of all groups. A sync of
    /// facts alone makes none. Where time is not the disk's, as in memory, it takes none.
    fn synced(&self, took: Duration, appends: u64);
}

/// What holds the bytes.
pub(crate) trait Engine: Send + Sync + fmt::Debug + 'static {
    /// Takes a write. Returns at once, also when the disk is slow; writes become visible and durable in the order of the
    /// calls.
    fn submit(&self, write: Write);

    /// Waits until everything submitted is visible to reads.
    fn settle(&self) -> io::Result<()>;

    /// A write that is durable when this returns. Blocks.
    fn write_now(&self, ops: Vec<Op>) -> io::Result<()>;

    /// The entries of a group with `from <= index < to` in order, as many as fit `max_bytes` but
    /// at least one if there is any.
    fn entries(
        &self,
        group: GroupId,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> io::Result<Vec<(u64, Bytes)>>;

    /// First and last index of a group's log.
    fn log_bounds(&self, group: GroupId) -> io::Result<Option<(u64, u64)>>;

    /// One fact.
    fn fact(&self, key: &[u8]) -> io::Result<Option<Bytes>>;

    /// The facts with `from <= key < to` in order.
    fn facts(&self, from: &[u8], to: &[u8]) -> io::Result<Vec<(Vec<u8>, Bytes)>>;

    /// Whether reads can wait for a disk, so that async callers move them to another thread.
    fn reads_block(&self) -> bool;

    /// Whether a crash can leave a write half done. Where it can't, an entry that is there and bad
    /// is never a torn tail.
    fn can_tear(&self) -> bool;

    /// Counts submitted bytes; a writer takes permits before it submits and drops them when the
    /// write is done.
    fn admission(&self) -> &Arc<Semaphore>;

    /// Becomes `Some` when a write or sync failed, and stays so.
    fn failed(&self) -> watch::Receiver<Option<String>>;

    /// Room on the disk.
    fn space(&self) -> io::Result<Space>;
}

/// Which engine a directory is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// A journal that all groups share, segments, and RocksDB for what is small.
    Journal,
    /// All in RocksDB.
    RocksDb,
}

/// The engine on disk: what the directory was made for, or what is wanted for a new one.
#[cfg(feature = "rocks")]
pub(crate) fn open_disk(dir: &Path, options: &StoreOptions) -> Result<Arc<dyn Engine>, OpenError> {
    Ok(match engine_of(dir)?.unwrap_or(options.engine) {
        EngineKind::Journal => Arc::new(journal::JournalEngine::open(dir, options)?),
        EngineKind::RocksDb => Arc::new(rocks::RocksEngine::open(dir, options)?),
    })
}

/// The engine on disk, to look at.
#[cfg(feature = "rocks")]
pub(crate) fn open_disk_read_only(
    dir: &Path,
    options: &StoreOptions,
) -> Result<Arc<dyn Engine>, OpenError> {
    Ok(match engine_of(dir)?.unwrap_or(options.engine) {
        EngineKind::Journal => Arc::new(journal::ReadOnlyEngine::open(dir, options)?),
        EngineKind::RocksDb => Arc::new(rocks::ReadOnlyEngine::open(dir, options)?),
    })
}

/// What a directory was made for, if it was.
#[cfg(feature = "rocks")]
fn engine_of(dir: &Path) -> Result<Option<EngineKind>, OpenError> {
    let format = rocks::open::format_of(dir)?;
    Ok(format.map(|format| match format {
        STORE_FORMAT_ROCKS => EngineKind::RocksDb,
        _ => EngineKind::Journal,
    }))
}

/// Without RocksDB there is none.
#[cfg(not(feature = "rocks"))]
pub(crate) fn open_disk(dir: &Path, _options: &StoreOptions) -> Result<Arc<dyn Engine>, OpenError> {
    let source = io::Error::new(io::ErrorKind::Unsupported, "built without RocksDB");
    Err(OpenError::Unusable { dir: dir.to_owned(), source })
}

/// Without RocksDB there is none.
#[cfg(not(feature = "rocks"))]
pub(crate) fn open_disk_read_only(
    dir: &Path,
    options: &StoreOptions,
) -> Result<Arc<dyn Engine>, OpenError> {
    open_disk(dir, options)
}

/// A synced write, and what waits until it is durable.
pub(crate) fn synced_write(
    ops: Vec<Op>,
) -> (Write, impl Future<Output = io::Result<()>> + Send + use<>) {
    let (tx, rx) = tokio::sync::oneshot::channel();
    let done: Done = Box::new(move |result| {
        // The waiter may be gone; the write counts all the same.
        let _ = tx.send(result);
    });
    let durable = async {
        match rx.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(io::Error::other("the storage engine stopped")),
        }
    };
    (Write { ops, done: Some(done) }, durable)
}
