//! The start of the server, step by step. Each step leaves fewer possible errors, and later ones leave fewer rights.

use crate::app::App;
use crate::args::{Args, EffectiveOption};
use crate::banner;
use crate::bounded_file;
use crate::compiler::{self, PreparedCompiler};
use crate::config::{OpenLog, Opened, Rights, ServerConfig};
use crate::error::StartupError;
use crate::harden::{self, Inherited};
use crate::logging::NOTICE;
use crate::reload::{Reload, ignore_hangups};
use crate::rights::{Needs, exposed_secrets, require_complete};
use crate::sd_notify::ServiceManager;
use crate::site_report::SiteFiles;
use crate::tls::{Tls, TlsIdentity};
use crate::{browser, check, logging, setup, shutdown, stdout};
use glasshouse_http::Log;
use glasshouse_sandbox::{Sandbox, SandboxEngine};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Builder;
use tracing::{error, info, warn};

/// Serves until a signal requests the shutdown.
///
/// # Errors
/// An option is invalid, or this machine does not support it.
pub(crate) fn serve(args: Args, inherited: Inherited) -> Result<(), StartupError> {
    ignore_hangups();
    let mut config = ServerConfig::from_args(args)?;
    let identity = config.identity.take();
    let (log, log_file) = open_log(&config)?;
    let compiler = PreparedCompiler::new(&config);
    let engine = sandbox_engine(compiler.as_ref())?;
    let sandboxes = load_handler(&config, &engine)?;
    config.discard_components();
    log_warnings(&config, identity.as_ref(), &sandboxes, log_file.as_deref());
    // The paths of all options are open now, so options no longer need these descriptors.
    drop(inherited);

    let threads = config.threads;
    let no_resources = |error: io::Error| {
        let reason = match error.kind() {
            ErrorKind::WouldBlock => "the system cannot start more threads".to_owned(),
            _ => bounded_file::reason(&error).to_string(),
        };
        StartupError::CannotServe(format!("cannot serve with {threads} threads: {reason}; reduce --threads"))
    };
    let runtime = Builder::new_current_thread().enable_all().build().map_err(no_resources)?;
    let result = runtime.block_on(async {
        // Both catch their signals from here on, before the banner is printed.
        let shutdown = shutdown::requested();
        let service_manager = connect_service_manager();
        let reload = Reload::new(Arc::clone(&service_manager));

        let listeners = config.addresses.listen()?;
        let admin = config.logs.listen()?;
        let banner = banner::banner(&listeners, identity.as_ref(), admin.as_ref(), &config.entry);
        if let Some(port) = listeners.port_in_use {
            warn!("port in use: {port}; using the next free port");
        }
        // After the next step the process can start no program.
        if config.open
            && let Err(error) = browser::open(banner.local_url.as_deref())
        {
            warn!("{error}");
        }
        let compiler = compiler.and_then(|compiler| compiler.start(&config));
        let needs = Needs {
            config: &config,
            identity: identity.as_ref(),
            sandboxes: &sandboxes,
            socket_files: &listeners.files,
            log_file: log_file.as_deref(),
            loads_components: compiler.is_some(),
        };
        needs.drop_other_rights()?;
        // Starts a thread, which must not have more rights.
        let tls = identity.map(|identity| Tls::start(identity, config.protocol)).transpose();
        let tls = tls.map_err(|error| StartupError::CannotServe(error.to_string()))?;

        let app = App {
            config,
            engine,
            compiler,
            sandboxes,
            listeners,
            admin,
            tls,
            banner,
            reload,
            service_manager,
            log,
            log_file,
        };
        app.run(shutdown).await.map_err(no_resources)
    });
    // Does not wait for blocking work, such as a read from a slow disk.
    runtime.shutdown_background();
    result
}

/// Does everything that `serve` does, except to listen, and prints the effective options.
///
/// # Errors
/// An option is invalid, this machine does not support it, or a `glasshouse.toml` has an error.
pub(crate) fn check(args: Args, settings: Vec<EffectiveOption>) -> Result<(), StartupError> {
    let config = ServerConfig::from_args(args)?;
    let sandboxes = setup::sandboxes(&config, &sandbox_engine(None)?)?;
    let sites = SiteFiles::read(&config, &sandboxes);
    sites.check()?.iter().for_each(|warning| warn!("{warning}"));
    config.logs.probe(&config.trees)?;
    let identity = config.identity.as_ref();
    exposed_secrets(&config, identity).iter().for_each(|warning| warn!("{warning}"));
    identity.map(TlsIdentity::warnings).unwrap_or_default().iter().for_each(|warning| warn!("{warning}"));
    sites.missing_pages().iter().for_each(|warning| warn!("{warning}"));
    config.warnings.iter().for_each(|warning| warn!("{warning}"));
    let rights = match config.rights {
        Rights::AreKept => "kept".to_owned(),
        Rights::AreGivenUp | Rights::MustBeGivenUp => {
            let state = harden::probe();
            require_complete(config.rights, &state)?;
            state.to_string()
        }
    };
    let text = check::report(&config, &sites, settings, &rights);
    stdout::print(text.as_bytes())
}

fn open_log(config: &ServerConfig) -> Result<(Log, Option<Arc<OpenLog>>), StartupError> {
    let components: Vec<_> = config.component_files().map(|file| file.path.as_path()).collect();
    let Opened { sink, file } = config.logs.open(&config.trees, &components, config.rights)?;
    let log = Log::new(config.logs.format, sink);
    Ok((if logging::is_coloured() { log.colored() } else { log }, file))
}

fn sandbox_engine(compiler: Option<&PreparedCompiler>) -> Result<SandboxEngine, StartupError> {
    compiler::engine(compiler).map_err(|error| StartupError::CannotServe(format!("cannot run a handler: {error}")))
}

fn load_handler(config: &ServerConfig, engine: &SandboxEngine) -> Result<Vec<Arc<Sandbox>>, StartupError> {
    let start = Instant::now();
    let sandboxes = setup::sandboxes(config, engine)?;
    info!("handler loaded: {:.3} s, {} threads", start.elapsed().as_secs_f64(), config.threads);
    Ok(sandboxes)
}

fn log_warnings(
    config: &ServerConfig,
    identity: Option<&TlsIdentity>,
    sandboxes: &[Arc<Sandbox>],
    log_file: Option<&OpenLog>,
) {
    let sites = SiteFiles::read(config, sandboxes);
    sites.report(|text| info!(target: NOTICE, "{text}")).iter().for_each(|error| error!("{error}"));
    sites.missing_pages().iter().for_each(|warning| warn!("{warning}"));
    config.warnings.iter().for_each(|warning| warn!("{warning}"));
    exposed_secrets(config, identity).iter().for_each(|warning| warn!("{warning}"));
    log_file.and_then(OpenLog::warning).iter().for_each(|warning| warn!("{warning}"));
}

/// The server also runs without a service manager.
fn connect_service_manager() -> Arc<ServiceManager> {
    Arc::new(ServiceManager::from_environment().unwrap_or_else(|error| {
        warn!("{error}");
        ServiceManager::default()
    }))
}
