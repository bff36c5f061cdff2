//! The value of `--mount`: `/PATH=DIR` or `/PATH=FILE.wasm[:DIR]`. Does not look what exists.

use crate::os_bytes::os_str;
use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use std::ffi::OsString;
use std::path::PathBuf;

/// A directory or a component, and the URL path that it is served below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Not the root.
    pub(crate) at: Target,
    /// The path of a directory or of a component, or of both with `:` between them.
    pub(crate) source: PathBuf,
}

impl Mount {
    /// Reads `/PATH=SOURCE`. The path ends at the first `=`, and has the form of `--prefix`.
    ///
    /// # Errors
    /// A part is missing or invalid.
    pub(crate) fn parse(text: OsString) -> Result<Mount, String> {
        let is_equals = |byte: &u8| *byte == b'=';
        let mut parts = text.as_encoded_bytes().splitn(2, is_equals);
        let (Some(path), Some(source)) = (parts.next(), parts.next().filter(|source| !source.is_empty())) else {
            return Err("write it as /PATH=DIR".to_owned());
        };
        let path = str::from_utf8(path).map_err(|_| "the URL path is not UTF-8; write it in UTF-8")?;
        let source = os_str(source).ok_or("the path of the directory is not Unicode; rename it")?;
        let at = url_path(path)?.ok_or("'/' is the path of --directory; name a path below it")?;
        Ok(Mount { at, source: source.into() })
    }
}

/// The URL path of a mount; `None` for the root.
pub(crate) fn url_path(path: &str) -> Result<Option<Target>, String> {
    match path.starts_with('/') {
        true => Ok(options::prefix(path)?),
        false => Err(format!("invalid URL path '{path}'; begin it with '/'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    #[test]
    fn a_path_and_a_directory_are_separated() {
        for (text, path, directory) in [
            ("/docs=site", "docs", "site"),
            ("//a b//c/=../x=y", "a b/c", "../x=y"),
            ("/%41=/srv", "%41", "/srv"),
            ("/docs==", "docs", "="),
        ] {
            let mount = Mount::parse(text.into()).map(|mount| (mount.at.path(), mount.source));
            assert_eq!(mount, Ok((path.to_owned(), directory.into())), "{text}");
        }
    }

    #[test]
    fn invalid_mounts_are_refused_with_the_fix() {
        for (text, reason) in [
            ("", "write it as /PATH=DIR"),
            ("/docs", "write it as /PATH=DIR"),
            ("/docs=", "write it as /PATH=DIR"),
            ("docs=site", "invalid URL path 'docs'; begin it with '/'"),
            ("=site", "invalid URL path ''; begin it with '/'"),
            ("/=site", "'/' is the path of --directory; name a path below it"),
            ("//=site", "'/' is the path of --directory; name a path below it"),
        ] {
            assert_eq!(Mount::parse(text.into()), Err(reason.to_owned()), "{text}");
        }
        for path in ["/a/../b", "/./a"] {
            let refused = Mount::parse(format!("{path}=site").into());
            assert!(refused.is_err_and(|reason| reason.contains(&format!("'{path}'"))), "{path}");
        }
        let bytes = OsStr::from_bytes(b"/\xff=site").to_owned();
        assert_eq!(Mount::parse(bytes), Err("the URL path is not UTF-8; write it in UTF-8".to_owned()));
        let bytes = OsStr::from_bytes(b"/a=\xff").to_owned();
        assert!(Mount::parse(bytes).is_ok_and(|mount| mount.source.as_os_str().as_bytes() == b"\xff"));
    }
}
