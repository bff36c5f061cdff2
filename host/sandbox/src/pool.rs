//! The instances of one sandbox on one thread, and the replay of its responses.
//!
//! An instance has one request at a time, and is kept for the next one if nothing failed. A trap, an exceeded limit or
//! an endless loop costs one request. A pool belongs to one thread with a current-thread tokio runtime, on which it
//! spawns tasks.

use crate::body_handoff::announced;
use crate::cached_response::CachedResponse;
use crate::file_body::{FileBody, FileContent, bytes_in_memory};
use crate::guest_body::{BodyMonitor, Capture, GuestBody};
use crate::instance::{BodyDropped, HeadSender, Instance};
use crate::last_modified;
use crate::limits::LimitExceeded;
use crate::metrics::{InstanceMetrics, LiveGuard};
use crate::replay::{Effort, Repeated, Replayed};
use crate::request_error::RequestError;
use crate::request_head::RequestHead;
use crate::response_body::ResponseBody;
use crate::sandbox::Sandbox;
use crate::usage::{Metered, Usage};
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, poll_fn, select};
use glasshouse_quota::sync::lock;
use glasshouse_quota::{Client, Lease, Resource, Scheduler};
use http::Response;
use http::request::Parts;
use http_body_util::BodyExt as _;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use wasmtime_wasi_http::WasiBody;

/// Requests of one instance before it is replaced, so that memory leaks of a handler end.
const MAX_REUSE: u32 = 4096;
/// Idle instances of a thread.
const MAX_IDLE: usize = 16;
/// Bytes of memory of an idle instance. Larger ones are dropped.
const MAX_IDLE_MEMORY: usize = 8 << 20;
/// An announced body of at most this length is generated together with its head. Longer ones use the client's share of
/// bodies ([`Resource::Bodies`]).
const SHORT_BODY: u64 = 64 << 10;
/// Bytes of a stored body that is not charged, as for a body from a file: the connection has room for them.
const UNCHARGED: usize = 16 << 10;
/// Files that an instance may hold open for the head, and again while it generates a body.
const FILES_PER_REQUEST: usize = 2;
/// How long a handler may run after its response was sent or its client has disconnected.
const POST_RETURN_TIMEOUT: Duration = Duration::from_secs(1);

/// The instances of one sandbox on one thread.
pub struct InstancePool {
    sandbox: Arc<Sandbox>,
    /// Shared with the other sandboxes of the thread.
    scheduler: Arc<Scheduler>,
    idle: Mutex<Vec<Instance>>,
    metrics: Arc<InstanceMetrics>,
}

type HeadReceiver = oneshot::Receiver<wasmtime::Result<Response<WasiBody>>>;

/// What a request holds of its client's shares while an instance works for it.
#[derive(Clone, Default)]
struct RequestLeases(Arc<Mutex<Vec<Lease>>>);

impl RequestLeases {
    fn set(&self, leases: Vec<Lease>) {
        *lock(&self.0) = leases;
    }
}

/// Releases the leases of a request when its instance is done.
struct ReleaseOnDrop(RequestLeases);

impl Drop for ReleaseOnDrop {
    fn drop(&mut self) {
        self.0.set(Vec::new());
    }
}

/// A request for an instance, with what it holds.
struct InstanceRequest {
    request: Parts,
    client: Client,
    usage: Arc<Usage>,
    leases: RequestLeases,
    file: Lease,
}

impl InstancePool {
    /// An empty pool. `scheduler` and `metrics` are those of the thread.
    pub fn new(sandbox: Arc<Sandbox>, scheduler: Arc<Scheduler>, metrics: Arc<InstanceMetrics>) -> Arc<InstancePool> {
        Arc::new(InstancePool { sandbox, scheduler, idle: Mutex::default(), metrics })
    }

    /// Replays a response if that costs little. Does not wait, uses no instance.
    pub fn replay(&self, request: &impl RequestHead, client: &Client) -> Option<Replayed> {
        let repeated = self.sandbox.replay()?.find(request, Effort::Low, || client.try_take(Resource::Files, 1))?;
        let (status, head) = (repeated.entry.status(), repeated.entry.head());
        let body = ResponseBody::File(self.body(repeated, client)?);
        Some(Replayed { status, head, body })
    }

    /// As [`InstancePool::replay`], with a map of fields.
    pub fn cached(&self, request: &Parts, client: &Client) -> Option<Response<ResponseBody>> {
        self.cached_with(request, client, Effort::Low, || client.try_take(Resource::Files, 1))
    }

    fn cached_with(
        &self,
        request: &Parts,
        client: &Client,
        effort: Effort,
        lease: impl FnMut() -> Option<Lease>,
    ) -> Option<Response<ResponseBody>> {
        let repeated = self.sandbox.replay()?.find(request, effort, lease)?;
        let (status, fields) = (repeated.entry.status(), repeated.entry.fields());
        let mut response = Response::new(ResponseBody::File(self.body(repeated, client)?));
        *response.status_mut() = status;
        *response.headers_mut() = fields;
        Some(response)
    }

    /// The body of a replayed response. `None` if it takes more memory than the client may have.
    fn body(&self, repeated: Repeated, client: &Client) -> Option<FileBody> {
        let Repeated { entry, file } = repeated;
        let segments = Arc::clone(entry.segments());
        let bytes = bytes_in_memory(&segments);
        // The store may drop the response before it is sent, so the client is charged.
        let memory = if bytes > UNCHARGED { Some(client.try_take(Resource::Memory, bytes)?) } else { None };
        let (file, lease) = file.unzip();
        self.metrics.count_replayed();
        let leases = lease.into_iter().chain(memory).collect();
        let content = FileContent { file, segments };
        Some(FileBody::new(content, Arc::clone(self.sandbox.reporter()), client.clone(), leases))
    }

    /// Answers a request by a replay or by an instance. Returns when the head is complete. A task then drives the
    /// instance until the body is dropped.
    ///
    /// # Errors
    /// The handler traps or returns no response, or the request exceeds a limit.
    pub async fn answer(
        self: &Arc<Self>,
        request: Parts,
        client: &Client,
    ) -> Result<Response<ResponseBody>, RequestError> {
        let mut response = self.respond(request, client).await.inspect_err(|error| {
            self.metrics.count_failed(error.limit());
        })?;
        last_modified::clamp(response.headers_mut());
        Ok(response)
    }

    async fn respond(
        self: &Arc<Self>,
        request: Parts,
        client: &Client,
    ) -> Result<Response<ResponseBody>, RequestError> {
        let limit = self.sandbox.limits().answer;
        let started = Instant::now();
        let admitted = timeout(limit, self.admit(request, client)).await;
        let (request, file) = match admitted.map_err(|_| LimitExceeded::Files)? {
            Ok(response) => return Ok(response),
            Err(not_replayed) => not_replayed,
        };
        if self.sandbox.replay().is_some() {
            self.metrics.count_not_replayed();
        }
        let (to, mut head) = oneshot::channel();
        let (alive, dropped) = oneshot::channel();
        let dropped = dropped.shared();
        let usage = Arc::new(Usage::new(Arc::clone(self.sandbox.limits())));
        let leases = RequestLeases::default();
        let request = InstanceRequest {
            request,
            client: client.clone(),
            usage: Arc::clone(&usage),
            leases: leases.clone(),
            file,
        };
        let work = Box::pin(Arc::clone(self).work(request, to, dropped.clone()));
        let mut work = self.scheduler.schedule(client.address(), Metered::new(Arc::clone(&usage), work));
        // Most responses are complete after one poll. Setting a timer would take longer.
        if let Poll::Ready(outcome) = poll_fn(|cx| Poll::Ready(Pin::new(&mut work).poll(cx))).await {
            return completed(outcome, &mut head);
        }
        let head = match timeout(limit.saturating_sub(started.elapsed()), select(&mut work, head)).await {
            Err(_) => return Err(usage.timeout_cause().into()),
            // The body does not need the instance, or there is no response.
            Ok(Either::Left((outcome, mut head))) => return completed(outcome, &mut head),
            Ok(Either::Right((head, _))) => head.map_err(|oneshot::Canceled| RequestError::NoResponse)??,
        };
        let head = ResponseBody::unpack(head);
        let announced = announced(head.headers());
        let is_guest = matches!(head.body(), ResponseBody::Guest(_));
        if is_guest && announced.is_none_or(|announced| announced > SHORT_BODY) {
            match body_leases(client) {
                Ok(of_body) => leases.set(of_body),
                Err(limit) => {
                    tokio::spawn(self.scheduler.discard(client.address(), work));
                    return Err(limit.into());
                }
            }
        }
        work.is_body();
        let monitor = BodyMonitor { usage, metrics: Arc::clone(&self.metrics) };
        let (scheduler, address) = (Arc::clone(&self.scheduler), client.address());
        let driven = drive(work, dropped, monitor.clone());
        tokio::spawn(async move {
            if let Some(work) = driven.await {
                scheduler.discard(address, work).await;
            }
        });
        let client = client.clone();
        Ok(head.map(|body| match body {
            ResponseBody::Guest(body) => {
                ResponseBody::Guest(GuestBody::new(body, announced, monitor, client, alive).boxed_unsync())
            }
            ResponseBody::File(body) => ResponseBody::File(body),
        }))
    }

    /// Waits until the client may open a file. Then replays the response if [`InstancePool::cached`] did not try:
    /// because it costs more, or because there was a wait. Returns the request if there is no replay.
    async fn admit(&self, request: Parts, client: &Client) -> Result<Response<ResponseBody>, (Parts, Lease)> {
        let (file, effort) = match client.try_take(Resource::Files, FILES_PER_REQUEST) {
            Some(file) => (file, Effort::High),
            None => (client.take(Resource::Files, FILES_PER_REQUEST).await, Effort::Any),
        };
        if !self.sandbox.replay().is_some_and(|replay| replay.has_candidates(&request, effort)) {
            return Err((request, file));
        }
        // Takes turns with the other work of the thread.
        let replayed = poll_fn(|_| {
            let lease = || Some(client.charge(Resource::Files, 1));
            Poll::Ready(self.cached_with(&request, client, effort, lease))
        });
        let response = self.scheduler.schedule(client.address(), replayed).await;
        response.ok_or((request, file))
    }

    /// Runs an instance for one request. Keeps the instance and stores the response if nothing failed.
    async fn work(
        self: Arc<Self>,
        request: InstanceRequest,
        to: HeadSender,
        dropped: BodyDropped,
    ) -> wasmtime::Result<()> {
        let InstanceRequest { request, client, usage, leases, file: _file } = request;
        leases.set(vec![client.take(Resource::Heads, 1).await]);
        let _release = ReleaseOnDrop(leases);
        usage.set_has_instance();
        let mut instance = self.instance(&usage, &client).await?;
        let target = request.target().map(str::to_owned);
        let key = self.sandbox.replay().zip(target).map(|(replay, target)| (replay, request.method.clone(), target));
        instance.start_request(usage, key.as_ref().map(|(replay, ..)| replay.recording(instance.uses)));
        let recorded = instance.handle(request, &client, to, dropped).await?;
        let state = instance.store.data_mut();
        state.end_request();
        if let (Some((replay, method, target)), Some(recording)) = (key, state.recording.take())
            && let Some(response) = recorded.and_then(with_capture)
        {
            replay.insert(&method, &target, recording, response);
        }
        instance.uses = instance.uses.saturating_add(1);
        let memory = instance.store.data_mut().memory.release();
        let mut idle = lock(&self.idle);
        if instance.uses < MAX_REUSE && memory <= MAX_IDLE_MEMORY && idle.len() < MAX_IDLE {
            idle.push(instance);
        }
        Ok(())
    }

    /// An idle instance or a new one.
    async fn instance(&self, usage: &Arc<Usage>, client: &Client) -> wasmtime::Result<Instance> {
        let idle = lock(&self.idle).pop();
        if let Some(mut instance) = idle {
            if let Err(limit) = instance.store.data_mut().memory.assign(client) {
                lock(&self.idle).push(instance);
                return Err(limit.into());
            }
            return Ok(instance);
        }
        let (store, proxy) = self.sandbox.instantiate(Arc::clone(usage), client).await?;
        Ok(Instance { store, proxy, uses: 0, _counted: LiveGuard::new(&self.metrics) })
    }
}

/// What a client holds while an instance generates a body, instead of its share of instances: requests for heads do not
/// wait for clients that read slowly.
fn body_leases(client: &Client) -> Result<Vec<Lease>, LimitExceeded> {
    let body = client.try_take(Resource::Bodies, 1).ok_or(LimitExceeded::Instances)?;
    let files = client.try_take(Resource::Files, FILES_PER_REQUEST).ok_or(LimitExceeded::Files)?;
    Ok(vec![body, files])
}

/// A recorded response with the captured body. `None` if the body is incomplete.
fn with_capture((mut response, capture): (CachedResponse, Option<Capture>)) -> Option<CachedResponse> {
    if let Some(capture) = capture {
        response.segments = capture.take(&response.fields)?;
    }
    Some(response)
}

/// The response of work that has ended.
fn completed(outcome: wasmtime::Result<()>, head: &mut HeadReceiver) -> Result<Response<ResponseBody>, RequestError> {
    match head.try_recv() {
        Ok(Some(head)) => Ok(outcome.and(head).map(ResponseBody::unpack)?),
        Ok(None) | Err(oneshot::Canceled) => {
            Err(outcome.map_or_else(RequestError::from, |()| RequestError::NoResponse))
        }
    }
}

/// Drives an instance until it is done, or until [`POST_RETURN_TIMEOUT`] after its body was dropped; then returns the
/// unfinished work. A failure reaches the body before its end does, because both are on one thread.
async fn drive<F>(work: F, dropped: BodyDropped, monitor: BodyMonitor) -> Option<F>
where
    F: Future<Output = wasmtime::Result<()>> + Unpin,
{
    let abandoned = pin!(async {
        // Ready when the sender is dropped; it never sends.
        let _ = dropped.await;
        sleep(POST_RETURN_TIMEOUT).await;
    });
    match select(work, abandoned).await {
        Either::Right(((), work)) => return Some(work),
        Either::Left((Ok(()), _)) => {}
        Either::Left((Err(error), _)) => {
            // A body that was aborted is logged and counted already.
            if !monitor.usage.has_failed() {
                let error = RequestError::from(error);
                monitor.metrics.count_failed(error.limit());
                monitor.abort(error);
            }
        }
    }
    None
}
