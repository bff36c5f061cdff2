//! The benchmark: glasshouse beside nginx, stock `wasmtime serve`, `python -m http.server` and other installed servers,
//! on one tree, in interleaved rounds. It prints its results, and no number decides its exit code.
//!
//! `BENCH_SECONDS` (3) is the time of a load, `BENCH_ROUNDS` (5) their number; `BENCH_ONLY` and `BENCH_SERVERS` are
//! lists of works and servers, separated by commas.

mod client;
mod crowd;
mod process;
mod report;
mod servers;
mod site;
mod targets;
mod works;

use process::{BenchProcess, failed};
use report::{Conditions, RoundSamples};
use servers::{Contestant, Installed, first_line, on_path};
use site::BenchSite;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};
use works::{Contest, Work};

/// Where the document is kept.
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/RESULTS.md");

/// What begins the part of the document that people write.
const NOTES: &str = "\n## Notes";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was asked for.
struct Settings {
    seconds: u32,
    rounds: u32,
    works: Vec<Work>,
    kinds: Vec<Contestant>,
    /// Whether nothing was left out, so that the document may replace the one that is kept.
    is_whole: bool,
}

impl Settings {
    fn read() -> io::Result<Settings> {
        let is_whole = ["BENCH_ONLY", "BENCH_SERVERS"].iter().all(|name| setting(name).is_none());
        Ok(Settings {
            seconds: number("BENCH_SECONDS", 3)?,
            rounds: number("BENCH_ROUNDS", 5)?,
            works: choice("BENCH_ONLY", Work::ALL.map(|work| (work.key(), work)))?,
            kinds: choice("BENCH_SERVERS", Contestant::ALL.map(|kind| (kind.key(), kind)))?,
            is_whole,
        })
    }
}

/// A variable; one that is empty counts as none.
fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str, default: u32) -> io::Result<u32> {
    let Some(value) = setting(name) else { return Ok(default) };
    let number = value.parse().ok().filter(|number| (1..=1000).contains(number));
    number.ok_or_else(|| failed(format!("{name}={value}: expected a number from 1 to 1000")))
}

/// The selection of a list of words, in the order of the table; everything without a list.
fn choice<T: Copy, const N: usize>(name: &str, all: [(&'static str, T); N]) -> io::Result<Vec<T>> {
    let list = setting(name);
    let words: Vec<&str> = list.iter().flat_map(|list| list.split(',')).map(str::trim).collect();
    if let Some(word) = words.iter().find(|word| !all.iter().any(|(key, _)| key == *word)) {
        let known = all.map(|(key, _)| key).join(", ");
        return Err(failed(format!("{name}: '{word}' is none of {known}")));
    }
    let is_chosen = |key: &str| list.is_none() || words.contains(&key);
    Ok(all.into_iter().filter(|(key, _)| is_chosen(key)).map(|(_, value)| value).collect())
}

/// Whether everything that should have run has run.
fn run() -> io::Result<bool> {
    let settings = Settings::read()?;
    let wrk = on_path("wrk");
    if wrk.is_none() && settings.works.iter().any(|work| work.needs_wrk()) {
        return Err(failed(
            "wrk is missing: install the package `wrk` of your system or build https://github.com/wg/wrk, \
             or leave out what needs it: BENCH_ONLY=large,slow,start,memory,idle"
                .into(),
        ));
    }
    let (installed, missing) = find_servers(&settings.kinds);
    if let Some(kind) = missing.iter().find(|kind| kind.is_ours()) {
        return Err(failed(format!("{} is not built: run `make bench`", kind.name())));
    }
    if missing.contains(&Contestant::Nginx) {
        eprintln!("nginx is missing: there will be no ratios to it");
    }
    crowd::raise_open_files();
    eprintln!("writing the tree");
    let site = BenchSite::build(settings.kinds.contains(&Contestant::Stock))?;
    let said = wrk.as_ref().map(|wrk| BenchProcess::output(Command::new(wrk).arg("-v"), Duration::from_secs(5)));
    let version =
        said.transpose()?.map(|(_, text)| first_line(&text).split(" Copyright").next().unwrap_or("").to_owned());
    let mut contest = Contest::new(site, wrk, settings.seconds);
    let samples = measure(&mut contest, &settings, &installed);
    drop(contest);
    let conditions =
        Conditions { installed, missing, wrk: version, rounds: settings.rounds, seconds: settings.seconds };
    publish(&samples, &conditions, settings.is_whole)?;
    Ok(!samples.has_failed)
}

fn find_servers(kinds: &[Contestant]) -> (Vec<Installed>, Vec<Contestant>) {
    let (mut installed, mut missing) = (Vec::new(), Vec::new());
    for kind in kinds {
        match Installed::find(*kind) {
            Some(found) => installed.push(found),
            None => missing.push(*kind),
        }
    }
    (installed, missing)
}

/// Work by work, round by round; who begins changes with the round.
fn measure(contest: &mut Contest, settings: &Settings, installed: &[Installed]) -> RoundSamples {
    let mut samples = RoundSamples::default();
    for work in &settings.works {
        let mut order: Vec<&Installed> = installed.iter().collect();
        for round in 0..settings.rounds {
            eprintln!("{}: round {} of {}", work.key(), round + 1, settings.rounds);
            order.retain(|server| match contest.measure(*work, server) {
                Ok(taken) => {
                    samples.add(*work, server.kind, round, taken);
                    true
                }
                Err(trouble) => {
                    samples.refuse(*work, server.kind, trouble);
                    false
                }
            });
            if !order.is_empty() {
                order.rotate_left(1);
            }
        }
    }
    samples
}

/// Prints the document, and keeps it if it is a whole one; what people wrote at its end stays.
fn publish(samples: &RoundSamples, conditions: &Conditions, is_whole: bool) -> io::Result<()> {
    let mut text = report::document(samples, conditions).map_err(io::Error::other)?;
    io::stdout().write_all(text.as_bytes())?;
    if !is_whole {
        eprintln!("this is a selection: the kept results stay as they are");
        return Ok(());
    }
    let before = fs::read_to_string(RESULTS).unwrap_or_default();
    if let Some(at) = before.find(NOTES) {
        text.push_str(before.get(at..).unwrap_or_default());
    }
    let file = Path::new(RESULTS);
    file.parent().map(fs::create_dir_all).transpose()?;
    fs::write(file, text)
}
