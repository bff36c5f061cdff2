//! Runs programs as child processes: servers on a port that the kernel chooses, which end when they are dropped, and
//! commands that end without a signal.

use crate::support::certs;
use crate::support::client::TIMEOUT;
use crate::support::clock;
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to announce itself on a machine that is busy compiling its component.
const START: Duration = Duration::from_secs(60);

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
    /// glasshouse with the handler for WASI 0.2.
    HostP2,
    /// glasshouse over TLS, which its client speaks HTTP/1.1 over.
    HostTls,
    /// glasshouse over TLS, which its client speaks HTTP/2 over.
    HostH2,
}

impl Stack {
    /// Whether the host is glasshouse.
    pub fn is_ours(self) -> bool {
        matches!(self, Stack::Host | Stack::HostP2) || self.is_secure()
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
    fn command(&self) -> Command {
        let mut command = match self.stack.is_ours() {
            true => self.glasshouse(),
            false => self.stock(),
        };
        if self.unprivileged && rustix::process::geteuid().is_root() {
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        command
    }

    fn glasshouse(&self) -> Command {
        let mut command = glasshouse();
        // The host sets these variables of the handler by itself, from its own options.
        let (file, options): (Vec<_>, Vec<_>) = self.options.iter().partition(|(key, _)| *key == "GLASSHOUSE_FILE");
        let (made_max, options): (Vec<_>, Vec<_>) =
            options.into_iter().partition(|(key, _)| *key == "GLASSHOUSE_MADE_MAX");
        for (_, most) in made_max {
            command.args(["--max-made", most]);
        }
        let served = file.iter().fold(self.directory.to_owned(), |directory, (_, name)| directory.join(name));
        command.args(["0", "--bind", "127.0.0.1", "--directory"]).arg(served);
        // What is asked for here names any host; `hosts` has a look at those that are answered for by default.
        command.env("GLASSHOUSE_HOST", "*");
        if self.stack == Stack::HostP2 {
            command.arg("--handler").arg(handler(Version::P2));
        }
        if self.stack.is_secure() {
            let pair = certs::pair();
            command.arg("--tls-cert").arg(&pair.cert).arg("--tls-key").arg(&pair.key);
        }
        command.args(self.arguments).envs(options);
        command
    }

    fn stock(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stock-serve"));
        let root = format!("{}::/", self.directory.to_str().expect("the path of the directory is UTF-8"));
        command.args(["-Scli", "--addr", "127.0.0.1:0", "--dir", &root]);
        for (key, value) in self.options {
            command.arg("--env").arg(format!("{key}={value}"));
        }
        assert_eq!(self.arguments, <&[&str]>::default(), "wasmtime serve does not know the arguments of glasshouse");
        command.arg(handler(if self.stack == Stack::StockP2 { Version::P2 } else { Version::P3 }));
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

/// The file of a handler, written once for all tests by the glasshouse that embeds it.
pub fn handler(version: Version) -> &'static Path {
    static FILES: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    FILES[version as usize].get_or_init(|| {
        let name = format!("{version:?}.wasm").to_lowercase();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Moved into its place, so that tests which run at the same time never read half a file.
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(format!(".{}", std::process::id()));
        let mut command = glasshouse();
        command.arg("handler").args((version == Version::P2).then_some("--p2")).arg("-o").arg(&unfinished);
        let done = run(command);
        assert!(done.status.success(), "`glasshouse handler` failed, run `make build`: {done:?}");
        std::fs::rename(&unfinished, &path).expect("`glasshouse handler -o FILE` writes the file; run `make build`");
        path
    })
}

/// A command that ended.
#[derive(Debug)]
pub struct Done {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end, which must come in time.
#[track_caller]
pub fn run(command: Command) -> Done {
    run_within(TIMEOUT, command)
}

/// The same, with another idea of what in time is.
#[track_caller]
pub fn run_within(timeout: Duration, command: Command) -> Done {
    ChildProcess::spawn(command).end(timeout)
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
        TestServer::spawn(setup.command())
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
        let address = process.wait(timeout, "the announced address", |wire| {
            let (stdout, stderr) = (ChildOutput::text(&wire.stdout), ChildOutput::text(&wire.stderr));
            let taken = wire.ended == 2 && stderr.contains("in use");
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

    /// What was written to standard output until now.
    pub fn stdout(&self) -> String {
        ChildOutput::text(&self.process.wire().stdout)
    }

    /// What was written to standard error until now.
    pub fn stderr(&self) -> String {
        ChildOutput::text(&self.process.wire().stderr)
    }

    /// Waits until standard error is as `look` wants it.
    #[track_caller]
    pub fn wait_for_stderr<T>(&self, what: &str, look: impl Fn(&str) -> Option<T>) -> T {
        self.process.wait(TIMEOUT, what, |wire| look(&ChildOutput::text(&wire.stderr)))
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

/// What a child has written.
#[derive(Default)]
struct ChildOutput {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// How many of the two have ended.
    ended: u8,
}

impl ChildOutput {
    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// A child that does not outlive this value.
struct ChildProcess {
    child: Child,
    name: String,
    shared: Arc<(Mutex<ChildOutput>, Condvar)>,
}

impl ChildProcess {
    #[track_caller]
    fn spawn(mut command: Command) -> ChildProcess {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let shared = Arc::default();
        listen(&shared, child.stdout.take(), |wire| &mut wire.stdout);
        listen(&shared, child.stderr.take(), |wire| &mut wire.stderr);
        ChildProcess { child, name: format!("{command:?}"), shared }
    }

    fn wire(&self) -> MutexGuard<'_, ChildOutput> {
        self.shared.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until `look` finds what it wants in what was written.
    #[track_caller]
    fn wait<T>(&self, timeout: Duration, what: &str, look: impl Fn(&ChildOutput) -> Option<T>) -> T {
        let deadline = Instant::now() + timeout;
        let mut wire = self.wire();
        loop {
            if let Some(found) = look(&wire) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || wire.ended == 2 {
                drop(wire);
                panic!("{} never wrote {what}", self.name);
            }
            wire = match self.shared.1.wait_timeout(wire, left) {
                Ok((wire, _)) => wire,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Waits for the end of the child, which closes its outputs.
    #[track_caller]
    fn end(mut self, timeout: Duration) -> Done {
        self.wait(timeout, "its last word", |wire| (wire.ended == 2).then_some(()));
        let status = self.child.wait().expect("a child can be waited for");
        let wire = self.wire();
        Done { status, stdout: ChildOutput::text(&wire.stdout), stderr: ChildOutput::text(&wire.stderr) }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // A child that has ended already is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            let wire = self.wire();
            let (stdout, stderr) = (ChildOutput::text(&wire.stdout), ChildOutput::text(&wire.stderr));
            eprintln!("--- {}\n--- stdout:\n{stdout}\n--- stderr:\n{stderr}\n---", self.name);
        }
    }
}

/// Copies what a child writes, until it ends.
fn listen(
    shared: &Arc<(Mutex<ChildOutput>, Condvar)>,
    from: Option<impl Read + Send + 'static>,
    to: fn(&mut ChildOutput) -> &mut Vec<u8>,
) {
    let mut from = from.expect("the output is piped");
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let mut block = [0; 4096];
        loop {
            let read = from.read(&mut block).unwrap_or(0);
            let mut wire = shared.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            to(&mut wire).extend_from_slice(&block[..read]);
            wire.ended += u8::from(read == 0);
            shared.1.notify_all();
            if read == 0 {
                return;
            }
        }
    });
}
