//! A block of the journal: the changes of some writes, durable together or not at all.
//!
//! ```text
//! 0       4        8          16       24       28         32
//! | magic | crc32c | sequence | synced | length | reserved | changes | zeros up to 4 KiB
//! ```
//! Integers are big-endian. The CRC covers everything behind it but the zeros. Sequences count blocks
//! and are never used twice, so what an earlier use of the file left behind is not taken for the next
//! block. `synced` is the last block known to be synced when this one was written: what is bad at or
//! below it was acknowledged.

use bytes::{Buf, Bytes};
use rampart_api::model::ids::GroupId;

use super::aligned::{AlignedBuffer, padded};
use super::direct::Placed;
use super::pieces::{PIECE_BYTES, Piece};
use crate::engine::Op;
use crate::format::envelope::crc32c;

const MAGIC: [u8; 4] = *b"RpJb";
/// Bytes before the changes.
pub(super) const HEADER_BYTES: usize = 32;
const CRC_FROM: usize = 8;

const APPEND: u8 = 0;
const TRUNCATE: u8 = 1;
const PURGE: u8 = 2;
const PUT: u8 = 3;
const ERASE: u8 = 4;
const PLACED: u8 = 5;

/// What is in a block.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Changes {
    /// In order.
    pub(super) ops: Vec<Op>,
    /// Of groups whose logs the others do not change.
    pub(super) placed: Vec<Placed>,
}

/// A block's header, as far as it makes sense alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Which block it is.
    pub(super) sequence: u64,
    /// The last block that was synced when this one was written.
    pub(super) synced: u64,
    /// Bytes of its changes.
    pub(super) length: usize,
    crc: u32,
}

impl Header {
    /// Takes a header apart; nothing if it is none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Header> {
        let mut bytes = bytes.get(..HEADER_BYTES)?;
        if !bytes.starts_with(&MAGIC) {
            return None;
        }
        bytes.advance(MAGIC.len());
        let (crc, sequence, synced) = (bytes.get_u32(), bytes.get_u64(), bytes.get_u64());
        Some(Header { sequence, synced, length: bytes.get_u32() as usize, crc })
    }

    /// Whether these bytes begin this block, whole or not.
    pub(super) fn is_of(bytes: &[u8], sequence: u64) -> bool {
        Header::decode(bytes).is_some_and(|header| header.sequence == sequence)
    }

    /// Bytes of the whole block in its file.
    pub(super) fn block_bytes(&self) -> usize {
        padded(HEADER_BYTES + self.length)
    }

    /// Whether this is the block of the header.
    pub(super) fn fits(&self, block: &[u8]) -> bool {
        let whole = block.get(CRC_FROM..HEADER_BYTES + self.length);
        whole.is_some_and(|whole| crc32c(&[whole]) == self.crc)
    }
}

/// Bytes of a block behind its header.
pub(super) fn length(writes: &[Vec<Op>], placed: &[Placed]) -> usize {
    placed_bytes(placed) + writes.iter().map(|ops| encoded_bytes(ops)).sum::<usize>()
}

/// Bytes that the changes take in a block.
pub(super) fn encoded_bytes(ops: &[Op]) -> usize {
    ops.iter().map(op_bytes).sum()
}

fn placed_bytes(placed: &[Placed]) -> usize {
    placed.iter().map(|placed| 13 + placed.pieces.len() * (8 + PIECE_BYTES)).sum()
}

fn op_bytes(op: &Op) -> usize {
    match op {
        Op::Append { header, payload, .. } => 23 + header.len() + payload.len(),
        Op::Truncate { .. } | Op::Purge { .. } => 17,
        Op::Put { key, value } => 9 + key.len() + value.len(),
        Op::Erase { from, to } => 9 + from.len() + to.len(),
    }
}

/// Adds a block to a buffer, behind what is there.
pub(super) fn encode(
    buffer: &mut AlignedBuffer,
    (sequence, synced): (u64, u64),
    writes: &[Vec<Op>],
    placed: &[Placed],
) {
    let start = buffer.len();
    let length =
        u32::try_from(length(writes, placed)).expect("what may be submitted is far below 4 GiB");
    buffer.put(&MAGIC);
    buffer.put(&[0; 4]);
    buffer.put(&sequence.to_be_bytes());
    buffer.put(&synced.to_be_bytes());
    buffer.put(&length.to_be_bytes());
    buffer.put(&[0; 4]);
    for placed in placed {
        put_placed(buffer, placed);
    }
    for op in writes.iter().flatten() {
        put_op(buffer, op);
    }
    let crc = crc32c(&[&buffer.bytes()[start + CRC_FROM..]]);
    buffer.bytes_mut()[start + 4..start + CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    buffer.pad();
}

fn put_op(buffer: &mut AlignedBuffer, op: &Op) {
    let length = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len());
        length.expect("what may be submitted is far below 4 GiB").to_be_bytes()
    };
    match op {
        Op::Append { group, index, header, payload } => {
            buffer.put(&[APPEND]);
            buffer.put(&group.0.to_be_bytes());
            buffer.put(&index.to_be_bytes());
            let header_length = u16::try_from(header.len()).expect("headers are short");
            buffer.put(&header_length.to_be_bytes());
            buffer.put(&length(payload));
            buffer.put(header);
            buffer.put(payload);
        }
        Op::Truncate { group, from: index } | Op::Purge { group, upto: index } => {
            let is_purge = matches!(op, Op::Purge { .. });
            buffer.put(&[if is_purge { PURGE } else { TRUNCATE }]);
            buffer.put(&group.0.to_be_bytes());
            buffer.put(&index.to_be_bytes());
        }
        Op::Put { key: first, value } => put_pair(buffer, PUT, first, value),
        Op::Erase { from, to } => put_pair(buffer, ERASE, from, to),
    }
}

fn put_placed(buffer: &mut AlignedBuffer, placed: &Placed) {
    buffer.put(&[PLACED]);
    buffer.put(&placed.group.0.to_be_bytes());
    let pieces = u32::try_from(placed.pieces.len());
    buffer.put(&pieces.expect("a batch of some MiB has few pieces").to_be_bytes());
    for (first, piece) in &placed.pieces {
        buffer.put(&first.to_be_bytes());
        buffer.put(&piece.encode());
    }
}

fn put_pair(buffer: &mut AlignedBuffer, tag: u8, first: &[u8], second: &[u8]) {
    buffer.put(&[tag]);
    for bytes in [first, second] {
        let length = u32::try_from(bytes.len()).expect("facts are far below 4 GiB");
        buffer.put(&length.to_be_bytes());
    }
    buffer.put(first);
    buffer.put(second);
}

/// Takes the changes of a block apart; what is wrong with them if they can't be. They share the
/// block's memory.
pub(super) fn decode(mut bytes: Bytes) -> Result<Changes, String> {
    let mut changes = Changes::default();
    while bytes.has_remaining() {
        let number = changes.ops.len() + changes.placed.len();
        let wrong = |what| format!("change {number}: {what}");
        match bytes[0] {
            PLACED => changes.placed.push(take_placed(&mut bytes).map_err(wrong)?),
            _ => changes.ops.push(take_op(&mut bytes).map_err(wrong)?),
        }
    }
    Ok(changes)
}

fn take_placed(bytes: &mut Bytes) -> Result<Placed, String> {
    let short = |_| "it ends too early".to_owned();
    bytes.advance(1);
    let group = GroupId(bytes.try_get_u64().map_err(short)?);
    let count = bytes.try_get_u32().map_err(short)?;
    // As many as there are bytes for, whatever it says.
    let mut pieces = Vec::new();
    for _ in 0..count {
        let first = bytes.try_get_u64().map_err(short)?;
        let piece = take(bytes, PIECE_BYTES)?;
        let piece = piece.first_chunk().expect("so many were taken");
        pieces.push((first, Piece::decode(piece)));
    }
    Ok(Placed { group, pieces })
}

fn take_op(bytes: &mut Bytes) -> Result<Op, String> {
    let short = |_| "it ends too early".to_owned();
    match bytes.try_get_u8().map_err(short)? {
        APPEND => {
            let group = GroupId(bytes.try_get_u64().map_err(short)?);
            let index = bytes.try_get_u64().map_err(short)?;
            let header = bytes.try_get_u16().map_err(short)?;
            let payload = bytes.try_get_u32().map_err(short)?;
            let header = take(bytes, header.into())?;
            Ok(Op::Append { group, index, header, payload: take(bytes, payload as usize)? })
        }
        tag @ (TRUNCATE | PURGE) => {
            let group = GroupId(bytes.try_get_u64().map_err(short)?);
            let index = bytes.try_get_u64().map_err(short)?;
            Ok(match tag {
                PURGE => Op::Purge { group, upto: index },
                _ => Op::Truncate { group, from: index },
            })
        }
        tag @ (PUT | ERASE) => {
            let first = bytes.try_get_u32().map_err(short)?;
            let second = bytes.try_get_u32().map_err(short)?;
            let first = take(bytes, first as usize)?.to_vec();
            let second = take(bytes, second as usize)?;
            Ok(match tag {
                PUT => Op::Put { key: first, value: second },
                _ => Op::Erase { from: first, to: second.to_vec() },
            })
        }
        other => Err(format!("its kind, {other}, is not known")),
    }
}

fn take(bytes: &mut Bytes, length: usize) -> Result<Bytes, String> {
    match length <= bytes.len() {
        true => Ok(bytes.split_to(length)),
        false => Err("it ends too early".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..50);
        let op = prop_oneof![
            (any::<(u64, u64)>(), bytes(), bytes()).prop_map(
                |((group, index), header, payload)| {
                    let (header, payload) = (header.into(), payload.into());
                    Op::Append { group: GroupId(group), index, header, payload }
                }
            ),
            any::<(u64, u64)>()
                .prop_map(|(group, from)| Op::Truncate { group: GroupId(group), from }),
            any::<(u64, u64)>().prop_map(|(group, upto)| Op::Purge { group: GroupId(group), upto }),
            (bytes(), bytes()).prop_map(|(key, value)| Op::Put { key, value: value.into() }),
            (bytes(), bytes()).prop_map(|(from, to)| Op::Erase { from, to }),
        ];
        prop::collection::vec(op, 0..20)
    }

    fn placed() -> impl Strategy<Value = Placed> {
        let piece = any::<(u64, u64, u64, u32, u64)>();
        let piece = piece.prop_map(|(first, segment, position, bytes, last)| {
            (first, Piece { segment, position, bytes, last })
        });
        (any::<u64>(), prop::collection::vec(piece, 0..9))
            .prop_map(|(group, pieces)| Placed { group: GroupId(group), pieces })
    }

    fn encoded(numbers: (u64, u64), writes: &[Vec<Op>], placed: &[Placed]) -> Vec<u8> {
        let mut buffer = AlignedBuffer::default();
        buffer.reset(HEADER_BYTES + length(writes, placed)).unwrap();
        encode(&mut buffer, numbers, writes, placed);
        buffer.bytes().to_vec()
    }

    proptest! {
        #[test]
        fn changes_survive_the_trip(
            (sequence, synced) in any::<(u64, u64)>(),
            writes in prop::collection::vec(ops(), 1..4),
            placed in prop::collection::vec(placed(), 0..3),
        ) {
            let block = encoded((sequence, synced), &writes, &placed);
            let header = Header::decode(&block).unwrap();
            prop_assert_eq!((header.sequence, header.synced), (sequence, synced));
            prop_assert_eq!(header.block_bytes(), block.len());
            prop_assert!(header.fits(&block));
            let changes = Bytes::from(block).slice(HEADER_BYTES..HEADER_BYTES + header.length);
            prop_assert_eq!(decode(changes).unwrap(), Changes { ops: writes.concat(), placed });
        }

        #[test]
        fn any_flipped_bit_is_found(
            ops in ops(), placed in placed(), at in any::<prop::sample::Index>(), bit in 0..8,
        ) {
            let mut block = encoded((3, 2), &[ops], &[placed]);
            let length = Header::decode(&block).unwrap().length;
            let at = at.index(HEADER_BYTES + length);
            block[at] ^= 1u8 << bit;
            prop_assert!(!Header::decode(&block).is_some_and(|header| header.fits(&block)));
        }

        #[test]
        fn what_is_no_list_of_changes_is_said_to_be_none(bytes: Vec<u8>) {
            // Whatever it says, it ends, and never takes memory that is not there.
            let _ = decode(bytes.into());
        }
    }
}
