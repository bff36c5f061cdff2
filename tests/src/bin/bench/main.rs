//! The benchmark: glasshouse beside nginx, lighttpd, h2o and other installed servers on the same files, in interleaved
//! rounds. It prints its results, and no number decides its exit code.
//!
//! `BENCH_SECONDS` (2) is the duration of a load and `BENCH_ROUNDS` (5) the number of rounds. `BENCH_ONLY` and
//! `BENCH_SERVERS` are comma-separated lists of works and servers.

mod client;
mod configuration;
mod contest;
mod crowd;
mod download;
mod http_load;
mod process;
mod report;
mod servers;
mod site;
mod targets;
mod tls_load;
mod tree;
mod works;

use contest::{Contest, Tools, tool_version};
use process::failed;
use report::{Conditions, Samples};
use servers::{InstalledServer, ServerKind, on_path};
use site::BenchSite;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};
use works::{Tool, Work};

/// The kept document.
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/RESULTS.md");

/// The heading of the part that people write.
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

/// The values of the environment variables.
struct Settings {
    seconds: u32,
    rounds: u32,
    works: Vec<Work>,
    kinds: Vec<ServerKind>,
    /// Whether `BENCH_SERVERS` names the servers, so that each of them does every work.
    has_server_list: bool,
    /// Whether the run includes all works and servers, so that its document replaces the kept one.
    is_whole: bool,
}

impl Settings {
    fn read() -> io::Result<Settings> {
        let has_server_list = setting("BENCH_SERVERS").is_some();
        Ok(Settings {
            seconds: number("BENCH_SECONDS", 2)?,
            rounds: number("BENCH_ROUNDS", 5)?,
            works: choice("BENCH_ONLY", Work::ALL.map(|work| (work.key(), work)))?,
            kinds: choice("BENCH_SERVERS", ServerKind::ALL.map(|kind| (kind.key(), kind)))?
                .into_iter()
                .filter(|kind| has_server_list || *kind != ServerKind::Packed)
                .collect(),
            has_server_list,
            is_whole: !has_server_list && setting("BENCH_ONLY").is_none(),
        })
    }

    fn includes(&self, work: Work, kind: ServerKind) -> bool {
        self.has_server_list || work.includes(kind)
    }
}

/// The value of a variable; `None` if it is empty.
fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str, default: u32) -> io::Result<u32> {
    let Some(value) = setting(name) else { return Ok(default) };
    let number = value.parse().ok().filter(|number| (1..=1000).contains(number));
    number.ok_or_else(|| failed(format!("{name}={value}: expected a number from 1 to 1000")))
}

/// The listed values in the order of the table; all of them without a list.
fn choice<T: Copy, const N: usize>(name: &str, all: [(&'static str, T); N]) -> io::Result<Vec<T>> {
    let list = setting(name);
    let words: Vec<&str> = list.iter().flat_map(|list| list.split(',')).map(str::trim).collect();
    if let Some(word) = words.iter().find(|word| !all.iter().any(|(key, _)| key == *word)) {
        let known = all.map(|(key, _)| key).join(", ");
        return Err(failed(format!("{name}: unknown value '{word}'; expected some of {known}")));
    }
    let is_chosen = |key: &str| list.is_none() || words.contains(&key);
    Ok(all.into_iter().filter(|(key, _)| is_chosen(key)).map(|(_, value)| value).collect())
}

/// Runs the benchmark. Returns whether every server and tool worked.
fn run() -> io::Result<bool> {
    let settings = Settings::read()?;
    let tools = Tools { wrk: on_path("wrk"), h2load: on_path("h2load") };
    require(&settings, Tool::Wrk, tools.wrk.is_some(), "wrk: install the package `wrk`, or build it")?;
    require(&settings, Tool::H2load, tools.h2load.is_some(), "h2load: install the package `nghttp2-client`")?;
    let (installed, missing) = find_servers(&settings.kinds);
    if let Some(kind) = missing.iter().find(|kind| kind.is_ours()) {
        return Err(failed(format!("{} is not built: run `make bench`", kind.name())));
    }
    if missing.contains(&ServerKind::Nginx) {
        eprintln!("nginx is missing: the report has no ratios to it");
    }
    crowd::raise_open_files();
    let mut versions = Vec::new();
    versions.extend(tools.wrk.as_ref().map(|wrk| tool_version(wrk, "-v")).transpose()?);
    versions.extend(tools.h2load.as_ref().map(|h2load| tool_version(h2load, "--version")).transpose()?);
    eprintln!("writing the files");
    let site = BenchSite::build(&settings.works, &settings.kinds)?;
    let mut contest = Contest::new(site, tools, settings.seconds);
    let samples = measure(&mut contest, &settings, &installed);
    drop(contest);
    let conditions =
        Conditions { installed, missing, tools: versions, rounds: settings.rounds, seconds: settings.seconds };
    publish(&samples, &conditions, settings.is_whole)?;
    Ok(!samples.has_failed)
}

/// Fails if a selected work needs a load generator that is missing.
fn require(settings: &Settings, tool: Tool, is_installed: bool, advice: &str) -> io::Result<()> {
    if is_installed || !settings.works.iter().any(|work| work.tool() == Some(tool)) {
        return Ok(());
    }
    let without = Work::ALL.iter().filter(|work| work.tool() != Some(tool));
    let without: Vec<&str> = without.map(|work| work.key()).collect();
    Err(failed(format!("missing {advice}, or set BENCH_ONLY to some of {}", without.join(","))))
}

fn find_servers(kinds: &[ServerKind]) -> (Vec<InstalledServer>, Vec<ServerKind>) {
    let (mut installed, mut missing) = (Vec::new(), Vec::new());
    for kind in kinds {
        match InstalledServer::find(*kind) {
            Some(found) => installed.push(found),
            None => missing.push(*kind),
        }
    }
    (installed, missing)
}

/// Measures work by work and round by round. The first server changes with the round.
fn measure(contest: &mut Contest, settings: &Settings, installed: &[InstalledServer]) -> Samples {
    let mut samples = Samples::default();
    for work in &settings.works {
        let participants = installed.iter().filter(|server| settings.includes(*work, server.kind));
        let mut order: Vec<&InstalledServer> = participants.collect();
        let rounds = settings.rounds.min(work.max_rounds());
        for round in 0..rounds {
            eprintln!("{}: round {} of {rounds}", work.key(), round + 1);
            order.retain(|server| match contest.measure(*work, server) {
                Ok(sample) => {
                    samples.add(*work, server.kind, round, sample);
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

/// Prints the document, and keeps it after a whole run, with the notes of the kept one.
fn publish(samples: &Samples, conditions: &Conditions, is_whole: bool) -> io::Result<()> {
    let mut text = report::document(samples, conditions).map_err(io::Error::other)?;
    io::stdout().write_all(text.as_bytes())?;
    if !is_whole {
        eprintln!("the run is a selection: tests/bench/RESULTS.md stays as it is");
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
