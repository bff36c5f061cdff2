//! The handler as a component for `wasi:http/incoming-handler@0.2`: reads a request, lets the core answer it from the
//! directory that the host preopened, sends the reply. Every decision is the core's.

mod send;
mod tree;

use glasshouse_core::{Config, Refusal, Reply, Request, answer, at_once};
use glasshouse_listing::Root;
use std::cell::OnceCell;
use tree::PreopenedTree;
use wasi::cli::environment::get_environment;
use wasi::http::types as http;

wasi::http::proxy::export!(Handler);

struct Handler;

impl wasi::exports::http::incoming_handler::Guest for Handler {
    fn handle(asked: http::IncomingRequest, out: http::ResponseOutparam) {
        let request = read(&asked);
        // WASI 0.2 never lets the core wait, so its future is finished at once.
        let reply = service().and_then(|service| at_once(answer(&request, &service.tree, &service.config)));
        send::send(reply.unwrap_or(Reply::Refused(Refusal::Misconfigured)), &request, out);
    }
}

/// What an instance is made of, once.
struct Service {
    tree: PreopenedTree,
    config: Config,
}

/// The service of this instance; `None` where it was misconfigured, which the log was told once.
fn service() -> Option<&'static Service> {
    thread_local! {
        static SERVICE: OnceCell<Option<&'static Service>> = const { OnceCell::new() };
    }
    SERVICE.with(|service| {
        *service.get_or_init(|| match start() {
            // An instance is one thread and lives as long as its service.
            Ok(service) => Some(Box::leak(Box::new(service))),
            Err(reason) => {
                eprintln!("glasshouse: {reason}");
                None
            }
        })
    })
}

fn start() -> Result<Service, String> {
    let config = Config::from_pairs(get_environment()).map_err(|error| error.to_string())?;
    let root = Root::preopened().ok_or("no directory to serve: the host preopened none")?;
    Ok(Service { tree: PreopenedTree(root), config })
}

fn read(asked: &http::IncomingRequest) -> Request {
    let fields = asked.headers();
    let method = match asked.method() {
        http::Method::Get => "GET",
        http::Method::Head => "HEAD",
        http::Method::Options => "OPTIONS",
        _ => "",
    };
    Request::read(method, asked.path_with_query().as_deref(), |name| fields.get(name))
}
