//! A server on hyper that serves a folder.
//!
//! ```text
//! cargo run --release --example hyper -- DIRECTORY [OPTION=VALUE]...
//! ```
//!
//! The options are those of the handler, such as `clean-urls=1`.

use glasshouse::{Peer, Site};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::env;
use std::error::Error;
use tokio::net::TcpListener;
use tower_service::Service as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let directory = arguments.next().ok_or("usage: hyper DIRECTORY [OPTION=VALUE]...")?;
    let options: Vec<String> = arguments.collect();
    let options = options.iter().filter_map(|option| option.split_once('='));
    let site = Site::builder().directory(directory).options(options).build()?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("Serving HTTP on http://{}/", listener.local_addr()?);
    loop {
        let (stream, address) = listener.accept().await?;
        let service = site.service();
        let service = service_fn(move |mut request| {
            request.extensions_mut().insert(Peer(address.ip()));
            service.clone().call(request)
        });
        tokio::spawn(async move {
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
                eprintln!("{address}: {error}");
            }
        });
    }
}
