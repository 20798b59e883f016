//! Batches as the journal takes them: one block, one sync, then visible. What nobody waits for goes
//! with the next block that somebody waits for, or alone a moment later.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rampart_api::model::ids::GroupId;

use super::Shared;
use super::aligned::AlignedBuffer;
use super::apply::{OnDisk, apply};
use super::block::{self, Changes, HEADER_BYTES};
use super::direct::{self, Placed};
use super::ring::Ring;
use super::writer::Writer;
use crate::engine::committer::Medium;
use crate::engine::rocks::mark_error;
use crate::engine::rocks::synced_mark::SyncedMark;
use crate::engine::{Op, WriteError};

/// What nobody waits for is written after so long.
const LINGER: Duration = Duration::from_millis(50);
/// Or once it is so large.
const PENDING_BYTES_MAX: usize = 1 << 20;

/// What the committer writes to.
pub(super) struct JournalMedium {
    pub(super) shared: Arc<Shared>,
    pub(super) ring: Ring,
    pub(super) mark: SyncedMark,
    pub(super) writer: Writer,
    pub(super) buffer: AlignedBuffer,
    /// Writes that are in no block yet.
    pub(super) pending: Vec<Vec<Op>>,
    /// The last block that is synced.
    pub(super) synced: u64,
}

impl JournalMedium {
    /// What readers see.
    pub(super) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    fn pending_bytes(&self) -> usize {
        self.pending.iter().map(|ops| block::encoded_bytes(ops)).sum()
    }

    fn commit(&mut self) -> Result<(), WriteError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let sequence = self.synced + 1;
        let shared = self.shared();
        let large = direct::large(&self.pending, &shared.tails());
        // Until it is visible nothing else comes into a segment.
        let mut segments = (!large.is_empty()).then(|| shared.segments_for_committer());
        let placed = match &mut segments {
            None => Vec::new(),
            Some(segments) => {
                let to = (&mut **segments, &mut self.buffer);
                direct::place(&large, &mut self.pending, &shared, to, sequence)
                    .map_err(|error| WriteError::of("a segment cannot be written", &error))?
            }
        };
        self.write_block(sequence, &placed)
            .map_err(|error| WriteError::of("the journal cannot be written", &error))?;
        self.mark.write(sequence).map_err(|error| mark_error(&error))?;
        self.synced = sequence;
        let cut = self
            .show(sequence, placed)
            .map_err(|error| WriteError::of("the journal's index cannot be changed", &error))?;
        drop(segments);
        self.writer.cut(cut);
        self.writer.written();
        Ok(())
    }

    fn write_block(&mut self, sequence: u64, placed: &[Placed]) -> io::Result<()> {
        let JournalMedium { ring, buffer, pending, synced, .. } = self;
        let length = block::length(pending, placed);
        buffer.reset(ring.room_for_header() + HEADER_BYTES + length)?;
        ring.begin(buffer, sequence)?;
        block::encode(buffer, (sequence, *synced), pending, placed);
        ring.write(buffer)
    }

    /// Makes what is synced visible.
    fn show(&mut self, sequence: u64, placed: Vec<Placed>) -> io::Result<BTreeSet<GroupId>> {
        let mut cut = BTreeSet::new();
        let mut tails = self.shared.tails();
        let mut index = OnDisk::new(&self.shared.index);
        let ops = self.pending.drain(..).flatten().collect();
        apply(&mut index, &mut tails, Changes { ops, placed }, sequence, &mut cut)?;
        index.commit()?;
        tails.applied = sequence;
        Ok(cut)
    }
}

impl Medium for JournalMedium {
    fn write(&mut self, writes: Vec<Vec<Op>>, sync: bool) -> Result<(), WriteError> {
        self.writer.wait_for_room();
        self.pending.extend(writes.into_iter().filter(|ops| !ops.is_empty()));
        match sync || self.pending_bytes() >= PENDING_BYTES_MAX {
            true => self.commit(),
            false => Ok(()),
        }
    }

    fn settle(&mut self) -> Result<(), WriteError> {
        self.commit()
    }

    fn lingers(&self) -> Option<Duration> {
        (!self.pending.is_empty()).then_some(LINGER)
    }

    fn close(&mut self) -> io::Result<()> {
        self.commit()?;
        self.mark.force()
    }
}
