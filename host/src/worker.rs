//! A thread that serves connections: what is spoken on each, and who answers there. It refuses to know how they were accepted.

use crate::handler::Handler;
use crate::redirect::Redirect;
use crate::server::{Accepted, Way};
use crate::stream::Incoming;
use crate::tls::{Handshake, Tls};
use glasshouse_front::users::Users;
use glasshouse_front::{Answer, Exchange, Limits, Log, Spoken, Trust, introduce};
use http::{StatusCode, Version};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

/// What a thread is given.
pub enum Given {
    Connection(Accepted),
    /// To be answered, which shows that it lives.
    Call(oneshot::Sender<()>),
}

/// What holds for every connection.
#[derive(Clone)]
pub struct Terms {
    /// Where clients are sent who come without TLS where there is some.
    pub redirect: Redirect,
    /// Without, nobody speaks it.
    pub tls: Option<Tls>,
    /// Those who may ask; everybody where there are none.
    pub users: Option<Arc<Users>>,
    /// Of HTTP: 1.0 or 1.1.
    pub version: Version,
    pub limits: Limits,
    /// How long answers under way are waited for when the server stops.
    pub grace: Duration,
    /// Proxies that are believed.
    pub trust: Trust,
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
    terms: Terms,
    handler: Handler,
    (closes, cuts): (&watch::Receiver<bool>, &watch::Receiver<bool>),
    alive: &mpsc::Sender<Never>,
) -> io::Result<mpsc::UnboundedSender<Given>> {
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
async fn serve(mut queue: mpsc::UnboundedReceiver<Given>, service: Service, mut cuts: watch::Receiver<bool>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            given = queue.recv() => {
                let Accepted { stream, peer, way, place } = match given {
                    Some(Given::Connection(accepted)) => accepted,
                    Some(Given::Call(answer)) => {
                        // Whoever does not wait for it any more will call again.
                        let _ = answer.send(());
                        continue;
                    }
                    None => break,
                };
                // A connection that the poller does not take is closed; its client sees that.
                let connection = match Incoming::from_std(stream) {
                    Ok(Incoming::Tcp(stream)) => service.connection(stream, peer, way),
                    Ok(Incoming::Unix(stream)) => service.connection(stream, peer, way),
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
    handler: Handler,
    terms: Terms,
    closes: watch::Receiver<bool>,
}

/// Boxed, because the runtime aligns its tasks, and aligned blocks of this size leave holes behind.
type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Service {
    fn connection<S>(&self, stream: S, peer: IpAddr, way: Way) -> Connection
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (limits, closes, proxied) = (self.terms.limits, self.closes.clone(), self.terms.proxied);
        match (way, &self.terms.tls) {
            (Way::Redirecting, _) => {
                Box::pin(clear(stream, self.exchange(self.terms.redirect, peer), proxied, limits, closes))
            }
            (Way::Serving, None) => Box::pin(clear(stream, self.for_users(peer), proxied, limits, closes)),
            (Way::Serving, Some(tls)) => {
                Box::pin(secure(stream, tls.clone(), self.for_users(peer), proxied, limits, closes))
            }
        }
    }

    fn for_users(&self, peer: IpAddr) -> Exchange<Handler> {
        self.exchange(self.handler.clone(), peer).for_users(self.terms.users.clone())
    }

    fn exchange<A: Answer>(&self, answerer: A, peer: IpAddr) -> Exchange<A> {
        let Terms { version, limits, log, trust, .. } = &self.terms;
        Exchange::new(answerer, *version, limits, log.clone(), peer).trusting(trust.clone())
    }
}

async fn clear<S, A>(mut stream: S, exchange: Exchange<A>, proxied: bool, limits: Limits, closes: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Answer,
{
    if let Some(exchange) = introduced(&mut stream, exchange, proxied, limits, closes.clone()).await {
        glasshouse_front::serve(stream, Spoken::Untold, exchange, limits, closes).await;
    }
}

async fn secure<S>(
    mut stream: S,
    tls: Tls,
    exchange: Exchange<Handler>,
    proxied: bool,
    limits: Limits,
    closes: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(exchange) = introduced(&mut stream, exchange, proxied, limits, closes.clone()).await else { return };
    // Boxed, because the room for it would be kept with every connection.
    match Box::pin(tls.accept(stream, limits.header_timeout)).await {
        Handshake::Done { stream, spoken, version } => {
            glasshouse_front::serve(stream, spoken, exchange.over_tls(version), limits, closes).await;
        }
        Handshake::Mistaken => exchange.log_unread(StatusCode::BAD_REQUEST),
        Handshake::Failed(why) => debug!("{}: no handshake: {why}", exchange.client()),
    }
}

/// What a proxy says of its client comes before everything else, TLS included.
async fn introduced<S, A>(
    stream: &mut S,
    exchange: Exchange<A>,
    proxied: bool,
    limits: Limits,
    closes: watch::Receiver<bool>,
) -> Option<Exchange<A>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Answer,
{
    match proxied {
        // Boxed, because the room for it would be kept with every connection.
        true => Box::pin(introduce(stream, exchange, limits.header_timeout, closes)).await,
        false => Some(exchange),
    }
}
