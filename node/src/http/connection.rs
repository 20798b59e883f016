//! A client's socket with its time limits: the head of a request must come in time (of HTTP/2, that of
//! the first), a connection without a request may be idle for a while, and a client that stops reading is given up. Bodies
//! have limits of their own (`body`); while a request is being answered reading has none here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::net::TcpStream;

/// What HTTP/2 clients say first.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// First byte of a new connection.
    pub(super) first_byte: Duration,
    /// From the first byte of a request's head to the last.
    pub(super) head: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
    /// For a client that does not read what it asked for.
    pub(super) write: Duration,
}

/// Requests of a connection that are being answered.
#[derive(Debug, Clone, Default)]
pub(super) struct InProgress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    /// Since the connection began.
    begun: AtomicUsize,
}

/// Counts as one request until dropped.
#[derive(Debug)]
pub(super) struct Progressing(InProgress);

impl InProgress {
    pub(super) fn begin(&self) -> Progressing {
        self.0.begun.fetch_add(1, Ordering::AcqRel);
        self.0.now.fetch_add(1, Ordering::AcqRel);
        Progressing(self.clone())
    }

    fn any(&self) -> bool {
        self.0.now.load(Ordering::Acquire) > 0
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Acquire)
    }
}

impl Drop for Progressing {
    fn drop(&mut self) {
        self.0.0.now.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Which protocol a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// The socket.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// Read while the protocol was found out.
    prefix: Bytes,
    protocol: Protocol,
    in_progress: InProgress,
    timeouts: Timeouts,
    /// A head is being read: that of the request after so many.
    head: Option<usize>,
    reading: Option<(Limit, Pin<Box<Sleep>>)>,
    writing: Option<Pin<Box<Sleep>>>,
}

/// What a read waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// Of the request after so many.
    Head(usize),
    /// After so many requests.
    Idle(usize),
}

impl Connection {
    /// Finds out the protocol by what the client says first.
    pub(super) async fn accept(
        mut stream: TcpStream,
        timeouts: Timeouts,
        in_progress: InProgress,
    ) -> io::Result<Self> {
        let mut prefix = [0; HTTP2_PREFACE.len()];
        let first = stream.read(&mut prefix[..1]);
        let mut length = tokio::time::timeout(timeouts.first_byte, first).await??;
        let rest = async {
            while length > 0
                && length < prefix.len()
                && HTTP2_PREFACE.starts_with(&prefix[..length])
            {
                match stream.read(&mut prefix[length..]).await? {
                    0 => break,
                    read => length += read,
                }
            }
            io::Result::Ok(())
        };
        tokio::time::timeout(timeouts.head, rest).await??;
        let is_http2 = prefix[..length] == *HTTP2_PREFACE;
        Ok(Connection {
            stream,
            prefix: Bytes::copy_from_slice(&prefix[..length]),
            protocol: if is_http2 { Protocol::Http2 } else { Protocol::Http1 },
            in_progress,
            timeouts,
            head: Some(0),
            reading: None,
            writing: None,
        })
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn was_read(&mut self) {
        // Frames of HTTP/2 that are no request, such as pings, prolong nothing.
        if self.protocol == Protocol::Http1 && !self.in_progress.any() {
            self.head = Some(self.in_progress.begun());
        }
    }

    /// A read found nothing: is it still in time?
    fn poll_in_time(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(limit) = self.read_limit() else {
            self.reading = None;
            return Poll::Pending;
        };
        if self.reading.as_ref().is_none_or(|(armed, _)| *armed != limit) {
            let time = match limit {
                Limit::Head(_) => self.timeouts.head,
                Limit::Idle(_) => self.timeouts.idle,
            };
            self.reading = Some((limit, Box::pin(tokio::time::sleep(time))));
        }
        if let Some((_, sleep)) = &mut self.reading {
            ready!(sleep.as_mut().poll(cx));
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn read_limit(&mut self) -> Option<Limit> {
        if self.in_progress.any() {
            self.head = None;
            return None;
        }
        let begun = self.in_progress.begun();
        let is_head = match self.protocol {
            // A request may begin and end between two reads.
            Protocol::Http1 => self.head == Some(begun),
            // Where a later head begins can't be seen from here: it has the time of an idle one.
            Protocol::Http2 => begun == 0,
        };
        Some(if is_head { Limit::Head(begun) } else { Limit::Idle(begun) })
    }

    /// A write found no room: is it still in time?
    fn poll_written<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        let limit = self.timeouts.write;
        let sleep = self.writing.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.prefix.is_empty() {
            let length = self.prefix.len().min(buf.remaining());
            buf.put_slice(&self.prefix[..length]);
            self.prefix.advance(length);
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(read) => {
                self.was_read();
                Poll::Ready(read)
            }
            Poll::Pending => self.poll_in_time(cx),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.poll_written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An answer that holds something, such as its place or its room, until its body has been sent.
pub(super) fn while_sending<H>(response: Response, held: H) -> Response
where
    H: Send + Unpin + 'static,
{
    response.map(|body| Body::new(Sending { body, _held: held }))
}

struct Sending<H> {
    body: Body,
    _held: H,
}

impl<H: Unpin> http_body::Body for Sending<H> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
