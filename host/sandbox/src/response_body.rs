//! The body of a response: assembled by the host, or written by an instance.

use crate::file_body::FileBody;
use bytes::Bytes;
use glasshouse_quota::sync::lock;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty};
use std::fs::File;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use wasmtime_wasi_http::{Error, WasiBody};

/// The body of a response.
pub enum ResponseBody {
    /// The host assembles it from a file and from bytes in memory. It may be empty.
    File(FileBody),
    /// An instance writes it.
    Guest(WasiBody),
}

/// A [`FileBody`] in the extensions of a response.
#[derive(Clone)]
struct DetachedBody(Arc<Mutex<Option<FileBody>>>);

/// An empty body.
pub(crate) fn empty() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

impl ResponseBody {
    /// Moves a [`FileBody`] into the extensions: channels of wasmtime-wasi-http pass only its own body type.
    pub(crate) fn pack(response: Response<ResponseBody>) -> Response<WasiBody> {
        let (mut head, body) = response.into_parts();
        let body = match body {
            ResponseBody::Guest(body) => body,
            ResponseBody::File(body) => {
                head.extensions.insert(DetachedBody(Arc::new(Mutex::new(Some(body)))));
                empty()
            }
        };
        Response::from_parts(head, body)
    }

    /// Reverses [`ResponseBody::pack`].
    pub(crate) fn unpack(response: Response<WasiBody>) -> Response<ResponseBody> {
        let (mut head, body) = response.into_parts();
        let detached = head.extensions.remove::<DetachedBody>();
        let file = detached.and_then(|DetachedBody(body)| lock(&body).take());
        Response::from_parts(head, file.map_or(ResponseBody::Guest(body), ResponseBody::File))
    }

    /// Limits the bytes of later frames. Returns `false` if an instance chooses the frames.
    pub fn bound(&mut self, max_frame: usize) -> bool {
        match self {
            ResponseBody::File(body) => {
                body.bound(max_frame);
                true
            }
            ResponseBody::Guest(_) => false,
        }
    }
}

impl ResponseBody {
    /// The part of a file that comes next, if it is in the page cache: the file, the position, and at most `max` bytes.
    pub fn file_range(&mut self, max: usize) -> Option<(Arc<File>, u64, usize)> {
        match self {
            ResponseBody::File(body) => body.file_range(max),
            ResponseBody::Guest(_) => None,
        }
    }

    /// Skips bytes that the caller has sent.
    pub fn advance(&mut self, bytes: usize) {
        if let ResponseBody::File(body) = self {
            body.advance(bytes);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            ResponseBody::File(body) => Pin::new(body).poll_frame(cx),
            ResponseBody::Guest(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::File(body) => body.is_end_stream(),
            ResponseBody::Guest(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::File(body) => body.size_hint(),
            ResponseBody::Guest(body) => body.size_hint(),
        }
    }
}
