//! What the options mean on this machine: the directory is there, the handler is read, the addresses are known. Once a
//! [`Config`] exists, all that can still fail is to [listen](Config::listen). It refuses to know how requests are
//! answered.

mod auth;
mod limits;
mod listen;
mod tls;

use crate::args::{Args, Passed, Protocol};
use crate::component;
use crate::tls::Identity;
use glasshouse_core::{Config as GuestConfig, options};
use glasshouse_front::Limits;
use glasshouse_front::users::Users;
use glasshouse_sandbox::Ceilings;
use listen::listen;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::{env, fmt, fs, thread};

/// A server that is ready to run.
#[derive(Debug)]
pub struct Config {
    /// Absolute, and a directory that could be entered. Links in it are kept, so opening it anew follows them anew.
    pub directory: PathBuf,
    pub protocol: Protocol,
    pub threads: NonZeroUsize,
    pub limits: Limits,
    /// The variables of the handler, all of them understood by the built-in one.
    pub guest: Vec<(String, String)>,
    pub handler: Handler,
    /// Whether answers may be given again while nothing has changed: always those of the built-in handler, those of
    /// another one if its owner says so.
    pub is_pure: bool,
    pub ceilings: Ceilings,
    pub rights: Rights,
    /// Who the server is to clients that speak TLS; without, none does.
    pub identity: Option<Identity>,
    /// Those who may ask; everybody where there are none.
    pub users: Option<Arc<Users>>,
    pub quiet: bool,
    /// Those to listen on; none for all.
    addresses: Vec<SocketAddr>,
    port: u16,
    /// The port of these addresses from which everybody is sent to the other.
    redirect_port: Option<u16>,
}

/// What a server listens on, all of it non-blocking.
#[derive(Debug)]
pub struct Listeners {
    /// At least one.
    pub serving: Vec<TcpListener>,
    /// Those without TLS, which send everybody to the others.
    pub redirecting: Vec<TcpListener>,
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
pub enum Handler {
    Embedded,
    /// The bytes of a file, not yet looked at, and where they are from.
    File {
        path: PathBuf,
        bytes: Vec<u8>,
    },
}

/// Why there is no server, in words for the person who started it.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// An option makes no sense on any machine.
    Usage(String),
    /// This machine cannot do what was asked.
    CannotServe(String),
}

impl Fault {
    /// The exit code of a program that ends for this reason (S3, S14).
    pub fn exit_code(&self) -> u8 {
        match self {
            Fault::Usage(_) => 2,
            Fault::CannotServe(_) => 1,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Usage(text) | Fault::CannotServe(text) => f.write_str(text),
        }
    }
}

impl Config {
    /// Carries out the options, with the variables of this process for the handler.
    ///
    /// # Errors
    /// The first option that has no meaning, or that this machine cannot fulfil. Options that cannot be understood come
    /// first; no socket listens until all others are in order.
    pub fn from_args(args: Args) -> Result<Config, Fault> {
        Config::build(args, env::vars_os())
    }

    fn build(args: Args, environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Config, Fault> {
        let passed = args.passed_on(environment).map_err(Fault::Usage)?;
        let guest: Vec<_> = passed.iter().map(|option| (options::variable(option.name), option.text.clone())).collect();
        let understood = GuestConfig::from_pairs(guest.iter().map(|(key, value)| (key, value)));
        understood.map_err(|error| Fault::Usage(blame(&error.to_string(), &passed)))?;
        let names = args.bind.iter().map(|text| host(text)).collect::<Result<Vec<_>, _>>()?;

        let directory = directory(&args.directory)?;
        let handler = handler(args.handler.as_deref())?;
        let is_pure = !args.no_replay && (args.pure_handler || matches!(handler, Handler::Embedded));
        let addresses = names.iter().map(|name| resolve(name, args.port)).collect::<Result<Vec<_>, _>>()?;
        let identity = tls::identity(&args.tls, &names, &addresses)?;
        let users = auth::users(&args.users, &directory, &addresses, identity.is_some())?;
        let threads = args.threads.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let (limits, ceilings) = (limits::limits(&args.clients)?, Ceilings::from(&args.ceilings));
        let rights = match (args.no_harden, args.require_harden) {
            (true, _) => Rights::AreKept,
            (false, false) => Rights::AreGivenUp,
            (false, true) => Rights::MustBeGivenUp,
        };
        let (protocol, quiet, port, redirect_port) = (args.protocol, args.quiet, args.port, args.tls.redirect_http);
        Ok(Config {
            directory,
            protocol,
            threads,
            limits,
            guest,
            handler,
            is_pure,
            ceilings,
            rights,
            identity,
            users,
            quiet,
            addresses,
            port,
            redirect_port,
        })
    }

    /// Listens on every address. From here on clients connect, so this comes when nothing else is left that could fail.
    ///
    /// # Errors
    /// An address that is taken, or is none of this machine's (S14).
    pub fn listen(&self) -> Result<Listeners, Fault> {
        let redirecting = match self.redirect_port {
            Some(port) => {
                let addresses = self.addresses.iter().map(|address| SocketAddr::new(address.ip(), port));
                listen(addresses.collect(), port)?
            }
            None => Vec::new(),
        };
        Ok(Listeners { serving: listen(self.addresses.clone(), self.port)?, redirecting })
    }
}

/// A complaint of the handler about a variable, told of the place where the value was given.
fn blame(complaint: &str, passed: &[Passed]) -> String {
    let told = passed.iter().find_map(|option| {
        let reason = complaint.strip_prefix(&options::variable(option.name))?.strip_prefix(':')?;
        Some(format!("{}:{reason}", option.place))
    });
    told.unwrap_or_else(|| complaint.to_owned())
}

/// The host of a `--bind` value, without the brackets of a URL.
fn host(text: &str) -> Result<&str, Fault> {
    if text.is_empty() {
        return Err(Fault::Usage("--bind: '' is no address; leave --bind out to listen on all".into()));
    }
    if text.parse::<SocketAddr>().is_ok() {
        return Err(Fault::Usage(format!(
            "--bind: '{text}' has a port in it; give the port as an argument of its own"
        )));
    }
    Ok(text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text))
}

/// The address that a name stands for: the first, as in the seed (S5). `localhost` is 127.0.0.1 wherever that is among
/// its addresses, in whatever order the machine gives them.
fn resolve(host: &str, port: u16) -> Result<SocketAddr, Fault> {
    let addresses = (host, port).to_socket_addrs().map(Vec::from_iter).unwrap_or_default();
    let preferred = addresses.iter().find(|address| address.is_ipv4() && host.eq_ignore_ascii_case("localhost"));
    preferred.or(addresses.first()).copied().ok_or_else(|| {
        let reason = "no address is known for this name; give a name or an address of this machine";
        Fault::CannotServe(format!("cannot listen on '{host}': {reason}"))
    })
}

fn directory(typed: &Path) -> Result<PathBuf, Fault> {
    let fault = |reason: &dyn fmt::Display| Fault::CannotServe(format!("cannot serve '{}': {reason}", typed.display()));
    let enter = |path: &Path| {
        if !fs::metadata(path)?.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        // Without the right to search it every request would be a 404, which tells nobody why.
        Ok(rustix::fs::access(path, rustix::fs::Access::EXEC_OK)?)
    };
    enter(typed).and_then(|()| path::absolute(typed)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => fault(&"no such directory; name an existing one with -d"),
        ErrorKind::NotADirectory => fault(&"not a directory; name the one that holds it with -d"),
        ErrorKind::PermissionDenied => fault(&"permission denied; name one that you may read with -d"),
        _ => fault(&format_args!("{error}; name another one with -d")),
    })
}

fn handler(file: Option<&Path>) -> Result<Handler, Fault> {
    let Some(file) = file else { return Ok(Handler::Embedded) };
    component::read(file).map(|bytes| Handler::File { path: file.to_owned(), bytes }).map_err(|reason| {
        let way_out = "name a WebAssembly component with --handler, or leave it out";
        Fault::CannotServe(format!("cannot read the handler '{}': {reason}; {way_out}", file.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::tests::serve;
    use socket2::SockRef;
    use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};

    fn build(words: &[&str]) -> Result<Config, Fault> {
        Config::build(serve(words), std::iter::empty())
    }

    fn listening(words: &[&str]) -> Result<Vec<TcpListener>, Fault> {
        Ok(build(words)?.listen()?.serving)
    }

    #[track_caller]
    fn ports(listeners: &[TcpListener]) -> Vec<SocketAddr> {
        listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
    }

    #[test]
    fn what_was_asked_for_is_ready() {
        let config = build(&["0", "-b", "127.0.0.1", "--hidden"]).unwrap();
        assert_eq!(config.directory, env::current_dir().unwrap());
        assert_eq!(config.guest, [("GLASSHOUSE_HIDDEN".to_owned(), "1".to_owned())]);
        assert_eq!(config.threads, thread::available_parallelism().unwrap());
        assert!(matches!(config.handler, Handler::Embedded));
        let config = build(&["0", "-b", "127.0.0.1", "--threads", "3", "--handler", "Cargo.toml"]).unwrap();
        assert_eq!(config.threads.get(), 3);
        assert!(matches!(config.handler, Handler::File { bytes, .. } if bytes == fs::read("Cargo.toml").unwrap()));
    }

    #[test]
    fn faults_name_the_thing_and_the_way_out() {
        let usage = |text: &str| Fault::Usage(text.into());
        let cannot = |text: &str| Fault::CannotServe(text.into());
        let unknown = "x".repeat(64);
        let rows = [
            ("S6", vec!["-d", "nope"], cannot("cannot serve 'nope': no such directory; name an existing one with -d")),
            (
                "S6",
                vec!["-d", "Cargo.toml"],
                cannot("cannot serve 'Cargo.toml': not a directory; name the one that holds it with -d"),
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

    #[test]
    fn a_port_in_use_is_an_error_s14() {
        let first = listening(&["0", "-b", "127.0.0.1"]).unwrap();
        let port = ports(&first)[0].port().to_string();
        let reason = "address already in use; choose another port, or 0 for any free one";
        for (words, address) in [(vec![port.as_str(), "-b", "127.0.0.1"], "127.0.0.1"), (vec![&port], "::")] {
            let Err(fault) = listening(&words) else { panic!("{words:?} was bound twice") };
            assert_eq!(fault.exit_code(), 1);
            let text = fault.to_string();
            // A machine without IPv6 tries 0.0.0.0 in place of `::`.
            let expected = format!("cannot listen on {address} port {port}: {reason}");
            assert!(text == expected || text == expected.replace("::", "0.0.0.0"), "{text}");
        }
        let socket = SockRef::from(&first[0]);
        assert!(socket.reuse_address().unwrap() && !socket.reuse_port().unwrap() && socket.nonblocking().unwrap());
    }

    #[test]
    fn all_interfaces_are_the_default_s4() {
        let listeners = listening(&["0"]).unwrap();
        let addresses = ports(&listeners);
        assert!(addresses.len() == 1 && addresses[0].ip().is_unspecified(), "{addresses:?}");
        TcpStream::connect((Ipv4Addr::LOCALHOST, addresses[0].port())).unwrap();
        if addresses[0].is_ipv6() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, addresses[0].port())).unwrap();
        }
    }

    #[test]
    fn names_and_brackets_are_understood_s5() {
        for (typed, expected) in [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("LocalHost", "127.0.0.1")] {
            let listeners = listening(&["0", "-b", typed]).unwrap();
            assert_eq!(ports(&listeners)[0].ip().to_string(), expected, "{typed}");
        }
        for (typed, expected) in [("[::1]", "::1"), ("::1", "::1"), ("[localhost]", "localhost"), ("[", "[")] {
            assert_eq!(host(typed), Ok(expected));
        }
    }

    #[test]
    fn several_addresses_share_one_port() {
        let listeners = listening(&["0", "-b", "127.0.0.1", "-b", "127.0.0.2,localhost"]).unwrap();
        let addresses = ports(&listeners);
        assert_eq!(addresses.len(), 2, "localhost was there already: {addresses:?}");
        assert_eq!(addresses[0].port(), addresses[1].port());
        assert_ne!(addresses[0].ip(), addresses[1].ip());
    }
}
