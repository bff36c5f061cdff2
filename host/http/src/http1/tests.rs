//! Compares this implementation of HTTP/1.1 with hyper.

use crate::connection::{Protocol, serve};
use crate::handler::{Handler, HandlerCall, HandlerError, ReplayedResponse};
use crate::http1::hyper_connection;
use crate::limits::ClientLimits;
use crate::parsed_head::ParsedHead;
use crate::timeout::{Phase, TimeoutStream};
use crate::write_timeout::WriteTimeout;
use crate::{ConnectionContext, Format, Log, Sink};
use bytes::Bytes;
use glasshouse_quota::Client;
use http::request::Parts;
use http::{Method, Response, StatusCode, Version};
use http_body_util::Full;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::yield_now;

/// Answers with the method and target of a request. Replays the response if the path starts with `/hit`.
#[derive(Default)]
struct EchoHandler {
    replayed: Arc<AtomicUsize>,
}

fn echo(method: &Method, target: &str) -> String {
    format!("{method} {target}")
}

impl Handler for EchoHandler {
    type Body = Full<Bytes>;

    fn call(
        &self,
        request: Parts,
        _: &Client,
    ) -> HandlerCall<Full<Bytes>, impl Future<Output = Result<Response<Full<Bytes>>, HandlerError>> + Send> {
        let target = request.uri.path_and_query().map_or("", |target| target.as_str());
        let body = echo(&request.method, target);
        HandlerCall::Pending(async move {
            yield_now().await;
            Ok(Response::new(body.into()))
        })
    }

    fn replay(&self, request: &ParsedHead<'_>, _: bool, _: &Client) -> Option<ReplayedResponse<Full<Bytes>>> {
        if !request.target().starts_with("/hit") {
            return None;
        }
        self.replayed.fetch_add(1, Ordering::Relaxed);
        let body = echo(request.method(), request.target());
        let lines = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len()).into();
        let body = if request.method() == Method::HEAD { Bytes::new() } else { body.into() };
        Some(ReplayedResponse { status: StatusCode::OK, lines, body: Full::new(body) })
    }
}

/// Long enough for a busy machine. No test waits for it.
const LIMIT: Duration = Duration::from_secs(60);

/// What reads the requests of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Own,
    Hyper,
}

/// Sends two pieces, the second after the server has read the first. Returns what the server sends, and how many
/// responses were replayed.
fn exchange(reader: Reader, pieces: [&[u8]; 2]) -> (Vec<u8>, usize) {
    let limits = ClientLimits {
        header_timeout: LIMIT,
        idle_timeout: LIMIT,
        send_timeout: LIMIT,
        max_content: 64,
        max_connections: 1,
        max_connections_per_address: 1,
    };
    let handler = EchoHandler::default();
    let replayed = Arc::clone(&handler.replayed);
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let log = Log::new(Format::Off, Sink::Stderr);
    let context = ConnectionContext::new(handler, Version::HTTP_11, &limits, log, peer, Client::alone(peer));
    let received = Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
        // The server has read a piece when there is room for the next one.
        let (client, server) = duplex(pieces.iter().map(|piece| piece.len()).max().unwrap_or_default().max(1));
        let (_closing, closes) = watch::channel(false);
        let (mut from, mut to) = tokio::io::split(client);
        let sending = async {
            for piece in pieces {
                // The server may have closed the connection.
                let _ = to.write_all(piece).await;
                yield_now().await;
            }
            let _ = to.shutdown().await;
        };
        let mut received = Vec::new();
        let server = WriteTimeout::new(server, LIMIT);
        let serving = async {
            match reader {
                Reader::Own => serve(server, Protocol::Http1, context, limits, closes).await,
                Reader::Hyper => {
                    let phase = Arc::<Phase>::default();
                    let stream = TimeoutStream::new(server, limits, Arc::clone(&phase));
                    hyper_connection::serve(stream.into(), Arc::new(context), phase, closes).await;
                }
            }
        };
        let ((), read, ()) = tokio::join!(sending, from.read_to_end(&mut received), serving);
        read.unwrap();
        received
    });
    (received, replayed.load(Ordering::Relaxed))
}

/// The responses without their dates, each with its fields in one order.
fn normalized(received: &[u8]) -> Vec<(String, BTreeSet<String>)> {
    let text = String::from_utf8(received.to_vec()).unwrap();
    let parts = text.split_inclusive("\r\n\r\n").map(|part| {
        // A body ends where the next status line starts.
        let (body, head) = part.split_at(part.find("HTTP/1.").unwrap_or(part.len()));
        let lines = head.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with("date: "));
        (body.to_owned(), lines.map(str::to_owned).collect())
    });
    parts.collect()
}

const HOST: &str = "Host: a\r\n";

/// Requests of every form, by what answers them.
fn requests() -> Vec<String> {
    let with = |start: &str, rest: &str| format!("{start}\r\n{HOST}{rest}");
    vec![
        with("GET /hit?a HTTP/1.1", "\r\n"),
        with("HEAD /hit HTTP/1.1", "\r\n"),
        with("GET /hit HTTP/1.1", "Connection: close\r\n\r\n"),
        with("GET /hit HTTP/1.1", "Connection: keep-alive, upgrade\r\n\r\n"),
        with("GET /miss HTTP/1.1", "\r\n"),
        with("HEAD /miss HTTP/1.1", "\r\n"),
        with("GET /hit HTTP/1.0", "\r\n"),
        with("GET http://a/hit HTTP/1.1", "\r\n"),
        with("GET /hit HTTP/1.1", "Content-Length: 0\r\n\r\n"),
        with("GET /hit HTTP/1.1", "Content-Length: 23\r\n\r\nGET /hit HTTP/1.1\r\nA: b\n"),
        with("POST /hit HTTP/1.1", "Content-Length: 37\r\n\r\nGET /hit/inner HTTP/1.1\r\nHost: b\r\n\r\n "),
        with("POST /hit HTTP/1.1", "Transfer-Encoding: chunked\r\n\r\n4\r\nGET \r\n0\r\n\r\n"),
        with("GET /hit HTTP/1.1", "Content-Length: 4\r\nContent-Length: 4\r\n\r\nGET "),
        with("GET /hit HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
        with("GET /hit HTTP/1.1", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        with("GET /hit HTTP/1.1", "X: y\r\n Content-Length: 4\r\n\r\nGET "),
        with("GET /hit HTTP/1.1", "X: y\rContent-Length: 4\r\n\r\nGET "),
        "GET /hit HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
        "GET /hit HTTP/1.1\r\n\r\n".to_owned(),
        "GET /hit HTTP/1.1\nHost: a\n\n".to_owned(),
        "\r\nGET /hit HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET  /hit HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /hit#a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "\0".to_owned(),
    ]
}

/// A hit followed by a miss, the reverse, and every other pair, split at every byte.
#[test]
fn pairs_of_requests_get_the_responses_of_hyper() {
    let mut replayed = 0;
    for first in requests() {
        for second in requests() {
            let both = format!("{first}{second}");
            for split in 0..=both.len() {
                let (front, back) = both.as_bytes().split_at(split);
                let (expected, _) = exchange(Reader::Hyper, [front, back]);
                let (received, hits) = exchange(Reader::Own, [front, back]);
                replayed += hits;
                assert_eq!(normalized(&received), normalized(&expected), "{both:?} at {split}");
            }
        }
    }
    assert!(replayed > 1000, "{replayed} hits");
}

#[test]
fn requests_in_the_simplest_form_are_replayed() {
    let request = "GET /hit HTTP/1.1\r\nHost: a\r\n\r\n";
    let (received, hits) = exchange(Reader::Own, [request.as_bytes(), request.as_bytes()]);
    assert_eq!(hits, 2);
    assert_eq!(normalized(&received).len(), 3, "two heads and the body behind them");
}
