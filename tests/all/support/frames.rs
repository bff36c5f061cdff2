//! An HTTP/2 client that writes any frames, valid or not, and reads the frames of the server (RFC 9113 4). Of HPACK it
//! reads the status only.

use crate::support::client::{self, TIMEOUT};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const PROTOCOL_ERROR: u32 = 1;
pub const FLOW_CONTROL_ERROR: u32 = 3;
pub const FRAME_SIZE_ERROR: u32 = 6;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const COMPRESSION_ERROR: u32 = 9;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code in a RST_STREAM or a GOAWAY.
    pub fn code(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        Some(u32::from_be_bytes(self.payload.get(at..at + 4)?.try_into().ok()?))
    }

    /// The status of a HEADERS that begins an answer. Its first field is `:status` (RFC 9113 8.3), compressed with the
    /// tables of RFC 7541 A and B.
    pub fn status(&self) -> Option<u16> {
        const STATIC: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
        match (self.kind, self.payload.as_slice()) {
            (HEADERS, [first @ 0x88..=0x8e, ..]) => Some(STATIC[usize::from(first - 0x88)]),
            // A literal with the name of the table, and three digits in at most three bytes.
            (HEADERS, [0x48 | 0x08, length, rest @ ..]) => {
                let text = rest.get(..usize::from(length & 0x7f))?;
                if length & 0x80 == 0 { str::from_utf8(text).ok()?.parse().ok() } else { digits(text) }
            }
            _ => None,
        }
    }
}

/// Three digits in the code of RFC 7541 B: 0 to 2 take five bits, the others six.
fn digits(text: &[u8]) -> Option<u16> {
    let mut bits = text.iter().flat_map(|byte| (0..8).rev().map(move |at| u16::from(byte >> at & 1)));
    let mut number = 0;
    for _ in 0..3 {
        let five = (0..5).try_fold(0, |word, _| Some(word << 1 | bits.next()?))?;
        let digit = if five <= 2 { five } else { (five << 1 | bits.next()?).checked_sub(0x19)? + 3 };
        number = number * 10 + digit;
    }
    Some(number)
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame has a length").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields that no table has been asked for: literals without indexing (RFC 7541 6.2.2).
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541 5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(0x7f) else {
        block.push(length as u8);
        return;
    };
    block.push(0x7f);
    while rest >= 0x80 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

/// The fields of a GET.
pub fn get(path: &str) -> Vec<u8> {
    fields(&[(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", path)])
}

/// A whole GET.
pub fn asking(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &get(path))
}

/// A whole GET of another host.
pub fn asking_of(stream: u32, authority: &str, path: &str) -> Vec<u8> {
    let block = fields(&[(":method", "GET"), (":scheme", "http"), (":authority", authority), (":path", path)]);
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

/// A SETTINGS of one parameter.
pub fn setting(id: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[id.to_be_bytes().as_slice(), &value.to_be_bytes()].concat())
}

/// A connection without TLS, whose client knows that HTTP/2 is spoken (RFC 9113 3.3).
pub struct FrameClient {
    socket: TcpStream,
}

impl FrameClient {
    /// Connects, and says nothing.
    #[track_caller]
    pub fn silent(address: SocketAddr) -> FrameClient {
        let socket = TcpStream::connect_timeout(&address, TIMEOUT).expect("the announced address accepts connections");
        socket.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        socket.set_write_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        socket.set_nodelay(true).expect("small writes can be sent at once");
        FrameClient { socket }
    }

    /// Connects from an address of this machine's own, such as 127.0.0.2, and says nothing.
    #[track_caller]
    pub fn silent_from(source: Ipv4Addr, address: SocketAddr) -> FrameClient {
        FrameClient { socket: client::connect_from(source, address) }
    }

    /// Connects, and begins as a client does.
    #[track_caller]
    pub fn open(address: SocketAddr) -> FrameClient {
        let mut raw = FrameClient::silent(address);
        raw.send(PREFACE).expect("the server reads");
        raw.send(&frame(SETTINGS, 0, 0, &[])).expect("the server reads");
        raw
    }

    /// How long a server may read nothing from now on.
    #[track_caller]
    pub fn write_at_most(&self, time: Duration) {
        self.socket.set_write_timeout(Some(time)).expect("a timeout can be set");
    }

    /// # Errors
    /// The server has closed the connection, or reads nothing for too long.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// The next frame; `None` where the connection ends, be it by a reset.
    ///
    /// # Errors
    /// Time that ran out, and an end amid a frame.
    pub fn next(&mut self) -> io::Result<Option<Frame>> {
        let mut head = [0; 9];
        match self.socket.read(&mut head) {
            Ok(0) => return Ok(None),
            Ok(read) => match self.socket.read_exact(&mut head[read..]) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                read => read?,
            },
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error),
        }
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.socket.read_exact(&mut payload)?;
        Ok(Some(Frame { kind, flags, stream: u32::from_be_bytes(stream) & !(1 << 31), payload }))
    }

    /// Reads on until a frame is as wanted.
    #[track_caller]
    pub fn wait(&mut self, what: &str, wanted: impl Fn(&Frame) -> bool) -> Frame {
        let mut seen = Vec::new();
        loop {
            match self.next() {
                Ok(Some(frame)) if wanted(&frame) => return frame,
                Ok(Some(frame)) => seen.push((frame.kind, frame.flags, frame.stream, frame.code(), frame.status())),
                other => panic!("{what} never came, but {seen:?} and then {other:?}"),
            }
        }
    }

    /// The status of the answer on a stream.
    #[track_caller]
    pub fn status(&mut self, stream: u32) -> u16 {
        let head = self.wait("an answer", |frame| frame.stream == stream && matches!(frame.kind, HEADERS | RST_STREAM));
        head.status().unwrap_or_else(|| panic!("no answer but {head:?}"))
    }

    /// How the server ends the connection: the code of its GOAWAY, or `None` where it just closes. What it sends
    /// besides is read.
    #[track_caller]
    pub fn end(&mut self) -> Option<u32> {
        let mut code = None;
        loop {
            match self.next() {
                Ok(Some(frame)) => code = frame.code().filter(|_| frame.kind == GOAWAY).or(code),
                Ok(None) => return code,
                Err(error) => panic!("the connection does not end: {error}"),
            }
        }
    }

    /// Whether the connection still answers.
    #[track_caller]
    pub fn check_alive(&mut self) {
        self.send(&frame(PING, 0, 0, b"are you?")).expect("the connection is open");
        self.wait("the answer to a PING", |frame| {
            frame.kind == PING && frame.flags == ACK && frame.payload == b"are you?"
        });
    }
}
