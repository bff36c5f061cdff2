//! The admin address: whether the server lives, whether it takes requests, and its figures, for those who watch over it. It is never
//! one of those that serve, and it refuses to change anything.

use crate::metrics::{Metrics, TYPE};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

/// How many may ask at once; further ones wait.
const CONNECTIONS: usize = 32;
/// How long a head may take, the wait for the next request included: a prober that asks less often connects anew.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long accepting pauses when the system has no descriptor for one more connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// What is told there.
#[derive(Clone)]
pub struct Admin {
    pub metrics: Arc<Metrics>,
    /// Becomes true when the server takes no more connections.
    pub draining: watch::Receiver<bool>,
}

impl Admin {
    /// Answers on a listener for ever, drained or not.
    ///
    /// # Errors
    /// The system has no poller to give.
    pub async fn run(self, listener: TcpListener) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
            let Ok((stream, _)) = listener.accept().await else {
                sleep(EXHAUSTED).await;
                continue;
            };
            let admin = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| {
                    let answer = admin.answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service);
                // Who asked for something else, or left, is nobody's concern.
                let _ = connection.await;
                drop(place);
            });
        }
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let plain = "text/plain; charset=utf-8";
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
        let admin = Admin { metrics: Arc::default(), draining };
        let ask = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            admin.answer(&request).status().as_u16()
        };
        let rows = [("GET", "/healthz", 200), ("GET", "/readyz", 200), ("HEAD", "/metrics", 200), ("GET", "/", 404)];
        for (method, path, status) in rows {
            assert_eq!(ask(method, path), status, "{method} {path}");
        }
        assert_eq!(ask("POST", "/metrics"), 405);
        drain.send(true).unwrap();
        assert_eq!((ask("GET", "/readyz"), ask("GET", "/healthz")), (503, 200));
    }
}
