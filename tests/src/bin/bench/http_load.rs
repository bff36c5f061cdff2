//! Loads of HTTP/1.1 requests from wrk: one thread and 32 connections.

use crate::client::{self, Origin, Response};
use crate::process::{ChildProcess, failed};
use crate::site::RunningServer;
use crate::tree::{
    ENTRIES, FILES, HUGE, LISTING, MIDDLE, SMALL, SMALL_LENGTH, TEXT, TEXT_LENGTH, TEXTS, entry, small_file, text_file,
};
use crate::works::{Sample, Trouble, Work, count};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// 64 KiB in the middle of the huge file.
const RANGE: &str = "Range: bytes=536870912-536936447";
const RANGE_LENGTH: u64 = 64 << 10;

const GZIP: &str = "Accept-Encoding: gzip";
const CLOSE: &str = "Connection: close";

/// A path that does not exist.
const MISSING: &str = "/missing.html";

/// The longest time until a server writes the last entry into its access log; lighttpd collects them for some seconds.
const LOG_DELAY: Duration = Duration::from_secs(10);

/// The longest time in which a server sends each small file once.
const WARMING: Duration = Duration::from_secs(60);

/// The share of a core above which the load generator may limit the requests per second.
const BUSY: f64 = 0.9;

/// The requests of a load.
struct Requests {
    path: &'static str,
    field: Option<String>,
    /// The mode of `requests.lua`, if the requests differ.
    mode: Option<&'static str>,
}

impl Requests {
    fn same(path: &'static str, field: Option<String>) -> Requests {
        Requests { path, field, mode: None }
    }

    fn scripted(mode: &'static str) -> Requests {
        Requests { path: SMALL, field: None, mode: Some(mode) }
    }
}

/// Checks sample responses, then measures the load for whole seconds.
///
/// # Errors
/// If the server does not have the measured feature, or wrk or the server fails.
pub fn measure(work: Work, server: &RunningServer, wrk: &Path, script: &Path, seconds: u32) -> Result<Sample, Trouble> {
    let requests = check(work, server)?;
    let logged = if work == Work::Logged { count_lines(&server.access_log())? } else { 0 };
    let before = server.process.processor_seconds()?;
    let report = run(wrk, server, &requests, script, seconds)?;
    let cost = server.process.processor_seconds()? - before;
    let is_missing = matches!(work, Work::Missing | Work::UniqueMissing);
    let wanted_refusals = if is_missing { report.requests } else { 0 };
    if report.refusals != wanted_refusals {
        let WrkReport { requests, refusals, .. } = report;
        return Err(
            failed(format!("{refusals} of {requests} responses were errors, expected {wanted_refusals}")).into()
        );
    }
    if work == Work::Logged {
        wait_for_log(&server.access_log(), logged + report.requests)?;
    }
    let mut sample = Sample::of_requests(report.requests, report.seconds, cost);
    sample.notes.extend(report.notes);
    if work == Work::FirstGzip && report.requests > count_of(TEXTS) {
        sample.notes.push(format!("more requests than the {TEXTS} files: some files came twice"));
    }
    Ok(sample)
}

/// Sends requests to a server that has just started.
///
/// # Errors
/// If wrk fails.
pub fn warm_up(server: &RunningServer, wrk: &Path, script: &Path) -> io::Result<()> {
    run(wrk, server, &Requests::same(SMALL, None), script, 1).map(drop)
}

/// Requests each small file once: a server that has just started is not what real traffic meets.
fn request_every_file(server: &RunningServer) -> io::Result<()> {
    /// nginx closes a connection after 1,000 requests.
    const PER_CONNECTION: usize = 500;
    let deadline = Instant::now() + WARMING;
    let numbers: Vec<usize> = (0..FILES).collect();
    for numbers in numbers.chunks(PER_CONNECTION) {
        let mut stream = client::connect(server.address, Origin { address: None, buffer: None })?;
        for number in numbers {
            client::ask(&mut stream, &client::request(server.address, &small_file(*number), ""), deadline)?;
        }
    }
    Ok(())
}

/// Compares sample responses with the expected ones, so that no server wins with a wrong response.
fn check(work: Work, server: &RunningServer) -> Result<Requests, Trouble> {
    let fetch = |path: &str, field: &str| client::fetch(server.address, path, field);
    let is_file = |path: &str, field: &str, length: u64| {
        let head = fetch(path, field)?.head;
        match (head.status, head.length()) {
            (200, Some(found)) if found == length => Ok(()),
            (status, found) => Err(failed(format!("{path}: status {status}, length {found:?}"))),
        }
    };
    match work {
        Work::Small | Work::Logged => {
            is_file(SMALL, "", SMALL_LENGTH)?;
            Ok(Requests::same(SMALL, None))
        }
        Work::Middle => {
            is_file(MIDDLE, "", 100 << 10)?;
            Ok(Requests::same(MIDDLE, None))
        }
        Work::Listing => check_listing(fetch(LISTING, "")?),
        Work::NotModified => {
            let response = fetch(SMALL, "")?;
            let Some(tag) = response.head.field("etag") else { return Err(Trouble::Lacks("no ETag".into())) };
            let field = format!("If-None-Match: {tag}");
            match fetch(SMALL, &format!("{field}\r\n"))?.head.status {
                304 => Ok(Requests::same(SMALL, Some(field))),
                status => Err(Trouble::Lacks(format!("status {status} for its own ETag"))),
            }
        }
        Work::Range => {
            let head = fetch(HUGE, &format!("{RANGE}\r\n"))?.head;
            match (head.status, head.length()) {
                (206, Some(RANGE_LENGTH)) => Ok(Requests::same(HUGE, Some(RANGE.into()))),
                (status, _) => Err(Trouble::Lacks(format!("no ranges, status {status}"))),
            }
        }
        Work::Uniform | Work::Skewed => {
            for number in [0, FILES / 2, FILES - 1] {
                is_file(&small_file(number), "", SMALL_LENGTH)?;
            }
            request_every_file(server)?;
            Ok(Requests::scripted(work.key()))
        }
        Work::Accept => {
            for accept in ["*/*", "text/html", "image/webp,*/*", "text/css,*/*;q=0.1"] {
                is_file(SMALL, &format!("Accept: {accept}\r\n"), SMALL_LENGTH)?;
            }
            Ok(Requests::scripted(work.key()))
        }
        Work::UserAgent => {
            is_file(SMALL, "User-Agent: Browser/1\r\n", SMALL_LENGTH)?;
            Ok(Requests::scripted(work.key()))
        }
        Work::Missing | Work::UniqueMissing => match fetch(MISSING, "")?.head.status {
            404 if work == Work::Missing => Ok(Requests::same(MISSING, None)),
            404 => Ok(Requests::scripted(work.key())),
            status => Err(Trouble::Lacks(format!("status {status} for a path that does not exist"))),
        },
        Work::NewConnections => {
            check_close(server)?;
            Ok(Requests::same(SMALL, Some(CLOSE.into())))
        }
        Work::RepeatedGzip => {
            check_gzip(&fetch(TEXT, &format!("{GZIP}\r\n"))?)?;
            Ok(Requests::same(TEXT, Some(GZIP.into())))
        }
        Work::FirstGzip => {
            check_gzip(&fetch(&text_file(TEXTS - 1), &format!("{GZIP}\r\n"))?)?;
            Ok(Requests::scripted(work.key()))
        }
        _ => Err(failed(format!("{} is not a load of wrk", work.key())).into()),
    }
}

fn check_listing(response: Response) -> Result<Requests, Trouble> {
    let text = String::from_utf8_lossy(&response.body);
    if text.matches("entry-").count() >= ENTRIES && text.contains(&entry(ENTRIES / 2)) {
        return Ok(Requests::same(LISTING, None));
    }
    Err(Trouble::Lacks(format!("no listing, status {}", response.head.status)))
}

fn check_gzip(response: &Response) -> Result<(), Trouble> {
    let (status, encoding) = (response.head.status, response.head.field("content-encoding"));
    if (status, encoding) != (200, Some("gzip")) {
        return Err(Trouble::Lacks(format!("no gzip: status {status}, Content-Encoding {encoding:?}")));
    }
    let length = response.body.len();
    if !(TEXT_LENGTH / 8..TEXT_LENGTH * 3 / 4).contains(&length) {
        return Err(failed(format!("{length} bytes for a compressed file of {TEXT_LENGTH}")).into());
    }
    Ok(())
}

/// Checks that the server closes the connection after `Connection: close`.
fn check_close(server: &RunningServer) -> io::Result<()> {
    let mut stream = client::connect(server.address, Origin::default())?;
    stream.write_all(&client::request(server.address, SMALL, &format!("{CLOSE}\r\n")))?;
    let (head, mut body) = client::read_head(&mut stream)?;
    stream.read_to_end(&mut body)?;
    if head.status != 200 || count_of(body.len()) != SMALL_LENGTH {
        return Err(failed(format!("status {}, {} bytes before the connection ended", head.status, body.len())));
    }
    Ok(())
}

/// The results that wrk prints.
struct WrkReport {
    requests: u64,
    seconds: f64,
    /// Responses with a status above 399.
    refusals: u64,
    notes: Vec<String>,
}

fn run(wrk: &Path, server: &RunningServer, requests: &Requests, script: &Path, seconds: u32) -> io::Result<WrkReport> {
    let mut command = Command::new(wrk);
    command.args(["-t1", "-c32", &format!("-d{seconds}"), "--timeout", "5s"]);
    if let Some(field) = &requests.field {
        command.args(["-H", field]);
    }
    if requests.mode.is_some() {
        command.arg("-s").arg(script);
    }
    command.arg(format!("http://{}{}", server.address, requests.path));
    if let Some(mode) = requests.mode {
        let token = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        command.args(["--", mode, &token.to_string()]);
    }
    let output = ChildProcess::output(&mut command, Duration::from_secs(u64::from(seconds) + 20))?;
    let text = &output.text;
    let after = |label: &str| text.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim);
    let total = text.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok());
    let rate: Option<f64> = after("Requests/sec:").and_then(|rate| rate.parse().ok());
    let (Some(requests @ 1..), Some(rate), true) = (total, rate, output.status.success()) else {
        return Err(failed(format!("wrk: {}: {text}", output.status)));
    };
    let refusals = after("Non-2xx or 3xx responses:").map_or(Ok(0), str::parse);
    let refusals = refusals.map_err(|error| failed(format!("wrk: {error}: {text}")))?;
    let mut notes: Vec<String> =
        after("Socket errors:").map(|errors| format!("socket errors: {errors}")).into_iter().collect();
    notes.extend(busy_note("wrk", output.processor_seconds, f64::from(seconds)));
    Ok(WrkReport { requests, seconds: count(requests) / rate, refusals, notes })
}

/// A note if the load generator used nearly all of its one core.
pub fn busy_note(tool: &str, processor_seconds: f64, seconds: f64) -> Option<String> {
    let is_busy = processor_seconds > seconds * BUSY;
    is_busy.then(|| format!("{tool} used more than {:.0} % of a core, so requests/s may be too low", BUSY * 100.0))
}

fn wait_for_log(file: &Path, wanted: u64) -> io::Result<()> {
    let deadline = Instant::now() + LOG_DELAY;
    loop {
        let found = count_lines(file)?;
        if found >= wanted {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(failed(format!("the access log has {found} entries of {wanted}")));
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn count_lines(file: &Path) -> io::Result<u64> {
    let mut file = File::open(file).map_err(|error| failed(format!("access log: {error}")))?;
    let (mut block, mut lines) = (vec![0; 1 << 20], 0);
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            return Ok(lines);
        }
        lines += count_of(block.iter().take(count).filter(|byte| **byte == b'\n').count());
    }
}

fn count_of(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
