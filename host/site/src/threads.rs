//! The threads of a site. Each one has a runtime, on which the instances of the handler run.

use crate::body::SiteBody;
use crate::router::Router;
use bytes::Bytes;
use glasshouse_http::{
    ClientLimits, ConnectionContext, ConnectionPermit, Format, Handler, HttpService, Log, Protocol, Sink, WriteTimeout,
};
use glasshouse_quota::Quotas;
use http::{Request, Response, Version};
use http_body_util::Empty;
use std::convert::Infallible;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::{io, thread};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// The limits for connections of [`serve`](fn@crate::serve): the defaults of the program.
pub(crate) const CLIENT_LIMITS: ClientLimits = ClientLimits {
    header_timeout: Duration::from_secs(30),
    idle_timeout: Duration::from_secs(60),
    send_timeout: Duration::from_secs(60),
    max_content: 1 << 20,
    max_connections: 4096,
    max_connections_per_address: 2048,
};

/// Work for a thread.
pub(crate) enum Job {
    /// Answers one request.
    Request { request: Request<()>, peer: IpAddr, reply: oneshot::Sender<Response<SiteBody>> },
    /// Serves a connection until it ends.
    Connection(SiteConnection),
}

/// An accepted connection.
pub(crate) struct SiteConnection {
    pub(crate) stream: std::net::TcpStream,
    pub(crate) peer: IpAddr,
    pub(crate) permit: ConnectionPermit,
    /// True after the shutdown was requested. The sender is dropped when open connections must close.
    pub(crate) closing: watch::Receiver<bool>,
    /// Never sends. Its channel closes with the last connection.
    pub(crate) guard: mpsc::Sender<Infallible>,
}

/// The queues of the threads. The threads end with the last copy, after the responses in progress.
pub(crate) struct SiteThreads {
    queues: Vec<mpsc::UnboundedSender<Job>>,
    next: AtomicUsize,
}

impl SiteThreads {
    /// Starts a thread for each router.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub(crate) fn start(routers: Vec<Router>, quotas: &Quotas) -> io::Result<SiteThreads> {
        // The embedding program logs its requests.
        let log = Log::new(Format::Off, Sink::Stderr);
        let start = |router| start(SiteThread { router, quotas: quotas.clone(), log: log.clone() });
        let queues = routers.into_iter().map(start).collect::<io::Result<_>>()?;
        Ok(SiteThreads { queues, next: AtomicUsize::new(0) })
    }

    /// Gives work to the threads in turn. Returns whether there is a thread to do it.
    pub(crate) fn send(&self, job: Job) -> bool {
        let turn = self.next.fetch_add(1, Relaxed);
        let turn = NonZeroUsize::new(self.queues.len()).and_then(|threads| turn.checked_rem(threads.get()));
        turn.and_then(|turn| self.queues.get(turn)).is_some_and(|queue| queue.send(job).is_ok())
    }
}

fn start(site: SiteThread) -> io::Result<mpsc::UnboundedSender<Job>> {
    let (queue, jobs) = mpsc::unbounded_channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("glasshouse-site".to_owned()).spawn(move || {
        runtime.block_on(site.run(jobs));
        // Does not wait for a read from a slow disk.
        runtime.shutdown_background();
    })?;
    Ok(queue)
}

struct SiteThread {
    router: Router,
    quotas: Quotas,
    log: Log,
}

impl SiteThread {
    async fn run(self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(Job::Request { request, peer, reply }) => {
                        tasks.spawn(answer(self.context(peer), request, reply));
                    }
                    Some(Job::Connection(connection)) => {
                        tasks.spawn(serve_connection(self.context(connection.peer), connection));
                    }
                    None => break,
                },
                Some(_) = tasks.join_next() => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    fn context(&self, peer: IpAddr) -> ConnectionContext<Router> {
        let client = self.quotas.client(peer);
        let (router, log) = (self.router.clone(), self.log.clone());
        ConnectionContext::new(router, Version::HTTP_11, &CLIENT_LIMITS, log, peer, client)
    }
}

/// Answers a request whose body the embedding server discards.
async fn answer<H: Handler>(
    context: ConnectionContext<H>,
    request: Request<()>,
    mut reply: oneshot::Sender<Response<SiteBody>>,
) {
    let version = request.version();
    let service = HttpService::new(Arc::new(context), version);
    let response = tokio::select! {
        biased;
        // The server has dropped the request.
        () = reply.closed() => return,
        response = service.respond(request.map(|()| Empty::<Bytes>::new())) => response,
    };
    let (head, body) = response.into_parts();
    let (body, sending) = SiteBody::split(body);
    if reply.send(Response::from_parts(head, body)).is_ok()
        && let Some(sending) = sending
    {
        sending.await;
    }
}

async fn serve_connection(context: ConnectionContext<Router>, connection: SiteConnection) {
    let SiteConnection { stream, peer: _, permit, closing, guard } = connection;
    if let Ok(stream) = TcpStream::from_std(stream) {
        // Responses are written in large pieces; Nagle's algorithm would only delay the last packet.
        let _ = stream.set_nodelay(true);
        let stream = WriteTimeout::new(stream, CLIENT_LIMITS.send_timeout);
        let mut serving = closing.clone();
        tokio::select! {
            () = glasshouse_http::serve(stream, Protocol::Unknown, context, CLIENT_LIMITS, closing) => {}
            () = async { while serving.changed().await.is_ok() {} } => {}
        }
    }
    drop((permit, guard));
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_http::{Client, HandlerCall, HandlerError};
    use glasshouse_quota::Totals;
    use http::header::HOST;
    use http::request::Parts;
    use std::future::{pending, poll_fn};
    use std::pin::pin;
    use std::task::Poll;

    /// Returns no response.
    struct SilentHandler;

    impl Handler for SilentHandler {
        type Body = Empty<Bytes>;

        fn call(
            &self,
            _request: Parts,
            _client: &Client,
        ) -> HandlerCall<Empty<Bytes>, impl Future<Output = Result<Response<Empty<Bytes>>, HandlerError>> + Send>
        {
            HandlerCall::Pending(pending())
        }
    }

    #[tokio::test]
    async fn a_request_that_the_server_drops_ends() {
        let peer = IpAddr::from([192, 0, 2, 7]);
        let client = Quotas::new(Totals::unlimited()).client(peer);
        let log = Log::new(Format::Off, Sink::Stderr);
        let context = ConnectionContext::new(SilentHandler, Version::HTTP_11, &CLIENT_LIMITS, log, peer, client);
        let (reply, response) = oneshot::channel();
        let request = Request::get("/").header(HOST, "x").body(()).unwrap();
        let mut answer = pin!(answer(context, request, reply));
        assert!(poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await.is_pending());
        drop(response);
        answer.await;
    }
}
