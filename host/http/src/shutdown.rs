//! Waits for the graceful shutdown of the server.

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a new client may take for the head of its first request after the shutdown has started.
pub(crate) const LAST_CALL: Duration = Duration::from_millis(100);

/// Waits until the shutdown starts. A dropped sender counts as a shutdown.
pub(crate) async fn started(mut closing: watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

/// Waits until the shutdown has started, and 100 ms more. A client whose first request is not complete then can go.
pub async fn last_call(closing: watch::Receiver<bool>) {
    started(closing).await;
    sleep(LAST_CALL).await;
}
