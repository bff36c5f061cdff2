//! What both sides of an HTTP/2 connection have sent, and what the client has granted with it (RFC 9113 4, 6.9).

use std::collections::{HashMap, HashSet};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// The flag of SETTINGS and PING.
const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;

/// Bytes of the head of a frame.
const HEAD: usize = 9;
/// The window of a new connection or stream, and the length of a frame, before any SETTINGS.
const DEFAULT_WINDOW: i64 = 65_535;
const DEFAULT_FRAME_SIZE: usize = 16_384;
const MAX_WINDOW: u32 = (1 << 31) - 1;

/// Begins the path of a request that the client numbers: `/~KIND/SIZE/NUMBER`.
pub const NUMBERED: &str = "/~";

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A frame within other bytes.
struct RawFrame<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &'a [u8],
}

impl<'a> RawFrame<'a> {
    /// The first frame, if it is complete, and the bytes after it.
    fn first(bytes: &'a [u8]) -> Option<(RawFrame<'a>, &'a [u8])> {
        let (&[a, b, c, kind, flags, s, t, u, v], rest) = bytes.split_first_chunk::<HEAD>()?;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
        let (payload, rest) = rest.split_at_checked(length)?;
        let stream = u32::from_be_bytes([s, t, u, v]) & MAX_WINDOW;
        Some((RawFrame { kind, flags, stream, payload }, rest))
    }
}

/// The window of a stream: now, and the largest that it has been.
#[derive(Clone, Copy)]
struct SendWindow {
    now: i64,
    largest: i64,
}

impl SendWindow {
    fn add(&mut self, more: i64) {
        self.now += more;
        self.largest = self.largest.max(self.now);
    }
}

/// What a client has sent.
pub struct SentFrames {
    bytes: Vec<u8>,
    is_preface_sent: bool,
    initial: i64,
    connection: i64,
    streams: HashMap<u32, SendWindow>,
    max_frame_size: usize,
    /// Fields of a stream that are not complete yet.
    fields: (u32, Vec<u8>),
    /// The stream of each numbered request.
    numbered: HashMap<u32, u32>,
}

impl Default for SentFrames {
    fn default() -> SentFrames {
        SentFrames {
            bytes: Vec::new(),
            is_preface_sent: false,
            initial: DEFAULT_WINDOW,
            connection: DEFAULT_WINDOW,
            streams: HashMap::new(),
            max_frame_size: DEFAULT_FRAME_SIZE,
            fields: Default::default(),
            numbered: HashMap::new(),
        }
    }
}

impl SentFrames {
    /// How many streams there have been.
    pub fn streams(&self) -> u32 {
        u32::try_from(self.streams.len()).expect("a case is short")
    }

    /// The most bytes that the server may have sent in response to a numbered request.
    pub fn window(&self, number: u32) -> Option<i64> {
        Some(self.streams.get(self.numbered.get(&number)?)?.largest)
    }

    pub fn push(&mut self, bytes: &[u8]) {
        let mut bytes = [std::mem::take(&mut self.bytes).as_slice(), bytes].concat();
        if !self.is_preface_sent && bytes.starts_with(PREFACE) {
            self.is_preface_sent = true;
            bytes.drain(..PREFACE.len());
        }
        let mut rest = bytes.as_slice();
        while self.is_preface_sent
            && let Some((frame, behind)) = RawFrame::first(rest)
        {
            self.take(&frame);
            rest = behind;
        }
        self.bytes = rest.to_vec();
    }

    fn take(&mut self, frame: &RawFrame) {
        match frame.kind {
            SETTINGS => frame.payload.chunks_exact(6).for_each(|setting| self.set(setting)),
            WINDOW_UPDATE => {
                let Ok(increment) = frame.payload.try_into().map(u32::from_be_bytes) else { return };
                let increment = i64::from(increment & MAX_WINDOW);
                match self.streams.get_mut(&frame.stream) {
                    Some(window) => window.add(increment),
                    None if frame.stream == 0 => self.connection += increment,
                    None => {}
                }
            }
            HEADERS => {
                let window = SendWindow { now: self.initial, largest: self.initial };
                self.streams.entry(frame.stream).or_insert(window);
                self.fields = (frame.stream, frame.payload.to_vec());
                self.find_number(frame.flags);
            }
            CONTINUATION => {
                self.fields.1.extend_from_slice(frame.payload);
                self.find_number(frame.flags);
            }
            _ => {}
        }
    }

    fn set(&mut self, setting: &[u8]) {
        let &[a, b, c, d, e, f] = setting else { return };
        let value = u32::from_be_bytes([c, d, e, f]);
        match u16::from_be_bytes([a, b]) {
            INITIAL_WINDOW_SIZE if value <= MAX_WINDOW => {
                let more = i64::from(value) - self.initial;
                self.initial += more;
                self.streams.values_mut().for_each(|window| window.add(more));
            }
            MAX_FRAME_SIZE => {
                self.max_frame_size = self.max_frame_size.max(usize::try_from(value).unwrap_or(usize::MAX));
            }
            _ => {}
        }
    }

    fn find_number(&mut self, flags: u8) {
        let (stream, fields) = &self.fields;
        let text = String::from_utf8_lossy(fields);
        let path = text.split_once(NUMBERED).map(|(_, rest)| rest);
        let path = path.and_then(|path| path.split(|letter: char| letter != '/' && !letter.is_ascii_digit()).next());
        let number = path.and_then(|path| path.rsplit('/').next()?.parse().ok());
        if let Some(number) = number.filter(|_| flags & END_HEADERS != 0) {
            self.numbered.insert(number, *stream);
        }
    }
}

/// What a server has sent.
#[derive(Default)]
pub struct ReceivedFrames {
    bytes: Vec<u8>,
    /// Whether the server speaks HTTP/2. It speaks HTTP/1 to a client without a preface.
    is_http2: bool,
    frames: usize,
    /// Bytes of content by stream, and the sum.
    content: HashMap<u32, i64>,
    total: i64,
    has_ended: HashSet<u32>,
}

impl ReceivedFrames {
    /// Checks each further frame against all that the client has sent.
    pub fn push(&mut self, bytes: &[u8], sent: &SentFrames) {
        self.bytes.extend_from_slice(bytes);
        self.is_http2 |= sent.is_preface_sent;
        if !self.is_http2 {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let mut rest = bytes.as_slice();
        while let Some((frame, behind)) = RawFrame::first(rest) {
            self.check(&frame, sent);
            rest = behind;
        }
        if let [a, b, c, ..] = *rest {
            let length = u32::from_be_bytes([0, a, b, c]);
            assert!(
                usize::try_from(length).is_ok_and(|length| length <= sent.max_frame_size),
                "a frame of {length} bytes"
            );
        }
        self.bytes = rest.to_vec();
    }

    fn check(&mut self, RawFrame { kind, flags, stream, payload }: &RawFrame, sent: &SentFrames) {
        assert!(self.frames > 0 || (*kind == SETTINGS && flags & ACK == 0), "the first frame is of type {kind}");
        self.frames += 1;
        assert!(!matches!(*kind, PUSH_PROMISE | PRIORITY), "a frame of type {kind}");
        if matches!(*kind, HEADERS | DATA | CONTINUATION) {
            let window = sent.streams.get(stream).unwrap_or_else(|| panic!("stream {stream} was never opened"));
            assert!(!self.has_ended.contains(stream), "stream {stream} has ended");
            if *kind == DATA {
                let length = i64::try_from(payload.len()).expect("a frame is short");
                let content = self.content.get_mut(stream).unwrap_or_else(|| panic!("no head on stream {stream}"));
                *content += length;
                self.total += length;
                assert!(*content <= window.largest, "{content} bytes on stream {stream}: more than its window");
                assert!(self.total <= sent.connection, "{} bytes: more than the connection's window", self.total);
            } else if *kind == HEADERS {
                self.content.entry(*stream).or_default();
            }
        }
        let is_end = *kind == RST_STREAM || (matches!(*kind, HEADERS | DATA) && flags & END_STREAM != 0);
        if is_end {
            self.has_ended.insert(*stream);
        }
    }
}
