//! Serving, step by step: make ready, listen, give up rights, say where, run. After each step less can go wrong, and the process
//! can do less. It refuses to know how any of the steps is done.

use crate::admin::Admin;
use crate::args::{Args, Setting};
use crate::banner::{self, Banner};
use crate::config::{Config, Fault, Opened, Rights, Served};
use crate::handler::Handler;
use crate::harden::{self, Hardening, Kept};
use crate::listen::{Listening, SocketFile};
use crate::manager::Manager;
use crate::metrics::Metrics;
use crate::redirect::Redirect;
use crate::reload::Reload;
use crate::server::Server;
use crate::shutdown::Signal;
use crate::tls::{Files, Identity, Tls};
use crate::worker::Terms;
use crate::{browser, check, diagnostics, qr, ready, shutdown};
use glasshouse_front::{Form, Log, LogFile, Sink};
use glasshouse_quota::Quotas;
use glasshouse_sandbox::{Ground, Sandbox};
use std::io::{self, IsTerminal as _, Write as _};
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
pub fn serve(args: Args) -> Result<(), Fault> {
    let mut config = Config::from_args(args)?;
    let Opened { sink, kept } = config.logs.open(&config.trees)?;
    let log = Log::new(config.logs.form, sink);
    let log = if diagnostics::is_coloured() { log.coloured() } else { log };
    let began = Instant::now();
    let sandboxes = ready::sandboxes(&config, &log)?;
    info!("the handler is ready after {:?}; threads: {}", began.elapsed(), config.threads);
    let identity = config.identity.take();
    let key_within = |served: &Served| identity.as_ref().and_then(|identity| identity.key_within(&served.tree));
    if let Some(key) = config.trees.iter().find_map(key_within) {
        log.error(format_args!("everybody can read the key '{}': keep it where it is not served", key.display()));
    }
    let unable = |error: io::Error| Fault::CannotServe(format!("cannot serve: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(unable)?;
    let served = runtime.block_on(async {
        let stop = shutdown::requested();
        let manager = manager(&log);
        let mut reload = Reload::new(log.clone(), Arc::clone(&manager));
        let listening = config.addresses.listen()?;
        let admin = config.logs.listen()?;
        let banner = banner::banner(&listening.serving, identity.as_ref(), admin.as_ref(), &config.entry);
        begin(&config, listening.taken, &banner, &log);
        give_up_rights(&config, identity.as_ref(), &sandboxes, &listening.files, kept.as_deref(), &log)?;
        let tls = identity.map(|identity| Tls::new(identity, config.protocol, log.clone())).transpose();
        let tls = tls.map_err(|reason| Fault::CannotServe(format!("cannot speak TLS: {reason}")))?;
        announce(&config, &banner, &log);
        if let Some(file) = kept {
            reload.add(move || file.reopen());
        }
        manager.ready();
        run(config, sandboxes, (listening, admin), tls, (stop, reload, manager), log).await.map_err(unable)
    });
    // After a second signal nothing that still runs is waited for.
    runtime.shutdown_background();
    served
}

/// The service manager, if there is one. Whoever started the server can do without being told.
fn manager(log: &Log) -> Arc<Manager> {
    Arc::new(Manager::from_environment().unwrap_or_else(|reason| {
        log.error(reason);
        Manager::default()
    }))
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
    identity: Option<&Identity>,
    sandboxes: &[Arc<Sandbox>],
    sockets: &[SocketFile],
    file: Option<&LogFile>,
    log: &Log,
) -> Result<(), Fault> {
    if config.rights == Rights::AreKept {
        return Ok(());
    }
    let certificates = identity.and_then(Identity::files).into_iter().flat_map(Files::paths);
    let read_again = harden::directories(certificates.chain(config.users.iter().map(|users| users.file())));
    let also = config.harden_also.iter().map(|directory| directory.as_fd());
    let also = read_again.iter().map(AsFd::as_fd).chain(also).map(Ground::Directory);
    let readable = sandboxes.iter().map(|sandbox| sandbox.ground()).chain(also).collect();
    let sockets = sockets.iter().map(|file| file.directory.as_fd()).collect();
    let state = harden::apply(&Kept { readable, sockets, log: file.and_then(LogFile::directory) });
    enough(config.rights, &state)?;
    info!("rights of the process: {state}");
    if !state.is_complete() {
        log.error(format_args!("this system does not take away all rights that serving does not need: {state}"));
    }
    Ok(())
}

/// Whether the process has given up as much as was asked for.
fn enough(rights: Rights, state: &Hardening) -> Result<(), Fault> {
    if rights == Rights::MustBeGivenUp && !state.is_complete() {
        return Err(Fault::CannotServe(format!(
            "cannot serve: --require-harden is more than this system can do: {state}; leave it out"
        )));
    }
    Ok(())
}

/// Says where the server is, in words and where it is asked for in squares.
fn announce(config: &Config, banner: &Banner, log: &Log) {
    if config.quiet {
        return;
    }
    banner::announce(&banner.text);
    if config.qr {
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
    (listening, admin): (Listening, Option<TcpListener>),
    tls: Option<Tls>,
    (stop, mut reload, manager): (impl Future<Output = Signal>, Reload, Arc<Manager>),
    log: Log,
) -> io::Result<()> {
    // The files of sockets go at the end.
    let Listening { serving, redirecting, files: _files, .. } = listening;
    let handlers = Handler::for_threads(&config, &sandboxes);
    let quotas = Quotas::new(config.totals);
    let metrics = Arc::new(Metrics::new(quotas.clone()));
    let terms = Terms {
        redirect: Redirect::to(&serving),
        tls: tls.clone(),
        users: config.users.clone(),
        version: config.protocol.version(),
        limits: config.limits,
        quotas,
        grace: config.grace,
        trust: config.logs.trust.clone(),
        proxied: config.logs.proxy_protocol,
        log: log.clone(),
    };
    let users = config.users.clone();
    reload.add(ready::again(config, log, sandboxes, handlers.clone()));
    if let Some(tls) = tls {
        reload.add(move || tls.reload());
    }
    if let Some(users) = users {
        reload.add(move || users.reload());
    }
    let (drain, draining) = watch::channel(false);
    if let Some(listener) = admin {
        tokio::spawn(Admin { metrics: Arc::clone(&metrics), draining }.run(listener));
    }
    let server = Server { handlers, serving, redirecting, terms, manager, metrics };
    let stop = async {
        let signal = stop.await;
        info!("told to stop: {signal:?}");
        // Whoever listens is told, if anybody does.
        let _ = drain.send(true);
        shutdown::farewell(signal);
    };
    tokio::select! {
        served = server.run(stop) => served,
        () = reload.run() => Ok(()),
    }
}

/// All that serving takes but to listen.
pub fn check(args: Args, settings: Vec<Setting>) -> Result<(), Fault> {
    let config = Config::from_args(args)?;
    ready::sandboxes(&config, &Log::new(Form::Off, Sink::Stderr))?;
    let rights = match config.rights {
        Rights::AreKept => "kept".to_owned(),
        Rights::AreGivenUp | Rights::MustBeGivenUp => {
            let state = harden::probe();
            enough(config.rights, &state)?;
            state.to_string()
        }
    };
    let text = check::report(&config, settings, &rights);
    io::stdout().write_all(text.as_bytes()).map_err(|error| Fault::CannotServe(format!("cannot write: {error}")))
}
