//! The way into a connection: frames cut out of one read buffer in place.

use std::io;

use bytes::BytesMut;
use rampart_api::peer::DecodeError;
use rampart_api::peer::frame::{Frame, Front, take_frame};
use tokio::io::AsyncReadExt;

use crate::net::OwnedReadHalf;

/// Room that is made for a read. Entries that are kept pin the block they were read into.
const READ_BYTES: usize = 64 << 10;

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The other side closed it.
    #[error("closed by the other side")]
    Closed,
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came is not the protocol.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Reads frames from a socket.
#[derive(Debug)]
pub(super) struct FrameReader {
    socket: OwnedReadHalf,
    buffer: BytesMut,
}

impl FrameReader {
    pub(super) fn new(socket: OwnedReadHalf) -> Self {
        FrameReader { socket, buffer: BytesMut::new() }
    }

    /// A frame that is already here, without touching the socket.
    pub(super) fn buffered(&mut self, bytes_max: usize) -> Result<Option<Frame>, ReadError> {
        match take_frame(&mut self.buffer, bytes_max)? {
            Front::Frame(frame) => Ok(Some(frame)),
            Front::Missing(bytes) => {
                // At most the limit, which `take_frame` has checked against the declared length.
                if self.buffer.capacity() - self.buffer.len() < bytes {
                    self.buffer.reserve(bytes.max(READ_BYTES));
                }
                Ok(None)
            }
        }
    }

    /// The next frame of at most `bytes_max`. Losing the future loses nothing.
    pub(super) async fn next(&mut self, bytes_max: usize) -> Result<Frame, ReadError> {
        loop {
            if let Some(frame) = self.buffered(bytes_max)? {
                return Ok(frame);
            }
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(ReadError::Closed);
            }
        }
    }
}
