//! The data plane: regions of files on their way to a socket, in blocks, as fast as the client takes them. It refuses
//! to know HTTP and the sandbox that the region came from.
//!
//! A block that the kernel has in memory is read on the thread of the connection; one that must come from a disk is
//! waited for elsewhere, so that no other connection of the thread waits with it.

use crate::handover::Region;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::{JoinHandle, spawn_blocking};
use wasmtime_wasi_http::Error;

/// Bytes that are read at once, and all that a slow client holds in memory besides the connection's own buffer.
const BLOCK: usize = 256 << 10;
/// Blocks that a thread keeps for the next regions.
const SPARE: usize = 32;

/// A region as the content of a message: exactly its length, or an error that cuts the connection.
pub struct FileBody {
    region: Region,
    reading: Option<JoinHandle<io::Result<Block>>>,
}

impl FileBody {
    pub fn new(region: Region) -> FileBody {
        FileBody { region, reading: None }
    }

    /// The next block, at once if the kernel has it.
    fn poll_block(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Block>> {
        if self.reading.is_none() {
            let Region { file, offset, length } = &self.region;
            let (file, offset) = (Arc::clone(file), *offset);
            let mut block = Block::take(usize::try_from(*length).unwrap_or(BLOCK).min(BLOCK));
            match block.read_cached(&file, offset) {
                Ok(true) => return Poll::Ready(Ok(block)),
                Ok(false) => {
                    self.reading = Some(spawn_blocking(move || block.read(&file, offset).map(|()| block)));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        let block = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        Poll::Ready(block.map_err(io::Error::from).flatten())
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.region.length == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match ready!(self.poll_block(cx)) {
            Ok(block) if block.length == 0 => Err(Error::HttpResponseIncomplete),
            Ok(block) => {
                let read = u64::try_from(block.length).unwrap_or(u64::MAX);
                self.region.offset = self.region.offset.saturating_add(read);
                self.region.length = self.region.length.saturating_sub(read);
                Ok(Frame::data(Bytes::from_owner(block)))
            }
            Err(error) => Err(Error::InternalError(Some(error.to_string()))),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.region.length == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.region.length)
    }
}

/// Bytes of a file. The memory of a full-sized one goes back to the thread that drops it.
struct Block {
    memory: Vec<u8>,
    length: usize,
}

thread_local! {
    static BLOCKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Block {
    /// A block of at most `size` bytes, none of which is a file's yet.
    fn take(size: usize) -> Block {
        // Small ones come cheaper from the allocator, and would starve the large ones of their memory.
        let is_large = size > BLOCK / 2;
        let spare = if is_large { BLOCKS.with_borrow_mut(Vec::pop) } else { None };
        let memory = spare.unwrap_or_else(|| vec![0; if is_large { BLOCK } else { size }]);
        Block { memory, length: size }
    }

    /// Reads what the kernel has in memory; `false` if that is nothing. Where the system cannot tell, all is read.
    fn read_cached(&mut self, file: &File, offset: u64) -> io::Result<bool> {
        let memory = self.memory.get_mut(..self.length).unwrap_or_default();
        match preadv2(file, &mut [IoSliceMut::new(memory)], offset, ReadWriteFlags::NOWAIT) {
            Ok(length) => {
                self.length = length;
                Ok(true)
            }
            Err(Errno::AGAIN) => Ok(false),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self, file: &File, offset: u64) -> io::Result<()> {
        self.length = file.read_at(self.memory.get_mut(..self.length).unwrap_or_default(), offset)?;
        Ok(())
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.length).unwrap_or_default()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if memory.len() == BLOCK {
            // A thread that is ending has nowhere to keep it.
            let _ = BLOCKS.try_with(|blocks| {
                let mut blocks = blocks.borrow_mut();
                if blocks.len() < SPARE {
                    blocks.push(memory);
                }
            });
        }
    }
}
