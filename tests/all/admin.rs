//! The admin address of glasshouse: what is told there, in a form that a strict reader takes, and nowhere else.

use crate::client::{Connection, PATIENCE, ask, get, request};
use crate::fixture::{self, MODIFIED, put};
use crate::server::{Server, Setup, Stack};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A server with an admin address, and that address.
#[track_caller]
fn serve(arguments: &[&str]) -> (TempDir, Server, SocketAddr) {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    let arguments = &[&["--admin", "0"], arguments].concat();
    let server = Server::launch(Setup {
        stack: Stack::Host,
        directory: place.path(),
        options: &[],
        arguments,
        unprivileged: false,
    });
    let stdout = server.stdout();
    let line = stdout.lines().find_map(|line| line.strip_prefix("Admin on ")?.split_once("(http://"));
    let admin =
        line.and_then(|(_, rest)| rest.split('/').next()?.parse().ok()).expect("the admin address is announced");
    (place, server, admin)
}

/// Samples by name and labels, as they are written.
type Samples = BTreeMap<String, f64>;

/// Reads version 0.0.4 of the text form, and takes nothing that it does not have.
fn read(text: &str) -> Result<Samples, String> {
    let name = |name: &str| {
        let first = name.starts_with(|char: char| char.is_ascii_alphabetic() || matches!(char, '_' | ':'));
        first && name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | ':'))
    };
    let (mut samples, mut families) = (Samples::new(), BTreeSet::new());
    let (mut help, mut family): (Option<&str>, Option<(&str, &str)>) = (None, None);
    for line in text.strip_suffix('\n').ok_or("no line break at the end")?.split('\n') {
        let wrong = || format!("{line:?}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = Some(rest.split_once(' ').ok_or_else(wrong)?.0);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (of, kind) = rest.split_once(' ').ok_or_else(wrong)?;
            if !name(of)
                || help != Some(of)
                || !families.insert(of)
                || !["counter", "gauge", "histogram"].contains(&kind)
            {
                return Err(wrong());
            }
            family = Some((of, kind));
        } else {
            let (of, kind) = family.ok_or_else(wrong)?;
            let (series, value) = line.rsplit_once(' ').ok_or_else(wrong)?;
            let (base, labels) = series.split_once('{').map_or((series, None), |(base, labels)| (base, Some(labels)));
            let suffix = base.strip_prefix(of).ok_or_else(wrong)?;
            let fits = match kind {
                "histogram" => matches!((suffix, labels), ("_bucket", Some(_)) | ("_sum" | "_count", None)),
                _ => suffix.is_empty(),
            };
            let is_label = |text: &str| {
                let (label, value) = text.split_once("=\"")?;
                let value = value.strip_suffix('"')?;
                (name(label) && !value.contains(['"', '\\', '\n'])).then_some(())
            };
            let labels_fit = labels.is_none_or(|labels| {
                labels.strip_suffix('}').is_some_and(|labels| labels.split(',').all(|label| is_label(label).is_some()))
            });
            let value: f64 = value.parse().map_err(|_| wrong())?;
            if !fits || !labels_fit || value < 0.0 || samples.insert(series.to_owned(), value).is_some() {
                return Err(wrong());
            }
        }
    }
    let histogram = "glasshouse_request_duration_seconds";
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    for (series, value) in &samples {
        if let Some(bound) = series.strip_prefix(&format!("{histogram}_bucket{{le=\"")) {
            let bound = bound.trim_end_matches("\"}").replace("+Inf", "inf");
            buckets.push((bound.parse().map_err(|_| bound.clone())?, *value));
        }
    }
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let all = buckets.last().copied();
    let count = samples.get(&format!("{histogram}_count")).copied();
    if !buckets.is_sorted_by(|one, other| one.1 <= other.1) || all != count.map(|count| (f64::INFINITY, count)) {
        return Err(format!("{buckets:?}, {count:?}"));
    }
    Ok(samples)
}

#[test]
fn the_reader_takes_no_nonsense() {
    let histogram =
        "# HELP glasshouse_request_duration_seconds x\n# TYPE glasshouse_request_duration_seconds histogram\n";
    let whole = |count: u32| {
        format!(
            "{histogram}glasshouse_request_duration_seconds_bucket{{le=\"1\"}} 1\n\
             glasshouse_request_duration_seconds_bucket{{le=\"+Inf\"}} 2\nglasshouse_request_duration_seconds_count {count}\n"
        )
    };
    assert!(read(&whole(2)).is_ok());
    for text in [
        whole(3),
        whole(2) + "# HELP a b\n# TYPE a counter\na 1",
        whole(2) + "a 1\n",
        whole(2) + "# TYPE a counter\na 1\n",
        whole(2) + "# HELP a b\n# TYPE a counter\na 1\na 1\n",
        whole(2) + "# HELP a b\n# TYPE a counter\na{b=c} 1\n",
        whole(2) + "# HELP a b\n# TYPE a counter\na one\n",
        whole(2) + "# HELP a b\n# TYPE a number\na 1\n",
    ] {
        assert!(read(&text).is_err(), "{text}");
    }
}

/// The figures, once they are as `look` wants them: what is counted when an answer is over may come after its last byte.
#[track_caller]
fn figures(admin: SocketAddr, look: impl Fn(&dyn Fn(&str) -> f64) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(admin, "/metrics");
        assert_eq!(answer.head.one("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let samples = read(&answer.text()).unwrap_or_else(|wrong| panic!("{wrong}: {}", answer.text()));
        if look(&|name| samples.get(&format!("glasshouse_{name}")).copied().unwrap_or_default()) {
            return;
        }
        assert!(Instant::now() < deadline, "{samples:#?}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_happens_is_counted() {
    let (place, server, admin) = serve(&["--threads", "2"]);
    std::fs::File::create(place.path().join("long"))
        .expect("a file can be made")
        .set_len(64 << 20)
        .expect("it can be long");
    for _ in 0..4 {
        assert_eq!(get(server.address(), "/hello.txt").body, b"hello\n");
    }
    let missing = get(server.address(), "/none").body.len();
    let mut broken = Connection::open(server.address());
    broken.send(b"GET\r\n\r\n").expect("the server reads");
    broken.rest().expect("an answer");
    figures(admin, |of| {
        of("requests_total{status=\"200\"}") == 4.0
            && of("requests_total{status=\"404\"}") == 1.0
            && of("requests_total{status=\"400\"}") == 1.0
            && of("sent_bytes_total") == (24 + missing) as f64
            && of("request_duration_seconds_count") == 5.0
            && of("request_duration_seconds_sum") > 0.0
            && of("requests_in_flight") == 0.0
            && of("connections") == 0.0
            && of("connections_total") == 6.0
            // The second time on each of two threads.
            && of("replay_hits_total") == 2.0
            && of("instances_total") >= 2.0
            && of("traps_total") == 0.0
            && of("ceilings_reached_total{ceiling=\"max-cpu\"}") == 0.0
    });
    let mut slow = Connection::open(server.address());
    slow.send(&request("GET", "/long", &[])).expect("the server reads");
    slow.head().expect("an answer").expect("an answer");
    figures(admin, |of| of("requests_in_flight") == 1.0 && of("connections") == 1.0);
}

#[test]
fn a_ceiling_is_named() {
    let (_place, server, admin) = serve(&["--max-memory", "1K"]);
    assert_eq!(get(server.address(), "/hello.txt").head.status, 503);
    figures(admin, |of| {
        of("ceilings_reached_total{ceiling=\"max-memory\"}") == 1.0 && of("requests_total{status=\"503\"}") == 1.0
    });
}

#[test]
fn the_figures_are_nowhere_else() {
    let (_place, server, admin) = serve(&[]);
    assert_ne!(admin, server.address());
    for target in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(server.address(), target).head.status, 404, "{target}");
        assert_eq!(get(admin, target).head.status, 200, "{target}");
    }
    assert_eq!(get(admin, "/hello.txt").head.status, 404);
    let refused = ask(admin, "POST", "/metrics", &[]).expect("an answer");
    assert_eq!((refused.head.status, refused.head.one("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_server_that_drains_is_alive_and_not_ready() {
    let (place, server, admin) = serve(&[]);
    std::fs::File::create(place.path().join("long"))
        .expect("a file can be made")
        .set_len(64 << 20)
        .expect("it can be long");
    let mut slow = Connection::open(server.address());
    slow.send(&request("GET", "/long", &[])).expect("the server reads");
    slow.head().expect("an answer").expect("an answer");
    assert_eq!(get(admin, "/readyz").head.status, 200);
    let id = i32::try_from(server.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
    kill_process(id, Signal::TERM).expect("a child can be signalled");
    let deadline = Instant::now() + PATIENCE;
    while get(admin, "/readyz").head.status != 503 {
        assert!(Instant::now() < deadline, "it never drained");
    }
    assert_eq!(get(admin, "/healthz").head.status, 200);
}
