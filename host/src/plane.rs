//! The data plane: regions of files on their way to a socket, in blocks, as fast as the client takes them. It refuses
//! to know HTTP and the sandbox that the region came from.

use crate::handover::Region;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task::{JoinHandle, spawn_blocking};
use wasmtime_wasi_http::Error;

/// Bytes that are read at once, and all that a slow client holds in memory besides the connection's own buffer.
const BLOCK: usize = 128 << 10;

/// A region as the content of a message: exactly its length, or an error that cuts the connection.
pub struct FileBody {
    region: Region,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl FileBody {
    pub fn new(region: Region) -> FileBody {
        FileBody { region, reading: None }
    }

    fn advance(&mut self, block: Vec<u8>) -> Option<Result<Frame<Bytes>, Error>> {
        let read = u64::try_from(block.len()).unwrap_or(u64::MAX);
        if read == 0 {
            return Some(Err(Error::HttpResponseIncomplete));
        }
        self.region.offset = self.region.offset.saturating_add(read);
        self.region.length = self.region.length.saturating_sub(read);
        Some(Ok(Frame::data(Bytes::from(block))))
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.region.length == 0 {
            return Poll::Ready(None);
        }
        let size = usize::try_from(self.region.length).unwrap_or(BLOCK).min(BLOCK);
        let Region { file, offset, .. } = &self.region;
        let (file, offset) = (Arc::clone(file), *offset);
        let reading = self.reading.get_or_insert_with(|| spawn_blocking(move || read(&file, offset, size)));
        let Poll::Ready(outcome) = Pin::new(reading).poll(cx) else { return Poll::Pending };
        self.reading = None;
        match outcome.map_err(io::Error::from).flatten() {
            Ok(block) => Poll::Ready(self.advance(block)),
            Err(error) => Poll::Ready(Some(Err(Error::InternalError(Some(error.to_string()))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.region.length == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.region.length)
    }
}

fn read(file: &std::fs::File, offset: u64, size: usize) -> io::Result<Vec<u8>> {
    let mut block = vec![0; size];
    let read = file.read_at(&mut block, offset)?;
    block.truncate(read);
    Ok(block)
}
