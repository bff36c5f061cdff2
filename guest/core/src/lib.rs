//! Every HTTP decision of glasshouse, and nothing else: a request and a tree go in, a reply comes out.
//!
//! This crate refuses to know WebAssembly, sockets, files, clocks and chance. What it answers is a function of the
//! request, the configuration and what it saw in the [`Tree`]; so the same rows prove it natively, in a component of
//! either WASI version, and in any host.
//!
//! From the ground floor up: [`http::accept`], [`http::date`], [`config::toml_document`], [`tree::dotfiles`], [`http::etag`], [`config::header_rules`], [`media_type`], [`listing::natural`], [`suggest`],
//! [`http::range`], [`config::rule`], [`http::target`] and [`listing::query`] read one thing each, and [`visible`] shows names; [`http::request`], [`config`] and [`tree`] are the three
//! arguments, and [`tree::public`] is a tree as clients may see it; [`resolve`] is
//! the only step that looks at the tree before there is an answer, with [`listing`], [`listing::search`] and [`precompressed`]; [`decide`] turns what
//! was found into a [`Reply`], with the help of [`http::condition`]; [`reply`] writes its head, [`page`] and [`listing::json`] what is
//! made here, in the [`output_format`] that was asked for; and [`body`] makes what is too long to be written down at once, such as
//! a [`body::multipart`], an [`archive`] or the [`listing::stream`] of a long listing, [`body::encode`]d or not.

pub mod archive;
pub mod body;
pub mod config;
pub mod decide;
pub mod error_body;
pub mod http;
pub mod listing;
pub mod media_type;
pub mod output_format;
pub mod page;
pub mod precompressed;
pub mod reply;
pub mod resolve;
pub mod respond;
pub mod suggest;
pub mod tree;
pub mod visible;

pub use body::block::Truncated;
pub use body::generated::GeneratedBody;
pub use config::site_file::SiteOptions;
pub use config::{Config, ConfigError};
pub use http::range::Span;
pub use http::refusal::Refusal;
pub use http::request::{Method, Request};
pub use reply::{Body, Head, Outcome, Reply};
pub use tree::Tree;
pub use tree::public::PublicTree;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Answers one request. The tree is asked only when the method and the target leave something to look for.
pub async fn answer<T: Tree>(request: &Request<'_>, tree: &T, config: &Config) -> Reply<T::File> {
    let reply = match (request.method, &request.target) {
        (Method::Options, _) => Outcome::Options.into(),
        (Method::Other, _) => Reply::refused(request, Refusal::MethodNotAllowed),
        (Method::Get | Method::Head, Err(refusal)) => Reply::refused(request, *refusal),
        (Method::Get | Method::Head, Ok(target)) => {
            decide::decide(request, resolve::resolve(request, target, tree, config).await, config)
        }
    };
    reply.with_own(http::cors::fields(request, &config.cors, config.isolate))
}

/// The output of a future that never waits, as those over a synchronous [`Tree`] do not; `None` if it did wait.
pub fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
