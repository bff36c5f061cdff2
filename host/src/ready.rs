//! The handler made ready to run on the terms of the configuration, at the start and again while it serves. It refuses to know
//! who asks it.

use crate::component;
use crate::config::{Config, Fault, Handler, Rights};
use crate::handler;
use glasshouse_front::Log;
use glasshouse_sandbox::{COMPILED, Code, Sandbox, Terms};
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Tells the handler that file bodies are taken over by the host; see the handler's own configuration.
const DIRECT: &str = "GLASSHOUSE_BODY";
/// Tells it the name of the one file that it is lent.
const FILE: &str = "GLASSHOUSE_FILE";

/// The handler that was read at the start.
///
/// # Errors
/// A component that cannot serve, a tree that cannot be opened.
pub fn sandbox(config: &Config, log: &Log) -> Result<Arc<Sandbox>, Fault> {
    let (handler, name) = match &config.handler {
        Handler::Embedded => (Code::Compiled(COMPILED), "that is built in".into()),
        Handler::File { path, bytes } => (Code::Component(bytes), format!("'{}'", path.display())),
    };
    load(config, handler, log).map_err(|cause| {
        Fault::CannotServe(format!("cannot run the handler {name}: {cause}; name another one with --handler"))
    })
}

/// Opens what is served again by its path, and reads the handler again where that is possible.
pub fn again(
    config: Config,
    log: Log,
    mut sandbox: Arc<Sandbox>,
    handlers: Vec<handler::Handler>,
) -> impl FnMut() -> Result<(), String> {
    move || {
        sandbox = match (&config.handler, config.rights) {
            (Handler::File { path, .. }, Rights::AreKept) => {
                let stays = |cause| format!("the handler '{}' is not replaced: {cause}", path.display());
                let bytes = component::read(path).map_err(stays)?;
                load(&config, Code::Component(&bytes), &log).map_err(stays)?
            }
            _ => sandbox.with_tree(&config.tree).map_err(|error| stays(&config, &error))?,
        };
        handlers.iter().for_each(|handler| handler.replace(&sandbox));
        match (&config.handler, config.rights) {
            (Handler::File { path, .. }, Rights::AreGivenUp | Rights::MustBeGivenUp) => Err(format!(
                "the handler '{}' is not read again, because the process has given up making machine code; start it anew, or \
                 with --no-harden",
                path.display()
            )),
            _ => Ok(()),
        }
    }
}

fn load(config: &Config, handler: Code<'_>, log: &Log) -> Result<Arc<Sandbox>, String> {
    let own = [(DIRECT, Some("direct")), (FILE, config.tree.name())];
    let own = own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    let log = log.clone();
    let terms = Terms {
        tree: config.tree.clone(),
        environment: config.guest.iter().cloned().chain(own).collect(),
        is_pure: config.is_pure,
        ceilings: config.ceilings.clone(),
        complain: Arc::new(move |text: fmt::Arguments<'_>| log.error(text)),
    };
    // What lies beneath quotes the file, in lines of its own.
    let cause = |text: String| text.lines().next().unwrap_or_default().to_owned();
    Sandbox::new(handler, terms).map_err(|error| cause(error.to_string()))
}

/// Why what was open stays in use, and the way out.
fn stays(config: &Config, error: &io::Error) -> String {
    let reason = match error.kind() {
        ErrorKind::PermissionDenied if config.rights != Rights::AreKept => {
            "the process has given up reading it; name a directory above it with --harden-also at the start, or serve with \
             --no-harden"
                .to_owned()
        }
        ErrorKind::NotFound => "it is not there; put it back".to_owned(),
        _ => error.to_string(),
    };
    format!("'{}' is not opened again, and what was open is still served: {reason}", config.tree.path().display())
}
