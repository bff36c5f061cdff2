//! One instance: passes it a request, and receives the head of the response.

use crate::beneath::{FileId, identify};
use crate::body_handoff;
use crate::cached_response::CachedResponse;
use crate::file_body::{FileBody, FileContent, bytes_in_memory};
use crate::guest_body::{Capture, tee};
use crate::io_errors::Reporter;
use crate::metrics::LiveGuard;
use crate::replay::Recording;
use crate::response_body::{ResponseBody, empty};
use crate::state::{HostBody, InstanceState, PassedResponse};
use crate::usage::Usage;
use futures::channel::oneshot;
use futures::future::{Shared, pending, poll_fn};
use glasshouse_quota::{Client, Lease, Resource};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use std::pin::Pin;
use std::sync::Arc;
use wasmtime::component::Accessor;
use wasmtime::{AsContextMut as _, Result, Store, format_err};
use wasmtime_wasi_http::handler::{Prepared, Proxy};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView, p3};

/// An instance with its store.
pub(crate) struct Instance {
    pub(crate) store: Store<InstanceState>,
    pub(crate) proxy: Proxy,
    /// The requests that it has completed.
    pub(crate) uses: u32,
    pub(crate) _counted: LiveGuard,
}

/// Receives the head. [`ResponseBody::pack`] has packed the body.
pub(crate) type HeadSender = oneshot::Sender<Result<Response<WasiBody>>>;
/// Ready when the body is dropped.
pub(crate) type BodyDropped = Shared<oneshot::Receiver<()>>;
/// A response that may be replayed: its head, and the copy of the body if the instance writes it.
pub(crate) type Recorded = Option<(CachedResponse, Option<Capture>)>;

/// Who writes a body.
enum BodyWriter {
    /// The instance, which must therefore be driven.
    Guest,
    /// The host.
    Host,
}

impl Instance {
    /// Prepares the store for a request. Time since the last request does not count.
    pub(crate) fn start_request(&mut self, usage: Arc<Usage>, recording: Option<Recording>) {
        self.store.set_epoch_deadline(1);
        let state = self.store.data_mut();
        state.usage = usage;
        state.recording = recording;
    }

    /// Passes a request to the handler and its head to `to`. Returns when the handler is done.
    pub(crate) async fn handle(
        &mut self,
        request: Parts,
        client: &Client,
        to: HeadSender,
        dropped: BodyDropped,
    ) -> Result<Recorded> {
        let Instance { store, proxy, .. } = self;
        // The host has already discarded the request body.
        let request = http::Request::from_parts(request, empty());
        store
            .run_concurrent(async |accessor| {
                let (recorded, writer) = match proxy {
                    Proxy::P3(service) => call_p3(service, accessor, request, client, to).await?,
                    Proxy::P2(_) => (None, call_p2(proxy, accessor, request, to).await?),
                };
                if let BodyWriter::Guest = writer {
                    let _ = dropped.await;
                }
                poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
                Ok(recorded)
            })
            .await?
    }
}

async fn call_p3(
    service: &p3::bindings::Service,
    accessor: &Accessor<InstanceState>,
    request: http::Request<WasiBody>,
    client: &Client,
    to: HeadSender,
) -> Result<(Recorded, BodyWriter)> {
    let is_head = request.method() == Method::HEAD;
    let (request, received) = accessor.with(|mut access| {
        let view = access.data_mut().http();
        let (request, received) = p3::Request::from_http(view.hooks, request);
        let received: Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> = Box::pin(received);
        Ok::<_, wasmtime::Error>((view.table.push(request)?, received))
    })?;
    let handled = service.wasi_http_handler().call_handle(accessor, request).await?;
    if let Some(response) = accessor.with(|mut access| access.data_mut().complete.take()) {
        let sent = accessor.with(|mut access| send_complete(access.data_mut(), response, is_head, client, to))?;
        return Ok((sent, BodyWriter::Host));
    }
    let handle = handled.map_err(|error| format_err!("the handler returned an error: {error}"))?;
    accessor.with(|mut access| {
        let state = access.data_mut();
        let is_recording = state.recording.as_ref().is_some_and(|recording| !recording.is_unreplayable());
        let body = state.host_bodies.remove(&handle.rep());
        let response = state.table.delete(handle)?;
        let reporter = Arc::clone(&state.files.reporter);
        let (head, recorded, writer) = match body {
            Some(HostBody::File { file, offset }) => {
                let (status, fields): (_, HeaderMap) = (response.status, response.headers.into());
                let segments = body_handoff::rest_of_file(&fields, &file, offset)?;
                let id = if is_recording { identify(&file).ok() } else { None };
                let recorded = id.map(|id| {
                    let segments = Arc::clone(&segments);
                    (CachedResponse { status, fields: fields.clone(), file: Some(id), segments }, None)
                });
                let content = FileContent { file: Some(file), segments };
                let leases = vec![client.charge(Resource::Files, 1)];
                let head = file_response(status, fields, content, &reporter, client, leases);
                (ResponseBody::pack(head), recorded, BodyWriter::Host)
            }
            Some(HostBody::Empty) if is_head || has_no_length(&response.headers) => {
                let (status, fields): (_, HeaderMap) = (response.status, response.headers.into());
                let recorded = is_recording.then(|| (CachedResponse::without_file(status, fields.clone()), None));
                let head = file_response(status, fields, FileContent::empty(), &reporter, client, Vec::new());
                (ResponseBody::pack(head), recorded, BodyWriter::Host)
            }
            // A length without a body is invalid; wasmtime-wasi-http reports it.
            Some(HostBody::Empty) | None => {
                let head = response.into_http(&mut access, received)?;
                if is_recording {
                    let recorded = CachedResponse::without_file(head.status(), head.headers().clone());
                    let (head, capture) = tee(head, client);
                    (head, Some((recorded, Some(capture))), BodyWriter::Guest)
                } else {
                    (head, None, BodyWriter::Guest)
                }
            }
        };
        // There is no receiver if the client has disconnected.
        drop(to.send(Ok(head)));
        Ok((recorded, writer))
    })
}

/// Sends a complete response. Returns what a replay needs.
fn send_complete(
    state: &mut InstanceState,
    response: PassedResponse,
    is_head: bool,
    client: &Client,
    to: HeadSender,
) -> Result<Recorded> {
    let PassedResponse { status, fields, file, segments } = response;
    let segments = body_handoff::checked(&fields, segments, is_head)?;
    let bytes = bytes_in_memory(&segments);
    state.usage.add_output(bytes)?;
    let is_recording = state.recording.as_ref().is_some_and(|recording| !recording.is_unreplayable());
    let mut leases = Vec::new();
    if bytes > 0 {
        leases.push(client.charge(Resource::Memory, bytes));
    }
    if file.is_some() {
        leases.push(client.charge(Resource::Files, 1));
    }
    let (file, id) = file.map(|(file, stat)| (file, FileId::from(stat))).unzip();
    let recorded = is_recording.then(|| {
        let segments = Arc::clone(&segments);
        (CachedResponse { status, fields: fields.clone(), file: id, segments }, None)
    });
    let content = FileContent { file, segments };
    let head = file_response(status, fields, content, &state.files.reporter, client, leases);
    // There is no receiver if the client has disconnected.
    drop(to.send(Ok(ResponseBody::pack(head))));
    Ok(recorded)
}

fn has_no_length(fields: &HeaderMap) -> bool {
    fields.get(CONTENT_LENGTH).is_none_or(|length| length == "0")
}

async fn call_p2(
    proxy: &Proxy,
    accessor: &Accessor<InstanceState>,
    request: http::Request<WasiBody>,
    to: HeadSender,
) -> Result<BodyWriter> {
    let view = <InstanceState as WasiHttpView>::http;
    let prepared = accessor.with(|mut access| Prepared::new(access.as_context_mut(), proxy, request, view, to))?;
    prepared.run(accessor, pending()).await?;
    Ok(BodyWriter::Guest)
}

/// A response whose body the host assembles. `leases` are released with its last byte.
fn file_response(
    status: StatusCode,
    fields: HeaderMap,
    content: FileContent,
    reporter: &Arc<Reporter>,
    client: &Client,
    leases: Vec<Lease>,
) -> Response<ResponseBody> {
    let body = FileBody::new(content, Arc::clone(reporter), client.clone(), leases);
    let mut response = Response::new(ResponseBody::File(body));
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}
