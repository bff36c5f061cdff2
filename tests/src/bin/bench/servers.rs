//! The compared servers: how to find each, its version, and its arguments for one directory on one loopback port
//! without a log.

use crate::process::BenchProcess;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server, and what it is run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contestant {
    Nginx,
    Glasshouse,
    /// glasshouse that asks its handler for each answer.
    NoReplay,
    /// `wasmtime serve` with the handler of glasshouse.
    Stock,
    Python,
    Miniserve,
    StaticWebServer,
    Dufs,
    Caddy,
    Darkhttpd,
}

impl Contestant {
    pub const ALL: [Contestant; 10] = [
        Contestant::Nginx,
        Contestant::Glasshouse,
        Contestant::NoReplay,
        Contestant::Stock,
        Contestant::Python,
        Contestant::Miniserve,
        Contestant::StaticWebServer,
        Contestant::Dufs,
        Contestant::Caddy,
        Contestant::Darkhttpd,
    ];

    /// The name in tables and in `BENCH_SERVERS`.
    pub fn name(self) -> &'static str {
        match self {
            Contestant::Nginx => "nginx",
            Contestant::Glasshouse => "glasshouse",
            Contestant::NoReplay => "glasshouse --no-replay",
            Contestant::Stock => "wasmtime serve",
            Contestant::Python => "python",
            Contestant::Miniserve => "miniserve",
            Contestant::StaticWebServer => "static-web-server",
            Contestant::Dufs => "dufs",
            Contestant::Caddy => "caddy",
            Contestant::Darkhttpd => "darkhttpd",
        }
    }

    /// The word that selects it in `BENCH_SERVERS`.
    pub fn key(self) -> &'static str {
        match self {
            Contestant::NoReplay => "no-replay",
            Contestant::Stock => "stock",
            other => other.name(),
        }
    }

    /// Whether it is built from this repository, so that a missing one is a mistake.
    pub fn is_ours(self) -> bool {
        matches!(self, Contestant::Glasshouse | Contestant::NoReplay | Contestant::Stock)
    }

    fn program(self) -> Option<PathBuf> {
        match self {
            Contestant::Glasshouse | Contestant::NoReplay => beside("glasshouse"),
            Contestant::Stock => beside("stock-serve"),
            Contestant::Python => python(),
            other => on_path(other.name()),
        }
    }

    fn version(self, program: &Path) -> String {
        let mut command = Command::new(program);
        match self {
            Contestant::Stock => return locked_version("wasmtime-cli").unwrap_or_default(),
            Contestant::Nginx => command.arg("-v"),
            Contestant::Caddy => command.arg("version"),
            // It has no such option, and prints a greeting without an argument.
            Contestant::Darkhttpd => &mut command,
            _ => command.arg("--version"),
        };
        let text = BenchProcess::output(&mut command, PATIENCE).map(|(_, text)| text).unwrap_or_default();
        first_line(&text).to_owned()
    }
}

/// A server that this machine has.
#[derive(Clone, Debug)]
pub struct Installed {
    pub kind: Contestant,
    program: PathBuf,
    /// As it says itself.
    pub version: String,
}

impl Installed {
    /// `None` where it is not there.
    pub fn find(kind: Contestant) -> Option<Installed> {
        let program = kind.program()?;
        let version = kind.version(&program);
        Some(Installed { kind, program, version })
    }

    /// The command that serves `directory` on a port of 127.0.0.1; `scratch` is for what the server writes itself.
    ///
    /// # Errors
    /// Where its configuration cannot be written.
    pub fn command(&self, directory: &Path, port: u16, scratch: &Path) -> std::io::Result<Command> {
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GLASSHOUSE_")) {
            command.env_remove(name);
        }
        let port_text = port.to_string();
        match self.kind {
            Contestant::Nginx => {
                let file = scratch.join("nginx.conf");
                fs::write(&file, nginx_configuration(directory, port, scratch))?;
                command.arg("-p").arg(scratch).arg("-c").arg(file).arg("-e").arg(scratch.join("nginx-error.log"))
            }
            Contestant::Glasshouse => {
                command.args([&port_text, "--bind", "127.0.0.1", "--quiet", "--directory"]).arg(directory)
            }
            Contestant::NoReplay => command
                .args([&port_text, "--bind", "127.0.0.1", "--quiet", "--no-replay", "--directory"])
                .arg(directory),
            Contestant::Stock => command
                .args(["-Scli", "--addr", &format!("127.0.0.1:{port}"), "--dir"])
                .arg(format!("{}::/", directory.display()))
                .arg(handler(scratch)),
            Contestant::Python => command
                .args(["-m", "http.server", "-p", "HTTP/1.1", "--bind", "127.0.0.1", "--directory"])
                .arg(directory)
                .arg(port_text),
            Contestant::Miniserve => command.args(["--interfaces", "127.0.0.1", "--port", &port_text]).arg(directory),
            Contestant::StaticWebServer => command
                .env("SERVER_HOST", "127.0.0.1")
                .env("SERVER_PORT", port_text)
                .env("SERVER_ROOT", directory)
                .env("SERVER_LOG_LEVEL", "error")
                .env("SERVER_DIRECTORY_LISTING", "true"),
            Contestant::Dufs => {
                command.args(["--bind", "127.0.0.1", "--port", &port_text, "--log-format="]).arg(directory)
            }
            Contestant::Caddy => command
                .env("XDG_CONFIG_HOME", scratch)
                .env("XDG_DATA_HOME", scratch)
                .args(["file-server", "--browse", "--listen", &format!("127.0.0.1:{port}"), "--root"])
                .arg(directory),
            Contestant::Darkhttpd => command.arg(directory).args(["--addr", "127.0.0.1", "--port", &port_text]),
        };
        Ok(command)
    }
}

/// Writes the handler that the bundled glasshouse embeds, for stock `wasmtime serve`.
///
/// # Errors
/// If there is no glasshouse, or it does not do so.
pub fn write_handler(scratch: &Path) -> std::io::Result<()> {
    let program =
        beside("glasshouse").ok_or_else(|| std::io::Error::other("there is no glasshouse: run `make build`"))?;
    let mut command = Command::new(program);
    command.args(["handler", "-o"]).arg(handler(scratch));
    let (status, text) = BenchProcess::output(&mut command, PATIENCE)?;
    if !status.success() {
        return Err(std::io::Error::other(format!("`glasshouse handler`: {status}: {}", first_line(&text))));
    }
    Ok(())
}

fn handler(scratch: &Path) -> PathBuf {
    scratch.join("p3.wasm")
}

/// The first line that says something.
pub fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// A program on the search path, and where systems keep programs of an administrator.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let further = ["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(further).map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// A program that was built with this one.
fn beside(name: &str) -> Option<PathBuf> {
    env::current_exe().ok().map(|own| own.with_file_name(name)).filter(|file| file.is_file())
}

/// The interpreter itself: what is called `python3` may be a script that looks for it, which costs time at each start.
fn python() -> Option<PathBuf> {
    let mut command = Command::new(on_path("python3")?);
    command.args(["-c", "import sys; print(sys.executable)"]);
    let (status, text) = BenchProcess::output(&mut command, PATIENCE).ok()?;
    status.success().then(|| PathBuf::from(first_line(&text))).filter(|file| file.is_file())
}

/// The version of a package in the lock file; its command line may not know its own.
fn locked_version(package: &str) -> Option<String> {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).ok()?;
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next().map(|version| format!("{package} {version}"))
}

/// nginx as its manual advises for files; room for all idle connections in any one of its workers.
fn nginx_configuration(directory: &Path, port: u16, scratch: &Path) -> String {
    // Only root may choose, and only for root would the workers run as a user who cannot read the directory.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let (directory, scratch) = (directory.display(), scratch.display());
    format!(
        "{user}
daemon off;
worker_processes 2;
pid \"{scratch}/nginx.pid\";
error_log \"{scratch}/nginx-error.log\" crit;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    default_type application/octet-stream;
    types {{ text/plain txt; }}
    client_body_temp_path \"{scratch}/nginx-body\";
    proxy_temp_path \"{scratch}/nginx-proxy\";
    fastcgi_temp_path \"{scratch}/nginx-fastcgi\";
    uwsgi_temp_path \"{scratch}/nginx-uwsgi\";
    scgi_temp_path \"{scratch}/nginx-scgi\";
    server {{
        listen 127.0.0.1:{port};
        root \"{directory}\";
        autoindex on;
    }}
}}
"
    )
}
