//! `[pure]` Frames: what a byte stream between two nodes is cut into.
//!
//! ```text
//! u32 LE length of what follows | u8 kind | payload
//! ```
//! A frame is read in place: the payload is a slice of the read buffer. It is written as a short
//! head and the payloads it carries, without gluing them together, so that many frames leave in
//! one `writev`.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::wire::{DecodeError, length};
use crate::model::limits::PEER_FRAME_BYTES_MAX;

const LENGTH_BYTES: usize = 4;
const KIND_BYTES: usize = 1;

/// What a frame carries. The numbers are on the wire: never reuse, never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// First frame of the side that connected.
    Hello = 1,
    /// Answer to it.
    Welcome = 2,
    /// Entries for a follower, or a heartbeat.
    Append = 3,
    /// Answer to it.
    AppendReply = 4,
    /// Streams of appends that their sender has given up.
    StreamsEnded = 5,
    /// Liveness and leader claims.
    Ping = 6,
    /// A question that wants one answer.
    Request = 7,
    /// That answer.
    Response = 8,
}

impl FrameKind {
    fn from_number(number: u8) -> Result<Self, DecodeError> {
        match number {
            1 => Ok(FrameKind::Hello),
            2 => Ok(FrameKind::Welcome),
            3 => Ok(FrameKind::Append),
            4 => Ok(FrameKind::AppendReply),
            5 => Ok(FrameKind::StreamsEnded),
            6 => Ok(FrameKind::Ping),
            7 => Ok(FrameKind::Request),
            8 => Ok(FrameKind::Response),
            _ => Err(DecodeError::Unknown { field: "frame kind", value: u64::from(number) }),
        }
    }
}

/// A frame as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it carries.
    pub kind: FrameKind,
    /// Shares the read buffer's memory.
    pub payload: Bytes,
}

/// What is at the front of a read buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Front {
    /// A whole frame, taken out of the buffer.
    Frame(Frame),
    /// At least so many bytes are missing.
    Missing(usize),
}

/// Takes the next frame out of a read buffer. A frame above `bytes_max` is refused as soon as its
/// length is known, before anything is reserved for it.
pub fn take_frame(buffer: &mut BytesMut, bytes_max: usize) -> Result<Front, DecodeError> {
    let Some(declared) = buffer.first_chunk::<LENGTH_BYTES>() else {
        return Ok(Front::Missing(LENGTH_BYTES - buffer.len()));
    };
    let bytes = u32::from_le_bytes(*declared) as usize;
    if bytes < KIND_BYTES {
        return Err(DecodeError::Truncated { field: "frame kind" });
    }
    if bytes > bytes_max {
        return Err(DecodeError::Oversize { bytes, bytes_max });
    }
    let missing = (LENGTH_BYTES + bytes).saturating_sub(buffer.len());
    if missing > 0 {
        return Ok(Front::Missing(missing));
    }
    buffer.advance(LENGTH_BYTES);
    let mut frame = buffer.split_to(bytes).freeze();
    let kind = FrameKind::from_number(frame.get_u8())?;
    Ok(Front::Frame(Frame { kind, payload: frame }))
}

/// A message that doesn't fit into a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of {bytes} bytes doesn't fit into a frame of {PEER_FRAME_BYTES_MAX}")]
pub struct TooLarge {
    /// Its size.
    pub bytes: usize,
}

/// A frame ready to be written: a head of its own, and payloads that are shared, not copied.
#[derive(Debug, Clone)]
pub struct EncodedFrame {
    head: Bytes,
    payloads: Vec<Bytes>,
    bytes: usize,
}

impl EncodedFrame {
    /// Its pieces in order; none is empty.
    pub fn chunks(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.head).chain(&self.payloads).filter(|chunk| !chunk.is_empty())
    }

    /// Bytes on the wire.
    pub fn size(&self) -> usize {
        self.bytes
    }

    /// Copies it into one buffer; for tests and for small frames.
    pub fn to_bytes(&self) -> Bytes {
        let mut all = BytesMut::with_capacity(self.bytes);
        self.chunks().for_each(|chunk| all.extend_from_slice(chunk));
        all.freeze()
    }
}

/// Builds a frame's head; `finish` adds the payloads.
#[derive(Debug)]
pub(super) struct FrameBuilder {
    pub(super) head: BytesMut,
}

impl FrameBuilder {
    pub(super) fn new(kind: FrameKind, capacity: usize) -> Self {
        let mut head = BytesMut::with_capacity(LENGTH_BYTES + KIND_BYTES + capacity);
        head.put_u32_le(0);
        head.put_u8(kind as u8);
        FrameBuilder { head }
    }

    pub(super) fn finish(mut self, payloads: Vec<Bytes>) -> Result<EncodedFrame, TooLarge> {
        let bytes = self.head.len() + payloads.iter().map(Bytes::len).sum::<usize>();
        if bytes - LENGTH_BYTES > PEER_FRAME_BYTES_MAX {
            return Err(TooLarge { bytes });
        }
        let declared = length(bytes - LENGTH_BYTES);
        self.head[..LENGTH_BYTES].copy_from_slice(&declared.to_le_bytes());
        Ok(EncodedFrame { head: self.head.freeze(), payloads, bytes })
    }

    /// For frames that are small by construction.
    pub(super) fn finish_small(self) -> EncodedFrame {
        self.finish(Vec::new()).expect("a frame of control data is far below the limit")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: FrameKind, head: &[u8], payloads: Vec<Bytes>) -> EncodedFrame {
        let mut builder = FrameBuilder::new(kind, head.len());
        builder.head.extend_from_slice(head);
        builder.finish(payloads).unwrap()
    }

    #[test]
    fn bytes_of_a_frame_never_change() {
        let bytes = frame(FrameKind::Ping, &[9], vec![Bytes::from_static(&[7, 8])]).to_bytes();
        assert_eq!(&bytes[..], &[4, 0, 0, 0, 6, 9, 7, 8]);
    }

    #[test]
    fn oversize_frame_is_refused_by_its_length_alone() {
        let mut buffer = BytesMut::from(&(101u32.to_le_bytes())[..]);
        assert!(matches!(
            take_frame(&mut buffer, 100),
            Err(DecodeError::Oversize { bytes: 101, bytes_max: 100 })
        ));
    }

    #[test]
    fn message_that_fits_no_frame_is_not_built() {
        let half = Bytes::from(vec![0; PEER_FRAME_BYTES_MAX / 2]);
        let builder = FrameBuilder::new(FrameKind::Append, 0);
        assert!(builder.finish(vec![half.clone(), half]).is_err());
    }

    #[test]
    fn payload_is_a_slice_of_the_read_buffer() {
        let bytes = frame(FrameKind::Append, &[], vec![Bytes::from(vec![1; 4096])]).to_bytes();
        let mut buffer = BytesMut::from(&bytes[..]);
        let start = buffer.as_ptr() as usize;
        let Front::Frame(frame) = take_frame(&mut buffer, 8192).unwrap() else { panic!() };
        assert_eq!(frame.payload.as_ptr() as usize, start + LENGTH_BYTES + KIND_BYTES);
    }

    proptest! {
        #[test]
        fn frames_survive_any_fragmentation(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..10),
            step in 1usize..40,
        ) {
            let mut stream = Vec::new();
            for payload in &payloads {
                let encoded = frame(FrameKind::Request, &[], vec![Bytes::from(payload.clone())]);
                prop_assert_eq!(encoded.size(), encoded.to_bytes().len());
                stream.extend_from_slice(&encoded.to_bytes());
            }
            let (mut buffer, mut seen) = (BytesMut::new(), Vec::new());
            for piece in stream.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Front::Frame(frame) = take_frame(&mut buffer, 100).unwrap() {
                    seen.push(frame.payload.to_vec());
                }
            }
            prop_assert_eq!(seen, payloads);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut buffer = BytesMut::from(&noise[..]);
            while let Ok(Front::Frame(_)) = take_frame(&mut buffer, 1 << 10) {}
        }
    }
}
