//! A file server whose code that reads requests and files is a WebAssembly component with one capability: reading the
//! served directory.
//!
//! Most users run the program `glasshouse`. This library serves the same sites within another program: as a
//! [`tower_service::Service`](https://docs.rs/tower-service) beside routes of its own, or on a listener with [`serve`].
//!
//! ```
//! use glasshouse::Site;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let (public, manual) = (directory.path(), directory.path());
//! let site = Site::builder().directory(public).mount("/docs", manual).option("clean-urls", "1").build()?;
//! let service = site.service();
//! # let _ = service;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/axum.rs` and `examples/hyper.rs` are complete servers. The default features belong to the program; a
//! program that embeds a site turns them off with `default-features = false`.

#![warn(missing_docs)]

pub use glasshouse_site::{
    BoxError, Component, ConfigError, Peer, RequestLimits, SandboxError, Site, SiteBody, SiteBuilder, SiteError,
    SiteService, serve,
};
