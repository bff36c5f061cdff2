//! The HTML that glasshouse makes itself: listings and refusals. It refuses to know why a page is sent.
//!
//! The rule of this module: text from outside reaches a page through a template, which escapes it, or through
//! `markdown`, and in no other way.

pub mod file_category;
pub mod markdown;
pub mod size;

/// The style of every page.
pub const BASE: &str = include_str!("../templates/base.css");
/// The style of a listing.
pub const LISTING: &str = include_str!("../templates/listing.css");
/// The style of a refusal.
pub const REFUSAL: &str = include_str!("../templates/refusal.css");
/// What a listing does beyond what HTML does, for browsers that run scripts.
pub const SCRIPT: &str = include_str!("../templates/listing.js");

/// What a page may load and do: its own styles and script, by their hashes; pictures of this server, and the empty one
/// that is its icon, so that browsers do not ask for another; and its own form,
/// which searches. Whatever a file's name or a README.md smuggled in could do nothing.
pub const POLICY: &str = concat!(
    "default-src 'none'; style-src '",
    env!("SHA256_OF_BASE_CSS"),
    "' '",
    env!("SHA256_OF_LISTING_CSS"),
    "' '",
    env!("SHA256_OF_REFUSAL_CSS"),
    "'; script-src '",
    env!("SHA256_OF_LISTING_JS"),
    "'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
);
