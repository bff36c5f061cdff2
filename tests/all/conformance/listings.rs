//! Listings of real directories: ETags that change with the content, searches that stay in the tree and within limits,
//! and directories with more entries than one piece.

use crate::support::client::{ask, get};
use crate::support::fixture::{self, MODIFIED, link, put};
use crate::support::html;
use crate::support::server::{Setup, Stack, TestServer};
use std::fs::{self, File};
use std::path::Path;

crate::support::on_every_stack!(tagged, searched, bounded, many);

/// A client that has a listing is not sent it again, until something that is shown of the directory is another.
fn tagged(stack: Stack) {
    let place = fixture::place();
    let file = place.path().join("sub/file");
    put(&file, b"one", MODIFIED);
    put(&place.path().join("sub/README.md"), b"# One", MODIFIED);
    let server = TestServer::start(stack, place.path());
    let status = |tag: &str| {
        let answer = ask(server.address(), "GET", "/sub/", &[("If-None-Match", tag)]).expect("an answer");
        (answer.head.status, answer.head.one("etag").map(str::to_owned).expect("a listing has a tag"))
    };
    let mut tag = status("\"none\"").1;
    assert!(tag.starts_with("W/"), "{tag}");
    let changes: [(&str, &dyn Fn()); 5] = [
        ("nothing", &|| {}),
        ("a size", &|| put(&file, b"four", MODIFIED)),
        ("a time", &|| put(&file, b"four", (MODIFIED.0 + 1, 0))),
        ("what is below", &|| put(&place.path().join("sub/README.md"), b"# Two", MODIFIED)),
        ("a name", &|| fs::rename(&file, place.path().join("sub/other")).expect("a file can be renamed")),
    ];
    for (what, change) in changes {
        change();
        let (now, next) = status(&tag);
        assert_eq!((now == 304, next == tag), (what == "nothing", what == "nothing"), "{what} changed: {now} {next}");
        tag = next;
    }
}

/// A search looks into every directory below that a listing would show, and nowhere else.
fn searched(stack: Stack) {
    let place = fixture::place();
    let root = place.path().join("www");
    put(&place.path().join("beside/needle"), b"x", MODIFIED);
    for path in ["a/b/c/Needle one", "a/needle/x", ".git/needle", "a/.needle", "two needles.txt", "a/b/other"] {
        put(&root.join(path), b"x", MODIFIED);
    }
    link(Path::new("../beside"), &root.join("a/out"));
    link(Path::new("b"), &root.join("a/again"));
    link(Path::new("."), &root.join("a/b/loop"));
    let server = TestServer::start(stack, &root);
    let found = |target: &str| {
        let links = html::links(&get(server.address(), target).text());
        links.into_iter().map(|(href, _)| href).collect::<Vec<_>>()
    };
    assert_eq!(found("/?search=NEEDLE"), ["a/needle/", "two%20needles.txt", "a/b/c/Needle%20one"]);
    assert_eq!(found("/a/?search=needle+o"), ["b/c/Needle%20one"]);
    assert_eq!(found("/a/b/?search=loop"), ["loop/"]);
    for href in found("/?search=needle") {
        assert_eq!(get(server.address(), &format!("/{href}")).head.status, 200, "{href}");
    }
}

/// On a tree that is too large for it, a search stops and says so.
fn bounded(stack: Stack) {
    let place = fixture::place();
    for directory in ["a", "b"] {
        fs::create_dir(place.path().join(directory)).expect("a directory can be made");
        for index in 0..11_000 {
            File::create(place.path().join(format!("{directory}/{index}"))).expect("a file can be made");
        }
    }
    let server = TestServer::start(stack, place.path());
    let search = |target: &str| {
        let page = html::read(&get(server.address(), target).text()).expect("a page");
        (page.links.len(), page.text.contains("stopped"))
    };
    assert_eq!(search("/?search=none"), (0, true), "there are more entries than are looked at");
    assert_eq!(search("/?search=1"), (1_000, true));
    assert_eq!(search("/a/?search=7777"), (1, false));
}

/// Entries of a large directory.
const MANY: usize = 100_000;

/// `attacks::listings` measures the time and the memory, when nothing else runs.
fn many(stack: Stack) {
    let place = fixture::place();
    fixture::put_many(&place.path().join("many"), MANY);
    let arguments: &[&str] = if stack.is_ours() { &["--max-cpu", "5m"] } else { &[] };
    let serve =
        |options| TestServer::launch(Setup { stack, directory: place.path(), options, arguments, unprivileged: false });
    let server = serve(&[]);
    let links = html::links(&get(server.address(), "/many/").text());
    assert_eq!(links.len(), MANY);
    for (index, (href, name)) in links.iter().enumerate() {
        assert_eq!((href.as_str(), name.as_str()), (&*format!("file%20{index}"), &*format!("file {index}")));
    }

    // As many entries as an archive may have.
    for form in ["tar", "tar.gz", "zip"] {
        let archive = get(server.address(), &format!("/many/?download={form}"));
        assert_eq!((archive.head.status, archive.body.len() > 500_000), (200, true), "{form}");
    }

    let server = serve(&[("GLASSHOUSE_LISTING_MAX", "50000")]);
    let text = get(server.address(), "/many/?format=text").text();
    let names = text.lines().filter(|line| line.starts_with("file ")).count();
    assert_eq!((names, text.lines().last()), (50_000, Some("/ 50000 more entries are not shown")));
    let page = get(server.address(), "/many/").text();
    assert!(page.contains("50000 more entries are not shown"), "{}", &page[page.len() - 3_000..]);
}
