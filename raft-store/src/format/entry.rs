//! A log entry on disk: a fixed header, then the payload as it came.
//!
//! ```text
//! 0         1      2          4      12      20            28        32       36       40
//! | version | kind | reserved | term | index | base offset | records | length | crc32c | payload
//! ```
//! Integers are big-endian. The CRC covers the group (not stored: the key has it), the header
//! before it and the payload, so an entry found under another key is damage too.

use bytes::Bytes;
use rampart_api::model::ids::{GroupId, Offset};

use super::envelope::{FormatError, crc32c};
use crate::planted::{self, Bug};

/// Bytes before the payload.
pub const ENTRY_HEADER_BYTES: usize = 40;
const VERSION: u8 = 1;
const CRC_AT: usize = 36;

/// What is stored with an entry beside its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryHeader {
    /// What the payload is; see `payload`.
    pub kind: u8,
    /// Term of the leader that appended it.
    pub term: u64,
    /// Raft index.
    pub index: u64,
    /// Offset of the first record, or of the next one if the entry has none.
    pub base_offset: Offset,
    /// Number of records.
    pub records: u32,
}

impl EntryHeader {
    /// Offset of the first record after this entry.
    pub fn next_offset(&self) -> Offset {
        Offset(self.base_offset.0 + u64::from(self.records))
    }

    /// The header's bytes for this group and payload.
    pub fn encode(&self, group: GroupId, payload: &[u8]) -> [u8; ENTRY_HEADER_BYTES] {
        let length = u32::try_from(payload.len()).expect("entries are far below 4 GiB");
        let mut bytes = [0; ENTRY_HEADER_BYTES];
        bytes[0] = VERSION;
        bytes[1] = self.kind;
        bytes[4..12].copy_from_slice(&self.term.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.index.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.base_offset.0.to_be_bytes());
        bytes[28..32].copy_from_slice(&self.records.to_be_bytes());
        bytes[32..36].copy_from_slice(&length.to_be_bytes());
        let crc = crc32c(&[&group.0.to_be_bytes(), &bytes[..CRC_AT], payload]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Takes a stored entry apart and checks it; the payload shares memory with `bytes`.
    pub fn decode(group: GroupId, bytes: &Bytes) -> Result<(EntryHeader, Bytes), FormatError> {
        if bytes.len() < ENTRY_HEADER_BYTES {
            let reason = format!("an entry of {} bytes, less than its header", bytes.len());
            return Err(FormatError::malformed(reason));
        }
        let payload = bytes.slice(ENTRY_HEADER_BYTES..);
        let length = u32_at(bytes, 32) as usize;
        if length != payload.len() {
            let reason = format!("an entry of length {length} with {} bytes", payload.len());
            return Err(FormatError::malformed(reason));
        }
        let stored = u32_at(bytes, CRC_AT);
        let computed = crc32c(&[&group.0.to_be_bytes(), &bytes[..CRC_AT], &payload]);
        if stored != computed && !planted::is(Bug::CrcNotChecked) {
            return Err(FormatError::Checksum { stored, computed });
        }
        if bytes[0] > VERSION {
            return Err(FormatError::Newer { found: bytes[0], known: VERSION });
        }
        let header = EntryHeader {
            kind: bytes[1],
            term: u64_at(bytes, 4),
            index: u64_at(bytes, 12),
            base_offset: Offset(u64_at(bytes, 20)),
            records: u32_at(bytes, 28),
        };
        Ok((header, payload))
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    (u64::from(u32_at(bytes, at)) << 32) | u64::from(u32_at(bytes, at + 4))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored(header: &EntryHeader, group: GroupId, payload: &[u8]) -> Vec<u8> {
        let mut bytes = header.encode(group, payload).to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    proptest! {
        #[test]
        fn entries_survive_the_trip(
            (kind, term, index, base, records) in any::<(u8, u64, u64, u64, u32)>(),
            group: u64,
            payload: Vec<u8>,
        ) {
            let header = EntryHeader { kind, term, index, base_offset: Offset(base), records };
            let bytes = Bytes::from(stored(&header, GroupId(group), &payload));
            let (back, rest) = EntryHeader::decode(GroupId(group), &bytes).unwrap();
            prop_assert_eq!(back, header);
            prop_assert_eq!(rest, payload);
            prop_assert!(EntryHeader::decode(GroupId(group ^ 1), &bytes).is_err());
        }

        #[test]
        fn any_flipped_bit_is_found(payload: Vec<u8>, at: prop::sample::Index, bit in 0..8) {
            let header =
                EntryHeader { kind: 1, term: 2, index: 3, base_offset: Offset(4), records: 5 };
            let mut bytes = stored(&header, GroupId(1), &payload);
            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            prop_assert!(EntryHeader::decode(GroupId(1), &bytes.into()).is_err());
        }
    }
}
