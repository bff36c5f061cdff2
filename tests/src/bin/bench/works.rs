//! The measurements: the loads, the numbers that each yields, and how.

use crate::client::{self, Origin};
use crate::crowd;
use crate::process::{BenchProcess, failed};
use crate::servers::{Contestant, Installed};
use crate::site::{BenchServer, BenchSite, ENTRIES, HUGE, LARGE, LISTING, MIDDLE, SMALL, entry};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// One question that all servers are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    Small,
    Middle,
    Listing,
    NotModified,
    Range,
    Large,
    Start,
    Memory,
    Idle,
    Slow,
}

impl Work {
    pub const ALL: [Work; 10] = [
        Work::Small,
        Work::Middle,
        Work::Listing,
        Work::NotModified,
        Work::Range,
        Work::Large,
        Work::Slow,
        Work::Start,
        Work::Memory,
        Work::Idle,
    ];

    /// The word that selects it in `BENCH_ONLY`.
    pub fn key(self) -> &'static str {
        match self {
            Work::Small => "1k",
            Work::Middle => "100k",
            Work::Listing => "listing",
            Work::NotModified => "304",
            Work::Range => "range",
            Work::Large => "large",
            Work::Start => "start",
            Work::Memory => "memory",
            Work::Idle => "idle",
            Work::Slow => "slow",
        }
    }

    /// What is requested under load from wrk: the path and the first field; `None` where the work is done without wrk.
    fn load(self) -> Option<(&'static str, Load)> {
        match self {
            Work::Small => Some((SMALL, Load::Plain)),
            Work::Middle => Some((MIDDLE, Load::Plain)),
            Work::Listing => Some((LISTING, Load::Entries)),
            Work::NotModified => Some((SMALL, Load::ETag)),
            Work::Range => Some((HUGE, Load::Range)),
            Work::Large | Work::Start | Work::Memory | Work::Idle | Work::Slow => None,
        }
    }

    pub fn needs_wrk(self) -> bool {
        self.load().is_some()
    }
}

/// What a load asks for besides its path, and what a right answer is.
#[derive(Clone, Copy, Debug)]
enum Load {
    Plain,
    Entries,
    ETag,
    Range,
}

/// 64 KiB in the middle of the huge file.
const RANGE: &str = "Range: bytes=536870912-536936447";
const RANGE_LENGTH: u64 = 64 << 10;

/// A number that a work yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    Small,
    Middle,
    Listing,
    NotModified,
    Range,
    LargeRate,
    LargeCost,
    SlowTail,
    SlowRate,
    Start,
    Memory,
    Idle,
}

impl Metric {
    /// What it is, and in which unit.
    pub fn title(self) -> (&'static str, &'static str) {
        match self {
            Metric::Small => ("1 KiB file", "requests/s"),
            Metric::Middle => ("100 KiB file", "requests/s"),
            Metric::Listing => ("listing of 1,000 entries", "requests/s"),
            Metric::NotModified => ("304 by ETag", "requests/s"),
            Metric::Range => ("64 KiB range of a 1 GiB file", "requests/s"),
            Metric::LargeRate => ("512 MiB over one connection", "GB/s"),
            Metric::LargeCost => ("512 MiB over one connection: processor time", "s/GB"),
            Metric::SlowTail => ("p99 of small requests beside 200 slow readers", "ms"),
            Metric::SlowRate => ("what the 200 slow readers got", "MiB/s"),
            Metric::Start => ("start to first answer", "ms"),
            Metric::Memory => ("memory after start", "MiB"),
            Metric::Idle => ("memory per idle connection", "KiB"),
        }
    }

    /// Whether a larger number is the better one.
    pub fn more_is_better(self) -> bool {
        !matches!(self, Metric::LargeCost | Metric::SlowTail | Metric::Start | Metric::Memory | Metric::Idle)
    }
}

/// The numbers of one round of a work for one server.
#[derive(Clone, Debug, Default)]
pub struct Yield {
    pub values: Vec<(Metric, f64)>,
    /// What a reader of the numbers has to know.
    pub note: Option<String>,
}

/// Why a work has no numbers for a server.
#[derive(Debug)]
pub enum Trouble {
    /// The server does not do what is measured.
    Lacks(String),
    Failed(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Failed(error)
    }
}

/// The servers and the means to measure them.
pub struct Contest {
    pub site: BenchSite,
    /// Where a load comes from; none where no work needs it.
    pub wrk: Option<PathBuf>,
    /// How long one load lasts, in whole seconds.
    pub seconds: u32,
    running: BTreeMap<Contestant, BenchServer>,
}

impl Contest {
    pub fn new(site: BenchSite, wrk: Option<PathBuf>, seconds: u32) -> Contest {
        Contest { site, wrk, seconds, running: BTreeMap::new() }
    }

    /// One round of a work for one server.
    ///
    /// # Errors
    /// Where the server or a tool fails, or the server cannot do such work.
    pub fn measure(&mut self, work: Work, installed: &Installed) -> Result<Yield, Trouble> {
        let measured = self.one_round(work, installed);
        if matches!(measured, Err(Trouble::Failed(_))) {
            // What failed once may be in any state.
            self.running.remove(&installed.kind);
        }
        measured
    }

    fn one_round(&mut self, work: Work, installed: &Installed) -> Result<Yield, Trouble> {
        match work {
            Work::Small => self.load(work, installed, Metric::Small),
            Work::Middle => self.load(work, installed, Metric::Middle),
            Work::Listing => self.load(work, installed, Metric::Listing),
            Work::NotModified => self.load(work, installed, Metric::NotModified),
            Work::Range => self.load(work, installed, Metric::Range),
            Work::Large => large(self.running(installed)?),
            Work::Slow => {
                let window = Duration::from_secs(10) * self.seconds / 3;
                crowd::slow(self.running(installed)?.address, window)
            }
            Work::Start => self.start(installed),
            Work::Memory => {
                self.running.clear();
                let (server, _) = self.site.start(installed)?;
                Ok(one(Metric::Memory, mebibytes(server.process.resident()?)))
            }
            Work::Idle => {
                self.running.clear();
                let (server, _) = self.site.start(installed)?;
                crowd::idle(&server)
            }
        }
    }

    /// The server as it runs since its first work.
    fn running(&mut self, installed: &Installed) -> io::Result<&BenchServer> {
        let gone = |server: &mut BenchServer| !matches!(server.process.ended(), Ok(None));
        if self.running.get_mut(&installed.kind).is_none_or(gone) {
            let (server, _) = self.site.start(installed)?;
            self.running.insert(installed.kind, server);
        }
        self.running.get(&installed.kind).ok_or_else(|| failed("it does not run".into()))
    }

    fn start(&mut self, installed: &Installed) -> Result<Yield, Trouble> {
        self.running.clear();
        let mut times = Vec::new();
        for _ in 0..5 {
            let (_, time) = self.site.start(installed)?;
            times.push(time.as_secs_f64() * 1e3);
        }
        Ok(one(Metric::Start, median(&times)))
    }

    fn load(&mut self, work: Work, installed: &Installed, metric: Metric) -> Result<Yield, Trouble> {
        let (seconds, wrk) = (self.seconds, self.wrk.clone());
        let wrk = wrk.ok_or_else(|| failed("there is no wrk".into()))?;
        let (path, load) = work.load().ok_or_else(|| failed("this is not a load".into()))?;
        let is_new = !self.running.contains_key(&installed.kind);
        let server = self.running(installed)?;
        let field = rehearse(server, path, load)?;
        let url = format!("http://{}{path}", server.address);
        if is_new {
            run_wrk(&wrk, &url, field.as_deref(), 1)?;
        }
        let (rate, note) = run_wrk(&wrk, &url, field.as_deref(), seconds)?;
        Ok(Yield { values: vec![(metric, rate)], note })
    }
}

fn one(metric: Metric, value: f64) -> Yield {
    Yield { values: vec![(metric, value)], note: None }
}

/// Asks once and looks at the answer, so that no server wins with a wrong one; the field to send.
fn rehearse(server: &BenchServer, path: &str, load: Load) -> Result<Option<String>, Trouble> {
    let ask = |field: &str| client::fetch(server.address, path, field);
    match load {
        Load::Plain => match ask("")?.head.status {
            200 => Ok(None),
            status => Err(Trouble::Failed(failed(format!("status {status} for {path}")))),
        },
        Load::Entries => {
            let answer = ask("")?;
            let text = String::from_utf8_lossy(&answer.body);
            match text.matches("entry-").count() >= ENTRIES && text.contains(&entry(ENTRIES / 2)) {
                true => Ok(None),
                false => Err(Trouble::Lacks(format!("no listing, status {}", answer.head.status))),
            }
        }
        Load::ETag => {
            let answer = ask("")?;
            let Some(tag) = answer.head.field("etag") else { return Err(Trouble::Lacks("no ETag".into())) };
            let field = format!("If-None-Match: {tag}");
            match ask(&format!("{field}\r\n"))?.head.status {
                304 => Ok(Some(field)),
                status => Err(Trouble::Lacks(format!("status {status} for its own ETag"))),
            }
        }
        Load::Range => {
            let head = ask(&format!("{RANGE}\r\n"))?.head;
            match (head.status, head.length()) {
                (206, Some(RANGE_LENGTH)) => Ok(Some(RANGE.into())),
                (status, _) => Err(Trouble::Lacks(format!("no ranges, status {status}"))),
            }
        }
    }
}

/// The requests per second that wrk counts with one thread and 32 connections, and what else it says.
fn run_wrk(wrk: &PathBuf, url: &str, field: Option<&str>, seconds: u32) -> io::Result<(f64, Option<String>)> {
    let mut command = Command::new(wrk);
    command.args(["-t1", "-c32", &format!("-d{seconds}"), "--timeout", "5s"]);
    if let Some(field) = field {
        command.args(["-H", field]);
    }
    let (status, text) = BenchProcess::output(command.arg(url), Duration::from_secs(u64::from(seconds) + 20))?;
    let after = |label: &str| text.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim);
    if let Some(count) = after("Non-2xx or 3xx responses:") {
        return Err(failed(format!("{count} answers with an error")));
    }
    let rate = after("Requests/sec:").and_then(|rate| rate.parse().ok()).filter(|_| status.success());
    let rate = rate.ok_or_else(|| failed(format!("wrk: {status}: {text}")))?;
    Ok((rate, after("Socket errors:").map(|errors| format!("socket errors: {errors}"))))
}

/// The large file, one time after the other over one connection: often enough that hundredths of a second, in which the
/// kernel counts processor time, do not matter.
fn large(server: &BenchServer) -> Result<Yield, Trouble> {
    let request = client::request(server.address, LARGE, "");
    let (begin, seconds_before) = (Instant::now(), server.process.processor_seconds()?);
    let deadline = begin + Duration::from_secs(60);
    let mut stream = client::connect(server.address, Origin::default())?;
    let mut bytes = 0;
    for _ in 0..4 {
        bytes += client::ask(&mut stream, &request, deadline)?;
    }
    let (time, cost) = (begin.elapsed().as_secs_f64(), server.process.processor_seconds()? - seconds_before);
    let gigabytes = count(bytes) / 1e9;
    let values = vec![(Metric::LargeRate, gigabytes / time), (Metric::LargeCost, cost / gigabytes)];
    Ok(Yield { values, note: None })
}

/// A count as a number to calculate with; exact below 2^53.
pub fn count(number: u64) -> f64 {
    number as f64
}

fn mebibytes(bytes: u64) -> f64 {
    count(bytes) / f64::from(1 << 20)
}

/// The middle of some numbers, of an even number of them the mean of the middle two; not a number where there is none.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 { at(middle) } else { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 }
}
