//! The compared servers: their programs, their versions, and their commands for one directory on one loopback port.

use crate::configuration;
use crate::process::{ChildProcess, failed};
use crate::works::Trouble;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

/// The longest time in which a program reports its version.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server with its fixed options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerKind {
    Nginx,
    Lighttpd,
    H2o,
    Glasshouse,
    /// glasshouse that calls its handler for each request.
    NoReplay,
    /// glasshouse with the files packed into its handler. Only `BENCH_SERVERS` selects it, because the files of some
    /// works are too large for a component.
    Packed,
    /// `wasmtime serve` with the handler of glasshouse.
    Stock,
    Python,
    Miniserve,
    StaticWebServer,
    Dufs,
    Caddy,
    Darkhttpd,
}

impl ServerKind {
    pub const ALL: [ServerKind; 13] = [
        ServerKind::Nginx,
        ServerKind::Lighttpd,
        ServerKind::H2o,
        ServerKind::Glasshouse,
        ServerKind::NoReplay,
        ServerKind::Packed,
        ServerKind::Stock,
        ServerKind::Python,
        ServerKind::Miniserve,
        ServerKind::StaticWebServer,
        ServerKind::Dufs,
        ServerKind::Caddy,
        ServerKind::Darkhttpd,
    ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            ServerKind::Nginx => "nginx",
            ServerKind::Lighttpd => "lighttpd",
            ServerKind::H2o => "h2o",
            ServerKind::Glasshouse => "glasshouse",
            ServerKind::NoReplay => "glasshouse --no-replay",
            ServerKind::Packed => "glasshouse, packed",
            ServerKind::Stock => "wasmtime serve",
            ServerKind::Python => "python",
            ServerKind::Miniserve => "miniserve",
            ServerKind::StaticWebServer => "static-web-server",
            ServerKind::Dufs => "dufs",
            ServerKind::Caddy => "caddy",
            ServerKind::Darkhttpd => "darkhttpd",
        }
    }

    /// The word that selects the server in `BENCH_SERVERS`.
    pub fn key(self) -> &'static str {
        match self {
            ServerKind::NoReplay => "no-replay",
            ServerKind::Packed => "packed",
            ServerKind::Stock => "stock",
            other => other.name(),
        }
    }

    /// Whether the server is built from this repository, so that a missing program is an error.
    pub fn is_ours(self) -> bool {
        matches!(self, ServerKind::Glasshouse | ServerKind::NoReplay | ServerKind::Packed | ServerKind::Stock)
    }

    fn program(self) -> Option<PathBuf> {
        match self {
            ServerKind::Glasshouse | ServerKind::NoReplay | ServerKind::Packed => beside("glasshouse"),
            ServerKind::Stock => beside("stock-serve"),
            ServerKind::Python => python(),
            other => on_path(other.name()),
        }
    }

    fn version(self, program: &Path) -> String {
        let mut command = Command::new(program);
        match self {
            ServerKind::Stock => return locked_version("wasmtime-cli").unwrap_or_default(),
            ServerKind::Nginx | ServerKind::Lighttpd | ServerKind::H2o => command.arg("-v"),
            ServerKind::Caddy => command.arg("version"),
            // It has no such option, and prints a greeting without an argument.
            ServerKind::Darkhttpd => &mut command,
            _ => command.arg("--version"),
        };
        let text = ChildProcess::output(&mut command, PATIENCE).map(|output| output.text).unwrap_or_default();
        first_line(&text).to_owned()
    }
}

/// The features for which a server is set up. Each has a cost, so a server runs once for each profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    Plain,
    /// The server compresses text with gzip.
    Gzip,
    /// The server writes the Combined Log Format into a file.
    Logged,
    /// The server speaks HTTP/1.1 and HTTP/2 over TLS.
    Tls,
}

impl Profile {
    fn feature(self) -> &'static str {
        match self {
            Profile::Plain => "plain HTTP",
            Profile::Gzip => "gzip",
            Profile::Logged => "an access log",
            Profile::Tls => "TLS",
        }
    }
}

/// The paths and the port of one start of a server.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    pub profile: Profile,
    pub port: u16,
    /// The served directory.
    pub tree: &'a Path,
    /// The directory with the certificate and the handler.
    pub scratch: &'a Path,
    /// The directory for all files that the server writes.
    pub run: &'a Path,
}

impl Setup<'_> {
    pub fn certificate(&self) -> PathBuf {
        certificate(self.scratch)
    }

    pub fn private_key(&self) -> PathBuf {
        private_key(self.scratch)
    }

    pub fn access_log(&self) -> PathBuf {
        access_log(self.run)
    }
}

pub fn certificate(scratch: &Path) -> PathBuf {
    scratch.join("certificate.pem")
}

pub fn private_key(scratch: &Path) -> PathBuf {
    scratch.join("key.pem")
}

/// The access log, alone in its directory: glasshouse keeps the right to write there.
pub fn access_log(run: &Path) -> PathBuf {
    run.join("log").join("access.log")
}

/// A server that is installed on this machine.
#[derive(Clone, Debug)]
pub struct InstalledServer {
    pub kind: ServerKind,
    program: PathBuf,
    /// As the program reports it.
    pub version: String,
}

impl InstalledServer {
    /// `None` if the program does not exist.
    pub fn find(kind: ServerKind) -> Option<InstalledServer> {
        let program = kind.program()?;
        let version = kind.version(&program);
        Some(InstalledServer { kind, program, version })
    }

    /// The command that serves the tree on a port of 127.0.0.1.
    ///
    /// # Errors
    /// If the benchmark has no setup of this server for the profile, or cannot write its configuration.
    pub fn command(&self, setup: Setup<'_>) -> Result<Command, Trouble> {
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GLASSHOUSE_")) {
            command.env_remove(name);
        }
        match self.kind {
            ServerKind::Nginx => {
                let file = setup.run.join("nginx.conf");
                fs::write(&file, configuration::nginx(setup))?;
                command.arg("-p").arg(setup.run).arg("-c").arg(file).arg("-e").arg(setup.run.join("error.log"));
            }
            ServerKind::Lighttpd => {
                let file = setup.run.join("lighttpd.conf");
                fs::write(&file, configuration::lighttpd(setup))?;
                command.arg("-D").arg("-f").arg(file);
            }
            ServerKind::H2o => {
                let file = setup.run.join("h2o.conf");
                fs::write(&file, configuration::h2o(setup))?;
                command.arg("-c").arg(file);
            }
            ServerKind::Glasshouse => {
                command.arg("--directory").arg(setup.tree);
                configuration::glasshouse(&mut command, setup);
            }
            ServerKind::NoReplay => {
                command.arg("--no-replay").arg("--directory").arg(setup.tree);
                configuration::glasshouse(&mut command, setup);
            }
            ServerKind::Packed => {
                command.arg("--handler").arg(packed(setup.scratch));
                configuration::glasshouse(&mut command, setup);
            }
            _ if setup.profile != Profile::Plain => {
                return Err(Trouble::Lacks(format!("the benchmark does not set up {}", setup.profile.feature())));
            }
            kind => plain_command(kind, &mut command, setup),
        }
        Ok(command)
    }
}

/// Adds the arguments of a server with the profile `Plain`.
fn plain_command(kind: ServerKind, command: &mut Command, setup: Setup<'_>) {
    let (tree, port) = (setup.tree, setup.port.to_string());
    match kind {
        ServerKind::Stock => command
            .args(["serve", "-Scli", "--addr", &format!("127.0.0.1:{port}"), "--dir"])
            .arg(format!("{}::/", tree.display()))
            .arg(handler(setup.scratch)),
        ServerKind::Python => command
            .args(["-m", "http.server", "-p", "HTTP/1.1", "--bind", "127.0.0.1", "--directory"])
            .arg(tree)
            .arg(port),
        ServerKind::Miniserve => command.args(["--interfaces", "127.0.0.1", "--port", &port]).arg(tree),
        ServerKind::StaticWebServer => command
            .env("SERVER_HOST", "127.0.0.1")
            .env("SERVER_PORT", port)
            .env("SERVER_ROOT", tree)
            .env("SERVER_LOG_LEVEL", "error")
            .env("SERVER_DIRECTORY_LISTING", "true"),
        ServerKind::Dufs => command.args(["--bind", "127.0.0.1", "--port", &port, "--log-format="]).arg(tree),
        ServerKind::Caddy => command
            .env("XDG_CONFIG_HOME", setup.run)
            .env("XDG_DATA_HOME", setup.run)
            .args(["file-server", "--browse", "--listen", &format!("127.0.0.1:{port}"), "--root"])
            .arg(tree),
        ServerKind::Darkhttpd => command.arg(tree).args(["--addr", "127.0.0.1", "--port", &port]),
        ServerKind::Nginx
        | ServerKind::Lighttpd
        | ServerKind::H2o
        | ServerKind::Glasshouse
        | ServerKind::NoReplay
        | ServerKind::Packed => command,
    };
}

/// Writes the components that the servers need: the handler that glasshouse embeds, and the tree in it.
///
/// # Errors
/// If glasshouse is not built, or fails.
pub fn write_components(kinds: &[ServerKind], scratch: &Path, tree: &Path) -> std::io::Result<()> {
    if kinds.contains(&ServerKind::Stock) {
        write_component("handler", None, &handler(scratch))?;
    }
    if kinds.contains(&ServerKind::Packed) {
        write_component("pack", Some(tree), &packed(scratch))?;
    }
    Ok(())
}

fn write_component(subcommand: &str, tree: Option<&Path>, output: &Path) -> std::io::Result<()> {
    let program = beside("glasshouse").ok_or_else(|| failed("glasshouse is missing: run `make build`".into()))?;
    let mut command = Command::new(program);
    command.arg(subcommand).args(tree).arg("-o").arg(output);
    let output = ChildProcess::output(&mut command, PATIENCE)?;
    if !output.status.success() {
        return Err(failed(format!("`glasshouse {subcommand}`: {}: {}", output.status, first_line(&output.text))));
    }
    Ok(())
}

fn packed(scratch: &Path) -> PathBuf {
    scratch.join("site.wasm")
}

fn handler(scratch: &Path) -> PathBuf {
    scratch.join("p3.wasm")
}

/// The first line that is not empty.
pub fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// A program on the search path, or in the directories for programs of the administrator.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let further = ["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(further).map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// A program in the directory of this one.
fn beside(name: &str) -> Option<PathBuf> {
    env::current_exe().ok().map(|own| own.with_file_name(name)).filter(|file| file.is_file())
}

/// The interpreter itself: `python3` may be a script that searches for it, which adds time to each start.
fn python() -> Option<PathBuf> {
    let mut command = Command::new(on_path("python3")?);
    command.args(["-c", "import sys; print(sys.executable)"]);
    let output = ChildProcess::output(&mut command, PATIENCE).ok()?;
    output.status.success().then(|| PathBuf::from(first_line(&output.text))).filter(|file| file.is_file())
}

/// The version of a package in the lock file.
fn locked_version(package: &str) -> Option<String> {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).ok()?;
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next().map(|version| format!("{package} {version}"))
}
