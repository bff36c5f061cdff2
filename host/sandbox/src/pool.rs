//! The instances of one sandbox on one thread: each answers one request at a time, has it for itself, and is kept warm for the
//! next if nothing went wrong. What a trap, a limit or a loop costs is that one request. It refuses to know sockets, and what
//! an answer means.

use crate::beneath::identify;
use crate::body_handoff::{Content, announced};
use crate::file_body::{FileBody, Pieces};
use crate::guest_body::{BodyMonitor, Capture, GuestBody, tee};
use crate::io_errors::Reporter;
use crate::limits::{LimitExceeded, Metered, Usage};
use crate::metrics::{InstanceMetrics, LiveGuard};
use crate::replay::{CachedResponse, Effort, Recording, Replay};
use crate::request_error::RequestError;
use crate::response_body::{ResponseBody, nothing};
use crate::sandbox::{Sandbox, State};
use crate::{body_handoff, last_modified, replay};
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, Shared, pending, poll_fn, select};
use glasshouse_quota::{Client, Lease, Resource, Scheduler};
use http::request::Parts;
use http_body_util::BodyExt as _;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use wasmtime::component::Accessor;
use wasmtime::{AsContextMut as _, Result, Store, format_err};
use wasmtime_wasi_http::handler::{Prepared, Proxy};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView, p3};

/// Requests that one instance answers before it is replaced, so that nothing it may leak lasts.
const USES: u32 = 4096;
/// Warm instances that a thread keeps for the next requests.
const WARM: usize = 16;
/// Memory in bytes that an instance may have to be kept warm.
const WARM_MEMORY: usize = 8 << 20;
/// Content up to this length, where it is announced, is made together with its head: what generates more is held by its client in
/// another measure.
const SHORT: u64 = 64 << 10;
/// Files that are open for a request while an instance works at it, and those besides while it generates a body.
const FILES: usize = 2;
/// How long a handler may go on after its answer was sent or its client has gone.
const LINGER: Duration = Duration::from_secs(1);

/// A handler with a store of its own.
struct Instance {
    store: Store<State>,
    proxy: Proxy,
    uses: u32,
    _counted: LiveGuard,
}

/// The instances of one sandbox on one thread, and the answers that need none.
pub struct InstancePool {
    sandbox: Arc<Sandbox>,
    /// Whose turn it is on this thread, whichever sandbox it asks.
    scheduler: Arc<Scheduler>,
    warm: Mutex<Vec<Instance>>,
    replay: Option<Mutex<Replay>>,
    tally: Arc<InstanceMetrics>,
}

type Response = http::Response<ResponseBody>;
/// As the library has it: a body that no instance makes goes with it, see [`ResponseBody::pack`].
type HeadSender = oneshot::Sender<Result<http::Response<WasiBody>>>;
/// Ready when nobody wants the body any more.
type Gone = Shared<oneshot::Receiver<()>>;
/// What the client holds for the instance that is busy with its request: first in the measure of heads, then perhaps in that of bodies.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Vec<Lease>>>);

impl Held {
    fn set(&self, leases: Vec<Lease>) {
        *lock(&self.0) = leases;
    }
}

impl InstancePool {
    pub fn new(sandbox: Arc<Sandbox>, scheduler: Arc<Scheduler>, tally: Arc<InstanceMetrics>) -> Arc<InstancePool> {
        let replay = sandbox.replay().map(Mutex::new);
        Arc::new(InstancePool { sandbox, scheduler, warm: Mutex::default(), replay, tally })
    }

    /// The answer to a request that was given before and still holds, if it costs little to know that; no instance has a part in it.
    pub fn cached(&self, request: &Parts, client: &Client) -> Option<Response> {
        let file = client.try_take(Resource::Files, 1)?;
        self.replayed(request, client, file, Effort::Little)
    }

    fn replayed(&self, request: &Parts, client: &Client, file: Lease, effort: Effort) -> Option<Response> {
        let (answer, pieces) = lock(self.replay.as_ref()?).find(request, effort)?;
        let made = replay::made(&pieces.1);
        // What is kept may be forgotten before it is sent.
        let memory = if made > 0 { Some(client.try_take(Resource::Memory, made)?) } else { None };
        let held = pieces.0.is_some().then_some(file).into_iter().chain(memory).collect();
        self.tally.count_replayed();
        Some(response(answer.status, answer.fields, pieces, (&self.sandbox.faults, client), held))
    }

    /// Lets an instance answer. The response is there as soon as its head is; work that is left to do for its body goes on
    /// in a task until the body is dropped.
    ///
    /// # Errors
    /// A trap, a handler that gives no answer or takes too long for it, an instance that cannot be made, a client that holds as much
    /// as it may.
    pub async fn answer(self: &Arc<Self>, request: Parts, client: &Client) -> Result<Response, RequestError> {
        let mut response = self.ask(request, client).await.map_err(|error| {
            self.tally.count_failed(&error);
            RequestError(error)
        })?;
        last_modified::set_back(response.headers_mut());
        Ok(response)
    }

    async fn ask(self: &Arc<Self>, request: Parts, client: &Client) -> Result<Response> {
        let began = Instant::now();
        let waited = timeout(self.sandbox.ceilings.answer, self.ask_again(request, client)).await;
        let (request, file) = match waited.map_err(|_| LimitExceeded::Files)? {
            Ok(response) => return Ok(response),
            Err(asked) => asked,
        };
        let (to, mut head) = oneshot::channel();
        let (alive, gone) = oneshot::channel();
        let gone = gone.shared();
        let account = Arc::new(Usage::new(Arc::clone(&self.sandbox.ceilings)));
        let held = Held::default();
        let asked = Asked { request, client: client.clone(), account: Arc::clone(&account), held: held.clone(), file };
        let work = Box::pin(Arc::clone(self).work(asked, to, gone.clone()));
        let mut work = self.scheduler.schedule(client.address(), Metered::new(Arc::clone(&account), work));
        // Most answers are finished as soon as they are begun, which is sooner than a clock is set.
        if let Poll::Ready(outcome) = poll_fn(|context| Poll::Ready(Pin::new(&mut work).poll(context))).await {
            return finished(outcome, &mut head);
        }
        match timeout(self.sandbox.ceilings.answer.saturating_sub(began.elapsed()), select(&mut work, head)).await {
            Err(_) => Err(account.late().into()),
            // The body does not need the instance any more, or there is none.
            Ok(Either::Left((outcome, mut head))) => finished(outcome, &mut head),
            Ok(Either::Right((head, _))) => {
                let complain = &self.sandbox.complain;
                let watch = BodyMonitor { account, tally: Arc::clone(&self.tally), complain: Arc::clone(complain) };
                let head = head.map_err(|oneshot::Canceled| format_err!("the handler gave no answer"))??;
                let head = ResponseBody::unpack(head);
                let announced = announced(head.headers());
                let is_made = matches!(head.body(), ResponseBody::Made(_));
                if is_made && announced.is_none_or(|announced| announced > SHORT) {
                    match generating(client) {
                        Ok(leases) => held.set(leases),
                        Err(ceiling) => {
                            tokio::spawn(self.scheduler.discard(client.address(), work));
                            return Err(ceiling.into());
                        }
                    }
                }
                work.is_body();
                let (scheduler, address) = (Arc::clone(&self.scheduler), client.address());
                let attended = attend(work, gone, watch.clone());
                tokio::spawn(async move {
                    if let Some(work) = attended.await {
                        scheduler.discard(address, work).await;
                    }
                });
                let client = client.clone();
                Ok(head.map(|body| match body {
                    ResponseBody::Made(body) => {
                        ResponseBody::Made(GuestBody::new(body, announced, watch, client, alive).boxed_unsync())
                    }
                    ResponseBody::File(body) => ResponseBody::File(body),
                }))
            }
        }
    }

    /// Waits until files may be open for the client, and looks for an answer that was given before where that takes effort, or was not
    /// done because there was something to wait for.
    async fn ask_again(&self, request: Parts, client: &Client) -> Result<Response, (Parts, Lease)> {
        let (file, effort) = match client.try_take(Resource::Files, FILES) {
            Some(file) => (file, Effort::Much),
            None => (client.take(Resource::Files, FILES).await, Effort::Any),
        };
        if !self.replay.as_ref().is_some_and(|replay| lock(replay).knows(&request, effort)) {
            return Err((request, file));
        }
        // In turn with everything else that the thread computes.
        let look = poll_fn(|_| {
            let own = client.charge(Resource::Files, 1);
            Poll::Ready(self.replayed(&request, client, own, effort))
        });
        let again = self.scheduler.schedule(client.address(), look).await;
        again.ok_or((request, file))
    }

    /// All that one request makes an instance do. It goes back to the warm ones if nothing went wrong.
    async fn work(self: Arc<Self>, asked: Asked, to: HeadSender, gone: Gone) -> Result<()> {
        let Asked { request, client, account, held, file: _file } = asked;
        held.set(vec![client.take(Resource::Heads, 1).await]);
        let _busy = Busy(held);
        account.begins();
        let warm = lock(&self.warm).pop();
        let mut instance = match warm {
            Some(mut instance) => match instance.store.data_mut().memory.lend(&client) {
                Ok(()) => instance,
                Err(ceiling) => {
                    lock(&self.warm).push(instance);
                    return Err(ceiling.into());
                }
            },
            None => {
                let (store, proxy) = self.sandbox.instantiate(Arc::clone(&account), &client).await?;
                Instance { store, proxy, uses: 0, _counted: LiveGuard::new(&self.tally) }
            }
        };
        let key = self.replay.as_ref().map(|replay| (replay, request.method.clone(), request.uri.clone()));
        instance.store.data_mut().account = account;
        // What passed since the last request is nobody's time.
        instance.store.set_epoch_deadline(1);
        instance.store.data_mut().recording = key.as_ref().map(|_| Recording::new(instance.uses));
        let kept = instance.handle(request, &client, to, gone).await?;
        let state = instance.store.data_mut();
        state.contents.clear();
        if let (Some((replay, method, uri)), Some(recording)) = (key, state.recording.take())
            && let Some(answer) = kept.and_then(whole)
        {
            lock(replay).keep(method, uri, recording, answer);
        }
        instance.uses += 1;
        let memory = instance.store.data_mut().memory.give_back();
        let mut warm = lock(&self.warm);
        if instance.uses < USES && memory <= WARM_MEMORY && warm.len() < WARM {
            warm.push(instance);
        }
        Ok(())
    }
}

/// A request for an instance, and what is held for it.
struct Asked {
    request: Parts,
    client: Client,
    account: Arc<Usage>,
    held: Held,
    file: Lease,
}

/// An instance that is busy, until this is dropped.
struct Busy(Held);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(Vec::new());
    }
}

/// What a client holds while an instance generates a body for it, instead of one of the instances for heads: nobody who wants a head
/// waits for anybody who reads slowly.
fn generating(client: &Client) -> Result<Vec<Lease>, LimitExceeded> {
    let body = client.try_take(Resource::Bodies, 1).ok_or(LimitExceeded::Instances)?;
    let files = client.try_take(Resource::Files, FILES).ok_or(LimitExceeded::Files)?;
    Ok(vec![body, files])
}

/// Locks what only the tasks of one thread share. A panic while it was locked has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer with what was copied of its content; none if that is not all of it.
fn whole((mut answer, copy): (CachedResponse, Option<Capture>)) -> Option<CachedResponse> {
    if let Some(copy) = copy {
        answer.pieces = copy.pieces(&answer.fields)?;
    }
    Some(answer)
}

/// What came of work that is over.
fn finished(outcome: Result<()>, head: &mut oneshot::Receiver<Result<http::Response<WasiBody>>>) -> Result<Response> {
    match head.try_recv() {
        Ok(Some(head)) => outcome.and(head).map(ResponseBody::unpack),
        Ok(None) | Err(oneshot::Canceled) => Err(outcome.err().unwrap_or(format_err!("the handler gave no answer"))),
    }
}

/// A response whose body no instance has a part in, for a client that holds something for it.
fn response(
    status: http::StatusCode,
    fields: http::HeaderMap,
    pieces: Pieces,
    (faults, client): (&Arc<Reporter>, &Client),
    held: Vec<Lease>,
) -> Response {
    let body = FileBody::new(pieces, Arc::clone(faults), client.clone(), held);
    let mut response = http::Response::new(ResponseBody::File(body));
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}

/// Lets the work go on until it is done, or for a moment longer than anybody waits for it. If it `failed`, the body is
/// told before anybody can take its end for the end of the content: both are on one thread. Work that is not done is returned.
async fn attend<F>(work: F, gone: Gone, watch: BodyMonitor) -> Option<F>
where
    F: Future<Output = Result<()>> + Unpin,
{
    let deserted = pin!(async {
        // The sender is never used: it is only ever dropped.
        let _ = gone.await;
        sleep(LINGER).await;
    });
    match select(work, deserted).await {
        Either::Right(((), work)) => return Some(work),
        Either::Left((Ok(()), _)) => {}
        Either::Left((Err(error), _)) => {
            // What it does when its answer has been cut off is told already.
            if !watch.account.has_failed() {
                watch.tally.count_failed(&error);
                (watch.complain)(format_args!("an answer was cut off: {}", RequestError(error)));
            }
            watch.account.fail();
        }
    }
    None
}

impl Instance {
    /// Answers a request, and tells what of the answer can be given again.
    async fn handle(&mut self, request: Parts, client: &Client, to: HeadSender, gone: Gone) -> Result<Kept> {
        let Instance { store, proxy, .. } = self;
        // A handler never gets to see content: the server has read what there was.
        let request = http::Request::from_parts(request, nothing());
        store
            .run_concurrent(async |accessor| {
                let (answer, source) = match proxy {
                    Proxy::P3(service) => p3_answer(service, accessor, request, client, to).await?,
                    Proxy::P2(_) => p2_answer(proxy, accessor, request, to).await?,
                };
                if let BodySource::Instance = source {
                    let _ = gone.await;
                }
                poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
                Ok(answer)
            })
            .await?
    }
}

/// Who produces the bytes of a body.
enum BodySource {
    /// The instance, which therefore must be kept running.
    Instance,
    /// The data plane, or nobody because there are none.
    Host,
}

/// What of an answer can be given again: its head, and a copy of what the instance wrote.
type Kept = Option<(CachedResponse, Option<Capture>)>;
type Answered = (Kept, BodySource);

async fn p3_answer(
    service: &p3::bindings::Service,
    accessor: &Accessor<State>,
    request: http::Request<WasiBody>,
    client: &Client,
    to: HeadSender,
) -> Result<Answered> {
    let is_head = request.method() == http::Method::HEAD;
    let (request, received) = accessor.with(|mut access| {
        let view = access.data_mut().http();
        let (request, received) = p3::Request::from_http(view.hooks, request);
        let received: Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> = Box::pin(received);
        Ok::<_, wasmtime::Error>((view.table.push(request)?, received))
    })?;
    let answered = service.wasi_http_handler().call_handle(accessor, request).await?;
    let handle = answered.map_err(|error| format_err!("the handler answered with an error: {error}"))?;
    accessor.with(|mut access| {
        let is_recording = access.data_mut().recording.as_ref().is_some_and(|recording| !recording.is_spoilt());
        let content = access.data_mut().contents.remove(&handle.rep());
        let answer = access.data_mut().table.delete(handle)?;
        let faults = Arc::clone(&access.data_mut().faults);
        let (head, answered) = match content {
            Some(Content::File(file, offset)) => {
                let (status, mut fields): (_, http::HeaderMap) = (answer.status, answer.headers.into());
                let pieces = body_handoff::pieces(&mut fields, &file, offset)?;
                let identity = if is_recording { identify(&*file).ok() } else { None };
                let kept = identity.map(|identity| {
                    let answer = CachedResponse {
                        status,
                        fields: fields.clone(),
                        file: Some(identity),
                        pieces: Arc::clone(&pieces),
                    };
                    (answer, None)
                });
                let held = vec![client.charge(Resource::Files, 1)];
                (
                    ResponseBody::pack(response(status, fields, (Some(file), pieces), (&faults, client), held)),
                    (kept, BodySource::Host),
                )
            }
            Some(Content::Nothing) if is_head || has_no_length(&answer.headers) => {
                let (status, fields): (_, http::HeaderMap) = (answer.status, answer.headers.into());
                let kept = is_recording.then(|| (CachedResponse::without_file(status, fields.clone()), None));
                let nothing = (None, [].into());
                (
                    ResponseBody::pack(response(status, fields, nothing, (&faults, client), Vec::new())),
                    (kept, BodySource::Host),
                )
            }
            // A length without content is a lie, which the library knows how to answer.
            Some(Content::Nothing) | None => {
                let head = answer.into_http(&mut access, received)?;
                let kept = is_recording.then(|| CachedResponse::without_file(head.status(), head.headers().clone()));
                let (head, kept) = match kept {
                    Some(answer) => {
                        let (head, copy) = tee(head, client);
                        (head, Some((answer, Some(copy))))
                    }
                    None => (head, None),
                };
                (head, (kept, BodySource::Instance))
            }
        };
        // A receiver that is gone has no client any more.
        drop(to.send(Ok(head)));
        Ok(answered)
    })
}

fn has_no_length(fields: &http::HeaderMap) -> bool {
    fields.get(http::header::CONTENT_LENGTH).is_none_or(|length| length == "0")
}

async fn p2_answer(
    proxy: &Proxy,
    accessor: &Accessor<State>,
    request: http::Request<WasiBody>,
    to: HeadSender,
) -> Result<Answered> {
    let view = <State as WasiHttpView>::http;
    let prepared = accessor.with(|mut access| Prepared::new(access.as_context_mut(), proxy, request, view, to))?;
    prepared.run(accessor, pending()).await?;
    Ok((None, BodySource::Instance))
}
