//! A body of stored batches, sent from the memory they were read into: its length is known, and
//! nothing is copied.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Batches back to back.
#[derive(Debug)]
pub(super) struct Batches {
    left: VecDeque<Bytes>,
    bytes: u64,
}

impl Batches {
    pub(super) fn new(batches: Vec<Bytes>) -> Self {
        let bytes = batches.iter().map(|batch| batch.len() as u64).sum();
        Batches { left: batches.into(), bytes }
    }
}

impl Body for Batches {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.left.pop_front();
        self.bytes -= next.as_ref().map_or(0, |batch| batch.len() as u64);
        Poll::Ready(next.map(|batch| Ok(Frame::data(batch))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}
