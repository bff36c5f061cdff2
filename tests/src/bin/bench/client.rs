//! A small HTTP/1.1 client for known responses. It must cost less than the measured server, so the kernel discards
//! bodies.

use crate::process::failed;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketType, recv, sockopt};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

/// The longest silence of a server before the benchmark reports a failure.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The longest head and the longest body that the client keeps.
pub const MAX_HEAD: usize = 64 << 10;
const MAX_BODY: usize = 8 << 20;

/// The bytes that one call discards.
pub const BLOCK: usize = 1 << 20;

/// The client's end of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// A loopback address; the choice of the kernel if `None`.
    pub address: Option<Ipv4Addr>,
    /// Size of the receive buffer in bytes; the default of the kernel if `None`.
    pub buffer: Option<usize>,
}

/// # Errors
/// If the server does not accept in time, or no port is left.
pub fn connect(to: SocketAddrV4, origin: Origin) -> io::Result<TcpStream> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    // On Linux, this is also the timeout of connect(2): socket(7), SO_SNDTIMEO.
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(PATIENCE))?;
    if let Some(size) = origin.buffer {
        sockopt::set_socket_recv_buffer_size(&socket, size)?;
    }
    if let Some(address) = origin.address {
        rustix::net::bind(&socket, &SocketAddrV4::new(address, 0))?;
    }
    rustix::net::connect(&socket, &to).map_err(|error| match error {
        Errno::INPROGRESS => failed(format!("no connection was accepted within {PATIENCE:?}")),
        error => error.into(),
    })?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A request for a path. Each of the further fields ends with CRLF.
pub fn request(to: SocketAddrV4, path: &str, fields: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n{fields}\r\n").into_bytes()
}

/// A status line and the fields of a response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    pub status: u16,
    lines: String,
}

impl ResponseHead {
    /// The head at the start of the received bytes and its length; `None` if it is not complete.
    pub fn parse(bytes: &[u8]) -> Option<(ResponseHead, usize)> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let lines = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
        let status = lines.split(' ').nth(1)?.get(..3)?.parse().ok()?;
        Some((ResponseHead { status, lines }, end + 4))
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.lines.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The Content-Length, in bytes.
    pub fn length(&self) -> Option<u64> {
        self.field("content-length")?.parse().ok()
    }
}

/// A head, and the body as far as it was read.
#[derive(Clone, Debug)]
pub struct Response {
    pub head: ResponseHead,
    pub body: Vec<u8>,
}

/// Sends a request on a new connection and reads a 200 or 206 to its end, unless the body exceeds the limit.
///
/// # Errors
/// If no response comes in time.
pub fn fetch(to: SocketAddrV4, path: &str, fields: &str) -> io::Result<Response> {
    let mut stream = connect(to, Origin::default())?;
    stream.write_all(&request(to, path, &format!("{fields}Connection: close\r\n")))?;
    let (head, mut body) = read_head(&mut stream)?;
    let wanted = head.length().and_then(|length| usize::try_from(length).ok()).unwrap_or(MAX_BODY);
    if matches!(head.status, 200 | 206) && wanted <= MAX_BODY {
        let rest = wanted.saturating_sub(body.len());
        (&stream).take(u64::try_from(rest).unwrap_or(0)).read_to_end(&mut body)?;
    }
    // The server may have closed the connection already.
    drop(stream.shutdown(Shutdown::Both));
    Ok(Response { head, body })
}

/// Reads a head and the bytes that came with it.
///
/// # Errors
/// If no response comes in time.
pub fn read_head(stream: &mut TcpStream) -> io::Result<(ResponseHead, Vec<u8>)> {
    let (mut received, mut block) = (Vec::new(), [0; 16 << 10]);
    loop {
        if let Some((head, length)) = ResponseHead::parse(&received) {
            let body = received.split_off(length);
            return Ok((head, body));
        }
        let count = stream.read(&mut block).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => failed(format!("no response within {PATIENCE:?}")),
            _ => error,
        })?;
        if count == 0 || received.len() > MAX_HEAD {
            return Err(failed("the server closed the connection before its response".into()));
        }
        received.extend_from_slice(block.get(..count).unwrap_or_default());
    }
}

/// Sends a request on a connection that stays open, discards the body, and returns its Content-Length.
///
/// # Errors
/// If the response is not a complete 200 by the deadline.
pub fn ask(stream: &mut TcpStream, request: &[u8], deadline: Instant) -> io::Result<u64> {
    stream.write_all(request)?;
    let (head, body) = read_head(stream)?;
    let length = head.length().filter(|_| head.status == 200);
    let length = length.ok_or_else(|| failed(format!("status {} or no Content-Length", head.status)))?;
    let mut left = length.saturating_sub(u64::try_from(body.len()).unwrap_or(0));
    let mut block = vec![0; usize::try_from(left).unwrap_or(BLOCK).min(BLOCK)];
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let count = discard(stream, block.get_mut(..size).unwrap_or_default(), RecvFlags::empty())?;
        if count == 0 || Instant::now() > deadline {
            return Err(failed(format!("{left} of {length} bytes did not come in time")));
        }
        left = left.saturating_sub(count);
    }
    Ok(length)
}

/// Discards up to a block of received bytes without a copy: tcp(7), `MSG_TRUNC`. Returns their number, 0 at the end.
///
/// # Errors
/// As recv(2).
pub fn discard(stream: &TcpStream, block: &mut [u8], flags: RecvFlags) -> io::Result<u64> {
    let (_, count) = recv(stream, block, flags | RecvFlags::TRUNC)?;
    Ok(u64::try_from(count).unwrap_or(0))
}
