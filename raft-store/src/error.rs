//! Errors of opening and reading, one per operation, each saying what to do. Errors of writing are
//! openraft's business: any of them ends the group, and a failed sync ends the process.

use std::io;
use std::path::PathBuf;

use rampart_api::model::ids::{GroupId, Offset, ReplicaId};

use crate::format::FormatError;
use crate::keys::group::GroupKind;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds it.
    #[error(
        "data directory {} is in use by another process; stop that process or use another \
         directory",
        dir.display()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// The file system does not let us.
    #[error("data directory {} cannot be used: {source}; check its owner and permissions", dir.display())]
    Unusable {
        /// The directory.
        dir: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// Opening writes a little, and there is no room for it.
    #[error(
        "the disk of data directory {} is full: {what}; free space on it, but nothing inside the \
         directory, then start again: nothing is lost",
        dir.display()
    )]
    Full {
        /// The directory.
        dir: PathBuf,
        /// What could not be written.
        what: String,
    },
    /// A newer program wrote it.
    #[error(
        "data directory {} has format {found}, newer than {known}, the newest this program knows; \
         start the newer program again, nothing was changed",
        dir.display()
    )]
    Newer {
        /// The directory.
        dir: PathBuf,
        /// Its format.
        found: u32,
        /// Newest format known here.
        known: u32,
    },
    /// Bytes that were synced are damaged or gone, and no replica on this disk can be trusted.
    #[error(
        "the store {} is damaged: {what}; move the whole data directory it is in away (never the \
         store alone) and start with an empty one: the node rejoins under a new id and its \
         replicas are rebuilt from the others",
        dir.display()
    )]
    Damaged {
        /// The directory.
        dir: PathBuf,
        /// The file and what is wrong with it.
        what: String,
    },
}

/// Why a replica on a good disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenGroupError {
    /// Synced bytes of this replica are damaged or gone. It must neither vote nor lead nor serve.
    #[error(
        "replica of group {group} is damaged{}: {what}; it is not started: replace it under a new \
         replica id, and it is rebuilt from the others",
        index.map(|index| format!(" at index {index}")).unwrap_or_default()
    )]
    Damaged {
        /// The group.
        group: GroupId,
        /// The entry, if it is one.
        index: Option<u64>,
        /// What is wrong.
        what: String,
    },
    /// A newer program wrote some of it. Nothing is damaged, so it must never be replaced.
    #[error(
        "the log of group {group}{} was written by a newer program: {what}; start that version \
         again, nothing was changed",
        index.map(|index| format!(" at index {index}")).unwrap_or_default()
    )]
    Newer {
        /// The group.
        group: GroupId,
        /// The entry, if it is one.
        index: Option<u64>,
        /// What is not known here.
        what: String,
    },
    /// The log on disk is of another replica or of another kind of group.
    #[error(
        "the log of group {group} on this disk is of replica {found} ({found_kind:?}), not of \
         {wanted} ({wanted_kind:?}); drop the group before opening it under another id"
    )]
    OtherReplica {
        /// The group.
        group: GroupId,
        /// Replica that wrote it.
        found: ReplicaId,
        /// Its kind.
        found_kind: GroupKind,
        /// Replica that was asked for.
        wanted: ReplicaId,
        /// Its kind.
        wanted_kind: GroupKind,
    },
    /// The disk does not answer.
    #[error("group {group} cannot be read: {source}")]
    Io {
        /// The group.
        group: GroupId,
        /// What the engine said.
        source: io::Error,
    },
}

impl OpenGroupError {
    /// A read that failed while a group was opened: damage if the bytes were there and wrong.
    pub(crate) fn read(group: GroupId, source: io::Error) -> Self {
        let format = source.get_ref().and_then(|inner| inner.downcast_ref::<FormatError>());
        if format.is_some_and(FormatError::is_newer) {
            return OpenGroupError::Newer { group, index: None, what: source.to_string() };
        }
        match source.kind() {
            io::ErrorKind::InvalidData => {
                OpenGroupError::Damaged { group, index: None, what: source.to_string() }
            }
            _ => OpenGroupError::Io { group, source },
        }
    }
}

/// Why records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset is below the log start or above the high watermark.
    #[error("offset out of range: {log_start} to {high_watermark} can be read")]
    OutOfRange {
        /// First offset that can be read.
        log_start: Offset,
        /// Offset after the last one that can be read.
        high_watermark: Offset,
    },
    /// The disk does not answer, or the bytes are damaged.
    #[error("records cannot be read: {0}")]
    Io(#[from] io::Error),
}
