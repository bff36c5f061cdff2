//! Child processes, which end in time or when they are dropped, and their cost as `/proc` reports it.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// The unit of times in `/proc` on every architecture (proc(5), `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// A child that does not outlive this value.
pub struct ChildProcess {
    child: Child,
    name: String,
    /// Processor time in ticks, when `wait` last read it.
    ticks: u32,
}

/// The result of a program that has ended.
pub struct Output {
    pub status: ExitStatus,
    /// Standard output, then standard error.
    pub text: String,
    /// Processor time of the program, in seconds.
    pub processor_seconds: f64,
}

impl ChildProcess {
    /// # Errors
    /// If the program cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<ChildProcess> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).spawn().map_err(|error| failed(format!("{name}: {error}")))?;
        Ok(ChildProcess { child, name, ticks: 0 })
    }

    /// Runs a command that writes less than a pipe holds.
    ///
    /// # Errors
    /// If the command cannot be started, or does not end within `patience`.
    pub fn output(command: &mut Command, patience: Duration) -> io::Result<Output> {
        let mut process = ChildProcess::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let Some(status) = process.wait(patience)? else {
            return Err(failed(format!("{} did not end within {patience:?}", process.name)));
        };
        let mut text = Vec::new();
        process.child.stdout.take().map(|mut from| from.read_to_end(&mut text)).transpose()?;
        process.child.stderr.take().map(|mut from| from.read_to_end(&mut text)).transpose()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(Output { status, text, processor_seconds: f64::from(process.ticks) / TICKS_PER_SECOND })
    }

    /// The exit status, if the process has ended.
    ///
    /// # Errors
    /// As waitpid(2).
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    fn wait(&mut self, patience: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + patience;
        loop {
            self.ticks = ProcessStat::of(self.child.id()).map_or(self.ticks, |stat| stat.ticks);
            let ended = self.ended()?;
            if ended.is_some() || Instant::now() >= deadline {
                return Ok(ended);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Resident memory of the process and its descendants, in bytes; a shared page counts for each of them.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn resident(&self) -> io::Result<u64> {
        self.family()?.into_keys().map(resident).sum()
    }

    /// Processor time of the process and its descendants since they started, in seconds, to a hundredth each.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn processor_seconds(&self) -> io::Result<f64> {
        let ticks: u32 = self.family()?.into_values().map(|stat| stat.ticks).sum();
        Ok(f64::from(ticks) / TICKS_PER_SECOND)
    }

    /// The process and its descendants.
    fn family(&self) -> io::Result<BTreeMap<u32, ProcessStat>> {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir("/proc")? {
            let id = entry?.file_name().to_str().and_then(|name| name.parse().ok());
            // A process may end while the list is read.
            all.extend(id.and_then(|id: u32| Some((id, ProcessStat::of(id)?))));
        }
        let own = all.remove(&self.child.id()).ok_or_else(|| failed(format!("{} has ended", self.name)))?;
        let mut family = BTreeMap::from([(self.child.id(), own)]);
        loop {
            let is_child = |stat: &ProcessStat| family.contains_key(&stat.parent);
            let (children, others): (BTreeMap<_, _>, _) = all.into_iter().partition(|(_, stat)| is_child(stat));
            if children.is_empty() {
                return Ok(family);
            }
            family.extend(children);
            all = others;
        }
    }

    /// Kills the process and then its descendants. lighttpd passes a SIGTERM on to its process group, which includes
    /// this program.
    fn end(&mut self) -> io::Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let family = self.family()?;
        self.child.kill()?;
        self.child.wait()?;
        for id in family.into_keys().filter(|id| *id != self.child.id()) {
            kill(id)?;
        }
        Ok(())
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{} may still run: {error}", self.name);
        }
    }
}

/// An error of the benchmark.
pub fn failed(message: String) -> io::Error {
    io::Error::other(message)
}

/// Kills a process that may have ended.
fn kill(id: u32) -> io::Result<()> {
    let id =
        i32::try_from(id).ok().and_then(Pid::from_raw).ok_or_else(|| failed(format!("invalid process id {id}")))?;
    match kill_process(id, Signal::KILL) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A line of `/proc/ID/stat`.
struct ProcessStat {
    parent: u32,
    /// User and system time, in ticks.
    ticks: u32,
}

impl ProcessStat {
    fn of(id: u32) -> Option<ProcessStat> {
        let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name before the bracket may contain brackets and spaces.
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |at: usize| fields.get(at)?.parse::<u32>().ok();
        Some(ProcessStat { parent: field(1)?, ticks: field(11)? + field(12)? })
    }
}

fn resident(id: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.map(|kibibytes| kibibytes << 10).ok_or_else(|| failed(format!("process {id} has no VmRSS")))
}
