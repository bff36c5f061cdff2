//! Selects the tree for a request, and replaces the sandboxes of the trees on a reload.

use glasshouse_core::http::target::Target;
use glasshouse_http::{Client, FileRange, Handler, HandlerCall, HandlerError, ParsedHead, ReplayedResponse};
use glasshouse_quota::Scheduler;
use glasshouse_quota::sync::lock;
use glasshouse_sandbox::{
    InstanceMetrics, InstancePool, LimitExceeded, Replayed, RequestError, RequestHead, ResponseBody, Sandbox,
};
use http::header::{AUTHORIZATION, HOST, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, Method, Response};
use std::cell::LazyCell;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

/// The handler of a thread: a pool of instances for each tree.
#[derive(Clone)]
pub struct Router(Arc<ThreadState>);

struct ThreadState {
    scheduler: Arc<Scheduler>,
    /// Counters of all pools, also of replaced ones.
    metrics: Arc<InstanceMetrics>,
    /// In the order of selection.
    mounts: Vec<MountPoint>,
}

/// A tree and the URL path at which a router serves it.
pub struct RoutedTree {
    /// `None` for the tree at the root, which must be the last.
    pub path: Option<Target>,
    /// Answers the requests.
    pub sandbox: Arc<Sandbox>,
}

/// A mount on one thread.
struct MountPoint {
    /// `None` for the tree at the root.
    path: Option<Target>,
    /// Locked by one thread and by a reload, which holds it briefly.
    pool: Mutex<Arc<InstancePool>>,
}

impl Router {
    /// A router for each thread. A request belongs to the first of the mounts that contains its path.
    pub fn for_threads(mounts: &[RoutedTree], threads: NonZeroUsize) -> Vec<Router> {
        let router = |_| {
            let (scheduler, metrics) = (Arc::default(), Arc::default());
            let mounts = mounts.iter().map(|mount| {
                let sandbox = Arc::clone(&mount.sandbox);
                let pool = Mutex::new(InstancePool::new(sandbox, Arc::clone(&scheduler), Arc::clone(&metrics)));
                MountPoint { path: mount.path.clone(), pool }
            });
            let mounts = mounts.collect();
            Router(Arc::new(ThreadState { scheduler, metrics, mounts }))
        };
        (0..threads.get()).map(router).collect()
    }

    /// Serves later requests with other sandboxes, in the same order. Requests in progress keep their instances.
    pub fn replace(&self, sandboxes: &[Arc<Sandbox>]) {
        let ThreadState { scheduler, metrics, mounts } = &*self.0;
        for (mount, sandbox) in mounts.iter().zip(sandboxes) {
            let next = InstancePool::new(Arc::clone(sandbox), Arc::clone(scheduler), Arc::clone(metrics));
            let previous = mem::replace(&mut *lock(&mount.pool), next);
            // Dropped without the lock, because warm instances take a while to drop.
            drop(previous);
        }
    }

    /// The scheduler of this thread.
    pub fn scheduler(&self) -> &Arc<Scheduler> {
        &self.0.scheduler
    }

    /// The counters of all instances of this thread.
    pub fn metrics(&self) -> &Arc<InstanceMetrics> {
        &self.0.metrics
    }

    /// The pool of the tree for a request, or `None` if no tree is mounted at its path.
    fn pool(&self, target: &str) -> Option<Arc<InstancePool>> {
        // Parsed as in the handler, so that both agree on the path.
        let target = LazyCell::new(|| Target::parse(target));
        let contains_target = |path: &Target| target.as_ref().is_ok_and(|target| target.is_within(path));
        let mount = self.0.mounts.iter().find(|mount| mount.path.as_ref().is_none_or(contains_target))?;
        Some(Arc::clone(&lock(&mount.pool)))
    }
}

/// The head of a request as the handler would see it.
struct VisibleHead<'a> {
    request: &'a ParsedHead<'a>,
    /// Whether the server has users. It removes their credentials from requests.
    has_users: bool,
}

impl RequestHead for VisibleHead<'_> {
    fn method(&self) -> &Method {
        self.request.method()
    }

    fn target(&self) -> Option<&str> {
        Some(self.request.target())
    }

    fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        let is_visible = !(self.has_users && *name == AUTHORIZATION);
        self.request.values(name).filter(move |_| is_visible)
    }
}

impl Handler for Router {
    type Body = ResponseBody;

    fn call(
        &self,
        mut request: Parts,
        client: &Client,
    ) -> HandlerCall<ResponseBody, impl Future<Output = Result<Response<ResponseBody>, HandlerError>> + Send> {
        // HTTP/1.0 allows requests without it. The host function of WASI 0.2 rejects them.
        if request.uri.authority().is_none() && !request.headers.contains_key(HOST) {
            request.headers.insert(HOST, HeaderValue::from_static("localhost"));
        }
        let pool = self.pool(request.uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default());
        if let Some(response) = pool.as_ref().and_then(|pool| pool.cached(&request, client)) {
            return HandlerCall::Cached(response);
        }
        HandlerCall::Pending(async move {
            let pool = pool.ok_or(HandlerError::NotFound)?;
            pool.answer(request, client).await.map_err(handler_error)
        })
    }

    fn replay(
        &self,
        request: &ParsedHead<'_>,
        has_users: bool,
        client: &Client,
    ) -> Option<ReplayedResponse<ResponseBody>> {
        let pool = self.pool(request.target())?;
        let Replayed { status, head, body } = pool.replay(&VisibleHead { request, has_users }, client)?;
        Some(ReplayedResponse { status, lines: head, body })
    }

    fn file_range(body: &mut ResponseBody, max: usize) -> Option<FileRange> {
        body.file_range(max).map(|(file, offset, length)| FileRange { file, offset, length })
    }

    fn advance(body: &mut ResponseBody, bytes: usize) {
        body.advance(bytes);
    }

    fn bound(body: &mut ResponseBody, room: usize) -> bool {
        body.bound(room)
    }
}

fn handler_error(error: RequestError) -> HandlerError {
    match error.limit() {
        Some(limit @ (LimitExceeded::Instances | LimitExceeded::Total | LimitExceeded::Files)) => {
            HandlerError::Busy(limit.into())
        }
        Some(limit) => HandlerError::LimitExceeded(limit.into()),
        None => HandlerError::Failed(error.into()),
    }
}
