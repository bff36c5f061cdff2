//! A site as a `tower_service::Service`.

use crate::body::SiteBody;
use crate::threads::{Job, SiteThreads};
use http::{Request, Response, StatusCode};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use tower_service::Service;

/// The address of the client of a request, as an extension of the request. Clients share the memory and the files of a
/// site fairly. Requests without this extension count as requests of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Answers requests with the files of a site. Every failure is a response, such as 404 or 503.
///
/// The service ignores the body of a request. It expects the target as the client sent it, and `Host` as HTTP/1.1
/// requires it.
#[derive(Clone)]
pub struct SiteService {
    threads: Arc<SiteThreads>,
}

impl SiteService {
    pub(crate) fn new(threads: Arc<SiteThreads>) -> SiteService {
        SiteService { threads }
    }
}

impl<B> Service<Request<B>> for SiteService {
    type Response = Response<SiteBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<SiteBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |Peer(address)| *address);
        let (reply, response) = oneshot::channel();
        let is_sent = self.threads.send(Job::Request { request: request.map(|_| ()), peer, reply });
        Box::pin(async move {
            let response = if is_sent { response.await.ok() } else { None };
            Ok(response.unwrap_or_else(failed))
        })
    }
}

/// The thread of the request has ended.
fn failed() -> Response<SiteBody> {
    let mut response = Response::new(SiteBody::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
