//! The handler as a component for `wasi:http/incoming-handler@0.2`: reads a request, calls the core, and sends the
//! reply.

mod send;

use glasshouse_adapter::{HandlerService, method_name};
use glasshouse_core::{Refusal, Reply, Request, at_once};
use wasi::cli::environment::get_environment;
use wasi::http::types as http;

/// The bindings of the world `handler-p2`.
mod bindings {
    #![expect(unsafe_code, reason = "the calls of the host arrive as numbers")]
    use super::Handler;
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
    export!(Handler);
}

struct Handler;

impl bindings::exports::wasi::http0_2_12::incoming_handler::Guest for Handler {
    fn handle(incoming: http::IncomingRequest, out: http::ResponseOutparam) {
        let fields = incoming.headers();
        let request = read(&incoming, &fields);
        // Functions of WASI 0.2 block, so the future is complete at the first poll.
        let service = SERVICE.with(|service| *service);
        let answered = at_once(HandlerService::answer(service, &request));
        let reply = answered.map_or_else(|| Reply::refused(&request, Refusal::Misconfigured), |(reply, _)| reply);
        send::send(reply, &request, HandlerService::tree(service), out);
    }
}

thread_local! {
    /// Leaked: an instance has one thread, and ends with its service.
    static SERVICE: Option<&'static HandlerService> =
        HandlerService::start(get_environment()).map(|service| &*Box::leak(Box::new(service)));
}

fn read<'a>(incoming: &http::IncomingRequest, fields: &'a http::Fields) -> Request<'a> {
    let method = method_name!(http::Method, incoming.method());
    Request::read(method, incoming.path_with_query().as_deref(), |name| fields.get(name))
}
