//! Runs the rows of [`crate::conformance::cases`] in each mode, and reports all failures together.

use crate::attacks::is_torture;
use crate::conformance::cases::{self, Ask, BodyCheck, EXCEPTIONS, Row, RowOptions, Want};
use crate::conformance::packed;
use crate::support::certs;
use crate::support::client::{self, HttpConnection, HttpResponse, ResponseHead};
use crate::support::fixture::{self, OnDisk, SECRET};
use crate::support::h2;
use crate::support::html;
use crate::support::reference;
use crate::support::server::{Setup, Stack, TestServer};
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::{
    Body as ReplyBody, PublicTree, Refusal, Reply, Request, SiteOptions, Span, Tree, answer, at_once,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

/// What answers the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The core over a tree in memory.
    Native,
    /// The core over a site image.
    NativePacked,
    Over(Stack),
    /// A host of another project, which `tests/hosts/run` starts.
    Elsewhere,
}

impl Mode {
    /// Whether the tree is a site image.
    pub fn is_packed(self) -> bool {
        self == Mode::NativePacked || self.packs()
    }

    /// Whether glasshouse compiles the component at each start. By default such a mode runs the rows without options,
    /// and the first set of options with each option, because a start takes seconds. The other modes of the component
    /// run all rows.
    fn is_compiled_at_start(self) -> bool {
        matches!(self, Mode::Over(Stack::HostP2 | Stack::HostPacked))
    }

    /// Whether `glasshouse pack` writes the image.
    fn packs(self) -> bool {
        matches!(self, Mode::Over(stack) if stack.packed().is_some())
    }
}

#[test]
fn rows_native() {
    prove(Mode::Native, |root, options| {
        let pairs = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let site =
            SiteOptions::new(pairs).map_err(|error| error.to_string()).expect("the options of a row have a meaning");
        let tree = PublicTree::new(fixture::in_memory(root));
        Box::new(move |ask| Ok(natively(ask, &tree, &site)))
    });
}

#[test]
fn rows_native_packed() {
    prove(Mode::NativePacked, |root, options| {
        let pairs = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let site = SiteOptions::new(pairs).expect("the options of a row have a meaning");
        let tree = PublicTree::new(fixture::packed(root));
        Box::new(move |ask| Ok(natively(ask, &tree, &site)))
    });
}

#[test]
fn rows_host_packed() {
    prove_over(Stack::HostPacked);
}

#[test]
fn rows_stock_packed_p3() {
    prove_over(Stack::StockPackedP3);
}

#[test]
fn rows_stock_packed_p2() {
    prove_over(Stack::StockPackedP2);
}

#[test]
fn rows_host() {
    prove_over(Stack::Host);
}

#[test]
fn rows_stock_p3() {
    prove_over(Stack::StockP3);
}

#[test]
fn rows_stock_p2() {
    prove_over(Stack::StockP2);
}

/// Links and `..` lead out of the served directory, and stay in the one that the host grants.
#[test]
fn rows_stock_root() {
    prove_over(Stack::StockRoot);
}

#[test]
fn rows_host_p2() {
    prove_over(Stack::HostP2);
}

#[test]
fn rows_tls() {
    prove_over(Stack::HostTls);
}

#[test]
fn rows_http2() {
    prove_over(Stack::HostH2);
}

#[test]
fn rows_axum() {
    prove_over(Stack::Axum);
}

#[test]
fn rows_hyper() {
    prove_over(Stack::Hyper);
}

#[test]
fn rows_have_names_of_their_own() {
    let mut ids = BTreeSet::new();
    for row in cases::all() {
        assert!(ids.insert(row.id), "{} is there twice", row.id);
    }
    for (mode, id, _) in EXCEPTIONS {
        assert!(ids.contains(id), "the exception of {mode:?} for {id}: there is no such row");
    }
}

pub type RowClient<'a> = Box<dyn Fn(&Ask<'_>) -> Result<HttpResponse, String> + 'a>;

fn prove_over(stack: Stack) {
    let disk = OnDisk::new();
    let packed = RefCell::new(BTreeMap::new());
    prove(Mode::Over(stack), |root, options| {
        let directory = disk.root().join(root);
        let setup = Setup { stack, directory: &directory, options, arguments: &[], unprivileged: false };
        let mut packed = packed.borrow_mut();
        let component = packed.entry((setup.served(), setup.packed_options())).or_insert_with(|| setup.pack());
        let server = TestServer::launch_packed(setup, component.as_deref());
        if stack == Stack::HostH2 {
            let client = RefCell::new(h2::Http2Client::secure(server.address()));
            return Box::new(move |ask| {
                // The server goes when its asker does.
                let _ = &server;
                client.borrow_mut().ask(ask.method, ask.target, ask.fields)
            });
        }
        Box::new(move |ask| {
            let mut connection = match stack {
                Stack::HostTls => HttpConnection::secure(server.address(), certs::client(&[b"http/1.1"])),
                _ => HttpConnection::open(server.address()),
            };
            let sent = connection.send(&client::request(ask.method, ask.target, ask.fields));
            sent.and_then(|()| connection.answer(ask.method)).map_err(|error| error.to_string())
        })
    });
}

/// Asks every row of one asker for each directory and set of options.
pub fn prove<'a>(mode: Mode, start: impl Fn(&'static str, RowOptions) -> RowClient<'a>) {
    let mut askers = BTreeMap::new();
    let mut tried = BTreeSet::new();
    let is_short = mode.is_compiled_at_start() && !is_torture();
    let mut failures = Vec::new();
    for row in cases::all() {
        if let Mode::Over(stack) = mode
            && !row.options.iter().all(|(name, _)| stack.supports(name))
        {
            continue;
        }
        if mode.packs() && packed::INVALID_ROOTS.contains(&row.root) {
            continue;
        }
        let names_new = row.options.iter().fold(row.options.is_empty(), |new, (name, _)| tried.insert(*name) || new);
        if is_short && !names_new && !askers.contains_key(&(row.root, row.options)) {
            continue;
        }
        let asker = askers.entry((row.root, row.options)).or_insert_with(|| start(row.root, row.options));
        let exception = EXCEPTIONS.iter().find(|(excepted, id, _)| *excepted == mode && *id == row.id);
        let row = &if mode.is_packed() { packed::row(row) } else { *row };
        match (complaints(row, mode, asker), exception) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Err(complaint), None) => failures.push(complaint),
            (Ok(()), Some((_, id, why))) => failures.push(format!("{id} is met: strike the exception ({why})")),
        }
    }
    assert!(failures.is_empty(), "{} rows fail in mode {mode:?}:\n\n{}\n", failures.len(), failures.join("\n\n"));
}

/// Asks one row, and its twin with HEAD.
pub fn complaints(row: &Row, mode: Mode, asker: &RowClient) -> Result<(), String> {
    let mut wrong = Vec::new();
    let got = asker(&row.ask);
    match &got {
        Ok(got) => {
            judge(row, mode, got, &mut wrong);
            if row.ask.method == "GET" {
                match asker(&Ask { method: "HEAD", ..row.ask }).and_then(|twin| Ok((twin, whole(row, got, asker)?))) {
                    Ok((twin, whole)) => judge_twin(&whole, &twin, &mut wrong),
                    Err(error) => wrong.push(format!("HEAD: {error}")),
                }
            }
        }
        Err(error) => wrong.push(error.clone()),
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let Ask { method, target, fields } = row.ask;
    let shown = got.map(|HttpResponse { head, body }| {
        let text = String::from_utf8_lossy(&body).into_owned();
        format!("{} {:?}\n{}", head.status, head.fields, text.chars().take(2000).collect::<String>())
    });
    let got = shown.unwrap_or_else(|error| error);
    Err(format!(
        "{mode:?} {}: {method} {target} {fields:?} {:?}\nwanted: {}\ngot: {got}",
        row.id,
        row.options,
        wrong.join("; ")
    ))
}

fn judge(row: &Row, mode: Mode, got: &HttpResponse, wrong: &mut Vec<String>) {
    let ResponseHead { status, .. } = got.head;
    if status != row.status {
        wrong.push(format!("status {}", row.status));
    }
    for (name, want) in row.fields {
        let all: Vec<&str> = got.head.all(name).collect();
        match want {
            Want::Is(value) if all != [*value] => wrong.push(format!("{name}: {value}, not {all:?}")),
            Want::Absent if !all.is_empty() => wrong.push(format!("no {name}, not {all:?}")),
            Want::Leads(path) => wrong.extend(leads(row.ask.target, &all, path).err()),
            Want::Is(_) | Want::Absent => {}
        }
    }
    let text = got.text();
    for body in row.body {
        if let Err(complaint) = judge_body(body, got, &text) {
            wrong.push(complaint);
        }
    }
    judge_always(row, mode, got, &text, wrong);
}

/// A client resolves the reference from the path that it knows, which may have a prefix that the server never sees.
/// Dots in a path are resolved before the prefix is taken off, so there is none then.
fn leads(target: &str, references: &[&str], path: &str) -> Result<(), String> {
    let [reference] = references else { return Err(format!("one reference, not {references:?}")) };
    let has_dots = target.to_ascii_lowercase().replace("%2e", ".").split('/').any(|part| matches!(part, "." | ".."));
    for prefix in ["", "/behind/a/proxy"].iter().take(if has_dots { 1 } else { 2 }) {
        let got = reference::resolve(&format!("{prefix}{target}"), reference);
        if got != format!("{prefix}{path}") {
            return Err(format!("a reference to {prefix}{path}, not {reference}, which is {got}"));
        }
    }
    Ok(())
}

fn judge_body(body: &BodyCheck, got: &HttpResponse, text: &str) -> Result<(), String> {
    let bytes = got.body.as_slice();
    let check = |holds: bool, complaint: String| if holds { Ok(()) } else { Err(complaint) };
    let listed = || html::read(text).map(|page| page.links);
    match body {
        BodyCheck::Bytes(expected) => {
            check(bytes == *expected, format!("body {:?}", String::from_utf8_lossy(expected)))
        }
        BodyCheck::Has(part) => check(text.contains(part), format!("a body with {part:?}")),
        BodyCheck::Lacks(part) => check(!text.contains(part), format!("a body without {part:?}")),
        BodyCheck::Gzip(expected) => {
            let mut decoded = Vec::new();
            let read = flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded);
            check(read.is_ok() && decoded == *expected, format!("other content in gzip: {read:?}"))
        }
        BodyCheck::Brotli(expected) => {
            let mut decoded = Vec::new();
            let read = brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded);
            check(read.is_ok() && decoded == *expected, format!("other content in br: {read:?}"))
        }
        BodyCheck::Parts(expected) => {
            let parts = multipart(got).ok_or("multipart/byteranges, complete")?;
            let same =
                parts.iter().map(|(range, bytes)| (range.as_str(), bytes.as_slice())).eq(expected.iter().copied());
            check(same, format!("parts {expected:?}, not {parts:?}"))
        }
        BodyCheck::Lists(expected) => {
            let links = listed()?;
            let same = links.iter().map(|(href, name)| (href.as_str(), name.as_str())).eq(expected.iter().copied());
            check(same, format!("links {expected:?}, not {links:?}"))
        }
        BodyCheck::Links(href, name) => {
            let found = listed()?.iter().any(|link| link.0 == *href && link.1 == *name);
            check(found, format!("a link to {href} called {name}"))
        }
        BodyCheck::Titled(expected) => {
            let title = html::read(text)?.title;
            check(title == *expected, format!("the title {expected:?}, not {title:?}"))
        }
        BodyCheck::Headed(expected) => {
            let heading = html::read(text)?.heading;
            check(heading == *expected, format!("the heading {expected:?}, not {heading:?}"))
        }
        BodyCheck::Hides(expected) => {
            let said = html::read(text)?.text;
            check(!said.contains(expected), format!("nothing of {expected:?}, not {said:?}"))
        }
        BodyCheck::LeadsTo(expected) => {
            let others = html::read(text)?.others;
            check(others.iter().any(|href| href == expected), format!("a link to {expected}, not only {others:?}"))
        }
    }
}

/// The parts of a multipart message, read strictly (RFC 2046 5.1.1), with the line break before the first delimiter
/// without which zsync finds no part.
fn multipart(got: &HttpResponse) -> Option<Vec<(String, Vec<u8>)>> {
    let boundary = got.head.one("content-type")?.strip_prefix("multipart/byteranges; boundary=")?;
    let text: String = got.body.iter().copied().map(char::from).collect();
    let body = text.strip_prefix(&format!("\r\n--{boundary}\r\n"))?.strip_suffix(&format!("\r\n--{boundary}--\r\n"))?;
    let part = |part: &str| {
        let (head, content) = part.split_once("\r\n\r\n")?;
        let (kind, range) = head.split_once("\r\n")?;
        kind.strip_prefix("content-type: ").filter(|media_type| !media_type.is_empty())?;
        Some((range.strip_prefix("content-range: ")?.to_owned(), content.chars().map(|byte| byte as u8).collect()))
    };
    body.split(&format!("\r\n--{boundary}\r\n")).map(part).collect()
}

/// What holds for every answer, whatever was asked.
fn judge_always(row: &Row, mode: Mode, got: &HttpResponse, text: &str, wrong: &mut Vec<String>) {
    let head = &got.head;
    if text.contains(SECRET) || text.contains("root:x:0:0") {
        wrong.push("nothing from outside of the tree".into());
    }
    // PY-73. The host sets Date.
    if !head.one("server").is_some_and(|server| server.starts_with("glasshouse/")) {
        wrong.push("server: glasshouse/...".into());
    }
    if !matches!(mode, Mode::Native | Mode::NativePacked)
        && head.one("date").and_then(HttpTime::parse).map(|date| date.to_string()).as_deref() != head.one("date")
    {
        wrong.push("a date in the form of RFC 9110".into());
    }
    // A length is announced wherever there can be one, and is true.
    let length = head.one("content-length").map(str::to_owned);
    match (head.status, row.ask.method) {
        (204 | 304, _) => {}
        // Encoded on the way, or packed in gzip: its length is not known when the head is sent.
        _ if length.is_none() && head.one("content-encoding").is_some() => {}
        _ if length.is_none() && head.one("content-disposition").is_some_and(|file| file.contains(".tar.gz\"")) => {}
        (_, "HEAD") if length.is_some() => {}
        _ if length == Some(got.body.len().to_string()) => {}
        _ => wrong.push(format!("content-length: {}", got.body.len())),
    }
    // PY-31: a redirect stays where it is. A reference with neither a scheme nor two slashes at its start has no host
    // (RFC 3986 4.2).
    for location in head.all("location").filter(|location| !location.starts_with("https://example.com/")) {
        let first = location.split('/').next().unwrap_or_default();
        if location.starts_with("//") || location.contains('\\') || first.contains(':') {
            wrong.push(format!("a location on the same server, not {location}"));
        }
    }
    if head.one("content-type").is_some_and(|kind| kind.starts_with("text/html")) && row.ask.method != "HEAD" {
        let made_here = head.one("content-security-policy").is_some() && head.one("content-encoding").is_none();
        if let Some(error) = html::read(text).err().filter(|_| made_here) {
            wrong.push(error);
        }
    }
}

/// The answer to the GET of a row, without the range that it asks for: Range means nothing with HEAD (RFC 9110 14.2),
/// and If-Range nothing without it.
fn whole(row: &Row, got: &HttpResponse, asker: &RowClient) -> Result<HttpResponse, String> {
    let is_ranged = |name: &str| name.eq_ignore_ascii_case("range") || name.eq_ignore_ascii_case("if-range");
    if !row.ask.fields.iter().any(|(name, _)| is_ranged(name)) {
        return Ok(got.clone());
    }
    let rest: Vec<_> = row.ask.fields.iter().copied().filter(|(name, _)| !is_ranged(name)).collect();
    asker(&Ask { fields: &rest, ..row.ask })
}

/// RFC 9110 9.3.2: the same head as for GET and no content.
fn judge_twin(got: &HttpResponse, twin: &HttpResponse, wrong: &mut Vec<String>) {
    let without_date = |head: &ResponseHead| {
        // How the content is framed is not said where there is none, and the order of fields says nothing. The length
        // of encoded content is known only where it was encoded before.
        let is_encoded = head.one("content-encoding").is_some();
        let untold = ["date", "transfer-encoding", if is_encoded { "content-length" } else { "date" }];
        let same = |(name, _): &&(String, String)| !untold.iter().any(|other| name.eq_ignore_ascii_case(other));
        let mut fields: Vec<_> = head.fields.iter().filter(same).cloned().collect();
        fields.sort();
        fields
    };
    if twin.head.status != got.head.status {
        wrong.push(format!("HEAD as GET, not {}", twin.head.status));
    }
    if without_date(&twin.head) != without_date(&got.head) {
        wrong.push(format!("HEAD as GET, not {:?}", twin.head.fields));
    }
    if !twin.body.is_empty() {
        wrong.push("HEAD without a body".into());
    }
}

/// What an adapter does with the core, over memory.
fn natively<T: Tree>(ask: &Ask<'_>, tree: &PublicTree<T>, site: &SiteOptions) -> HttpResponse {
    let request = Request::read(ask.method, Some(ask.target), |name| {
        let same = ask.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_bytes().to_vec()).collect()
    });
    let reply = at_once(async {
        match site.config(tree, |_| {}).await {
            Some(config) => answer(&request, tree, &config).await,
            None => Reply::refused(&request, Refusal::Misconfigured),
        }
    });
    let (head, passage) = reply.expect("memory never waits").write(request.method);
    let part = |file: &T::File, span: Span| at_once(tree.read(file, span.start, span.length()));
    let body = match passage {
        ReplyBody::Nothing => Vec::new(),
        ReplyBody::Bytes(bytes) => bytes,
        ReplyBody::File(file, span) => part(&file, span).expect("memory never waits").expect("memory can be read"),
        ReplyBody::Generated(mut made) => {
            let next = || at_once(made.next(tree)).expect("memory never waits").expect("memory does not change");
            std::iter::from_fn(next).flatten().collect()
        }
    };
    let text = |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
    let fields = head.fields.into_iter().map(text).collect();
    HttpResponse { head: ResponseHead { version: "HTTP/1.1".into(), status: head.status, fields }, body }
}
