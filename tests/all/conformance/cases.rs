//! The table of rows: requests with their expected responses, for every mode. Each row is sent with GET and again with
//! HEAD, which ignores ranges.
//!
//! The id of a row begins with the line of `docs/python-compatibility.md` that it tests, such as `PY-30`, or with the
//! class of failure that it keeps out, such as `CVE-2021-41773`. The rest of the id names the row.

mod archives;
mod directories;
mod encodings;
mod errors;
mod escapes;
mod files;
mod galleries;
mod listings;
mod live;
mod markdown;
mod paths;
mod ranges;
mod redirects;
mod single_file;
mod site;
mod site_file;
mod validators;

use crate::conformance::matrix::Mode;
use crate::support::server::Stack;

/// The `GLASSHOUSE_*` variables of a handler.
pub type RowOptions = &'static [(&'static str, &'static str)];

/// A request and the expected response.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub id: &'static str,
    /// The directory of the tree that is served; empty for the root.
    pub root: &'static str,
    pub ask: Ask<'static>,
    pub options: RowOptions,
    pub status: u16,
    pub fields: &'static [(&'static str, Want)],
    /// All that must hold for the body of the answer to GET; that to HEAD has none.
    pub body: &'static [BodyCheck],
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub method: &'static str,
    pub target: &'static str,
    pub fields: &'a [(&'static str, &'static str)],
}

/// What a field must be.
#[derive(Clone, Copy, Debug)]
pub enum Want {
    /// Sent once, with this value.
    Is(&'static str),
    /// Not sent.
    Absent,
    /// A reference that leads to this path, also where a proxy has taken a prefix off the path that was asked for (RFC
    /// 3986 5.2).
    Leads(&'static str),
}

/// What a body must be.
#[derive(Clone, Copy, Debug)]
pub enum BodyCheck {
    Bytes(&'static [u8]),
    Has(&'static str),
    Lacks(&'static str),
    /// Content that was encoded with gzip from these bytes.
    Gzip(&'static [u8]),
    /// Content that was encoded with br from these bytes.
    Brotli(&'static [u8]),
    /// `multipart/byteranges` of exactly these parts: Content-Range and bytes.
    Parts(&'static [(&'static str, &'static [u8])]),
    /// A listing of exactly these links in this order: `href` and text, both decoded from HTML.
    Lists(&'static [(&'static str, &'static str)]),
    /// A listing of at least this link.
    Links(&'static str, &'static str),
    /// A page with this title, decoded from HTML.
    Titled(&'static str),
    /// A page with this first heading, decoded from HTML and without the markup in it.
    Headed(&'static str),
    /// A page that says nothing of this.
    Hides(&'static str),
    /// A page with a link to this beside those of its listing.
    LeadsTo(&'static str),
}

/// The rest of a row that asks for nothing in particular and is answered with 200.
pub const ROW: Row = Row { id: "", root: "", ask: get("/"), options: &[], status: 200, fields: &[], body: &[] };

pub const fn get(target: &'static str) -> Ask<'static> {
    Ask { method: "GET", target, fields: &[] }
}

pub const fn ask(method: &'static str, target: &'static str) -> Ask<'static> {
    Ask { method, target, fields: &[] }
}

/// A GET with further fields.
pub const fn with(target: &'static str, fields: &'static [(&'static str, &'static str)]) -> Ask<'static> {
    Ask { method: "GET", target, fields }
}

/// A row that is answered with 404 and the page of all 404s.
const fn missing(id: &'static str, target: &'static str) -> Row {
    Row { id, ask: get(target), status: 404, body: &[BodyCheck::Has("<p>Message: File not found.</p>")], ..ROW }
}

/// The time of the last change of most files, as a field.
pub const MODIFIED: &str = "Thu, 02 Jan 2020 03:04:05 GMT";

/// Every row.
pub fn all() -> impl Iterator<Item = &'static Row> {
    let basic = [paths::ROWS, escapes::ROWS, directories::ROWS, files::ROWS, errors::ROWS];
    let http = [listings::ROWS, galleries::ROWS, archives::ROWS, validators::ROWS, ranges::ROWS, encodings::ROWS];
    let site = [site::ROWS, redirects::ROWS, markdown::ROWS, site_file::ROWS, single_file::ROWS, live::ROWS];
    basic.into_iter().chain(http).chain(site).flatten()
}

/// Rows that a mode cannot meet, each with the reason. A row that is met after all must leave this list.
pub const EXCEPTIONS: &[(Mode, &str, &str)] = &[
    (Mode::Native, "PY-24 absolute form", TAKEN_OUT),
    (Mode::Native, "PY-24 absolute form without a path", TAKEN_OUT),
    (Mode::NativePacked, "PY-24 absolute form", TAKEN_OUT),
    (Mode::NativePacked, "PY-24 absolute form without a path", TAKEN_OUT),
    (Mode::Over(Stack::HostPacked), "archive in gzip has no parts", REPLAYED),
];

const REPLAYED: &str = "a replayed body has a length; the response to HEAD, which is none, has not (RFC 9110 9.3.2)";

const TAKEN_OUT: &str = "the host takes the path out of the target; the core is given nothing else";
