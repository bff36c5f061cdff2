//! The sandbox: makes a handler ready to run, and gives every instance of it one tree to read, limits, and nothing
//! else. It refuses to know requests, sockets and what an answer means.

use crate::body_handoff::Content;
use crate::inspection::Inspection;
use crate::io_errors::Reporter;
use crate::limits::{Memory, RequestLimits, TICK, Usage};
use crate::peek::{Peek, peek};
use crate::preopen::{Preopen, ReadScope, ServedPath};
use crate::replay::{Recording, Replay};
use crate::stderr::GuestStderr;
use crate::{body_handoff, capability, engine, preopen, wasi};
use glasshouse_protocol::{BODY_DIRECT, BODY_ENV, FILE_ENV, MADE_MAX_ENV};
use glasshouse_quota::Client;
use rayon::{ThreadBuilder, ThreadPoolBuilder};
use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Once};
use std::time::Duration;
use std::{fmt, io, thread};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::error::Context as _;
use wasmtime::{Engine, Result, Store, UpdateDeadline, bail};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{Proxy, ProxyPre};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView, p2, p3,
};

/// A handler as it is given to the program.
#[derive(Clone, Copy)]
pub enum Code<'a> {
    /// A component, in binary.
    Component(&'a [u8]),
    /// Machine code that the build of this very program made.
    Compiled(&'static [u8]),
}

impl Code<'_> {
    fn load(self, engine: &Engine) -> Result<Component> {
        match self {
            Code::Component(bytes) => {
                refuse(&Inspection::of(bytes).reasons())?;
                let component = compile(engine, bytes).context("it cannot be compiled")?;
                bearable(&component)?;
                Ok(component)
            }
            // SAFETY: the bytes are part of this executable. The build script made them with the wasmtime that is linked
            // into it, and wasmtime compares version and configuration before it uses them.
            #[expect(unsafe_code, reason = "machine code can be loaded on trust only")]
            Code::Compiled(bytes) => unsafe { Component::deserialize(engine, bytes) },
        }
    }
}

/// How long compiling may take. An interpreter with its whole library takes a minute on one processor; what takes this
/// long was made to.
const COMPILING: Duration = Duration::from_secs(300);
/// Bytes of machine code that a handler may become.
const MACHINE_CODE: usize = 1 << 30;

/// Compiles on threads of its own, which are gone afterwards: a process that gives up rights later can do so only in
/// threads that are started after that. A compiler that is not done in time goes on until the process ends, which
/// follows at the start.
fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component> {
    let (sender, compiled) = mpsc::channel();
    let (engine, bytes) = (engine.clone(), bytes.to_vec());
    let compiling = thread::spawn(move || {
        let pool = ThreadPoolBuilder::new();
        let component = pool.build_scoped(ThreadBuilder::run, |pool| pool.install(|| Component::new(&engine, bytes)));
        // Nobody may be waiting any more.
        let _ = sender.send(component.map_err(Into::into).flatten());
    });
    let component = match compiled.recv_timeout(COMPILING) {
        Ok(component) => component,
        Err(RecvTimeoutError::Timeout) => bail!("it takes longer than {} minutes", COMPILING.as_secs() / 60),
        Err(RecvTimeoutError::Disconnected) => bail!("the compiler failed"),
    };
    // It has nothing left to do.
    let _ = compiling.join();
    component
}

/// Whether there is not too much of what a component was compiled to.
fn bearable(component: &Component) -> Result<()> {
    let code = component.image_range();
    let size = (code.end as usize).saturating_sub(code.start as usize);
    if size > MACHINE_CODE {
        bail!("too much: it becomes {} MiB of machine code, and may become {}", size >> 20, MACHINE_CODE >> 20);
    }
    Ok(())
}

/// Where the sandbox tells what a person who runs it should know, a line a call: it has no log of its own.
pub type Complain = Arc<dyn Fn(fmt::Arguments<'_>) + Send + Sync>;

/// What a handler is given, and on what terms.
pub struct SandboxConfig {
    /// What it may read.
    pub tree: ServedPath,
    /// All that it learns of its environment.
    pub environment: Vec<(String, String)>,
    /// Whether its answers are a function of the request and of what it sees in the directory: those are given again without
    /// it while nothing has changed.
    pub is_pure: bool,
    pub ceilings: RequestLimits,
    /// Where what goes wrong while it serves is told.
    pub complain: Complain,
}

/// Fails with the first reason, before anything is compiled.
fn refuse(reasons: &[String]) -> Result<()> {
    match reasons {
        [] => Ok(()),
        [reason] => bail!("{reason}"),
        [reason, others @ ..] => bail!("{reason} (and {} more)", others.len()),
    }
}

/// A handler ready to run and what it is given, for all threads.
pub struct Sandbox {
    engine: Engine,
    /// Shared with those that read other trees: making its code executable once more is a right that may be gone.
    handler: Arc<ProxyPre<State>>,
    lent: Arc<Preopen>,
    environment: Vec<(String, String)>,
    is_pure: bool,
    /// Where what goes wrong is told.
    pub complain: Complain,
    pub ceilings: Arc<RequestLimits>,
    words: GuestStderr,
    /// Of the engine, whoever uses it.
    ticks: Arc<Once>,
    /// Where faults of the machine are told.
    pub faults: Arc<Reporter>,
    /// Whether the system can walk beneath the directory.
    can_walk: bool,
}

/// The variables of instances: those that the caller chose, and those that follow from what the sandbox does.
fn environment(given: Vec<(String, String)>, served: &ServedPath, limits: &RequestLimits) -> Vec<(String, String)> {
    let made_max = limits.made.to_string();
    let own = [(BODY_ENV, Some(BODY_DIRECT)), (FILE_ENV, served.name()), (MADE_MAX_ENV, Some(made_max.as_str()))];
    let given = given.into_iter().filter(|(name, _)| own.iter().all(|(own, _)| name != own));
    let own = own.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())));
    given.chain(own).collect()
}

/// What is served as it was when it was opened.
struct OpenTree {
    lent: Arc<Preopen>,
    faults: Arc<Reporter>,
    can_walk: bool,
}

impl OpenTree {
    fn open(tree: &ServedPath, complain: &Complain) -> io::Result<OpenTree> {
        let lent = Arc::new(Preopen::open(tree)?);
        let faults = Arc::new(Reporter::new(Arc::clone(complain), Arc::clone(lent.directory())));
        let can_walk = lent.can_walk();
        Ok(OpenTree { lent, faults, can_walk })
    }
}

/// What the host keeps for one instance.
pub struct State {
    pub table: ResourceTable,
    /// What responses of this instance have for a body where the host knows better than their streams, by the handle of
    /// the response.
    pub contents: BTreeMap<u32, Content>,
    /// What the handler does to come to the answer that it is working on, if somebody wants to know.
    pub recording: Option<Recording>,
    /// Where faults of the machine are told.
    pub faults: Arc<Reporter>,
    /// Whether the system can walk beneath a directory at once; if not, the library does it step by step.
    pub can_walk: bool,
    /// One for all instances: replacing the path while the server runs replaces nothing.
    pub lent: Arc<Preopen>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoing,
    pub memory: Memory,
    /// What the request has cost that the instance is working on.
    pub account: Arc<Usage>,
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

/// A handler asks nobody: it is lent nothing to ask with, and there is no HTTP client in this program. The library wants this said.
struct NoOutgoing;

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Outgoing = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transmission), Error>> + Send>;

impl WasiHttpHooks for NoOutgoing {
    fn send_request(&mut self, _: http::Request<WasiBody>, _: Option<RequestOptions>, _: Transmission) -> Outgoing {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl Sandbox {
    /// Makes `handler`, a component of either version of `wasi:http`, ready to serve.
    ///
    /// # Errors
    /// Bytes that are no such component, imports that this host refuses or does not have, a tree that cannot be opened.
    pub fn new(handler: Code<'_>, terms: SandboxConfig) -> Result<Arc<Sandbox>> {
        let SandboxConfig { tree, environment, is_pure, ceilings, complain } = terms;
        let engine = Engine::new(&engine::config())?;
        let component = handler.load(&engine)?;
        // Otherwise made for the first instance, which may come when there is no right left to make it.
        component.initialize_copy_on_write_image()?;
        if is_pure && let Some(unseen) = wasi::first_unreplayable(&component) {
            bail!("its answers cannot be given again, because it imports {unseen}; leave out --pure-handler");
        }
        let place = OpenTree::open(&tree, &complain)?;
        let instance = linker(&engine)?.instantiate_pre(&component)?;
        let handler = match p3::bindings::ServicePre::new(instance.clone()) {
            Ok(service) => ProxyPre::P3(service),
            Err(_) => ProxyPre::P2(
                p2::bindings::ProxyPre::new(instance)
                    .context("the handler exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2")?,
            ),
        };
        let environment = self::environment(environment, &tree, &ceilings);
        let (ceilings, words) = (Arc::new(ceilings), GuestStderr::new(Arc::clone(&complain)));
        let OpenTree { lent, faults, can_walk } = place;
        Ok(Arc::new(Sandbox {
            engine,
            handler: Arc::new(handler),
            lent,
            environment,
            is_pure,
            complain,
            faults,
            can_walk,
            ceilings,
            words,
            ticks: Arc::new(Once::new()),
        }))
    }

    /// The same handler on the same terms, with a tree to read that is opened now. Nothing is compiled, and no memory made executable.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn with_tree(&self, tree: &ServedPath) -> io::Result<Arc<Sandbox>> {
        self.beside(tree, self.environment.clone())
    }

    /// The same for another tree that is served at the same time. What the instances of the one hold, those of the other do not:
    /// all that they share is code.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn beside(&self, tree: &ServedPath, environment: Vec<(String, String)>) -> io::Result<Arc<Sandbox>> {
        let OpenTree { lent, faults, can_walk } = OpenTree::open(tree, &self.complain)?;
        Ok(Arc::new(Sandbox {
            engine: self.engine.clone(),
            handler: Arc::clone(&self.handler),
            lent,
            environment: self::environment(environment, tree, &self.ceilings),
            is_pure: self.is_pure,
            complain: Arc::clone(&self.complain),
            faults,
            can_walk,
            ceilings: Arc::clone(&self.ceilings),
            words: self.words.clone(),
            ticks: Arc::clone(&self.ticks),
        }))
    }

    /// What the process must be able to read.
    pub fn ground(&self) -> ReadScope<'_> {
        self.lent.ground()
    }

    /// The first `limit` bytes of what is called `name` at the root of the tree that instances are lent, as they could read it.
    ///
    /// # Errors
    /// It is there, and cannot be read.
    pub fn peek(&self, name: &str, limit: u64) -> io::Result<Peek> {
        peek(&self.lent, name, limit)
    }

    /// A place for answers to be given again; `None` where they must not be.
    pub fn replay(&self) -> Option<Replay> {
        match *self.handler {
            // What handlers for 0.2 do is not recorded.
            ProxyPre::P3(_) if self.is_pure && self.can_walk => Some(Replay::new(Arc::clone(&self.lent))),
            _ => None,
        }
    }

    /// A handler with a store of its own, which is charged to an account, and its memory to a client.
    ///
    /// # Errors
    /// The system has no memory for it, or the handler fails before it is asked anything.
    pub async fn instantiate(&self, account: Arc<Usage>, client: &Client) -> Result<(Store<State>, Proxy)> {
        // Not before there is something to interrupt: the process may give up rights between then and now.
        self.ticks.call_once(|| interrupt(&self.engine));
        let mut wasi = WasiCtx::builder();
        wasi.envs(&self.environment).stderr(self.words.clone()).allow_tcp(false).allow_udp(false);
        let wasi = wasi.allow_blocking_current_thread(true).build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(self.ceilings.resources);
        let state = State {
            table,
            contents: BTreeMap::new(),
            recording: None,
            faults: Arc::clone(&self.faults),
            can_walk: self.can_walk,
            lent: Arc::clone(&self.lent),
            wasi,
            http: WasiHttpCtx::new(),
            hooks: NoOutgoing,
            memory: Memory::new(&self.ceilings, client),
            account,
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_max_component_handles(self.ceilings.handles);
        store.set_hostcall_fuel(self.ceilings.call);
        store.epoch_deadline_callback(|store| {
            store.data().account.interrupted()?;
            // Whether it goes on then is for the scheduler of the thread to say.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store.set_epoch_deadline(1);
        let proxy = self.handler.instantiate_async(&mut store).await?;
        Ok((store, proxy))
    }
}

/// What is granted, some of it answered by us.
fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = capability::linker(engine)?;
    linker.allow_shadowing(true);
    preopen::override_imports(&mut linker)?;
    body_handoff::override_imports(&mut linker)?;
    wasi::override_imports(&mut linker)?;
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
