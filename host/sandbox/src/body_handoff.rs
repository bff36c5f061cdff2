//! Takes a body out of an instance: a response whose body is the unread stream of an open file, or whose pieces came
//! with its header fields, becomes a head and segments, and the instance is free.
//!
//! Three functions of WASI 0.3 are replaced. A handler gains no access, because it can only use a descriptor that it has
//! opened. Files that the handler reads itself come through the same stream, in large blocks.

use crate::file_body;
use crate::file_body::Segment;
use crate::io_errors::Reporter;
use crate::number::to_u64;
use crate::override_import::override_import;
use crate::state::{HostBody, InstanceState, PassedPieces};
use crate::wasi_version::WasiVersion::P3;
use bytes::{Bytes, BytesMut};
use glasshouse_protocol::{PIECE, Piece};
use http::header::{CONTENT_LENGTH, HeaderMap};
use http_body_util::Empty;
use rustix::fs::Stat;
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

/// Replaces `descriptor.read-via-stream`, `fields.from-list` and `response.new` of WASI 0.3.
pub(crate) fn override_imports(linker: &mut Linker<InstanceState>) -> Result<()> {
    let read = "[method]descriptor.read-via-stream";
    override_import(linker, "wasi:filesystem/types", P3, read, |files, name| files.func_wrap(name, read_via_stream))?;
    let from_list = "[static]fields.from-list";
    override_import(linker, "wasi:http/types", P3, from_list, |http, name| http.func_wrap(name, fields_from_list))?;
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
        let read = self.file.read_at(block, self.offset);
        Poll::Ready(Ok(match read {
            Ok(0) => self.end(Ok(())),
            Ok(read) => {
                destination.mark_written(read);
                self.offset = self.offset.saturating_add(to_u64(read));
                StreamResult::Completed
            }
            Err(error) => {
                self.reporter.report("read", &*self.file, "", &error);
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

type FieldEntries = Vec<(String, Vec<u8>)>;

/// Takes the pieces of the body out of the entries.
fn fields_from_list(
    mut store: StoreContextMut<'_, InstanceState>,
    (mut entries,): (FieldEntries,),
) -> Result<(Result<Resource<FieldMap>, HeaderError>,)> {
    let state = store.data_mut();
    let pieces = entries.extract_if(.., |(name, _)| name == PIECE).map(|(_, value)| value);
    let (file, segments) = read_pieces(pieces).ok_or_else(|| format_err!("the handler passed an invalid '{PIECE}'"))?;
    let fields = match HostFields::from_list(&mut state.http(), entries) {
        Ok(fields) => fields,
        Err(error) => return Ok((Err(error.downcast()?),)),
    };
    if !segments.is_empty() {
        state.pieces = Some(PassedPieces { fields: fields.rep(), file, segments });
    }
    Ok((Ok(fields),))
}

/// The segments of a body, and the number of their file. `None` if a piece is invalid, or if they name two files.
fn read_pieces(pieces: impl Iterator<Item = Vec<u8>>) -> Option<(Option<u64>, Vec<Segment>)> {
    let (mut file, mut segments) = (None, Vec::new());
    for value in pieces {
        segments.push(match Piece::parse(&value)? {
            Piece::File { number, start, end } if *file.get_or_insert(number) == number => {
                Segment::File { offset: start, length: end.checked_sub(start)? }
            }
            Piece::File { .. } => return None,
            Piece::Text(text) => {
                let before = value.len().checked_sub(text.len())?;
                Segment::Bytes(Bytes::from(value).slice(before..))
            }
        });
    }
    Some((file, segments))
}

type NewResponse = (Resource<Response>, FutureReader<Result<(), HttpError>>);

fn response_new(
    mut store: StoreContextMut<'_, InstanceState>,
    (fields, body, trailers): (Resource<FieldMap>, Option<StreamReader<u8>>, Trailers),
) -> Result<(NewResponse,)> {
    let pieces = store.data_mut().pieces.take_if(|pieces| pieces.fields == fields.rep());
    let body = match (body.map(|body| body.try_into::<FileStream>(store.as_context_mut())), pieces) {
        (None, None) => HostBody::Empty,
        (None, Some(PassedPieces { file, segments, .. })) => {
            let file = file.map(|number| opened(store.data(), number)).transpose()?;
            HostBody::Pieces { file, segments }
        }
        (Some(Ok(stream)), None) => HostBody::Stream { file: Arc::clone(&stream.file), offset: stream.offset },
        (Some(_), Some(_)) => bail!("the handler passed '{PIECE}', and a stream as well"),
        (Some(Err(body)), None) => {
            let access = Access::<InstanceState, WasiHttp>::new(store, <InstanceState as WasiHttpView>::http);
            return Ok((<WasiHttp as HostResponseWithStore<InstanceState>>::new(
                access,
                fields,
                Some(body),
                trailers,
            )?,));
        }
    };
    Ok((host_response(store, fields, body, trailers)?,))
}

/// The open file with this number, and its metadata when it was opened.
fn opened(state: &InstanceState, number: u64) -> Result<(Arc<File>, Stat)> {
    let unknown = || format_err!("the handler passed a '{PIECE}' of a file that it does not hold open");
    let (descriptor, stat) = state.opened.find(number).ok_or_else(unknown)?;
    match state.table.get(&Resource::<Descriptor>::new_borrow(descriptor)) {
        Ok(Descriptor::File(file)) => Ok((Arc::clone(&file.file), stat)),
        _ => Err(unknown()),
    }
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

/// Segments that the handler described.
///
/// # Errors
/// Their length differs from the announced one.
pub(crate) fn checked(fields: &HeaderMap, segments: Vec<Segment>) -> Result<Arc<[Segment]>> {
    match announced(fields) {
        Some(announced) if announced == file_body::length(&segments) => Ok(segments.into()),
        _ => bail!("the handler announced a length that differs from that of its '{PIECE}' entries"),
    }
}

/// The announced length of a body in bytes (RFC 9110, 8.6).
pub(crate) fn announced(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::body_handoff::*;
    use http::HeaderValue;

    #[track_caller]
    fn check(pieces: &[&[u8]], length: &'static str, expected: Option<(Option<u64>, &[Segment])>) {
        let fields = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static(length))]);
        let read = read_pieces(pieces.iter().map(|value| value.to_vec()));
        let got = read.and_then(|(file, segments)| Some((file, checked(&fields, segments).ok()?)));
        assert_eq!(got.as_ref().map(|(file, segments)| (*file, &**segments)), expected, "{pieces:?}");
    }

    #[test]
    fn pieces_describe_the_body() {
        let file = |offset, length| Segment::File { offset, length };
        check(&[b"file:9:7-12"], "5", Some((Some(9), &[file(7, 5)])));
        let text = Segment::Bytes(Bytes::from_static(b"\xff\r\n"));
        check(&[b"text:\xff\r\n"], "3", Some((None, std::slice::from_ref(&text))));
        check(&[b"text:\xff\r\n", b"file:1:2-4"], "5", Some((Some(1), &[text, file(2, 2)])));
        for pieces in [
            &[&b"text:abcdef"[..]][..],
            &[b"file:1:0-4"],
            &[b"file:1:5-0"],
            &[b"file:1:0-2", b"file:2:2-5"],
            &[b"file:0-5"],
            &[b"gap:5"],
            &[b"5"],
        ] {
            check(pieces, "5", None);
        }
    }
}
