//! The parts of generated HTML pages: style, script, policy, and the rendering of Markdown.
//!
//! Text from clients and files reaches a page only through a template, which escapes it, or through `markdown`.

pub mod crumbs;
pub mod document;
pub mod file_category;
pub mod markdown;
pub mod outline;
pub mod size;

/// The style of every page.
pub const BASE: &str = include_str!("../templates/base.css");
/// The style of a listing.
pub const LISTING: &str = include_str!("../templates/listing.css");
/// The style of a Markdown page, beside that of a listing.
pub const MARKDOWN: &str = include_str!("../templates/markdown.css");
/// The style of an error page.
pub const REFUSAL: &str = include_str!("../templates/refusal.css");
/// The script of a listing. A listing works without it.
pub const SCRIPT: &str = include_str!("../templates/listing.js");
/// The script of a Markdown page: buttons that copy code. The page works without it.
pub const COPY_SCRIPT: &str = include_str!("../templates/markdown.js");

/// The Content-Security-Policy of generated pages (CSP3). A page may use our styles and scripts, by their hashes;
/// pictures of this server, and the empty `data:` icon, which keeps browsers from requesting another one; and its own
/// search form. Markup that a file name or a Markdown file smuggles in cannot act.
pub const POLICY: &str = concat!(
    "default-src 'none'; style-src '",
    env!("SHA256_OF_BASE_CSS"),
    "' '",
    env!("SHA256_OF_LISTING_CSS"),
    "' '",
    env!("SHA256_OF_MARKDOWN_CSS"),
    "' '",
    env!("SHA256_OF_REFUSAL_CSS"),
    "'; script-src '",
    env!("SHA256_OF_LISTING_JS"),
    "' '",
    env!("SHA256_OF_MARKDOWN_JS"),
    "'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
);
