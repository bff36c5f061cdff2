//! Turns samples of rounds into Markdown. A ratio compares two samples of the same round, because only they ran side by
//! side.

use crate::servers::{Contestant, Installed, first_line};
use crate::targets::TARGETS;
use crate::works::{Metric, Trouble, Work, Yield, median};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// All numbers, and all that has to be said about them.
#[derive(Default)]
pub struct RoundSamples {
    /// A value per round.
    values: BTreeMap<(Metric, Contestant), BTreeMap<u32, f64>>,
    remarks: BTreeMap<Work, BTreeSet<String>>,
    /// Which metrics belong to which work is known when they come.
    metrics: BTreeMap<Work, BTreeSet<Metric>>,
    /// Whether something that should have run could not.
    pub has_failed: bool,
}

/// How a server stands to another, or a single number in its rounds.
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

impl RoundSamples {
    pub fn add(&mut self, work: Work, kind: Contestant, round: u32, taken: Yield) {
        for (metric, value) in taken.values {
            self.metrics.entry(work).or_default().insert(metric);
            self.values.entry((metric, kind)).or_default().insert(round, value);
        }
        let note = taken.note.map(|note| format!("{}: {note}", kind.name()));
        self.remarks.entry(work).or_default().extend(note);
    }

    /// The reason for a missing number.
    pub fn refuse(&mut self, work: Work, kind: Contestant, trouble: Trouble) {
        let text = match trouble {
            Trouble::Lacks(what) => format!("{}: {what}", kind.name()),
            Trouble::Failed(error) => {
                self.has_failed = true;
                format!("{}: failed: {error}", kind.name())
            }
        };
        eprintln!("  {text}");
        self.remarks.entry(work).or_default().insert(text);
    }

    /// A number in all its rounds.
    pub fn absolute(&self, metric: Metric, kind: Contestant) -> Option<Spread> {
        Spread::of(&self.values.get(&(metric, kind))?.values().copied().collect::<Vec<_>>())
    }

    /// A number divided by that of another server, round by round.
    pub fn ratio(&self, metric: Metric, kind: Contestant, to: Contestant) -> Option<Spread> {
        let others = self.values.get(&(metric, to))?;
        let own = self.values.get(&(metric, kind))?;
        let ratios = own.iter().filter_map(|(round, value)| Some(value / others.get(round)?));
        Spread::of(&ratios.filter(|ratio| ratio.is_finite()).collect::<Vec<_>>())
    }
}

/// How the numbers came about.
pub struct Conditions {
    pub installed: Vec<Installed>,
    pub missing: Vec<Contestant>,
    pub wrk: Option<String>,
    pub rounds: u32,
    pub seconds: u32,
}

/// The whole document.
///
/// # Errors
/// None; writing to a string does not fail.
pub fn document(samples: &RoundSamples, conditions: &Conditions) -> Result<String, fmt::Error> {
    let mut text = String::from("# Measurements\n\n");
    write_conditions(&mut text, conditions)?;
    for (work, metrics) in &samples.metrics {
        for metric in metrics {
            write_table(&mut text, samples, *metric)?;
        }
        write_remarks(&mut text, samples.remarks.get(work))?;
    }
    let without_numbers = samples.remarks.iter().filter(|(work, _)| !samples.metrics.contains_key(work));
    for (work, remarks) in without_numbers {
        writeln!(text, "## {}\n", work.key())?;
        write_remarks(&mut text, Some(remarks))?;
    }
    write_targets(&mut text, samples)?;
    Ok(text)
}

fn write_conditions(text: &mut String, conditions: &Conditions) -> fmt::Result {
    let Conditions { installed, missing, wrk, rounds, seconds } = conditions;
    writeln!(text, "Written by `make bench` on {}.\n", today())?;
    writeln!(text, "- machine: {}", machine())?;
    for server in installed.iter().filter(|server| server.kind != Contestant::NoReplay) {
        writeln!(text, "- {}: {}", server.kind.name(), server.version)?;
    }
    writeln!(text, "- load: {}; {rounds} rounds of {seconds} s", wrk.as_deref().unwrap_or("no wrk"))?;
    let missing: Vec<&str> = missing.iter().map(|kind| kind.name()).collect();
    if !missing.is_empty() {
        writeln!(text, "- not on this machine: {}", missing.join(", "))?;
    }
    text.write_str(
        "
Every server ran once in every round, in an order that rotates; load and server share the machine, over the loopback. A
median is over the rounds. A ratio is made within a round; shown are the least, the **median** and the greatest.
Requests per second: wrk, one thread, 32 connections that are kept. One connection: four times the file, discarded in
the kernel; GB are 10^9 bytes; processor time is that of the server's processes. Start: five a round. Memory: `VmRSS` of
all processes of the server, shared pages counted for each; nginx has room for 2 x 16,384 connections from its start.
Slow readers: 200 times 1 MiB/s of a 1 GiB file, while 2,000 requests for 1 KiB come at even distances over four
connections; a late answer counts from when its request was due. Python and darkhttpd log to the null device, the others
do not log.

",
    )
}

fn write_table(text: &mut String, samples: &RoundSamples, metric: Metric) -> fmt::Result {
    let (title, unit) = metric.title();
    let better = if metric.more_is_better() { "more" } else { "less" };
    writeln!(text, "## {title}\n\n| server | {unit} ({better} is better) | ratio to nginx |\n|---|---:|---:|")?;
    for kind in Contestant::ALL {
        let Some(spread) = samples.absolute(metric, kind) else { continue };
        let ratio = samples.ratio(metric, kind, Contestant::Nginx).filter(|_| kind != Contestant::Nginx);
        let ratio = ratio.map_or("—".into(), |Spread { least, median, most }| {
            format!("{}–**{}**–{}", number(least), number(median), number(most))
        });
        writeln!(text, "| {} | {} | {ratio} |", kind.name(), number(spread.median))?;
    }
    writeln!(text)
}

fn write_remarks(text: &mut String, remarks: Option<&BTreeSet<String>>) -> fmt::Result {
    let remarks = remarks.into_iter().flatten();
    let mut any = false;
    for remark in remarks {
        writeln!(text, "- {remark}")?;
        any = true;
    }
    if any { writeln!(text) } else { Ok(()) }
}

fn write_targets(text: &mut String, samples: &RoundSamples) -> fmt::Result {
    writeln!(text, "## Targets\n\n| target | wanted | measured | met |\n|---|---:|---:|---|")?;
    for target in TARGETS {
        let measured = target.measured(samples);
        let met = match measured {
            None => "not measured",
            Some(value) if target.wanted.allows(value) => "yes",
            Some(_) => "**no**",
        };
        let measured = measured.map_or("—".into(), number);
        writeln!(text, "| {} | {} | {measured} | {met} |", target.title, target.wanted)?;
    }
    Ok(())
}

/// Three digits that count, and thousands apart.
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

/// The day, as the system's clock says.
fn today() -> String {
    let mut command = Command::new("date");
    let said = crate::process::BenchProcess::output(command.args(["-u", "+%Y-%m-%d"]), Duration::from_secs(5));
    said.map(|(_, text)| first_line(&text).to_owned()).unwrap_or_else(|_| "an unknown day".into())
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
