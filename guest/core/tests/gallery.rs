//! The page of a folder of pictures: its layout, and the boxes that select entries for an archive.

#[path = "checks/html.rs"]
mod html;

use glasshouse_core::http::date::HttpTime;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, Head, Request, answer, at_once};

const NAMES: &[&str] = &["1.png", "2.JPG", "it's \"3\" <&>.svg", "film.mp4", "a\nb.txt", "c\u{202e}d.mp3", "e/f.txt"];

fn tree() -> MemoryTree {
    let mut tree = MemoryTree::default();
    for name in NAMES {
        tree.insert(name, MemoryNode::File(vec![b'x'; 2048], HttpTime::new(1_577_934_245, 0)));
    }
    tree.insert("link.png", MemoryNode::Link("1.png".into()));
    tree
}

/// The head of the response to a browser, the text of the page, and what the strict reader finds in it.
fn page(target: &str, options: &[(&str, &str)]) -> (Head, String, html::Page) {
    page_for("text/html", target, options)
}

fn page_for(accept: &str, target: &str, options: &[(&str, &str)]) -> (Head, String, html::Page) {
    let pairs = options.iter().map(|(key, value)| (format!("GLASSHOUSE_{key}"), *value));
    let config = Config::from_pairs(pairs).unwrap_or_else(|error| panic!("{options:?}: {error}"));
    let values = |name: &str| if name == "accept" { vec![accept.as_bytes().to_vec()] } else { Vec::new() };
    let request = Request::read("GET", Some(target), values);
    let reply = at_once(answer(&request, &tree(), &config)).expect("memory never waits");
    let (head, body) = reply.write(request.method);
    let Body::Bytes(bytes) = body else { panic!("{target}: {body:?}") };
    let text = String::from_utf8(bytes).expect("UTF-8");
    let page = html::read(&text).unwrap_or_else(|error| panic!("{target}: {error}\n{text}"));
    (head, text, page)
}

#[test]
fn the_visitor_and_the_option_choose_the_layout() {
    let grid = &[("GRID", "1")][..];
    for (target, options, is_grid, other) in [
        ("/", &[][..], false, "./?view=grid"),
        ("/?view=grid", &[], true, "./"),
        ("/", grid, true, "./?view=list"),
        ("/?view=grid", grid, true, "./?view=list"),
        ("/?view=list", grid, false, "./"),
        ("/?search=png", grid, false, "./?search=png&view=grid"),
    ] {
        let (_, text, page) = page(target, options);
        assert_eq!(text.contains("<ul class=\"grid\">"), is_grid, "{target} {options:?}");
        assert!(page.others.iter().any(|query| query == other), "{target} {options:?}: {:?}", page.others);
    }
}

#[test]
fn a_program_gets_a_table_unless_it_asks_for_the_grid() {
    for (target, is_grid) in [("/", false), ("/?view=grid", true)] {
        let (_, text, _) = page_for("*/*", target, &[("GRID", "1")]);
        assert_eq!(text.contains("<ul class=\"grid\">"), is_grid, "{target}");
    }
}

#[test]
fn each_entry_that_an_archive_may_hold_can_be_selected() {
    for target in ["/", "/?view=grid"] {
        let (_, _, page) = page(target, &[]);
        let mut names = page.selectable;
        names.sort();
        // A form replaces a line break, and archives hold no links.
        assert_eq!(names, ["1.png", "2.JPG", "c\u{202e}d.mp3", "e", "film.mp4", "it's \"3\" <&>.svg"], "{target}");
    }
    for (target, options) in [("/", &[("ARCHIVE", "off")][..]), ("/?search=png", &[])] {
        let (_, text, page) = page(target, options);
        assert_eq!((page.selectable, text.contains("<details>")), (Vec::new(), false), "{target}");
    }
}

#[test]
fn films_and_sound_of_this_server_play_in_their_places() {
    let (head, text, _) = page("/?view=grid", &[]);
    assert!(text.contains("<video src=\"film.mp4\" controls=\"\" preload=\"none\""));
    assert!(text.contains("<audio src=\"c%E2%80%AEd.mp3\" controls=\"\" preload=\"none\""));
    assert!(text.contains("<p><span title=\"2,048 bytes\">2.0 KiB</span> <time datetime=\"2020-01-02T03:04:05Z\""));
    let policy = head.fields.iter().find(|(name, _)| name == "content-security-policy").map(|(_, value)| value);
    let policy = String::from_utf8_lossy(policy.expect("a page has a policy"));
    assert!(policy.contains("; media-src 'self';") && policy.starts_with("default-src 'none';"), "{policy}");
}

#[test]
fn the_command_for_terminals_has_the_best_format_and_no_address() {
    for (formats, command) in [
        ("tar,zip", "curl -fsS 'ADDRESS?download=tar' | tar xf -"),
        ("zip,tar.gz", "curl -fsS 'ADDRESS?download=tar.gz' | tar xzf -"),
        ("zip", "curl -fsSOJ 'ADDRESS?download=zip'"),
    ] {
        let (_, text, page) = page("/", &[("ARCHIVE", formats)]);
        assert!(page.text.contains(command), "{formats}: {}", page.text);
        // fsspec takes each absolute URL of a page for an entry.
        assert!(!text.contains("http:") && !text.contains("https:"), "{formats}");
    }
}
