//! The server: takes connections and gives each to one thread, for good. It refuses to know what is served on them.

use crate::listen::Listener;
use crate::metrics::Metrics;
use crate::router::Router;
use crate::sd_notify::ServiceManager;
use crate::socket::{Acceptor, Incoming, Stream};
use crate::worker::{WorkerConfig, WorkerMessage};
use crate::{shutdown, worker};
use glasshouse_http::{ConnectionLimiter, ConnectionPermit, Entry, Log, raw_response};
use http::{StatusCode, Version};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::info;

/// How long accepting pauses when the system has no descriptor or memory for one more connection.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// How long threads may take to cut what they serve, and to write its entries in the log, after a second signal.
const CUTTING: Duration = Duration::from_secs(1);

/// What a server needs.
pub struct Server {
    /// Who answers, one for each thread.
    pub handlers: Vec<Router>,
    pub serving: Vec<Listener>,
    /// Those without TLS, whose clients are sent to the others.
    pub redirecting: Vec<Listener>,
    pub terms: WorkerConfig,
    pub manager: Arc<ServiceManager>,
    pub metrics: Arc<Metrics>,
}

/// A connection that was accepted, and its place among those that may be open.
pub struct Accepted {
    pub stream: Stream,
    pub peer: IpAddr,
    pub way: Role,
    pub place: ConnectionPermit,
}

/// What becomes of those who come to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// They are served, over TLS where there is any.
    Serving,
    /// They are sent to where they are served.
    Redirecting,
}

impl Server {
    /// Starts the threads and calls `ready`. Serves until `stop` is ready, then lets the answers under way finish within the grace that they have; a second signal in
    /// that time ends it at once, and so does the end of the process, which must follow.
    ///
    /// # Errors
    /// The system has no thread or no poller to give.
    pub async fn run(self, ready: impl FnOnce(), stop: impl Future<Output = ()>) -> io::Result<()> {
        let (closing, closes) = watch::channel(false);
        let (cutting, cuts) = watch::channel(false);
        let (alive, mut ended) = mpsc::channel(1);
        let start = |handler| worker::start(self.terms_for(&handler), handler, (&closes, &cuts), &alive);
        let queues = self.handlers.iter().cloned().map(start).collect::<io::Result<Vec<_>>>()?;
        drop(alive);
        ready();
        let weak = queues.iter().map(mpsc::UnboundedSender::downgrade).collect();
        tokio::spawn(watch_over(weak, Arc::clone(&self.manager)));
        let door = AcceptContext {
            admission: ConnectionLimiter::new(&self.terms.limits),
            way: Role::Serving,
            is_secure: self.terms.tls.is_some(),
            version: self.terms.version,
            log: self.terms.log.counting(self.metrics.counters()),
        };
        let listeners = [(Role::Serving, self.serving), (Role::Redirecting, self.redirecting)];
        tokio::select! {
            outcome = accept(listeners, queues, door) => outcome?,
            () = stop => {}
        }
        let again = shutdown::requested();
        self.manager.stopping();
        // The queues are closed by now. Workers go when they are told and have nothing left.
        let _ = closing.send(true);
        tokio::select! {
            _ = ended.recv() => {}
            _ = again => {
                let _ = cutting.send(true);
                // A thread that is busy for longer is not waited for.
                let _ = timeout(CUTTING, ended.recv()).await;
            }
        }
        Ok(())
    }

    /// The same for every thread, but that each counts for itself.
    fn terms_for(&self, handler: &Router) -> WorkerConfig {
        self.metrics.watch(handler.tally());
        WorkerConfig { log: self.terms.log.counting(self.metrics.counters()), ..self.terms.clone() }
    }
}

/// Tells the manager, for ever, that every thread takes what it is given. While one does not, nothing is told.
async fn watch_over(queues: Vec<mpsc::WeakUnboundedSender<WorkerMessage>>, manager: Arc<ServiceManager>) {
    let Some(pulse) = manager.pulse() else { return };
    let mut beats = interval(pulse);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        for queue in &queues {
            let (answer, answered) = oneshot::channel();
            // A queue that is closed is that of a thread which finishes what it has.
            let _ = queue.upgrade().map(|queue| queue.send(WorkerMessage::Call(answer)));
            let _ = answered.await;
        }
        manager.alive();
    }
}

/// Where connections are taken or turned away.
#[derive(Clone)]
struct AcceptContext {
    admission: Arc<ConnectionLimiter>,
    way: Role,
    /// Whether those who are served speak TLS.
    is_secure: bool,
    version: Version,
    log: Log,
}

impl AcceptContext {
    /// Turns a client away without waiting for what it wants.
    fn refuse(&self, stream: &Incoming, peer: IpAddr) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        // Over TLS that would take what this saves.
        let is_clear = self.way == Role::Redirecting || !self.is_secure;
        // There is room for so little in a socket that nothing was written to; and who has gone misses nothing.
        let _ = is_clear.then(|| stream.try_write(raw_response(self.version, status).as_bytes()));
        info!("{peer}: a connection is refused, as there are as many as there may be");
        self.log.access(&Entry::unread(peer, status.as_u16()));
    }
}

/// Accepts on all listeners and deals the connections out in turn.
async fn accept(
    listeners: [(Role, Vec<Listener>); 2],
    queues: Vec<mpsc::UnboundedSender<WorkerMessage>>,
    door: AcceptContext,
) -> io::Result<()> {
    let mut accepting = JoinSet::new();
    let listeners = listeners.into_iter().flat_map(|(way, all)| all.into_iter().map(move |one| (way, one)));
    for (start, (way, listener)) in listeners.enumerate() {
        let listener = Acceptor::from_std(listener)?;
        let door = AcceptContext { way, ..door.clone() };
        accepting.spawn(accept_one(listener, queues.clone(), start, door));
    }
    while accepting.join_next().await.is_some() {}
    Ok(())
}

async fn accept_one(
    listener: Acceptor,
    queues: Vec<mpsc::UnboundedSender<WorkerMessage>>,
    start: usize,
    door: AcceptContext,
) {
    for queue in queues.iter().cycle().skip(start) {
        let (stream, peer, place) = admitted(&listener, &door).await;
        let Ok(stream) = stream.into_std() else { continue };
        if queue.send(WorkerMessage::Connection(Accepted { stream, peer, way: door.way, place })).is_err() {
            return;
        }
    }
}

/// The next connection that there is a place for.
async fn admitted(listener: &Acceptor, door: &AcceptContext) -> (Incoming, IpAddr, ConnectionPermit) {
    loop {
        let (stream, peer) = accepted(listener).await;
        match door.admission.admit(peer) {
            Some(place) => return (stream, peer, place),
            None => door.refuse(&stream, peer),
        }
    }
}

/// The next connection. Errors are of connections that are gone already, or of a system that is out of something.
async fn accepted(listener: &Acceptor) -> (Incoming, IpAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => sleep(EXHAUSTED).await,
        }
    }
}
