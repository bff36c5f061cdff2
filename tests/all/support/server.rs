//! Runs servers as child processes, on a port that the kernel chooses. They end when they are dropped.

use crate::support::certs;
use crate::support::child::ChildProcess;
pub use crate::support::child::{Done, run, run_within};
use crate::support::client::TIMEOUT;
use crate::support::clock;
use rustix::process::{Pid, Signal, kill_process};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempPath;

/// How long a server may take to announce itself on a machine that is busy compiling its component.
const START: Duration = Duration::from_secs(240);

/// The variable with the name of a file that is served alone. Hosts set it.
const SERVED_FILE: &str = "GLASSHOUSE_FILE";
/// The variable with the most bytes of generated content. Hosts set it.
const MADE_MAX: &str = "GLASSHOUSE_MADE_MAX";

/// The user and group without rights.
const UNPRIVILEGED: u32 = 65534;

/// What answers over a socket: a host and a component in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// glasshouse with the handler that it embeds.
    Host,
    /// `wasmtime serve` with the same handler.
    StockP3,
    /// `wasmtime serve` with the handler for WASI 0.2.
    StockP2,
    /// `wasmtime serve` that grants the directory above, and `GLASSHOUSE_ROOT`.
    StockRoot,
    /// glasshouse with the handler for WASI 0.2.
    HostP2,
    /// glasshouse over TLS, which its client speaks HTTP/1.1 over.
    HostTls,
    /// glasshouse over TLS, which its client speaks HTTP/2 over.
    HostH2,
    /// glasshouse with the directory packed into the handler.
    HostPacked,
    /// `wasmtime serve` with the directory packed into the handler.
    StockPackedP3,
    /// `wasmtime serve` with the directory packed into the handler for WASI 0.2.
    StockPackedP2,
    /// The library behind axum.
    Axum,
    /// The library behind hyper.
    Hyper,
}

impl Stack {
    /// Whether the host is glasshouse.
    pub fn is_ours(self) -> bool {
        matches!(self, Stack::Host | Stack::HostP2 | Stack::HostPacked) || self.is_secure()
    }

    /// The version of the handler with the directory in it, if there is one.
    pub fn packed(self) -> Option<Version> {
        match self {
            Stack::HostPacked | Stack::StockPackedP3 => Some(Version::P3),
            Stack::StockPackedP2 => Some(Version::P2),
            Stack::Host
            | Stack::HostP2
            | Stack::HostTls
            | Stack::HostH2
            | Stack::StockP3
            | Stack::StockP2
            | Stack::StockRoot
            | Stack::Axum
            | Stack::Hyper => None,
        }
    }

    /// The example that embeds the library, if there is one.
    fn example(self) -> Option<&'static str> {
        match self {
            Stack::Axum => Some("axum"),
            Stack::Hyper => Some("hyper"),
            _ => None,
        }
    }

    /// Whether it serves with this option of a row. The examples serve directories, with the limits of the library.
    /// `glasshouse pack` and the library reject `live`, because they watch no folder.
    pub fn supports(self, option: &str) -> bool {
        match option {
            SERVED_FILE | MADE_MAX => self.example().is_none(),
            "GLASSHOUSE_LIVE" => self != Stack::HostPacked && self.example().is_none(),
            _ => true,
        }
    }

    /// Whether its clients speak TLS.
    pub fn is_secure(self) -> bool {
        matches!(self, Stack::HostTls | Stack::HostH2)
    }
}

/// What to serve, and how.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    pub stack: Stack,
    pub directory: &'a Path,
    /// `GLASSHOUSE_*` variables, as the handler reads them.
    pub options: &'a [(&'a str, &'a str)],
    /// Further arguments; glasshouse only.
    pub arguments: &'a [&'a str],
    /// Whether to run without rights where the tests run as root, who may read everything.
    pub unprivileged: bool,
}

impl Setup<'_> {
    fn command(&self, packed: Option<&Path>) -> Command {
        let mut command = match (self.stack.example(), self.stack.is_ours()) {
            (Some(example), _) => self.embedded(example),
            (None, true) => self.glasshouse(packed),
            (None, false) => self.stock(packed),
        };
        if self.unprivileged && rustix::process::geteuid().is_root() {
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        command
    }

    /// The path to serve: the directory, or the file in it that is served alone.
    pub fn served(&self) -> PathBuf {
        let names = self.options.iter().filter(|(key, _)| *key == SERVED_FILE);
        names.fold(self.directory.to_owned(), |directory, (_, name)| directory.join(name))
    }

    /// The options that the packed directory has inside. A stock host sets variables for those that do not change which
    /// files are packed, so that it compiles one component for all of them.
    pub fn packed_options(&self) -> Vec<(String, String)> {
        let is_inside = |(key, _): &&(&str, &str)| match self.stack.is_ours() {
            true => ![SERVED_FILE, MADE_MAX].contains(key),
            false => *key == "GLASSHOUSE_HIDDEN",
        };
        self.options.iter().filter(is_inside).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// Packs the directory for the stacks that serve it so. A stock host gets it compiled.
    pub fn pack(&self) -> Option<TempPath> {
        let version = self.stack.packed()?;
        let file = temporary();
        let mut command = glasshouse();
        command.arg("pack").arg(self.served()).arg("-o").arg(&file).args((version == Version::P2).then_some("--p2"));
        command.envs(self.packed_options());
        let done = run(command);
        assert!(done.status.success(), "`glasshouse pack` failed: {done:?}");
        let file = if self.stack.is_ours() { file } else { compiled(&file) };
        if self.unprivileged {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("it can be opened to all");
        }
        Some(file)
    }

    fn glasshouse(&self, packed: Option<&Path>) -> Command {
        let mut command = glasshouse();
        // The host sets these variables of the handler by itself, from its own options.
        let is_of_host = |(key, _): &(&str, &str)| [SERVED_FILE, MADE_MAX].contains(key);
        let (of_host, options): (Vec<_>, Vec<_>) = self.options.iter().copied().partition(is_of_host);
        for (_, most) in of_host.iter().filter(|(key, _)| *key == MADE_MAX) {
            command.args(["--max-made", most]);
        }
        command.args(["0", "--bind", "127.0.0.1"]);
        match packed {
            Some(packed) => command.arg("--handler").arg(packed),
            None => command.arg("--directory").arg(self.served()),
        };
        // What is asked for here names any host; `hosts` has a look at those that are answered for by default.
        command.env("GLASSHOUSE_HOST", "*");
        if self.stack == Stack::HostP2 {
            command.arg("--handler").arg(handler(Version::P2));
        }
        if self.stack.is_secure() {
            let pair = certs::pair();
            command.arg("--tls-cert").arg(&pair.cert).arg("--tls-key").arg(&pair.key);
        }
        command.args(self.arguments);
        // A packed directory has its options.
        if packed.is_none() {
            command.envs(options);
        }
        command
    }

    /// An example with its options as arguments. `prefix` replaces the path of the example.
    fn embedded(&self, example: &str) -> Command {
        let path = Path::new(env!("CARGO_BIN_EXE_stock-serve")).with_file_name("examples").join(example);
        assert!(path.is_file(), "there is no {path:?}: run `cargo build --release --examples -p glasshouse`");
        let mut command = Command::new(path);
        command.arg(self.directory).arg("prefix=");
        for (key, value) in self.options {
            let name = key.trim_start_matches("GLASSHOUSE_").to_ascii_lowercase().replace('_', "-");
            command.arg(format!("{name}={value}"));
        }
        command
    }

    fn stock(&self, packed: Option<&Path>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stock-serve"));
        let mut granted = self.directory;
        command.args(["serve", "-Scli", "--allow-precompiled", "--addr", "127.0.0.1:0"]);
        if self.stack == Stack::StockRoot {
            let (above, name) = granted.parent().zip(granted.file_name()).expect("the directory is in another one");
            granted = above;
            command.arg("--env").arg(format!("GLASSHOUSE_ROOT=/{}", name.to_str().expect("the name is UTF-8")));
        }
        if packed.is_none() {
            command.arg("--dir");
            command.arg(format!("{}::/", granted.to_str().expect("the path of the directory is UTF-8")));
        }
        // The component of a packed file has its name inside.
        for (key, value) in self.options.iter().filter(|(key, _)| packed.is_none() || *key != SERVED_FILE) {
            command.arg("--env").arg(format!("{key}={value}"));
        }
        assert_eq!(self.arguments, <&[&str]>::default(), "wasmtime serve does not know the arguments of glasshouse");
        let version = if self.stack == Stack::StockP2 { Version::P2 } else { Version::P3 };
        command.arg(packed.unwrap_or_else(|| compiled_handler(version)));
        command
    }
}

/// Whether [`Setup::unprivileged`] is possible: root may have built the programs in a directory that is closed to
/// others.
pub fn can_be_unprivileged() -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stock-serve"));
    command.arg("--help").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    !rustix::process::geteuid().is_root() || command.uid(UNPRIVILEGED).gid(UNPRIVILEGED).status().is_ok()
}

/// The WASI version of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    P2,
    P3,
}

/// The glasshouse that was built beside this test, without the `GLASSHOUSE_*` variables of the caller.
pub fn glasshouse() -> Command {
    let path = Path::new(env!("CARGO_BIN_EXE_stock-serve")).with_file_name("glasshouse");
    assert!(path.is_file(), "there is no {path:?}: run `make build`");
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GLASSHOUSE_") {
            command.env_remove(name);
        }
    }
    command
}

/// The same in a working directory, on a port of the loopback that the kernel chooses.
pub fn glasshouse_in(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = glasshouse();
    command.current_dir(directory).args(["0", "-b", "127.0.0.1"]).args(arguments);
    command
}

/// The file of a handler, written once for all tests by the glasshouse that embeds it.
pub fn handler(version: Version) -> &'static Path {
    static FILES: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    FILES[version as usize].get_or_init(|| {
        let unfinished = temporary();
        let mut command = glasshouse();
        command.arg("handler").args((version == Version::P2).then_some("--p2")).arg("-o").arg(&unfinished);
        let done = run(command);
        assert!(done.status.success(), "`glasshouse handler` failed, run `make build`: {done:?}");
        kept(unfinished, &format!("{version:?}.wasm"))
    })
}

/// The machine code of a handler for stock hosts, written once for all tests. A host that compiles takes seconds to
/// start.
fn compiled_handler(version: Version) -> &'static Path {
    static FILES: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    FILES[version as usize].get_or_init(|| kept(compiled(handler(version)), &format!("{version:?}.cwasm")))
}

/// The machine code of a component, by `wasmtime compile`.
fn compiled(component: &Path) -> TempPath {
    let file = temporary();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stock-serve"));
    command.arg("compile").arg(component).arg("-o").arg(&file);
    let done = run_within(START, command);
    assert!(done.status.success(), "`wasmtime compile` failed: {done:?}");
    file
}

fn temporary() -> TempPath {
    let file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR"));
    file.expect("a temporary file can be made").into_temp_path()
}

/// Moves a file into its place, so that tests which run at the same time never read half of it.
fn kept(file: TempPath, name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.to_lowercase());
    // Some servers run as another user.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("it can be opened to all");
    file.persist(&path).expect("a file can be moved within its directory");
    path
}

/// A running server.
pub struct TestServer {
    address: SocketAddr,
    process: ChildProcess,
}

impl TestServer {
    /// Serves a directory and nothing more.
    #[track_caller]
    pub fn start(stack: Stack, directory: &Path) -> TestServer {
        TestServer::launch(Setup { stack, directory, options: &[], arguments: &[], unprivileged: false })
    }

    /// # Panics
    /// Where the server does not announce its address in time; with what it wrote instead.
    #[track_caller]
    pub fn launch(setup: Setup) -> TestServer {
        // The server has read it when it announces its address.
        let packed = setup.pack();
        TestServer::launch_packed(setup, packed.as_deref())
    }

    /// As [`TestServer::launch`], with the result of [`Setup::pack`].
    #[track_caller]
    pub fn launch_packed(setup: Setup, packed: Option<&Path>) -> TestServer {
        TestServer::spawn(setup.command(packed))
    }

    /// Runs a command that is expected to become a server.
    #[track_caller]
    pub fn spawn(command: Command) -> TestServer {
        TestServer::try_spawn(command).expect("its address is free")
    }

    /// As [`TestServer::spawn`]; `None` if its address is in use.
    #[track_caller]
    pub fn try_spawn(command: Command) -> Option<TestServer> {
        TestServer::try_spawn_within(START, command)
    }

    /// As [`TestServer::try_spawn`], for a server that takes longer to start.
    #[track_caller]
    pub fn try_spawn_within(timeout: Duration, command: Command) -> Option<TestServer> {
        let process = ChildProcess::spawn(command);
        let announced = |text: &str| text.lines().find_map(announced_address);
        let address = process.wait(timeout, "the announced address", |output| {
            let (stdout, stderr) = (output.stdout(), output.stderr());
            let taken = output.has_ended() && stderr.contains("in use");
            announced(&stdout).or_else(|| announced(&stderr)).map(Some).or(taken.then_some(None))
        })?;
        Some(TestServer { address, process })
    }

    /// A server that announces nothing: ready when it accepts a connection at `address`.
    #[track_caller]
    pub fn try_spawn_at(command: Command, address: SocketAddr) -> Option<TestServer> {
        let mut server = TestServer { address, process: ChildProcess::spawn(command) };
        let listens = clock::poll(START, || match TcpStream::connect(address) {
            Ok(_) => Some(true),
            Err(_) => (!server.is_alive()).then_some(false),
        });
        listens.unwrap_or_else(|| panic!("{} never listened", server.process.name)).then_some(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn id(&self) -> u32 {
        self.process.child.id()
    }

    /// What the server wrote to standard output before this call.
    pub fn stdout(&self) -> String {
        self.process.output().stdout()
    }

    /// What the server wrote to standard error before this call.
    pub fn stderr(&self) -> String {
        self.process.output().stderr()
    }

    /// Waits until standard error is as `look` wants it.
    #[track_caller]
    pub fn wait_for_stderr<T>(&self, what: &str, look: impl Fn(&str) -> Option<T>) -> T {
        self.process.wait(TIMEOUT, what, |output| look(&output.stderr()))
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.process.child.try_wait(), Ok(None))
    }

    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(id, signal).expect("a child can be signalled");
    }

    /// Sends a signal and waits for the end.
    #[track_caller]
    pub fn stop(self, signal: Signal) -> Done {
        self.signal(signal);
        self.end()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn end(self) -> Done {
        self.process.end(TIMEOUT)
    }
}

/// `http://ADDRESS:PORT/` or `https://ADDRESS:PORT/` in a line; the address of all interfaces stands for the loopback.
fn announced_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("Serving HTTP").and_then(|(_, rest)| rest.split_once("://"))?;
    let mut address: SocketAddr = rest.split('/').next()?.parse().ok()?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Some(address)
}
