//! The setup of the benchmark: generated files, a certificate, free ports and running servers. All are removed on drop.

use crate::client::{self, Origin};
use crate::process::{ChildProcess, failed};
use crate::servers::{self, InstalledServer, Profile, ServerKind, Setup, first_line, write_components};
use crate::tree::{self, SMALL};
use crate::works::{Trouble, Work};
use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// The longest time from the start of a server to its first response.
const START: Duration = Duration::from_secs(60);

/// The time between two attempts to reach a server that starts.
const POLL: Duration = Duration::from_micros(200);

/// Below the ephemeral ports of the kernel: a connection of the benchmark could take such a port, and a client that
/// polls such a port can even connect to itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The prefix of the temporary directory; the process id follows.
const SCRATCH: &str = "glasshouse-bench-";

/// The temporary directory of the benchmark.
pub struct BenchSite {
    scratch: PathBuf,
    tree: PathBuf,
    next_port: Cell<u16>,
}

impl BenchSite {
    /// Writes the files that the works need, up to 3 GiB, the certificate, and the components that the servers need.
    ///
    /// # Errors
    /// If the temporary directory is full, or glasshouse does not write a component.
    pub fn build(works: &[Work], kinds: &[ServerKind]) -> io::Result<BenchSite> {
        remove_leftovers()?;
        let scratch = std::env::temp_dir().join(format!("{SCRATCH}{}", std::process::id()));
        fs::create_dir(&scratch).map_err(|error| failed(format!("{}: {error}", scratch.display())))?;
        let spread = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start)).unwrap_or(0);
        let site = BenchSite { tree: scratch.join("tree"), scratch, next_port: Cell::new(PORTS.start + spread) };
        tree::write(&site.tree, works)?;
        write_certificate(&site.scratch)?;
        fs::write(site.script(), include_str!("requests.lua"))?;
        write_components(kinds, &site.scratch, &site.tree)?;
        Ok(site)
    }

    /// The script for wrk.
    pub fn script(&self) -> PathBuf {
        self.scratch.join("requests.lua")
    }

    fn port(&self) -> io::Result<u16> {
        for _ in PORTS {
            let port = self.next_port.get();
            self.next_port.set(if port + 1 < PORTS.end { port + 1 } else { PORTS.start });
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
        Err(failed(format!("no port from {} to {} is free", PORTS.start, PORTS.end)))
    }

    /// Starts a server and measures the time to its first response; over TLS, to the first connection.
    ///
    /// # Errors
    /// If the benchmark has no setup for the profile, or the server does not respond; with the server's own message.
    pub fn start(&self, installed: &InstalledServer, profile: Profile) -> Result<(RunningServer, Duration), Trouble> {
        let port = self.port()?;
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let run = RunDirectory::create(self.scratch.join(format!("run-{port}")))?;
        let setup = Setup { profile, port, tree: &self.tree, scratch: &self.scratch, run: &run.0 };
        let mut command = installed.command(setup)?;
        let stderr_file = run.0.join("stderr");
        // Python writes a line per request. In a file, these lines would count as its work.
        let stderr =
            if installed.kind == ServerKind::Python { Stdio::null() } else { File::create(&stderr_file)?.into() };
        let start = Instant::now();
        let mut process = ChildProcess::spawn(command.stdout(Stdio::null()).stderr(stderr))?;
        while !responds(address, profile) {
            if let Some(status) = process.ended()? {
                let text = fs::read_to_string(&stderr_file).unwrap_or_default();
                return Err(failed(format!("the server ended at its start, {status}: {}", first_line(&text))).into());
            }
            if start.elapsed() > START {
                return Err(failed(format!("no response within {START:?}")).into());
            }
            thread::sleep(POLL);
        }
        let time = start.elapsed();
        Ok((RunningServer { address, process, run }, time))
    }
}

impl Drop for BenchSite {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.scratch) {
            eprintln!("cannot remove {}: {error}", self.scratch.display());
        }
    }
}

/// Removes the directories of runs that were interrupted.
fn remove_leftovers() -> io::Result<()> {
    for entry in fs::read_dir(std::env::temp_dir())? {
        let entry = entry?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(SCRATCH)?.parse::<u32>().ok());
        if id.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a self-signed certificate with a P-256 key, the same for all servers.
fn write_certificate(scratch: &Path) -> io::Result<()> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certified = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    fs::write(servers::certificate(scratch), certified.cert.pem())?;
    fs::write(servers::private_key(scratch), certified.signing_key.serialize_pem())
}

/// The directory for all files that one start of a server writes.
struct RunDirectory(PathBuf);

impl RunDirectory {
    fn create(path: PathBuf) -> io::Result<RunDirectory> {
        fs::create_dir(&path)?;
        let run = RunDirectory(path);
        for directory in ["log", "deflate"] {
            fs::create_dir(run.0.join(directory))?;
        }
        Ok(run)
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// A server that has responded, and ends on drop.
pub struct RunningServer {
    pub address: SocketAddrV4,
    pub process: ChildProcess,
    // Behind the process, so that the process is gone when the directory is removed.
    run: RunDirectory,
}

impl RunningServer {
    pub fn access_log(&self) -> PathBuf {
        servers::access_log(&self.run.0)
    }
}

/// Whether the server responds with a small file; over TLS, whether it accepts a connection.
fn responds(address: SocketAddrV4, profile: Profile) -> bool {
    if profile == Profile::Tls {
        return TcpStream::connect(address).is_ok();
    }
    let request = client::request(address, SMALL, "");
    let response = client::connect(address, Origin::default())
        .and_then(|mut stream| client::ask(&mut stream, &request, Instant::now() + client::PATIENCE));
    response.is_ok()
}
