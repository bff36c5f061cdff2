//! Sockets on systems other than Linux: files are read and written instead.

use super::SendFile;

impl SendFile for tokio::net::TcpStream {}

#[cfg(unix)]
impl SendFile for tokio::net::UnixStream {}
