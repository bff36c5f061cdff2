//! The script of `live` in pages: its tag, its place, and whether a page forbids it.

mod policy;

use crate::config::Config;
use crate::config::fields::file_fields;
use crate::http::target::{Target, encode_path};
use crate::number::{to_u64, to_usize};
use crate::tree::{Tree, TreeError, optional};
use glasshouse_protocol::{LIVE_FORBIDDEN, LIVE_SCRIPT};

/// The tag in a listing.
pub(crate) const FOLDER_TAG: &str = r#"<script src="/.glasshouse/live.js" data-page="folder" defer></script>"#;
/// The tag in an error page of the handler.
pub(crate) const ERROR_TAG: &str = r#"<script src="/.glasshouse/live.js" data-page="error" defer></script>"#;

/// Bytes at the end of a page in which `</body>` is searched. A page with more behind it gets the script at its end,
/// where browsers run it too.
const TAIL: u64 = 16 << 10;
/// Bytes at the start of a page in which the marks of UTF-16 and a policy are searched.
const HEAD: u64 = 4 << 10;

/// The tag in a page that is a file, and its offset in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Insertion {
    pub tag: String,
    pub at: u64,
}

impl Insertion {
    /// The insertion for the page at `path`, of `size` bytes. `None` if the page is in UTF-16, where the bytes of the
    /// tag would be other characters. Reports a page that forbids the script.
    ///
    /// # Errors
    /// [`TreeError`] if the page cannot be read because of a fault.
    pub(crate) async fn find<T: Tree>(
        tree: &T,
        file: &T::File,
        size: u64,
        path: &str,
        config: &Config,
    ) -> Result<Option<Insertion>, TreeError> {
        let start = size.saturating_sub(TAIL);
        let tail = optional(tree.read(file, start, size.min(TAIL)).await)?.unwrap_or_default();
        let head = match start.min(HEAD) {
            0 => tail.get(..tail.len().min(to_usize(HEAD))).unwrap_or_default().to_vec(),
            length => optional(tree.read(file, 0, length).await)?.unwrap_or_default(),
        };
        if head.starts_with(b"\xfe\xff") || head.starts_with(b"\xff\xfe") {
            return Ok(None);
        }
        let fields = file_fields(path, config);
        if policy::of_fields(&fields).any(policy::forbids)
            || policy::of_page(&head).iter().any(|one| policy::forbids(one))
        {
            tree.report(&format_args!(
                "{path:?} does not reload by itself: {LIVE_FORBIDDEN}; add 'self' to script-src and connect-src"
            ));
        }
        let at = end_of_body(&tail).map_or(size, |index| start.saturating_add(to_u64(index)));
        Ok(Some(Insertion { tag: tag_of_file(path, config), at }))
    }

    /// The same insertion in the page of `not-found`. It stands for a missing path, at which something may appear.
    pub(crate) fn of_error_page(mut self) -> Insertion {
        self.tag = self.tag.replacen(" data-file", " data-page=\"error\" data-file", 1);
        self
    }
}

/// The tag with the URL path of the file. The path of the page may be another one: that of its directory, a clean URL,
/// or a route of an application.
pub(crate) fn tag_of_file(path: &str, config: &Config) -> String {
    let root = config.prefix.as_ref().map_or_else(|| "/".to_owned(), Target::location);
    // An encoded path has no character that ends an attribute.
    format!(r#"<script src="{LIVE_SCRIPT}" data-file="{root}{}" defer></script>"#, encode_path(path))
}

/// The offset of the last end tag of the body, in any case (HTML 13.1.2.2).
fn end_of_body(bytes: &[u8]) -> Option<usize> {
    const TAG: &[u8] = b"</body";
    let is_end = |window: &[u8]| match window.split_at_checked(TAG.len()) {
        Some((tag, [after])) => tag.eq_ignore_ascii_case(TAG) && matches!(after, b'>' | b'/' | b'\t'..=b'\r' | b' '),
        _ => false,
    };
    bytes.windows(TAG.len().saturating_add(1)).rposition(is_end)
}

#[cfg(test)]
mod tests;
