//! Sockets to which the kernel copies files.

use super::{FileRange, SendFile};
use rustix::fs::sendfile;
use rustix::net::{SendFlags, send};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// Implements [`SendFile`] for a socket of tokio. The two types have no common trait for readiness.
macro_rules! send_file {
    ($socket:ty) => {
        impl SendFile for $socket {
            fn sends_files(&self) -> bool {
                true
            }

            fn poll_write_before_file(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                loop {
                    ready!(self.poll_write_ready(cx))?;
                    let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
                    match self.try_io(Interest::WRITABLE, || Ok(send(&*self, bytes, flags)?)) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        sent => return Poll::Ready(sent),
                    }
                }
            }

            fn poll_send_file(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                range: &FileRange,
            ) -> Poll<io::Result<usize>> {
                loop {
                    ready!(self.poll_write_ready(cx))?;
                    let mut offset = range.offset;
                    let send = || Ok(sendfile(&*self, &range.file, Some(&mut offset), range.length)?);
                    match self.try_io(Interest::WRITABLE, send) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        sent => return Poll::Ready(sent),
                    }
                }
            }
        }
    };
}

send_file!(TcpStream);
send_file!(UnixStream);
