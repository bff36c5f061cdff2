//! Sends parts of files from the page cache to a socket, without a copy in this process.

#[cfg_attr(not(target_os = "linux"), path = "send_file/unavailable.rs")]
mod sockets;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

/// A part of a file.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file.
    pub file: Arc<File>,
    /// The position of the first byte.
    pub offset: u64,
    /// The number of bytes, at least one.
    pub length: usize,
}

/// A stream to which the kernel may copy a file. By default it cannot, as under TLS.
pub trait SendFile: AsyncWrite {
    /// Whether [`SendFile::poll_send_file`] is supported.
    fn sends_files(&self) -> bool {
        false
    }

    /// Writes bytes in front of a file. The kernel may hold them back until more bytes follow.
    fn poll_write_before_file(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write(cx, bytes)
    }

    /// Writes bytes of a file. Returns their number, or 0 at the end of the file.
    fn poll_send_file(self: Pin<&mut Self>, _cx: &mut Context<'_>, _range: &FileRange) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(ErrorKind::Unsupported.into()))
    }
}

/// A stream in memory has no descriptor.
impl SendFile for tokio::io::DuplexStream {}
