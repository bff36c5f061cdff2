//! The running server: everything that the start has opened, until shutdown.

use crate::admin::Admin;
use crate::banner::{self, Banner};
use crate::compiler::Compiler;
use crate::config::{OpenLog, ServerConfig};
use crate::listen::Listeners;
use crate::live;
use crate::metrics::Metrics;
use crate::qr;
use crate::redirect_listener::RedirectListener;
use crate::reload::Reload;
use crate::reload_trees::ReloadTrees;
use crate::sd_notify::ServiceManager;
use crate::server::HttpServer;
use crate::shutdown::{self, ShutdownSignal};
use crate::tls::Tls;
use crate::worker::WorkerConfig;
use glasshouse_http::Log;
use glasshouse_live::LiveHub;
use glasshouse_quota::Quotas;
use glasshouse_sandbox::{Sandbox, SandboxEngine};
use glasshouse_site::{RoutedTree, Router};
use std::io::{self, IsTerminal as _};
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::watch;
use tracing::{error, info, warn};

/// The parts of a server that is ready to accept connections.
pub(crate) struct App {
    pub(crate) config: ServerConfig,
    pub(crate) engine: SandboxEngine,
    /// Compiles components for a reload, if this process cannot.
    pub(crate) compiler: Option<Compiler>,
    /// One for each tree of the configuration, in their order.
    pub(crate) sandboxes: Vec<Arc<Sandbox>>,
    pub(crate) listeners: Listeners,
    pub(crate) admin: Option<TcpListener>,
    pub(crate) tls: Option<Tls>,
    pub(crate) banner: Banner,
    pub(crate) reload: Reload,
    pub(crate) service_manager: Arc<ServiceManager>,
    pub(crate) log: Log,
    pub(crate) log_file: Option<Arc<OpenLog>>,
}

impl App {
    /// Serves until `shutdown` completes and open responses have finished. Reloads on SIGHUP.
    ///
    /// # Errors
    /// The system cannot start a thread or poll a listener.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ShutdownSignal>) -> io::Result<()> {
        let App { config, engine, compiler, sandboxes, listeners, admin, tls, banner, .. } = self;
        let App { mut reload, service_manager, log, log_file, .. } = self;
        // The drop at the end of this function removes the socket files.
        let Listeners { serving, redirecting, files: _socket_files, .. } = listeners;

        let quotas = Quotas::new(config.totals);
        let metrics = Arc::new(Metrics::new(quotas.clone(), config.replay.clone()));
        let mounts = config.trees.iter().zip(&sandboxes);
        let mounts = mounts.map(|(tree, sandbox)| RoutedTree { path: tree.at.clone(), sandbox: Arc::clone(sandbox) });
        let routers = Router::for_threads(&mounts.collect::<Vec<_>>(), config.threads);
        let live = live::hub(&config)?;
        let worker_config = WorkerConfig {
            redirect: RedirectListener::to(&serving),
            tls: tls.clone(),
            live: live.clone(),
            users: config.users.as_ref().map(|file| file.users()),
            version: config.protocol.version(),
            limits: config.limits,
            quotas,
            hosts: config.hosts.clone(),
            grace: config.grace,
            trust: config.logs.trust.clone(),
            proxied: config.logs.proxy_protocol,
            log,
        };

        let (drain, draining) = watch::channel(false);
        if let Some(listener) = admin {
            let hosts = config.hosts.at_admin(listener.local_addr().ok());
            let admin = Admin { metrics: Arc::clone(&metrics), draining, hosts };
            tokio::spawn(async {
                if let Err(error) = admin.run(listener).await {
                    error!("admin address not served: {error}");
                }
            });
        }
        let on_ready = {
            let (is_quiet, with_qr, service_manager) = (config.quiet, config.qr, Arc::clone(&service_manager));
            move || {
                if !is_quiet {
                    print_banner(&banner, with_qr);
                }
                service_manager.ready();
            }
        };
        let live_streams = live.clone();
        let stop = async {
            let signal = shutdown.await;
            info!("stopping: received {signal}");
            // Their streams would not end within the grace period.
            live_streams.iter().for_each(LiveHub::close);
            // Without an admin address there is no receiver.
            let _ = drain.send(true);
            shutdown::print_interrupt_message(signal);
        };
        let users = config.users.clone();
        let (log_of_trees, routers_of_trees) = (log_file.clone(), routers.clone());
        let mut trees = ReloadTrees {
            config,
            engine,
            compiler,
            log_file: log_of_trees,
            sandboxes,
            routers: routers_of_trees,
            live,
        };
        // The trees have components, which may be compiled for minutes. The log file comes after the trees, because it
        // must not be in a tree that is served from now on.
        if let Some(tls) = tls {
            reload.add(move || tls.reload());
        }
        if let Some(users) = users {
            reload.add(move || users.reload());
        }
        reload.add(move || trees.reload());
        if let Some(log_file) = log_file {
            reload.add(move || log_file.reopen());
        }

        let server = HttpServer { routers, serving, redirecting, worker_config, service_manager, metrics };
        tokio::select! {
            result = server.run(on_ready, stop) => result,
            () = reload.run() => Ok(()),
        }
    }
}

fn print_banner(banner: &Banner, with_qr: bool) {
    banner::print(&banner.text);
    if with_qr {
        match qr::code(banner.lan_url.as_deref(), io::stdout().is_terminal()) {
            Ok(code) => banner::print(&code),
            Err(error) => warn!("{error}"),
        }
    }
}
