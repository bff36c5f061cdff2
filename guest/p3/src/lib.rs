//! The handler as a component for `wasi:http/handler@0.3`: reads a request, lets the core answer it from the directory
//! that the host preopened, sends the reply. Every decision is the core's.

mod send;
mod tree;

use glasshouse_adapter::{Service, token};
use glasshouse_core::Request;
use tree::PreopenedTree;
use wasip3::cli::environment::get_environment;
use wasip3::http::types as http;

wasip3::http::service::export!(Handler);

struct Handler;

impl wasip3::exports::http::handler::Guest for Handler {
    async fn handle(asked: http::Request) -> Result<http::Response, http::ErrorCode> {
        let fields = asked.get_headers();
        let request = read(&asked, &fields);
        let service = SERVICE.with(|service| *service);
        let (reply, body) = Service::answer(service, &request).await;
        send::send(reply, &request, Service::tree(service), body)
    }
}

thread_local! {
    /// An instance is one thread, and lives as long as its service.
    static SERVICE: Option<&'static Service<PreopenedTree>> =
        Service::start(get_environment(), PreopenedTree::new).map(|service| &*Box::leak(Box::new(service)));
}

fn read<'a>(asked: &http::Request, fields: &'a http::Fields) -> Request<'a> {
    let method = token!(http::Method, asked.get_method());
    Request::read(method, asked.get_path_with_query().as_deref(), |name| fields.get(name))
}
