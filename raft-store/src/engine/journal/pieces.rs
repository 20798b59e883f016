//! Where entries are in segments. A piece is a run of a group's entries that lies in one segment
//! without a gap; the index knows it by its first entry.
//!
//! In a segment an entry is framed by its index (8 bytes) and its length (4), big-endian; its own
//! header has the checksum.

use std::ops::RangeInclusive;

use bytes::{Buf, Bytes};

use super::aligned::AlignedBuffer;

/// A piece is closed once it has so many bytes: where a read begins.
pub(super) const PIECE_BYTES_MIN: usize = 128 << 10;
/// Before each entry in a segment.
pub(super) const FRAME_BYTES: usize = 12;
/// A piece in the index.
pub(crate) const PIECE_BYTES: usize = 28;

/// A piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Number of the segment.
    pub(crate) segment: u64,
    /// Where it begins there, in bytes.
    pub(crate) position: u64,
    /// Its length there. There may be entries before the first and behind the last one that belong
    /// to it no more.
    pub(crate) bytes: u32,
    /// Index of its last entry.
    pub(crate) last: u64,
}

impl Piece {
    /// The first byte behind it in its segment.
    pub(super) fn end(&self) -> u64 {
        self.position + u64::from(self.bytes)
    }

    /// As it is in the index.
    pub(crate) fn encode(&self) -> [u8; PIECE_BYTES] {
        let mut bytes = [0; PIECE_BYTES];
        bytes[..8].copy_from_slice(&self.segment.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.position.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.bytes.to_be_bytes());
        bytes[20..].copy_from_slice(&self.last.to_be_bytes());
        bytes
    }

    /// Takes it from there.
    pub(crate) fn decode(bytes: &[u8; PIECE_BYTES]) -> Piece {
        let mut bytes = &bytes[..];
        Piece {
            segment: bytes.get_u64(),
            position: bytes.get_u64(),
            bytes: bytes.get_u32(),
            last: bytes.get_u64(),
        }
    }
}

/// Adds an entry's frame to a buffer.
pub(super) fn put_frame(buffer: &mut AlignedBuffer, index: u64, length: usize) {
    let length = u32::try_from(length).expect("entries are far below 4 GiB");
    buffer.put(&index.to_be_bytes());
    buffer.put(&length.to_be_bytes());
}

/// The entries of a piece with an index in this range. Where a frame makes no sense, the entries
/// before it, and what is wrong.
pub(super) fn frames(
    mut bytes: Bytes,
    wanted: RangeInclusive<u64>,
) -> (Vec<(u64, Bytes)>, Option<String>) {
    let mut found = Vec::new();
    let mut before: Option<u64> = None;
    while bytes.has_remaining() {
        let wrong = |what: &str| Some(format!("{what} behind entry {before:?}"));
        if bytes.len() < FRAME_BYTES {
            return (found, wrong("half an entry"));
        }
        let (index, length) = (bytes.get_u64(), bytes.get_u32() as usize);
        if before.is_some_and(|before| before + 1 != index) {
            return (found, wrong(&format!("entry {index}")));
        }
        if length > bytes.len() {
            return (found, wrong(&format!("a part of entry {index}")));
        }
        let entry = bytes.split_to(length);
        if wanted.contains(&index) {
            found.push((index, entry));
        }
        before = Some(index);
        if index >= *wanted.end() {
            break;
        }
    }
    (found, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(entries: &[(u64, &str)]) -> Bytes {
        let mut buffer = AlignedBuffer::default();
        buffer.reset(1_000).unwrap();
        for (index, entry) in entries {
            put_frame(&mut buffer, *index, entry.len());
            buffer.put(entry.as_bytes());
        }
        Bytes::copy_from_slice(buffer.bytes())
    }

    #[test]
    fn a_piece_gives_the_entries_that_are_wanted() {
        let bytes = framed(&[(4, "four"), (5, ""), (6, "six"), (7, "seven")]);
        let (found, wrong) = frames(bytes.clone(), 5..=6);
        assert_eq!(found, [(5, Bytes::new()), (6, Bytes::from("six"))]);
        assert_eq!(wrong, None);
        assert_eq!(frames(bytes.clone(), 0..=u64::MAX).0.len(), 4);
        assert_eq!(frames(bytes, 8..=9), (Vec::new(), None));
    }

    #[test]
    fn what_makes_no_sense_ends_it_and_is_said() {
        let whole = framed(&[(4, "four"), (5, "five")]);
        let (found, wrong) = frames(whole.slice(..whole.len() - 1), 0..=9);
        assert_eq!(
            (found.len(), wrong.unwrap().as_str()),
            (1, "a part of entry 5 behind entry Some(4)")
        );
        let (found, wrong) = frames(whole.slice(..20), 0..=9);
        assert_eq!(
            (found.len(), wrong.unwrap().as_str()),
            (1, "half an entry behind entry Some(4)")
        );
        let (found, wrong) = frames(framed(&[(4, "four"), (6, "six")]), 0..=9);
        assert_eq!((found.len(), wrong.unwrap().as_str()), (1, "entry 6 behind entry Some(4)"));
    }

    #[test]
    fn a_piece_survives_the_index() {
        let piece = Piece { segment: 1, position: 2 << 40, bytes: 3, last: u64::MAX };
        assert_eq!(Piece::decode(&piece.encode()), piece);
    }
}
