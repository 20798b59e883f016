//! The engine of its own files: a journal that all groups share, written and synced before anything
//! is acknowledged, and per group segments, written behind it in large pieces. RocksDB holds what is
//! small: the facts, and where the pieces are.
//!
//! ```text
//! submit ─► committer ─► journal-N (one block, one sync) ─► tails, facts visible ─► done
//!               │                       │ later, off the way of acknowledgements
//!               │                       └► writer ─► G-N.segment (synced) ─► pieces in the index ─► tails
//!               │                                                                 └► journal files are free again
//!               └ what is large for a group ─► G-N.segment (synced) ─► journal-N: its pieces
//! ```
//! What is in no synced segment yet is in the journal and, as `tails`, in memory. Recovery reads the
//! journal from where the index says that all was in segments.

mod aligned;
mod apply;
mod beside;
mod block;
mod direct;
mod files;
mod medium;
mod open;
pub(super) mod pieces;
mod read;
mod read_only;
mod remover;
mod ring;
mod runs;
mod scan;
mod segments;
mod tails;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rampart_api::model::ids::GroupId;
use tokio::sync::{Semaphore, watch};

use super::committer::{Committer, Parts};
use super::rocks::{Index, space};
use super::{Engine, Op, SUBMITTED_BYTES_MAX, Space, Write};
use crate::error::OpenError;
use crate::store::StoreOptions;
use medium::JournalMedium;
use remover::Remover;
use segments::{SegmentFiles, SegmentWriter};
use tails::Tails;

pub(crate) use read_only::ReadOnlyEngine;

/// What the threads and the readers share.
#[derive(Debug)]
struct Shared {
    /// First, as fields are dropped in order: it ends before the index lets go of the directory.
    remover: Remover,
    index: Index,
    tails: Mutex<Tails>,
    /// Locked before `tails` if both are.
    segments: Mutex<SegmentWriter>,
    committer_waits: AtomicBool,
    files: SegmentFiles,
}

impl Shared {
    fn segments(&self) -> MutexGuard<'_, SegmentWriter> {
        // The same; half a write is a failed one.
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever waits for acknowledgements goes before the writer, which a mutex would not see to.
    fn segments_for_committer(&self) -> MutexGuard<'_, SegmentWriter> {
        self.committer_waits.store(true, Ordering::Relaxed);
        let segments = self.segments();
        self.committer_waits.store(false, Ordering::Relaxed);
        segments
    }

    fn tails(&self) -> MutexGuard<'_, Tails> {
        // After a panic the engine has failed; what is in memory is in the journal.
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open store with its threads.
#[derive(Debug)]
pub(crate) struct JournalEngine {
    dir: PathBuf,
    shared: Arc<Shared>,
    committer: Committer,
    admission: Arc<Semaphore>,
    failed: watch::Receiver<Option<String>>,
}

impl JournalEngine {
    /// Opens the store in `dir`, or creates it in an empty or missing one.
    ///
    /// # Errors
    /// In use, not accessible, full, of a newer format, or damaged: each with what to do.
    pub(crate) fn open(dir: &Path, options: &StoreOptions) -> Result<JournalEngine, OpenError> {
        let (parts, failed) = open::parts(dir, options)?;
        JournalEngine::start(dir, parts, failed)
    }

    fn start(
        dir: &Path,
        parts: Parts<JournalMedium>,
        failed: watch::Receiver<Option<String>>,
    ) -> Result<JournalEngine, OpenError> {
        let shared = parts.medium.shared();
        let unusable = |source| super::rocks::open::unusable(dir, source);
        let committer = Committer::start(parts).map_err(unusable)?;
        let admission = Arc::new(Semaphore::new(SUBMITTED_BYTES_MAX));
        Ok(JournalEngine { dir: dir.to_owned(), shared, committer, admission, failed })
    }
}

impl Engine for JournalEngine {
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
        let Shared { index, tails, files, .. } = &*self.shared;
        read::entries(index, tails, files, group, from..to, max_bytes)
    }

    fn log_bounds(&self, group: GroupId) -> io::Result<Option<(u64, u64)>> {
        read::log_bounds(&self.shared.index, &self.shared.tails(), group)
    }

    fn fact(&self, key: &[u8]) -> io::Result<Option<Bytes>> {
        self.shared.index.fact(key)
    }

    fn facts(&self, from: &[u8], to: &[u8]) -> io::Result<Vec<(Vec<u8>, Bytes)>> {
        self.shared.index.facts(from, to)
    }

    /// A block of the journal is read again whole or not at all.
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

#[cfg(test)]
mod tests;
