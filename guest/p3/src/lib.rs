//! The handler as a component for `wasi:http/handler@0.3`: reads a request, lets the core answer it from the directory
//! that the host preopened, sends the reply. Every decision is the core's.

mod send;
mod tree;

use glasshouse_core::config::BodyPath;
use glasshouse_core::{Config, Refusal, Reply, Request, Site, answer};
use glasshouse_listing::Root;
use std::cell::OnceCell;
use std::rc::Rc;
use tree::PreopenedTree;
use wasip3::cli::environment::get_environment;
use wasip3::http::types as http;

wasip3::http::service::export!(Handler);

struct Handler;

impl wasip3::exports::http::handler::Guest for Handler {
    async fn handle(asked: http::Request) -> Result<http::Response, http::ErrorCode> {
        let fields = asked.get_headers();
        let request = read(&asked, &fields);
        match options().await {
            Some((tree, config)) => send::send(answer(&request, tree, &config).await, &request, config.body),
            None => send::send(Reply::refused(Refusal::Misconfigured), &request, BodyPath::Pumped),
        }
    }
}

/// The tree of this instance, and the options that are in force; `None` where those are in error.
async fn options() -> Option<(&'static PreopenedTree, Rc<Config>)> {
    let service = service()?;
    let config = service.site.config(&service.tree, |error| complain(error)).await?;
    Some((&service.tree, config))
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
    let no_directory = "no directory to serve: the host preopened none";
    let tree = Root::preopened().and_then(PreopenedTree::new).ok_or(no_directory)?;
    Ok(Service { tree, site })
}

/// Tells the log of the host what the client is not told.
fn complain(reason: &dyn std::fmt::Display) {
    eprintln!("glasshouse: {reason}");
}

fn read<'a>(asked: &http::Request, fields: &'a http::Fields) -> Request<'a> {
    let method = match asked.get_method() {
        http::Method::Get => "GET",
        http::Method::Head => "HEAD",
        http::Method::Options => "OPTIONS",
        _ => "",
    };
    Request::read(method, asked.get_path_with_query().as_deref(), |name| fields.get(name))
}
