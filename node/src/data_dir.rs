//! The data directory: one process at a time, said before anything in it is touched.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// Name of the lock file.
const LOCK: &str = "lock";
/// Folder of the store inside the data directory.
const STORE: &str = "store";

/// A data directory that this process holds. Given back on drop, or when the process dies.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process holds it.
    #[error("{path} is in use by another process; stop that one, or choose another --data-dir")]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// It cannot be created, read or written.
    #[error("{path}: {source}; --data-dir must be a directory that this user may read and write")]
    NotAccessible {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl DataDir {
    /// Creates the directory if it is missing, and takes it for this process.
    ///
    /// # Errors
    /// In use, or not accessible.
    pub fn take(path: &Path) -> Result<DataDir, DataDirError> {
        let not_accessible = |source| DataDirError::NotAccessible { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(not_accessible)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(not_accessible)?;
        match lock.try_lock() {
            Ok(()) => Ok(DataDir { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(not_accessible(source)),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the store lives in it.
    pub fn store(&self) -> PathBuf {
        DataDir::store_in(&self.path)
    }

    /// Where the store lives in a directory that is only looked at.
    pub fn store_in(path: &Path) -> PathBuf {
        path.join(STORE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_once_and_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let taken = DataDir::take(dir.path()).unwrap();
        let error = DataDir::take(dir.path()).unwrap_err();
        assert!(matches!(error, DataDirError::InUse { .. }), "{error}");
        drop(taken);
        DataDir::take(dir.path()).unwrap();
    }

    #[test]
    fn a_file_in_its_place_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = DataDir::take(&file).unwrap_err().to_string();
        assert!(error.contains("--data-dir"), "{error}");
    }
}
