//! The protocol between host and handler, beyond WASI: environment variables that the host sets, and the form of a
//! response that the host sends without the handler.
//!
//! Operators set no part of it. A host that does not know the protocol sets no variable, and the handler then uses
//! nothing but WASI.

#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::allow_attributes_without_reason,
        unreachable_pub
    )
)]
#![warn(missing_docs)]

mod piece;
mod response;

pub use piece::Piece;
pub use response::CompleteResponse;

/// Variable: how the bytes of files leave the handler, [`BODY_DIRECT`] or [`BODY_PUMPED`].
pub const BODY_ENV: &str = "GLASSHOUSE_BODY";

/// Value of [`BODY_ENV`]: unless the handler generates a long body, it appends a [`CompleteResponse`] to the fields of
/// the request, with the name [`RESPONSE`], and returns an error code. The host assembles and sends the response.
pub const BODY_DIRECT: &str = "direct";

/// Value of [`BODY_ENV`], and the default: the handler reads the file and writes the body. Works in every host.
pub const BODY_PUMPED: &str = "pumped";

/// Variable: the name of the only file that the handler serves.
pub const FILE_ENV: &str = "GLASSHOUSE_FILE";

/// Variable: the directory below the preopen that the handler serves. For hosts that grant more than that directory.
pub const ROOT_ENV: &str = "GLASSHOUSE_ROOT";

/// Variable: the paths at which the host serves other trees, as in a URL, separated by spaces.
pub const MOUNTS_ENV: &str = "GLASSHOUSE_MOUNTS";

/// Variable: for each tree that the host serves above this one, the number of names in its path, separated by commas.
pub const ABOVE_ENV: &str = "GLASSHOUSE_ABOVE";

/// Variable: the most bytes that the handler may generate for one response.
pub const MADE_MAX_ENV: &str = "GLASSHOUSE_MADE_MAX";

/// The path below which the host answers requests itself if pages reload by themselves. No tree has a file there.
pub const LIVE_PATH: &str = "/.glasshouse/";

/// The path of the script that the handler adds to pages.
pub const LIVE_SCRIPT: &str = "/.glasshouse/live.js";

/// The path of the server-sent events that the script reads.
pub const LIVE_EVENTS: &str = "/.glasshouse/events";

/// Words in a message of the handler about a page without the script. The host logs each such message once.
pub const LIVE_FORBIDDEN: &str = "its Content-Security-Policy forbids the script of --live";

/// The name, in lower case, with which a handler appends a [`CompleteResponse`]. It is not a header field.
pub const RESPONSE: &str = "glasshouse-response";

/// Bytes of the longest generated body in a [`CompleteResponse`]. A handler writes longer ones while they are sent.
pub const WHOLE_MAX: usize = 32 << 10;

/// Precedes two `u32` in the data of a handler: the start and the length of its site image in memory. A tool that packs
/// a folder into the handler searches for these bytes, which occur nowhere else in it.
pub const IMAGE_MARKER: &[u8; 32] = b"glasshouse: location of the site";

/// The custom section of a component with a site image.
pub const SITE_SECTION: &str = "glasshouse:site";
