//! The instances of one sandbox on one thread: each answers one request at a time, has it for itself, and is kept warm for the
//! next if nothing went wrong. What a trap, a limit or a loop costs is that one request. It refuses to know sockets, and what
//! an answer means.

use crate::attended::{Attended, Transcript, Watch, copied};
use crate::ceiling::{Account, Ceiling, Ceilings, Charged};
use crate::clock;
use crate::faults::Faults;
use crate::handover::{self, Content, announced};
use crate::look::identify;
use crate::plane::{FileBody, Pieces};
use crate::replay::{Answer, Recording, Replay};
use crate::sandbox::{Sandbox, State};
use crate::tally::{Counted, Tally};
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, Shared, pending, poll_fn, select};
use http::request::Parts;
use http_body_util::{BodyExt as _, Empty};
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use wasmtime::component::Accessor;
use wasmtime::{AsContextMut as _, Result, Store, format_err};
use wasmtime_wasi_http::handler::{Prepared, Proxy};
use wasmtime_wasi_http::p3;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

/// Requests that one instance answers before it is replaced, so that nothing it may leak lasts.
const USES: u32 = 4096;
/// Warm instances that a thread keeps for the next requests.
const WARM: usize = 16;
/// How long a handler may go on after its answer was sent or its client has gone.
const LINGER: Duration = Duration::from_secs(1);

/// A handler with a store of its own.
struct Instance {
    store: Store<State>,
    proxy: Proxy,
    uses: u32,
    _counted: Counted,
}

/// The places of one thread for instances that are busy, whichever sandbox they are of; further requests wait for one.
#[derive(Clone)]
pub struct Places(Arc<Semaphore>);

impl Places {
    pub fn new(ceilings: &Ceilings) -> Places {
        Places(Arc::new(Semaphore::new(ceilings.instances.min(Semaphore::MAX_PERMITS))))
    }
}

/// The instances of one sandbox on one thread, and the answers that need none.
pub struct Instances {
    sandbox: Arc<Sandbox>,
    places: Places,
    warm: Mutex<Vec<Instance>>,
    replay: Option<Mutex<Replay>>,
    tally: Arc<Tally>,
}

/// Why a request has no answer, in words for whoever runs the server.
#[derive(Debug)]
pub struct GivenUp(wasmtime::Error);

impl GivenUp {
    /// The ceiling that the request reached, if that is why.
    pub fn ceiling(&self) -> Option<Ceiling> {
        Ceiling::of(&self.0)
    }
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ceiling() {
            Some(ceiling) => ceiling.fmt(f),
            // Above the cause stands where in the code it was, in many lines.
            None => write!(f, "{}", self.0.root_cause()),
        }
    }
}

type HeadSender = oneshot::Sender<Result<http::Response<WasiBody>>>;
/// Ready when nobody wants the body any more.
type Gone = Shared<oneshot::Receiver<()>>;

impl Instances {
    pub fn new(sandbox: Arc<Sandbox>, places: Places, tally: Arc<Tally>) -> Arc<Instances> {
        let replay = sandbox.replay().map(Mutex::new);
        Arc::new(Instances { sandbox, places, warm: Mutex::default(), replay, tally })
    }

    /// The answer to a request that was given before and still holds; no instance has a part in it.
    pub fn answer_again(&self, request: &Parts) -> Option<http::Response<WasiBody>> {
        let (answer, pieces) = lock(self.replay.as_ref()?).find(request)?;
        self.tally.count_replayed();
        Some(response(answer.status, answer.fields, pieces, &self.sandbox.faults))
    }

    /// Lets an instance answer. The response is there as soon as its head is; work that is left to do for its body goes on
    /// in a task until the body is dropped.
    ///
    /// # Errors
    /// A trap, a handler that gives no answer or takes too long for it, an instance that cannot be made.
    pub async fn answer(self: &Arc<Self>, request: Parts) -> Result<http::Response<WasiBody>, GivenUp> {
        let mut response = self.ask(request).await.map_err(|error| {
            self.tally.count_failed(&error);
            GivenUp(error)
        })?;
        clock::set_back(response.headers_mut());
        Ok(response)
    }

    async fn ask(self: &Arc<Self>, request: Parts) -> Result<http::Response<WasiBody>> {
        let (to, mut head) = oneshot::channel();
        let (alive, gone) = oneshot::channel();
        let gone = gone.shared();
        let account = Arc::new(Account::new(Arc::clone(&self.sandbox.ceilings)));
        let work = Box::pin(Arc::clone(self).work(request, Arc::clone(&account), to, gone.clone()));
        let mut work = Charged::new(Arc::clone(&account), work);
        // Most answers are finished as soon as they are begun, which is sooner than a clock is set.
        if let Poll::Ready(outcome) = poll_fn(|context| Poll::Ready(Pin::new(&mut work).poll(context))).await {
            return finished(outcome, &mut head);
        }
        match timeout(self.sandbox.ceilings.answer, select(&mut work, head)).await {
            Err(_) => Err(account.late().into()),
            // The body does not need the instance any more, or there is none.
            Ok(Either::Left((outcome, mut head))) => finished(outcome, &mut head),
            Ok(Either::Right((head, _))) => {
                let complain = &self.sandbox.complain;
                let watch = Watch { account, tally: Arc::clone(&self.tally), complain: Arc::clone(complain) };
                tokio::spawn(attend(work, gone, watch.clone()));
                let head = head.map_err(|oneshot::Canceled| format_err!("the handler gave no answer"))??;
                let announced = announced(head.headers());
                Ok(head.map(|body| Attended::new(body, announced, watch, alive).boxed_unsync()))
            }
        }
    }

    /// All that one request makes an instance do. It goes back to the warm ones if nothing went wrong.
    async fn work(self: Arc<Self>, request: Parts, account: Arc<Account>, to: HeadSender, gone: Gone) -> Result<()> {
        let _permit = self.places.0.acquire().await?;
        account.begins();
        let warm = lock(&self.warm).pop();
        let mut instance = match warm {
            Some(instance) => instance,
            None => {
                let (store, proxy) = self.sandbox.instantiate(Arc::clone(&account)).await?;
                Instance { store, proxy, uses: 0, _counted: Counted::new(&self.tally) }
            }
        };
        let key = self.replay.as_ref().map(|replay| (replay, request.method.clone(), request.uri.clone()));
        instance.store.data_mut().account = account;
        // What passed since the last request is nobody's time.
        instance.store.set_epoch_deadline(1);
        instance.store.data_mut().recording = key.as_ref().map(|_| Recording::new(instance.uses));
        let kept = instance.handle(request, to, gone).await?;
        let state = instance.store.data_mut();
        state.contents.clear();
        if let (Some((replay, method, uri)), Some(recording)) = (key, state.recording.take())
            && let Some(answer) = kept.and_then(whole)
        {
            lock(replay).keep(method, uri, recording, answer);
        }
        instance.uses += 1;
        let mut warm = lock(&self.warm);
        if instance.uses < USES && warm.len() < WARM {
            warm.push(instance);
        }
        Ok(())
    }
}

/// Locks what only the tasks of one thread share. A panic while it was locked has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer with what was copied of its content; none if that is not all of it.
fn whole((mut answer, copy): (Answer, Option<Transcript>)) -> Option<Answer> {
    if let Some(copy) = copy {
        answer.pieces = copy.pieces(&answer.fields)?;
    }
    Some(answer)
}

/// What came of work that is over.
fn finished(
    outcome: Result<()>,
    head: &mut oneshot::Receiver<Result<http::Response<WasiBody>>>,
) -> Result<http::Response<WasiBody>> {
    match head.try_recv() {
        Ok(Some(head)) => outcome.and(head),
        Ok(None) | Err(oneshot::Canceled) => Err(outcome.err().unwrap_or(format_err!("the handler gave no answer"))),
    }
}

/// A response whose body no instance has a part in.
fn response(
    status: http::StatusCode,
    fields: http::HeaderMap,
    pieces: Pieces,
    faults: &Arc<Faults>,
) -> http::Response<WasiBody> {
    let body = if pieces.1.is_empty() { nothing() } else { FileBody::new(pieces, Arc::clone(faults)).boxed_unsync() };
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}

fn nothing() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Lets the work go on until it is done, or for a moment longer than anybody waits for it. If it `failed`, the body is
/// told before anybody can take its end for the end of the content: both are on one thread.
async fn attend(work: impl Future<Output = Result<()>> + Unpin, gone: Gone, watch: Watch) {
    let deserted = pin!(async {
        // The sender is never used: it is only ever dropped.
        let _ = gone.await;
        sleep(LINGER).await;
    });
    if let Either::Left((Err(error), _)) = select(work, deserted).await {
        // What it does when its answer has been cut off is told already.
        if !watch.account.has_failed() {
            watch.tally.count_failed(&error);
            (watch.complain)(format_args!("an answer was cut off: {}", GivenUp(error)));
        }
        watch.account.fail();
    }
}

impl Instance {
    /// Answers a request, and tells what of the answer can be given again.
    async fn handle(&mut self, request: Parts, to: HeadSender, gone: Gone) -> Result<Kept> {
        let Instance { store, proxy, .. } = self;
        // A handler never gets to see content: the server has read what there was.
        let request = http::Request::from_parts(request, nothing());
        store
            .run_concurrent(async |accessor| {
                let (answer, source) = match proxy {
                    Proxy::P3(service) => p3_answer(service, accessor, request, to).await?,
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
type Kept = Option<(Answer, Option<Transcript>)>;
type Answered = (Kept, BodySource);

async fn p3_answer(
    service: &p3::bindings::Service,
    accessor: &Accessor<State>,
    request: http::Request<WasiBody>,
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
                let pieces = handover::pieces(&mut fields, &file, offset)?;
                let identity = if is_recording { identify(&*file).ok() } else { None };
                let kept = identity.map(|identity| {
                    let answer =
                        Answer { status, fields: fields.clone(), file: Some(identity), pieces: Arc::clone(&pieces) };
                    (answer, None)
                });
                (response(status, fields, (Some(file), pieces), &faults), (kept, BodySource::Host))
            }
            Some(Content::Nothing) if is_head || has_no_length(&answer.headers) => {
                let (status, fields): (_, http::HeaderMap) = (answer.status, answer.headers.into());
                let kept = is_recording.then(|| (Answer::without_file(status, fields.clone()), None));
                (response(status, fields, (None, [].into()), &faults), (kept, BodySource::Host))
            }
            // A length without content is a lie, which the library knows how to answer.
            Some(Content::Nothing) | None => {
                let head = answer.into_http(&mut access, received)?;
                let kept = is_recording.then(|| Answer::without_file(head.status(), head.headers().clone()));
                let (head, kept) = match kept {
                    Some(answer) => {
                        let (head, copy) = copied(head);
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
