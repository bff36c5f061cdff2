//! The content of an answer: pieces of a file, or what an instance makes. It refuses to know how either comes about.

use crate::plane::FileBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime_wasi_http::{Error, WasiBody};

/// The content of an answer.
pub enum ResponseBody {
    /// No instance has a part in it; it may be nothing.
    File(FileBody),
    /// An instance makes it.
    Made(WasiBody),
}

impl ResponseBody {
    /// Reads no more than `room` bytes at once from here on; `false` where an instance makes the pieces.
    pub fn bound(&mut self, room: usize) -> bool {
        match self {
            ResponseBody::File(body) => {
                body.bound(room);
                true
            }
            ResponseBody::Made(_) => false,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            ResponseBody::File(body) => Pin::new(body).poll_frame(cx),
            ResponseBody::Made(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::File(body) => body.is_end_stream(),
            ResponseBody::Made(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::File(body) => body.size_hint(),
            ResponseBody::Made(body) => body.size_hint(),
        }
    }
}
