//! The envelope around every small persisted value: magic, version, length, CRC-32C, then the
//! value in the codec of `api`. A bit flip is found, and a value of a newer program is refused
//! instead of misread.
//!
//! ```text
//! 0      2         3          4        8        12
//! | "Rp" | version | reserved | length | crc32c | value ...
//! ```
//! Integers are big-endian; the CRC covers version, reserved, length and value.

use rampart_api::codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes before the value.
pub const ENVELOPE_BYTES: usize = 12;
const MAGIC: [u8; 2] = *b"Rp";

/// Why stored bytes are not a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Too short, or not one of ours.
    #[error("not a stored value: {reason}")]
    Malformed {
        /// What was expected and what was found.
        reason: String,
    },
    /// The checksum does not match: the bytes were damaged.
    #[error("checksum mismatch: stored {stored:08x}, computed {computed:08x}")]
    Checksum {
        /// What the bytes say.
        stored: u32,
        /// What they should say.
        computed: u32,
    },
    /// Written by a newer program.
    #[error("format version {found} is newer than {known}, the newest this program knows")]
    Newer {
        /// Version in the bytes.
        found: u8,
        /// Newest version known here.
        known: u8,
    },
    /// A sound entry of a kind that a newer program added.
    #[error("entry kind {kind} is not known to this program; a newer one wrote it")]
    UnknownKind {
        /// The kind's number.
        kind: u8,
    },
}

impl FormatError {
    /// Whether the bytes are sound and of a newer program: then nothing is damaged, and nothing
    /// may be cut off or replaced.
    pub fn is_newer(&self) -> bool {
        match self {
            FormatError::Newer { .. } | FormatError::UnknownKind { .. } => true,
            FormatError::Malformed { .. } | FormatError::Checksum { .. } => false,
        }
    }

    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        FormatError::Malformed { reason: reason.into() }
    }
}

impl From<FormatError> for std::io::Error {
    fn from(error: FormatError) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidData, error)
    }
}

/// CRC-32C of several slices in a row.
pub fn crc32c(parts: &[&[u8]]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    for part in parts {
        digest.update(part);
    }
    // The algorithm's result is 32 bits wide.
    digest.finalize() as u32
}

/// Wraps a value.
pub fn seal<T: Serialize>(version: u8, value: &T) -> Vec<u8> {
    let value = codec::encode(value);
    let length = u32::try_from(value.len()).expect("stored values are far below 4 GiB");
    let mut bytes = Vec::with_capacity(ENVELOPE_BYTES + value.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[version, 0]);
    bytes.extend_from_slice(&length.to_be_bytes());
    let crc = crc32c(&[&bytes[2..8], &value]);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes.extend_from_slice(&value);
    bytes
}

/// The version that bytes claim, for values whose versions differ in form. Only opening them tells
/// whether they are sound.
pub fn version(bytes: &[u8]) -> Option<u8> {
    bytes.get(2).copied()
}

/// Unwraps a value written at `known` version or below.
pub fn open<T: DeserializeOwned>(known: u8, bytes: &[u8]) -> Result<T, FormatError> {
    let Some((head, value)) = bytes.split_at_checked(ENVELOPE_BYTES) else {
        return Err(FormatError::malformed(format!("{} bytes", bytes.len())));
    };
    if head[..2] != MAGIC {
        return Err(FormatError::malformed(format!("magic {:02x}{:02x}", head[0], head[1])));
    }
    let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let stored = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    if length != value.len() {
        let reason = format!("length {length}, but {} bytes follow", value.len());
        return Err(FormatError::malformed(reason));
    }
    let computed = crc32c(&[&head[2..8], value]);
    if stored != computed {
        return Err(FormatError::Checksum { stored, computed });
    }
    // Only after the checksum: a damaged version byte is damage, not a newer program.
    if head[2] > known {
        return Err(FormatError::Newer { found: head[2], known });
    }
    codec::decode(value).map_err(|error| FormatError::malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens(value: (u64, String, Vec<u32>)) {
            prop_assert_eq!(open::<(u64, String, Vec<u32>)>(3, &seal(3, &value)).unwrap(), value);
        }

        #[test]
        fn any_flipped_bit_is_found(value: (u64, String), at: prop::sample::Index, bit in 0..8) {
            let mut bytes = seal(1, &value);
            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            prop_assert!(open::<(u64, String)>(1, &bytes).is_err());
        }

        #[test]
        fn any_cut_is_found(value: (u64, String), at: prop::sample::Index) {
            let bytes = seal(1, &value);
            prop_assert!(open::<(u64, String)>(1, &bytes[..at.index(bytes.len())]).is_err());
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = open::<(u64, String)>(1, &bytes);
        }
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        assert_eq!(open::<u8>(1, &seal(2, &7u8)), Err(FormatError::Newer { found: 2, known: 1 }));
    }
}
