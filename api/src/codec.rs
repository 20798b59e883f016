//! The one place that names bincode: control data between nodes and on disk goes through here,
//! payloads never do (bincode copies them). Called by `raft-store/format` and `peer`.
//!
//! Without a limit a hostile length makes bincode reserve whatever the bytes claim and aborts the
//! process, so decoding always has one, and it follows the size of the input.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::limits::PEER_FRAME_BYTES_MAX;

const SMALL: usize = 4 << 10;
const MEDIUM: usize = 256 << 10;

/// Why bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Truncated, beyond the limit, or not of this type.
    #[error("malformed value of {bytes} bytes: {reason}")]
    Malformed {
        /// Size of the input.
        bytes: usize,
        /// What the decoder stumbled over.
        reason: String,
    },
    /// A whole value, and more behind it.
    #[error("{left} of {bytes} bytes are left over after the value")]
    LeftOver {
        /// Size of the input.
        bytes: usize,
        /// How many bytes were not consumed.
        left: usize,
    },
}

/// Encodes a value: fixed-width little-endian integers, lengths as u64.
///
/// # Panics
/// If the type's `Serialize` fails, which our own types never do.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::legacy())
        .expect("our types serialize without an error of their own")
}

/// Decodes a value that fills `bytes` to the last one.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    // A legal string is never longer than the input, so a tight limit refuses nothing legal and
    // keeps a hostile length in a small frame from reserving much.
    let size = bytes.len();
    if size <= SMALL {
        decode_within::<T, SMALL>(bytes)
    } else if size <= MEDIUM {
        decode_within::<T, MEDIUM>(bytes)
    } else {
        decode_within::<T, PEER_FRAME_BYTES_MAX>(bytes)
    }
}

fn decode_within<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::legacy().with_limit::<LIMIT>();
    let (value, used) = bincode::serde::decode_from_slice(bytes, config)
        .map_err(|error| CodecError::Malformed { bytes: bytes.len(), reason: error.to_string() })?;
    if used != bytes.len() {
        return Err(CodecError::LeftOver { bytes: bytes.len(), left: bytes.len() - used });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::error_code::ErrorCode;
    use crate::model::ids::NodeId;
    use crate::model::problem::Problem;

    type Sample = (u64, Option<String>, Vec<u8>, BTreeMap<String, Vec<u32>>);

    #[test]
    fn bytes_of_a_value_never_change() {
        let value: (u32, Option<&str>, bool) = (7, Some("ab"), true);
        let golden = [7, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b', 1];
        assert_eq!(encode(&value), golden);
    }

    #[test]
    fn a_problem_survives_the_trip() {
        let problem =
            Problem::new(ErrorCode::NotLeader, "no").hint("ask 3").leader(Some(NodeId(3)));
        assert_eq!(decode::<Problem>(&encode(&problem)).unwrap(), problem);
    }

    #[test]
    fn left_over_bytes_are_refused() {
        let mut bytes = encode(&1u64);
        bytes.push(0);
        assert!(matches!(decode::<u64>(&bytes), Err(CodecError::LeftOver { left: 1, .. })));
    }

    #[test]
    fn hostile_length_is_refused() {
        let bytes = u64::MAX.to_le_bytes();
        assert!(decode::<String>(&bytes).is_err());
        assert!(decode::<Vec<u64>>(&bytes).is_err());
        assert!(decode::<BTreeMap<String, u64>>(&bytes).is_err());
    }

    #[test]
    fn values_larger_than_the_small_limits_pass() {
        for size in [SMALL - 8, SMALL, MEDIUM, 3 << 20] {
            let text = "x".repeat(size);
            assert_eq!(decode::<String>(&encode(&text)).unwrap(), text);
        }
        let numbers: Vec<u64> = (0..100_000).collect();
        assert_eq!(decode::<Vec<u64>>(&encode(&numbers)).unwrap(), numbers);
        let units = vec![(); 10];
        assert_eq!(decode::<Vec<()>>(&encode(&units)).unwrap(), units);
    }

    proptest! {
        #[test]
        fn round_trip(value: Sample) {
            prop_assert_eq!(decode::<Sample>(&encode(&value)).unwrap(), value);
        }

        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Sample>(&bytes);
            let _ = decode::<Problem>(&bytes);
        }
    }
}
