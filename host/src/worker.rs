//! A thread that serves connections: what is spoken on each, and who answers there. It refuses to know how they were accepted.

use crate::redirect::Redirect;
use crate::server::{Accepted, GRACE, Server, Way};
use crate::tls::{Handshake, Tls};
use glasshouse_front::users::Users;
use glasshouse_front::{Answer, Exchange, Limits, Line, Log, Spoken, Unanswered};
use glasshouse_sandbox::{Instances, WasiBody};
use http::request::Parts;
use http::{Response, StatusCode, Version};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A thread that serves the connections it is given.
pub struct Worker {
    pub queue: mpsc::UnboundedSender<Accepted>,
    pub thread: JoinHandle<()>,
}

impl Worker {
    /// # Errors
    /// The system has no thread or no poller to give.
    pub fn start(server: &Server, closes: watch::Receiver<bool>) -> io::Result<Worker> {
        let (queue, connections) = mpsc::unbounded_channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let service = Service {
            handler: Handler(Instances::new(Arc::clone(&server.sandbox))),
            redirect: server.redirect,
            tls: server.tls.clone(),
            users: server.users.clone(),
            version: server.version,
            limits: server.limits,
            log: server.log.clone(),
            closes,
        };
        let work = serve(connections, service);
        let thread = thread::Builder::new().name("worker".to_owned()).spawn(move || runtime.block_on(work))?;
        Ok(Worker { queue, thread })
    }
}

/// Serves what arrives in the queue, until nothing can arrive any more.
async fn serve(mut queue: mpsc::UnboundedReceiver<Accepted>, service: Service) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = queue.recv() => {
                let Some(Accepted { stream, peer, way, place }) = accepted else { break };
                // A connection that the poller does not take is closed; its client sees that.
                let Ok(stream) = TcpStream::from_std(stream) else { continue };
                // Answers are written whole; waiting for more of them only delays the last packet. A refusal costs no more
                // than that.
                let _ = stream.set_nodelay(true);
                let connection = service.connection(stream, peer, way);
                open.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
    // Whoever has not finished by then is cut.
    let _ = timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
}

/// What the connections of a thread have in common.
struct Service {
    handler: Handler,
    redirect: Redirect,
    tls: Option<Tls>,
    users: Option<Arc<Users>>,
    version: Version,
    limits: Limits,
    log: Log,
    closes: watch::Receiver<bool>,
}

/// Boxed, because the runtime aligns its tasks, and aligned blocks of this size leave holes behind.
type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Service {
    fn connection(&self, stream: TcpStream, peer: IpAddr, way: Way) -> Connection {
        let (limits, closes) = (self.limits, self.closes.clone());
        match (way, &self.tls) {
            (Way::Redirecting, _) => {
                let exchange = self.exchange(self.redirect, peer);
                Box::pin(glasshouse_front::serve(stream, Spoken::Untold, exchange, limits, closes))
            }
            (Way::Serving, None) => {
                let exchange = self.exchange(self.handler.clone(), peer).for_users(self.users.clone());
                Box::pin(glasshouse_front::serve(stream, Spoken::Untold, exchange, limits, closes))
            }
            (Way::Serving, Some(tls)) => {
                let exchange = self.exchange(self.handler.clone(), peer).for_users(self.users.clone());
                Box::pin(secure(stream, tls.clone(), self.log.clone(), peer, exchange, limits, closes))
            }
        }
    }

    fn exchange<A: Answer>(&self, answerer: A, peer: IpAddr) -> Exchange<A> {
        Exchange::new(answerer, self.version, &self.limits, self.log.clone(), peer)
    }
}

async fn secure(
    stream: TcpStream,
    tls: Tls,
    log: Log,
    peer: IpAddr,
    exchange: Exchange<Handler>,
    limits: Limits,
    closes: watch::Receiver<bool>,
) {
    // Boxed, because the room for it would be kept with every connection.
    match Box::pin(tls.accept(stream, limits.header_timeout)).await {
        Handshake::Done(stream, spoken) => {
            glasshouse_front::serve(stream, spoken, exchange, limits, closes).await;
        }
        Handshake::Mistaken => {
            log.access(&Line { peer, user: None, request: "", status: StatusCode::BAD_REQUEST.as_u16(), bytes: 0 });
        }
        Handshake::Failed => {}
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
