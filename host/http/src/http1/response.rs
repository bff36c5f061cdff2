//! Sends a response of HTTP/1.1: its head, and its body with `sendfile` where the stream supports it.

use crate::handler::Handler;
use crate::http_date::head_end;
use crate::send_file::SendFile;
use crate::service::LoggedBody;
use bytes::{Buf as _, Bytes};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE};
use http::{Method, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::Poll;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::task::yield_now;

/// Bytes of a file in one call of `sendfile`. Other connections of the thread run between two calls.
const FILE_TURN: usize = 256 << 10;
/// Shorter parts of a file are written together with the head. For them the kernel copies faster than it moves pages.
const MIN_SEND_FILE: usize = 32 << 10;
/// Slices of one write: a head with its end, and a chunk with its size and its end.
const MAX_SLICES: usize = 5;
const LINE_END: Bytes = Bytes::from_static(b"\r\n");
/// The chunk that ends a body, without trailers (RFC 9112 7.1).
const LAST_CHUNK: Bytes = Bytes::from_static(b"0\r\n\r\n");

/// How a client finds the end of a body (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyFraming {
    /// There is no body: the request is HEAD, or the status is 204 or 304.
    Absent,
    /// `content-length`
    Length,
    /// `transfer-encoding: chunked`
    Chunked,
}

/// The head of a response, ready to be sent.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    /// The status line and the fields.
    lines: Bytes,
    framing: BodyFraming,
    /// Whether the connection ends behind the response.
    pub(crate) is_last: bool,
    /// Whether `lines` contain `connection: close`.
    has_connection: bool,
}

impl ResponseHead {
    /// The head of a replayed response, which has a length if it has a body.
    pub(crate) fn replayed(lines: Bytes, method: &Method, status: StatusCode, is_last: bool) -> ResponseHead {
        let framing = if has_body(method, status) { BodyFraming::Length } else { BodyFraming::Absent };
        ResponseHead { lines, framing, is_last, has_connection: false }
    }

    /// Writes the head of a response as hyper does: with lower-case names, and with a `content-length` if the body has
    /// a known length. `Date` comes later.
    pub(crate) fn encode<B: Body>(response: &Response<B>, method: &Method, is_last: bool) -> ResponseHead {
        let (status, fields) = (response.status(), response.headers());
        let mut lines = Vec::with_capacity(256);
        lines.extend_from_slice(b"HTTP/1.1 ");
        lines.extend_from_slice(status.as_str().as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(status.canonical_reason().unwrap_or("<none>").as_bytes());
        lines.extend_from_slice(b"\r\n");
        let mut push = |name: &[u8], value: &[u8]| {
            [name, b": ", value, b"\r\n"].iter().for_each(|part| lines.extend_from_slice(part));
        };
        fields.iter().filter(|(name, _)| *name != DATE).for_each(|(name, value)| {
            push(name.as_str().as_bytes(), value.as_bytes());
        });
        let length = response.body().size_hint().exact();
        let framing = match (has_body(method, status), length) {
            (true, Some(_)) => BodyFraming::Length,
            (true, None) if fields.contains_key(CONTENT_LENGTH) => BodyFraming::Length,
            (true, None) => BodyFraming::Chunked,
            (false, _) => BodyFraming::Absent,
        };
        match (framing, length.filter(|_| !fields.contains_key(CONTENT_LENGTH))) {
            (BodyFraming::Chunked, _) => push(b"transfer-encoding", b"chunked"),
            (BodyFraming::Length, Some(length)) => push(b"content-length", length.to_string().as_bytes()),
            // A response to HEAD has the length of the body that GET would get (RFC 9110 9.3.2).
            (BodyFraming::Absent, Some(length @ 1..)) if may_have_body(status) => {
                push(b"content-length", length.to_string().as_bytes());
            }
            _ => {}
        }
        let has_connection =
            fields.get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        ResponseHead { lines: lines.into(), framing, is_last: is_last || has_connection, has_connection }
    }

    fn into_slices(self) -> [Bytes; 2] {
        [self.lines, head_end(self.is_last && !self.has_connection)]
    }
}

fn has_body(method: &Method, status: StatusCode) -> bool {
    *method != Method::HEAD && may_have_body(status)
}

fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational() && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Sends a response. Returns when the stream has all of its bytes.
///
/// # Errors
/// The stream fails, or the body does. Then the client must not take the response for complete, so the connection has
/// to end.
pub(crate) async fn send<S, H>(stream: &mut S, head: ResponseHead, mut body: LoggedBody<H>) -> io::Result<()>
where
    S: SendFile + Unpin,
    H: Handler,
{
    let framing = head.framing;
    let mut head = Some(head.into_slices());
    while framing != BodyFraming::Absent && !body.is_end_stream() {
        if framing == BodyFraming::Length
            && stream.sends_files()
            && let Some(range) = body.file_range(FILE_TURN).filter(|range| range.length >= MIN_SEND_FILE)
        {
            if let Some(slices) = head.take() {
                write_before_file(stream, slices).await?;
            }
            let sent = poll_fn(|cx| Pin::new(&mut *stream).poll_send_file(cx, &range)).await?;
            // At the end of a file that has become shorter, the body below reports the error.
            if sent > 0 {
                body.advance(sent);
                yield_now().await;
                continue;
            }
        }
        // A handler may take long to generate a frame. The client gets what there is.
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
        let frame = match polled {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                if let Some(slices) = head.take() {
                    write_all(stream, slices).await?;
                }
                stream.flush().await?;
                body.frame().await
            }
        };
        let data = match frame {
            None => break,
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(error)) => {
                if let Some(slices) = head.take() {
                    write_all(stream, slices).await?;
                    stream.flush().await?;
                }
                return Err(io::Error::other(error));
            }
        };
        let [head, end] = head.take().unwrap_or_default();
        match framing {
            BodyFraming::Chunked if !data.is_empty() => {
                let size = Bytes::from(format!("{:x}\r\n", data.len()));
                write_all(stream, [head, end, size, data, LINE_END]).await?;
            }
            _ => write_all(stream, [head, end, data]).await?,
        }
    }
    let [head, end] = head.take().unwrap_or_default();
    let last = if framing == BodyFraming::Chunked { LAST_CHUNK } else { Bytes::new() };
    write_all(stream, [head, end, last]).await?;
    stream.flush().await
}

/// Writes all bytes, in one call if the stream has room. A stream that takes one slice at a time gets a copy, because
/// under TLS each write is a record.
async fn write_all<S: AsyncWrite + Unpin, const N: usize>(stream: &mut S, mut slices: [Bytes; N]) -> io::Result<()> {
    const { assert!(N <= MAX_SLICES, "there is an empty slice for each position") };
    if !stream.is_write_vectored() && slices.iter().filter(|slice| !slice.is_empty()).count() > 1 {
        return stream.write_all(&slices.concat()).await;
    }
    loop {
        let written = {
            let mut filled = [IoSlice::new(&[]); MAX_SLICES];
            let rest = slices.iter().filter(|slice| !slice.is_empty());
            let count = filled.iter_mut().zip(rest).map(|(to, from)| *to = IoSlice::new(from)).count();
            match filled.get(..count).unwrap_or_default() {
                [] => return Ok(()),
                [one] => poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, one)).await?,
                several => poll_fn(|cx| Pin::new(&mut *stream).poll_write_vectored(cx, several)).await?,
            }
        };
        advance(&mut slices, written)?;
    }
}

/// Removes written bytes from the front.
fn advance(slices: &mut [Bytes], mut written: usize) -> io::Result<()> {
    if written == 0 {
        return Err(ErrorKind::WriteZero.into());
    }
    for slice in slices {
        let some = written.min(slice.len());
        slice.advance(some);
        written = written.saturating_sub(some);
    }
    Ok(())
}

/// Writes a head that the kernel sends together with the first bytes of the file behind it.
async fn write_before_file<S: SendFile + Unpin>(stream: &mut S, slices: [Bytes; 2]) -> io::Result<()> {
    let mut head = Bytes::from(slices.concat());
    while !head.is_empty() {
        let written = poll_fn(|cx| Pin::new(&mut *stream).poll_write_before_file(cx, &head)).await?;
        advance(std::slice::from_mut(&mut head), written)?;
    }
    Ok(())
}
