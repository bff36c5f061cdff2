//! Properties of a connection for any bytes that a client sends, in any pieces. A stub takes the place of the handler.

mod http2;

use bytes::Bytes;
use glasshouse_http::auth::{Htpasswd, MARK, is_name};
use glasshouse_http::{
    Client, ClientLimits, ConnectionContext, Format, Handler, HandlerError, Log, Protocol, Sink, TrustedProxies,
    WriteTimeout, introduce, serve,
};
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, Version};
use http_body_util::Full;
pub use http2::http2;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::timeout;

/// Stands for a pause of the client.
pub const PAUSE: u8 = 0xff;

/// Less than a response of the stub, so that responses are cut too.
const PIPE: usize = 48;
/// Longer than a case takes: the server waits for the client only, and the client never waits.
const SOON: Duration = Duration::from_secs(4);
/// Content above this length is too long.
const MAX_CONTENT: u64 = 256;

/// Sends bytes with pauses, and closes. The server ends too. It sends whole responses, at most one for each head, and
/// takes no bytes for a request that follow content with an uncertain end.
///
/// # Panics
/// One of these properties does not hold.
pub fn socket(bytes: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime needs nothing");
    let stub = Stub::default();
    let asked = Arc::clone(&stub.asked);
    let received = runtime.block_on(async {
        let (client, server) = duplex(PIPE);
        let (limits, exchange) = (limits(), exchange(stub, &limits()));
        let (_closing, closes) = watch::channel(false);
        let server = WriteTimeout::new(server, limits.send_timeout);
        let exchanged =
            async { tokio::join!(serve(server, Protocol::Http1, exchange, limits, closes), talk(client, bytes)).1 };
        timeout(SOON, exchanged).await.expect("a connection ends when its client has")
    });
    let answers = answers(&received, asks_for_upgrade(bytes));
    let heads = heads(bytes);
    assert!(answers <= heads + 1, "{answers} answers to {heads} heads");
    assert!(asked.load(Ordering::Relaxed) <= answers.min(heads), "more was asked than answered");
}

/// The first bytes of a PROXY protocol header, in both versions, and its greatest length.
const HEADERS: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];
const HEADER: usize = 16 + 4096;

/// Sends these bytes as a trusted proxy. The server accepts a header or rejects the bytes. It reads no more than a
/// header, and its client is the one that the header names.
///
/// # Panics
/// One of these properties does not hold.
pub fn proxy(bytes: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime needs nothing");
    runtime.block_on(async {
        // Room for all that both sides send.
        let (mut client, server) = duplex(bytes.len() + 1024);
        client.write_all(bytes).await.expect("there is room");
        client.shutdown().await.expect("a half can be closed");
        let mut server = WriteTimeout::new(server, SOON);
        let trust = TrustedProxies::new(["127.0.0.0/8".parse().expect("a network")]);
        let exchange = exchange(Stub::default(), &limits()).trusting(trust);
        let (_closing, closes) = watch::channel(false);
        let introduced = timeout(SOON, introduce(&mut server, exchange, SOON, closes)).await;
        let introduced = introduced.expect("what has ended is not waited for");
        let mut left = Vec::new();
        server.read_to_end(&mut left).await.expect("memory can be read");
        let header = bytes.strip_suffix(left.as_slice()).expect("what is behind a header is left");
        assert!(header.len() <= HEADER, "{} bytes of a header", header.len());
        let Some(exchange) = introduced else { return };
        assert!(HEADERS.iter().any(|first| header.starts_with(first)), "no header: {}", header.escape_ascii());
        let words: Vec<&str> = str::from_utf8(header).unwrap_or_default().split(' ').collect();
        if let ["PROXY", "TCP4" | "TCP6", source, ..] = words.as_slice() {
            let named: IpAddr = source.parse().expect("an accepted client has an address");
            assert_eq!(exchange.client(), named.to_canonical());
        }
    });
}

/// Parses these bytes as a password file. It is accepted, or rejected with one line that contains no hash.
///
/// # Panics
/// One of these properties does not hold.
pub fn htpasswd(bytes: &[u8]) {
    // An editor may have put a byte order mark before the first line.
    let lines = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let has_lines = |name: &str| {
        let start = format!("{name}:");
        lines.split(|byte| *byte == b'\n').any(|line| line.starts_with(start.as_bytes()))
    };
    match Htpasswd::parse(bytes) {
        Ok(table) => {
            assert!(table.names().count() > 0, "a file without users");
            assert!(table.names().all(|name| is_name(name) && has_lines(name)), "a user that is not in the file");
        }
        Err(wrong) => {
            let message = wrong.to_string();
            assert!(!message.chars().any(char::is_control), "{message:?}");
            let lines = lines.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok());
            let pairs: Vec<(&str, &str)> =
                lines.filter_map(|line| line.trim_end_matches('\r').split_once(":$")).collect();
            // The message contains the name of a user, which may be any text. A hash has parts.
            let names = pairs.iter().map(|(name, _)| *name).filter(|name| !name.is_empty());
            let rest = names.fold(message.clone(), |rest, name| rest.replace(name, ""));
            for (_, hash) in pairs.iter().filter(|(_, hash)| hash.len() > 20 && hash.contains('$')) {
                assert!(!rest.contains(hash), "{message} contains a hash");
            }
        }
    }
}

fn limits() -> ClientLimits {
    ClientLimits {
        header_timeout: SOON * 2,
        idle_timeout: SOON * 2,
        send_timeout: SOON * 2,
        max_content: MAX_CONTENT,
        max_connections: 1,
        max_connections_per_address: 1,
    }
}

fn exchange(stub: Stub, limits: &ClientLimits) -> ConnectionContext<Stub> {
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    ConnectionContext::new(
        stub,
        Version::HTTP_11,
        limits,
        Log::new(Format::Off, Sink::Stderr),
        peer,
        Client::alone(peer),
    )
}

/// Sends all bytes, and returns what it receives meanwhile.
async fn talk(client: DuplexStream, bytes: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = tokio::io::split(client);
    let mut received = Vec::new();
    let send = async {
        for piece in bytes.split(|byte| *byte == PAUSE) {
            // The server may have stopped reading.
            let _ = to.write_all(piece).await;
            yield_now().await;
        }
        let _ = to.shutdown().await;
    };
    let (_, read) = tokio::join!(send, from.read_to_end(&mut received));
    read.expect("memory can be read");
    received
}

/// Upper bound on the heads in the bytes: each ends with an empty line.
fn heads(bytes: &[u8]) -> usize {
    let sent: Vec<u8> = bytes.iter().copied().filter(|byte| !matches!(*byte, PAUSE | b'\r')).collect();
    sent.windows(2).filter(|pair| pair == b"\n\n").count()
}

/// Whether hyper may take the end of the connection for an upgrade. It does so after a request for one, even if none was
/// granted, and drops what it has not sent yet: the last response to a client that stopped in a request and read nothing.
fn asks_for_upgrade(bytes: &[u8]) -> bool {
    let sent: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != PAUSE).collect();
    let has = |word: &[u8]| sent.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    has(b"upgrade") || has(b"connect ")
}

/// Counts final responses. All of them are whole messages (RFC 9112 2.1), but the last one if it `may_be_cut`.
#[track_caller]
fn answers(mut received: &[u8], may_be_cut: bool) -> usize {
    let all = String::from_utf8_lossy(received).into_owned();
    let mut answers = 0;
    while !received.is_empty() {
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            assert!(may_be_cut, "half a head: {all}");
            return answers + 1;
        };
        let (head, rest) = received.split_at(end + 4);
        let head = std::str::from_utf8(head).unwrap_or_else(|_| panic!("no text: {all}"));
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let status: u16 = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1.1 ").or(line.strip_prefix("HTTP/1.0 "))?.get(..3)?.parse().ok())
            .unwrap_or_else(|| panic!("no status: {all}"));
        let fields: Vec<_> =
            lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?} in {all}"))).collect();
        let one = |name: &str| {
            let mut values =
                fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
            values.next().filter(|_| values.next().is_none())
        };
        if status < 200 {
            assert_eq!(status, 100, "{all}");
            received = rest;
            continue;
        }
        answers += 1;
        assert!(one("date").is_some(), "no date: {all}");
        let length: usize = one("content-length").and_then(|length| length.parse().ok()).expect("a length");
        let closes = one("connection") == Some("close");
        // The last one may answer a HEAD, and has no content then.
        let length = if closes && rest.is_empty() { 0 } else { length };
        let behind = rest.get(length..);
        assert!(behind.is_some() || may_be_cut, "half an answer: {all}");
        received = behind.unwrap_or_default();
        assert!(!closes || received.is_empty(), "more behind the last answer: {all}");
    }
    answers
}

/// Responds with the request target, to some requests at once. Panics at a request that follows content with an
/// uncertain end.
#[derive(Clone, Default)]
struct Stub {
    asked: Arc<AtomicUsize>,
    had_doubtful: Arc<AtomicBool>,
}

impl Handler for Stub {
    type Body = Full<Bytes>;

    fn cached(&self, request: &Parts, _: &Client) -> Option<Response<Full<Bytes>>> {
        let is_known = request.uri.path().len().is_multiple_of(2);
        is_known.then(|| self.answered(request))
    }

    async fn answer(&self, request: Parts, _: &Client) -> Result<Response<Full<Bytes>>, HandlerError> {
        yield_now().await;
        Ok(self.answered(&request))
    }
}

impl Stub {
    fn answered(&self, request: &Parts) -> Response<Full<Bytes>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let before = self.had_doubtful.fetch_or(is_doubtful(&request.headers), Ordering::Relaxed);
        assert!(!before, "content was run as {} {}", request.method, request.uri);
        let mut response = Response::new(Full::default());
        match request.method {
            // The response to CONNECT has no content.
            Method::CONNECT => *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED,
            Method::HEAD => drop(response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"))),
            _ => *response.body_mut() = request.uri.to_string().into(),
        }
        response
    }
}

/// Whether two servers may disagree on the end of the content. One length in its shortest form is certain.
fn is_doubtful(fields: &HeaderMap) -> bool {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter().map(HeaderValue::as_bytes);
    let is_plain = |length: &[u8]| length == b"0" || !length.starts_with(b"0");
    let is_one = lengths.next().is_none_or(is_plain) && lengths.next().is_none();
    !is_one || fields.contains_key(TRANSFER_ENCODING)
}
