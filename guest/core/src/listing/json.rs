//! Listings as JSON (`docs/listing.schema.json`).

use crate::http::date::Rfc3339;
use crate::listing::search::Stopped;
use crate::listing::writer::ListingWriter;
use crate::listing::{Href, Listing};
use crate::output_format::RenderError;
use crate::tree::EntryKind;
use serde::Serialize;
use std::ops::Range;

/// One JSON object with an array of entries, one entry on each line.
#[derive(Debug)]
pub struct JsonListing;

#[derive(Serialize)]
struct JsonRow<'a> {
    name: &'a str,
    kind: &'static str,
    size: Option<u64>,
    modified: Option<&'a str>,
    href: String,
}

impl ListingWriter for JsonListing {
    fn begin(&self, listing: &Listing, to: &mut String) -> Result<(), RenderError> {
        to.push_str("{\"path\":");
        push(&listing.target.title(), to)?;
        if let Some(term) = &listing.query.search {
            to.push_str(",\"search\":");
            push(term, to)?;
        }
        to.push_str(",\"entries\":[");
        Ok(())
    }

    fn rows(&self, listing: &Listing, range: Range<usize>, to: &mut String) -> Result<(), RenderError> {
        let mut separator = if range.start == 0 { "\n" } else { ",\n" };
        for row in listing.rows.get(range).unwrap_or_default() {
            to.push_str(separator);
            separator = ",\n";
            let modified = row.entry.modified.map(Rfc3339::from);
            let entry = JsonRow {
                name: row.entry.name.as_str(),
                kind: kind(row.entry.kind),
                size: row.entry.size,
                modified: modified.as_ref().map(Rfc3339::as_str),
                href: Href(row).to_string(),
            };
            push(&entry, to)?;
        }
        Ok(())
    }

    fn end(&self, listing: &Listing, to: &mut String) -> Result<(), RenderError> {
        let stopped = listing.stopped.map(|stopped| match stopped {
            Stopped::Entries => "entries",
            Stopped::Hits => "hits",
            Stopped::Levels => "levels",
        });
        to.push_str("\n],\"omitted\":");
        push(&listing.omitted, to)?;
        to.push_str(",\"stopped\":");
        push(&stopped, to)?;
        to.push_str("}\n");
        Ok(())
    }
}

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File | EntryKind::Unreadable => "file",
        EntryKind::Directory => "directory",
        EntryKind::LinkToDirectory => "link-to-directory",
        EntryKind::Link => "link",
    }
}

fn push(value: &impl Serialize, to: &mut String) -> Result<(), RenderError> {
    to.push_str(&serde_json::to_string(value)?);
    Ok(())
}
