//! The running servers, and one round of a work for one of them.

use crate::process::failed;
use crate::servers::{InstalledServer, Profile, ServerKind};
use crate::site::{BenchSite, RunningServer};
use crate::works::{Quantity, Sample, Tool, Trouble, Work, count, median};
use crate::{crowd, download, http_load, tls_load};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The load generators that are installed.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    pub wrk: Option<PathBuf>,
    pub h2load: Option<PathBuf>,
}

/// The servers and the means to measure them.
pub struct Contest {
    // Before the site, because the servers write into its directory until they end.
    running: BTreeMap<(ServerKind, Profile), RunningServer>,
    site: BenchSite,
    tools: Tools,
    /// The duration of a load in whole seconds.
    seconds: u32,
}

impl Contest {
    pub fn new(site: BenchSite, tools: Tools, seconds: u32) -> Contest {
        Contest { site, tools, seconds, running: BTreeMap::new() }
    }

    /// Measures one round of a work for one server.
    ///
    /// # Errors
    /// If the server or a tool fails, or the server does not have the measured feature.
    pub fn measure(&mut self, work: Work, installed: &InstalledServer) -> Result<Sample, Trouble> {
        let measured = self.one_round(work, installed);
        if matches!(measured, Err(Trouble::Failed(_))) {
            // After a failure, the state of the server is unknown.
            self.running.remove(&(installed.kind, work.profile()));
        }
        measured
    }

    fn one_round(&mut self, work: Work, installed: &InstalledServer) -> Result<Sample, Trouble> {
        match work.tool() {
            Some(Tool::Wrk) => return self.http_load(work, installed),
            Some(Tool::H2load) => {
                let h2load = self.tools.h2load.clone().ok_or_else(|| failed("h2load is missing".into()))?;
                let seconds = self.seconds;
                return tls_load::measure(work, self.running(work, installed)?, &h2load, seconds);
            }
            None => {}
        }
        let seconds = self.seconds;
        match work {
            Work::Handshakes => tls_load::handshakes(self.running(work, installed)?, seconds),
            Work::TlsLarge => tls_load::download(self.running(work, installed)?),
            Work::Large => download::large_file(self.running(work, installed)?),
            Work::Tar | Work::Zip | Work::TarGz => download::archive(work, self.running(work, installed)?),
            Work::Slow => {
                let window = Duration::from_secs(10) * seconds / 3;
                crowd::slow(self.running(work, installed)?.address, window)
            }
            Work::Start => self.start(installed),
            Work::Memory => {
                let resident = count(self.fresh(work, installed)?.process.resident()?);
                Ok(Sample::of(Quantity::Resident, resident / f64::from(1 << 20)))
            }
            Work::Idle => crowd::idle(&self.fresh(work, installed)?),
            _ => Err(failed(format!("{} needs a load generator", work.key())).into()),
        }
    }

    /// The server with the profile of the work, as it has run since its first work with this profile.
    fn running(&mut self, work: Work, installed: &InstalledServer) -> Result<&RunningServer, Trouble> {
        let key = (installed.kind, work.profile());
        let has_ended = |server: &mut RunningServer| !matches!(server.process.ended(), Ok(None));
        if self.running.get_mut(&key).is_none_or(has_ended) {
            let (server, _) = self.site.start(installed, work.profile())?;
            self.running.insert(key, server);
        }
        Ok(self.running.get(&key).ok_or_else(|| failed("the server does not run".into()))?)
    }

    /// A new process of the server, without any other server beside it.
    fn fresh(&mut self, work: Work, installed: &InstalledServer) -> Result<RunningServer, Trouble> {
        self.running.clear();
        Ok(self.site.start(installed, work.profile())?.0)
    }

    fn start(&mut self, installed: &InstalledServer) -> Result<Sample, Trouble> {
        self.running.clear();
        let mut times = Vec::new();
        for _ in 0..5 {
            let (_, time) = self.site.start(installed, Profile::Plain)?;
            times.push(time.as_secs_f64() * 1e3);
        }
        Ok(Sample::of(Quantity::StartTime, median(&times)))
    }

    fn http_load(&mut self, work: Work, installed: &InstalledServer) -> Result<Sample, Trouble> {
        let wrk = self.tools.wrk.clone().ok_or_else(|| failed("wrk is missing".into()))?;
        let (seconds, script) = (self.seconds, self.site.script());
        let key = (installed.kind, work.profile());
        if work == Work::FirstGzip {
            // A new process has no compressed file from an earlier round.
            self.running.remove(&key);
        }
        let is_new = !self.running.contains_key(&key);
        let server = self.running(work, installed)?;
        if is_new {
            http_load::warm_up(server, &wrk, &script)?;
        }
        http_load::measure(work, server, &wrk, &script, seconds)
    }
}

/// The version of a load generator.
///
/// # Errors
/// If the program cannot be started.
pub fn tool_version(program: &PathBuf, option: &str) -> io::Result<String> {
    let mut command = std::process::Command::new(program);
    let output = crate::process::ChildProcess::output(command.arg(option), Duration::from_secs(5))?;
    let line = crate::servers::first_line(&output.text);
    Ok(line.split(" Copyright").next().unwrap_or("").to_owned())
}
