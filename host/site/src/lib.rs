//! Sites as services: directories and files that a sandboxed handler serves, for a program with a server of its own.
//!
//! ```
//! use glasshouse_site::{Peer, Site};
//! use http::Request;
//! use tower_service::Service as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # std::fs::write(directory.path().join("hello.txt"), "Hello\n")?;
//! # let public = directory.path();
//! let site = Site::builder().directory(public).option("clean-urls", "1").build()?;
//! let mut service = site.service();
//! let request = Request::get("/hello.txt").header("host", "localhost").extension(Peer([192, 0, 2, 7].into()));
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let response = service.call(request.body(())?).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! A [`Site`] has threads of its own, so its service works on every runtime. Each request runs in an instance of the
//! handler that can read the files of the site and nothing else.

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

mod body;
mod builder;
mod error;
mod router;
mod serve;
mod service;
mod threads;
mod tree_variables;

pub use body::SiteBody;
pub use builder::{Component, Site, SiteBuilder};
pub use error::SiteError;
pub use glasshouse_core::ConfigError;
pub use glasshouse_http::BoxError;
pub use glasshouse_sandbox::{RequestLimits, SandboxError};
pub use router::{RoutedTree, Router};
pub use serve::serve;
pub use service::{Peer, SiteService};
pub use tree_variables::tree_variables;
