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
    /// Opens or creates it for a database that was just opened, and thus has everything up to
    /// this sequence number in synced tables. It lasts before anything is acknowledged: where it
    /// is missing, nothing was.
    pub(super) fn open(dir: &Path, sequence: u64) -> io::Result<SyncedMark> {
        let path = dir.join(FILE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        let mut mark = SyncedMark { file, written: 0 };
        mark.write(sequence)?;
        mark.file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(mark)
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

/// The sequence number that was certainly synced, if the file says one.
pub(super) fn read(dir: &Path) -> io::Result<Option<u64>> {
    let bytes = match std::fs::read(dir.join(FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match envelope::open(VERSION, &bytes) {
        Ok(sequence) => Ok(Some(sequence)),
        Err(error) => {
            // Alone it forbids nothing: a whole write-ahead log opens, and every group is checked.
            tracing::warn!(file = FILE, %error, "the synced mark cannot be read");
            Ok(None)
        }
    }
}

/// Whether there is one, readable or not.
pub(super) fn is_there(dir: &Path) -> io::Result<bool> {
    dir.join(FILE).try_exists()
}
