//! The admin address: health, readiness and metrics. Read-only, and separate from the serving addresses.

use crate::metrics::{Metrics, TYPE};
use glasshouse_http::{HasWriteTimeout, Hosts, WriteTimeout};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// The maximum of open connections. A new connection replaces another one.
const MAX_CONNECTIONS: usize = 32;
/// The time for a request head, including the wait for the request. A slower prober connects again.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// The time without progress of a response.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum age of a connection.
const LIFETIME: Duration = Duration::from_secs(300);
/// The pause after an error, such as a lack of descriptors.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// The handler of the admin address.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) metrics: Arc<Metrics>,
    /// True when the server accepts no more connections.
    pub(crate) draining: watch::Receiver<bool>,
    /// The accepted hosts of requests.
    pub(crate) hosts: Hosts,
}

impl Admin {
    /// Serves until the process ends, also during the shutdown.
    ///
    /// # Errors
    /// The system cannot poll the listener.
    pub(crate) async fn run(self, listener: TcpListener) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut open = AdminConnections::default();
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                sleep(ERROR_PAUSE).await;
                continue;
            };
            open.make_room();
            let connection = self.clone().serve(WriteTimeout::new(stream, SEND_TIMEOUT));
            open.add(peer.ip(), tokio::spawn(timeout(LIFETIME, connection)).abort_handle());
        }
    }

    async fn serve(self, stream: impl HasWriteTimeout) {
        let service = service_fn(|request: Request<Incoming>| {
            let response = self.respond(&request);
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        // The client left or sent an invalid request.
        let _ = connection.await;
    }

    fn respond<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let plain = "text/plain; charset=utf-8";
        if !self.hosts.include(request.uri(), request.headers()) {
            let text = "this address answers for names of its own machine, such as localhost, and those of --host\n";
            return response(StatusCode::MISDIRECTED_REQUEST, plain, text);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = response(StatusCode::METHOD_NOT_ALLOWED, plain, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/healthz" => response(StatusCode::OK, plain, "ok\n"),
            "/readyz" if *self.draining.borrow() => response(StatusCode::SERVICE_UNAVAILABLE, plain, "draining\n"),
            "/readyz" => response(StatusCode::OK, plain, "ready\n"),
            "/metrics" => response(StatusCode::OK, TYPE, self.metrics.text()),
            _ => response(StatusCode::NOT_FOUND, plain, "there are /healthz, /readyz and /metrics\n"),
        }
    }
}

/// The open connections, the oldest first.
#[derive(Debug, Default)]
struct AdminConnections(VecDeque<(IpAddr, AbortHandle)>);

impl AdminConnections {
    fn add(&mut self, peer: IpAddr, connection: AbortHandle) {
        self.0.push_back((peer, connection));
    }

    /// At the limit, ends the oldest connection of the address with the most connections. A client that holds all
    /// connections therefore blocks neither another address nor another client at its own: a probe ends before it is
    /// the oldest.
    fn make_room(&mut self) {
        self.0.retain(|(_, connection)| !connection.is_finished());
        if self.0.len() < MAX_CONNECTIONS {
            return;
        }
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for (peer, _) in &self.0 {
            let count = counts.entry(*peer).or_default();
            *count = count.saturating_add(1);
        }
        let most = counts.values().copied().max();
        let has_most = |peer: &IpAddr| counts.get(peer).copied() == most;
        if let Some(at) = self.0.iter().position(|(peer, _)| has_most(peer))
            && let Some((_, connection)) = self.0.remove(at)
        {
            connection.abort();
        }
    }
}

fn response(status: StatusCode, media_type: &'static str, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_response() {
        let (drain, draining) = watch::channel(false);
        let admin = Admin { metrics: Arc::default(), draining, hosts: Hosts::local_and([]) };
        let status_of = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            admin.respond(&request).status().as_u16()
        };
        let rows = [("GET", "/healthz", 200), ("GET", "/readyz", 200), ("HEAD", "/metrics", 200), ("GET", "/", 404)];
        for (method, path, status) in rows {
            assert_eq!(status_of(method, path), status, "{method} {path}");
        }
        assert_eq!(status_of("POST", "/metrics"), 405);
        for (target, status) in [("http://example.com/healthz", 421), ("http://localhost/healthz", 200)] {
            assert_eq!(status_of("GET", target), status, "{target}");
        }
        drain.send(true).unwrap();
        assert_eq!((status_of("GET", "/readyz"), status_of("GET", "/healthz")), (503, 200));
    }

    #[tokio::test]
    async fn a_client_with_all_connections_loses_one() {
        let mut open = AdminConnections::default();
        let begin = |open: &mut AdminConnections, last: u8| {
            open.make_room();
            open.add([127, 0, 0, last].into(), tokio::spawn(std::future::pending::<()>()).abort_handle());
        };
        begin(&mut open, 1);
        for _ in 0..MAX_CONNECTIONS * 2 {
            begin(&mut open, 2);
        }
        begin(&mut open, 3);
        let peers: Vec<IpAddr> = open.0.iter().map(|(peer, _)| *peer).collect();
        assert_eq!(peers.len(), MAX_CONNECTIONS);
        let others = [peers.first(), peers.last()].map(|peer| peer.map(ToString::to_string));
        assert_eq!(
            others,
            ["127.0.0.1", "127.0.0.3"].map(|peer| Some(peer.to_owned())),
            "other clients keep their connections"
        );
    }
}
