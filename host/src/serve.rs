//! Serving, step by step: make ready, listen, give up rights, say where, run. After each step less can go wrong, and the process
//! can do less. It refuses to know how any of the steps is done.

use crate::admin::Admin;
use crate::args::{Args, EffectiveOption};
use crate::banner::{self, Banner};
use crate::config::{Config, OpenLog, Opened, Rights, Roots, StartupError};
use crate::harden::{self, Hardening, Inherited, Kept};
use crate::listen::{Listeners, SocketFile};
use crate::metrics::Metrics;
use crate::redirect_listener::RedirectListener;
use crate::reload::Reload;
use crate::router::Router;
use crate::sd_notify::ServiceManager;
use crate::server::Server;
use crate::shutdown::Signal;
use crate::tls::{Files, Tls, TlsIdentity};
use crate::worker::WorkerConfig;
use crate::{browser, check, logging, qr, setup, shutdown, site_report, stdout};
use glasshouse_http::{Format, Log, Sink, bounded_file};
use glasshouse_quota::Quotas;
use glasshouse_sandbox::{ReadScope, Sandbox};
use std::ffi::OsStr;
use std::io::{self, ErrorKind, IsTerminal as _};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tracing::info;

/// Serves until the process is told to stop.
///
/// # Errors
/// What was asked for has no meaning, or this machine cannot do it.
pub fn serve(args: Args, inherited: Inherited) -> Result<(), StartupError> {
    let mut config = Config::from_args(args)?;
    let Opened { sink, file } = config.logs.open(&config.trees, config.rights)?;
    let log = Log::new(config.logs.form, sink);
    let log = if logging::is_coloured() { log.coloured() } else { log };
    let began = Instant::now();
    let sandboxes = setup::sandboxes(&config)?;
    info!("the handler is ready after {:.3} s; threads: {}", began.elapsed().as_secs_f64(), config.threads);
    site_report::report(&config, &sandboxes, |text| log.error(text)).iter().for_each(|fault| log.error(fault));
    config.warnings.iter().for_each(|warning| log.error(warning));
    // Every path that was given is open by now.
    drop(inherited);
    let identity = config.identity.take();
    secrets(&config, identity.as_ref()).iter().for_each(|secret| log.error(secret));
    file.iter().filter_map(|file| file.warning()).for_each(|warning| log.error(warning));
    let threads = config.threads;
    let unable = |error: io::Error| {
        let reason = match error.kind() {
            ErrorKind::WouldBlock => "the system gives no more threads".to_owned(),
            _ => bounded_file::reason(&error),
        };
        StartupError::CannotServe(format!("cannot serve with {threads} threads: {reason}, or give a smaller --threads"))
    };
    let runtime = Builder::new_current_thread().enable_all().build().map_err(unable)?;
    let served = runtime.block_on(async {
        let stop = shutdown::requested();
        let manager = manager(&log);
        let reload = Reload::new(log.clone(), Arc::clone(&manager));
        let listening = config.addresses.listen()?;
        let admin = config.logs.listen()?;
        let banner = banner::banner(&listening, identity.as_ref(), admin.as_ref(), &config.entry);
        begin(&config, listening.taken, &banner, &log);
        give_up_rights(&config, identity.as_ref(), &sandboxes, &listening.files, file.as_deref(), &log)?;
        let tls = identity.map(|identity| Tls::new(identity, config.protocol, log.clone())).transpose();
        let tls = tls.map_err(|reason| StartupError::CannotServe(format!("cannot speak TLS: {reason}")))?;
        let ready = {
            let (is_quiet, is_squared) = (config.quiet, config.qr);
            let (log, manager) = (log.clone(), Arc::clone(&manager));
            move || {
                if !is_quiet {
                    announce(&banner, is_squared, &log);
                }
                manager.ready();
            }
        };
        run(config, sandboxes, (listening, admin), tls, (ready, stop, reload, manager), (log, file))
            .await
            .map_err(unable)
    });
    // After a second signal nothing that still runs is waited for.
    runtime.shutdown_background();
    served
}

/// The service manager, if there is one. Whoever started the server can do without being told.
fn manager(log: &Log) -> Arc<ServiceManager> {
    Arc::new(ServiceManager::from_environment().unwrap_or_else(|reason| {
        log.error(reason);
        ServiceManager::default()
    }))
}

/// Files that clients could read and should not, in words for whoever runs the server.
fn secrets(config: &Config, identity: Option<&TlsIdentity>) -> Vec<String> {
    let roots = Roots::of(&config.trees);
    let secrets = identity.and_then(TlsIdentity::files).into_iter().flat_map(Files::secrets);
    let told = secrets.filter(|(_, file)| roots.has(file)).map(|(what, file)| {
        format!("everybody can read the {what} '{}': keep it where it is not served", file.display())
    });
    told.collect()
}

/// What is done while the process may still start a program.
fn begin(config: &Config, taken: Option<u16>, banner: &Banner, log: &Log) {
    if let Some(port) = taken {
        log.error(format_args!("port {port} is taken; the next free one is used"));
    }
    if config.open
        && let Err(reason) = browser::open(banner.here.as_deref())
    {
        log.error(reason);
    }
}

/// From here on the process can do little but serve. Until here no thread but this one was started, and what is not served is
/// read.
fn give_up_rights(
    config: &Config,
    identity: Option<&TlsIdentity>,
    sandboxes: &[Arc<Sandbox>],
    sockets: &[SocketFile],
    file: Option<&OpenLog>,
    log: &Log,
) -> Result<(), StartupError> {
    if config.rights == Rights::AreKept {
        return Ok(());
    }
    if let Err(error) = harden::forbid_dumps() {
        log.error(format_args!("core files cannot be forbidden: {error}; a crash may leave keys on the disk"));
    }
    let certificates = identity.and_then(TlsIdentity::files).into_iter().flat_map(Files::paths);
    let read_again = harden::directories(certificates.chain(config.users.iter().map(|users| users.file())));
    let also = config.harden_also.iter().map(|directory| directory.as_fd());
    let also = read_again.iter().map(AsFd::as_fd).chain(also).map(ReadScope::Directory);
    let readable = sandboxes.iter().map(|sandbox| sandbox.read_scope()).chain(also).collect();
    let roots = Roots::of(&config.trees);
    if sockets.iter().any(|file| roots.has_in(&file.directory, OsStr::new(""))) {
        log.error(
            "the directory of a Unix socket is among what is served, and the process keeps the right to remove files there; give \
             the socket a directory of its own",
        );
    }
    let sockets = sockets.iter().map(|file| file.directory.as_fd()).collect();
    let directory = file.and_then(OpenLog::directory);
    let state = harden::apply(&Kept { readable, sockets, log: directory.as_ref().map(AsFd::as_fd) });
    enough(config.rights, &state)?;
    info!("rights of the process: {state}");
    if !state.is_complete() {
        log.error(format_args!("this system does not take away all rights that serving does not need: {state}"));
    }
    Ok(())
}

/// Whether the process has given up as much as was asked for.
fn enough(rights: Rights, state: &Hardening) -> Result<(), StartupError> {
    if rights == Rights::MustBeGivenUp && !state.is_complete() {
        return Err(StartupError::CannotServe(format!(
            "cannot serve: --require-harden is more than this system can do: {state}; leave it out"
        )));
    }
    Ok(())
}

/// Says where the server is, in words and where it is asked for in squares.
fn announce(banner: &Banner, is_squared: bool, log: &Log) {
    banner::announce(&banner.text);
    if is_squared {
        match qr::code(banner.lan.as_deref(), io::stdout().is_terminal()) {
            Ok(code) => banner::announce(&code),
            Err(reason) => log.error(reason),
        }
    }
}

/// Serves, and reads again what may have changed whenever it is told to, until it is told to stop.
async fn run(
    config: Config,
    sandboxes: Vec<Arc<Sandbox>>,
    (listening, admin): (Listeners, Option<TcpListener>),
    tls: Option<Tls>,
    (ready, stop, mut reload, manager): (impl FnOnce(), impl Future<Output = Signal>, Reload, Arc<ServiceManager>),
    (log, file): (Log, Option<Arc<OpenLog>>),
) -> io::Result<()> {
    // The files of sockets go at the end.
    let Listeners { serving, redirecting, files: _files, .. } = listening;
    let handlers = Router::for_threads(&config, &sandboxes);
    let quotas = Quotas::new(config.totals);
    let metrics = Arc::new(Metrics::new(quotas.clone()));
    let terms = WorkerConfig {
        redirect: RedirectListener::to(&serving),
        tls: tls.clone(),
        users: config.users.clone(),
        version: config.protocol.version(),
        limits: config.limits,
        quotas,
        hosts: config.hosts.clone(),
        grace: config.grace,
        trust: config.logs.trust.clone(),
        proxied: config.logs.proxy_protocol,
        log: log.clone(),
    };
    let users = config.users.clone();
    // The log comes behind what is served: it is judged by what is served from then on.
    reload.add(setup::again(config, log, file.clone(), sandboxes, handlers.clone()));
    if let Some(file) = file {
        reload.add(move || file.reopen());
    }
    if let Some(tls) = tls {
        reload.add(move || tls.reload());
    }
    if let Some(users) = users {
        reload.add(move || users.reload());
    }
    let (drain, draining) = watch::channel(false);
    if let Some(listener) = admin {
        let hosts = terms.hosts.at_admin(listener.local_addr().ok());
        tokio::spawn(Admin { metrics: Arc::clone(&metrics), draining, hosts }.run(listener));
    }
    let server = Server { handlers, serving, redirecting, terms, manager, metrics };
    let stop = async {
        let signal = stop.await;
        info!("stopping: {signal} was received");
        // Whoever listens is told, if anybody does.
        let _ = drain.send(true);
        shutdown::farewell(signal);
    };
    tokio::select! {
        served = server.run(ready, stop) => served,
        () = reload.run() => Ok(()),
    }
}

/// All that serving takes but to listen.
pub fn check(args: Args, settings: Vec<EffectiveOption>) -> Result<(), StartupError> {
    let config = Config::from_args(args)?;
    let log = Log::new(Format::Off, Sink::Stderr);
    let sandboxes = setup::sandboxes(&config)?;
    site_report::check(&config, &sandboxes, |text| log.error(text)).map_err(StartupError::CannotServe)?;
    config.logs.probe(&config.trees)?;
    let identity = config.identity.as_ref();
    let warnings =
        secrets(&config, identity).into_iter().chain(identity.map(TlsIdentity::concerns).unwrap_or_default());
    warnings.for_each(|warning| log.error(warning));
    config.warnings.iter().for_each(|warning| log.error(warning));
    let rights = match config.rights {
        Rights::AreKept => "kept".to_owned(),
        Rights::AreGivenUp | Rights::MustBeGivenUp => {
            let state = harden::probe();
            enough(config.rights, &state)?;
            state.to_string()
        }
    };
    let text = check::report(&config, settings, &rights);
    stdout::print(text.as_bytes())
}
