//! The segment files: opened to read, appended to, forgotten. The index says what is in them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rampart_api::model::ids::GroupId;

use super::pieces::Piece;
use super::{beside, files};

/// A segment takes no more once it has so many bytes.
pub(super) const SEGMENT_BYTES: u64 = 32 << 20;
/// So many files are kept open to read.
const OPEN_FILES_MAX: usize = 128;
/// So many are kept open to append to them.
const APPENDED_FILES_MAX: usize = 128;

/// Segments as readers know them.
#[derive(Debug)]
pub(super) struct SegmentFiles {
    dir: PathBuf,
    open: Mutex<VecDeque<(u64, Arc<File>)>>,
}

impl SegmentFiles {
    /// Those of a directory.
    pub(super) fn new(dir: &Path) -> SegmentFiles {
        SegmentFiles { dir: dir.to_owned(), open: Mutex::default() }
    }

    /// The bytes of a piece.
    pub(super) fn read(&self, group: GroupId, piece: &Piece) -> io::Result<Bytes> {
        let name = files::segment_name(group, piece.segment);
        let said = |error: io::Error| {
            let kind = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => {
                    io::ErrorKind::InvalidData
                }
                kind => kind,
            };
            let end = piece.end();
            io::Error::new(kind, format!("{name}, bytes {} to {end}: {error}", piece.position))
        };
        let file = self.file(group, piece.segment).map_err(said)?;
        let mut bytes = vec![0; piece.bytes as usize];
        file.read_exact_at(&mut bytes, piece.position).map_err(said)?;
        Ok(bytes.into())
    }

    fn open(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<File>)>> {
        // A list of files is whole whatever happened.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, group: GroupId, number: u64) -> io::Result<Arc<File>> {
        if let Some((_, file)) = self.open().iter().find(|(known, _)| *known == number) {
            return Ok(file.clone());
        }
        let file = Arc::new(File::open(self.path(group, number))?);
        let mut open = self.open();
        if open.len() >= OPEN_FILES_MAX {
            open.pop_front();
        }
        open.push_back((number, file.clone()));
        Ok(file)
    }

    /// A segment is needed no more. Answers where it is.
    pub(super) fn forget(&self, group: GroupId, number: u64) -> PathBuf {
        self.open().retain(|(known, _)| *known != number);
        self.path(group, number)
    }

    fn path(&self, group: GroupId, number: u64) -> PathBuf {
        self.dir.join(files::segment_name(group, number))
    }
}

/// Bytes that have their place in a segment.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) segment: u64,
    pub(super) position: u64,
    /// Where they are in memory.
    bytes: Range<usize>,
}

/// Segments as the writer knows them: which each group has, and how long they are.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    dir: PathBuf,
    of_groups: BTreeMap<GroupId, BTreeMap<u64, u64>>,
    next: u64,
    /// Segments that were appended to.
    open: BTreeMap<u64, File>,
    has_created: bool,
    /// Of some groups the first index of what was written behind and is in no flushed index yet.
    unflushed: BTreeMap<GroupId, u64>,
    /// A write or sync failed: what a later sync would say is worth nothing (INV-13).
    has_failed: bool,
}

impl SegmentWriter {
    /// Finds what is there.
    pub(super) fn open(dir: &Path) -> io::Result<SegmentWriter> {
        let mut of_groups: BTreeMap<GroupId, BTreeMap<u64, u64>> = BTreeMap::new();
        let mut next = 1;
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if let Some((group, number)) = name.to_str().and_then(files::segment_number) {
                let length = entry.metadata()?.len();
                of_groups.entry(group).or_default().insert(number, length);
                next = next.max(number + 1);
            }
        }
        Ok(SegmentWriter {
            dir: dir.to_owned(),
            of_groups,
            next,
            open: BTreeMap::new(),
            has_created: false,
            unflushed: BTreeMap::new(),
            has_failed: false,
        })
    }

    /// The groups that have segments.
    pub(super) fn groups(&self) -> Vec<GroupId> {
        self.of_groups.keys().copied().collect()
    }

    /// A segment must have so many bytes; if not, nothing is appended to it any more.
    pub(super) fn expect(&mut self, group: GroupId, number: u64, bytes: u64) {
        self.next = self.next.max(number + 1);
        let segments = self.of_groups.entry(group).or_default();
        match segments.get_mut(&number) {
            Some(length) if *length < bytes => *length = length.saturating_add(SEGMENT_BYTES),
            _ => {}
        }
    }

    /// Takes room for these bytes behind a group's newest segment, or in a new one. They begin and end
    /// at a multiple of a block.
    pub(super) fn take_room(&mut self, group: GroupId, bytes: Range<usize>) -> io::Result<Append> {
        self.once_sound(|sound| sound.take_room_now(group, bytes))
    }

    /// Writes these parts of what is in memory, each file's beside the others'. They outlive a power
    /// cut when it returns.
    pub(super) fn write(&mut self, bytes: &[u8], appends: &[Append]) -> io::Result<()> {
        self.once_sound(|sound| sound.write_now(bytes, appends))
    }

    /// Entries from this index on were written behind: until the index is flushed nothing but memory
    /// knows where they are.
    pub(super) fn written_behind(&mut self, group: GroupId, first: u64) {
        let known = self.unflushed.entry(group).or_insert(first);
        *known = first.min(*known);
    }

    /// The index knows all of that for good.
    pub(super) fn flushed(&mut self) {
        self.unflushed.clear();
    }

    /// The first index of what of a group only memory knows, if anything. Whoever asks says it in
    /// the journal.
    pub(super) fn take_unflushed(&mut self, group: GroupId) -> Option<u64> {
        self.unflushed.remove(&group)
    }

    fn once_sound<T>(&mut self, work: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        if self.has_failed {
            return Err(io::Error::other("a write or sync before failed"));
        }
        self.has_failed = true;
        let done = work(self)?;
        self.has_failed = false;
        Ok(done)
    }

    fn take_room_now(&mut self, group: GroupId, bytes: Range<usize>) -> io::Result<Append> {
        let segments = self.of_groups.entry(group).or_default();
        let newest = segments.last_key_value().map(|(number, length)| (*number, *length));
        let (segment, position) = match newest.filter(|(_, length)| *length < SEGMENT_BYTES) {
            Some((number, length)) => (number, super::aligned::padded_u64(length)),
            None => {
                let number = self.next;
                self.next += 1;
                self.has_created = true;
                (number, 0)
            }
        };
        if let Entry::Vacant(closed) = self.open.entry(segment) {
            let path = self.dir.join(files::segment_name(group, segment));
            closed.insert(files::open_direct(&path, true)?);
        }
        // Known even if the write fails half way: what follows is written behind it.
        segments.insert(segment, position + bytes.len() as u64);
        Ok(Append { segment, position, bytes })
    }

    fn write_now(&mut self, bytes: &[u8], appends: &[Append]) -> io::Result<()> {
        let mut of_files: BTreeMap<u64, Vec<&Append>> = BTreeMap::new();
        for append in appends {
            of_files.entry(append.segment).or_default().push(append);
        }
        let of_files: Vec<_> = of_files.into_iter().collect();
        beside::each(&of_files, |(segment, appends)| {
            let file = &self.open[segment];
            for append in appends {
                file.write_all_at(&bytes[append.bytes.clone()], append.position)?;
            }
            file.sync_data()
        })?;
        if self.open.len() > APPENDED_FILES_MAX {
            self.open.clear();
        }
        if std::mem::take(&mut self.has_created) {
            files::sync_dir(&self.dir)?;
        }
        Ok(())
    }

    /// Forgets the segments of a group but those from the first to the last that are used. Answers
    /// which they are.
    pub(super) fn keep_only(&mut self, group: GroupId, used: Option<(u64, u64)>) -> Vec<u64> {
        if let Some((first, last)) = used.filter(|(first, last)| first > last) {
            tracing::error!(%group, first, last, "the segments of a group are out of order: all are kept");
            return Vec::new();
        }
        let Some(segments) = self.of_groups.get_mut(&group) else { return Vec::new() };
        let is_used =
            |number: &u64| used.is_some_and(|(first, last)| (first..=last).contains(number));
        let gone: Vec<u64> = segments.keys().filter(|number| !is_used(number)).copied().collect();
        for number in &gone {
            segments.remove(number);
            self.open.remove(number);
        }
        if segments.is_empty() {
            self.of_groups.remove(&group);
        }
        gone
    }
}
