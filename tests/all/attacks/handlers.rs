//! Malicious handlers, each misdeed at a path of `tests/hostile-handlers`. The client gets an error or an aborted
//! connection, the log names the cause in one line, and other clients do not notice.

pub mod costs;
mod fixture;

use super::bystander::{Tally, attack};
use super::effort;
use crate::support::client::{BodyFraming, HttpConnection, TIMEOUT, request};
use crate::support::clock;
use crate::support::fixture::SECRET;
use crate::support::proc::memory;
use crate::support::server::{TestServer, Version};
use fixture::{GOOD, HandlerFixture, ask, begin, complaints, is_well, own_lines};
use std::thread;
use std::time::{Duration, Instant};

/// Makes a test for each version of WASI of a function that takes one.
macro_rules! for_both_versions {
    ($($name:ident),*) => {$(
        mod $name {
            use crate::support::server::Version;

            #[test]
            fn p3() {
                super::$name(Version::P3);
            }

            #[test]
            fn p2() {
                super::$name(Version::P2);
            }
        }
    )*};
}

for_both_versions!(
    misdeeds,
    ways_out,
    one_file,
    changes,
    surroundings,
    words,
    endless,
    fields,
    statuses,
    traps,
    instances
);

/// The path of a misdeed, how its client's exchange may end, what the log says of it, and what the content that comes
/// consists of, over and over.
type MisdeedCase = (&'static str, &'static [&'static str], &'static str, &'static str);

const OF_BOTH: &[MisdeedCase] = &[
    ("/loop", &["503"], "--max-cpu", ""),
    ("/allocate", &["503"], "--max-memory", ""),
    ("/recurse", &["500"], "call stack exhausted", ""),
    ("/trap", &["500"], "`unreachable` instruction", ""),
    ("/panic", &["500"], "`unreachable` instruction", ""),
    ("/exit", &["500"], "exit", ""),
    ("/sleep", &["503"], "--answer-timeout", ""),
    ("/error", &["500"], "ErrorCode::InternalError", ""),
    ("/trap-after-head", &["200 cut", "500"], "`unreachable` instruction", "begun "),
    ("/short", &["200 cut", "closed"], "response aborted", "good\n"),
    ("/two-lengths", &["500"], "ErrorCode::InternalError", ""),
    ("/no-length", &["500"], "ErrorCode::InternalError", ""),
    ("/many-fields", &["503"], "--max-call", ""),
    ("/late", &["200", "503"], "--max-cpu", "late\n"),
    ("/open-many", &["503"], "--max-resources", ""),
    ("/fields", &["503"], "--max-resources", ""),
    ("/sleep-often", &["503"], "--max-", ""),
    ("/call?8", &["503"], "--max-call", ""),
];

const OF_P3: &[MisdeedCase] = &[
    ("/never", &["500"], "`unreachable` instruction", ""),
    ("/streams", &["503"], "--max-handles", ""),
    ("/long", &["200 cut", "closed"], "response aborted", "good\n"),
    ("/many-fields?20000", &["500"], "ErrorCode::HttpResponseHeaderSectionSize", ""),
    ("/long-file", &["200 cut", "closed"], "response aborted", "good, and nothing else\n"),
    ("/tasks", &["503"], "--max-", ""),
    ("/tasks?1000", &["200"], NOTHING, "left\n"),
    ("/unread", &["503"], "--max-", ""),
    ("/unread?1000", &["200"], NOTHING, "DONE: 1000 handles\n"),
];

const OF_P2: &[MisdeedCase] = &[
    ("/never", &["500"], "never invoked", ""),
    ("/twice", &["200", "200 cut", "500"], "handle", "first\n"),
    // What is too much is not taken from the handler, and the client gets what was announced.
    ("/long", &["200"], NOTHING, "good\n"),
    ("/many-fields?20000", &["500"], "total size of fields exceeds limit", ""),
];

/// What the log says where nothing went wrong.
const NOTHING: &str = "";

fn misdeeds(version: Version) {
    // Each of them in reach of a misdeed before any other is.
    let ceilings = ["--max-cpu", "200ms", "--answer-timeout", "3s", "--max-memory", "48M", "--max-handles", "4096"];
    let mut place = HandlerFixture::serve(version, &ceilings);
    let before = place.state();
    let own = if version == Version::P3 { OF_P3 } else { OF_P2 };
    let mut wrong = Vec::new();
    for misdeed in OF_BOTH.iter().chain(own) {
        let name = format!("{version:?} {}", misdeed.0);
        attack(&name, &mut place.server, GOOD, |server, tally| {
            if let Err(error) = commit(server, misdeed, tally) {
                wrong.push(format!("{}: {error}", misdeed.0));
            }
        });
    }
    assert_eq!(place.state(), before);
    assert!(wrong.is_empty(), "{version:?}: {wrong:#?}");
}

/// Has a misdeed done, a few times.
fn commit(server: &TestServer, (target, ends, reason, content): &MisdeedCase, tally: &mut Tally) -> Result<(), String> {
    let seen = server.stderr().len();
    // No more than ten: of more faults of files in a second the log only says how many there were.
    for done in 1..=effort(2, 10) {
        let got = ask(server, target);
        tally.count(got.end());
        is_well(server);
        let is_refusal = got.status >= 500 && got.text().lines().count() == 1 && got.text().starts_with(&got.end());
        let is_piece = got.status == 200 && content.bytes().cycle().take(got.body.len()).eq(got.body.iter().copied());
        match () {
            () if !ends.contains(&got.end().as_str()) => return Err(format!("{}, not {ends:?}", got.end())),
            () if got.status != 0 && !is_refusal && !is_piece => {
                return Err(format!("{}: {:?}", got.status, got.text()));
            }
            () => {}
        }
        is_reported(server, seen, reason, if *reason == NOTHING { 0 } else { done })?;
    }
    Ok(())
}

/// Waits until the log has a line for each time, and no other.
fn is_reported(server: &TestServer, seen: usize, reason: &str, expected: usize) -> Result<(), String> {
    // Some are noticed only when their client has long gone.
    const NOTICED: Duration = Duration::from_secs(3);
    let lines =
        || complaints(server.stderr().get(seen..).unwrap_or_default()).iter().map(ToString::to_string).collect();
    let is_other = |line: &String| !line.starts_with("glasshouse: ") || !line.contains(reason);
    let complete = |lines: &Vec<String>| lines.len() >= expected || lines.iter().any(is_other);
    let lines = clock::poll(NOTICED, || Some(lines()).filter(complete)).unwrap_or_else(lines);
    if lines.iter().any(is_other) {
        return Err(format!("the log has more than {reason:?}: {lines:?}"));
    }
    let count = lines.len();
    if count == expected { Ok(()) } else { Err(format!("{expected} times, {count} lines in the log: {lines:?}")) }
}

/// Every way out of the directory leads nowhere.
fn ways_out(version: Version) {
    let mut place = HandlerFixture::serve(version, &["--max-cpu", "1m", "--answer-timeout", "2m"]);
    let (before, path) = (place.state(), place.place.path().display().to_string());
    attack(&format!("{version:?} /passwd"), &mut place.server, GOOD, |server, tally| {
        for _ in 0..effort(1, 10) {
            let got = ask(server, "/passwd");
            tally.count(got.end());
            let text = got.text();
            let (tried, lines): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("tried: "));
            let tried: usize =
                tried.concat().trim_start_matches("tried: ").parse().expect("it returns how much it tried");
            assert!(tried > 10_000, "{tried} ways");
            // It can read at all, and nothing but this file and what the link says that lies in the directory.
            let is_own = |line: &str| line.starts_with("GOT: good.txt: ") || line.ends_with("to-secret: ../secret.txt");
            let own = format!("GOT: good.txt: {}", "good, and nothing else\n".escape_debug());
            assert!(lines.contains(&own.as_str()), "{text}");
            assert!(!text.contains(&path) && !text.contains(SECRET), "{text}");
            let foreign: Vec<_> = lines.iter().filter(|line| !is_own(line)).collect();
            assert!(foreign.is_empty(), "{foreign:#?}");
        }
    });
    assert_eq!(place.state(), before);
}

/// A handler with one file finds nothing beside it: no content, no name, no sign that something exists.
fn one_file(version: Version) {
    let list = |place: &HandlerFixture| ask(&place.server, "/list").text();
    let whole = list(&HandlerFixture::serve(version, &[]));
    for line in ["GOT: the root: good.txt", "GOT: .: sub", "GOT: sub: file.txt"] {
        assert!(whole.lines().any(|candidate| candidate == line), "with a directory, it sees {line}: {whole}");
    }
    let mut place = HandlerFixture::serve_file(version, &["--max-cpu", "1m", "--answer-timeout", "2m"]);
    let before = place.state();
    assert_eq!(list(&place), "");
    let environment = ask(&place.server, "/environment").text();
    assert!(environment.lines().any(|line| line == "variable: GLASSHOUSE_FILE=good.txt"), "{environment}");
    attack(&format!("{version:?} /passwd, with one file"), &mut place.server, GOOD, |server, tally| {
        for _ in 0..effort(1, 10) {
            let got = ask(server, "/passwd");
            tally.count(got.end());
            let text = got.text();
            let (own, foreign): (Vec<_>, Vec<_>) =
                text.lines().partition(|line| line.starts_with("GOT: good.txt: ") || line.starts_with("tried: "));
            assert!(own.len() > 2, "it can read at all: {text}");
            assert!(foreign.is_empty() && !text.contains(SECRET), "{foreign:#?}");
        }
    });
    assert_eq!(place.state(), before);
}

/// Every change is refused.
fn changes(version: Version) {
    let arguments = ["--max-cpu", "1m", "--answer-timeout", "2m"];
    for place in [HandlerFixture::serve(version, &arguments), HandlerFixture::serve_file(version, &arguments)] {
        changes_at(version, place);
    }
}

fn changes_at(version: Version, mut place: HandlerFixture) {
    let (before, path) = (place.state(), place.place.path().display().to_string());
    attack(&format!("{version:?} /write"), &mut place.server, GOOD, |server, tally| {
        for _ in 0..effort(1, 100) {
            let got = ask(server, "/write");
            tally.count(got.end());
            let text = got.text();
            let done: Vec<_> = text.lines().filter(|line| !line.starts_with("refused: ")).collect();
            assert!(done.is_empty(), "{done:#?}");
            for attempt in ["set-size", "set-times:", "write-via-stream", "append-via-stream", "rename-at", "truncate"]
            {
                assert!(text.contains(attempt), "{attempt} was tried: {text}");
            }
            assert!(!text.contains(&path), "{text}");
        }
    });
    assert_eq!(place.state(), before);
}

/// A handler knows the options of the site, and nothing else of where it runs.
fn surroundings(version: Version) {
    let place = HandlerFixture::serve(version, &[]);
    let text = ask(&place.server, "/environment").text();
    for line in text.lines() {
        assert!(line == "preopened: /" || line.starts_with("variable: GLASSHOUSE_"), "{text}");
    }
    for line in ["preopened: /", "variable: GLASSHOUSE_SPA=true"] {
        assert!(text.lines().any(|candidate| candidate == line), "{line} is reported: {text}");
    }
    let path = place.place.path().display().to_string();
    assert!(!text.contains(&path) && !text.contains(SECRET), "{text}");
}

/// What a handler writes to standard error is marked as its own, and does not fill the log.
fn words(version: Version) {
    const MOST: usize = 256 << 10;
    let mut place = HandlerFixture::serve(version, &["--max-cpu", "1m", "--answer-timeout", "2m"]);
    let target = format!("/stderr?{}", effort(8, 1024));
    attack(&format!("{version:?} {target}"), &mut place.server, GOOD, |server, tally| {
        tally.count(ask(server, &target).end());
        let own = "glasshouse: request failed: ";
        let stderr = server.wait_for_stderr("its complaint", |text| text.contains(own).then(|| text.to_owned()));
        let length: usize = own_lines(&stderr).map(str::len).sum();
        assert!(length < MOST, "{length} bytes");
        assert!(stderr.contains("glasshouse: handler: forged\n"), "{stderr}");
        assert!(stderr.contains("glasshouse: handler: glasshouse: forged\n"), "{stderr}");
        assert!(stderr.contains("the rest is omitted"), "{stderr}");
        assert_eq!(complaints(&stderr).len(), 1, "{stderr}");
        assert!(!stderr.contains(|char: char| char.is_control() && char != '\n'), "{}", stderr.escape_debug());
    });
}

/// Content without end goes as far as it may, and no further than its client.
fn endless(version: Version) {
    const MOST: usize = 1 << 20;
    let mut place = HandlerFixture::serve(version, &["--max-made", "1M"]);
    attack(&format!("{version:?} /endless"), &mut place.server, GOOD, |server, tally| {
        let tries = effort(2, 50);
        for _ in 0..tries {
            let got = ask(server, "/endless");
            tally.count(got.end());
            assert_eq!(got.end(), "200 cut");
            assert!(got.body.len() <= MOST && got.body.iter().all(|byte| *byte == b'e'), "{} bytes", got.body.len());
        }
        server.wait_for_stderr("each ceiling", |text| {
            let lines = complaints(text);
            let all = lines.len() == tries && lines.iter().all(|line| line.contains("--max-made"));
            all.then_some(())
        });
    });

    let mut place = HandlerFixture::serve(version, &[]);
    attack(&format!("{version:?} /endless, deserted"), &mut place.server, GOOD, |server, tally| {
        for portion in [0, effort(4 << 20, 1 << 30)] {
            let begun: Vec<HttpConnection> = (0..8).map(|_| begin(server, "/endless")).collect();
            for mut connection in begun {
                let mut left = portion;
                let read = connection.body(BodyFraming::Chunked, |bytes| {
                    assert!(bytes.iter().all(|byte| *byte == b'e'));
                    left = left.saturating_sub(bytes.len());
                });
                drop(read);
                tally.count("200 deserted");
            }
        }
    });
}

/// No field of a handler makes two answers of one, or has a say in the connection.
fn fields(version: Version) {
    let mut place = HandlerFixture::serve(version, &[]);
    attack(&format!("{version:?} /illegal-fields"), &mut place.server, GOOD, |server, tally| {
        for _ in 0..effort(2, 1000) {
            let got = ask(server, "/illegal-fields");
            tally.count(got.end());
            assert_eq!(got.end(), "200");
            assert!(!got.head.contains("inject") && !got.head.contains("elsewhere"), "{}", got.head);
            let text = got.text();
            let taken: Vec<_> = text.lines().filter(|line| !line.starts_with("refused: ")).collect();
            assert!(text.contains("refused: ") && taken.is_empty(), "{taken:#?}");
        }
    });
}

/// Whatever a handler says to be the status: each request has one answer, and the next one has its own.
fn statuses(version: Version) {
    const STATUSES: &[u16] = &[0, 99, 100, 101, 102, 103, 199, 204, 205, 304, 600, 999, 1000, u16::MAX];
    let mut place = HandlerFixture::serve(version, &["--answer-timeout", "1s"]);
    attack(&format!("{version:?} /status"), &mut place.server, GOOD, |server, tally| {
        for status in STATUSES {
            let mut connection = HttpConnection::open(server.address());
            let target = format!("/status?{status}");
            connection.send(&request("GET", &target, &[])).expect("the server reads");
            let head = match connection.head() {
                Ok(Some(head)) => head,
                Ok(None) => {
                    tally.count("closed");
                    continue;
                }
                Err(error) => panic!("{target}: {error}"),
            };
            tally.count(head.status);
            assert!(head.status == 500 || (head.status == *status && head.status >= 200), "{target}: {}", head.status);
            let framing = BodyFraming::of("GET", &head).unwrap_or_else(|error| panic!("{target}: {error}"));
            connection.body(framing, |_| ()).unwrap_or_else(|error| panic!("{target}: {error}"));
            if !head.closes() {
                connection.send(&request("GET", GOOD.target, &[])).expect("the server reads");
                let answer = connection.answer("GET").unwrap_or_else(|error| panic!("after {target}: {error}"));
                assert!(
                    answer.head.status == 200 && answer.body == GOOD.content,
                    "after {target}: {:?}",
                    answer.text()
                );
            }
        }
    });
}

/// A handler that dies at every request costs these requests, and nothing that lasts.
fn traps(version: Version) {
    /// In KiB.
    const FLAT: u64 = 8 << 10;
    let mut place = HandlerFixture::serve(version, &[]);
    let trap = |server: &TestServer, tally: &mut Tally, times: usize| {
        for _ in 0..times {
            let got = ask(server, "/trap");
            tally.count(got.end());
            assert_eq!(got.end(), "500");
        }
    };
    let traps = effort(500, 10_000);
    attack(&format!("{version:?} /trap, in a row"), &mut place.server, GOOD, |server, tally| {
        trap(server, tally, traps / 10);
        let before = memory(server, "VmRSS:");
        trap(server, tally, traps - traps / 10);
        if let (Some(before), Some(after)) = (before, memory(server, "VmRSS:")) {
            assert!(after < before + FLAT, "{before} KiB became {after} KiB");
        }
    });
    let stderr = place.server.stderr();
    let lines = complaints(&stderr);
    assert_eq!(lines.len(), traps);
    assert!(lines.iter().all(|line| line.contains("`unreachable` instruction")), "{stderr}");
}

/// Sleeping handlers delay no other client until all instances sleep; then others wait in vain.
fn instances(version: Version) {
    const SLEEPERS: usize = 32;
    let mut place = HandlerFixture::serve(version, &["--answer-timeout", "1s"]);
    attack(&format!("{version:?} /sleep, at once"), &mut place.server, GOOD, |server, tally| {
        for _ in 0..effort(1, 10) {
            occupy_all(server, SLEEPERS, tally);
        }
    });

    let arguments = ["--answer-timeout", "500ms", "--max-instances", "2", "--threads", "1"];
    let place = HandlerFixture::serve(version, &arguments);
    // It is busy while no client reads its output, and there is no other instance for bodies.
    let busy: HttpConnection = begin(&place.server, "/endless");
    for _ in 0..4 {
        assert_eq!(ask(&place.server, "/endless").end(), "503");
    }
    place.server.wait_for_stderr("the ceiling, four times", |text| {
        let lines = complaints(text);
        (lines.len() == 4 && lines.iter().all(|line| line.contains("--max-instances"))).then_some(())
    });
    drop(busy);
    let deadline = Instant::now() + TIMEOUT;
    while ask(&place.server, GOOD.target).end() != "200" {
        assert!(Instant::now() < deadline, "instances do not become free: {}", place.server.stderr());
    }
}

#[track_caller]
fn occupy_all(server: &TestServer, sleepers: usize, tally: &mut Tally) {
    thread::scope(|scope| {
        let asked: Vec<_> = (0..sleepers).map(|_| scope.spawn(|| ask(server, "/sleep").end())).collect();
        for asleep in asked {
            let end = asleep.join().expect("the server answers");
            assert_eq!(end, "503");
            tally.count(end);
        }
    });
}
