//! Turns samples of rounds into Markdown. A ratio compares two samples of the same round, because only they ran side by
//! side.

use crate::process::ChildProcess;
use crate::servers::{InstalledServer, ServerKind, first_line};
use crate::targets::GOALS;
use crate::works::{Metric, Quantity, Sample, Trouble, Work, median};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// All numbers and remarks.
#[derive(Default)]
pub struct Samples {
    /// A value per round.
    values: BTreeMap<(Metric, ServerKind), BTreeMap<u32, f64>>,
    remarks: BTreeMap<Work, BTreeSet<String>>,
    /// Whether a server or a tool failed.
    pub has_failed: bool,
}

/// The values of all rounds.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub least: f64,
    pub median: f64,
    pub most: f64,
}

impl Spread {
    fn of(numbers: &[f64]) -> Option<Spread> {
        let least = numbers.iter().copied().reduce(f64::min)?;
        let most = numbers.iter().copied().reduce(f64::max)?;
        Some(Spread { least, median: median(numbers), most })
    }
}

impl Samples {
    pub fn add(&mut self, work: Work, kind: ServerKind, round: u32, sample: Sample) {
        for (quantity, value) in sample.values {
            self.values.entry((Metric { work, quantity }, kind)).or_default().insert(round, value);
        }
        let notes = sample.notes.into_iter().map(|note| format!("{}: {note}", kind.name()));
        self.remarks.entry(work).or_default().extend(notes);
    }

    /// Adds the reason for a missing number.
    pub fn refuse(&mut self, work: Work, kind: ServerKind, trouble: Trouble) {
        let text = match trouble {
            Trouble::Lacks(feature) => format!("{}: {feature}", kind.name()),
            Trouble::Failed(error) => {
                self.has_failed = true;
                format!("{}: failed: {error}", kind.name())
            }
        };
        eprintln!("  {text}");
        self.remarks.entry(work).or_default().insert(text);
    }

    /// The numbers of all rounds.
    pub fn absolute(&self, metric: Metric, kind: ServerKind) -> Option<Spread> {
        Spread::of(&self.values.get(&(metric, kind))?.values().copied().collect::<Vec<_>>())
    }

    /// The numbers divided by those of another server, round by round.
    pub fn ratio(&self, metric: Metric, kind: ServerKind, to: ServerKind) -> Option<Spread> {
        let others = self.values.get(&(metric, to))?;
        let own = self.values.get(&(metric, kind))?;
        let ratios = own.iter().filter_map(|(round, value)| Some(value / others.get(round)?));
        Spread::of(&ratios.filter(|ratio| ratio.is_finite()).collect::<Vec<_>>())
    }

    fn quantities(&self, work: Work) -> BTreeSet<Quantity> {
        let of_work = self.values.keys().filter(|(metric, _)| metric.work == work);
        of_work.map(|(metric, _)| metric.quantity).collect()
    }
}

/// The machine's software and the settings of the run.
pub struct Conditions {
    pub installed: Vec<InstalledServer>,
    pub missing: Vec<ServerKind>,
    /// The versions of the load generators.
    pub tools: Vec<String>,
    pub rounds: u32,
    pub seconds: u32,
}

/// The whole document.
///
/// # Errors
/// None: a write to a string does not fail.
pub fn document(samples: &Samples, conditions: &Conditions) -> Result<String, fmt::Error> {
    let mut text = String::from("# Measurements\n\n");
    write_conditions(&mut text, conditions)?;
    for work in Work::ALL {
        write_work(&mut text, samples, work)?;
    }
    write_goals(&mut text, samples)?;
    Ok(text)
}

fn write_conditions(text: &mut String, conditions: &Conditions) -> fmt::Result {
    let Conditions { installed, missing, tools, rounds, seconds } = conditions;
    writeln!(text, "Written by `make bench` on {}.\n", today())?;
    writeln!(text, "- machine: {}", machine())?;
    for server in installed.iter().filter(|server| !matches!(server.kind, ServerKind::NoReplay | ServerKind::Packed)) {
        writeln!(text, "- {}: {}", server.kind.name(), server.version)?;
    }
    writeln!(text, "- load: {}; {rounds} rounds of {seconds} s", tools.join(", "))?;
    let missing: Vec<&str> = missing.iter().map(|kind| kind.name()).collect();
    if !missing.is_empty() {
        writeln!(text, "- not on this machine: {}", missing.join(", "))?;
    }
    text.write_str(
        "
Every server runs once in every round, in an order that rotates. Load and server share the machine and use the loopback.
A number is the median of the rounds. A ratio to nginx compares numbers of the same round; a cell has the least ratio,
the **median** and the greatest. Real traffic compares the fastest servers, archives only glasshouse, and these parts
have fewer rounds: archives, slow readers and memory. nginx, lighttpd and h2o have two workers or threads.

- Processor time: `utime` and `stime` of all processes of the server.
- HTTP: wrk, one thread, 32 kept connections. TLS: h2load with one thread; 32 connections for HTTP/1.1, 8 connections
  with 4 streams each for HTTP/2. Both share the cores with the server, so processor time is the steadier figure.
- Uniform and skewed: each file was requested once before. Skewed: the number of the file is 20,000 times the fourth
  power of a uniform random number.
- First gzip: wrk requests 16,384 files one after the other from a new process. lighttpd keeps compressed files on the
  disk, as in its package; h2o and nginx compress each response.
- TLS 1.3 with TLS_AES_128_GCM_SHA256 and a P-256 certificate. Handshakes: 8 clients, no resumption.
- 512 MiB over one connection: four downloads, two over TLS. The kernel discards plain ones. GB are 10^9 bytes.
- Archives: one download of 8,192 text files. MB are 10^6 bytes of the files. Per core: per second of
  processor time.
- Start: the median of five starts. Memory: `VmRSS` of all processes of the server; a shared page counts for each. nginx
  reserves 2 x 16,384 connections at its start.
- Slow readers: 200 readers of 1 MiB/s each from a 1 GiB file, beside 2,000 requests for 1 KiB at even distances over
  four connections. A late response counts from the time when its request was due.
- Without \"access log\" in the title, nothing is logged; Python and darkhttpd log to the null device.

",
    )
}

fn write_work(text: &mut String, samples: &Samples, work: Work) -> fmt::Result {
    let quantities = samples.quantities(work);
    let remarks = samples.remarks.get(&work).filter(|remarks| !remarks.is_empty());
    if quantities.is_empty() && remarks.is_none() {
        return Ok(());
    }
    writeln!(text, "## {}\n", work.title())?;
    if !quantities.is_empty() {
        write_table(text, samples, work, &quantities)?;
    }
    for remark in remarks.into_iter().flatten() {
        writeln!(text, "- {remark}")?;
    }
    if remarks.is_some() { writeln!(text) } else { Ok(()) }
}

fn write_table(text: &mut String, samples: &Samples, work: Work, quantities: &BTreeSet<Quantity>) -> fmt::Result {
    text.write_str("| server |")?;
    for quantity in quantities {
        let better = if quantity.more_is_better() { "more" } else { "less" };
        write!(text, " {} ({better} is better) | to nginx |", quantity.unit())?;
    }
    writeln!(text, "\n|---|{}", "---:|---:|".repeat(quantities.len()))?;
    for kind in ServerKind::ALL {
        let metric = |quantity: &Quantity| Metric { work, quantity: *quantity };
        if !quantities.iter().any(|quantity| samples.absolute(metric(quantity), kind).is_some()) {
            continue;
        }
        write!(text, "| {} |", kind.name())?;
        for quantity in quantities {
            let median = samples.absolute(metric(quantity), kind).map(|spread| number(spread.median));
            let ratio = samples.ratio(metric(quantity), kind, ServerKind::Nginx);
            let ratio = ratio.filter(|_| kind != ServerKind::Nginx);
            let ratio = ratio.map_or("—".into(), |Spread { least, median, most }| {
                format!("{}–**{}**–{}", number(least), number(median), number(most))
            });
            write!(text, " {} | {ratio} |", median.unwrap_or("—".into()))?;
        }
        writeln!(text)?;
    }
    writeln!(text)
}

fn write_goals(text: &mut String, samples: &Samples) -> fmt::Result {
    writeln!(text, "## Targets\n\n| target | wanted | measured | met |\n|---|---:|---:|---|")?;
    for goal in GOALS {
        let measured = goal.measured(samples);
        let met = match measured.map(|value| goal.bound.allows(value)) {
            None => "not measured",
            Some(Some(true)) => "yes",
            Some(Some(false)) => "**no**",
            Some(None) => "—",
        };
        let measured = measured.map_or("—".into(), number);
        writeln!(text, "| {} | {} | {measured} | {met} |", goal.title(), goal.bound)?;
    }
    Ok(())
}

/// A number with three significant digits, and with commas between thousands.
pub fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let decimals = match value.abs() {
            ..1.0 => 3,
            ..10.0 => 2,
            _ => 1,
        };
        return format!("{value:.decimals$}");
    }
    let digits = format!("{value:.0}");
    let apart = digits.bytes().rev().enumerate().flat_map(|(at, digit)| {
        let comma = (at > 0 && at % 3 == 0 && digit.is_ascii_digit()).then_some(',');
        comma.into_iter().chain(Some(char::from(digit)))
    });
    apart.collect::<Vec<char>>().into_iter().rev().collect()
}

/// The date of the system clock.
fn today() -> String {
    let mut command = Command::new("date");
    let output = ChildProcess::output(command.args(["-u", "+%Y-%m-%d"]), Duration::from_secs(5));
    output.map(|output| first_line(&output.text).to_owned()).unwrap_or_else(|_| "an unknown day".into())
}

/// Processor, cores, memory and kernel.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_once(':')).map_or("unknown".into(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = value(&read("/proc/cpuinfo"), "model name");
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    format!("{processor}, {cores} cores, {memory}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}
