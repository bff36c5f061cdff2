//! Cached responses equal those of the handler: two servers, one without a cache, get the same requests while their
//! tree changes at random.

use crate::support::client::{self, HttpConnection, HttpResponse};
use crate::support::fixture;
use crate::support::random::Random;
use crate::support::server::{Setup, Stack, TestServer};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Changes and questions. Each question is asked twice, so that the second may be answered without the handler.
const STEPS: u32 = 100_000;
/// How many questions follow a change, at most.
const CALM: u32 = 6;

/// Paths that changes are made at and questions asked for.
const PATHS: &[&str] =
    &["a.txt", "b.js", "b.js.gz", "b.js.br", "d/index.html", "d/c.css", "d/c.css.gz", "404.html", "page.html"];
/// Questions beside those paths.
const OTHERS: &[&str] = &["", "d", "d/", "page", "none", "link", "link/c.css", "a.txt/", "%2e%2e/x", "glasshouse.toml"];

#[test]
fn answers_given_again_are_those_of_the_handler() {
    let place = fixture::place();
    let root = place.path().join("www");
    fs::create_dir_all(root.join("d")).expect("a directory can be made");
    let launch = |arguments: &[&str]| {
        TestServer::launch(Setup { stack: Stack::Host, directory: &root, options: &[], arguments, unprivileged: false })
    };
    let (again, uncached) = (launch(&["--threads", "1"]), launch(&["--threads", "1", "--no-replay"]));
    let (mut again, mut uncached) = (ReplayClient::of(again.address()), ReplayClient::of(uncached.address()));
    let mut dice = Random(0x9e37_79b9_7f4a_7c15);
    let mut tags = vec!["\"none\"".to_owned()];
    let mut step = 0;
    while step < STEPS {
        let change = change(&mut dice, &root, step);
        for _ in 0..=dice.below(CALM as usize) {
            let (method, target, fields) = question(&mut dice, &tags);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let expected = uncached.ask(method, &target, &fields);
            for _ in 0..2 {
                let got = again.ask(method, &target, &fields);
                assert_eq!(got, expected, "step {step}, after {change}: {method} {target} {fields:?}");
            }
            let tag = expected.1.iter().find(|(name, _)| name == "etag").map(|(_, tag)| tag.clone());
            tags.extend(tag);
            tags.drain(..tags.len().saturating_sub(8));
            step += 1;
        }
    }
}

/// A connection that is kept, and opened again when the server has closed it.
struct ReplayClient {
    address: SocketAddr,
    open: Option<HttpConnection>,
}

type Observed = (u16, Vec<(String, String)>, Vec<u8>);

impl ReplayClient {
    fn of(address: SocketAddr) -> ReplayClient {
        ReplayClient { address, open: None }
    }

    fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Observed {
        let mut connection = self.open.take().unwrap_or_else(|| HttpConnection::open(self.address));
        connection.send(&client::request(method, target, fields)).expect("the server listens");
        let HttpResponse { head, body } = connection.answer(method).expect("an answer");
        if !head.closes() {
            self.open = Some(connection);
        }
        let fields = head.fields.into_iter().filter(|(name, _)| name != "date").collect();
        (head.status, fields, body)
    }
}

/// One change of the tree, by name. What cannot be done changes nothing, which is as good a case.
fn change(dice: &mut Random, root: &Path, step: u32) -> String {
    let name = dice.one(PATHS);
    let path = root.join(name);
    let mut content = vec![b'a' + (step % 26) as u8; dice.below(2000)];
    // Half of the siblings say that they hold what lies beside them.
    if let (Some(original), Some(end)) = (name.strip_suffix(".gz"), content.last_chunk_mut::<4>())
        && dice.below(2) == 0
    {
        let length = fs::metadata(root.join(original)).map_or(0, |original| original.len());
        *end = (length as u32).to_le_bytes();
    }
    let what = match dice.below(12) {
        0 | 1 => fs::write(&path, &content),
        2 => fs::File::options().write(true).open(&path).and_then(|file| file.set_len(dice.below(1000) as u64)),
        3 => fs::write(root.join("new"), &content).and_then(|()| fs::rename(root.join("new"), &path)),
        4 => fs::remove_file(&path),
        5 => fs::set_permissions(&path, fs::Permissions::from_mode(if dice.below(2) == 0 { 0o600 } else { 0o644 })),
        6 => filetime::set_file_mtime(
            &path,
            filetime::FileTime::from_unix_time(1_500_000_000 + i64::from(step % 7), step % 1000),
        ),
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

fn question(dice: &mut Random, tags: &[String]) -> (&'static str, String, Vec<(&'static str, String)>) {
    let method = dice.one(&["GET", "GET", "GET", "HEAD", "OPTIONS", "POST"]);
    let target = if dice.below(4) == 0 { dice.one(OTHERS) } else { dice.one(PATHS) };
    let query = dice.one(&["", "", "?x", "?y=1", "?sort=size&order=desc", "?format=json", "?search=c"]);
    let mut fields = Vec::new();
    let tag = tags[dice.below(tags.len())].clone();
    match dice.below(8) {
        0 => fields.push(("If-None-Match", tag)),
        1 => fields.push(("If-Match", tag)),
        2 => fields.extend([("Range", "bytes=0-9".to_owned()), ("If-Range", tag)]),
        3 => fields.push(("Range", dice.one(&["bytes=5-", "bytes=-3", "bytes=0-0,9-", "bytes=5000-", "x"]).to_owned())),
        4 => fields.push(("Accept-Encoding", dice.one(&["gzip", "br, gzip;q=0.5", "*", "identity"]).to_owned())),
        5 => fields.push(("If-Modified-Since", "Fri, 14 Jul 2017 02:40:03 GMT".to_owned())),
        _ => {}
    }
    (method, format!("/{target}{query}"), fields)
}
