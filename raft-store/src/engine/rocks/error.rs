//! Why a database could not be opened, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why a database could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RocksOpenError {
    /// Another process holds its lock.
    #[error("{dir} is in use by another process; stop that one, or choose another directory")]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// It cannot be created, read or written.
    #[error("{dir}: {source}; is it a directory that this user may read and write?")]
    NotAccessible {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A newer version wrote it.
    #[error(
        "{dir} has store format {found}, this version knows {known} and older; \
         start the version that wrote it, or a newer one"
    )]
    NewerFormat {
        /// The directory.
        dir: PathBuf,
        /// What it says.
        found: u32,
        /// What this version knows.
        known: u32,
    },
    /// What is there is not a sound database.
    #[error(
        "{dir} is damaged: {reason}; its replicas are not safe to serve. Move the directory away \
         and start again: the node joins as a new one and is rebuilt from its peers"
    )]
    Damaged {
        /// The directory.
        dir: PathBuf,
        /// What RocksDB said, naming the file.
        reason: String,
    },
}
