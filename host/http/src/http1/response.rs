//! Sends a response of HTTP/1.1: its head, and its body with `sendfile` where the stream supports it.

use crate::handler::Handler;
use crate::http_date::head_end;
use crate::response_head::{BodyFraming, ResponseHead};
use crate::send_file::{FileRange, SendFile};
use crate::service::LoggedBody;
use bytes::{Buf as _, Bytes};
use http_body::Body;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use tokio::task::yield_now;

/// Bytes of a file in one call of `sendfile`. Other connections of the thread run between two calls.
const FILE_TURN: usize = 256 << 10;
/// Shorter parts of a file are written together with the head. For them the kernel copies faster than it moves pages.
const MIN_SEND_FILE: usize = 32 << 10;
/// Bytes that are copied into one slice: the kernel takes longer to read several.
const MAX_COPY: usize = 4 << 10;
/// Slices of one write.
const MAX_SLICES: usize = 5;
const LINE_END: Bytes = Bytes::from_static(b"\r\n");
/// The chunk that ends a body, without trailers (RFC 9112 7.1).
const LAST_CHUNK: Bytes = Bytes::from_static(b"0\r\n\r\n");

/// A response on its way to the client.
pub(crate) struct ResponseSender<H: Handler> {
    body: LoggedBody<H>,
    framing: BodyFraming,
    pub(crate) is_last: bool,
    /// Bytes to write: a head with its end, and a chunk with its size and its end.
    slices: [Bytes; MAX_SLICES],
    /// The part of a file behind them.
    file: Option<FileRange>,
    /// What ends the response behind them.
    end: Option<io::Result<()>>,
    /// Whether the next bytes of the body are in `slices`, `file` or `end`.
    is_filled: bool,
    /// Whether the file has become shorter. The body then reports the error.
    is_cut: bool,
}

impl<H: Handler> ResponseSender<H> {
    pub(crate) fn new(head: ResponseHead, body: LoggedBody<H>) -> ResponseSender<H> {
        let ResponseHead { lines, framing, is_last, has_connection } = head;
        let head_end = head_end(is_last && !has_connection);
        let slices = [lines, head_end, Bytes::new(), Bytes::new(), Bytes::new()];
        ResponseSender { body, framing, is_last, slices, file: None, end: None, is_filled: false, is_cut: false }
    }

    /// Sends as much as the stream takes. Ready when the stream has all bytes.
    ///
    /// # Errors
    /// The stream fails, or the body does. Then the client must not take the response for complete, so the connection
    /// has to end.
    pub(crate) fn poll<S: SendFile + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.is_filled && self.fill(stream, cx).is_pending() {
                // A handler may take long to generate a frame. The client gets what there is.
                ready!(self.poll_write(stream, cx))?;
                ready!(Pin::new(stream).poll_flush(cx))?;
                return Poll::Pending;
            }
            self.is_filled = true;
            ready!(self.poll_write(stream, cx))?;
            if let Some(range) = &self.file {
                let sent = ready!(Pin::new(&mut *stream).poll_send_file(cx, range))?;
                self.file = None;
                self.is_cut = sent == 0;
                self.body.advance(sent);
                self.is_filled = false;
                // Other connections of the thread have their turn.
                ready!(pin!(yield_now()).poll(cx));
                continue;
            }
            match &self.end {
                None => self.is_filled = false,
                Some(Ok(())) => return Pin::new(stream).poll_flush(cx),
                Some(Err(_)) => {
                    ready!(Pin::new(stream).poll_flush(cx))?;
                    return Poll::Ready(self.end.take().unwrap_or(Ok(())));
                }
            }
        }
    }

    /// Takes the next bytes of the body.
    fn fill(&mut self, stream: &impl SendFile, cx: &mut Context<'_>) -> Poll<()> {
        let has_more = self.framing != BodyFraming::Absent && !self.body.is_end_stream();
        if has_more && self.framing == BodyFraming::Length && stream.sends_files() && !self.is_cut {
            self.file = self.body.file_range(FILE_TURN).filter(|range| range.length >= MIN_SEND_FILE);
            if self.file.is_some() {
                return Poll::Ready(());
            }
        }
        let frame = if has_more { ready!(Pin::new(&mut self.body).poll_frame(cx)) } else { None };
        let is_chunked = self.framing == BodyFraming::Chunked;
        let [_, _, size, chunk, chunk_end] = &mut self.slices;
        match frame {
            None => {
                self.end = Some(Ok(()));
                *chunk_end = if is_chunked { LAST_CHUNK } else { Bytes::new() };
            }
            Some(Err(error)) => self.end = Some(Err(io::Error::other(error))),
            Some(Ok(frame)) => {
                *chunk = frame.into_data().unwrap_or_default();
                if is_chunked && !chunk.is_empty() {
                    *size = format!("{:x}\r\n", chunk.len()).into();
                    *chunk_end = LINE_END;
                } else if !is_chunked && self.body.is_end_stream() {
                    self.end = Some(Ok(()));
                }
            }
        }
        Poll::Ready(())
    }

    /// Writes all slices, in one call if the stream has room.
    fn poll_write<S: SendFile + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let count = self.slices.iter().filter(|slice| !slice.is_empty()).count();
            let total = self.slices.iter().map(Bytes::len).fold(0, usize::saturating_add);
            if count > 1 && total <= MAX_COPY && self.file.is_none() {
                let mut space = [MaybeUninit::uninit(); MAX_COPY];
                let mut copy = ReadBuf::uninit(&mut space);
                self.slices.iter().for_each(|slice| copy.put_slice(slice));
                let written = ready!(Pin::new(&mut *stream).poll_write(cx, copy.filled()))?;
                self.advance(written)?;
                continue;
            }
            // Under TLS each write is a record, and in front of a file each one is a system call.
            if count > 1 && (self.file.is_some() || !stream.is_write_vectored()) {
                let all = self.slices.concat();
                self.slices = Default::default();
                self.slices[0] = all.into();
            }
            let mut filled = [IoSlice::new(&[]); MAX_SLICES];
            let rest = self.slices.iter().filter(|slice| !slice.is_empty());
            let count = filled.iter_mut().zip(rest).map(|(to, from)| *to = IoSlice::new(from)).count();
            let stream = Pin::new(&mut *stream);
            let written = ready!(match filled.get(..count).unwrap_or_default() {
                [] => return Poll::Ready(Ok(())),
                [one] if self.file.is_some() => stream.poll_write_before_file(cx, one),
                [one] => stream.poll_write(cx, one),
                several => stream.poll_write_vectored(cx, several),
            })?;
            self.advance(written)?;
        }
    }

    /// Removes written bytes from the front.
    fn advance(&mut self, mut written: usize) -> io::Result<()> {
        if written == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        for slice in &mut self.slices {
            let some = written.min(slice.len());
            slice.advance(some);
            written = written.saturating_sub(some);
        }
        Ok(())
    }
}
