//! A worker thread: serves the connections that the accept loops send to it.

use crate::accept::{Accepted, Role, WorkerMessage};
use crate::config::HostRule;
use crate::live::LiveHandler;
use crate::redirect_listener::RedirectListener;
use crate::socket::TimedSocket;
use crate::tls::{Handshake, Tls};
use glasshouse_http::auth::Users;
use glasshouse_http::{
    ClientLimits, ConnectionContext, Handler, HasWriteTimeout, Hosts, Log, Protocol, TrustedProxies,
    accept_proxy_header, last_call,
};
use glasshouse_live::LiveHub;
use glasshouse_quota::{Quotas, Scheduler};
use glasshouse_site::Router;
use http::{StatusCode, Version};
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

/// The settings of every connection.
#[derive(Clone)]
pub(crate) struct WorkerConfig {
    /// The handler of redirecting listeners.
    pub(crate) redirect: RedirectListener,
    /// `None`: serving listeners do not use TLS.
    pub(crate) tls: Option<Tls>,
    /// `None`: no password is required.
    pub(crate) users: Option<Arc<Users>>,
    /// The events of `--live`.
    pub(crate) live: Option<LiveHub>,
    /// HTTP/1.0 or HTTP/1.1.
    pub(crate) version: Version,
    pub(crate) limits: ClientLimits,
    pub(crate) quotas: Quotas,
    /// The accepted hosts of requests.
    pub(crate) hosts: HostRule,
    /// How long open responses may take after the first signal.
    pub(crate) grace: Duration,
    pub(crate) trust: TrustedProxies,
    /// Whether trusted proxies send a PROXY protocol header.
    pub(crate) proxied: bool,
    pub(crate) log: Log,
}

/// The shutdown signals between the server and a worker.
#[derive(Clone)]
pub(crate) struct WorkerSignals {
    /// True after the first signal: finish open connections.
    pub(crate) draining: watch::Receiver<bool>,
    /// True after the second signal: abort them.
    pub(crate) aborting: watch::Receiver<bool>,
    /// Never sends. Its channel closes when all workers have exited and have written their log entries.
    pub(crate) exit_guard: mpsc::Sender<Infallible>,
}

/// Starts a worker thread. The result is its queue.
///
/// # Errors
/// The system cannot start a thread or create a poller.
pub(crate) fn start(
    config: WorkerConfig,
    router: Router,
    signals: WorkerSignals,
) -> io::Result<mpsc::UnboundedSender<WorkerMessage>> {
    let (queue, messages) = mpsc::unbounded_channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let WorkerSignals { draining, aborting, exit_guard } = signals;
    let worker = Worker { router, config, draining };
    thread::Builder::new().name("worker".to_owned()).spawn(move || {
        runtime.block_on(worker.run(messages, aborting));
        // Drops the remaining connections, which writes their log entries. Blocking reads of files do not delay this.
        runtime.shutdown_background();
        drop(exit_guard);
    })?;
    Ok(queue)
}

struct Worker {
    router: Router,
    config: WorkerConfig,
    draining: watch::Receiver<bool>,
}

/// Boxed, because the runtime aligns its tasks, and aligned blocks of this size leave holes in the heap.
type ConnectionFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the steps of a connection need besides its stream and its context.
struct ConnectionOptions {
    limits: ClientLimits,
    /// Whether a PROXY protocol header comes first.
    proxied: bool,
    draining: watch::Receiver<bool>,
}

impl Worker {
    /// Serves messages until the queue closes. Then open connections have the grace period.
    async fn run(&self, mut messages: mpsc::UnboundedReceiver<WorkerMessage>, mut aborting: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Some(WorkerMessage::Connection(accepted)) => self.spawn(accepted, &mut connections),
                    Some(WorkerMessage::Ping(reply)) => {
                        let _ = reply.send(());
                    }
                    None => break,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        tokio::select! {
            _ = timeout(self.config.grace, async { while connections.join_next().await.is_some() {} }) => {}
            _ = aborting.wait_for(|is_aborting| *is_aborting) => {}
        }
    }

    fn spawn(&self, accepted: Accepted, connections: &mut JoinSet<()>) {
        let Accepted { socket, peer, role, permit } = accepted;
        let hosts = &self.config.hosts;
        let connection = match TimedSocket::from_std(socket, self.config.limits.send_timeout) {
            Ok(TimedSocket::Tcp(stream)) => {
                self.connection(stream, peer, role, hosts.over_tcp(self.config.trust.contains(peer)))
            }
            #[cfg(unix)]
            Ok(TimedSocket::Unix(stream)) => self.connection(stream, peer, role, hosts.over_unix()),
            // The poller is full. The drop closes the connection, so its client sees an error.
            Err(_) => return,
        };
        let gauge_guard = self.config.log.open_connection();
        connections.spawn(async move {
            let start = Instant::now();
            debug!("connection opened: {peer}");
            connection.await;
            debug!("connection closed: {peer}, after {:.3} s", start.elapsed().as_secs_f64());
            drop((gauge_guard, permit));
        });
    }

    fn connection<S: HasWriteTimeout>(&self, stream: S, peer: IpAddr, role: Role, hosts: Hosts) -> ConnectionFuture {
        let (limits, proxied) = (self.config.limits, self.config.proxied);
        let options = ConnectionOptions { limits, proxied, draining: self.draining.clone() };
        match (role, &self.config.tls) {
            (Role::Redirecting, _) => Box::pin(serve_clear(stream, self.context(self.config.redirect, peer), options)),
            (Role::Serving, None) => Box::pin(serve_clear(stream, self.router_context(peer, hosts), options)),
            (Role::Serving, Some(tls)) => {
                let scheduler = Arc::clone(self.router.scheduler());
                Box::pin(serve_tls(stream, (tls.clone(), scheduler), self.router_context(peer, hosts), options))
            }
        }
    }

    fn router_context(&self, peer: IpAddr, hosts: Hosts) -> ConnectionContext<LiveHandler> {
        let handler = LiveHandler { router: self.router.clone(), hub: self.config.live.clone() };
        self.context(handler, peer).with_users(self.config.users.clone()).with_hosts(hosts)
    }

    fn context<H: Handler>(&self, handler: H, peer: IpAddr) -> ConnectionContext<H> {
        let WorkerConfig { version, limits, log, trust, quotas, .. } = &self.config;
        ConnectionContext::new(handler, *version, limits, log.clone(), peer, quotas.client(peer))
            .with_trusted_proxies(trust.clone())
    }
}

async fn serve_clear<S, H>(mut stream: S, context: ConnectionContext<H>, options: ConnectionOptions)
where
    S: HasWriteTimeout,
    H: Handler,
{
    if let Some(context) = read_proxy_header(&mut stream, context, &options).await {
        glasshouse_http::serve(stream, Protocol::Unknown, context, options.limits, options.draining).await;
    }
}

async fn serve_tls<S>(
    mut stream: S,
    (tls, scheduler): (Tls, Arc<Scheduler>),
    context: ConnectionContext<LiveHandler>,
    options: ConnectionOptions,
) where
    S: HasWriteTimeout,
{
    let Some(context) = read_proxy_header(&mut stream, context, &options).await else { return };
    // Boxed, so that the connection does not keep the memory of the handshake. The scheduler limits its CPU time.
    let handshake = Box::pin(tls.accept(stream, options.limits.header_timeout));
    let handshake = Box::pin(scheduler.schedule(context.client().address(), handshake));
    let handshake = tokio::select! {
        handshake = handshake => handshake,
        () = last_call(options.draining.clone()) => return,
    };
    match handshake {
        Handshake::Done { stream, protocol, version } => {
            let context = context.with_tls_version(version);
            glasshouse_http::serve(stream, protocol, context, options.limits, options.draining).await;
        }
        Handshake::PlainHttp => context.log_without_request(StatusCode::BAD_REQUEST),
        Handshake::Failed(error) => debug!("TLS handshake failed: {}: {error}", context.peer()),
    }
}

/// The PROXY protocol header comes first, before TLS. `None`: the connection is over.
async fn read_proxy_header<S, H>(
    stream: &mut S,
    context: ConnectionContext<H>,
    options: &ConnectionOptions,
) -> Option<ConnectionContext<H>>
where
    S: HasWriteTimeout,
    H: Handler,
{
    if !options.proxied {
        return Some(context);
    }
    // Boxed, so that the connection does not keep the memory of this step.
    Box::pin(accept_proxy_header(stream, context, options.limits.header_timeout, options.draining.clone())).await
}
