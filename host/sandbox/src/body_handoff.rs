//! Where the bytes of a file leave the sandbox: a response whose body is the stream of an open file becomes a head and
//! pieces of that file, and the instance is free. It refuses to know which file that is and who asked.
//!
//! Two functions of WASI 0.3 are shadowed for it. A handler cannot tell the difference, and gains nothing: it names a
//! descriptor that it holds already. Files that it reads itself come through the same stream in large blocks.

use crate::file_body;
use crate::file_body::Segment;
use crate::io_errors::Reporter;
use crate::sandbox::State;
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

/// Bytes read at once where the host itself is the reader of a file stream.
const BLOCK: usize = 64 << 10;

/// What a response has for a body.
pub enum Content {
    Nothing,
    /// A file from an offset on.
    File(Arc<File>, u64),
}

type Trailers = FutureReader<Result<Option<Resource<FieldMap>>, HttpError>>;

/// Replaces `descriptor.read-via-stream` and `response.new`; all else stays the library's.
pub fn override_imports(linker: &mut Linker<State>) -> Result<()> {
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
    let faults = Arc::clone(&store.data().faults);
    let stream = StreamReader::new(&mut store, FileStream { file, offset, done: Some(done), faults })?;
    Ok(((stream, FutureReader::new(&mut store, outcome)?),))
}

/// The content of a file from an offset on, as a stream that can be taken back for what it is.
struct FileStream {
    file: Arc<File>,
    offset: u64,
    done: Option<oneshot::Sender<Result<(), FileError>>>,
    faults: Arc<Reporter>,
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
            Err(error) => {
                self.faults.tell("read", &*self.file, "", &error);
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

/// A response that needs nothing more of its instance: without content, or with that of a file. Nobody waits for its
/// trailers, so nothing is left behind that would.
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
        Some(FileStream { file, offset, .. }) => Content::File(Arc::clone(file), *offset),
    };
    let view = store.data_mut().http();
    let (mut response, _) = Response::from_http(view.hooks, http::Response::new(Empty::<Bytes>::new()));
    response.headers = fields;
    let response = view.table.push(response)?;
    store.data_mut().contents.insert(response.rep(), content);
    let transmitted = FutureReader::new(store, async { wasmtime::error::Ok(Ok(())) })?;
    Ok((response, transmitted))
}

/// The header of the protocol that describes the body. It does not leave the host.
const PIECE: HeaderName = HeaderName::from_static(PIECE_HEADER);

/// The pieces of a file that follow a head: those that its fields name, or else as much as they announce, or else the rest
/// of the file.
///
/// # Errors
/// Pieces that cannot be read, or that have another length than was announced.
pub fn pieces(fields: &mut HeaderMap, file: &File, offset: u64) -> Result<Arc<[Segment]>> {
    let announced = announced(fields);
    if !fields.contains_key(PIECE) {
        let length = match announced {
            Some(length) => length,
            None => file.metadata()?.len().saturating_sub(offset),
        };
        return Ok([Segment::File { offset, length }].into());
    }
    let pieces: Option<Arc<[Segment]>> =
        fields.get_all(PIECE).iter().map(|line| segment(line.to_str().ok()?)).collect();
    let pieces = pieces.ok_or_else(|| format_err!("the handler named a piece of its answer that cannot be read"))?;
    fields.remove(PIECE);
    match announced {
        Some(announced) if announced == file_body::length(&pieces) => Ok(pieces),
        _ => bail!("the handler announced another length than its answer has"),
    }
}

/// The length of the content in bytes, where the fields tell.
pub fn announced(fields: &HeaderMap) -> Option<u64> {
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
        let file = File::open("/dev/null").expect("there is a null device");
        let got = pieces(&mut fields, &file, 7).ok();
        assert_eq!(got.as_deref(), expected, "{lines:?}");
        assert!(got.is_none() || !fields.contains_key(PIECE));
    }

    #[test]
    fn pieces_are_named_by_fields() {
        check(&[], "5", Some(&[Segment::File { offset: 7, length: 5 }]));
        let made = Segment::Bytes(Bytes::from_static(b"a\r\n"));
        check(&["text:a%0D%0A", "file:2-4"], "5", Some(&[made, Segment::File { offset: 2, length: 2 }]));
        for lines in
            [&["text:abcdef"][..], &["file:0-4"], &["file:5-0"], &["file:-5"], &["file:0-5x"], &["gap:5"], &["5"]]
        {
            check(lines, "5", None);
        }
    }
}
