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
/// The style of a grid and its viewer, in addition.
pub const GRID: &str = include_str!("../templates/grid.css");
/// The style of an error page.
pub const REFUSAL: &str = include_str!("../templates/refusal.css");
/// The script of a listing. A listing works without it.
pub const SCRIPT: &str = include_str!("../templates/listing.js");
/// The script of a Markdown page: buttons that copy code. The page works without it.
pub const COPY_SCRIPT: &str = include_str!("../templates/markdown.js");

/// The script of a grid: the viewer. Without it, pictures are links.
pub const GRID_SCRIPT: &str = include_str!("../templates/grid.js");
/// The script of a directory that can be downloaded. Without it, the form works, but shows no totals.
pub const SELECTION_SCRIPT: &str = include_str!("../templates/selection.js");

/// A policy with `$more` after the sources of scripts.
macro_rules! policy {
    ($more:literal) => {
        concat!(
            "default-src 'none'; style-src '",
            env!("SHA256_OF_BASE_CSS"),
            "' '",
            env!("SHA256_OF_LISTING_CSS"),
            "' '",
            env!("SHA256_OF_GRID_CSS"),
            "' '",
            env!("SHA256_OF_MARKDOWN_CSS"),
            "' '",
            env!("SHA256_OF_REFUSAL_CSS"),
            "'; script-src '",
            env!("SHA256_OF_LISTING_JS"),
            "' '",
            env!("SHA256_OF_GRID_JS"),
            "' '",
            env!("SHA256_OF_SELECTION_JS"),
            "' '",
            env!("SHA256_OF_MARKDOWN_JS"),
            "'",
            $more,
            "; img-src 'self' data:; media-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
        )
    };
}

/// The Content-Security-Policy of generated pages (CSP3). A page may use our styles and scripts, by their hashes;
/// pictures, films and sound of this server, and the empty `data:` icon, which keeps browsers from requesting another
/// one; and its own forms. Markup that a file name or a Markdown file smuggles in cannot act.
pub const POLICY: &str = policy!("");

/// [`POLICY`] with the script of `live`, which reads events from this server. The policy allows every script of this
/// server, because browsers do not agree on hashes of scripts with a URL.
pub const LIVE_POLICY: &str = policy!(" 'self'; connect-src 'self'");
