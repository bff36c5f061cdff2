//! The setup of the benchmark: one generated tree, free ports and running servers, all removed when dropped.

use crate::client::{self, Origin};
use crate::process::{BenchProcess, failed};
use crate::servers::{Contestant, Installed, first_line, write_handler};
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

pub const SMALL: &str = "/1k.bin";
pub const MIDDLE: &str = "/100k.bin";
pub const LARGE: &str = "/512m.bin";
pub const HUGE: &str = "/1g.bin";
pub const LISTING: &str = "/list/";

/// How many files the listed directory holds.
pub const ENTRIES: usize = 1000;

/// The name of a file in the listed directory.
pub fn entry(number: usize) -> String {
    format!("entry-{number:04}.txt")
}

/// How long a server may take to answer for the first time.
const START: Duration = Duration::from_secs(60);

/// How often a server that starts is asked whether it is there.
const POLL: Duration = Duration::from_micros(200);

/// Below the ports that the kernel gives to clients: one of those could be taken by a connection of our own, and a
/// client that polls such a port can even connect to itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// What the name of the temporary directory begins with; the id of the process follows.
const SCRATCH: &str = "glasshouse-bench-";

/// The tree and what belongs to it.
pub struct BenchSite {
    scratch: PathBuf,
    tree: PathBuf,
    next_port: Cell<u16>,
}

impl BenchSite {
    /// Writes the tree; 1.5 GiB of it, so that servers and kernel handle files and not holes.
    ///
    /// # Errors
    /// Where the temporary directory has no room, or a handler is needed and glasshouse cannot write it.
    pub fn build(with_handler: bool) -> io::Result<BenchSite> {
        remove_leftovers()?;
        let scratch = std::env::temp_dir().join(format!("{SCRATCH}{}", std::process::id()));
        fs::create_dir(&scratch).map_err(|error| failed(format!("{}: {error}", scratch.display())))?;
        let spread = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start)).unwrap_or(0);
        let site = BenchSite { tree: scratch.join("tree"), scratch, next_port: Cell::new(PORTS.start + spread) };
        fs::create_dir(&site.tree)?;
        for (path, size) in [(SMALL, 1 << 10), (MIDDLE, 100 << 10), (LARGE, 512 << 20), (HUGE, 1 << 30)] {
            write_file(&site.path(path), size)?;
        }
        fs::create_dir(site.path(LISTING))?;
        for number in 0..ENTRIES {
            fs::write(site.path(LISTING).join(entry(number)), "an entry\n")?;
        }
        if with_handler {
            write_handler(&site.scratch)?;
        }
        Ok(site)
    }

    fn path(&self, target: &str) -> PathBuf {
        self.tree.join(target.trim_matches('/'))
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

    /// Starts a server; with the time from there to the end of its first answer.
    ///
    /// # Errors
    /// Where it does not answer; with what it said instead.
    pub fn start(&self, installed: &Installed) -> io::Result<(BenchServer, Duration)> {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port()?);
        let mut command = installed.command(&self.tree, address.port(), &self.scratch)?;
        let log = self.scratch.join(format!("{}.log", installed.kind.key()));
        // Python writes a line per request, and a file of them would count against it.
        let stderr = if installed.kind == Contestant::Python { Stdio::null() } else { File::create(&log)?.into() };
        let start = Instant::now();
        let mut process = BenchProcess::spawn(command.stdout(Stdio::null()).stderr(stderr))?;
        while !answers(address) {
            if let Some(status) = process.ended()? {
                let text = fs::read_to_string(&log).unwrap_or_default();
                return Err(failed(format!("it ended at once, {status}: {}", first_line(&text))));
            }
            if start.elapsed() > START {
                return Err(failed(format!("no answer within {START:?}")));
            }
            thread::sleep(POLL);
        }
        let time = start.elapsed();
        Ok((BenchServer { address, process }, time))
    }
}

impl Drop for BenchSite {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.scratch) {
            eprintln!("{} is left behind: {error}", self.scratch.display());
        }
    }
}

/// Removes the trees of runs that were interrupted.
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

/// A server that has answered, and ends when dropped.
pub struct BenchServer {
    pub address: SocketAddrV4,
    pub process: BenchProcess,
}

/// Whether a small file can be had.
fn answers(address: SocketAddrV4) -> bool {
    let request = client::request(address, SMALL, "");
    let answer = client::connect(address, Origin::default())
        .and_then(|mut stream| client::ask(&mut stream, &request, Instant::now() + client::PATIENCE));
    answer.is_ok()
}

/// A file of that many bytes, in memory and on the disk, so that nothing is written back while servers are measured.
fn write_file(path: &Path, size: usize) -> io::Result<()> {
    // The numbers of Lehmer's generator: nothing that a file system could compress away.
    let next = |state: &u64| Some(state * 48_271 % 0x7fff_ffff);
    let block: Vec<u8> = std::iter::successors(Some(1), next).flat_map(u64::to_le_bytes).take(1 << 20).collect();
    let mut file = File::create(path)?;
    let mut left = size;
    while left > 0 {
        let piece = block.get(..left).unwrap_or(&block);
        file.write_all(piece)?;
        left -= piece.len();
    }
    file.sync_all()
}
