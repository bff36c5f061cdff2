//! The handler as a component for `wasi:http/incoming-handler@0.2`: reads a request, lets the core answer it from the
//! directory that the host preopened, sends the reply. Every decision is the core's.

mod send;
mod tree;

use glasshouse_adapter::{Service, token};
use glasshouse_core::{Refusal, Reply, Request, at_once};
use tree::PreopenedTree;
use wasi::cli::environment::get_environment;
use wasi::http::types as http;

wasi::http::proxy::export!(Handler);

struct Handler;

impl wasi::exports::http::incoming_handler::Guest for Handler {
    fn handle(asked: http::IncomingRequest, out: http::ResponseOutparam) {
        let fields = asked.headers();
        let request = read(&asked, &fields);
        // WASI 0.2 never lets the core wait, so its future is finished at once.
        let service = SERVICE.with(|service| *service);
        let answered = at_once(Service::answer(service, &request));
        let reply = answered.map_or(Reply::refused(&request, Refusal::Misconfigured), |(reply, _)| reply);
        send::send(reply, &request, Service::tree(service), out);
    }
}

thread_local! {
    /// An instance is one thread, and lives as long as its service.
    static SERVICE: Option<&'static Service<PreopenedTree>> =
        Service::start(get_environment(), |root, _| Some(PreopenedTree(root))).map(|service| &*Box::leak(Box::new(service)));
}

fn read<'a>(asked: &http::IncomingRequest, fields: &'a http::Fields) -> Request<'a> {
    let method = token!(http::Method, asked.method());
    Request::read(method, asked.path_with_query().as_deref(), |name| fields.get(name))
}
