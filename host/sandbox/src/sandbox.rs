//! Compiles a handler and creates its instances, each with one directory or file to read or none, and with limits.

use crate::code::Code;
use crate::io_errors::Reporter;
use crate::limits::{MemoryLimiter, RequestLimits};
use crate::peek::{Peek, peek};
use crate::preopen::Preopen;
#[cfg(target_os = "linux")]
use crate::preopen::ReadScope;
use crate::replay::{Replay, ReplayStore};
use crate::sandbox_engine::SandboxEngine;
use crate::sandbox_error::SandboxError;
use crate::served_path::ServedPath;
use crate::state::{FileAccess, Handoff, InstanceState};
use crate::stderr::GuestStderr;
use crate::usage::Usage;
use crate::{capability, wasi};
use glasshouse_protocol::{BODY_DIRECT, BODY_ENV, BODY_PUMPED, FILE_ENV, MADE_MAX_ENV};
use glasshouse_quota::Client;
use std::io;
use std::sync::Arc;
use wasmtime::component::Component;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::handler::{Proxy, ProxyPre};
use wasmtime_wasi_http::{p2, p3};

/// The configuration of a [`Sandbox`].
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// What instances may read. With `None` they get no file.
    pub root: Option<ServedPath>,
    /// [`Handoff::Pumped`] for a chain of components.
    pub handoff: Handoff,
    /// The environment variables of instances. The sandbox adds `GLASSHOUSE_BODY`, `GLASSHOUSE_FILE` and
    /// `GLASSHOUSE_MADE_MAX`.
    pub environment: Vec<(String, String)>,
    /// Where responses are stored for replay, if they depend only on the request and on what the handler reads.
    pub replay: Option<Arc<ReplayStore>>,
    /// The limits of each request.
    pub limits: RequestLimits,
}

/// A compiled handler with its configuration. All threads share it.
pub struct Sandbox {
    engine: SandboxEngine,
    /// Shared with the sandboxes of other directories: the process may have given up making memory executable.
    handler: Arc<ProxyPre<InstanceState>>,
    files: FileAccess,
    handoff: Handoff,
    environment: Vec<(String, String)>,
    store: Option<Arc<ReplayStore>>,
    /// `None` if responses must not be replayed.
    replay: Option<Replay>,
    limits: Arc<RequestLimits>,
    /// Bytes of memory that instances share and never change.
    shared_memory: usize,
    stderr: GuestStderr,
}

/// The variables from the configuration, and those that follow from what the sandbox does.
fn environment(
    given: Vec<(String, String)>,
    root: Option<&ServedPath>,
    handoff: Handoff,
    limits: &RequestLimits,
) -> Vec<(String, String)> {
    let made_max = limits.made.to_string();
    let body = match handoff {
        Handoff::Direct => BODY_DIRECT,
        Handoff::Pumped => BODY_PUMPED,
    };
    let file = root.and_then(ServedPath::name);
    let own = [(BODY_ENV, Some(body)), (FILE_ENV, file), (MADE_MAX_ENV, Some(made_max.as_str()))];
    let given = given.into_iter().filter(|(name, _)| own.iter().all(|(own, _)| name != own));
    let own = own.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())));
    given.chain(own).collect()
}

/// The stored responses of a tree that was opened now.
fn replay(handler: &ProxyPre<InstanceState>, files: &FileAccess, store: Option<&Arc<ReplayStore>>) -> Option<Replay> {
    match (handler, store) {
        (ProxyPre::P3(_), Some(store)) => Replay::of(files, Arc::clone(store)),
        // Handlers for WASI 0.2 are not recorded.
        _ => None,
    }
}

fn open(root: Option<&ServedPath>) -> io::Result<FileAccess> {
    let preopen = Arc::new(Preopen::open(root)?);
    let reporter = Arc::new(Reporter::new(Arc::clone(&preopen)));
    let can_resolve = preopen.is_supported();
    Ok(FileAccess { preopen, reporter, can_resolve })
}

impl Sandbox {
    /// Compiles a handler, a component for either version of `wasi:http`, and opens what it may read.
    ///
    /// # Errors
    /// The component is rejected or cannot be compiled or linked, or [`SandboxConfig::root`] cannot be opened.
    pub fn new(engine: &SandboxEngine, code: Code<'_>, config: SandboxConfig) -> Result<Arc<Sandbox>, SandboxError> {
        let SandboxConfig { root, handoff, environment, replay: store, limits } = config;
        let component = code.load(engine)?;
        let shared_memory = code.packed_folder();
        // The first instance would do this, when the process may have given up the rights for it.
        component.initialize_copy_on_write_image().map_err(SandboxError::wasmtime)?;
        if store.is_some()
            && let Some(import) = wasi::first_unreplayable(&component)
        {
            return Err(SandboxError::NotPure { import });
        }
        let files = open(root.as_ref()).map_err(SandboxError::Open)?;
        let handler = link(engine.engine(), &component)?;
        Ok(Arc::new(Sandbox {
            engine: engine.clone(),
            replay: replay(&handler, &files, store.as_ref()),
            handler: Arc::new(handler),
            files,
            handoff,
            environment: self::environment(environment, root.as_ref(), handoff, &limits),
            store,
            limits: Arc::new(limits),
            shared_memory,
            stderr: GuestStderr::new(),
        }))
    }

    /// The same handler with the same configuration, except that `root` is opened now. Compiles nothing, and makes no
    /// memory executable.
    ///
    /// # Errors
    /// `root` cannot be opened.
    pub fn reopen(&self, root: Option<&ServedPath>) -> io::Result<Arc<Sandbox>> {
        self.with_root(root, self.environment.clone())
    }

    /// The same handler for another directory or file, with other variables. Its instances share no data with the
    /// instances of this sandbox, only code.
    ///
    /// # Errors
    /// `root` cannot be opened.
    pub fn with_root(&self, root: Option<&ServedPath>, environment: Vec<(String, String)>) -> io::Result<Arc<Sandbox>> {
        let files = open(root)?;
        Ok(Arc::new(Sandbox {
            engine: self.engine.clone(),
            handler: Arc::clone(&self.handler),
            replay: replay(&self.handler, &files, self.store.as_ref()),
            files,
            handoff: self.handoff,
            environment: self::environment(environment, root, self.handoff, &self.limits),
            store: self.store.clone(),
            limits: Arc::clone(&self.limits),
            shared_memory: self.shared_memory,
            stderr: self.stderr.clone(),
        }))
    }

    /// What the process must be able to read while it serves. `None` if instances read no files.
    #[cfg(target_os = "linux")]
    pub fn read_scope(&self) -> Option<ReadScope<'_>> {
        self.files.preopen.read_scope()
    }

    /// The first `limit` bytes of the file `name` at the root, if the handler could read it.
    ///
    /// # Errors
    /// The file exists, but cannot be read.
    pub fn peek(&self, name: &str, limit: u64) -> io::Result<Peek> {
        peek(&self.files.preopen, name, limit)
    }

    pub(crate) fn limits(&self) -> &Arc<RequestLimits> {
        &self.limits
    }

    pub(crate) fn reporter(&self) -> &Arc<Reporter> {
        &self.files.reporter
    }

    /// The stored responses. `None` if responses must not be replayed.
    pub(crate) fn replay(&self) -> Option<&Replay> {
        self.replay.as_ref()
    }

    /// Creates an instance. Its first request has this usage, and its memory is charged to the client.
    ///
    /// # Errors
    /// The system has no memory, or the handler fails while it starts.
    pub(crate) async fn instantiate(
        &self,
        usage: Arc<Usage>,
        client: &Client,
    ) -> wasmtime::Result<(Store<InstanceState>, Proxy)> {
        self.engine.start_epoch_thread();
        let mut wasi = WasiCtx::builder();
        wasi.envs(&self.environment).stderr(self.stderr.clone()).allow_tcp(false).allow_udp(false);
        let wasi = wasi.allow_blocking_current_thread(true).build();
        let memory = MemoryLimiter::new(&self.limits, self.shared_memory, client);
        let state = InstanceState::new(self.files.clone(), self.handoff, wasi, memory, &self.limits, usage);
        let mut store = Store::new(self.engine.engine(), state);
        store.limiter(|state| &mut state.memory);
        store.set_max_component_handles(self.limits.handles);
        store.set_hostcall_fuel(self.limits.call);
        store.epoch_deadline_callback(|store| {
            store.data().usage.on_interrupt()?;
            // tokio polls I/O, and the scheduler of the thread chooses what runs next.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store.set_epoch_deadline(1);
        let proxy = self.handler.instantiate_async(&mut store).await?;
        Ok((store, proxy))
    }
}

/// Links a component with the granted functions, some of which the sandbox overrides.
fn link(engine: &Engine, component: &Component) -> Result<ProxyPre<InstanceState>, SandboxError> {
    let mut linker = capability::linker(engine).map_err(SandboxError::wasmtime)?;
    wasi::override_imports(&mut linker).map_err(SandboxError::wasmtime)?;
    let instance = linker.instantiate_pre(component).map_err(SandboxError::wasmtime)?;
    if let Ok(service) = p3::bindings::ServicePre::new(instance.clone()) {
        return Ok(ProxyPre::P3(service));
    }
    let proxy = p2::bindings::ProxyPre::new(instance).map_err(|error| SandboxError::NoHandler(error.into()))?;
    Ok(ProxyPre::P2(proxy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_follow_from_what_is_served() {
        let limits = RequestLimits { made: 7, ..RequestLimits::unbounded() };
        let directory = ServedPath::Directory("site".into());
        let file = ServedPath::File { directory: "site".into(), name: "a.txt".into() };
        let given = pairs(&[("GLASSHOUSE_PREFIX", "x"), (BODY_ENV, "pumped"), (FILE_ENV, "b.txt")]);
        let of_file = environment(given, Some(&file), Handoff::Direct, &limits);
        let prefix = ("GLASSHOUSE_PREFIX", "x");
        let expected = [prefix, (BODY_ENV, "direct"), (FILE_ENV, "a.txt"), (MADE_MAX_ENV, "7")];
        assert_eq!(of_file, pairs(&expected));
        let of_directory = environment(of_file, Some(&directory), Handoff::Direct, &limits);
        assert_eq!(of_directory, pairs(&[prefix, (BODY_ENV, "direct"), (MADE_MAX_ENV, "7")]));
        let of_chain = environment(of_directory, None, Handoff::Pumped, &limits);
        assert_eq!(of_chain, pairs(&[prefix, (BODY_ENV, "pumped"), (MADE_MAX_ENV, "7")]));
    }
}
