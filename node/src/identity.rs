//! Who this node is: `node.json` in the data directory. The disk id is chosen when the directory
//! is first used; cluster and node ids are given by the cluster; the boot counter is raised, with
//! fsync, at every start, so that peers can tell a restored disk from the one they knew.
//! Enforces INV-15.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rampart_api::model::ids::{ClusterId, DiskId, NodeId};
use serde::{Deserialize, Serialize};

use crate::randomness::Randomness;

/// Name of the file.
const FILE: &str = "node.json";

/// Version of its shape.
const FORMAT: u32 = 1;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Version of the shape; a newer one is refused.
    pub format: u32,
    /// This data directory.
    pub disk: DiskId,
    /// Starts so far, this one included.
    pub boot: u64,
    /// Set once the node is a member.
    pub membership: Option<Membership>,
}

/// A node's place in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The cluster.
    pub cluster: ClusterId,
    /// This node's id in it.
    pub node: NodeId,
    /// Peer addresses known at the join, for the time before the metadata has arrived.
    pub peers: Vec<(NodeId, String)>,
    /// This node created the cluster and has not yet seen that applied.
    pub is_founding: bool,
}

/// Why the identity could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The directory or file cannot be used.
    #[error("{path}: {source} (is it a directory that this user may read and write?)")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what this version writes.
    #[error("{path} is not readable as a node identity: {reason}")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Identity {
    /// Reads the identity of a directory that has one.
    ///
    /// # Errors
    /// The file is missing, unreadable, or of a newer version.
    pub fn load(data_dir: &Path) -> Result<Identity, IdentityError> {
        let path = data_dir.join(FILE);
        let bytes =
            fs::read(&path).map_err(|source| IdentityError::Io { path: path.clone(), source })?;
        parse(&path, &bytes)
    }

    /// Reads the identity, or makes a new one for an empty directory, raises the boot counter and
    /// writes it back durably.
    ///
    /// # Errors
    /// The directory cannot be read or written, or the file is of a newer version.
    pub fn load_and_count(
        data_dir: &Path,
        randomness: &Randomness,
    ) -> Result<Identity, IdentityError> {
        let mut identity = if data_dir.join(FILE).exists() {
            Identity::load(data_dir)?
        } else {
            let disk = DiskId(randomness.fork("disk id").uuid());
            Identity { format: FORMAT, disk, boot: 0, membership: None }
        };
        identity.boot += 1;
        identity.save(data_dir)?;
        Ok(identity)
    }

    /// Writes the identity durably: a new file, synced, renamed over the old one.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn save(&self, data_dir: &Path) -> Result<(), IdentityError> {
        let path = data_dir.join(FILE);
        let io = |source| IdentityError::Io { path: path.clone(), source };
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| io(std::io::Error::other(error.to_string())))?;
        let temporary = data_dir.join(format!("{FILE}.tmp"));
        let mut file = File::create(&temporary).map_err(io)?;
        file.write_all(&bytes).map_err(io)?;
        file.sync_all().map_err(io)?;
        fs::rename(&temporary, &path).map_err(io)?;
        File::open(data_dir).and_then(|dir| dir.sync_all()).map_err(io)
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Identity, IdentityError> {
    let malformed = |reason: String| IdentityError::Malformed { path: path.to_owned(), reason };
    let identity: Identity =
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    if identity.format > FORMAT {
        return Err(malformed(format!(
            "it was written by a newer version (format {}, this version knows {FORMAT}); \
             start the newer version",
            identity.format
        )));
    }
    Ok(identity)
}

#[cfg(test)]
mod round_trip;

#[cfg(test)]
mod tests {
    use super::*;

    fn start(dir: &Path) -> Result<Identity, IdentityError> {
        Identity::load_and_count(dir, &Randomness::seeded(1))
    }

    #[test]
    fn every_start_is_counted_and_the_disk_keeps_its_id() {
        let dir = tempfile::tempdir().unwrap();
        let first = start(dir.path()).unwrap();
        let second = start(dir.path()).unwrap();
        assert_eq!((first.boot, second.boot), (1, 2));
        assert_eq!(first.disk, second.disk);
    }

    #[test]
    fn a_newer_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut identity = start(dir.path()).unwrap();
        identity.format = FORMAT + 1;
        identity.save(dir.path()).unwrap();
        let error = start(dir.path()).unwrap_err().to_string();
        assert!(error.contains("newer version"), "{error}");
    }

    #[test]
    fn a_broken_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), b"{").unwrap();
        let error = start(dir.path()).unwrap_err().to_string();
        assert!(error.contains("node.json"), "{error}");
    }
}
