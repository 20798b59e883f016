//! Entries as they are written into a segment: in runs without a gap, cut into pieces.

use std::io;

use rampart_api::model::ids::GroupId;

use super::aligned::AlignedBuffer;
use super::pieces::{FRAME_BYTES, PIECE_BYTES_MIN, Piece, put_frame};
use super::segments::SegmentWriter;
use super::tails::Kept;

/// One write to a segment has about so many bytes at most.
const RUN_BYTES_MAX: usize = 4 << 20;

/// A run of a group's entries that was written.
#[derive(Debug)]
pub(super) struct Run {
    /// Index and block of each.
    pub(super) entries: Vec<(u64, u64)>,
    /// Its pieces, each with its first index.
    pub(super) pieces: Vec<(u64, Piece)>,
}

/// Appends a group's entries, in order, to its segments. They last when these are synced.
pub(super) fn write(
    segments: &mut SegmentWriter,
    buffer: &mut AlignedBuffer,
    group: GroupId,
    entries: &[(u64, Kept)],
) -> io::Result<Vec<Run>> {
    let (mut runs, mut rest) = (Vec::new(), entries);
    while !rest.is_empty() {
        let (run, behind) = rest.split_at(run_length(rest));
        runs.push(write_run(segments, buffer, group, run)?);
        rest = behind;
    }
    Ok(runs)
}

fn write_run(
    segments: &mut SegmentWriter,
    buffer: &mut AlignedBuffer,
    group: GroupId,
    run: &[(u64, Kept)],
) -> io::Result<Run> {
    let framed = |kept: &Kept| FRAME_BYTES + kept.bytes();
    buffer.reset(run.iter().map(|(_, kept)| framed(kept)).sum());
    // Where each piece begins, and its first and last entry.
    let mut cuts: Vec<(usize, u64, u64)> = Vec::new();
    for (index, kept) in run {
        match cuts.last_mut() {
            Some((at, _, last)) if buffer.len() - *at < PIECE_BYTES_MIN => *last = *index,
            _ => cuts.push((buffer.len(), *index, *index)),
        }
        put_frame(buffer, *index, kept.bytes());
        buffer.put(&kept.header);
        buffer.put(&kept.payload);
    }
    let end = buffer.len();
    buffer.pad();
    let (segment, position) = segments.append(group, buffer.bytes())?;
    let ends = cuts.iter().skip(1).map(|(at, ..)| *at).chain([end]);
    let pieces = cuts.iter().zip(ends).map(|((at, first, last), end)| {
        let bytes = u32::try_from(end - at).expect("a piece ends behind its minimum");
        let position = position + *at as u64;
        (*first, Piece { segment, position, bytes, last: *last })
    });
    let entries = run.iter().map(|(index, kept)| (*index, kept.sequence)).collect();
    Ok(Run { entries, pieces: pieces.collect() })
}

/// How many of these entries are written at once: with indexes that follow each other, and not too
/// large together.
fn run_length(entries: &[(u64, Kept)]) -> usize {
    let mut bytes = 0;
    for (number, (index, kept)) in entries.iter().enumerate() {
        bytes += kept.bytes();
        let follows = *index == entries[0].0 + number as u64;
        if !follows || (number > 0 && bytes > RUN_BYTES_MAX) {
            return number;
        }
    }
    entries.len()
}
