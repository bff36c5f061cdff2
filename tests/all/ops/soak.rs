//! Load with reloads: HTTP/2 and HTTP/1.1 over TLS while certificates, the directory and the log are replaced.
//! `GLASSHOUSE_SOAK` is the number of seconds of a long run, which reloads every ten seconds.

use crate::ops::signals::reload;
use crate::support::certs::Pair;
use crate::support::client::TIMEOUT;
use crate::support::fixture::{self, MODIFIED, is_there, put};
use crate::support::proc::{descriptors, descriptors_return, memory};
use crate::support::server::{Setup, Stack, TestServer};
use crate::support::tools::runs_within;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// In a run of the tests: so many seconds, and a reload so often.
const SHORT: (u64, Duration) = (6, Duration::from_millis(500));
const EVERY: Duration = Duration::from_secs(10);

/// What a server may have more than after its first reload, in KiB: what allocators keep, and no more however long it
/// goes on.
const GROWTH: u64 = 64 << 10;

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

/// Puts a file or a link in the place of another, at one blow.
fn replace(made: impl FnOnce(&Path), path: &Path) {
    let next = path.with_extension("next");
    made(&next);
    fs::rename(next, path).expect("a file can be replaced");
}

#[test]
fn reloads_under_load_fail_no_request() {
    if !(is_there("h2load", "load") && is_there("wrk", "load")) {
        return;
    }
    let asked = std::env::var("GLASSHOUSE_SOAK").ok().map(|text| text.parse().expect("a number of seconds"));
    let (seconds, every) = asked.map_or(SHORT, |seconds: u64| (seconds, EVERY));
    let place = fixture::place();
    let at = |name: &str| place.path().join(name);
    for release in ["1", "2"] {
        put(&at("releases").join(release).join("page.html"), &[b'x'; 10_000], MODIFIED);
    }
    let pairs = [Pair::make(), Pair::make()];
    let (cert, key, site, releases) = (at("live.crt"), at("live.key"), at("site"), at("releases"));
    let turn = |turn: usize| {
        let pair = &pairs[turn % 2];
        // Between the two the pair does not match, and the server keeps the old one.
        replace(|next| fs::copy(&pair.cert, next).map(drop).expect("a file can be copied"), &cert);
        replace(|next| fs::copy(&pair.key, next).map(drop).expect("a file can be copied"), &key);
        let release = releases.join(["1", "2"][turn % 2]);
        replace(|next| symlink(&release, next).expect("a link can be made"), &site);
    };
    let (log, old_log) = (at("log/access"), at("log/access.old"));
    fs::create_dir(at("log")).expect("a directory can be made");
    turn(0);
    let arguments = [
        "--tls-cert",
        text(&cert),
        "--tls-key",
        text(&key),
        "--harden-also",
        text(&releases),
        "--require-harden",
        "--log",
        "combined",
        "--log-file",
        text(&log),
    ];
    let server = TestServer::launch(Setup {
        stack: Stack::Host,
        directory: &site,
        options: &[],
        arguments: &arguments,
        unprivileged: false,
    });
    let open = descriptors(&server);
    let url = format!("https://{}/page.html", server.address());
    let (time, wrk_time) = (seconds.to_string(), format!("{seconds}s"));
    let (reloads, kept) = thread::scope(|scope| {
        let (here, url) = (place.path(), &url);
        let timeout = TIMEOUT + Duration::from_secs(seconds);
        let http2 = ["-D", &time, "-c", "8", "-m", "8", "-t", "1", "--npn-list=h2", url];
        let http2 = scope.spawn(move || runs_within(timeout, here, "h2load", &http2));
        let http1 = ["-d", &wrk_time, "-c", "8", "-t", "1", url];
        let http1 = scope.spawn(move || runs_within(timeout, here, "wrk", &http1));
        let (over, is_over) = mpsc::channel::<()>();
        let (turn, log, old_log, server) = (&turn, &log, &old_log, &server);
        let reloading = scope.spawn(move || {
            let (mut reloads, mut first) = (0, None);
            loop {
                let next = Instant::now() + every;
                reloads += 1;
                turn(reloads);
                fs::rename(log, old_log).expect("a log can be moved away");
                reload(server, reloads);
                first = first.or_else(|| memory(server, "VmRSS:"));
                if is_over.recv_timeout(next.saturating_duration_since(Instant::now()))
                    != Err(RecvTimeoutError::Timeout)
                {
                    return (reloads, first);
                }
            }
        });
        let (http2, http1) = (http2.join().expect("h2load ends"), http1.join().expect("wrk ends"));
        drop(over);
        let counts = http2.lines().find(|line| line.starts_with("requests: ")).unwrap_or_default();
        assert!(counts.ends_with(" 0 failed, 0 errored, 0 timeout") && !counts.contains(" 0 succeeded"), "{http2}");
        assert!(
            http1.contains(" requests in ") && !http1.contains("Non-2xx") && !http1.contains("Socket errors"),
            "{http1}"
        );
        if asked.is_some() {
            eprintln!("{http2}\n{http1}");
        }
        reloading.join().expect("it reloads")
    });
    assert!(reloads as u64 >= seconds * 1000 / every.as_millis() as u64, "{reloads} reloads");
    assert!(!server.stderr().contains("with errors"), "{}", server.stderr());
    assert!(old_log.exists() && log.exists(), "the log is created each time");
    descriptors_return(&server, open);
    let now = memory(&server, "VmRSS:");
    if asked.is_some() {
        eprintln!("{reloads} reloads in {seconds} s; memory after the first {kept:?} KiB, at the end {now:?} KiB");
    }
    if let (Some(kept), Some(now)) = (kept, now) {
        assert!(now < kept + GROWTH, "memory rose from {kept} to {now} KiB");
    }
}
