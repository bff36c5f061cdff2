//! An application with routes of its own, and a folder below `/files`.
//!
//! ```text
//! cargo run --release --example axum -- DIRECTORY [OPTION=VALUE]...
//! ```
//!
//! The options are those of the handler, such as `clean-urls=1`. With `prefix=` the folder is at the root.

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::map_request;
use axum::routing::get;
use glasshouse::{Peer, Site};
use std::env;
use std::error::Error;
use std::net::SocketAddr;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let directory = arguments.next().ok_or("usage: axum DIRECTORY [OPTION=VALUE]...")?;
    let options: Vec<String> = arguments.collect();
    let options: Vec<(&str, &str)> = options.iter().filter_map(|option| option.split_once('=')).collect();
    let prefix = options.iter().find(|(name, _)| *name == "prefix").map_or("/files", |(_, prefix)| *prefix);

    let site = Site::builder().directory(directory).option("prefix", prefix).options(options.clone()).build()?;
    // The handler sees the whole path, so these are routes and not `nest_service`, which would shorten it.
    let app = match prefix {
        "" => Router::new().fallback_service(site.service()),
        prefix => Router::new()
            .route("/", get(async || "The files are below /files/.\n"))
            .route_service(prefix, site.service())
            .route_service(&format!("{prefix}/"), site.service())
            .route_service(&format!("{prefix}/{{*path}}"), site.service()),
    };
    let app = app.layer(map_request(with_peer));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("Serving HTTP on http://{}/", listener.local_addr()?);
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}

/// Clients share the memory and the files of a site fairly, by their addresses.
async fn with_peer(ConnectInfo(address): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(Peer(address.ip()));
    request
}
