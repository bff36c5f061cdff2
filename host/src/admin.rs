//! The admin address: whether the server lives, whether it takes requests, and its figures, for those who watch over it. It is never
//! one of those that serve, and it refuses to change anything.

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

/// How many may ask at once. Those who come when there are as many take the place of others.
const CONNECTIONS: usize = 32;
/// How long a head may take, the wait for the next request included: a prober that asks less often connects anew.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take nothing of an answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be open, whatever is said on it.
const LIFETIME: Duration = Duration::from_secs(300);
/// How long accepting pauses when the system has no descriptor for one more connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// What is told there.
#[derive(Clone)]
pub struct Admin {
    pub metrics: Arc<Metrics>,
    /// Becomes true when the server takes no more connections.
    pub draining: watch::Receiver<bool>,
    /// The hosts for which requests are answered.
    pub hosts: Hosts,
}

impl Admin {
    /// Answers on a listener for ever, drained or not.
    ///
    /// # Errors
    /// The system has no poller to give.
    pub async fn run(self, listener: TcpListener) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut open = Open::default();
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                sleep(EXHAUSTED).await;
                continue;
            };
            open.make_room();
            let connection = self.clone().serve(WriteTimeout::new(stream, SEND_TIMEOUT));
            open.add(peer.ip(), tokio::spawn(timeout(LIFETIME, connection)).abort_handle());
        }
    }

    async fn serve(self, stream: impl HasWriteTimeout) {
        let service = service_fn(|request: Request<Incoming>| {
            let answer = self.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        // Who asked for something else, or left, is nobody's concern.
        let _ = connection.await;
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let plain = "text/plain; charset=utf-8";
        if !self.hosts.include(request.uri(), request.headers()) {
            let text = "this address answers for names of its own machine, such as localhost, and those of --host\n";
            return answer(StatusCode::MISDIRECTED_REQUEST, plain, text);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, plain, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/healthz" => answer(StatusCode::OK, plain, "ok\n"),
            "/readyz" if *self.draining.borrow() => answer(StatusCode::SERVICE_UNAVAILABLE, plain, "draining\n"),
            "/readyz" => answer(StatusCode::OK, plain, "ready\n"),
            "/metrics" => answer(StatusCode::OK, TYPE, self.metrics.text()),
            _ => answer(StatusCode::NOT_FOUND, plain, "there are /healthz, /readyz and /metrics\n"),
        }
    }
}

/// The connections that are open, the oldest first.
#[derive(Debug, Default)]
struct Open(VecDeque<(IpAddr, AbortHandle)>);

impl Open {
    fn add(&mut self, peer: IpAddr, connection: AbortHandle) {
        self.0.push_back((peer, connection));
    }

    /// Ends the oldest connection of the address that has the most, if there are as many as may be. So a client that
    /// keeps all places keeps nobody out: neither another address nor another client at its own, as a probe is over
    /// long before it is the oldest.
    fn make_room(&mut self) {
        self.0.retain(|(_, connection)| !connection.is_finished());
        if self.0.len() < CONNECTIONS {
            return;
        }
        let mut each: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for (peer, _) in &self.0 {
            *each.entry(*peer).or_default() += 1;
        }
        let most = each.values().copied().max();
        let is_of_most = |peer: &IpAddr| each.get(peer).copied() == most;
        if let Some(at) = self.0.iter().position(|(peer, _)| is_of_most(peer))
            && let Some((_, connection)) = self.0.remove(at)
        {
            connection.abort();
        }
    }
}

fn answer(status: StatusCode, media_type: &'static str, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
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
    fn each_path_has_its_answer() {
        let (drain, draining) = watch::channel(false);
        let admin = Admin { metrics: Arc::default(), draining, hosts: Hosts::local_and([]) };
        let ask = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            admin.answer(&request).status().as_u16()
        };
        let rows = [("GET", "/healthz", 200), ("GET", "/readyz", 200), ("HEAD", "/metrics", 200), ("GET", "/", 404)];
        for (method, path, status) in rows {
            assert_eq!(ask(method, path), status, "{method} {path}");
        }
        assert_eq!(ask("POST", "/metrics"), 405);
        for (target, status) in [("http://example.com/healthz", 421), ("http://localhost/healthz", 200)] {
            assert_eq!(ask("GET", target), status, "{target}");
        }
        drain.send(true).unwrap();
        assert_eq!((ask("GET", "/readyz"), ask("GET", "/healthz")), (503, 200));
    }

    #[tokio::test]
    async fn a_client_with_all_places_gives_one_up() {
        let mut open = Open::default();
        let begin = |open: &mut Open, last: u8| {
            open.make_room();
            open.add([127, 0, 0, last].into(), tokio::spawn(std::future::pending::<()>()).abort_handle());
        };
        begin(&mut open, 1);
        for _ in 0..CONNECTIONS * 2 {
            begin(&mut open, 2);
        }
        begin(&mut open, 3);
        let peers: Vec<IpAddr> = open.0.iter().map(|(peer, _)| *peer).collect();
        assert_eq!(peers.len(), CONNECTIONS);
        let others = [peers.first(), peers.last()].map(|peer| peer.map(ToString::to_string));
        assert_eq!(others, ["127.0.0.1", "127.0.0.3"].map(|peer| Some(peer.to_owned())), "others keep their places");
    }
}
