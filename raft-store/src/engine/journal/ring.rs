//! The files of the journal, as they are written: one after the other, each used again once all in it
//! is in segments and in the flushed index.
//!
//! A file begins with a header that names its number and first block; a name alone says nothing of
//! what is in it, since it is new when the file is old.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Buf;

use super::aligned::{ALIGN, AlignedBuffer};
use super::files;
use crate::format::envelope::crc32c;

const MAGIC: [u8; 4] = *b"RpJf";
/// Magic, CRC-32C of what follows, number, first sequence.
const HEADER_BYTES: usize = 24;
/// Files that are kept to be used again.
const FREE_FILES_MAX: usize = 4;

/// What a file's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileHeader {
    /// Its number.
    pub(super) number: u64,
    /// Sequence of its first block.
    pub(super) first: u64,
}

impl FileHeader {
    /// Takes it apart; nothing if it is none.
    pub(super) fn decode(bytes: &[u8]) -> Option<FileHeader> {
        let mut bytes = bytes.get(..HEADER_BYTES)?;
        let crc = u32::from_be_bytes(*bytes[4..].first_chunk()?);
        if !bytes.starts_with(&MAGIC) || crc32c(&[&bytes[8..]]) != crc {
            return None;
        }
        bytes.advance(8);
        Some(FileHeader { number: bytes.get_u64(), first: bytes.get_u64() })
    }

    fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.number.to_be_bytes());
        bytes[16..].copy_from_slice(&self.first.to_be_bytes());
        let crc = crc32c(&[&bytes[8..]]);
        bytes[4..8].copy_from_slice(&crc.to_be_bytes());
        bytes
    }
}

/// The files that hold something, oldest first, and those that hold nothing any more.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Number of a file and the first block in it; the last one is written to.
    pub(super) live: VecDeque<FileHeader>,
    /// Numbers of those that may be used again.
    pub(super) free: Vec<u64>,
}

impl Files {
    /// Whether a file is free when everything up to this block is needed no more.
    pub(super) fn can_release(&self, upto: u64) -> bool {
        self.live.get(1).is_some_and(|next| next.first <= upto.saturating_add(1))
    }

    /// Everything up to this block is needed no more. Answers the files that are to be removed.
    pub(super) fn release(&mut self, upto: u64) -> Vec<u64> {
        while self.can_release(upto) {
            self.free.extend(self.live.pop_front().map(|file| file.number));
        }
        let kept = self.free.len().min(FREE_FILES_MAX);
        self.free.split_off(kept)
    }
}

/// Shared by the thread that writes and the one that frees.
pub(super) type SharedFiles = Arc<Mutex<Files>>;

/// Looks at them.
pub(super) fn lock(files: &Mutex<Files>) -> MutexGuard<'_, Files> {
    // Two lists of numbers are whole whatever happened.
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of the journal.
#[derive(Debug)]
pub(super) struct Ring {
    dir: PathBuf,
    files: SharedFiles,
    file_bytes: u64,
    /// The file that is written to, and where its next block goes.
    current: Option<(File, u64)>,
    next_number: u64,
}

impl Ring {
    /// Goes on behind what was found: in a file, at a position, if any.
    pub(super) fn new(
        dir: &Path,
        files: SharedFiles,
        file_bytes: u64,
        end: Option<(u64, u64)>,
        next_number: u64,
    ) -> io::Result<Ring> {
        let current = match end {
            None => None,
            Some((number, at)) => {
                let path = dir.join(files::journal_name(number));
                Some((files::open_direct(&path, false)?, at))
            }
        };
        Ok(Ring { dir: dir.to_owned(), files, file_bytes, current, next_number })
    }

    /// Room before the first block of a file that the next block would begin; 0 if it goes on in one.
    pub(super) fn room_for_header(&self) -> usize {
        match &self.current {
            Some((_, at)) if *at < self.file_bytes => 0,
            _ => ALIGN,
        }
    }

    /// Begins a file if the last one is full: its header goes into the buffer, which is empty.
    pub(super) fn begin(&mut self, buffer: &mut AlignedBuffer, first: u64) -> io::Result<()> {
        if self.room_for_header() == 0 {
            return Ok(());
        }
        let number = self.next_number;
        self.next_number += 1;
        let path = self.dir.join(files::journal_name(number));
        let old = lock(&self.files).free.pop();
        if let Some(old) = old {
            std::fs::rename(self.dir.join(files::journal_name(old)), &path)?;
        }
        let file = files::open_direct(&path, true)?;
        files::sync_dir(&self.dir)?;
        self.current = Some((file, 0));
        let header = FileHeader { number, first };
        lock(&self.files).live.push_back(header);
        buffer.put(&header.encode());
        buffer.pad();
        Ok(())
    }

    /// Writes what is in the buffer, and waits until it is on disk.
    pub(super) fn write(&mut self, buffer: &AlignedBuffer) -> io::Result<()> {
        let (file, at) = self.current.as_mut().expect("a file was begun");
        file.write_all_at(buffer.bytes(), *at)?;
        file.sync_data()?;
        *at += buffer.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_known_again_and_no_other_bytes_are() {
        let header = FileHeader { number: 7, first: 1 << 40 };
        let bytes = header.encode();
        assert_eq!(FileHeader::decode(&bytes), Some(header));
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FileHeader::decode(&flipped), None, "bit {bit}");
        }
        assert_eq!(FileHeader::decode(&[0; HEADER_BYTES]), None);
        assert_eq!(FileHeader::decode(&bytes[1..]), None);
    }

    #[test]
    fn files_are_free_once_all_their_blocks_are_released() {
        let live = [(1, 1), (2, 10), (3, 20), (4, 30)];
        let live = live.map(|(number, first)| FileHeader { number, first });
        let mut files = Files { live: live.into(), free: Vec::new() };
        assert!(files.release(8).is_empty() && files.free.is_empty(), "block 9 is in the first");
        assert!(files.release(9).is_empty());
        assert_eq!(files.free, [1]);
        files.free.extend([8, 9]);
        assert_eq!(files.release(u64::MAX), [3], "some are kept");
        assert_eq!((files.free, files.live.len()), (vec![1, 8, 9, 2], 1));
    }
}
