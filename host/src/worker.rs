//! A thread that serves connections: what is spoken on each, and who answers there. It refuses to know how they were accepted.

use crate::config::HostRule;
use crate::redirect_listener::RedirectListener;
use crate::router::Router;
use crate::server::{Accepted, Role};
use crate::socket::Connection;
use crate::tls::{Handshake, Tls};
use glasshouse_http::auth::Users;
use glasshouse_http::{
    ClientLimits, ConnectionContext, Handler, HasWriteTimeout, Hosts, Log, Protocol, TrustedProxies, introduce,
};
use glasshouse_quota::{Quotas, Scheduler};
use http::{StatusCode, Version};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

/// What a thread is given.
pub enum WorkerMessage {
    Connection(Accepted),
    /// To be answered, which shows that it lives.
    Call(oneshot::Sender<()>),
}

/// What holds for every connection.
#[derive(Clone)]
pub struct WorkerConfig {
    /// Where clients are sent who come without TLS where there is some.
    pub redirect: RedirectListener,
    /// Without, nobody speaks it.
    pub tls: Option<Tls>,
    /// Those who may ask; everybody where there are none.
    pub users: Option<Arc<Users>>,
    /// Of HTTP: 1.0 or 1.1.
    pub version: Version,
    pub limits: ClientLimits,
    /// What clients share.
    pub quotas: Quotas,
    /// The hosts for which requests are answered.
    pub hosts: HostRule,
    /// How long answers under way are waited for when the server stops.
    pub grace: Duration,
    /// Proxies that are believed.
    pub trust: TrustedProxies,
    /// Whether they begin with a header of the PROXY protocol.
    pub proxied: bool,
    pub log: Log,
}

/// What is never sent. A thread that could send it lives.
pub enum Never {}

/// Starts a thread that serves the connections which arrive in the queue, and holds `alive` until it has served them and written the
/// last entry in the log. It finishes what is under way when `closes` says so, and cuts it when `cuts` does.
///
/// # Errors
/// The system has no thread or no poller to give.
pub fn start(
    terms: WorkerConfig,
    handler: Router,
    (closes, cuts): (&watch::Receiver<bool>, &watch::Receiver<bool>),
    alive: &mpsc::Sender<Never>,
) -> io::Result<mpsc::UnboundedSender<WorkerMessage>> {
    let (queue, connections) = mpsc::unbounded_channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let service = Service { handler, terms, closes: closes.clone() };
    let (alive, cuts) = (alive.clone(), cuts.clone());
    thread::Builder::new().name("worker".to_owned()).spawn(move || {
        runtime.block_on(serve(connections, service, cuts));
        // Drops what is still under way, which writes its entries. Files that are being read are not waited for.
        runtime.shutdown_background();
        drop(alive);
    })?;
    Ok(queue)
}

/// Serves what arrives in the queue, until nothing can arrive any more.
async fn serve(mut queue: mpsc::UnboundedReceiver<WorkerMessage>, service: Service, mut cuts: watch::Receiver<bool>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            given = queue.recv() => {
                let Accepted { stream, peer, way, place } = match given {
                    Some(WorkerMessage::Connection(accepted)) => accepted,
                    Some(WorkerMessage::Call(answer)) => {
                        // Whoever does not wait for it any more will call again.
                        let _ = answer.send(());
                        continue;
                    }
                    None => break,
                };
                // A connection that the poller does not take is closed; its client sees that.
                let connection = match Connection::from_std(stream, service.terms.limits.send_timeout) {
                    Ok(Connection::Tcp(stream)) => {
                        let hosts = service.terms.hosts.over_tcp(service.terms.trust.covers(peer));
                        service.connection(stream, peer, way, hosts)
                    }
                    Ok(Connection::Unix(stream)) => {
                        service.connection(stream, peer, way, service.terms.hosts.over_unix())
                    }
                    Err(_) => continue,
                };
                let counted = service.terms.log.open();
                open.spawn(async move {
                    let began = Instant::now();
                    debug!("{peer}: a connection begins");
                    connection.await;
                    debug!("{peer}: a connection ends after {:.3} s", began.elapsed().as_secs_f64());
                    drop((counted, place));
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
    // Whoever has not finished by then is cut.
    tokio::select! {
        _ = timeout(service.terms.grace, async { while open.join_next().await.is_some() {} }) => {}
        _ = cuts.wait_for(|cut| *cut) => {}
    }
}

/// What the connections of a thread have in common.
struct Service {
    handler: Router,
    terms: WorkerConfig,
    closes: watch::Receiver<bool>,
}

/// Boxed, because the runtime aligns its tasks, and aligned blocks of this size leave holes behind.
type Served = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Service {
    fn connection<S: HasWriteTimeout>(&self, stream: S, peer: IpAddr, way: Role, hosts: Hosts) -> Served {
        let (limits, closes, proxied) = (self.terms.limits, self.closes.clone(), self.terms.proxied);
        match (way, &self.terms.tls) {
            (Role::Redirecting, _) => {
                Box::pin(clear(stream, self.exchange(self.terms.redirect, peer), proxied, limits, closes))
            }
            (Role::Serving, None) => Box::pin(clear(stream, self.for_users(peer, hosts), proxied, limits, closes)),
            (Role::Serving, Some(tls)) => {
                let scheduler = Arc::clone(self.handler.scheduler());
                Box::pin(secure(stream, (tls.clone(), scheduler), self.for_users(peer, hosts), proxied, limits, closes))
            }
        }
    }

    fn for_users(&self, peer: IpAddr, hosts: Hosts) -> ConnectionContext<Router> {
        self.exchange(self.handler.clone(), peer).for_users(self.terms.users.clone()).for_hosts(hosts)
    }

    fn exchange<A: Handler>(&self, answerer: A, peer: IpAddr) -> ConnectionContext<A> {
        let WorkerConfig { version, limits, log, trust, quotas, .. } = &self.terms;
        ConnectionContext::new(answerer, *version, limits, log.clone(), peer, quotas.client(peer))
            .trusting(trust.clone())
    }
}

async fn clear<S, A>(
    mut stream: S,
    exchange: ConnectionContext<A>,
    proxied: bool,
    limits: ClientLimits,
    closes: watch::Receiver<bool>,
) where
    S: HasWriteTimeout,
    A: Handler,
{
    if let Some(exchange) = introduced(&mut stream, exchange, proxied, limits, closes.clone()).await {
        glasshouse_http::serve(stream, Protocol::Unknown, exchange, limits, closes).await;
    }
}

async fn secure<S>(
    mut stream: S,
    (tls, scheduler): (Tls, Arc<Scheduler>),
    exchange: ConnectionContext<Router>,
    proxied: bool,
    limits: ClientLimits,
    closes: watch::Receiver<bool>,
) where
    S: HasWriteTimeout,
{
    let Some(exchange) = introduced(&mut stream, exchange, proxied, limits, closes.clone()).await else { return };
    // Boxed, because the room for it would be kept with every connection. What it computes, it computes in turn.
    let handshake = Box::pin(tls.accept(stream, limits.header_timeout));
    match Box::pin(scheduler.schedule(exchange.sharer().address(), handshake)).await {
        Handshake::Done { stream, spoken, version } => {
            glasshouse_http::serve(stream, spoken, exchange.over_tls(version), limits, closes).await;
        }
        Handshake::Mistaken => exchange.log_unread(StatusCode::BAD_REQUEST),
        Handshake::Failed(why) => debug!("{}: no handshake: {why}", exchange.client()),
    }
}

/// What a proxy says of its client comes before everything else, TLS included.
async fn introduced<S, A>(
    stream: &mut S,
    exchange: ConnectionContext<A>,
    proxied: bool,
    limits: ClientLimits,
    closes: watch::Receiver<bool>,
) -> Option<ConnectionContext<A>>
where
    S: HasWriteTimeout,
    A: Handler,
{
    match proxied {
        // Boxed, because the room for it would be kept with every connection.
        true => Box::pin(introduce(stream, exchange, limits.header_timeout, closes)).await,
        false => Some(exchange),
    }
}
