//! `[pure]` Reading bytes of another node: every length is checked against what is there before
//! anything is allocated for it. Used by the other files of this folder only.

use bytes::{Buf, Bytes};

use crate::codec::CodecError;

/// Why bytes from another node are not a message. The connection they came on is closed.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The message ends inside a field.
    #[error("the message ends inside `{field}`")]
    Truncated {
        /// The field that was being read.
        field: &'static str,
    },
    /// There is more after the message.
    #[error("{left} bytes are left over after the message")]
    LeftOver {
        /// How many.
        left: usize,
    },
    /// A number that stands for nothing in this version.
    #[error("`{field}` is {value}, which this version doesn't know")]
    Unknown {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A frame above the limit, refused before it is read.
    #[error("a frame of {bytes} bytes, at most {bytes_max} are allowed")]
    Oversize {
        /// Declared size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The other side doesn't speak this protocol at all.
    #[error("the other side doesn't speak the Rampart peer protocol")]
    NotPeerProtocol,
    /// The control data of the message is broken.
    #[error("control data: {0}")]
    Codec(#[from] CodecError),
}

/// A position in a message. Slices it hands out share the message's memory.
#[derive(Debug)]
pub(super) struct Cursor {
    bytes: Bytes,
}

impl Cursor {
    pub(super) fn new(bytes: Bytes) -> Self {
        Cursor { bytes }
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.bytes.try_get_u8().map_err(|_| DecodeError::Truncated { field })
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.bytes.try_get_u32_le().map_err(|_| DecodeError::Truncated { field })
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.bytes.try_get_u64_le().map_err(|_| DecodeError::Truncated { field })
    }

    /// The next `length` bytes, without a copy.
    pub(super) fn slice(
        &mut self,
        length: usize,
        field: &'static str,
    ) -> Result<Bytes, DecodeError> {
        if length > self.bytes.len() {
            return Err(DecodeError::Truncated { field });
        }
        Ok(self.bytes.split_to(length))
    }

    /// A count of things of at least `each` bytes, which must still be there.
    pub(super) fn count(&mut self, each: usize, field: &'static str) -> Result<usize, DecodeError> {
        let count = self.u32(field)? as usize;
        match count.checked_mul(each) {
            Some(bytes) if bytes <= self.remaining() => Ok(count),
            _ => Err(DecodeError::Truncated { field }),
        }
    }

    pub(super) fn finish(self) -> Result<(), DecodeError> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(DecodeError::LeftOver { left }),
        }
    }
}

/// A length as it goes on the wire; frames are far below 4 GiB.
pub(super) fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a message is far smaller than 4 GiB")
}
