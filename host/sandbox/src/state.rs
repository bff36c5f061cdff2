//! The data of one instance, which its WASI functions use.

use crate::beneath::Stat;
use crate::file_body::Segment;
use crate::io_errors::Reporter;
use crate::limits::{MemoryLimiter, RequestLimits};
use crate::opened::NumberedNodes;
use crate::preopen::Preopen;
use crate::replay::Recording;
use crate::usage::Usage;
use http::{HeaderMap, StatusCode};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

/// The data of one instance.
pub(crate) struct InstanceState {
    pub(crate) table: ResourceTable,
    /// Responses whose body the host assembles, by the handle of the response.
    pub(crate) host_bodies: BTreeMap<u32, HostBody>,
    /// The complete response that the handler has passed.
    pub(crate) complete: Option<PassedResponse>,
    pub(crate) opened: NumberedNodes,
    /// What the handler does for the current request, if the response may be replayed.
    pub(crate) recording: Option<Recording>,
    pub(crate) files: FileAccess,
    pub(crate) handoff: Handoff,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoing,
    pub(crate) memory: MemoryLimiter,
    /// The usage of the current request.
    pub(crate) usage: Arc<Usage>,
}

/// How the body of a response leaves an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handoff {
    /// The host takes files and complete responses out of the instance.
    Direct,
    /// The instance writes every body: a component of a chain may read what another one wrote.
    Pumped,
}

/// What instances share to read files.
#[derive(Clone)]
pub(crate) struct FileAccess {
    pub(crate) preopen: Arc<Preopen>,
    pub(crate) reporter: Arc<Reporter>,
    /// Whether the kernel supports `openat2`. If not, wasmtime-wasi resolves paths one name at a time.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "always false there"))]
    pub(crate) can_resolve: bool,
}

/// A complete response that a handler has passed.
pub(crate) struct PassedResponse {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    /// The file to which the segments refer, with its metadata when it was opened.
    pub(crate) file: Option<(Arc<File>, Stat)>,
    pub(crate) segments: Vec<Segment>,
}

/// A body that the host assembles without the instance.
pub(crate) enum HostBody {
    Empty,
    File {
        file: Arc<File>,
        /// Where the stream of the handler started.
        offset: u64,
    },
}

impl InstanceState {
    pub(crate) fn new(
        files: FileAccess,
        handoff: Handoff,
        wasi: WasiCtx,
        memory: MemoryLimiter,
        limits: &RequestLimits,
        usage: Arc<Usage>,
    ) -> InstanceState {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        InstanceState {
            table,
            host_bodies: BTreeMap::new(),
            complete: None,
            opened: NumberedNodes::default(),
            recording: None,
            files,
            handoff,
            wasi,
            http: WasiHttpCtx::new(),
            hooks: NoOutgoing,
            memory,
            usage,
        }
    }

    /// Forgets what belongs to a request. Its recording remains.
    pub(crate) fn end_request(&mut self) {
        self.host_bodies.clear();
        self.complete = None;
        self.opened.end_request();
    }

    /// The handler did something that a replay could not repeat.
    #[cfg(target_os = "linux")]
    pub(crate) fn mark_unreplayable(&mut self) {
        if let Some(recording) = &mut self.recording {
            recording.mark_unreplayable();
        }
    }

    /// The handler reads the content of a file now.
    pub(crate) fn record_content(&mut self, file: &File) {
        if let Some(recording) = &mut self.recording {
            recording.read_content(file);
        }
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for InstanceState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Denies outgoing requests. No function that sends one is linked, but the trait has no default.
struct NoOutgoing;

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Outgoing = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transmission), Error>> + Send>;

impl WasiHttpHooks for NoOutgoing {
    fn send_request(&mut self, _: http::Request<WasiBody>, _: Option<RequestOptions>, _: Transmission) -> Outgoing {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
