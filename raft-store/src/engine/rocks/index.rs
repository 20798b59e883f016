//! The index of a journal: the facts, where the pieces of the segments are, and up to where the
//! journal has been written into segments. Nothing here is in a write-ahead log: after a crash the
//! journal is read again from there on, and what is in memory now is made anew.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bytes::Bytes;
use rampart_api::model::ids::GroupId;
use rocksdb::{DB, Direction, FlushOptions, IteratorMode, ReadOptions, WriteBatch, WriteOptions};

use super::open;
use super::synced_mark::Mark;
use super::{FACTS, PIECES, log_end, log_key, reads};
use crate::engine::journal::pieces::{PIECE_BYTES, Piece};
use crate::error::OpenError;
use crate::store::StoreOptions;

/// Key of how far the journal was written into segments, in the default column family.
const WRITTEN: &[u8] = b"written";
/// Before the group in the keys of how far one group's part was, in the same.
const WRITTEN_OF_GROUP: u8 = b'g';

/// An open index.
#[derive(Debug)]
pub(crate) struct Index {
    db: DB,
}

/// Changes that become visible together.
pub(crate) struct Changes<'a> {
    db: &'a DB,
    batch: WriteBatch,
}

impl Index {
    /// Opens the index in `dir`, or creates it in an empty or missing one; and how far the journal
    /// was synced, if anything was.
    pub(crate) fn open(
        dir: &Path,
        options: &StoreOptions,
    ) -> Result<(Index, Option<Mark>), OpenError> {
        let (db, mark) = open::open_index(dir, options)?;
        Ok((Index { db }, mark))
    }

    /// Opens it to look at, as it was last flushed.
    pub(crate) fn open_read_only(dir: &Path, options: &StoreOptions) -> Result<Index, OpenError> {
        let database = super::options::index(options);
        let families = super::options::index_families(options);
        let db = DB::open_cf_descriptors_read_only(&database, dir, families, false);
        Ok(Index { db: db.map_err(|error| open::explain(dir, &error))? })
    }

    /// One fact.
    pub(crate) fn fact(&self, key: &[u8]) -> io::Result<Option<Bytes>> {
        reads::fact(&self.db, key)
    }

    /// The facts with `from <= key < to` in order.
    pub(crate) fn facts(&self, from: &[u8], to: &[u8]) -> io::Result<Vec<(Vec<u8>, Bytes)>> {
        reads::facts(&self.db, from, to)
    }

    /// All facts.
    pub(crate) fn all_facts(&self) -> io::Result<BTreeMap<Vec<u8>, Bytes>> {
        let facts = self.db.cf_handle(FACTS).expect("opened with this column family");
        let all = self.db.iterator_cf(&facts, IteratorMode::Start).map(|item| {
            let (key, value) = item.map_err(|error| reads::read_error(&error))?;
            Ok((key.into_vec(), Bytes::from(value)))
        });
        all.collect()
    }

    /// The first piece of a group that has an index of at least this.
    pub(crate) fn piece_from(
        &self,
        group: GroupId,
        index: u64,
    ) -> io::Result<Option<(u64, Piece)>> {
        let before = self.piece_before(group, index)?;
        if let Some(found) = before.filter(|(_, piece)| piece.last >= index) {
            return Ok(Some(found));
        }
        self.seek(group, index, Direction::Forward)
    }

    /// The last piece of a group that begins at this index or before.
    pub(crate) fn piece_before(
        &self,
        group: GroupId,
        index: u64,
    ) -> io::Result<Option<(u64, Piece)>> {
        self.seek(group, index, Direction::Reverse)
    }

    fn seek(
        &self,
        group: GroupId,
        index: u64,
        direction: Direction,
    ) -> io::Result<Option<(u64, Piece)>> {
        let pieces = self.db.cf_handle(PIECES).expect("opened with this column family");
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(log_key(group, 0).to_vec());
        options.set_iterate_upper_bound(log_end(group));
        let key = log_key(group, index);
        let mode = IteratorMode::From(&key, direction);
        let found = self.db.iterator_cf_opt(&pieces, options, mode).next().transpose();
        let Some((key, value)) = found.map_err(|error| reads::read_error(&error))? else {
            return Ok(None);
        };
        Ok(Some((reads::index_of(&key)?, piece_of(&value)?)))
    }

    /// The pieces of a group that begin at this index or behind, in order.
    pub(crate) fn pieces_from(&self, group: GroupId, index: u64) -> io::Result<Vec<(u64, Piece)>> {
        let pieces = self.db.cf_handle(PIECES).expect("opened with this column family");
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(log_end(group));
        let key = log_key(group, index);
        let mode = IteratorMode::From(&key, Direction::Forward);
        let found = self.db.iterator_cf_opt(&pieces, options, mode).map(|item| {
            let (key, value) = item.map_err(|error| reads::read_error(&error))?;
            Ok((reads::index_of(&key)?, piece_of(&value)?))
        });
        found.collect()
    }

    /// All pieces, of all groups.
    pub(crate) fn all_pieces(&self) -> io::Result<BTreeMap<(GroupId, u64), Piece>> {
        let pieces = self.db.cf_handle(PIECES).expect("opened with this column family");
        let all = self.db.iterator_cf(&pieces, IteratorMode::Start).map(|item| {
            let (key, value) = item.map_err(|error| reads::read_error(&error))?;
            let group = GroupId(number(&key)?);
            Ok(((group, reads::index_of(&key)?), piece_of(&value)?))
        });
        all.collect()
    }

    /// Sequence up to which the journal is in segments, for all groups and for some beyond that.
    pub(crate) fn written(&self) -> io::Result<(u64, BTreeMap<GroupId, u64>)> {
        let upto = self.db.get(WRITTEN).map_err(|error| reads::read_error(&error))?;
        let upto = upto.map_or(Ok(0), |value| number(&value))?;
        let mode = IteratorMode::From(&[WRITTEN_OF_GROUP], Direction::Forward);
        let mut of_groups = BTreeMap::new();
        for item in self.db.iterator(mode) {
            let (key, value) = item.map_err(|error| reads::read_error(&error))?;
            match key.split_first() {
                Some((&WRITTEN_OF_GROUP, group)) => {
                    of_groups.insert(GroupId(number(group)?), number(&value)?);
                }
                _ => break,
            }
        }
        Ok((upto, of_groups))
    }

    /// Begins changes.
    pub(crate) fn changes(&self) -> Changes<'_> {
        Changes { db: &self.db, batch: WriteBatch::default() }
    }

    /// Everything so far outlives the process. Blocks.
    pub(crate) fn flush(&self) -> io::Result<()> {
        let facts = self.db.cf_handle(FACTS).expect("opened with this column family");
        let pieces = self.db.cf_handle(PIECES).expect("opened with this column family");
        let rest = self.db.cf_handle("default").expect("always there");
        let all = [&facts, &pieces, &rest];
        self.db.flush_cfs_opt(&all, &FlushOptions::default()).map_err(|error| write_error(&error))
    }
}

impl Changes<'_> {
    /// Stores a fact.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) {
        let facts = self.db.cf_handle(FACTS).expect("opened with this column family");
        self.batch.put_cf(&facts, key, value);
    }

    /// Removes the facts with `from <= key < to`.
    pub(crate) fn erase(&mut self, from: &[u8], to: &[u8]) {
        let facts = self.db.cf_handle(FACTS).expect("opened with this column family");
        if from < to {
            self.batch.delete_range_cf(&facts, from, to);
        }
    }

    /// Stores a piece that begins at this index.
    pub(crate) fn put_piece(&mut self, group: GroupId, first: u64, piece: &Piece) {
        let pieces = self.db.cf_handle(PIECES).expect("opened with this column family");
        self.batch.put_cf(&pieces, log_key(group, first), piece.encode());
    }

    /// Removes the pieces that begin at these indexes; the last one stays.
    pub(crate) fn remove_pieces(&mut self, group: GroupId, from: u64, to: Option<u64>) {
        let pieces = self.db.cf_handle(PIECES).expect("opened with this column family");
        let end = to.map_or_else(|| log_end(group), |to| log_key(group, to).to_vec());
        self.batch.delete_range_cf(&pieces, log_key(group, from).to_vec(), end);
    }

    /// Up to this sequence the journal is in segments.
    pub(crate) fn put_written(&mut self, upto: u64) {
        self.batch.put(WRITTEN, upto.to_be_bytes());
    }

    /// A group's part of it is, up to this one; or no further than that of all.
    pub(crate) fn put_written_of(&mut self, group: GroupId, upto: Option<u64>) {
        let mut key = vec![WRITTEN_OF_GROUP];
        key.extend_from_slice(&group.0.to_be_bytes());
        match upto {
            Some(upto) => self.batch.put(key, upto.to_be_bytes()),
            None => self.batch.delete(key),
        }
    }

    /// Makes them visible.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        self.db.write_opt(batch, &options).map_err(|error| write_error(&error))
    }
}

fn piece_of(value: &[u8]) -> io::Result<Piece> {
    let sized: Option<&[u8; PIECE_BYTES]> = value.try_into().ok();
    sized.map(Piece::decode).ok_or_else(malformed)
}

fn number(bytes: &[u8]) -> io::Result<u64> {
    bytes.first_chunk().map(|number| u64::from_be_bytes(*number)).ok_or_else(malformed)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the journal's index has a malformed entry")
}

fn write_error(error: &rocksdb::Error) -> io::Error {
    super::medium::write_error(error).into()
}
