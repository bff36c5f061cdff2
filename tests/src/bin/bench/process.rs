//! Child processes: they end in time or when they are dropped, and `/proc` reports their cost.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// How long a master may take to end its workers.
const FAREWELL: Duration = Duration::from_secs(3);

/// `/proc` counts in hundredths of a second on every architecture (proc(5), `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// A child that does not outlive this value.
pub struct BenchProcess {
    child: Child,
    name: String,
}

impl BenchProcess {
    /// # Errors
    /// Where the program cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<BenchProcess> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).spawn().map_err(|error| failed(format!("{name}: {error}")))?;
        Ok(BenchProcess { child, name })
    }

    /// Runs a command that writes little to its end; both its outputs, whatever its exit status.
    ///
    /// # Errors
    /// Where it cannot be started or does not end within `patience`.
    pub fn output(command: &mut Command, patience: Duration) -> io::Result<(ExitStatus, String)> {
        let mut process = BenchProcess::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let Some(status) = process.wait(patience)? else {
            return Err(failed(format!("{} did not end within {patience:?}", process.name)));
        };
        let mut text = Vec::new();
        process.child.stdout.take().map(|mut from| from.read_to_end(&mut text)).transpose()?;
        process.child.stderr.take().map(|mut from| from.read_to_end(&mut text)).transpose()?;
        Ok((status, String::from_utf8_lossy(&text).into_owned()))
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// Where the kernel does not say.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    fn wait(&mut self, patience: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + patience;
        loop {
            let ended = self.ended()?;
            if ended.is_some() || Instant::now() >= deadline {
                return Ok(ended);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Resident memory of the process and all that descend from it, in bytes; pages that they share count for each.
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn resident(&self) -> io::Result<u64> {
        self.family()?.into_keys().map(resident).sum()
    }

    /// Processor time of the process and all that descend from it since they started, in seconds, to a hundredth each.
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn processor_seconds(&self) -> io::Result<f64> {
        let ticks: u32 = self.family()?.into_values().map(|stat| stat.ticks).sum();
        Ok(f64::from(ticks) / TICKS_PER_SECOND)
    }

    /// The process and its descendants.
    fn family(&self) -> io::Result<BTreeMap<u32, Stat>> {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir("/proc")? {
            let id = entry?.file_name().to_str().and_then(|name| name.parse().ok());
            // A process may end while the list is read.
            all.extend(id.and_then(|id: u32| Some((id, Stat::of(id)?))));
        }
        let own = all.remove(&self.child.id()).ok_or_else(|| failed(format!("{} has ended", self.name)))?;
        let mut family = BTreeMap::from([(self.child.id(), own)]);
        loop {
            let is_child = |stat: &Stat| family.contains_key(&stat.parent);
            let (children, others): (BTreeMap<_, _>, _) = all.into_iter().partition(|(_, stat)| is_child(stat));
            if children.is_empty() {
                return Ok(family);
            }
            family.extend(children);
            all = others;
        }
    }

    /// Ends the process. A master is asked, because its workers would outlive it if it were killed.
    fn end(&mut self) -> io::Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        if self.family()?.len() > 1 {
            signal(self.child.id(), Signal::TERM)?;
            if self.wait(FAREWELL)?.is_some() {
                return Ok(());
            }
            for id in self.family()?.into_keys().filter(|id| *id != self.child.id()) {
                signal(id, Signal::KILL)?;
            }
        }
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for BenchProcess {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{} may still run: {error}", self.name);
        }
    }
}

/// An error of this program's own.
pub fn failed(message: String) -> io::Error {
    io::Error::other(message)
}

fn signal(id: u32, signal: Signal) -> io::Result<()> {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or_else(|| failed(format!("{id} is not a process")))?;
    Ok(kill_process(id, signal)?)
}

/// A line of `/proc/ID/stat`.
struct Stat {
    parent: u32,
    /// User and system time, in ticks.
    ticks: u32,
}

impl Stat {
    fn of(id: u32) -> Option<Stat> {
        let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name before the bracket may hold anything, brackets and spaces included.
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |at: usize| fields.get(at)?.parse::<u32>().ok();
        Some(Stat { parent: field(1)?, ticks: field(11)? + field(12)? })
    }
}

fn resident(id: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.map(|kibibytes| kibibytes << 10).ok_or_else(|| failed(format!("process {id} has no VmRSS")))
}
