//! A read-only dump of a data directory: which replicas are there, where their logs begin and end,
//! every entry with its checksum. Never writes, so it may be pointed at a damaged directory or at
//! that of a running node. For `rampart debug inspect` and for tests that compare replicas.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rampart_api::model::ids::{GroupId, Offset, ReplicaId};
use serde::de::DeserializeOwned;

use crate::engine::{self, Engine};
use crate::error::OpenError;
use crate::format::EntryHeader;
use crate::format::envelope::{self, crc32c};
use crate::format::log_id::StoredLogId;
use crate::keys::applied::AppliedRecord;
use crate::keys::group::{GroupKind, GroupRecord};
use crate::keys::purged::PurgedRecord;
use crate::keys::snapshot::SnapshotMetaRecord;
use crate::keys::vote::VoteRecord;
use crate::keys::{Family, committed, group, purged, registry, snapshot, synced_mark, vote};
use crate::store::{Store, StoreOptions};

const READ_BYTES: usize = 1 << 20;

/// Looks into one data directory.
#[derive(Debug, Clone)]
pub struct Inspector {
    engine: Arc<dyn Engine>,
}

/// One replica as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupReport {
    /// The group.
    pub group: GroupId,
    /// The replica whose log this is.
    pub replica: ReplicaId,
    /// Partition or metadata.
    pub kind: GroupKind,
    /// Last vote: term, replica voted for, whether a quorum granted it.
    pub vote: Option<(u64, ReplicaId, bool)>,
    /// Last log id known committed when something was last written.
    pub committed: Option<StoredLogId>,
    /// Last purged log id.
    pub purged: Option<StoredLogId>,
    /// First and last index in the log.
    pub indexes: Option<(u64, u64)>,
    /// Index up to which the log was known synced at its last append.
    pub synced_mark: Option<u64>,
    /// Last log id of the current snapshot.
    pub snapshot: Option<StoredLogId>,
    /// Last log id in the stored applied state of a partition.
    pub applied: Option<StoredLogId>,
    /// First readable offset in the stored applied state of a partition.
    pub log_start: Option<Offset>,
    /// Offset after the last entry of the log, if that entry is intact.
    pub log_end: Option<Offset>,
}

/// One entry as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryReport {
    /// Its index, by the key it is stored under.
    pub index: u64,
    /// Stored bytes, header included.
    pub bytes: usize,
    /// Its header and the CRC-32C of its payload, or what is wrong with it.
    pub content: Result<(EntryHeader, u32), String>,
}

impl Inspector {
    /// Opens a data directory to read. Blocks, as everything here.
    pub fn open(dir: &Path) -> Result<Inspector, OpenError> {
        let engine = engine::open_disk_read_only(dir, &StoreOptions::default())?;
        Ok(Inspector { engine })
    }

    /// Looks into an open store.
    pub fn of(store: &Store) -> Inspector {
        Inspector { engine: store.engine().clone() }
    }

    /// The replicas in the directory, by group.
    pub fn groups(&self) -> io::Result<Vec<GroupReport>> {
        let (from, to) = Family::Group.range();
        let mut reports = Vec::new();
        for (key, value) in self.engine.facts(&from, &to)? {
            let Some((group, _)) = registry::parse(&key) else { continue };
            let record: GroupRecord = envelope::open(group::VERSION, &value)?;
            reports.push(self.group(group, record)?);
        }
        Ok(reports)
    }

    fn group(&self, group: GroupId, record: GroupRecord) -> io::Result<GroupReport> {
        let vote: Option<VoteRecord> = self.fact(Family::Vote, group, vote::VERSION)?;
        let purged: Option<PurgedRecord> = self.fact(Family::Purged, group, purged::VERSION)?;
        let snapshot: Option<SnapshotMetaRecord> =
            self.fact(Family::SnapshotMeta, group, snapshot::VERSION)?;
        let applied = self.engine.fact(&Family::Applied.group_key(group))?;
        let applied = applied.map(|bytes| AppliedRecord::decode(&bytes)).transpose()?;
        let indexes = self.engine.log_bounds(group)?;
        let last = indexes.and_then(|(_, last)| self.entries(group, last).next());
        let log_end = match last.transpose()? {
            Some(last) => last.content.ok().map(|(header, _)| header.next_offset()),
            None => purged.map(|purged| purged.next_offset),
        };
        Ok(GroupReport {
            group,
            replica: record.replica,
            kind: record.kind,
            vote: vote.map(|vote| (vote.term, ReplicaId(vote.voted_for), vote.committed)),
            committed: self.fact(Family::Committed, group, committed::VERSION)?,
            purged: purged.map(|purged| purged.log_id),
            indexes,
            synced_mark: self.fact(Family::SyncedMark, group, synced_mark::VERSION)?,
            snapshot: snapshot.and_then(|snapshot| snapshot.last_log_id),
            log_start: applied.as_ref().map(|applied| applied.state.log_start),
            applied: applied.and_then(|applied| applied.log_id),
            log_end,
        })
    }

    fn fact<T: DeserializeOwned>(
        &self,
        family: Family,
        group: GroupId,
        version: u8,
    ) -> io::Result<Option<T>> {
        match self.engine.fact(&family.group_key(group))? {
            Some(bytes) => Ok(Some(envelope::open(version, &bytes)?)),
            None => Ok(None),
        }
    }

    /// The entries of a group's log from this index on, damaged ones included. Ends after an error
    /// of the disk.
    pub fn entries(&self, group: GroupId, from: u64) -> Entries<'_> {
        Entries { inspector: self, group, next: Some(from), read: Vec::new().into_iter() }
    }
}

/// Entries of a log in order.
#[derive(Debug)]
pub struct Entries<'a> {
    inspector: &'a Inspector,
    group: GroupId,
    next: Option<u64>,
    read: std::vec::IntoIter<(u64, bytes::Bytes)>,
}

impl Iterator for Entries<'_> {
    type Item = io::Result<EntryReport>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((index, stored)) = self.read.next() {
            self.next = index.checked_add(1);
            return Some(Ok(report(self.group, index, &stored)));
        }
        let from = self.next.take()?;
        match self.inspector.engine.entries(self.group, from, u64::MAX, READ_BYTES) {
            Ok(read) if read.is_empty() => None,
            Ok(read) => {
                self.read = read.into_iter();
                self.next()
            }
            Err(error) => Some(Err(error)),
        }
    }
}

fn report(group: GroupId, index: u64, stored: &bytes::Bytes) -> EntryReport {
    let content = match EntryHeader::decode(group, stored) {
        Ok((header, payload)) if header.index == index => Ok((header, crc32c(&[&payload]))),
        Ok((header, _)) => Err(format!("entry {} under the key of {index}", header.index)),
        Err(error) => Err(error.to_string()),
    };
    EntryReport { index, bytes: stored.len(), content }
}
