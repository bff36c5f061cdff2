//! The handler as a component for `wasi:http/handler@0.3`: reads a request, calls the core, and sends the reply.

mod send;

use glasshouse_adapter::{HandlerService, method_name};
use glasshouse_core::Request;
use wasip3::cli::environment::get_environment;
use wasip3::http::types as http;

/// The bindings of the world `handler`.
mod bindings {
    #![expect(unsafe_code, reason = "the calls of the host arrive as numbers")]
    use super::Handler;
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
    export!(Handler);
}

struct Handler;

impl bindings::exports::wasi::http0_3_2::handler::Guest for Handler {
    async fn handle(incoming: http::Request) -> Result<http::Response, http::ErrorCode> {
        let fields = incoming.get_headers();
        let request = read(&incoming, &fields);
        let service = SERVICE.with(|service| *service);
        let (reply, body) = HandlerService::answer(service, &request).await;
        send::send(reply, &request, &fields, HandlerService::tree(service), body)
    }
}

thread_local! {
    /// Leaked: an instance has one thread, and ends with its service.
    static SERVICE: Option<&'static HandlerService> =
        HandlerService::start(get_environment()).map(|service| &*Box::leak(Box::new(service)));
}

fn read<'a>(incoming: &http::Request, fields: &'a http::Fields) -> Request<'a> {
    let method = method_name!(http::Method, incoming.get_method());
    Request::read(method, incoming.get_path_with_query().as_deref(), |name| fields.get(name))
}
