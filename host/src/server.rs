//! The server: takes connections and gives each to one thread, for good. It refuses to know what is served on them.

use crate::shutdown;
use glasshouse_front::users::Users;
use glasshouse_front::{Admission, Answer, Exchange, Limits, Line, Log, Place, Unanswered, refusal};
use glasshouse_sandbox::{Instances, Sandbox, WasiBody};
use http::request::Parts;
use http::{Response, StatusCode, Version};
use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long answers under way are waited for when the server stops.
const GRACE: Duration = Duration::from_secs(3);
/// How long accepting pauses when the system has no descriptor or memory for one more connection.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// What a server needs.
pub struct Server {
    pub sandbox: Arc<Sandbox>,
    pub listeners: Vec<TcpListener>,
    /// Of HTTP: 1.0 or 1.1.
    pub version: Version,
    pub threads: NonZeroUsize,
    pub limits: Limits,
    /// Those who may ask; everybody where there are none.
    pub users: Option<Arc<Users>>,
    pub log: Log,
}

/// A connection that was accepted, and its place among those that may be open.
struct Accepted {
    stream: TcpStream,
    peer: IpAddr,
    place: Place,
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
        let door = Door { admission: Admission::new(&self.limits), version: self.version, log: self.log };
        tokio::select! {
            outcome = accept(self.listeners, queues, door) => outcome?,
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
        let (runtime, handler) = (runtime()?, Handler(Instances::new(Arc::clone(&server.sandbox))));
        let (version, limits, log) = (server.version, server.limits, server.log.clone());
        let users = server.users.clone();
        let work = serve(connections, closes, limits, move |peer| {
            Exchange::new(handler.clone(), version, &limits, log.clone(), peer).for_users(users.clone())
        });
        let thread = thread::Builder::new().name("worker".to_owned()).spawn(move || runtime.block_on(work))?;
        Ok(Worker { queue, thread })
    }
}

/// The instances of a thread, as clients meet them.
#[derive(Clone)]
struct Handler(Arc<Instances>);

impl Answer for Handler {
    type Body = WasiBody;

    fn answer_again(&self, request: &Parts) -> Option<Response<WasiBody>> {
        self.0.answer_again(request)
    }

    async fn answer(&self, request: Parts) -> Result<Response<WasiBody>, Unanswered> {
        self.0.answer(request).await.map_err(|error| match error.ceiling() {
            Some(ceiling) => Unanswered::TooMuch(ceiling.to_string()),
            None => Unanswered::Failed(error.to_string()),
        })
    }
}

/// Serves what arrives in the queue, until nothing can arrive any more.
async fn serve(
    mut queue: mpsc::UnboundedReceiver<Accepted>,
    closes: watch::Receiver<bool>,
    limits: Limits,
    exchange: impl Fn(IpAddr) -> Exchange<Handler>,
) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = queue.recv() => {
                let Some(Accepted { stream, peer, place }) = accepted else { break };
                // A connection that the poller does not take is closed; its client sees that.
                let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { continue };
                // Answers are written whole; waiting for more of them only delays the last packet. A refusal costs no more
                // than that.
                let _ = stream.set_nodelay(true);
                let (exchange, closes) = (exchange(peer), closes.clone());
                open.spawn(async move {
                    glasshouse_front::serve(stream, exchange, limits, closes).await;
                    drop(place);
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
    // Whoever has not finished by then is cut.
    let _ = timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
}

/// Where connections are taken or turned away.
#[derive(Clone)]
struct Door {
    admission: Arc<Admission>,
    version: Version,
    log: Log,
}

impl Door {
    /// Turns a client away without waiting for what it wants.
    fn refuse(&self, stream: &tokio::net::TcpStream, peer: IpAddr) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        // There is room for so little in a socket that nothing was written to; and who has gone misses nothing.
        let _ = stream.try_write(refusal(self.version, status).as_bytes());
        self.log.access(&Line { peer, user: None, request: "", status: status.as_u16(), bytes: 0 });
    }
}

/// Accepts on all listeners and deals the connections out in turn.
async fn accept(
    listeners: Vec<TcpListener>,
    queues: Vec<mpsc::UnboundedSender<Accepted>>,
    door: Door,
) -> io::Result<()> {
    let mut accepting = JoinSet::new();
    for (start, listener) in listeners.into_iter().enumerate() {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        accepting.spawn(accept_one(listener, queues.clone(), start, door.clone()));
    }
    while accepting.join_next().await.is_some() {}
    Ok(())
}

async fn accept_one(
    listener: tokio::net::TcpListener,
    queues: Vec<mpsc::UnboundedSender<Accepted>>,
    start: usize,
    door: Door,
) {
    for queue in queues.iter().cycle().skip(start) {
        let (stream, peer, place) = admitted(&listener, &door).await;
        let Ok(stream) = stream.into_std() else { continue };
        if queue.send(Accepted { stream, peer, place }).is_err() {
            return;
        }
    }
}

/// The next connection that there is a place for.
async fn admitted(listener: &tokio::net::TcpListener, door: &Door) -> (tokio::net::TcpStream, IpAddr, Place) {
    loop {
        let (stream, peer) = accepted(listener).await;
        match door.admission.admit(peer) {
            Some(place) => return (stream, peer, place),
            None => door.refuse(&stream, peer),
        }
    }
}

/// The next connection. Errors are of connections that are gone already, or of a system that is out of something.
async fn accepted(listener: &tokio::net::TcpListener) -> (tokio::net::TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip().to_canonical()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => sleep(EXHAUSTED).await,
        }
    }
}
