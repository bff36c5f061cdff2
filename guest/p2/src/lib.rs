//! The handler as a component for `wasi:http/incoming-handler@0.2`: reads a request, lets the core answer it from the
//! directory that the host preopened, sends the reply. Every decision is the core's.

mod send;
mod tree;

use glasshouse_core::{Refusal, Reply, Request, Site, answer, at_once};
use glasshouse_listing::Root;
use std::cell::OnceCell;
use tree::PreopenedTree;
use wasi::cli::environment::get_environment;
use wasi::filesystem::types::Descriptor;
use wasi::http::types as http;

wasi::http::proxy::export!(Handler);

struct Handler;

impl wasi::exports::http::incoming_handler::Guest for Handler {
    fn handle(asked: http::IncomingRequest, out: http::ResponseOutparam) {
        let fields = asked.headers();
        let request = read(&asked, &fields);
        // WASI 0.2 never lets the core wait, so its future is finished at once.
        let reply = service().and_then(|service| at_once(reply(service, &request)).flatten());
        send::send(reply.unwrap_or(Reply::refused(Refusal::Misconfigured)), &request, out);
    }
}

async fn reply(service: &Service, request: &Request<'_>) -> Option<Reply<Descriptor>> {
    let config = service.site.config(&service.tree, |error| complain(error)).await?;
    Some(answer(request, &service.tree, &config).await)
}

/// What an instance is made of, once.
struct Service {
    tree: PreopenedTree,
    site: Site,
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
                complain(&reason);
                None
            }
        })
    })
}

fn start() -> Result<Service, String> {
    let site = Site::new(get_environment()).map_err(|error| error.to_string())?;
    let root = Root::preopened().ok_or("no directory to serve: the host preopened none")?;
    Ok(Service { tree: PreopenedTree(root), site })
}

/// Tells the log of the host what the client is not told.
fn complain(reason: &dyn std::fmt::Display) {
    eprintln!("glasshouse: {reason}");
}

fn read<'a>(asked: &http::IncomingRequest, fields: &'a http::Fields) -> Request<'a> {
    let method = match asked.method() {
        http::Method::Get => "GET",
        http::Method::Head => "HEAD",
        http::Method::Options => "OPTIONS",
        _ => "",
    };
    Request::read(method, asked.path_with_query().as_deref(), |name| fields.get(name))
}
