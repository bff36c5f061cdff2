//! Every HTTP decision of glasshouse: a request and a tree go in, a reply comes out.
//!
//! This crate uses no WebAssembly, sockets, files, clocks or random numbers. A reply is a function of the request, the
//! configuration and the [`Tree`], so the same tests run natively, in components for both versions of WASI, and in any
//! host.
//!
//! ```
//! use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
//! use glasshouse_core::{Body, Config, Request, answer, at_once};
//!
//! let mut tree = MemoryTree::default();
//! tree.insert("hello.txt", MemoryNode::File(b"Hello\n".to_vec(), None));
//! let request = Request::read("GET", Some("/hello.txt"), |_name| Vec::new());
//! let reply = at_once(answer(&request, &tree, &Config::default())).expect("memory never waits");
//! let (head, body) = reply.write(request.method);
//! assert_eq!(head.status, 200);
//! assert!(matches!(body, Body::File(bytes, span) if bytes == b"Hello\n" && span.length() == 6));
//! ```
//!
//! A request takes this path: [`http::request`] reads it, `resolve` finds the file in the [`tree`], `decide` selects
//! the [`reply`], and `respond` writes its status, fields and body. A long [`body`], such as a [`listing`] or an
//! [`archive`], is generated while it is sent. [`config`] has the options.
//!
//! | Feature | Contents |
//! |---|---|
//! | `memory` (default) | [`tree::memory`]: a tree in memory |
//! | `http` | `Request` from the `Parts` of a request of the crate `http`, and its `Response<()>` from a [`Head`] |

#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::allow_attributes_without_reason,
        unreachable_pub
    )
)]
#![warn(missing_docs)]

pub mod archive;
pub mod body;
pub mod config;
pub mod http;
pub mod listing;
pub mod media_type;
pub mod output_format;
pub mod page;
pub mod precompressed;
pub mod reply;
pub mod suggest;
pub mod tree;
pub mod visible;

mod decide;
mod error_body;
mod live;
mod markdown_page;
mod number;
mod resolve;
mod respond;

pub use body::block::Truncated;
pub use body::generated::GeneratedBody;
pub use config::site_file::SiteOptions;
pub use config::{Config, ConfigError};
pub use http::range::Span;
pub use http::refusal::Refusal;
pub use http::request::{Method, Request};
pub use reply::{Body, Head, Reply};
pub use tree::Tree;
pub use tree::public::PublicTree;

use crate::reply::Outcome;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Answers a request. It reads the tree only for GET and HEAD with a valid target.
pub async fn answer<T: Tree>(request: &Request<'_>, tree: &T, config: &Config) -> Reply<T::File> {
    let reply = match (request.method, &request.target) {
        (Method::Options, _) => Outcome::Options.into(),
        (Method::Other, _) => Reply::refused(request, Refusal::MethodNotAllowed),
        (Method::Get | Method::Head, Err(refusal)) => Reply::refused(request, *refusal),
        (Method::Get | Method::Head, Ok(target)) => {
            decide::decide(request, resolve::resolve(request, target, tree, config).await, config)
        }
    };
    let reply = reply.with_always(http::cors::fields(request, &config.cors, config.isolate));
    if config.live { reply.with_live_pages() } else { reply }
}

/// Returns the output of a future that is ready at its first poll, as those over a synchronous [`Tree`] are. `None` if
/// it would wait.
pub fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
