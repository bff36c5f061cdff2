//! Several trees in one server: the tree that a path selects, and that the handler of one tree cannot read another.

use crate::http::auth::ALICE;
use crate::support::certs;
use crate::support::client::{BodyFraming, HttpConnection, HttpResponse, ask, get, request};
use crate::support::fixture::{self, MODIFIED, SECRET, link, put};
use crate::support::h2;
use crate::support::reference;
use crate::support::server::{Done, TestServer, Version, glasshouse, glasshouse_in, run};
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A place with a directory for each name, with a file in it that says so.
fn place() -> TempDir {
    let place = fixture::place();
    for name in ["root", "a", "b", "c"] {
        put(&place.path().join(name).join("who.txt"), name.as_bytes(), MODIFIED);
        put(&place.path().join(name).join("sub/who.txt"), format!("{name}/sub").as_bytes(), MODIFIED);
    }
    place
}

#[track_caller]
fn serve(place: &TempDir, arguments: &[&str]) -> TestServer {
    TestServer::spawn(glasshouse_in(place.path(), arguments))
}

#[track_caller]
fn fails(place: &TempDir, arguments: &[&str], code: i32, words: &str) {
    run(glasshouse_in(place.path(), arguments)).fails(code, words);
}

const MOUNTS: &[&str] = &["--mount", "/docs=a", "--mount", "/docs/inner=b", "--mount", "/a b=c"];

/// What is asked for, and what it is answered with: a status, and a content or the place to go to.
const ROUTES: &[(&str, u16, &str)] = &[
    ("/who.txt", 200, "root"),
    ("/docs/who.txt", 200, "a"),
    ("/docs/inner/who.txt", 200, "b"),
    ("/a%20b/who.txt", 200, "c"),
    ("/docs/sub/who.txt", 200, "a/sub"),
    ("/docs/inner/sub/who.txt", 200, "b/sub"),
    ("/docs/who.txt?x=/../who.txt", 200, "a"),
    // Encoded, once.
    ("/%64ocs/who.txt", 200, "a"),
    ("/docs/%69nner/who.txt", 200, "b"),
    ("/docs%2fwho.txt", 200, "a"),
    ("/docs%2Finner%2Fwho.txt", 200, "b"),
    ("/%2564ocs/who.txt", 404, ""),
    ("/a+b/who.txt", 404, ""),
    // With dots.
    ("/./docs/./who.txt", 200, "a"),
    ("/sub/../docs/who.txt", 200, "a"),
    ("/none/../docs/who.txt", 200, "a"),
    ("/docs/../who.txt", 200, "root"),
    ("/docs/inner/../who.txt", 200, "a"),
    ("/docs/inner/../../who.txt", 200, "root"),
    ("/docs/%2e%2e/who.txt", 200, "root"),
    ("/docs/..%2fwho.txt", 200, "root"),
    ("/docs/inner/..%2f..%2fa%20b/who.txt", 200, "c"),
    ("/../../docs/who.txt", 200, "a"),
    // With more slashes than it takes.
    ("//docs//who.txt", 200, "a"),
    ("///docs///inner///who.txt", 200, "b"),
    // Names are whole, and have the letters that they have.
    ("/docsx/who.txt", 200, "beside docs"),
    ("/docs/innermost/who.txt", 200, "beside inner"),
    ("/Docs/who.txt", 404, ""),
    // What lies behind a mount is not seen.
    ("/docs/hidden-by-a.txt", 404, ""),
    ("/docs/inner/hidden-by-b.txt", 404, ""),
    ("/docs/none", 404, ""),
    // The way into a directory.
    ("/docs?x", 301, "/docs/?x"),
    ("/docs/inner", 301, "/docs/inner/"),
    ("/%61%20b", 301, "/a%20b/"),
    ("/docs/sub", 301, "/docs/sub/"),
    ("//docs", 301, "/docs/"),
    ("/docs/inner/.", 301, "/docs/inner/"),
    ("/docs%2Finner//?x", 301, "/docs/inner/?x"),
    // A target without a path selects no mount.
    ("/docs/%00", 400, ""),
    ("/docs/%ff", 404, ""),
];

/// Asks for all of them, twice: the second answer may be the first one, given again.
#[track_caller]
fn check_routes(mut ask: impl FnMut(&str) -> HttpResponse) {
    for (target, status, expected) in ROUTES.iter().chain(ROUTES) {
        let answer = ask(target);
        let got = match status {
            200 => answer.text(),
            301 | 308 => reference::resolve(target, answer.head.one("location").unwrap_or_default()),
            _ => String::new(),
        };
        assert_eq!((answer.head.status, got.as_str()), (*status, *expected), "{target}");
    }
}

/// A page keeps its own path where the shorter one is that of another tree (RFC 9110 15.4.9).
#[test]
fn no_page_is_sent_to_another_tree() {
    let place = place();
    for path in ["root/docs.html", "root/pages/old.html", "root/other.html", "a/inner.html", "a/docs.html"] {
        put(&place.path().join(path), path.as_bytes(), MODIFIED);
    }
    let more = ["--mount", "/pages/old=c", "--clean-urls", "-d", "root"];
    let server = serve(&place, &[MOUNTS, &more].concat());
    for (target, status, expected) in [
        ("/docs.html", 200, "root/docs.html"),
        ("/docs", 301, "/docs/"),
        ("/pages/old.html", 200, "root/pages/old.html"),
        ("/other.html", 308, "/other"),
        ("/docs/inner.html", 200, "a/inner.html"),
        ("/docs/docs.html", 308, "/docs/docs"),
        ("/docs/docs", 200, "a/docs.html"),
        // A query alone is one of the root, whichever tree that is.
        ("http://localhost?format=text", 200, "pages/\nsub/\ndocs.html\nother.html\nwho.txt\n"),
    ] {
        let answer = get(server.address(), target);
        let got = match answer.head.one("location") {
            Some(location) => reference::resolve(target, location),
            None => answer.text(),
        };
        assert_eq!((answer.head.status, got.as_str()), (status, expected), "{target}");
    }
}

/// The ways up in the heading of a listing.
fn crumbs(server: &TestServer, target: &str) -> Vec<String> {
    let page = get(server.address(), target).text();
    let heading = page.split("</h1>").next().and_then(|page| page.split("<h1>").nth(1)).unwrap_or_default();
    heading.split("<a").skip(1).map(|link| link.split('>').next().unwrap_or_default().trim().to_owned()).collect()
}

#[test]
fn a_listing_leads_up_to_what_is_served_there() {
    let place = place();
    for path in ["root/x", "a/x", "b/sub/x"] {
        put(&place.path().join(path), b"x", MODIFIED);
    }
    let here = "aria-current=\"page\"";
    for (arguments, target, expected) in [
        (&["-d", "root", "--mount", "/m/a=a"][..], "/m/a/", &["href=../../", "", here][..]),
        (&["--mount", "/m/a=a"], "/m/a/", &["", "", here]),
        (&["--mount", "/m=a", "--mount", "/m/n/b=b"], "/m/n/b/sub/", &["", "href=../../../", "", "href=../", here]),
        (&["-d", "root", "--prefix", "/m", "--mount", "/m/b=b"], "/m/b/", &["", "href=../", here]),
        (&["-d", "root", "--prefix", "/other", "--mount", "/m/b=b"], "/m/b/", &["", "", here]),
    ] {
        let server = serve(&place, arguments);
        assert_eq!(crumbs(&server, target), expected, "{arguments:?} {target}");
    }
}

#[test]
fn a_path_leads_to_one_tree_however_it_is_written() {
    let place = place();
    for (path, text) in [
        ("root/docsx/who.txt", "beside docs"),
        ("root/docs/hidden-by-a.txt", "hidden"),
        ("a/innermost/who.txt", "beside inner"),
        ("a/inner/hidden-by-b.txt", "hidden"),
    ] {
        put(&place.path().join(path), text.as_bytes(), MODIFIED);
    }
    let arguments = [&["-d", "root", "--require-harden"], MOUNTS].concat();
    let server = serve(&place, &arguments);
    check_routes(|target| get(server.address(), target));
    assert_eq!(get(server.address(), "http://localhost/docs/who.txt").text(), "a");
    // A directory does not show what is mounted below it, and leads up to what is served there.
    let listing = get(server.address(), "/?format=text").text();
    assert!(!listing.contains("a b"), "{listing}");
    let listing = get(server.address(), "/docs/").text();
    assert!(listing.contains("<title>Directory listing for /docs/</title>"), "{listing}");
    assert!(listing.contains("<a href=../><svg"), "{listing}");

    let pair = certs::pair();
    let mut command = glasshouse_in(place.path(), &arguments);
    command.arg("--tls-cert").arg(&pair.cert).arg("--tls-key").arg(&pair.key);
    let server = TestServer::spawn(command);
    let mut client = h2::Http2Client::secure(server.address());
    check_routes(|target| client.ask("GET", target, &[]).unwrap_or_else(|error| panic!("{target}: {error}")));
}

#[test]
fn without_a_directory_nothing_else_is_served() {
    let place = place();
    // In a directory that would be served by default.
    let server = TestServer::spawn(glasshouse_in(&place.path().join("root"), &["--mount", "/docs=../a"]));
    assert_eq!(get(server.address(), "/docs/who.txt").text(), "a");
    for target in ["/", "/who.txt", "/docsx", "/docs/../who.txt", "/docs/%00", "/docs/%ff", "//"] {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            let answer = ask(server.address(), method, target, &[]).expect("an answer");
            let text = if method == "HEAD" { "" } else { "404 Not Found\n" };
            assert_eq!((answer.head.status, answer.text().as_str()), (404, text), "{method} {target}");
        }
    }
    server.wait_for_stderr("a line for it", |text| text.contains("\"GET /who.txt HTTP/1.1\" 404 14").then_some(()));
    assert!(!server.stderr().contains("glasshouse: "), "a path that leads nowhere is not a fault: {}", server.stderr());
    assert_eq!(get(server.address(), "/docs/who.txt").text(), "a");
}

#[test]
fn no_tree_leads_into_another() {
    let place = place();
    let a = place.path().join("a");
    for (name, to) in [("file", "../b/who.txt"), ("directory", "../b"), ("root", "../root"), ("up", "..")] {
        link(Path::new(to), &a.join(name));
    }
    link(&place.path().join("b/who.txt"), &a.join("directly"));
    link(Path::new("../docs/who.txt"), &place.path().join("b/by-url"));
    let server = serve(&place, &["-d", "root", "--mount", "/docs=a", "--mount", "/b=b", "--hidden"]);
    for target in ["file", "directory/who.txt", "directory/", "directly", "root/who.txt", "up/b/who.txt"] {
        let answer = get(server.address(), &format!("/docs/{target}"));
        assert_eq!(answer.head.status, 404, "{target}: {}", answer.text());
    }
    assert_eq!(get(server.address(), "/b/by-url").head.status, 404);
    assert_eq!(get(server.address(), "/b/who.txt").text(), "b");
}

/// A handler whose code is an attacker's, in one tree, beside another that has a secret.
struct Hostile {
    _place: TempDir,
    server: TestServer,
}

impl Hostile {
    /// The tree at the root has a secret beside it, in a directory that is served at `/above`.
    #[track_caller]
    fn serve(version: Version, arguments: &[&str]) -> Hostile {
        let place = fixture::place();
        let root = place.path().join("www");
        put(&root.join("good.txt"), b"good", MODIFIED);
        put(&root.join("sub/file.txt"), b"file", MODIFIED);
        put(&place.path().join("good.txt"), b"good above", MODIFIED);
        put(&place.path().join("secret.txt"), SECRET.as_bytes(), MODIFIED);
        for (name, to) in [("to-up", ".."), ("to-root", "/"), ("to-secret", "../secret.txt")] {
            link(Path::new(to), &root.join(name));
        }
        link(&place.path().join("secret.txt"), &root.join("to-secret-directly"));
        let handler = match version {
            Version::P3 => env!("HOSTILE_P3"),
            Version::P2 => env!("HOSTILE_P2"),
        };
        // One thread, so that whatever is kept for the one tree is near when the other is asked.
        let fixed = ["-d", "www", "--mount", "/above=.", "--threads", "1", "--handler", handler];
        let server = serve(&place, &[&fixed, arguments].concat());
        Hostile { _place: place, server }
    }

    #[track_caller]
    fn ask(&self, target: &str) -> String {
        get(self.server.address(), target).text()
    }
}

const VERSIONS: [Version; 2] = [Version::P3, Version::P2];

#[test]
fn what_answers_for_one_tree_reads_no_other() {
    for version in VERSIONS {
        // Without what the process gives up, which would not keep one tree from another anyway.
        let hostile = Hostile::serve(version, &["--max-cpu", "1m", "--answer-timeout", "2m", "--no-harden"]);
        for _ in 0..2 {
            // The secret can be read, by who may.
            let above = hostile.ask("/above/passwd");
            assert!(above.contains(&format!("GOT: secret.txt: {SECRET}")), "{above}");
            let text = hostile.ask("/passwd");
            assert!(!text.contains(SECRET) && !text.contains("good above"), "{text}");
            let got: Vec<_> = text.lines().filter(|line| line.starts_with("GOT: ")).collect();
            // What a link says is in the tree; what it leads to is not.
            let is_own =
                |line: &&str| line.starts_with("GOT: good.txt: ") || line.ends_with("to-secret: ../secret.txt");
            assert!(got.iter().all(is_own) && got.contains(&"GOT: good.txt: good"), "{got:#?}");
        }
        for (target, prefix) in [("/environment", None), ("/above/environment", Some("GLASSHOUSE_PREFIX=above"))] {
            let text = hostile.ask(target);
            let given: Vec<_> = text.lines().filter(|line| line.contains("preopened")).collect();
            assert_eq!(given, ["preopened: /"], "{target}: one directory");
            let reported =
                text.lines().find_map(|line| line.strip_prefix("variable: ").filter(|v| v.contains("PREFIX")));
            assert_eq!(reported, prefix, "{target}: {text}");
        }
    }
}

/// Instances that may be busy with bodies are those of all trees together.
#[test]
fn trees_share_what_a_thread_may_have() {
    for version in VERSIONS {
        let hostile = Hostile::serve(version, &["--max-instances", "1", "--answer-timeout", "500ms"]);
        assert_eq!(hostile.ask("/above/good"), "good above");
        let mut busy = HttpConnection::open(hostile.server.address());
        busy.send(&request("GET", "/endless", &[])).expect("the server reads");
        assert_eq!(busy.head().expect("a head").map(|head| head.status), Some(200));
        assert_eq!(get(hostile.server.address(), "/above/endless").head.status, 503);
        // Nor does a reload make more of them.
        reload(&hostile.server, 1);
        assert_eq!(get(hostile.server.address(), "/above/endless").head.status, 503);
        let stderr = hostile.server.stderr();
        assert!(stderr.contains("--max-instances"), "{stderr}");
        drop(busy.body(BodyFraming::Length(1), |_| {}));
    }
}

/// Sends SIGHUP, and waits until it was done `times` times in all.
#[track_caller]
fn reload(server: &TestServer, times: usize) {
    server.signal(Signal::HUP);
    server.wait_for_stderr("that it reloaded", |text| {
        (text.lines().filter(|line| line.starts_with("glasshouse: reloaded")).count() >= times).then_some(())
    });
}

#[test]
fn each_tree_is_opened_again_by_itself() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    let site = [&["-d", "root", "--harden-also", "."], MOUNTS].concat();
    for arguments in [&site[..], &[&site[..], &["--no-harden"]].concat()] {
        let server = serve(&place, arguments);
        let whose = |target: &str| get(server.address(), target).text();
        for (one, other) in [("a", "kept"), ("b", "a")] {
            fs::rename(at(one), at(other)).expect("a directory can be moved");
        }
        assert_eq!(whose("/docs/who.txt"), "a", "not before the signal");
        reload(&server, 1);
        assert_eq!(whose("/docs/who.txt"), "b", "another directory is there");
        assert_eq!(whose("/docs/inner/who.txt"), "b", "it is gone, and what was open is still served");
        assert_eq!((whose("/who.txt"), whose("/a%20b/who.txt")), ("root".into(), "c".into()));
        let stderr = server.stderr();
        let line = stderr.lines().find(|line| line.contains("tree not replaced")).unwrap_or_default();
        assert!(
            line.contains("/b'") && line.contains("no such directory or file") && !line.contains("/a'"),
            "{stderr}"
        );
        for (one, other) in [("a", "b"), ("kept", "a")] {
            fs::rename(at(one), at(other)).expect("a directory can be moved");
        }
        reload(&server, 2);
        check_after(&server);
    }
}

#[track_caller]
fn check_after(server: &TestServer) {
    for (target, expected) in [("/who.txt", "root"), ("/docs/who.txt", "a"), ("/docs/inner/who.txt", "b")] {
        assert_eq!(get(server.address(), target).text(), expected, "{target}");
    }
}

#[test]
fn nonsense_is_named() {
    let place = place();
    for (arguments, code, words) in [
        (&["--mount", "docs=a"][..], 2, "invalid URL path 'docs'; begin it with '/'"),
        (&["--mount", "/docs"], 2, "write it as /PATH=DIR"),
        (&["--mount", "/=a"], 2, "'/' is the path of --directory; name a path below it"),
        (&["--mount", "/a/../b=a"], 2, "invalid path '/a/../b'"),
        (&["--mount", "/x=a", "--mount", "//x/=b"], 2, "--mount: two directories for '/x'"),
        (&["--mount", "/x=a", "--prefix", "/p"], 2, "--prefix: no directory is served there"),
        (&["--mount", "/x=none"], 1, "cannot serve 'none': no such directory; name an existing one with --mount"),
        (&["--mount", "/x=a/who.txt"], 1, "cannot serve 'a/who.txt': "),
    ] {
        fails(&place, arguments, code, words);
    }
}

#[test]
fn it_is_an_option_as_others_are() {
    let place = place();
    let mut variable = glasshouse_in(place.path(), &[]);
    variable.env("GLASSHOUSE_MOUNT", "/docs=a\n/docs/inner=b");
    let server = TestServer::spawn(variable);
    assert_eq!(get(server.address(), "/docs/inner/who.txt").text(), "b");
    assert_eq!(get(server.address(), "/a/who.txt").head.status, 404, "no directory by default");

    put(&place.path().join("settings.toml"), b"mount = ['/docs=a']\ndirectory = 'root'\nprefix = '/p'\n", MODIFIED);
    let server = serve(&place, &["--config", "settings.toml"]);
    let whose = |target: &str| get(server.address(), target).text();
    assert_eq!((whose("/p/who.txt"), whose("/docs/who.txt")), ("root".into(), "a".into()));
    assert_eq!(get(server.address(), "/p/docs/who.txt").head.status, 404, "a prefix is that of the tree at the root");

    for (arguments, lines) in [
        (&["--mount", "/x/=a", "--mount", "/x/y=b"][..], &["# directory is not set", "/x/y=", "/x="][..]),
        (&["-d", "root"], &["directory = \"", "mount = []"]),
    ] {
        let Done { status, stdout, stderr } = run(glasshouse_in(place.path(), &[arguments, &["--check"]].concat()));
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
        assert!(lines.iter().all(|line| stdout.contains(line)), "{stdout}");
        put(&place.path().join("again.toml"), stdout.as_bytes(), MODIFIED);
        let mut again = glasshouse();
        again.current_dir(place.path()).args(["--config", "again.toml", "--check"]);
        assert_eq!(run(again).status.code(), Some(0), "it takes what it prints: {stdout}");
    }
}

#[test]
fn secrets_are_kept_out_of_every_tree() {
    let place = place();
    put(&place.path().join("a/sub/users"), ALICE.as_bytes(), MODIFIED);
    let auth = ["-d", "root", "--mount", "/docs=a", "--auth", "a/sub/users"];
    fails(&place, &auth, 2, "it is in a served directory");
    let outside = ["-d", "root", "--mount", "/docs=b", "--auth", "a/sub/users"];
    let server = serve(&place, &outside);
    assert_eq!(get(server.address(), "/docs/who.txt").head.status, 401);
    assert_eq!(get(server.address(), "/who.txt").head.status, 401);

    let pair = certs::pair();
    for (from, to) in [(&pair.cert, "a/site.crt"), (&pair.key, "a/site.key")] {
        fs::copy(from, place.path().join(to)).expect("a file can be copied");
    }
    let server =
        serve(&place, &["-d", "root", "--mount", "/docs=a", "--tls-cert", "a/site.crt", "--tls-key", "a/site.key"]);
    server.wait_for_stderr("a warning", |text| text.contains("exposed key: clients can read").then_some(()));
}
