//! Runs the worker threads and the accept loops until shutdown.

use crate::accept::{self, AcceptContext, Queues, Role, WorkerMessage};
use crate::listen::Listener;
use crate::metrics::Metrics;
use crate::sd_notify::ServiceManager;
use crate::shutdown;
use crate::worker::{self, WorkerConfig, WorkerSignals};
use glasshouse_http::ConnectionLimiter;
use glasshouse_site::Router;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// After a second signal, threads have this long to abort their connections and to write the log entries of them.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// The worker threads and the listeners in front of them.
pub(crate) struct HttpServer {
    /// One for each worker thread.
    pub(crate) routers: Vec<Router>,
    pub(crate) serving: Vec<Listener>,
    /// Listeners without TLS that redirect to a serving listener.
    pub(crate) redirecting: Vec<Listener>,
    pub(crate) worker_config: WorkerConfig,
    pub(crate) service_manager: Arc<ServiceManager>,
    pub(crate) metrics: Arc<Metrics>,
}

impl HttpServer {
    /// Starts the threads, calls `on_ready`, and serves until `stop` completes. Then open responses may finish within
    /// the grace period. A second signal aborts them. The process must end after this returns.
    ///
    /// # Errors
    /// The system cannot start a thread or poll a listener.
    pub(crate) async fn run(self, on_ready: impl FnOnce(), stop: impl Future<Output = ()>) -> io::Result<()> {
        let (drain, draining) = watch::channel(false);
        let (abort, aborting) = watch::channel(false);
        let (exit_guard, mut all_exited) = mpsc::channel(1);
        let signals = WorkerSignals { draining, aborting, exit_guard };
        let start = |router: &Router| worker::start(self.config_of(router), router.clone(), signals.clone());
        let queues: Queues = self.routers.iter().map(start).collect::<io::Result<_>>()?;
        drop(signals);
        on_ready();
        let weak_queues = queues.iter().map(mpsc::UnboundedSender::downgrade).collect();
        tokio::spawn(notify_watchdog(weak_queues, Arc::clone(&self.service_manager)));
        let context = AcceptContext {
            limiter: ConnectionLimiter::new(&self.worker_config.limits),
            is_tls: self.worker_config.tls.is_some(),
            version: self.worker_config.version,
            log: self.worker_config.log.with_counters(self.metrics.counters()),
        };
        let serving = self.serving.into_iter().map(|listener| (Role::Serving, listener));
        let redirecting = self.redirecting.into_iter().map(|listener| (Role::Redirecting, listener));
        tokio::select! {
            result = accept::accept(serving.chain(redirecting).collect(), queues, context) => result?,
            () = stop => {}
        }
        let second_signal = shutdown::requested();
        self.service_manager.stopping();
        // The accept loops and their queues are gone, so each worker exits after its last connection.
        let _ = drain.send(true);
        tokio::select! {
            _ = all_exited.recv() => {}
            _ = second_signal => {
                let _ = abort.send(true);
                let _ = timeout(ABORT_TIMEOUT, all_exited.recv()).await;
            }
        }
        Ok(())
    }

    /// The configuration with separate counters for the thread of `router`.
    fn config_of(&self, router: &Router) -> WorkerConfig {
        self.metrics.watch(router.metrics());
        WorkerConfig {
            log: self.worker_config.log.with_counters(self.metrics.counters()),
            ..self.worker_config.clone()
        }
    }
}

/// Notifies the service manager in each interval in which every worker has answered a ping.
async fn notify_watchdog(queues: Vec<mpsc::WeakUnboundedSender<WorkerMessage>>, service_manager: Arc<ServiceManager>) {
    let Some(period) = service_manager.watchdog_interval() else { return };
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for queue in &queues {
            let (reply, replied) = oneshot::channel();
            // During shutdown the queues are closed. Then the receiver fails immediately.
            let _ = queue.upgrade().map(|queue| queue.send(WorkerMessage::Ping(reply)));
            let _ = replied.await;
        }
        service_manager.watchdog();
    }
}
