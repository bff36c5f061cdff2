//! The rows for a packed tree: its entity tags come from the content, and not from size and time.

use crate::conformance::cases::{Ask, Row, Want};

/// Directories that cannot be packed, because their site files are invalid. `cli::pack` tests the error.
pub const INVALID_ROOTS: &[&str] = &["site-bad", "site-round", "site-wide"];

/// The tags in the rows, each with the digest of the file that has it.
const TAGS: &[(&str, &str)] = &[
    ("6-5e0d5da5.23c34600", "5891b5b522d5df086d0ff0b110fbd9d2"),
    ("100-5e0d5da5.23c34600", "40aff2e9d2d8922e47afd4648e696749"),
    ("1000-5e0d5da5.23c34600", "57b2eeacea3c38cbc54f8f2352264ba5"),
    ("2-2.0", "73cb3858a687a8494ca3323053016282"),
    ("2-5e0d5da5.23c34600", "bbaf8352442730e92c16c5ea6b0ff7cc"),
];

/// The row with the tags of a packed tree. It lives until the tests end.
pub fn row(row: &Row) -> Row {
    let fields = row.ask.fields.iter().map(|(name, value)| (*name, packed(value))).collect::<Vec<_>>();
    // A tag of the content does not depend on the time, so a time without information does not prevent it.
    let is_untagged =
        |(name, want): &&(&str, Want)| *name == "etag" && matches!(want, Want::Absent) && row.id.starts_with("Undated");
    let wants = row.fields.iter().filter(|field| !is_untagged(field)).map(|(name, want)| {
        let want = match want {
            Want::Is(value) => Want::Is(packed(value)),
            other => *other,
        };
        (*name, want)
    });
    let wants = wants.collect::<Vec<_>>();
    Row { ask: Ask { fields: fields.leak(), ..row.ask }, fields: wants.leak(), ..*row }
}

fn packed(value: &'static str) -> &'static str {
    let tag = TAGS.iter().find(|(tag, _)| value.contains(&format!("\"{tag}")));
    tag.map_or(value, |(tag, digest)| value.replace(tag, digest).leak())
}
