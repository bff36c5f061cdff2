//! The server: takes connections and gives each to one thread, for good. It refuses to know what is served on them.

use crate::args::Protocol;
use crate::connection;
use crate::exchange::Exchange;
use crate::log::Log;
use crate::shutdown;
use crate::users::Users;
use glasshouse_sandbox::{Instances, Sandbox};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long answers under way are waited for when the server stops.
const GRACE: Duration = Duration::from_secs(3);
/// How long accepting pauses when the system has no descriptor or memory for one more connection.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// Descriptors that are not for connections: an open file for each of them, listeners, the runtime's own.
const RESERVE: u64 = 64;

/// What a server needs.
pub struct Server {
    pub sandbox: Arc<Sandbox>,
    pub listeners: Vec<TcpListener>,
    pub protocol: Protocol,
    pub threads: NonZeroUsize,
    pub users: Option<Arc<Users>>,
    pub log: Log,
}

/// A connection that was accepted, and its place among those that may be open.
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
}

impl Server {
    /// Serves until `stop` is ready, then lets the answers under way finish within a few seconds; a second signal in
    /// that time ends it at once.
    ///
    /// # Errors
    /// The system has no thread or no poller to give.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (closing, closes) = watch::channel(false);
        let workers =
            (0..self.threads.get()).map(|_| Worker::start(&self, closes.clone())).collect::<io::Result<Vec<_>>>()?;
        let (queues, threads): (Vec<_>, Vec<_>) =
            workers.into_iter().map(|worker| (worker.queue, worker.thread)).unzip();
        tokio::select! {
            outcome = accept(self.listeners, queues) => outcome?,
            () = stop => {}
        }
        // The queues are closed by now. Workers go when they are told and have nothing left.
        let _ = closing.send(true);
        let finished = tokio::task::spawn_blocking(|| threads.into_iter().for_each(|thread| drop(thread.join())));
        tokio::select! {
            _ = finished => {}
            _ = shutdown::requested() => std::process::exit(0),
        }
        Ok(())
    }
}

/// A runtime for one thread.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A thread that serves the connections it is given.
struct Worker {
    queue: mpsc::UnboundedSender<Accepted>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start(server: &Server, closes: watch::Receiver<bool>) -> io::Result<Worker> {
        let (queue, connections) = mpsc::unbounded_channel();
        let (runtime, instances) = (runtime()?, Instances::new(Arc::clone(&server.sandbox)));
        let (protocol, users, log) = (server.protocol, server.users.clone(), server.log.clone());
        let work = async move {
            serve(connections, closes, |peer| {
                let peer = peer.ip().to_canonical();
                Exchange { instances: Arc::clone(&instances), protocol, users: users.clone(), log: log.clone(), peer }
            })
            .await;
        };
        let thread = thread::Builder::new().name("worker".to_owned()).spawn(move || runtime.block_on(work))?;
        Ok(Worker { queue, thread })
    }
}

/// Serves what arrives in the queue, until nothing can arrive any more.
async fn serve(
    mut queue: mpsc::UnboundedReceiver<Accepted>,
    closes: watch::Receiver<bool>,
    exchange: impl Fn(SocketAddr) -> Exchange,
) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = queue.recv() => {
                let Some(Accepted { stream, peer, permit }) = accepted else { break };
                // A connection that the poller does not take is closed; its client sees that.
                let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { continue };
                let (exchange, closes) = (exchange(peer), closes.clone());
                open.spawn(async move {
                    connection::serve(stream, exchange, closes).await;
                    drop(permit);
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
    // Whoever has not finished by then is cut.
    let _ = timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
}

/// Accepts on all listeners and deals the connections out in turn.
async fn accept(listeners: Vec<TcpListener>, queues: Vec<mpsc::UnboundedSender<Accepted>>) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(places()));
    let mut accepting = JoinSet::new();
    for (start, listener) in listeners.into_iter().enumerate() {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        accepting.spawn(accept_one(listener, queues.clone(), start, Arc::clone(&places)));
    }
    while accepting.join_next().await.is_some() {}
    Ok(())
}

async fn accept_one(
    listener: tokio::net::TcpListener,
    queues: Vec<mpsc::UnboundedSender<Accepted>>,
    start: usize,
    places: Arc<Semaphore>,
) {
    for queue in queues.iter().cycle().skip(start) {
        let Ok(permit) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, peer) = accepted(&listener).await;
        let Ok(stream) = stream.into_std() else { continue };
        if queue.send(Accepted { stream, peer, permit }).is_err() {
            return;
        }
    }
}

/// The next connection. Errors are of connections that are gone already, or of a system that is out of something.
async fn accepted(listener: &tokio::net::TcpListener) -> (tokio::net::TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => sleep(EXHAUSTED).await,
        }
    }
}

/// How many connections may be open: each may hold a socket and a file.
fn places() -> usize {
    let descriptors = raise_descriptor_limit().unwrap_or(u64::MAX);
    let places = descriptors.saturating_sub(RESERVE) / 2;
    usize::try_from(places).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS)
}

/// Takes all the file descriptors that this process may have. `None` where there is no limit.
fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}
