//! Properties of everything that the core reads and returns. A check takes its input as text that a person could write,
//! and panics where a property does not hold. The fuzz targets, the generated cases and the kept seeds run these
//! functions.

mod decide;
mod exchange;
mod html;
mod listing;
mod readme;
mod site;
mod values;

pub use decide::decide;
pub use readme::readme;
pub use site::site;
pub use values::{accept, date, etag, range, target};

/// Reads an input and checks the result of the core.
pub type Check = fn(&[u8]);

/// Every check, by the name of its fuzz target and of the directory of its seeds.
pub const ALL: &[(&str, Check)] = &[
    ("accept", accept),
    ("date", date),
    ("decide", decide),
    ("etag", etag),
    ("range", range),
    ("readme", readme),
    ("site", site),
    ("target", target),
];

/// A seed is a text file, so it ends with a line break.
fn without_end_of_file(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    match without_end_of_file(bytes) {
        b"" => Vec::new(),
        text => text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(),
    }
}

/// The target of a reference in the response to a request for `target` (RFC 3986 5.2), if it has neither scheme nor
/// host.
fn resolve(target: &str, reference: &str) -> String {
    let (path, rest) = reference.split_at(reference.find(['?', '#']).unwrap_or(reference.len()));
    let base = target.split(['?', '#']).next().unwrap_or_default();
    let merged = match base.rsplit_once('/') {
        Some((above, _)) if !path.starts_with('/') => format!("{above}/{path}"),
        _ => path.to_owned(),
    };
    // RFC 3986 5.2.4, of a path that begins with a slash.
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = merged.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}{rest}", kept.join("/"))
}

/// A path of this origin (RFC 3986 4.2), without characters that a browser would change.
#[track_caller]
fn assert_own_origin(location: &str) {
    let path = location.split(['?', '#']).next().unwrap_or_default();
    assert!(path.starts_with('/') && !path.contains("//") && !path.contains('\\'), "{location:?}");
    assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location:?}");
}
