//! How far the database was synced, in a small file beside it: RocksDB alone cannot tell a torn
//! tail from damage. Both look like a write-ahead log that ends too early; what was synced is
//! below the mark.
//!
//! The mark is written after each sync and reaches the disk on its own time, or every so often by
//! force: it may say less than is true after a power cut, never more. At most the last changes
//! before the cut are then taken for a torn tail.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::format::envelope;

const FILE: &str = "SYNCED";
const VERSION: u8 = 1;
/// The mark itself is forced to disk once in so many syncs.
const FORCED_EVERY: u64 = 256;

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct SyncedMark {
    file: File,
    written: u64,
}

impl SyncedMark {
    pub(super) fn open(dir: &Path) -> io::Result<SyncedMark> {
        let path = dir.join(FILE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        Ok(SyncedMark { file, written: 0 })
    }

    /// Everything up to this sequence number is synced.
    pub(super) fn write(&mut self, sequence: u64) -> io::Result<()> {
        self.file.write_all_at(&envelope::seal(VERSION, &sequence), 0)?;
        self.written += 1;
        match self.written.is_multiple_of(FORCED_EVERY) {
            true => self.force(),
            false => Ok(()),
        }
    }

    pub(super) fn force(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The sequence number that was certainly synced; 0 if nothing says so.
pub(super) fn read(dir: &Path) -> io::Result<u64> {
    let bytes = match std::fs::read(dir.join(FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    match envelope::open(VERSION, &bytes) {
        Ok(sequence) => Ok(sequence),
        Err(error) => {
            // It says nothing, so it forbids nothing: the checks of every group remain.
            tracing::warn!(file = FILE, %error, "the synced mark cannot be read; ignored");
            Ok(0)
        }
    }
}
