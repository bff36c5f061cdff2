//! The configuration of the server: the options, checked and resolved on this machine. Once a [`ServerConfig`] exists,
//! only the sandbox and [`Addresses::listen`] can still fail.

mod auth;
mod hosts;
mod limits;
#[cfg_attr(not(unix), path = "config/logfile_portable.rs")]
mod logfile;
mod logfile_error;
mod logs;
mod memory;
mod mounted;
#[cfg_attr(not(unix), path = "config/roots_portable.rs")]
mod roots;
mod tls;
mod trees;

use crate::access::open_directory;
use crate::args::{Args, HandlerOption, ProtocolVersion, bind_values};
use crate::bounded_file;
use crate::chain::{Chain, HandlerSource};
use crate::component_file::{ComponentFile, Packed};
pub(crate) use crate::error::StartupError;
use crate::listen::{Addresses, BindAddr, ListenOptions};
use crate::tls::TlsIdentity;
use crate::users_file::UsersFile;
use glasshouse_core::Config as HandlerConfig;
use glasshouse_core::config::{ConfigError, options};
use glasshouse_http::ClientLimits;
use glasshouse_quota::Totals;
use glasshouse_sandbox::{ReplayStore, RequestLimits};
pub(crate) use hosts::HostRule;
pub(crate) use logfile::OpenLog;
pub(crate) use logs::{Logs, Opened};
pub(crate) use roots::Roots;
use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};
use trees::RootTree;
pub(crate) use trees::{ServedTree, TreeComponent};

/// The configuration of a server.
#[derive(Debug)]
pub(crate) struct ServerConfig {
    /// At least one. The first tree that a path belongs to serves it.
    pub(crate) trees: Vec<ServedTree>,
    /// Options without an effect, for the operator.
    pub(crate) warnings: Vec<String>,
    /// The URL path of the links in the banner.
    pub(crate) entry: String,
    pub(crate) protocol: ProtocolVersion,
    pub(crate) threads: NonZeroUsize,
    pub(crate) limits: ClientLimits,
    /// The quotas that clients share.
    pub(crate) totals: Totals,
    /// The hosts that requests may name.
    pub(crate) hosts: HostRule,
    /// The variables of the handler, all valid for the built-in one.
    pub(crate) guest: Vec<(String, String)>,
    pub(crate) handler: HandlerSource,
    /// The middleware in front of the handler, the outermost first.
    pub(crate) middleware: Vec<ComponentFile>,
    /// Where responses are stored, which may then be replayed while the files are unchanged. The built-in handler
    /// always allows it; another one does with `--pure-handler`.
    pub(crate) replay: Option<Arc<ReplayStore>>,
    /// Whether the operator declares that responses depend only on the request and on the files.
    pub(crate) is_declared_pure: bool,
    pub(crate) ceilings: RequestLimits,
    pub(crate) rights: Rights,
    /// The certificate; `None` without TLS.
    pub(crate) identity: Option<TlsIdentity>,
    /// The users; `None` if every client has access.
    pub(crate) users: Option<Arc<UsersFile>>,
    pub(crate) quiet: bool,
    /// Whether open pages reload when files change.
    pub(crate) live: bool,
    pub(crate) logs: Logs,
    pub(crate) addresses: Addresses,
    /// Whether to open the address in a browser.
    pub(crate) open: bool,
    /// Whether to print the address as a QR code.
    pub(crate) qr: bool,
    /// The maximum time of open requests at shutdown.
    pub(crate) grace: Duration,
    /// Directories that stay readable for a reload, with their paths.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "the process keeps all rights"))]
    pub(crate) harden_also: Vec<(PathBuf, File)>,
}

/// Whether the process gives up the rights that serving does not need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    AreKept,
    /// As far as the system supports it.
    AreGivenUp,
    /// The start fails if the system cannot remove all of them.
    MustBeGivenUp,
}

impl Rights {
    /// Whether the process has all rights while it serves: by an option, or because the system cannot remove any.
    pub(crate) fn are_kept(self) -> bool {
        self == Rights::AreKept || !cfg!(target_os = "linux")
    }
}

impl ServerConfig {
    /// Resolves the options, with the variables of this process for the handler.
    ///
    /// # Errors
    /// The first option that is invalid, or that this machine cannot fulfil. Invalid options come first. No socket
    /// listens yet.
    pub(crate) fn from_args(args: Args) -> Result<ServerConfig, StartupError> {
        ServerConfig::build(args, env::vars_os())
    }

    /// Frees the bytes of the components, which are compiled.
    pub(crate) fn discard_components(&mut self) {
        if let HandlerSource::File(file) = &mut self.handler {
            file.discard_bytes();
        }
        self.middleware.iter_mut().for_each(ComponentFile::discard_bytes);
        for served in &mut self.trees {
            if let TreeComponent::Mounted { file, .. } = &mut served.component {
                file.discard_bytes();
            }
        }
    }

    /// The files of the handler, of its middleware and of the mounted components.
    pub(crate) fn component_files(&self) -> impl Iterator<Item = &ComponentFile> {
        self.chain().files().chain(self.mounted_files())
    }

    /// The files of the mounted components, in the order of their trees.
    pub(crate) fn mounted_files(&self) -> impl Iterator<Item = &ComponentFile> {
        self.trees.iter().filter_map(|served| match &served.component {
            TreeComponent::Mounted { file, .. } => Some(file),
            TreeComponent::Handler => None,
        })
    }

    /// The handler with its middleware.
    pub(crate) fn chain(&self) -> Chain<'_> {
        Chain { handler: &self.handler, middleware: &self.middleware }
    }

    fn build(
        args: Args,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<ServerConfig, StartupError> {
        let passed = args.handler_options(environment)?;
        let guest: Vec<_> = passed.iter().map(|option| (options::variable(option.name), option.text.clone())).collect();
        let parsed = HandlerConfig::from_pairs(guest.iter().map(|(key, value)| (key, value)));
        let live = parsed.map_err(|error| located(error, &passed))?.live;
        let binds = args.bind.iter().flat_map(|text| bind_values(text));
        let binds = binds.map(BindAddr::parse).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = binds.iter().filter_map(BindAddr::host).collect();

        let handler = handler(args.components.handler.as_deref())?;
        let middleware = args.components.with.iter().map(|path| middleware(path)).collect::<Result<Vec<_>, _>>()?;
        let root = trees::root(&args, &handler)?;
        let trees = trees::trees(root, &args.mount, &args.components.mount_env)?;
        trees::check_use(&trees, &handler, &middleware)?;
        let prefix = passed.iter().find(|option| option.name == "prefix");
        let is_prefix = |prefix: &&HandlerOption| !matches!(options::prefix(&prefix.text), Ok(None));
        if let (RootTree::Absent, Some(prefix)) = (root, prefix.filter(is_prefix)) {
            let reason = "no directory is served there; name one with -d, or leave the option out";
            return Err(StartupError::Usage(format!("{}: {reason}", prefix.location)));
        }
        let entry = trees::entry(&trees, prefix);
        let mut warnings = Vec::new();
        if handler.packed() == Packed::WithOtherCode {
            warnings.push(
                "the handler was packed by another version: its folder counts towards --max-memory, and responses are \
                 not replayed; pack it again"
                    .to_owned(),
            );
        }
        if handler.packed() != Packed::No && !middleware.is_empty() {
            warnings.push(
                "the handler is a packed folder behind middleware: its folder counts towards --max-memory".to_owned(),
            );
        }
        warnings.extend(trees.iter().filter_map(trees::without_directory));
        let is_declared_pure = args.components.pure_handler;
        let is_pure = is_declared_pure || Chain { handler: &handler, middleware: &middleware }.can_be_replayed();
        let replay_memory = if is_pure && !args.no_replay { args.replay_memory.0 } else { 0 };
        let replay_memory = usize::try_from(replay_memory).unwrap_or(usize::MAX);
        let replay = (replay_memory > 0).then(|| Arc::new(ReplayStore::new(replay_memory)));
        let addresses = Addresses::resolve(binds, ListenOptions { is_local: live, ..ListenOptions::from(&args) })?;
        if args.port_is_set && args.port != 0 && !addresses.have_hosts() {
            let port = args.port;
            warnings.push(format!("port {port} is not used: no --bind names a host; add one"));
        }
        let identity = tls::identity(&args.tls, &names, &addresses)?;
        let hosts = HostRule::new(&args.addresses.host, &names, &addresses, identity.is_some())?;
        let users = auth::users(&args.users, &trees, &addresses, identity.is_some())?;
        let harden_also =
            args.lifecycle.harden_also.iter().map(|path| readable(path)).collect::<Result<Vec<_>, _>>()?;
        let threads = args.threads.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let ceilings = RequestLimits::from(&args.limits);
        let (limits, totals) = limits::limits(&args.clients, &ceilings, threads)?;
        let rights = match (args.no_harden, args.require_harden) {
            (true, _) => Rights::AreKept,
            (false, false) => Rights::AreGivenUp,
            (false, true) => Rights::MustBeGivenUp,
        };
        let logs = Logs::new(&args.logs, args.quiet)?;
        let (open, qr) = (args.addresses.open, args.addresses.qr);
        let (protocol, quiet, grace) = (args.protocol, args.quiet, args.lifecycle.grace.0);
        Ok(ServerConfig {
            trees,
            warnings,
            entry,
            protocol,
            threads,
            limits,
            totals,
            hosts,
            guest,
            handler,
            middleware,
            replay,
            is_declared_pure,
            ceilings,
            rights,
            identity,
            users,
            quiet,
            live,
            logs,
            addresses,
            open,
            qr,
            grace,
            harden_also,
        })
    }
}

impl From<&Args> for ListenOptions {
    fn from(args: &Args) -> ListenOptions {
        ListenOptions {
            port: args.port,
            port_fallback: args.addresses.port_fallback,
            redirect_port: args.tls.redirect_http,
            unix_mode: args.addresses.unix_mode.0,
            is_local: false,
        }
    }
}

/// An error of the handler about a variable, with the location of the value instead.
pub(crate) fn located(error: ConfigError, passed: &[HandlerOption]) -> StartupError {
    let text = error.to_string();
    let found = passed.iter().find_map(|option| {
        let reason = text.strip_prefix(&options::variable(option.name))?.strip_prefix(": ")?;
        Some((option.location.clone(), reason.to_owned()))
    });
    match found {
        Some((location, reason)) => StartupError::HandlerOption { location, reason, source: error },
        None => StartupError::Usage(text),
    }
}

/// Opens a directory that stays readable for a reload.
fn readable(path: &Path) -> Result<(PathBuf, File), StartupError> {
    open_directory(path).map(|directory| (path.to_owned(), directory)).map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::NotFound => "no such directory".to_owned(),
            _ => bounded_file::reason(&error),
        };
        let message = format!("--harden-also: cannot open '{}': {reason}; name another directory", path.display());
        StartupError::io(message, error)
    })
}

fn handler(file: Option<&Path>) -> Result<HandlerSource, StartupError> {
    let Some(file) = file else { return Ok(HandlerSource::Embedded) };
    ComponentFile::read(file).map(HandlerSource::File).map_err(|reason| {
        let fix = "name a WebAssembly component with --handler, or leave the option out";
        StartupError::CannotServe(format!("cannot read the handler '{}': {reason}; {fix}", file.display()))
    })
}

fn middleware(file: &Path) -> Result<ComponentFile, StartupError> {
    ComponentFile::read(file).map_err(|reason| {
        let fix = "name a WebAssembly component with --with, or leave the option out";
        StartupError::CannotServe(format!("cannot read the middleware '{}': {reason}; {fix}", file.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::tests::serve;
    use crate::listen::Listeners;
    use glasshouse_sandbox::ServedPath;
    use std::fs;

    fn build(words: &[&str]) -> Result<ServerConfig, StartupError> {
        ServerConfig::build(serve(words), std::iter::empty())
    }

    fn listening(words: &[&str]) -> Result<Listeners, StartupError> {
        Ok(build(words)?.addresses.listen()?)
    }

    #[test]
    fn options_are_resolved() {
        let config = build(&["0", "-b", "127.0.0.1", "--hidden"]).unwrap();
        let trees: Vec<_> = config.trees.iter().map(|served| served.tree.clone()).collect();
        assert_eq!(trees, [Some(ServedPath::Directory(env::current_dir().unwrap()))]);
        assert_eq!(config.guest, [("GLASSHOUSE_HIDDEN".to_owned(), "true".to_owned())]);
        assert_eq!(config.threads, thread::available_parallelism().unwrap());
        assert!(matches!(config.handler, HandlerSource::Embedded));
        let config = build(&["0", "-b", "127.0.0.1", "-d", "src/../Cargo.toml"]).unwrap();
        let directory = env::current_dir().unwrap().join("src/..");
        assert_eq!(config.trees[0].tree, Some(ServedPath::File { directory, name: "Cargo.toml".into() }));
        let config = build(&["0", "-b", "127.0.0.1", "--threads", "3", "--handler", "Cargo.toml"]).unwrap();
        assert_eq!(config.threads.get(), 3);
        assert!(matches!(config.handler, HandlerSource::File(file) if file.bytes == fs::read("Cargo.toml").unwrap()));
    }

    #[test]
    fn errors_name_the_thing_and_the_fix() {
        let usage = |text: &str| StartupError::Usage(text.into());
        let cannot = |text: &str| StartupError::CannotServe(text.into());
        let unknown = "x".repeat(64);
        let rows = [
            (
                "PY-6",
                vec!["-d", "nope"],
                cannot("cannot serve 'nope': no such directory or file; name an existing one"),
            ),
            ("PY-6", vec!["-d", "/dev/null"], cannot("cannot serve '/dev/null': not a directory or a file; name one")),
            (
                "harden",
                vec!["--harden-also", "Cargo.toml"],
                cannot("--harden-also: cannot open 'Cargo.toml': not a directory; name another directory"),
            ),
            (
                "mount",
                vec!["--mount", "/a=nope"],
                cannot("cannot serve 'nope': no such directory; name an existing one with --mount"),
            ),
            (
                "mount",
                vec!["--mount", "/a=.", "--prefix", "b"],
                usage("--prefix: no directory is served there; name one with -d, or leave the option out"),
            ),
            (
                "handler",
                vec!["--handler", "nope.wasm"],
                cannot(
                    "cannot read the handler 'nope.wasm': no such file; name a WebAssembly component with --handler, \
                     or leave the option out",
                ),
            ),
            (
                "PY-10",
                vec!["-H", "A: b", "1"],
                usage("--header: invalid field name 'A: b': give name and value as two arguments"),
            ),
            (
                "PY-5",
                vec!["-b", ""],
                usage("--bind: invalid address '': it is empty; leave --bind out to listen on all addresses"),
            ),
            (
                "PY-5",
                vec!["-b", "[::1]:80"],
                usage("--bind: invalid address '[::1]:80': it contains a port; give the port as a separate argument"),
            ),
            (
                "PY-5",
                vec!["-b", &unknown],
                cannot(&format!(
                    "cannot listen on '{unknown}': unknown host; give a name or an address of this machine"
                )),
            ),
            (
                "PY-5",
                vec!["0", "-b", "203.0.113.1"],
                cannot(
                    "cannot listen on 203.0.113.1 port 0: not an address of this machine; leave --bind out to listen \
                     on all",
                ),
            ),
        ];
        for (id, words, expected) in rows {
            assert_eq!(listening(&words).map(|_| ()), Err(expected), "{id}: {words:?}");
        }
    }

    #[test]
    fn an_error_of_the_handler_names_the_flag_or_the_variable() {
        let variable = |value: &str| ("GLASSHOUSE_INDEX".into(), value.into());
        let rows: &[(&[&str], _, _)] = &[
            (&["--index", "a/b"], variable("c/d"), "--index: "),
            (&["--hidden"], variable("c/d"), "GLASSHOUSE_INDEX: "),
        ];
        for (words, variable, expected) in rows {
            let Err(fault) = ServerConfig::build(serve(words), [variable.clone()].into_iter()) else {
                panic!("{words:?}")
            };
            assert_eq!(fault.exit_code(), 2);
            assert!(fault.to_string().starts_with(expected), "{fault}");
        }
    }
}
