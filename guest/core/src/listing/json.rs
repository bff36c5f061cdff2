//! Listings and refusals for programs: JSON (docs/listing.schema.json), and lines of text. It refuses to know of pages.

use crate::http::date::Rfc3339;
use crate::listing::search::Stopped;
use crate::listing::{Href, Listing, Row};
use crate::reply::{Link, Refusal, Suggestions};
use crate::tree::EntryKind;
use crate::visible::questioned;
use serde::Serialize;

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    kind: &'static str,
    size: Option<u64>,
    modified: Option<&'a str>,
    href: String,
}

/// What is before the entries in JSON.
pub fn json_begin(listing: &Listing) -> String {
    let mut json = String::from("{\"path\":");
    push(&listing.target.title(), &mut json);
    if let Some(term) = &listing.view.search {
        json.push_str(",\"search\":");
        push(term, &mut json);
    }
    json.push_str(",\"entries\":[");
    json
}

/// Entries in JSON, one a line, the first of all without a comma before it.
pub fn json_rows(rows: &[Row], are_first: bool, to: &mut String) {
    for (index, row) in rows.iter().enumerate() {
        to.push_str(if are_first && index == 0 { "\n" } else { ",\n" });
        let modified = row.entry.modified.map(Rfc3339::from);
        let entry = Entry {
            name: row.entry.name.as_str(),
            kind: kind(row.entry.kind),
            size: row.entry.size,
            modified: modified.as_ref().map(Rfc3339::as_str),
            href: Href(row).to_string(),
        };
        push(&entry, to);
    }
}

/// What is behind the entries in JSON.
pub fn json_end(listing: &Listing) -> String {
    let stopped = listing.stopped.map(|stopped| match stopped {
        Stopped::Entries => "entries",
        Stopped::Hits => "hits",
        Stopped::Levels => "levels",
    });
    let mut json = String::from("\n],\"omitted\":");
    push(&listing.omitted, &mut json);
    json.push_str(",\"stopped\":");
    push(&stopped, &mut json);
    json.push_str("}\n");
    json
}

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File | EntryKind::Closed => "file",
        EntryKind::Directory => "directory",
        EntryKind::LinkToDirectory => "link-to-directory",
        EntryKind::Link => "link",
    }
}

fn slash(row: &Row) -> &'static str {
    if row.is_directory() { "/" } else { "" }
}

fn push(value: &impl Serialize, to: &mut String) {
    // Values of this file have text for keys, and writing to memory cannot fail.
    to.push_str(&serde_json::to_string(value).unwrap_or_default());
}

/// Entries in lines: the name of each, with a slash behind a directory's. A name with a line break in it must not pass for
/// two, and one that moves a cursor or turns what is around it must not reach a terminal. JSON has names to the byte.
pub fn text_rows(rows: &[Row], to: &mut String) {
    for row in rows {
        questioned(&row.above, to);
        questioned(row.entry.name.as_str(), to);
        to.push_str(slash(row));
        to.push('\n');
    }
}

/// What a line about entries that are not shown begins with: no name does. Spaces may follow while they are counted.
pub fn text_note_begin(to: &mut String) {
    to.push('/');
}

/// What is behind the entries in lines: how many are not shown, if any.
pub fn text_end(listing: &Listing, to: &mut String) {
    if listing.omitted > 0 {
        let are = if listing.omitted == 1 { "entry is" } else { "entries are" };
        to.push_str(&format!(" {} more {are} not shown\n", listing.omitted));
    }
}

#[derive(Serialize)]
struct Refused<'a> {
    status: u16,
    message: &'static str,
    explanation: &'static str,
    near: &'a [Link],
    up: Option<&'a Link>,
}

/// Why not, in JSON.
pub fn json_refusal(refusal: Refusal, ways: &Suggestions) -> String {
    let (status, message, explanation) = (refusal.status(), refusal.message(), refusal.explanation());
    let mut json = String::new();
    push(&Refused { status, message, explanation, near: &ways.near, up: ways.up.as_ref() }, &mut json);
    json.push('\n');
    json
}

/// Why not, in lines of text (S70).
pub fn text_refusal(refusal: Refusal) -> String {
    let (status, message, explanation) = (refusal.status(), refusal.message(), refusal.explanation());
    format!("Error code: {status}\nMessage: {message}.\nError code explanation: {status} - {explanation}.\n")
}
