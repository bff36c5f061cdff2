//! The content of an answer: pieces of a file, or what an instance makes. It refuses to know how either comes about.

use crate::file_body::FileBody;
use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use wasmtime_wasi_http::{Error, WasiBody};

/// The content of an answer.
pub enum ResponseBody {
    /// No instance has a part in it; it may be nothing.
    File(FileBody),
    /// An instance makes it.
    Made(WasiBody),
}

/// A body that is handed over beside a response.
#[derive(Clone)]
struct Beside(Arc<Mutex<Option<FileBody>>>);

/// No content.
pub fn nothing() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

impl ResponseBody {
    /// A response as the library passes it on: it knows one kind of body alone.
    pub fn pack(response: Response<ResponseBody>) -> Response<WasiBody> {
        let (mut head, body) = response.into_parts();
        let body = match body {
            ResponseBody::Made(body) => body,
            ResponseBody::File(body) => {
                head.extensions.insert(Beside(Arc::new(Mutex::new(Some(body)))));
                nothing()
            }
        };
        Response::from_parts(head, body)
    }

    /// What was packed, or what the library made.
    pub fn unpack(response: Response<WasiBody>) -> Response<ResponseBody> {
        let (mut head, made) = response.into_parts();
        let beside = head.extensions.remove::<Beside>();
        let file = beside.and_then(|Beside(body)| body.lock().unwrap_or_else(PoisonError::into_inner).take());
        Response::from_parts(head, file.map_or(ResponseBody::Made(made), ResponseBody::File))
    }

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
