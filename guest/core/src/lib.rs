//! Every HTTP decision of glasshouse, and nothing else: a request and a tree go in, a reply comes out.
//!
//! This crate refuses to know WebAssembly, sockets, files, clocks and chance. What it answers is a function of the
//! request, the configuration and what it saw in the [`Tree`]; so the same rows prove it natively, in a component of
//! either WASI version, and in any host.
//!
//! From the ground floor up: [`accept`], [`date`], [`document`], [`dotfiles`], [`etag`], [`fields`], [`kind`], [`natural`], [`near`],
//! [`range`], [`rule`], [`target`] and [`view`] read one thing each, and [`visible`] shows names; [`request`], [`config`] and [`tree`] are the three
//! arguments, and [`public`] is a tree as clients may see it; [`find`] is
//! the only step that looks at the tree before there is an answer, with [`listing`], [`search`] and [`sibling`]; [`decide`] turns what
//! was found into a [`Reply`], with the help of [`condition`]; [`reply`] writes its head, [`page`] and [`machine`] what is
//! made here, in the [`form`] that was asked for; and [`stream`] makes what is too long to be written down at once, such as
//! a [`multipart`], an [`archive`] or the [`sheet`] of a long listing, [`encode`]d or not.

pub mod accept;
pub mod archive;
pub mod condition;
pub mod config;
pub mod date;
pub mod decide;
pub mod document;
pub mod dotfiles;
pub mod encode;
pub mod etag;
pub mod fields;
pub mod find;
pub mod form;
pub mod kind;
pub mod listing;
pub mod machine;
pub mod memory;
pub mod multipart;
pub mod natural;
pub mod near;
pub mod options;
pub mod origin;
pub mod page;
pub mod public;
pub mod range;
pub mod reply;
pub mod request;
pub mod rule;
pub mod search;
pub mod service_link;
pub mod sheet;
pub mod sibling;
pub mod site;
pub mod stream;
pub mod target;
pub mod tree;
pub mod view;
pub mod visible;

pub use config::{Config, ConfigError};
pub use public::PublicTree;
pub use reply::{Head, Outcome, Passage, Refusal, Reply, Span};
pub use request::{Method, Request};
pub use site::Site;
pub use stream::{Cut, Made};
pub use tree::Tree;

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
            decide::decide(request, find::find(request, target, tree, config).await, config)
        }
    };
    reply.with_own(origin::fields(request, config))
}

/// The output of a future that never waits, as those over a synchronous [`Tree`] do not; `None` if it did wait.
pub fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
