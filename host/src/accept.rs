//! Accepts connections and gives them to the worker threads in turn.

use crate::listen::Listener;
use crate::socket::{Acceptor, DetachedSocket};
use glasshouse_http::{ConnectionLimiter, ConnectionPermit, Log, LogEntry, raw_response};
use http::{StatusCode, Version};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::info;

/// The pause after an error, such as a lack of descriptors or memory.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// The purpose of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Serves the trees, over TLS if it is configured.
    Serving,
    /// Redirects clients without TLS to a serving listener.
    Redirecting,
}

/// An accepted connection and its permit.
pub(crate) struct Accepted {
    pub(crate) socket: DetachedSocket,
    pub(crate) peer: IpAddr,
    pub(crate) role: Role,
    pub(crate) permit: ConnectionPermit,
}

/// A message to a worker thread.
pub(crate) enum WorkerMessage {
    Connection(Accepted),
    /// The worker answers, which proves that its event loop runs.
    Ping(oneshot::Sender<()>),
}

/// The queue of each worker thread.
pub(crate) type Queues = Vec<mpsc::UnboundedSender<WorkerMessage>>;

/// What the accept loops share.
#[derive(Clone)]
pub(crate) struct AcceptContext {
    pub(crate) limiter: Arc<ConnectionLimiter>,
    /// Whether serving listeners use TLS.
    pub(crate) is_tls: bool,
    /// HTTP/1.0 or HTTP/1.1, for responses to rejected connections.
    pub(crate) version: Version,
    pub(crate) log: Log,
}

/// Accepts on all listeners until a worker has ended.
///
/// # Errors
/// The system cannot poll a listener.
pub(crate) async fn accept(listeners: Vec<(Role, Listener)>, queues: Queues, context: AcceptContext) -> io::Result<()> {
    let mut loops = JoinSet::new();
    for (first_worker, (role, listener)) in listeners.into_iter().enumerate() {
        let (acceptor, context) = (Acceptor::from_std(listener)?, context.clone());
        loops.spawn(accept_loop(acceptor, role, queues.clone(), first_worker, context));
    }
    while loops.join_next().await.is_some() {}
    Ok(())
}

async fn accept_loop(acceptor: Acceptor, role: Role, queues: Queues, first_worker: usize, context: AcceptContext) {
    for queue in queues.iter().cycle().skip(first_worker) {
        let (socket, peer, permit) = next_permitted(&acceptor, role, &context).await;
        if queue.send(WorkerMessage::Connection(Accepted { socket, peer, role, permit })).is_err() {
            return;
        }
    }
}

async fn next_permitted(
    acceptor: &Acceptor,
    role: Role,
    context: &AcceptContext,
) -> (DetachedSocket, IpAddr, ConnectionPermit) {
    loop {
        let (socket, peer) = next_connection(acceptor).await;
        match context.limiter.admit(peer) {
            Some(permit) => return (socket, peer, permit),
            None => context.reject(socket, peer, role),
        }
    }
}

async fn next_connection(acceptor: &Acceptor) -> (DetachedSocket, IpAddr) {
    loop {
        match acceptor.accept().await {
            Ok(accepted) => return accepted,
            // The client has already closed the connection.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => sleep(ERROR_PAUSE).await,
        }
    }
}

impl AcceptContext {
    /// Sends 503 without reading the request.
    fn reject(&self, mut socket: DetachedSocket, peer: IpAddr, role: Role) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        // A TLS handshake would cost more than the rejection saves.
        if role == Role::Redirecting || !self.is_tls {
            // The send buffer of a new socket has room for the response. A client that has left needs none.
            let _ = socket.try_write(raw_response(self.version, status, "").as_bytes());
        }
        info!("connection rejected: {peer}: the limit of open connections is reached");
        self.log.access(&LogEntry::without_request(peer, status.as_u16()));
    }
}
