//! Opening: the index first, then the journal from where the index ends, then the threads.
//! Enforces INV-18 and INV-22.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rampart_api::model::ids::GroupId;
use tokio::sync::watch;

use super::Shared;
use super::aligned::AlignedBuffer;
use super::apply::{OnDisk, apply};
use super::block::{self, Changes};
use super::files;
use super::medium::JournalMedium;
use super::remover::Remover;
use super::ring::{Files, Ring};
use super::scan::{self, End, Flaw};
use super::segments::{SegmentFiles, SegmentWriter};
use super::writer::{self, Limits, Writer};
use crate::engine::Op;
use crate::engine::committer::Parts;
use crate::engine::rocks::Index;
use crate::engine::rocks::open::{damaged, unusable};
use crate::engine::rocks::synced_mark::SyncedMark;
use crate::error::OpenError;
use crate::store::StoreOptions;

/// A file of the journal is no smaller.
const FILE_BYTES_MIN: usize = 64 << 10;

/// What the committer works with, and what says that it failed.
pub(super) fn parts(
    dir: &Path,
    options: &StoreOptions,
) -> Result<(Parts<JournalMedium>, watch::Receiver<Option<String>>), OpenError> {
    let unusable = |source| unusable(dir, source);
    let (index, mark) = Index::open(dir, options)?;
    let (written, written_of) = index.written().map_err(unusable)?;
    let segments = Mutex::new(SegmentWriter::open(dir).map_err(unusable)?);
    let (tails, files) = (Mutex::default(), SegmentFiles::new(dir));
    let committer_waits = AtomicBool::new(false);
    let remover = Remover::start().map_err(unusable)?;
    let shared = Arc::new(Shared { remover, index, tails, segments, committer_waits, files });
    let synced = mark.map(|mark| mark.sequence);
    let end = recover(dir, &shared, (written, synced), &written_of).map_err(|flaw| match flaw {
        Flaw::Unreadable(source) => unusable(source),
        Flaw::Damaged(what) => damaged(dir, what),
    })?;
    // What was found may still be in a cache: it lasts before anybody builds on it.
    for file in &end.live {
        let file = File::open(dir.join(files::journal_name(file.number)));
        file.and_then(|file| file.sync_all()).map_err(unusable)?;
    }
    let mark = SyncedMark::open(dir, end.last).map_err(unusable)?;
    tidy(&shared).map_err(unusable)?;

    let (failed_tx, failed) = watch::channel(None);
    let next_number = end.live.iter().map(|file| file.number).chain(end.free.iter().copied()).max();
    let files = Files { live: end.live.into(), free: end.free };
    let files = Arc::new(Mutex::new(files));
    let file_bytes = (options.write_buffer_bytes / 2).max(FILE_BYTES_MIN) as u64;
    let ring = Ring::new(
        dir,
        files.clone(),
        file_bytes,
        end.at,
        next_number.map_or(1, |number| number + 1),
    );
    let writer = Writer::start(writer::Parts {
        dir: dir.to_owned(),
        shared: shared.clone(),
        files,
        limits: Limits::of(options.write_buffer_bytes),
        failed: failed_tx.clone(),
        written,
        written_of,
    });
    let medium = JournalMedium {
        shared,
        ring: ring.map_err(unusable)?,
        mark,
        writer: writer.map_err(unusable)?,
        buffer: AlignedBuffer::default(),
        pending: Vec::new(),
        synced: end.last,
    };
    let parts = Parts {
        medium,
        failed: failed_tx,
        observer: options.sync_observer.clone(),
        #[cfg(test)]
        on_sync: None,
    };
    Ok((parts, failed))
}

/// Of a block's changes those that are not in segments yet. What was cut, or placed, before a group
/// was written is in the index.
pub(super) fn missing(
    written_of: &BTreeMap<GroupId, u64>,
    sequence: u64,
    changes: Bytes,
) -> Result<Changes, Flaw> {
    let is_missing = |group: &GroupId| written_of.get(group).is_none_or(|upto| sequence > *upto);
    let mut changes = block::decode(changes)
        .map_err(|what| Flaw::Damaged(format!("block {sequence} of the journal: {what}")))?;
    changes.placed.retain(|placed| is_missing(&placed.group));
    changes.ops.retain(|op| match op {
        Op::Append { group, .. } | Op::Truncate { group, .. } | Op::Purge { group, .. } => {
            is_missing(group)
        }
        Op::Put { .. } | Op::Erase { .. } => true,
    });
    Ok(changes)
}

/// Reads the journal again from where the index ends.
fn recover(
    dir: &Path,
    shared: &Shared,
    (written, synced): (u64, Option<u64>),
    written_of: &BTreeMap<GroupId, u64>,
) -> Result<End, Flaw> {
    let mut cut = BTreeSet::new();
    let end = scan::scan(dir, written, synced.unwrap_or(0), |sequence, changes| {
        let changes = missing(written_of, sequence, changes)?;
        let mut tails = shared.tails();
        let mut index = OnDisk::new(&shared.index);
        apply(&mut index, &mut tails, changes, sequence, &mut cut)?;
        index.commit()?;
        Ok(())
    })?;
    shared.tails().applied = end.last;
    check_order(shared)?;
    // The mark is there before the first block is: without it nothing says that the end was not
    // acknowledged.
    if end.is_torn && synced.is_none() {
        let block = end.last + 1;
        let what = format!(
            "block {block} of the journal is bad, and SYNCED, which says whether it was synced, is \
             missing or can't be read"
        );
        return Err(Flaw::Damaged(what));
    }
    if end.is_torn {
        let (dir, block) = (dir.display(), end.last + 1);
        tracing::warn!(%dir, block, "the journal has a torn tail, never acknowledged: cut");
    }
    Ok(end)
}

/// What the journal has of a group lies behind what is in its segments (INV-22).
fn check_order(shared: &Shared) -> Result<(), Flaw> {
    for (group, first) in shared.tails().firsts() {
        let last = shared.index.piece_before(group, u64::MAX)?.map(|(_, piece)| piece.last);
        if let Some(last) = last.filter(|last| *last >= first) {
            let what = format!(
                "entry {first} of group {group} is in the journal, but entries up to {last} are in its segments"
            );
            return Err(Flaw::Damaged(what));
        }
    }
    Ok(())
}

/// Removes segments that no piece is in, and leaves those alone that are shorter than they should be.
fn tidy(shared: &Shared) -> std::io::Result<()> {
    let mut segments = shared.segments();
    for group in segments.groups() {
        writer::remove_unused(group, shared, &mut segments)?;
        if let Some((_, piece)) = shared.index.piece_before(group, u64::MAX)? {
            segments.expect(group, piece.segment, piece.end());
        }
    }
    Ok(())
}
