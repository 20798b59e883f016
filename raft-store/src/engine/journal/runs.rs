//! Entries as they are written into segments: in runs without a gap, cut into pieces. What goes into
//! several files is written into all of them at once.

use std::io;

use rampart_api::model::ids::GroupId;

use super::aligned::{AlignedBuffer, padded};
use super::pieces::{FRAME_BYTES, PIECE_BYTES_MIN, Piece, put_frame};
use super::segments::{Append, SegmentWriter};
use super::tails::Kept;

/// A run has about so many bytes at most.
const RUN_BYTES_MAX: usize = 4 << 20;
/// Runs are laid out in memory together up to about so many bytes.
const TOGETHER_BYTES_MAX: usize = 8 << 20;

/// A run of a group's entries that was written.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) group: GroupId,
    /// Index and block of each.
    pub(super) entries: Vec<(u64, u64)>,
    /// Its pieces, each with its first index.
    pub(super) pieces: Vec<(u64, Piece)>,
}

/// A run that is to be written.
#[derive(Debug, Clone, Copy)]
struct Unwritten<'a> {
    group: GroupId,
    entries: &'a [(u64, Kept)],
}

impl Unwritten<'_> {
    /// What it takes in a segment.
    fn bytes(&self) -> usize {
        padded(self.entries.iter().map(|(_, kept)| FRAME_BYTES + kept.bytes()).sum())
    }
}

/// Appends entries of groups, each group's in order, to their segments. They last when it returns.
pub(super) fn write(
    segments: &mut SegmentWriter,
    buffer: &mut AlignedBuffer,
    of_groups: &[(GroupId, Vec<(u64, Kept)>)],
) -> io::Result<Vec<Run>> {
    let unwritten: Vec<Unwritten<'_>> =
        of_groups.iter().flat_map(|(group, entries)| cut(*group, entries)).collect();
    let mut written = Vec::with_capacity(unwritten.len());
    let mut rest = &unwritten[..];
    while !rest.is_empty() {
        let (together, behind) = rest.split_at(so_many_together(rest));
        buffer.reset(together.iter().map(Unwritten::bytes).sum())?;
        let mut appends = Vec::with_capacity(together.len());
        for run in together {
            let (append, run) = lay_out(segments, buffer, *run)?;
            appends.push(append);
            written.push(run);
        }
        segments.write(buffer.bytes(), &appends)?;
        rest = behind;
    }
    Ok(written)
}

/// A group's entries as runs.
fn cut(group: GroupId, mut rest: &[(u64, Kept)]) -> Vec<Unwritten<'_>> {
    let mut runs = Vec::new();
    while !rest.is_empty() {
        let (entries, behind) = rest.split_at(run_length(rest));
        runs.push(Unwritten { group, entries });
        rest = behind;
    }
    runs
}

/// How many of these runs are laid out at once.
fn so_many_together(runs: &[Unwritten<'_>]) -> usize {
    let mut bytes = 0;
    let fits = |run: &&Unwritten<'_>| {
        bytes += run.bytes();
        bytes <= TOGETHER_BYTES_MAX
    };
    runs.iter().take_while(fits).count().max(1)
}

/// Puts a run into the buffer, behind what is there, and takes room in a segment for it.
fn lay_out(
    segments: &mut SegmentWriter,
    buffer: &mut AlignedBuffer,
    run: Unwritten<'_>,
) -> io::Result<(Append, Run)> {
    let begin = buffer.len();
    // Where each piece begins, and its first and last entry.
    let mut cuts: Vec<(usize, u64, u64)> = Vec::new();
    for (index, kept) in run.entries {
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
    let append = segments.take_room(run.group, begin..buffer.len())?;
    let ends = cuts.iter().skip(1).map(|(at, ..)| *at).chain([end]);
    let pieces = cuts.iter().zip(ends).map(|((at, first, last), end)| {
        let bytes = u32::try_from(end - at).expect("a piece ends behind its minimum");
        let position = append.position + (*at - begin) as u64;
        (*first, Piece { segment: append.segment, position, bytes, last: *last })
    });
    let pieces = pieces.collect();
    let entries = run.entries.iter().map(|(index, kept)| (*index, kept.sequence)).collect();
    Ok((append, Run { group: run.group, entries, pieces }))
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::pieces::frames;
    use super::super::segments::SegmentFiles;
    use super::*;

    fn entry(group: u64, index: u64, bytes: usize) -> (u64, Kept) {
        let fill = u8::try_from((group * 31 + index) % 256).unwrap();
        let payload = vec![fill; bytes].into();
        (index, Kept { header: Bytes::from_static(b"head"), payload, sequence: index })
    }

    /// Everything that the runs say is in segments, as it is read from there.
    fn read(files: &SegmentFiles, runs: &[Run]) -> Vec<(GroupId, u64, Bytes)> {
        let mut found = Vec::new();
        for run in runs {
            for (first, piece) in &run.pieces {
                let bytes = files.read(run.group, piece).unwrap();
                let (entries, wrong) = frames(bytes, *first..=piece.last);
                assert_eq!(wrong, None);
                found.extend(entries.into_iter().map(|(index, entry)| (run.group, index, entry)));
            }
        }
        found
    }

    #[test]
    fn several_groups_are_written_at_once_and_each_entry_is_where_its_piece_says() {
        let dir = tempfile::tempdir().unwrap();
        let mut segments = SegmentWriter::open(dir.path()).unwrap();
        let (mut buffer, files) = (AlignedBuffer::default(), SegmentFiles::new(dir.path()));
        let mut written = Vec::new();
        for round in 0..3 {
            let from = 1 + 100 * round;
            // One has a gap, and so two runs; one fills what is laid out at once, and a segment.
            let sizes = [(1, 20, 5_000), (2, 3, 7), (3, 10, 4 << 20), (4, 1, 0)];
            let of_groups: Vec<(GroupId, Vec<(u64, Kept)>)> = sizes
                .iter()
                .map(|(group, entries, bytes)| {
                    let indexes = (from..from + entries).map(|index| match group {
                        1 if index > from + 9 => index + 50,
                        _ => index,
                    });
                    let entries = indexes.map(|index| entry(*group, index, *bytes));
                    (GroupId(*group), entries.collect())
                })
                .collect();
            let runs = write(&mut segments, &mut buffer, &of_groups).unwrap();
            let expected: Vec<_> = of_groups
                .iter()
                .flat_map(|(group, entries)| {
                    entries.iter().map(|(index, kept)| {
                        (*group, *index, Bytes::from([&kept.header[..], &kept.payload].concat()))
                    })
                })
                .collect();
            written.push((runs, expected));
        }
        for (runs, expected) in written {
            assert!(read(&files, &runs) == expected, "each as it was written");
        }
    }
}
