//! The sandbox: compiles the handler, gives it one directory to read, and lets it answer one request at a time. It
//! refuses to know sockets and what an answer means.
//!
//! A request has an instance for itself: what a trap, a limit or a loop costs is that request. An instance that
//! answered well is warm and answers another.

use crate::handover::{self, Region};
use crate::plane::FileBody;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{Either, pending, poll_fn, select};
use http_body_util::BodyExt as _;
use http_body_util::Empty;
use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use wasmtime::component::{Accessor, Component, Linker, ResourceTable};
use wasmtime::error::Context as _;
use wasmtime::{AsContextMut as _, Config, Engine, Result, Store, StoreLimits, StoreLimitsBuilder, bail, format_err};
use wasmtime_wasi::filesystem::{FsPerms, WasiFilesystemCtx};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{Prepared, Proxy, ProxyPre};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};
use wasmtime_wasi_http::{p2, p3};

/// Memory that one instance may have, in bytes.
const MEMORY: usize = 64 << 20;
/// Handles to files, bodies and the like that one instance may hold. Each may be a file descriptor of this process.
const HANDLES: usize = 1024;
/// Requests that one instance answers before it is replaced, so that nothing it may leak lasts.
const USES: u32 = 4096;
/// Instances that may be busy at once, over all threads. Further requests wait for one.
const BUSY: usize = 1024;
/// Warm instances that a thread keeps for the next requests.
const WARM: usize = 16;
/// How long a handler may take until it has answered with a head.
const HEAD: Duration = Duration::from_secs(10);
/// How long a handler may go on after its answer was sent or its client has gone.
const LINGER: Duration = Duration::from_secs(1);
/// How often running code is interrupted so that others get their turn and limits are looked at.
const TICK: Duration = Duration::from_millis(10);

/// A compiled handler and what it is given, for all threads.
pub struct Sandbox {
    engine: Engine,
    handler: ProxyPre<State>,
    directory: WasiFilesystemCtx,
    environment: Vec<(String, String)>,
    busy: Semaphore,
}

/// What the host keeps for one instance.
pub struct State {
    pub table: ResourceTable,
    /// File regions that responses of this instance have for a body, by the handle of the response.
    pub regions: BTreeMap<u32, Region>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoing,
    limits: StoreLimits,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// A handler asks nobody: there is no HTTP client in this program to ask with.
struct NoOutgoing;

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Outgoing = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transmission), Error>> + Send>;

impl WasiHttpHooks for NoOutgoing {
    fn send_request(&mut self, _: http::Request<WasiBody>, _: Option<RequestOptions>, _: Transmission) -> Outgoing {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl Sandbox {
    /// Compiles `handler`, a component of either version of `wasi:http`, to serve `directory` read-only. The variables
    /// are all that it learns of its environment.
    ///
    /// # Errors
    /// Bytes that are no such component, imports that this host does not have, a directory that cannot be opened.
    pub fn new(handler: &[u8], directory: &Path, environment: Vec<(String, String)>) -> Result<Arc<Sandbox>> {
        let mut config = Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, handler).context("the handler is no WebAssembly component")?;
        let instance = linker(&engine)?.instantiate_pre(&component)?;
        let handler = match p3::bindings::ServicePre::new(instance.clone()) {
            Ok(service) => ProxyPre::P3(service),
            Err(_) => ProxyPre::P2(
                p2::bindings::ProxyPre::new(instance)
                    .context("the handler exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2")?,
            ),
        };
        let mut template = WasiCtx::builder();
        template.allow_blocking_current_thread(true);
        template.preopened_dir(directory, "/", FsPerms::ReadOnly)?;
        let directory = template.build().filesystem().clone();
        interrupt(&engine);
        Ok(Arc::new(Sandbox { engine, handler, directory, environment, busy: Semaphore::new(BUSY) }))
    }

    async fn instantiate(&self) -> Result<Instance> {
        let mut wasi = WasiCtx::builder();
        wasi.envs(&self.environment).inherit_stderr().allow_tcp(false).allow_udp(false);
        let mut wasi = wasi.build();
        // One open directory for all instances: replacing the path while the server runs replaces nothing.
        wasi.filesystem().clone_from(&self.directory);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY).build();
        let (http, hooks, regions) = (WasiHttpCtx::new(), NoOutgoing, BTreeMap::new());
        let mut store = Store::new(&self.engine, State { table, regions, wasi, http, hooks, limits });
        store.limiter(|state| &mut state.limits);
        store.set_max_component_handles(HANDLES);
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        let proxy = self.handler.instantiate_async(&mut store).await?;
        Ok(Instance { store, proxy, uses: 0 })
    }
}

/// All that a handler may import. More than ours does: any handler for `wasi:http` with a file system links.
fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    handover::shadow(&mut linker)?;
    Ok(linker)
}

/// Ends every turn of running code at a tick, for as long as the engine is used.
fn interrupt(engine: &Engine) {
    let engine = engine.weak();
    thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    });
}

/// A handler with a store of its own.
struct Instance {
    store: Store<State>,
    proxy: Proxy,
    uses: u32,
}

/// The instances of one thread.
pub struct Instances {
    sandbox: Arc<Sandbox>,
    warm: Mutex<Vec<Instance>>,
}

type HeadSender = oneshot::Sender<Result<http::Response<WasiBody>>>;

impl Instances {
    pub fn new(sandbox: Arc<Sandbox>) -> Arc<Instances> {
        Arc::new(Instances { sandbox, warm: Mutex::default() })
    }

    /// Lets an instance answer a request. The response is there as soon as its head is; work that is left to do for
    /// its body goes on in a task until the body is dropped.
    ///
    /// # Errors
    /// A trap, a handler that gives no answer or takes too long for it, an instance that cannot be made.
    pub async fn answer(self: &Arc<Self>, request: http::Request<WasiBody>) -> Result<http::Response<WasiBody>> {
        let (to, head) = oneshot::channel();
        let (alive, gone) = watch::channel(());
        let mut work = Box::pin(Arc::clone(self).work(request, to, gone.clone()));
        match timeout(HEAD, select(&mut work, head)).await {
            Err(_) => bail!("the handler took longer than {} s to answer", HEAD.as_secs()),
            // Finished altogether: the body does not need the instance any more, or there is none.
            Ok(Either::Left((outcome, mut head))) => match head.try_recv() {
                Ok(Some(head)) => head,
                Ok(None) | Err(oneshot::Canceled) => {
                    Err(outcome.err().unwrap_or(format_err!("the handler gave no answer")))
                }
            },
            Ok(Either::Right((head, _))) => {
                tokio::spawn(select_owned(work, gone));
                let head = head.map_err(|oneshot::Canceled| format_err!("the handler gave no answer"))??;
                Ok(head.map(|body| Attended { body, _alive: alive }.boxed_unsync()))
            }
        }
    }

    /// All that one request makes an instance do. It goes back to the warm ones if nothing went wrong.
    async fn work(
        self: Arc<Self>,
        request: http::Request<WasiBody>,
        to: HeadSender,
        gone: watch::Receiver<()>,
    ) -> Result<()> {
        let _permit = self.sandbox.busy.acquire().await?;
        let warm = self.lock().pop();
        let mut instance = match warm {
            Some(instance) => instance,
            None => self.sandbox.instantiate().await?,
        };
        instance.handle(request, to, gone).await?;
        instance.uses += 1;
        instance.store.data_mut().regions.clear();
        let mut warm = self.lock();
        if instance.uses < USES && warm.len() < WARM {
            warm.push(instance);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the work go on until it is done, or for a moment longer than anybody waits for it.
async fn select_owned(work: Pin<Box<impl Future<Output = Result<()>>>>, mut gone: watch::Receiver<()>) -> Result<()> {
    let deserted = std::pin::pin!(async {
        // The sender is never used: it is only ever dropped.
        let _ = gone.changed().await;
        sleep(LINGER).await;
    });
    match select(work, deserted).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(((), _)) => Ok(()),
    }
}

impl Instance {
    async fn handle(
        &mut self,
        request: http::Request<WasiBody>,
        to: HeadSender,
        mut gone: watch::Receiver<()>,
    ) -> Result<()> {
        let Instance { store, proxy, .. } = self;
        store
            .run_concurrent(async |accessor| {
                let body = match proxy {
                    Proxy::P3(service) => p3_answer(service, accessor, request, to).await?,
                    Proxy::P2(_) => p2_answer(proxy, accessor, request, to).await?,
                };
                if let BodySource::Instance = body {
                    let _ = gone.changed().await;
                }
                poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
                Ok(())
            })
            .await?
    }
}

/// Who produces the bytes of a body.
enum BodySource {
    /// The instance, which therefore must be kept running.
    Instance,
    /// The data plane, from a file.
    Plane,
}

async fn p3_answer(
    service: &p3::bindings::Service,
    accessor: &Accessor<State>,
    request: http::Request<WasiBody>,
    to: HeadSender,
) -> Result<BodySource> {
    let (request, received) = accessor.with(|mut access| {
        let view = access.data_mut().http();
        let (request, received) = p3::Request::from_http(view.hooks, request);
        let received: Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> = Box::pin(received);
        Ok::<_, wasmtime::Error>((view.table.push(request)?, received))
    })?;
    let answered = service.wasi_http_handler().call_handle(accessor, request).await?;
    let handle = answered.map_err(|error| format_err!("the handler answered with an error: {error}"))?;
    accessor.with(|mut access| {
        let region = access.data_mut().regions.remove(&handle.rep());
        let response = access.data_mut().table.delete(handle)?;
        let (response, source) = match region {
            Some(region) => {
                let mut head = http::Response::new(FileBody::new(region).boxed_unsync());
                *head.status_mut() = response.status;
                *head.headers_mut() = response.headers.into();
                (head, BodySource::Plane)
            }
            None => (response.into_http(&mut access, received)?, BodySource::Instance),
        };
        // A receiver that is gone has no client any more.
        drop(to.send(Ok(response)));
        Ok(source)
    })
}

async fn p2_answer(
    proxy: &Proxy,
    accessor: &Accessor<State>,
    request: http::Request<WasiBody>,
    to: HeadSender,
) -> Result<BodySource> {
    let prepared = accessor
        .with(|mut access| Prepared::new(access.as_context_mut(), proxy, request, <State as WasiHttpView>::http, to))?;
    prepared.run(accessor, pending()).await?;
    Ok(BodySource::Instance)
}

/// A body that an instance writes: as long as it is there, so is the instance.
struct Attended {
    body: WasiBody,
    _alive: watch::Sender<()>,
}

impl http_body::Body for Attended {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// A request without content, which is all that a handler ever gets to see: the server has read what there was.
pub fn without_content(head: http::request::Parts) -> http::Request<WasiBody> {
    http::Request::from_parts(head, Empty::new().map_err(|never| match never {}).boxed_unsync())
}
