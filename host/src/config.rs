//! What the options mean on this machine: the directory is there, the handler is read, the addresses are known. Once a
//! [`Config`] exists, all that can still fail is to [listen](Addresses::listen). It refuses to know how requests are
//! answered.

mod auth;
mod hosts;
mod limits;
mod logfile;
mod logs;
mod memory;
mod roots;
mod site;
mod tls;
mod trees;

use crate::args::{Args, HandlerOptions, Protocol, places};
use crate::component_file;
use crate::listen::{Addresses, BindAddr, Options};
use crate::tls::TlsIdentity;
use glasshouse_core::Config as GuestConfig;
use glasshouse_core::config::options;
use glasshouse_http::auth::Users;
use glasshouse_http::{ClientLimits, bounded_file};
use glasshouse_quota::Totals;
use glasshouse_sandbox::RequestLimits;
pub use hosts::HostRule;
pub use logfile::OpenLog;
pub use logs::{Logs, Opened};
pub use roots::Roots;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
pub use site::SiteFile;
use std::ffi::OsString;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fmt, thread};
pub use trees::ServedTree;

/// A server that is ready to run.
#[derive(Debug)]
pub struct Config {
    /// At least one, in the order in which they are asked whether a path is theirs.
    pub trees: Vec<ServedTree>,
    /// What the file of each tree says, in their order; or what is wrong with it, which does not keep the tree from being served later.
    pub site_files: Vec<SiteFile>,
    /// What will not do what its option promises, in words for whoever runs the server.
    pub warnings: Vec<String>,
    /// The path that people are led to, where something is served.
    pub entry: String,
    pub protocol: Protocol,
    pub threads: NonZeroUsize,
    pub limits: ClientLimits,
    /// What clients share.
    pub totals: Totals,
    /// The hosts for which requests are answered.
    pub hosts: HostRule,
    /// The variables of the handler, all of them understood by the built-in one.
    pub guest: Vec<(String, String)>,
    pub handler: HandlerSource,
    /// Whether answers may be given again while nothing has changed: always those of the built-in handler, those of
    /// another one if its owner says so.
    pub is_pure: bool,
    pub ceilings: RequestLimits,
    pub rights: Rights,
    /// Who the server is to clients that speak TLS; without, none does.
    pub identity: Option<TlsIdentity>,
    /// Those who may ask; everybody where there are none.
    pub users: Option<Arc<Users>>,
    pub quiet: bool,
    pub logs: Logs,
    pub addresses: Addresses,
    /// Whether the address is opened in a browser, and whether it is shown as a QR code.
    pub open: bool,
    pub qr: bool,
    /// How long answers under way are waited for when the server stops.
    pub grace: Duration,
    /// Directories that may be read later on too, open.
    pub harden_also: Vec<File>,
}

/// What becomes of the rights that serving does not need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    AreKept,
    /// As far as the system lets us.
    AreGivenUp,
    /// All of them, or nothing is served.
    MustBeGivenUp,
}

/// The component that answers.
#[derive(Debug)]
pub enum HandlerSource {
    Embedded,
    /// The bytes of a file, not yet looked at, and where they are from.
    File {
        path: PathBuf,
        bytes: Vec<u8>,
    },
}

/// Why there is no server, in words for the person who started it.
#[derive(Debug, PartialEq, Eq)]
pub enum StartupError {
    /// An option makes no sense on any machine.
    Usage(String),
    /// This machine cannot do what was asked.
    CannotServe(String),
}

impl StartupError {
    /// The exit code of a program that ends for this reason (S3, S14).
    pub fn exit_code(&self) -> u8 {
        match self {
            StartupError::Usage(_) => 2,
            StartupError::CannotServe(_) => 1,
        }
    }
}

impl fmt::Display for StartupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartupError::Usage(text) | StartupError::CannotServe(text) => f.write_str(text),
        }
    }
}

impl Config {
    /// Carries out the options, with the variables of this process for the handler.
    ///
    /// # Errors
    /// The first option that has no meaning, or that this machine cannot fulfil. Options that cannot be understood come
    /// first; no socket listens until all others are in order.
    pub fn from_args(args: Args) -> Result<Config, StartupError> {
        Config::build(args, env::vars_os())
    }

    fn build(args: Args, environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Config, StartupError> {
        let passed = args.passed_on(environment).map_err(StartupError::Usage)?;
        let guest: Vec<_> = passed.iter().map(|option| (options::variable(option.name), option.text.clone())).collect();
        let understood = GuestConfig::from_pairs(guest.iter().map(|(key, value)| (key, value)));
        understood.map_err(|error| StartupError::Usage(blame(&error.to_string(), &passed)))?;
        let binds = args.bind.iter().flat_map(|text| places(text));
        let binds = binds.map(BindAddr::parse).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = binds.iter().filter_map(BindAddr::host).collect();

        let trees = trees::trees(args.directory.as_deref(), args.meant.as_ref(), &args.mount)?;
        let prefix = passed.iter().find(|option| option.name == "prefix");
        let is_prefix = |prefix: &&HandlerOptions| !matches!(options::prefix(&prefix.text), Ok(None));
        if let (None, Some(prefix)) = (&args.directory, prefix.filter(is_prefix)) {
            let reason = "there is no directory to serve there; name one with -d, or leave it out";
            return Err(StartupError::Usage(format!("{}: {reason}", prefix.place)));
        }
        let entry = trees::entry(&trees, prefix);
        let site_files: Vec<_> = trees.iter().map(|served| site::read(served, &guest)).collect();
        let handler = handler(args.handler.as_deref())?;
        // What another handler does with its options is its own affair.
        let of_site = trees.iter().zip(&site_files).filter(|_| matches!(handler, HandlerSource::Embedded));
        let mut warnings: Vec<String> =
            of_site.flat_map(|(served, site)| site::missing(served, site, &guest)).collect();
        let is_pure = !args.no_replay && (args.pure_handler || matches!(handler, HandlerSource::Embedded));
        let addresses = Addresses::resolve(binds, Options::from(&args))?;
        if args.port_is_given && args.port != 0 && !addresses.have_hosts() {
            let port = args.port;
            warnings.push(format!("the port {port} is not used: no host is listened on; name one with --bind"));
        }
        let identity = tls::identity(&args.tls, &names, &addresses)?;
        let hosts = HostRule::new(&args.addresses.host, &names, &addresses, identity.is_some())?;
        let users = auth::users(&args.users, &trees, &addresses, identity.is_some())?;
        let harden_also = args.life.harden_also.iter().map(|path| readable(path)).collect::<Result<Vec<_>, _>>()?;
        let threads = args.threads.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let ceilings = RequestLimits::from(&args.ceilings);
        let (limits, totals) = limits::limits(&args.clients, &ceilings, threads)?;
        let rights = match (args.no_harden, args.require_harden) {
            (true, _) => Rights::AreKept,
            (false, false) => Rights::AreGivenUp,
            (false, true) => Rights::MustBeGivenUp,
        };
        let logs = Logs::new(&args.logs, args.quiet)?;
        let (open, qr) = (args.addresses.open, args.addresses.qr);
        let (protocol, quiet, grace) = (args.protocol, args.quiet, args.life.grace.0);
        Ok(Config {
            trees,
            site_files,
            warnings,
            entry,
            protocol,
            threads,
            limits,
            totals,
            hosts,
            guest,
            handler,
            is_pure,
            ceilings,
            rights,
            identity,
            users,
            quiet,
            logs,
            addresses,
            open,
            qr,
            grace,
            harden_also,
        })
    }
}

impl From<&Args> for Options {
    fn from(args: &Args) -> Options {
        Options {
            port: args.port,
            port_fallback: args.addresses.port_fallback,
            redirect_port: args.tls.redirect_http,
            unix_mode: args.addresses.unix_mode.0,
        }
    }
}

/// A complaint of the handler about a variable, told of the place where the value was given.
fn blame(complaint: &str, passed: &[HandlerOptions]) -> String {
    let told = passed.iter().find_map(|option| {
        let reason = complaint.strip_prefix(&options::variable(option.name))?.strip_prefix(':')?;
        Some(format!("{}:{reason}", option.place))
    });
    told.unwrap_or_else(|| complaint.to_owned())
}

/// Opens a directory that may be read later on too.
fn readable(path: &Path) -> Result<File, StartupError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).map(File::from).map_err(|errno| {
        let reason = match errno {
            Errno::NOENT => "no such directory".to_owned(),
            errno => bounded_file::reason(&errno.into()),
        };
        StartupError::CannotServe(format!("--harden-also: cannot open '{}': {reason}", path.display()))
    })
}

fn handler(file: Option<&Path>) -> Result<HandlerSource, StartupError> {
    let Some(file) = file else { return Ok(HandlerSource::Embedded) };
    component_file::read(file).map(|bytes| HandlerSource::File { path: file.to_owned(), bytes }).map_err(|reason| {
        let way_out = "name a WebAssembly component with --handler, or leave it out";
        StartupError::CannotServe(format!("cannot read the handler '{}': {reason}; {way_out}", file.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::tests::serve;
    use crate::listen::Listeners;
    use glasshouse_sandbox::ServedPath;
    use std::fs;

    fn build(words: &[&str]) -> Result<Config, StartupError> {
        Config::build(serve(words), std::iter::empty())
    }

    fn listening(words: &[&str]) -> Result<Listeners, StartupError> {
        build(words)?.addresses.listen()
    }

    #[test]
    fn what_was_asked_for_is_ready() {
        let config = build(&["0", "-b", "127.0.0.1", "--hidden"]).unwrap();
        let trees: Vec<_> = config.trees.iter().map(|served| served.tree.clone()).collect();
        assert_eq!(trees, [ServedPath::Directory(env::current_dir().unwrap())]);
        assert_eq!(config.guest, [("GLASSHOUSE_HIDDEN".to_owned(), "true".to_owned())]);
        assert_eq!(config.threads, thread::available_parallelism().unwrap());
        assert!(matches!(config.handler, HandlerSource::Embedded));
        let config = build(&["0", "-b", "127.0.0.1", "-d", "src/../Cargo.toml"]).unwrap();
        let directory = env::current_dir().unwrap().join("src/..");
        assert_eq!(config.trees[0].tree, ServedPath::File { directory, name: "Cargo.toml".into() });
        let config = build(&["0", "-b", "127.0.0.1", "--threads", "3", "--handler", "Cargo.toml"]).unwrap();
        assert_eq!(config.threads.get(), 3);
        assert!(
            matches!(config.handler, HandlerSource::File { bytes, .. } if bytes == fs::read("Cargo.toml").unwrap())
        );
    }

    #[test]
    fn faults_name_the_thing_and_the_way_out() {
        let usage = |text: &str| StartupError::Usage(text.into());
        let cannot = |text: &str| StartupError::CannotServe(text.into());
        let unknown = "x".repeat(64);
        let rows = [
            ("S6", vec!["-d", "nope"], cannot("cannot serve 'nope': no such directory or file; name an existing one")),
            ("S6", vec!["-d", "/dev/null"], cannot("cannot serve '/dev/null': not a directory or a file; name one")),
            (
                "harden",
                vec!["--harden-also", "Cargo.toml"],
                cannot("--harden-also: cannot open 'Cargo.toml': not a directory"),
            ),
            (
                "mount",
                vec!["--mount", "/a=nope"],
                cannot("cannot serve 'nope': no such directory; name an existing one with --mount"),
            ),
            (
                "mount",
                vec!["--mount", "/a=.", "--prefix", "b"],
                usage("--prefix: there is no directory to serve there; name one with -d, or leave it out"),
            ),
            (
                "handler",
                vec!["--handler", "nope.wasm"],
                cannot(
                    "cannot read the handler 'nope.wasm': no such file; name a WebAssembly component with --handler, \
                     or leave it out",
                ),
            ),
            (
                "S10",
                vec!["-H", "A: b", "1"],
                usage("--header: 'A: b' is no field name; give name and value as two words"),
            ),
            ("S5", vec!["-b", ""], usage("--bind: '' is no address; leave --bind out to listen on all")),
            (
                "S5",
                vec!["-b", "[::1]:80"],
                usage("--bind: '[::1]:80' has a port in it; give the port as an argument of its own"),
            ),
            (
                "S5",
                vec!["-b", &unknown],
                cannot(&format!(
                    "cannot listen on '{unknown}': no address is known for this name; give a name or an address of this \
                     machine"
                )),
            ),
            (
                "S5",
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
    fn what_the_handler_refuses_is_blamed_on_the_flag_or_the_variable() {
        let variable = |value: &str| ("GLASSHOUSE_INDEX".into(), value.into());
        let rows: &[(&[&str], _, _)] = &[
            (&["--index", "a/b"], variable("c/d"), "--index: 'a/b'"),
            (&["--hidden"], variable("c/d"), "GLASSHOUSE_INDEX: 'c/d'"),
        ];
        for (words, variable, expected) in rows {
            let Err(fault) = Config::build(serve(words), [variable.clone()].into_iter()) else { panic!("{words:?}") };
            assert_eq!(fault.exit_code(), 2);
            assert!(fault.to_string().starts_with(expected), "{fault}");
        }
    }
}
