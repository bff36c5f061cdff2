//! A client of HTTP/2 whose acts are bytes: the options of the case, and then one act after the other.
//!
//! | bits of the options | |
//! |---|---|
//! | 0, 1 | size of the pipe |
//! | 2 | whether the server has to recognize the protocol |
//! | 3 | whether the client leaves the preface to its acts |
//! | 4, 5 | end: close, close for writing, or do nothing |
//! | 6 | whether the client reads only in acts |
//! | 7 | size of the memory for responses |

use super::content::H2Case;
use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, NUMBERED, PING, PREFACE, PRIORITY,
    RST_STREAM, ReceivedFrames, SETTINGS, WINDOW_UPDATE, frame,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The most acts of a case.
const ACTS: usize = 200;
/// How long the client waits for the server to read or to write: as long as the server can do anything.
const MOMENT: Duration = Duration::from_millis(1);
const STEP: Duration = Duration::from_millis(100);
/// Windows that a client may grant at first.
const WINDOWS: [u32; 8] = [0, 1, 2, 100, 16_384, 65_535, 1 << 20, (1 << 31) - 1];
/// Lengths of content.
const SIZES: [u32; 8] = [0, 1, 100, 16_384, 16_385, 65_536, 140_000, 300_000];
const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "OPTIONS"];

/// What is left of the bytes of a case; zeros follow.
struct Acts<'a>(&'a [u8]);

impl<'a> Acts<'a> {
    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (first, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        first
    }
}

pub struct FrameClient {
    pipe: DuplexStream,
    case: Arc<H2Case>,
    received: ReceivedFrames,
    options: u8,
    /// The stream of the next request, and its number.
    next: u32,
    number: u32,
    /// Whether the server reads no more.
    is_stuck: bool,
}

impl FrameClient {
    pub fn new(pipe: DuplexStream, case: Arc<H2Case>, options: u8) -> FrameClient {
        FrameClient { pipe, case, received: ReceivedFrames::default(), options, next: 1, number: 0, is_stuck: false }
    }

    /// Does all acts, or those until the server reads no more.
    pub async fn act(&mut self, bytes: &[u8], closing: &watch::Sender<bool>) {
        let mut acts = Acts(bytes);
        if self.options & 8 == 0 {
            self.send(PREFACE).await;
        }
        for _ in 0..ACTS {
            if acts.0.is_empty() || self.is_stuck {
                break;
            }
            self.act_once(&mut acts, closing).await;
            if self.options & 64 == 0 {
                self.receive(usize::MAX).await;
            }
        }
    }

    async fn act_once(&mut self, acts: &mut Acts<'_>, closing: &watch::Sender<bool>) {
        let bytes = match acts.byte() % 16 {
            0 => setting(acts.byte().into(), u32::from(acts.short()) << (acts.byte() % 17)),
            1 => setting(INITIAL_WINDOW_SIZE, WINDOWS[usize::from(acts.byte() % 8)]),
            2..=4 => self.request(acts.byte(), acts.byte()),
            5 => frame(WINDOW_UPDATE, 0, self.stream(acts.byte()), &u32::from(acts.short()).to_be_bytes()),
            6 => {
                let increment = u32::from(acts.short()) << (acts.byte() % 17);
                frame(WINDOW_UPDATE, 0, 0, &increment.to_be_bytes())
            }
            7 => frame(RST_STREAM, 0, self.stream(acts.byte()), &u32::from(acts.byte()).to_be_bytes()),
            8 => frame(PING, acts.byte(), 0, &[7; 8]),
            9 => frame(PRIORITY, 0, self.stream(acts.byte()), &[0, 0, 0, acts.byte(), acts.byte()]),
            10 => {
                let (stream, flags) = (self.stream(acts.byte()), acts.byte());
                frame(DATA, flags, stream, &vec![0; usize::from(acts.byte())])
            }
            11 => {
                let (kind, flags, stream, length) = (acts.byte(), acts.byte(), acts.byte(), acts.byte());
                frame(kind, flags, stream.into(), &unnumbered(acts.bytes(length.into())))
            }
            12 => {
                let length = acts.byte();
                unnumbered(acts.bytes(length.into()))
            }
            13 => {
                sleep(STEP * acts.byte().into()).await;
                Vec::new()
            }
            14 => {
                self.receive(usize::from(acts.byte()) * 64).await;
                Vec::new()
            }
            _ => {
                // A server that shuts down says so once.
                if acts.byte() == 0 {
                    closing.send_replace(true);
                }
                Vec::new()
            }
        };
        self.send(&bytes).await;
    }

    /// One of the streams that were opened, or one beside them.
    fn stream(&self, which: u8) -> u32 {
        let known = self.next.div_ceil(2).max(1);
        2 * (u32::from(which) % known) + 1
    }

    /// A request on a new stream. Bits choose the kind and size of the content, the method, and the shape of the
    /// fields.
    fn request(&mut self, content: u8, shape: u8) -> Vec<u8> {
        let (stream, number) = (self.next, self.number);
        (self.next, self.number) = (stream + 2, number + 1);
        let size = SIZES[usize::from(content >> 3 & 7)];
        let path = format!("{NUMBERED}{}/{size}/{number}", content & 7);
        let method = METHODS[usize::from(shape >> 4 & 3)];
        let fields = [(":method", method), (":scheme", "http"), (":path", &path), (":authority", "localhost")];
        let fields = fields.map(|(name, value)| literal(name, value)).concat();
        let end = if shape & 1 == 0 { END_STREAM } else { 0 };
        if shape & 2 == 0 {
            return frame(HEADERS, end | END_HEADERS, stream, &fields);
        }
        let (first, rest) = fields.split_at(usize::from(shape).min(fields.len()));
        [frame(HEADERS, end, stream, first), frame(CONTINUATION, END_HEADERS, stream, rest)].concat()
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.case.lock().sent.push(bytes);
        let mut left = bytes;
        while !left.is_empty() {
            match timeout(MOMENT, self.pipe.write(left)).await {
                Ok(Ok(written @ 1..)) => left = &left[written..],
                // A server that cannot write may not read either.
                Err(_) if self.options & 64 == 0 && self.receive(usize::MAX).await > 0 => {}
                _ => {
                    self.is_stuck = true;
                    return;
                }
            }
        }
    }

    /// Reads what the server can send now, and this many bytes at most. Returns how many there were.
    async fn receive(&mut self, most: usize) -> usize {
        let mut block = vec![0; 16 << 10];
        let mut count = 0;
        while count < most {
            let room = block.len().min(most - count);
            let Ok(Ok(read @ 1..)) = timeout(MOMENT, self.pipe.read(&mut block[..room])).await else { break };
            self.received.push(&block[..read], &self.case.lock().sent);
            count += read;
        }
        count
    }

    /// Ends as the options say, and checks the rest that the server has sent until it has ended the connection.
    pub async fn end(mut self) {
        match self.options >> 4 & 3 {
            0 => return,
            1 => drop(self.pipe.shutdown().await),
            _ => {}
        }
        // What the server has written is in the pipe; a client that does nothing takes it when the server is gone.
        sleep(super::FOREVER / 2).await;
        let mut rest = Vec::new();
        self.pipe.read_to_end(&mut rest).await.expect("memory can be read");
        self.received.push(&rest, &self.case.lock().sent);
    }
}

/// Takes out what marks a numbered path.
fn unnumbered(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if *byte == b'~' { b'-' } else { *byte }).collect()
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[id.to_be_bytes().as_slice(), &value.to_be_bytes()].concat())
}

/// A literal field without indexing (RFC 7541 6.2.2); name and value are short.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).expect("a field is short");
    [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
}
