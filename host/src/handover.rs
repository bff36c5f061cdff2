//! Where the bytes of a file leave the sandbox: a response whose body is the stream of an open file becomes a head and
//! a [`Region`] of that file, and the instance is free. It refuses to know which file that is and who asked.
//!
//! Two functions of WASI 0.3 are shadowed for it. A handler cannot tell the difference, and gains nothing: it names a
//! descriptor that it holds already. Files that it reads itself come through the same stream in large blocks.

use crate::sandbox::State;
use bytes::{Bytes, BytesMut};
use http_body_util::Empty;
use std::any::{Any, TypeId};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Destination, FutureReader, Linker, Resource, StreamProducer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut as _, Result, StoreContextMut};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode as FileError;
use wasmtime_wasi_http::p3::Response;
use wasmtime_wasi_http::p3::bindings::http::types::{ErrorCode as HttpError, HostResponseWithStore};
use wasmtime_wasi_http::{FieldMap, WasiHttp, WasiHttpView};

/// Bytes read at once where the host itself is the reader of a file stream.
const BLOCK: usize = 64 << 10;

/// A part of an open file.
pub struct Region {
    pub file: Arc<File>,
    /// The first byte.
    pub offset: u64,
    /// How many bytes follow from there.
    pub length: u64,
}

/// What a response has for a body.
pub enum Content {
    Nothing,
    Region(Region),
}

type Trailers = FutureReader<Result<Option<Resource<FieldMap>>, HttpError>>;

/// Replaces `descriptor.read-via-stream` and `response.new`; all else stays the library's.
pub fn shadow(linker: &mut Linker<State>) -> Result<()> {
    linker.instance("wasi:filesystem/types@0.3.0")?.func_wrap("[method]descriptor.read-via-stream", read_via_stream)?;
    linker.instance("wasi:http/types@0.3.0")?.func_wrap("[static]response.new", response_new)?;
    Ok(())
}

type FileRead = (StreamReader<u8>, FutureReader<Result<(), FileError>>);

fn read_via_stream(
    mut store: StoreContextMut<'_, State>,
    (descriptor, offset): (Resource<Descriptor>, u64),
) -> Result<(FileRead,)> {
    let file = match store.data_mut().table.get(&descriptor)? {
        Descriptor::File(file) => Arc::clone(&file.file),
        Descriptor::Dir(_) => {
            let nothing = StreamReader::new(&mut store, std::iter::empty())?;
            let outcome = FutureReader::new(&mut store, async { wasmtime::error::Ok(Err(FileError::IsDirectory)) })?;
            return Ok(((nothing, outcome),));
        }
    };
    let (done, outcome) = oneshot::channel();
    let stream = StreamReader::new(&mut store, FileStream { file, offset, done: Some(done) })?;
    Ok(((stream, FutureReader::new(&mut store, outcome)?),))
}

/// The content of a file from an offset on, as a stream that can be taken back for what it is.
struct FileStream {
    file: Arc<File>,
    offset: u64,
    done: Option<oneshot::Sender<Result<(), FileError>>>,
}

impl FileStream {
    fn end(&mut self, outcome: Result<(), FileError>) -> StreamResult {
        if let Some(done) = self.done.take() {
            // Who does not wait for the outcome need not have it.
            drop(done.send(outcome));
        }
        StreamResult::Dropped
    }
}

impl Drop for FileStream {
    fn drop(&mut self) {
        self.end(Ok(()));
    }
}

impl StreamProducer<State> for FileStream {
    type Item = u8;
    type Buffer = BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        destination: Destination<'a, u8, BytesMut>,
        _: bool,
    ) -> Poll<Result<StreamResult>> {
        // Who reads a file has an answer that depends on what is in it.
        if let Some(recording) = &mut store.data_mut().recording {
            recording.spoil();
        }
        let mut destination = destination.as_direct(store, BLOCK);
        let block = destination.remaining();
        if block.is_empty() {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let read = self.file.read_at(block, self.offset);
        Poll::Ready(Ok(match read {
            Ok(0) => self.end(Ok(())),
            Ok(read) => {
                destination.mark_written(read);
                self.offset = self.offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
                StreamResult::Completed
            }
            Err(error) => self.end(Err(error.into())),
        }))
    }

    fn try_into(me: Pin<Box<Self>>, wanted: TypeId) -> Result<Box<dyn Any>, Pin<Box<Self>>> {
        if wanted != TypeId::of::<FileStream>() {
            return Err(me);
        }
        let stream: Box<FileStream> = Pin::into_inner(me);
        Ok(stream)
    }
}

type NewResponse = (Resource<Response>, FutureReader<Result<(), HttpError>>);

fn response_new(
    mut store: StoreContextMut<'_, State>,
    (fields, content, trailers): (Resource<FieldMap>, Option<StreamReader<u8>>, Trailers),
) -> Result<(NewResponse,)> {
    let stream = match content.map(|content| content.try_into::<FileStream>(store.as_context_mut())) {
        None => None,
        Some(Ok(stream)) => Some(stream),
        Some(Err(content)) => {
            let access = Access::<State, WasiHttp>::new(store, <State as WasiHttpView>::http);
            let content = Some(content);
            return Ok((<WasiHttp as HostResponseWithStore<State>>::new(access, fields, content, trailers)?,));
        }
    };
    Ok((without_stream(store, fields, stream.as_ref(), trailers)?,))
}

/// A response that needs nothing more of its instance: without content, or with a region for it, as long as the fields
/// say or else to the end of the file. Nobody waits for its trailers, so nothing is left behind that would.
fn without_stream(
    mut store: StoreContextMut<'_, State>,
    fields: Resource<FieldMap>,
    stream: Option<&FileStream>,
    mut trailers: Trailers,
) -> Result<NewResponse> {
    trailers.close(store.as_context_mut())?;
    let mut fields = store.data_mut().table.delete(fields)?;
    fields.set_immutable();
    let content = match stream {
        None => Content::Nothing,
        Some(FileStream { file, offset, .. }) => {
            let length = match announced(&fields) {
                Some(length) => length,
                None => file.metadata()?.len().saturating_sub(*offset),
            };
            Content::Region(Region { file: Arc::clone(file), offset: *offset, length })
        }
    };
    let view = store.data_mut().http();
    let (mut response, _) = Response::from_http(view.hooks, http::Response::new(Empty::<Bytes>::new()));
    response.headers = fields;
    let response = view.table.push(response)?;
    store.data_mut().contents.insert(response.rep(), content);
    let transmitted = FutureReader::new(store, async { wasmtime::error::Ok(Ok(())) })?;
    Ok((response, transmitted))
}

/// The value of Content-Length, which `fields` has checked when it was set.
fn announced(fields: &FieldMap) -> Option<u64> {
    fields.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
