//! Checks of a connection for any bytes, in any pieces. A stub answers the requests.

mod http2;

use bytes::Bytes;
use glasshouse_http::auth::{BYTE_ORDER_MARK, Htpasswd, is_name};
use glasshouse_http::{
    Client, ClientLimits, ConnectionContext, Format, Handler, HandlerCall, HandlerError, Log, ParsedHead, Protocol,
    ReplayedResponse, Sink, TrustedProxies, WriteTimeout, accept_proxy_header, serve,
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

/// Stands for a pause in what is sent.
pub const PAUSE: u8 = 0xff;

/// Shorter than the responses of the stub, so that responses are split too.
const PIPE: usize = 48;
/// The server waits only for the client, which sends immediately.
const SOON: Duration = Duration::from_secs(4);
/// More than a case may send, so that no body exceeds it.
const MAX_CONTENT: u64 = 256;

/// Sends bytes with pauses, then closes. The server closes too. It sends complete messages, at most one for each head,
/// and never reads a request behind a body with ambiguous framing.
///
/// # Panics
/// If the server does not behave so.
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

/// The first bytes of a PROXY protocol header, in both versions, and its maximum length.
const HEADERS: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];
const HEADER: usize = 16 + 4096;

/// Sends these bytes as a trusted proxy. The server rejects them unless they start with a header, reads no byte behind
/// it, and uses the address in it.
///
/// # Panics
/// If the server does not behave so.
pub fn proxy(bytes: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime needs nothing");
    runtime.block_on(async {
        // Room for everything that either side sends.
        let (mut client, server) = duplex(bytes.len() + 1024);
        client.write_all(bytes).await.expect("there is room");
        client.shutdown().await.expect("a half can be closed");
        let mut server = WriteTimeout::new(server, SOON);
        let trust = TrustedProxies::new(["127.0.0.0/8".parse().expect("a network")]);
        let exchange = exchange(Stub::default(), &limits()).with_trusted_proxies(trust);
        let (_closing, closes) = watch::channel(false);
        let introduced = timeout(SOON, accept_proxy_header(&mut server, exchange, SOON, closes)).await;
        let introduced = introduced.expect("what has ended is not waited for");
        let mut left = Vec::new();
        server.read_to_end(&mut left).await.expect("memory can be read");
        let header = bytes.strip_suffix(left.as_slice()).expect("what is behind a header is left");
        assert!(header.len() <= HEADER, "{} bytes of a header", header.len());
        let Some(exchange) = introduced else { return };
        assert!(HEADERS.iter().any(|first| header.starts_with(first)), "no header: {}", header.escape_ascii());
        let words: Vec<&str> = str::from_utf8(header).unwrap_or_default().split(' ').collect();
        if let ["PROXY", "TCP4" | "TCP6", source, ..] = words.as_slice() {
            let named: IpAddr = source.parse().expect("a client that was taken has an address");
            assert_eq!(exchange.peer(), named.to_canonical());
        }
    });
}

/// Parses these bytes as a file of users. An error is one line without a hash.
///
/// # Panics
/// If an error contains a hash, or a user is not in the file.
pub fn htpasswd(bytes: &[u8]) {
    // An editor may have put a byte order mark before the first line.
    let lines = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let has_lines = |name: &str| {
        let start = format!("{name}:");
        lines.split(|byte| *byte == b'\n').any(|line| line.starts_with(start.as_bytes()))
    };
    match Htpasswd::parse(bytes) {
        Ok(table) => {
            assert!(table.names().count() > 0, "a file without users");
            assert!(table.names().all(|name| is_name(name) && has_lines(name)), "a user who is not in the file");
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.chars().any(char::is_control), "{message:?}");
            let lines = lines.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok());
            let pairs: Vec<(&str, &str)> =
                lines.filter_map(|line| line.trim_end_matches('\r').split_once(":$")).collect();
            // The message may contain the name of a user, which may be any text. A hash has several parts.
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

/// Sends everything and reads the responses concurrently.
async fn talk(client: DuplexStream, bytes: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = tokio::io::split(client);
    let mut received = Vec::new();
    let send = async {
        for piece in bytes.split(|byte| *byte == PAUSE) {
            // The server may have closed the connection.
            let _ = to.write_all(piece).await;
            yield_now().await;
        }
        let _ = to.shutdown().await;
    };
    let (_, read) = tokio::join!(send, from.read_to_end(&mut received));
    read.expect("memory can be read");
    received
}

/// Maximum number of heads in the bytes: each ends with an empty line.
fn heads(bytes: &[u8]) -> usize {
    let sent: Vec<u8> = bytes.iter().copied().filter(|byte| !matches!(*byte, PAUSE | b'\r')).collect();
    sent.windows(2).filter(|pair| pair == b"\n\n").count()
}

/// Whether hyper may take the end of the connection for an upgrade. It does so if the client requested one, even
/// without success, and drops what it has not sent yet.
fn asks_for_upgrade(bytes: &[u8]) -> bool {
    let sent: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != PAUSE).collect();
    let has = |word: &[u8]| sent.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    has(b"upgrade") || has(b"connect ")
}

/// Counts final responses. All must be complete messages (RFC 9112 2.1); the last one `may_be_cut`.
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
        // The last response may be to HEAD, without a body.
        let length = if closes && rest.is_empty() { 0 } else { length };
        let behind = rest.get(length..);
        assert!(behind.is_some() || may_be_cut, "half an answer: {all}");
        received = behind.unwrap_or_default();
        assert!(!closes || received.is_empty(), "more behind the last answer: {all}");
    }
    answers
}

/// Answers with the target, for some requests as a cached or replayed response. Asserts that no request follows a body
/// with ambiguous framing.
#[derive(Clone, Default)]
struct Stub {
    asked: Arc<AtomicUsize>,
    had_doubtful: Arc<AtomicBool>,
}

impl Handler for Stub {
    type Body = Full<Bytes>;

    fn call(
        &self,
        request: Parts,
        _: &Client,
    ) -> HandlerCall<Full<Bytes>, impl Future<Output = Result<Response<Full<Bytes>>, HandlerError>> + Send> {
        if request.uri.path().len().is_multiple_of(2) {
            return HandlerCall::Cached(self.answered(&request));
        }
        HandlerCall::Pending(async move {
            yield_now().await;
            Ok(self.answered(&request))
        })
    }

    fn replay(&self, request: &ParsedHead<'_>, _: bool, _: &Client) -> Option<ReplayedResponse<Full<Bytes>>> {
        if !request.target().len().is_multiple_of(3) {
            return None;
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(!self.had_doubtful.load(Ordering::Relaxed), "content was run as a request for {}", request.target());
        let lines = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", request.target().len());
        let body = if request.method() == Method::HEAD { String::new() } else { request.target().to_owned() };
        Some(ReplayedResponse { status: StatusCode::OK, lines: lines.into(), body: body.into() })
    }
}

impl Stub {
    fn answered(&self, request: &Parts) -> Response<Full<Bytes>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let before = self.had_doubtful.fetch_or(is_doubtful(&request.headers), Ordering::Relaxed);
        assert!(!before, "content was run as {} {}", request.method, request.uri);
        let mut response = Response::new(Full::default());
        match request.method {
            // The body behind CONNECT would be a tunnel.
            Method::CONNECT => *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED,
            Method::HEAD => drop(response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"))),
            _ => *response.body_mut() = request.uri.to_string().into(),
        }
        response
    }
}

/// Whether two servers may determine different ends of the body: only one length in its shortest form is unambiguous.
fn is_doubtful(fields: &HeaderMap) -> bool {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter().map(HeaderValue::as_bytes);
    let is_plain = |length: &[u8]| length == b"0" || !length.starts_with(b"0");
    let is_one = lengths.next().is_none_or(is_plain) && lengths.next().is_none();
    !is_one || fields.contains_key(TRANSFER_ENCODING)
}
