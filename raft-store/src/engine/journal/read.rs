//! Reads: of what is in memory, and before that of what is in segments. They block on the disk;
//! callers in async code move them to another thread.

use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use rampart_api::model::ids::GroupId;

use super::pieces::{self, Piece};
use super::segments::SegmentFiles;
use super::tails::{Room, Tails};
use crate::engine::rocks::Index;

/// Where pieces are.
pub(super) trait Pieces {
    /// The first piece of a group that has an index of at least this.
    fn piece_from(&self, group: GroupId, index: u64) -> io::Result<Option<(u64, Piece)>>;
    /// The last piece of a group.
    fn last_piece(&self, group: GroupId) -> io::Result<Option<(u64, Piece)>>;
}

impl Pieces for Index {
    fn piece_from(&self, group: GroupId, index: u64) -> io::Result<Option<(u64, Piece)>> {
        Index::piece_from(self, group, index)
    }

    fn last_piece(&self, group: GroupId) -> io::Result<Option<(u64, Piece)>> {
        self.piece_before(group, u64::MAX)
    }
}

/// The entries of a group in a range, as many as fit.
pub(super) fn entries(
    index: &impl Pieces,
    tails: &Mutex<Tails>,
    files: &SegmentFiles,
    group: GroupId,
    range: Range<u64>,
    max_bytes: usize,
) -> io::Result<Vec<(u64, Bytes)>> {
    let (mut found, mut room) = (Vec::new(), Room::new(max_bytes));
    let Range { start: mut from, end: to } = range;
    while from < to {
        // What is in memory now may be in segments when it is looked for, never the other way round.
        let in_memory = {
            let tails = tails.lock().unwrap_or_else(PoisonError::into_inner);
            let next = tails.next(group, from).filter(|next| *next < to);
            if next == Some(from) {
                tails.read(group, (from, to), &mut room, &mut found);
                break;
            }
            next.unwrap_or(to)
        };
        if !read_pieces(index, files, group, (from, in_memory), &mut room, &mut found)? {
            break;
        }
        from = in_memory;
    }
    Ok(found)
}

/// Whether there is room for more.
fn read_pieces(
    index: &impl Pieces,
    files: &SegmentFiles,
    group: GroupId,
    (mut from, to): (u64, u64),
    room: &mut Room,
    found: &mut Vec<(u64, Bytes)>,
) -> io::Result<bool> {
    while from < to {
        let Some((first, piece)) = index.piece_from(group, from)?.filter(|(first, _)| *first < to)
        else {
            return Ok(true);
        };
        let bytes = match files.read(group, &piece) {
            // It may have been purged since the index was looked at.
            Err(_) if index.piece_from(group, from)? != Some((first, piece)) => continue,
            bytes => bytes?,
        };
        let wanted = from.max(first)..=piece.last.min(to - 1);
        let (entries, flaw) = pieces::frames(bytes, wanted.clone());
        for (index, entry) in entries {
            if !room.take(entry.len()) {
                return Ok(false);
            }
            found.push((index, entry));
        }
        if let Some(flaw) = flaw {
            // What is sound before it is given; who asks for what is not hears of it.
            return match found.is_empty() {
                true => Err(io::Error::new(io::ErrorKind::InvalidData, flaw)),
                false => Ok(false),
            };
        }
        from = piece.last.saturating_add(1);
    }
    Ok(true)
}

/// First and last index of a group's entries.
pub(super) fn log_bounds(
    index: &impl Pieces,
    tails: &Tails,
    group: GroupId,
) -> io::Result<Option<(u64, u64)>> {
    let in_memory = tails.bounds(group);
    let first = index.piece_from(group, 0)?.map(|(first, _)| first);
    let last = index.last_piece(group)?.map(|(_, piece)| piece.last);
    let first = first.into_iter().chain(in_memory.map(|(first, _)| first)).min();
    let last = last.into_iter().chain(in_memory.map(|(_, last)| last)).max();
    Ok(first.zip(last))
}
