//! Replayed responses equal those of the handler: two servers, one without replay, get the same requests while their
//! trees change at random.

use crate::http::auth::{ALICE, basic};
use crate::ops::admin::{admin_address, figures};
use crate::support::client::{self, HttpConnection, HttpResponse, ask};
use crate::support::clock;
use crate::support::fixture;
use crate::support::random::Random;
use crate::support::server::{TestServer, glasshouse_in};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Questions. Each is asked twice, so that the second may be answered without the handler.
const STEPS: u32 = 100_000;
/// Times at which nothing changes for so long that the metadata of a file imply its content.
const ROUNDS: u32 = 12;
/// A little more than the two seconds after which they do.
const AT_REST: Duration = Duration::from_millis(2100);
/// How many questions follow a change, at most.
const CALM: u32 = 6;
/// Connections to each server, dealt out to its threads in turn.
const CONNECTIONS: usize = 4;

/// Paths that changes are made at all the time and questions asked for.
const BUSY: &[&str] = &[
    "a.txt",
    "b.js",
    "b.js.gz",
    "b.js.br",
    "d/index.html",
    "d/c.css",
    "d/c.css.gz",
    "404.html",
    "page.html",
    "m/e.txt",
];
/// Paths that rest between some changes.
const RESTING: &[&str] = &[
    "rest/a.txt",
    "rest/b.js",
    "rest/b.js.gz",
    "rest/long.txt",
    "rest/README.md",
    "rest/d/c.css",
    "rest/d/e/f.html",
    "m/rest.txt",
    "m/d/rest.css",
];
/// Questions beside those paths.
const OTHERS: &[&str] = &[
    "",
    "d",
    "d/",
    "page",
    "none",
    "link",
    "link/c.css",
    "a.txt/",
    "%2e%2e/x",
    "glasshouse.toml",
    "m/",
    "m/none",
    "rest/",
    "rest/d/",
    "rest/d/none",
    "rest/b.txt",
    "rest/link/c.css",
];

/// Two directories, one of which is mounted in the other, and a file of users.
struct Trees {
    place: TempDir,
}

impl Trees {
    fn new() -> Trees {
        let trees = Trees { place: fixture::place() };
        for path in ["www/d", "www/rest/d/e", "mounted/d"] {
            fs::create_dir_all(trees.place.path().join(path)).expect("a directory can be made");
        }
        fs::write(trees.place.path().join("users"), ALICE).expect("a file can be written");
        trees
    }

    /// The file of a path in URLs.
    fn file(&self, path: &str) -> PathBuf {
        let (tree, path) = path.strip_prefix("m/").map_or(("www", path), |path| ("mounted", path));
        self.place.path().join(tree).join(path)
    }

    fn serve(&self, arguments: &[&str]) -> TestServer {
        let site = ["-d", "www", "--mount", "/m=mounted", "--auth", "users", "--compress"];
        TestServer::spawn(glasshouse_in(self.place.path(), &[&site, arguments].concat()))
    }

    /// Makes what rests as it is at the beginning, with old times of modification, and waits until it rests.
    fn come_to_rest(&self, round: u32) {
        let _ = fs::remove_file(self.file("rest/link"));
        let _ = fs::remove_file(self.file("rest/d"));
        fs::create_dir_all(self.file("rest/d/e")).expect("a directory can be made");
        symlink("d", self.file("rest/link")).expect("a link can be made");
        for (number, path) in RESTING.iter().enumerate() {
            let mut text =
                format!("# {path} {round}\n\n").repeat(if path.contains("long") { 2000 } else { 40 }).into_bytes();
            if let Some(original) = path.strip_suffix(".gz") {
                // It says that it holds what lies beside it.
                let length = fs::metadata(self.file(original)).map_or(0, |original| original.len()) as u32;
                text.extend(length.to_le_bytes());
            }
            fs::write(self.file(path), text).expect("a file can be written");
            let time = filetime::FileTime::from_unix_time(1_400_000_000 + number as i64, round);
            filetime::set_file_mtime(self.file(path), time).expect("its time can be set");
        }
        clock::wait_until(Instant::now() + AT_REST);
    }
}

#[test]
fn answers_given_again_are_those_of_the_handler() {
    let trees = Trees::new();
    let (again, uncached) =
        (trees.serve(&["--threads", "2", "--admin", "0"]), trees.serve(&["--threads", "1", "--no-replay"]));
    let admin = admin_address(&again);
    let (mut again, mut uncached) = (ReplayClient::of(again.address()), ReplayClient::of(uncached.address()));
    let mut dice = Random(0x9e37_79b9_7f4a_7c15);
    let mut tags = vec!["\"none\"".to_owned()];
    for round in 0..ROUNDS {
        trees.come_to_rest(round);
        let mut step = 0;
        while step < STEPS / ROUNDS {
            let is_resting = step < STEPS / ROUNDS / 2 || dice.below(8) > 0;
            let what = if is_resting { change(&mut dice, &trees, step) } else { disturb(&mut dice, &trees, step) };
            for _ in 0..=dice.below(CALM as usize) {
                let (method, target, fields) = question(&mut dice, &tags);
                let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let expected = uncached.ask(&mut dice, method, &target, &fields);
                for _ in 0..2 {
                    let got = again.ask(&mut dice, method, &target, &fields);
                    let at = format!("round {round}, step {step}, after {what}: {method} {target} {fields:?}");
                    assert_eq!(comparable(got, &expected), comparable(expected.clone(), &expected), "{at}");
                }
                let tag = expected.1.iter().find(|(name, _)| name == "etag").map(|(_, tag)| tag.clone());
                tags.extend(tag);
                tags.drain(..tags.len().saturating_sub(8));
                step += 1;
            }
        }
    }
    // Otherwise the comparison says nothing.
    figures(admin, |of| of("replay_hits_total") > f64::from(STEPS / 2));
}

/// Connections that are kept, and opened again when the server has closed them.
struct ReplayClient {
    address: SocketAddr,
    open: Vec<Option<HttpConnection>>,
}

type Observed = (u16, Vec<(String, String)>, Vec<u8>);

impl ReplayClient {
    fn of(address: SocketAddr) -> ReplayClient {
        ReplayClient { address, open: (0..CONNECTIONS).map(|_| None).collect() }
    }

    fn ask(&mut self, dice: &mut Random, method: &str, target: &str, fields: &[(&str, &str)]) -> Observed {
        let place = dice.below(CONNECTIONS);
        let mut connection = self.open[place].take().unwrap_or_else(|| HttpConnection::open(self.address));
        connection.send(&client::request(method, target, fields)).expect("the server listens");
        let HttpResponse { head, body } = connection.answer(method).expect("an answer");
        if !head.closes() {
            self.open[place] = Some(connection);
        }
        let fields = head.fields.into_iter().filter(|(name, _)| name != "date").collect();
        (head.status, fields, body)
    }
}

/// A response without what may differ: a body whose length the handler did not know has one when it is replayed.
fn comparable(mut observed: Observed, expected: &Observed) -> Observed {
    let is_chunked = expected.1.iter().any(|(name, _)| name == "transfer-encoding");
    observed.1.retain(|(name, _)| !is_chunked || !matches!(name.as_str(), "transfer-encoding" | "content-length"));
    observed
}

/// One change of the tree, by name. What cannot be done changes nothing, which is as good a case.
fn change(dice: &mut Random, trees: &Trees, step: u32) -> String {
    let name = dice.one(BUSY);
    let (path, root) = (trees.file(name), trees.file(""));
    let mut content = vec![b'a' + (step % 26) as u8; dice.below(2000)];
    // Half of the siblings say that they hold what lies beside them.
    if let (Some(original), Some(end)) = (name.strip_suffix(".gz"), content.last_chunk_mut::<4>())
        && dice.below(2) == 0
    {
        let length = fs::metadata(trees.file(original)).map_or(0, |original| original.len());
        *end = (length as u32).to_le_bytes();
    }
    let what = match dice.below(12) {
        0 | 1 => fs::write(&path, &content),
        2 => fs::File::options().write(true).open(&path).and_then(|file| file.set_len(dice.below(1000) as u64)),
        3 => fs::write(root.join("new"), &content).and_then(|()| fs::rename(root.join("new"), &path)),
        4 => fs::remove_file(&path),
        5 => fs::set_permissions(&path, fs::Permissions::from_mode(if dice.below(2) == 0 { 0o600 } else { 0o644 })),
        6 => set_time(&path, i64::from(step % 7), step % 1000),
        7 => {
            let to = dice.one(&["d", "a.txt", "nowhere", "../outside", "/etc"]);
            fs::remove_file(root.join("link")).or(Ok(())).and_then(|()| symlink(to, root.join("link")))
        }
        8 => fs::remove_dir_all(root.join("d")),
        9 => fs::create_dir_all(root.join("d")),
        // No two versions have the same length, so a handler that has read one sees that there is another.
        10 => fs::write(
            root.join("glasshouse.toml"),
            format!("clean-urls = {}\n#{}", step.is_multiple_of(2), "-".repeat(step as usize % 60_000)),
        ),
        _ => fs::remove_file(root.join("glasshouse.toml")),
    };
    format!("{what:?} with {name}")
}

/// A change of what rested, most of them as hard to see as a change can be.
fn disturb(dice: &mut Random, trees: &Trees, step: u32) -> String {
    let name = dice.one(RESTING);
    let path = trees.file(name);
    let letter = b'a' + (step % 26) as u8;
    let what = match dice.below(8) {
        // Other bytes, with the same length and time. A handler remembers by these what a sibling holds.
        0..=2 if !name.ends_with(".gz") => fs::metadata(&path).and_then(|metadata| {
            fs::write(&path, vec![letter; metadata.len() as usize])?;
            filetime::set_file_mtime(&path, filetime::FileTime::from_last_modification_time(&metadata))
        }),
        3 => fs::remove_file(&path),
        0..=2 | 4 => fs::write(path.with_extension("txt"), [letter; 900]),
        5 => fs::rename(trees.file("rest/d"), trees.file("rest/g")),
        6 => fs::rename(trees.file("rest/g"), trees.file("rest/d")),
        // A directory becomes a link to where it was moved, outside of the tree.
        _ => {
            let outside = trees.place.path().join(format!("outside{step}"));
            fs::rename(trees.file("rest/d"), &outside).and_then(|()| symlink(&outside, trees.file("rest/d")))
        }
    };
    format!("{what:?} with {name}")
}

fn set_time(path: &Path, seconds: i64, nanoseconds: u32) -> std::io::Result<()> {
    filetime::set_file_mtime(path, filetime::FileTime::from_unix_time(1_500_000_000 + seconds, nanoseconds))
}

fn question(dice: &mut Random, tags: &[String]) -> (&'static str, String, Vec<(&'static str, String)>) {
    let method = dice.one(&["GET", "GET", "GET", "HEAD", "OPTIONS", "POST"]);
    let target = match dice.below(8) {
        0 | 1 => dice.one(OTHERS),
        2..5 => dice.one(RESTING),
        _ => dice.one(BUSY),
    };
    let query = dice.one(&["", "", "?x", "?y=1", "?sort=size&order=desc", "?format=json", "?search=c"]);
    let mut fields = Vec::new();
    if dice.below(16) > 0 {
        fields.push(("Authorization", basic("alice", "open sesame")));
    }
    if dice.below(3) == 0 {
        let accept =
            dice.one(&["text/html", "application/json", "*/*", "text/html;q=0.5, application/json", "image/*"]);
        fields.push(("Accept", accept.to_owned()));
    }
    let tag = tags[dice.below(tags.len())].clone();
    match dice.below(8) {
        0 => fields.push(("If-None-Match", tag)),
        1 => fields.push(("If-Match", tag)),
        2 => fields.extend([("Range", "bytes=0-9".to_owned()), ("If-Range", tag)]),
        3 => {
            fields.push(("Range", dice.one(&["bytes=5-", "bytes=-3", "bytes=0-0,9-", "bytes=50000-", "x"]).to_owned()))
        }
        4 | 5 => fields.push(("Accept-Encoding", dice.one(&["gzip", "br, gzip;q=0.5", "*", "identity"]).to_owned())),
        6 => fields.push(("If-Modified-Since", "Fri, 14 Jul 2017 02:40:03 GMT".to_owned())),
        _ => {}
    }
    (method, format!("/{target}{query}"), fields)
}

/// A method, a target, fields, and the status.
type ReplayRow<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16);

/// Each kind of response is replayed, by the other thread as well.
#[test]
fn every_kind_of_response_is_replayed() {
    let trees = Trees::new();
    trees.come_to_rest(0);
    let server = trees.serve(&["--threads", "2", "--admin", "0"]);
    let admin = admin_address(&server);
    let right = basic("alice", "open sesame");
    let rows: &[ReplayRow] = &[
        ("GET", "/rest/a.txt", &[], 200),
        ("GET", "/rest/long.txt", &[], 200),
        ("HEAD", "/rest/a.txt", &[], 200),
        ("GET", "/rest/a.txt", &[("If-None-Match", "*")], 304),
        ("GET", "/rest/a.txt", &[("Range", "bytes=5-9")], 206),
        ("GET", "/rest/a.txt", &[("Range", "bytes=0-1,5-9")], 206),
        ("GET", "/rest/a.txt", &[("Range", "bytes=50000-")], 416),
        ("GET", "/rest/a.txt", &[("If-Match", "\"x\"")], 412),
        ("POST", "/rest/a.txt", &[], 405),
        ("GET", "/none", &[], 404),
        ("GET", "/rest/b.txt", &[("Accept", "text/html")], 404),
        ("GET", "/rest", &[], 301),
        // A listing with a link, and with a README, which the handler has read.
        ("GET", "/rest/", &[("Accept", "text/html")], 200),
        ("GET", "/rest/long.txt", &[("Accept-Encoding", "gzip")], 200),
        ("GET", "/rest/b.js", &[("Accept-Encoding", "gzip")], 200),
        ("GET", "/m/rest.txt", &[], 200),
    ];
    let (mut asked, mut stored) = (0.0, 0.0);
    for (method, target, fields, status) in rows {
        let fields = [&[("Authorization", right.as_str())], *fields].concat();
        let ask = || ask(server.address(), method, target, &fields).expect("every request is answered");
        let first = ask();
        assert_eq!(first.head.status, *status, "{method} {target} {fields:?}");
        asked += 1.0;
        // A body that an instance writes is stored when its client has it.
        figures(admin, |of| {
            of("replay_misses_total") == asked
                && of("replay_hits_total") == 3.0 * (asked - 1.0)
                && of("replay_bytes") != stored
        });
        for _ in 0..3 {
            let again = ask();
            let framing = ["transfer-encoding", "content-length", "date"];
            let fields = |response: &HttpResponse| -> Vec<(String, String)> {
                let fields = response.head.fields.iter();
                fields.filter(|(name, _)| !framing.contains(&name.as_str())).cloned().collect()
            };
            assert_eq!((fields(&again), &again.body), (fields(&first), &first.body), "{method} {target}");
        }
        let after = figures(admin, |of| of("replay_hits_total") == 3.0 * asked);
        stored = after["glasshouse_replay_bytes"];
    }
}
