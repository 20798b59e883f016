//! The payload of an entry with batches that are to be written once: a head, then the batches as in
//! any other entry. The head says when the leader appended them, by its clock: what expires does so
//! by the times in the log.
//!
//! ```text
//! 0             4
//! | head length | head, in the codec | record batches ...
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use rampart_api::codec;
use rampart_api::model::once::OnceTag;
use serde::{Deserialize, Serialize};

use super::envelope::FormatError;

const LENGTH_BYTES: usize = 4;

/// What stands before the batches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnceHead {
    /// Milliseconds since 1970 by the clock of the leader that appended the entry.
    pub append_ms: i64,
    /// Which of the batches, counted from 0, are to be written once; ascending.
    pub tags: Vec<(u32, OnceTag)>,
}

impl OnceHead {
    /// The payload of an entry with these batches; `batches` is room enough for them.
    pub fn begin(&self, batches: usize) -> BytesMut {
        let head = codec::encode(self);
        let mut payload = BytesMut::with_capacity(LENGTH_BYTES + head.len() + batches);
        payload.put_u32(u32::try_from(head.len()).expect("a tag for each batch of an entry"));
        payload.put_slice(&head);
        payload
    }

    /// The head of a payload, and where the batches begin.
    pub fn decode(payload: &[u8]) -> Result<(OnceHead, usize), FormatError> {
        let start = batches_at(payload)?;
        let head = codec::decode(&payload[LENGTH_BYTES..start])
            .map_err(|error| FormatError::malformed(format!("head of an entry: {error}")))?;
        Ok((head, start))
    }
}

/// The batches of a payload.
pub fn once_batches(payload: &Bytes) -> Result<Bytes, FormatError> {
    Ok(payload.slice(batches_at(payload)?..))
}

fn batches_at(payload: &[u8]) -> Result<usize, FormatError> {
    let length = payload.first_chunk::<LENGTH_BYTES>();
    let start = length.map(|length| u32::from_be_bytes(*length) as usize + LENGTH_BYTES);
    start.filter(|start| *start <= payload.len()).ok_or_else(|| {
        FormatError::malformed(format!("a head that ends beyond the {} bytes", payload.len()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_values::once_heads;

    proptest! {
        #[test]
        fn heads_survive_and_leave_the_batches_alone(head in once_heads(), batches: Vec<u8>) {
            let mut payload = head.begin(batches.len());
            payload.put_slice(&batches);
            let payload = payload.freeze();
            let (back, start) = OnceHead::decode(&payload).unwrap();
            prop_assert_eq!(&back, &head);
            prop_assert_eq!(&payload[start..], &batches[..]);
            prop_assert_eq!(&once_batches(&payload).unwrap()[..], &batches[..]);
            prop_assert!(OnceHead::decode(&payload[..start - 1]).is_err());
        }

        #[test]
        fn foreign_payloads_never_panic(bytes: Vec<u8>) {
            let _ = OnceHead::decode(&bytes);
            let _ = once_batches(&bytes.into());
        }
    }
}
