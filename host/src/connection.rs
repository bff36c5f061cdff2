//! One connection from its first byte to its last: hyper, its limits and its clocks. It refuses to know what is asked.

use crate::args::Protocol;
use crate::exchange::Exchange;
use crate::log::Line;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

/// How long a client may take for the head of a request, from the end of the one before it.
const HEAD: Duration = Duration::from_secs(30);
/// How long a client may take to accept another byte.
const STALL: Duration = Duration::from_secs(60);
/// The longest head in bytes: a request line (S77) and a field (S78) of full length. It also bounds what waits to be
/// written.
const BUFFER: usize = 160 << 10;
/// The largest number of fields (S78).
const FIELDS: usize = 100;

/// Serves a connection until it ends, or until `closing` says so and the answer under way is finished.
pub async fn serve(stream: TcpStream, exchange: Exchange, closing: watch::Receiver<bool>) {
    // Answers are written whole; waiting for more of them only delays the last packet. A refusal costs no more than that.
    let _ = stream.set_nodelay(true);
    let (log, peer) = (exchange.log.clone(), exchange.peer);
    let keep_alive = exchange.protocol == Protocol::Http11;
    let service = service_fn(move |request| {
        let exchange = exchange.clone();
        async move { Ok::<_, Infallible>(exchange.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(FIELDS)
        .max_buf_size(BUFFER)
        // Clients that close their half after asking still want the answer.
        .half_close(true)
        .keep_alive(keep_alive)
        .serve_connection(TokioIo::new(Patient { stream, stalled: None }), service);
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = told(closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // hyper answered these by itself; they were no requests yet, so they have no line (S81).
    if let Err(error) = outcome {
        let status = match error {
            ref error if error.is_parse_too_large() && error.to_string().contains("URI") => 414,
            ref error if error.is_parse_too_large() => 431,
            ref error if error.is_parse() => 400,
            _ => return,
        };
        log.access(&Line { peer, user: None, request: "", status, bytes: 0 });
    }
}

/// Waits until the server closes.
async fn told(mut closing: watch::Receiver<bool>) {
    // A sender that is gone says the same.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// A stream that gives up on a client which accepts nothing for too long.
struct Patient {
    stream: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn bounded<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
