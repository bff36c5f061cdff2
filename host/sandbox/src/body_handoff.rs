//! Takes the body of a file out of an instance: a response whose body is the unread stream of an open file becomes a
//! head and segments of that file, and the instance is free.
//!
//! Two functions of WASI 0.3 are replaced. A handler notices no difference and gains no access, because it can only use
//! a descriptor that it has opened. Files that the handler reads itself come through the same stream, in large blocks.

use crate::file_body;
use crate::file_body::Segment;
use crate::io_errors::Reporter;
use crate::number::to_u64;
use crate::override_import::override_import;
use crate::state::{HostBody, InstanceState};
use crate::wasi_version::WasiVersion::P3;
use bytes::{Bytes, BytesMut};
use glasshouse_protocol::{PIECE_HEADER, Piece};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName};
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
use wasmtime::{AsContextMut as _, Result, StoreContextMut, bail, format_err};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode as FileError;
use wasmtime_wasi_http::p3::Response;
use wasmtime_wasi_http::p3::bindings::http::types::{ErrorCode as HttpError, HostResponseWithStore};
use wasmtime_wasi_http::{FieldMap, WasiHttp, WasiHttpView};

/// Bytes of a block that a handler reads.
const READ_BLOCK: usize = 64 << 10;

type Trailers = FutureReader<Result<Option<Resource<FieldMap>>, HttpError>>;

/// Replaces `descriptor.read-via-stream` and `response.new` of WASI 0.3.
pub(crate) fn override_imports(linker: &mut Linker<InstanceState>) -> Result<()> {
    let read = "[method]descriptor.read-via-stream";
    override_import(linker, "wasi:filesystem/types", P3, read, |files, name| files.func_wrap(name, read_via_stream))?;
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

type NewResponse = (Resource<Response>, FutureReader<Result<(), HttpError>>);

fn response_new(
    mut store: StoreContextMut<'_, InstanceState>,
    (fields, body, trailers): (Resource<FieldMap>, Option<StreamReader<u8>>, Trailers),
) -> Result<(NewResponse,)> {
    let body = match body.map(|body| body.try_into::<FileStream>(store.as_context_mut())) {
        None => HostBody::Empty,
        Some(Ok(stream)) => HostBody::File { file: Arc::clone(&stream.file), offset: stream.offset },
        Some(Err(body)) => {
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

/// The header of the protocol that describes the body. The client does not get it.
const PIECE: HeaderName = HeaderName::from_static(PIECE_HEADER);

/// The segments of a file body: those that piece headers describe, or else as many bytes as `content-length` announces,
/// or else the rest of the file. Removes the piece headers.
///
/// # Errors
/// A piece header is invalid, or the length differs from the announced one.
pub(crate) fn segments(fields: &mut HeaderMap, file: &File, offset: u64) -> Result<Arc<[Segment]>> {
    let announced = announced(fields);
    if !fields.contains_key(PIECE) {
        let length = match announced {
            Some(length) => length,
            None => file.metadata()?.len().saturating_sub(offset),
        };
        return Ok([Segment::File { offset, length }].into());
    }
    let segments = fields.get_all(PIECE).iter().map(|line| segment(line.to_str().ok()?));
    let segments: Option<Arc<[Segment]>> = segments.collect();
    let segments = segments.ok_or_else(|| format_err!("the handler sent an invalid '{PIECE_HEADER}' header"))?;
    fields.remove(PIECE);
    match announced {
        Some(announced) if announced == file_body::length(&segments) => Ok(segments),
        _ => bail!("the handler announced a length that differs from that of its '{PIECE_HEADER}' headers"),
    }
}

/// The announced length of a body in bytes (RFC 9110, 8.6).
pub(crate) fn announced(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn segment(line: &str) -> Option<Segment> {
    Some(match Piece::parse(line)? {
        Piece::Text(bytes) => Segment::Bytes(bytes.into_owned().into()),
        Piece::File { start, end } => Segment::File { offset: start, length: end.checked_sub(start)? },
    })
}

#[cfg(test)]
mod tests {
    use crate::body_handoff::*;
    use http::HeaderValue;

    #[track_caller]
    fn check(lines: &[&'static str], length: &'static str, expected: Option<&[Segment]>) {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_LENGTH, HeaderValue::from_static(length));
        fields.extend(lines.iter().map(|line| (PIECE, HeaderValue::from_static(line))));
        let file = File::open("/dev/null").expect("the null device exists");
        let got = segments(&mut fields, &file, 7).ok();
        assert_eq!(got.as_deref(), expected, "{lines:?}");
        assert!(got.is_none() || !fields.contains_key(PIECE));
    }

    #[test]
    fn piece_headers_describe_the_body() {
        check(&[], "5", Some(&[Segment::File { offset: 7, length: 5 }]));
        let text = Segment::Bytes(Bytes::from_static(b"a\r\n"));
        check(&["text:a%0D%0A", "file:2-4"], "5", Some(&[text, Segment::File { offset: 2, length: 2 }]));
        for lines in
            [&["text:abcdef"][..], &["file:0-4"], &["file:5-0"], &["file:-5"], &["file:0-5x"], &["gap:5"], &["5"]]
        {
            check(lines, "5", None);
        }
    }
}
