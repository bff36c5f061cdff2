//! Listings and refusals for programs: JSON (docs/listing.schema.json), and lines of text. It refuses to know of pages.

use crate::http::date::Rfc3339;
use crate::listing::search::Stopped;
use crate::listing::{Href, Listing, Row};
use crate::tree::EntryKind;
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

fn push(value: &impl Serialize, to: &mut String) {
    // Values of this file have text for keys, and writing to memory cannot fail.
    to.push_str(&serde_json::to_string(value).unwrap_or_default());
}
