//! Serves a site on a TCP listener.

use crate::builder::Site;
use crate::threads::{CLIENT_LIMITS, Job, SiteConnection};
use glasshouse_http::ConnectionLimiter;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// The pause after an error, such as a lack of descriptors.
const ERROR_PAUSE: Duration = Duration::from_millis(100);
/// How long open responses may take after the shutdown was requested.
const GRACE: Duration = Duration::from_secs(10);

/// Serves HTTP/1.1, and HTTP/2 to clients that start with it, until `shutdown` completes. Then responses in progress
/// have ten seconds. When the future ends or is dropped, it closes all connections.
///
/// Connections have the default timeouts of the program. 4096 connections can be open, 2048 of one address. Each takes
/// a file descriptor, and open files take 512 more: the limit of the process (`ulimit -n`) must be higher.
///
/// The function accepts every `Host`. A page of another site can therefore read a site on a loopback address by DNS
/// rebinding. If that matters, use [`Site::service`] behind a server that checks `Host`.
///
/// The runtime needs its drivers for I/O and time.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let site = glasshouse_site::Site::builder().directory("public").build()?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
/// glasshouse_site::serve(listener, site, async {
///     let _ = tokio::signal::ctrl_c().await;
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A thread of the site has ended.
pub async fn serve(listener: TcpListener, site: Site, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let (drain, closing) = watch::channel(false);
    let (guard, mut all_closed) = mpsc::channel(1);
    let limiter = ConnectionLimiter::new(&CLIENT_LIMITS);
    let accepting = async {
        loop {
            let (stream, peer) = next_connection(&listener).await;
            let Some(permit) = limiter.admit(peer) else { continue };
            // A stream that leaves its runtime unregistered is closed.
            let Ok(stream) = stream.into_std() else { continue };
            let connection = SiteConnection { stream, peer, permit, closing: closing.clone(), guard: guard.clone() };
            if !site.threads().send(Job::Connection(connection)) {
                return io::Error::new(ErrorKind::BrokenPipe, "a thread of the site has ended");
            }
        }
    };
    tokio::select! {
        error = accepting => return Err(error),
        () = shutdown => {}
    }
    drop((listener, guard));
    let _ = drain.send(true);
    let _ = timeout(GRACE, all_closed.recv()).await;
    Ok(())
}

async fn next_connection(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip().to_canonical()),
            // The client has already closed the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(_) => sleep(ERROR_PAUSE).await,
        }
    }
}
