//! What the changes of a block do to what readers see: the same when they are written and when they
//! are read again after a crash.

use std::collections::BTreeSet;
use std::io;

use rampart_api::model::ids::GroupId;

use super::block::Changes;
use super::direct::Placed;
use super::pieces::Piece;
use super::tails::{Kept, Tails};
use crate::engine::Op;
use crate::engine::rocks::{self, Index};

/// Facts and pieces, to be changed.
pub(super) trait Indexed {
    fn put(&mut self, key: Vec<u8>, value: bytes::Bytes) -> io::Result<()>;
    fn erase(&mut self, from: &[u8], to: &[u8]) -> io::Result<()>;
    /// The last piece of a group that begins at this index or before.
    fn piece_before(&mut self, group: GroupId, index: u64) -> io::Result<Option<(u64, Piece)>>;
    fn put_piece(&mut self, group: GroupId, first: u64, piece: &Piece) -> io::Result<()>;
    /// Removes the pieces that begin at these indexes.
    fn remove_pieces(&mut self, group: GroupId, from: u64, to: Option<u64>) -> io::Result<()>;
}

/// Applies the changes of a block. `cut` gets the groups that may have segments less.
pub(super) fn apply(
    index: &mut impl Indexed,
    tails: &mut Tails,
    changes: Changes,
    sequence: u64,
    cut: &mut BTreeSet<GroupId>,
) -> io::Result<()> {
    for placed in changes.placed {
        place(index, tails, &placed)?;
    }
    for op in changes.ops {
        match op {
            Op::Append { group, index, header, payload } => {
                tails.append(group, index, Kept { header, payload, sequence });
            }
            Op::Truncate { group, from } => {
                tails.remove(group, from, None);
                truncate(index, group, from)?;
                cut.insert(group);
            }
            Op::Purge { group, upto } => {
                tails.remove(group, 0, upto.checked_add(1));
                purge(index, group, upto)?;
                cut.insert(group);
            }
            Op::Put { key, value } => index.put(key, value)?,
            Op::Erase { from, to } => index.erase(&from, &to)?,
        }
    }
    Ok(())
}

/// What was placed takes the place of what is in memory. Where the index knows of more it was flushed
/// after this block, which is read again: so is what made that.
fn place(index: &mut impl Indexed, tails: &mut Tails, placed: &Placed) -> io::Result<()> {
    let Some((first, _)) = placed.pieces.first() else { return Ok(()) };
    tails.remove(placed.group, *first, None);
    truncate(index, placed.group, *first)?;
    for (first, piece) in &placed.pieces {
        index.put_piece(placed.group, *first, piece)?;
    }
    Ok(())
}

fn truncate(index: &mut impl Indexed, group: GroupId, from: u64) -> io::Result<()> {
    let Some((first, piece)) = index.piece_before(group, u64::MAX)? else { return Ok(()) };
    if piece.last < from {
        return Ok(());
    }
    let within = match first < from {
        true => Some((first, piece)),
        false => match from.checked_sub(1) {
            Some(before) => index.piece_before(group, before)?,
            None => None,
        },
    };
    index.remove_pieces(group, from, None)?;
    match within.filter(|(_, piece)| piece.last >= from) {
        Some((first, piece)) => index.put_piece(group, first, &Piece { last: from - 1, ..piece }),
        None => Ok(()),
    }
}

fn purge(index: &mut impl Indexed, group: GroupId, upto: u64) -> io::Result<()> {
    let Some((_, piece)) = index.piece_before(group, upto)? else { return Ok(()) };
    let end = upto.checked_add(1);
    index.remove_pieces(group, 0, end)?;
    match end.filter(|end| piece.last >= *end) {
        Some(end) => index.put_piece(group, end, &piece),
        None => Ok(()),
    }
}

/// The index on disk: what was changed is looked at only when it is visible.
pub(super) struct OnDisk<'a> {
    index: &'a Index,
    changes: rocks::Changes<'a>,
}

impl<'a> OnDisk<'a> {
    /// Begins changes.
    pub(super) fn new(index: &'a Index) -> OnDisk<'a> {
        OnDisk { index, changes: index.changes() }
    }

    /// Makes them visible.
    pub(super) fn commit(mut self) -> io::Result<()> {
        self.changes.commit()
    }
}

impl Indexed for OnDisk<'_> {
    fn put(&mut self, key: Vec<u8>, value: bytes::Bytes) -> io::Result<()> {
        self.changes.put(&key, &value);
        Ok(())
    }

    fn erase(&mut self, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.changes.erase(from, to);
        Ok(())
    }

    fn piece_before(&mut self, group: GroupId, index: u64) -> io::Result<Option<(u64, Piece)>> {
        self.changes.commit()?;
        self.index.piece_before(group, index)
    }

    fn put_piece(&mut self, group: GroupId, first: u64, piece: &Piece) -> io::Result<()> {
        self.changes.put_piece(group, first, piece);
        Ok(())
    }

    fn remove_pieces(&mut self, group: GroupId, from: u64, to: Option<u64>) -> io::Result<()> {
        self.changes.remove_pieces(group, from, to);
        Ok(())
    }
}
