//! Takes a response out of an instance: one whose body is the unread stream of an open file becomes a head and a
//! segment of that file, and a complete one is parsed. The instance is then free.
//!
//! Three functions of WASI 0.3 are replaced. A handler gains no access, because it can only use a descriptor that it
//! has opened. Files that the handler reads itself come through the same stream, in large blocks.

use crate::beneath::Stat;
use crate::file_body;
use crate::file_body::Segment;
use crate::io_errors::Reporter;
use crate::number::to_u64;
use crate::override_import::override_import;
use crate::read_at::read_at;
use crate::state::{Handoff, HostBody, InstanceState, PassedResponse};
use crate::wasi_version::WasiVersion::P3;
use bytes::{Bytes, BytesMut};
use glasshouse_protocol::{CompleteResponse, Piece, RESPONSE};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http_body_util::Empty;
use std::any::{Any, TypeId};
use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Destination, FutureReader, Linker, Resource, StreamProducer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut as _, Result, StoreContextMut, bail, format_err};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode as FileError;
use wasmtime_wasi_http::p3::Response;
use wasmtime_wasi_http::p3::bindings::http::types::{
    ErrorCode as HttpError, HeaderError, HostFields, HostResponseWithStore,
};
use wasmtime_wasi_http::{FieldMap, WasiHttp, WasiHttpView};

/// Bytes of a block that a handler reads.
const READ_BLOCK: usize = 64 << 10;

type Trailers = FutureReader<Result<Option<Resource<FieldMap>>, HttpError>>;

/// Replaces `descriptor.read-via-stream`, `fields.append` and `response.new` of WASI 0.3.
pub(crate) fn override_imports(linker: &mut Linker<InstanceState>) -> Result<()> {
    let read = "[method]descriptor.read-via-stream";
    override_import(linker, "wasi:filesystem/types", P3, read, |files, name| files.func_wrap(name, read_via_stream))?;
    let append = "[method]fields.append";
    override_import(linker, "wasi:http/types", P3, append, |http, name| http.func_wrap(name, fields_append))?;
    let new = "[static]response.new";
    override_import(linker, "wasi:http/types", P3, new, |http, name| http.func_wrap(name, response_new))
}

type FileRead = (StreamReader<u8>, FutureReader<Result<(), FileError>>);

fn read_via_stream(
    mut store: StoreContextMut<'_, InstanceState>,
    (descriptor, offset): (Resource<Descriptor>, u64),
) -> Result<(FileRead,)> {
    let file = match store.data_mut().table.get(&descriptor)? {
        Descriptor::File(file) => Arc::clone(&file.file),
        Descriptor::Dir(_) => {
            let empty = StreamReader::new(&mut store, std::iter::empty())?;
            let outcome = FutureReader::new(&mut store, async { wasmtime::error::Ok(Err(FileError::IsDirectory)) })?;
            return Ok(((empty, outcome),));
        }
    };
    let (done, outcome) = oneshot::channel();
    let reporter = Arc::clone(&store.data().files.reporter);
    let stream = StreamReader::new(&mut store, FileStream { file, offset, done: Some(done), reporter })?;
    Ok(((stream, FutureReader::new(&mut store, outcome)?),))
}

/// The content of a file from an offset. `response_new` recognizes it by its type.
struct FileStream {
    file: Arc<File>,
    offset: u64,
    done: Option<oneshot::Sender<Result<(), FileError>>>,
    reporter: Arc<Reporter>,
}

impl FileStream {
    fn end(&mut self, outcome: Result<(), FileError>) -> StreamResult {
        if let Some(done) = self.done.take() {
            // The handler may have dropped the future.
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

impl StreamProducer<InstanceState> for FileStream {
    type Item = u8;
    type Buffer = BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'a, InstanceState>,
        destination: Destination<'a, u8, BytesMut>,
        _: bool,
    ) -> Poll<Result<StreamResult>> {
        store.data_mut().record_content(&self.file);
        let mut destination = destination.as_direct(store, READ_BLOCK);
        let block = destination.remaining();
        if block.is_empty() {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let read = read_at(&self.file, block, self.offset);
        Poll::Ready(Ok(match read {
            Ok(0) => self.end(Ok(())),
            Ok(read) => {
                destination.mark_written(read);
                self.offset = self.offset.saturating_add(to_u64(read));
                StreamResult::Completed
            }
            Err(error) => {
                self.reporter.report("read", &self.file, "", &error);
                self.end(Err(error.into()))
            }
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

/// Takes a complete response.
fn fields_append(
    mut store: StoreContextMut<'_, InstanceState>,
    (fields, name, value): (Resource<FieldMap>, String, Vec<u8>),
) -> Result<(Result<(), HeaderError>,)> {
    let state = store.data_mut();
    if name == RESPONSE && state.handoff == Handoff::Direct {
        let invalid = || format_err!("the handler passed an invalid '{RESPONSE}'");
        state.complete = Some(complete(state, Bytes::from(value)).ok_or_else(invalid)?);
        return Ok((Ok(()),));
    }
    Ok((match HostFields::append(&mut state.http(), fields, name, value) {
        Ok(()) => Ok(()),
        Err(error) => Err(error.downcast()?),
    },))
}

/// Parses a complete response. `None` if it is invalid, or if it names two files or one that was not opened.
fn complete(state: &mut InstanceState, form: Bytes) -> Option<PassedResponse> {
    let response = CompleteResponse::parse(&form)?;
    let mut fields = HeaderMap::with_capacity(response.fields.len());
    for (name, value) in response.fields {
        let name = HeaderName::from_bytes(name).ok()?;
        let value = HeaderValue::from_maybe_shared(form.slice_ref(value)).ok()?;
        let is_repeated = name == CONTENT_LENGTH && fields.contains_key(CONTENT_LENGTH);
        if is_repeated || state.http().hooks.is_forbidden_header(&name) {
            return None;
        }
        fields.append(name, value);
    }
    let (mut number, mut segments) = (None, Vec::with_capacity(response.pieces.len()));
    for piece in response.pieces {
        segments.push(match piece {
            Piece::Text(text) => Segment::Bytes(form.slice_ref(text)),
            Piece::File { number: of_piece, start, end } if *number.get_or_insert(of_piece) == of_piece => {
                Segment::File { offset: start, length: end.checked_sub(start)? }
            }
            Piece::File { .. } => return None,
        });
    }
    let file = match number {
        Some(number) => Some(opened(state, number)?),
        None => None,
    };
    let status = StatusCode::from_u16(response.status).ok()?;
    Some(PassedResponse { status, fields, file, segments })
}

/// The open file with this number, and its metadata when it was opened.
fn opened(state: &InstanceState, number: u64) -> Option<(Arc<File>, Stat)> {
    let (descriptor, stat) = state.opened.find(number)?;
    match state.table.get(&Resource::<Descriptor>::new_borrow(descriptor)) {
        Ok(Descriptor::File(file)) => Some((Arc::clone(&file.file), stat)),
        _ => None,
    }
}

type NewResponse = (Resource<Response>, FutureReader<Result<(), HttpError>>);

fn response_new(
    mut store: StoreContextMut<'_, InstanceState>,
    (fields, body, trailers): (Resource<FieldMap>, Option<StreamReader<u8>>, Trailers),
) -> Result<(NewResponse,)> {
    let body = match store.data().handoff {
        Handoff::Pumped => Err(body),
        Handoff::Direct => match body.map(|body| body.try_into::<FileStream>(store.as_context_mut())) {
            None => Ok(HostBody::Empty),
            Some(Ok(stream)) => Ok(HostBody::File { file: Arc::clone(&stream.file), offset: stream.offset }),
            Some(Err(body)) => Err(Some(body)),
        },
    };
    let body = match body {
        Ok(body) => body,
        Err(body) => {
            let access = Access::<InstanceState, WasiHttp>::new(store, <InstanceState as WasiHttpView>::http);
            return Ok((<WasiHttp as HostResponseWithStore<InstanceState>>::new(access, fields, body, trailers)?,));
        }
    };
    Ok((host_response(store, fields, body, trailers)?,))
}

/// A response that no longer needs its instance. It has no trailers, so their future is closed.
fn host_response(
    mut store: StoreContextMut<'_, InstanceState>,
    fields: Resource<FieldMap>,
    body: HostBody,
    mut trailers: Trailers,
) -> Result<NewResponse> {
    trailers.close(store.as_context_mut())?;
    let mut fields = store.data_mut().table.delete(fields)?;
    fields.set_immutable();
    let view = store.data_mut().http();
    let (mut response, _) = Response::from_http(view.hooks, http::Response::new(Empty::<Bytes>::new()));
    response.headers = fields;
    let response = view.table.push(response)?;
    store.data_mut().host_bodies.insert(response.rep(), body);
    let transmitted = FutureReader::new(store, async { wasmtime::error::Ok(Ok(())) })?;
    Ok((response, transmitted))
}

/// The segment of an unread stream: as many bytes as `content-length` announces, or else the rest of the file.
///
/// # Errors
/// The file cannot report its length.
pub(crate) fn rest_of_file(fields: &HeaderMap, file: &File, offset: u64) -> Result<Arc<[Segment]>> {
    let length = match announced(fields) {
        Some(length) => length,
        None => file.metadata()?.len().saturating_sub(offset),
    };
    Ok([Segment::File { offset, length }].into())
}

/// The segments of a complete response. A response without a body may announce a length if it answers HEAD.
///
/// # Errors
/// Their length differs from the announced one.
pub(crate) fn checked(fields: &HeaderMap, segments: Vec<Segment>, is_head: bool) -> Result<Arc<[Segment]>> {
    let announced = announced(fields);
    let is_equal = match segments.as_slice() {
        [] => is_head || announced.is_none_or(|announced| announced == 0),
        segments => announced == Some(file_body::length(segments)),
    };
    if is_equal {
        Ok(segments.into())
    } else {
        bail!("the handler announced a length that differs from that of its body")
    }
}

/// The announced length of a body in bytes (RFC 9110, 8.6).
pub(crate) fn announced(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::body_handoff::*;

    #[track_caller]
    fn check(segments: &[Segment], length: Option<&'static str>, is_head: bool, expected: bool) {
        let length = length.map(|length| (CONTENT_LENGTH, HeaderValue::from_static(length)));
        let got = checked(&HeaderMap::from_iter(length), segments.to_vec(), is_head);
        assert_eq!(got.is_ok(), expected, "{segments:?} {is_head}");
    }

    #[test]
    fn a_body_has_its_announced_length() {
        let (file, text) = (Segment::File { offset: 7, length: 5 }, Segment::Bytes(Bytes::from_static(b"\xff\r\n")));
        check(std::slice::from_ref(&file), Some("5"), false, true);
        check(&[text.clone(), file.clone()], Some("8"), false, true);
        for length in [None, Some("4"), Some("x"), Some("9")] {
            check(&[text.clone(), file.clone()], length, false, false);
        }
        for (length, is_head, expected) in
            [(None, false, true), (Some("0"), false, true), (Some("5"), true, true), (Some("5"), false, false)]
        {
            check(&[], length, is_head, expected);
        }
    }
}
