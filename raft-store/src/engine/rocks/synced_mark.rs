//! How far the database was synced, in a small file beside it: RocksDB alone cannot tell a torn
//! tail from damage. Both look like a write-ahead log that ends too early; what was synced is
//! below the mark. The same goes for its manifest, which names the tables.
//!
//! The mark is written after each sync and reaches the disk on its own time, or every so often by
//! force: it may say less than is true after a power cut, never more. At most the last changes
//! before the cut are then taken for a torn tail.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::format::envelope;

const FILE: &str = "SYNCED";
/// 1 was the sequence number alone.
const VERSION: u8 = 2;
const VERSION_AT: usize = 2;
/// The mark itself is forced to disk once in so many syncs.
const FORCED_EVERY: u64 = 256;

/// What was certainly synced. Of fixed length, for it is written over itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The last change.
    pub(crate) sequence: u64,
    /// Number of the manifest, 0 where none is known.
    pub(crate) manifest: u64,
    /// So many bytes of it.
    pub(crate) manifest_bytes: u64,
}

/// The file, open for writing.
#[derive(Debug)]
pub(crate) struct SyncedMark {
    file: File,
    manifest: File,
    mark: Mark,
    written: u64,
}

impl SyncedMark {
    /// Opens or creates it for a database that was just opened, and thus has everything up to
    /// this sequence number in synced tables. It lasts before anything is acknowledged: where it
    /// is missing, nothing was.
    pub(crate) fn open(dir: &Path, sequence: u64) -> io::Result<SyncedMark> {
        let path = dir.join(FILE);
        let name = current_manifest(dir)?;
        let manifest = File::open(dir.join(&name))?;
        let mark = Mark { sequence, manifest: manifest_number(&name)?, manifest_bytes: 0 };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        let mut mark = SyncedMark { file, manifest, mark, written: 0 };
        mark.write(sequence)?;
        mark.file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(mark)
    }

    /// Everything up to this sequence number is synced.
    pub(crate) fn write(&mut self, sequence: u64) -> io::Result<()> {
        let bytes = self.manifest.metadata()?.len();
        let has_grown = bytes > self.mark.manifest_bytes;
        if has_grown {
            // RocksDB may be about to do it.
            self.manifest.sync_data()?;
            self.mark.manifest_bytes = bytes;
        }
        self.mark.sequence = sequence;
        self.file.write_all_at(&envelope::seal(VERSION, &self.mark), 0)?;
        self.written += 1;
        // The write-ahead log that a grown manifest replaced is gone: nothing else knows of it.
        match has_grown || self.written.is_multiple_of(FORCED_EVERY) {
            true => self.force(),
            false => Ok(()),
        }
    }

    pub(crate) fn force(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Name of the manifest in use.
pub(super) fn current_manifest(dir: &Path) -> io::Result<String> {
    let name = std::fs::read(dir.join("CURRENT"))?;
    Ok(String::from_utf8_lossy(&name).trim_end().to_owned())
}

/// A manifest's number, by its name.
pub(super) fn manifest_number(name: &str) -> io::Result<u64> {
    let number = name.strip_prefix("MANIFEST-").and_then(|number| number.parse().ok());
    number.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("CURRENT names {name:?}"))
    })
}

/// What was certainly synced, if the file says so.
pub(super) fn read(dir: &Path) -> io::Result<Option<Mark>> {
    let bytes = match std::fs::read(dir.join(FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let opened = match bytes.get(VERSION_AT) {
        Some(1) => envelope::open(1, &bytes).map(|sequence| Mark {
            sequence,
            manifest: 0,
            manifest_bytes: 0,
        }),
        _ => envelope::open(VERSION, &bytes),
    };
    match opened {
        Ok(mark) => Ok(Some(mark)),
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
