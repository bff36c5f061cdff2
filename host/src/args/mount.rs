//! A tree that is served at a path of its own, as it is typed: `/PATH=DIR`. It refuses to know whether the directory is there.

use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// A directory, and the path that it is served at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Never the root.
    pub at: Target,
    pub directory: PathBuf,
}

impl Mount {
    /// Reads `/PATH=DIR`. The path is read as the handler reads its prefix, and ends at the first `=`.
    ///
    /// # Errors
    /// Says, in words for the person who typed it, what is missing.
    pub fn parse(text: OsString) -> Result<Mount, String> {
        let is_equals = |byte: &u8| *byte == b'=';
        let mut parts = text.as_bytes().splitn(2, is_equals).map(OsStr::from_bytes);
        let (Some(path), Some(directory)) = (parts.next(), parts.next().filter(|directory| !directory.is_empty()))
        else {
            return Err("it is not /PATH=DIR".to_owned());
        };
        let path = path.to_str().ok_or("the path is not UTF-8")?;
        if !path.starts_with('/') {
            return Err(format!("'{path}' is no path; begin it with '/'"));
        }
        let at = options::prefix(path)?.ok_or("'/' is where --directory is served; name a path below it")?;
        Ok(Mount { at, directory: directory.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_directory_are_told_apart() {
        for (text, path, directory) in [
            ("/docs=site", "docs", "site"),
            ("//a b//c/=../x=y", "a b/c", "../x=y"),
            ("/%41=/srv", "%41", "/srv"),
            ("/docs==", "docs", "="),
        ] {
            let mount = Mount::parse(text.into()).map(|mount| (mount.at.path(), mount.directory));
            assert_eq!(mount, Ok((path.to_owned(), directory.into())), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_way_out() {
        for (text, reason) in [
            ("", "it is not /PATH=DIR"),
            ("/docs", "it is not /PATH=DIR"),
            ("/docs=", "it is not /PATH=DIR"),
            ("docs=site", "'docs' is no path; begin it with '/'"),
            ("=site", "'' is no path; begin it with '/'"),
            ("/=site", "'/' is where --directory is served; name a path below it"),
            ("//=site", "'/' is where --directory is served; name a path below it"),
            ("/a/../b=site", "invalid path '/a/../b': it must not contain '.' or '..'"),
            ("/./a=site", "invalid path '/./a': it must not contain '.' or '..'"),
        ] {
            assert_eq!(Mount::parse(text.into()), Err(reason.to_owned()), "{text}");
        }
        let bytes = OsStr::from_bytes(b"/\xff=site").to_owned();
        assert_eq!(Mount::parse(bytes), Err("the path is not UTF-8".to_owned()));
        let bytes = OsStr::from_bytes(b"/a=\xff").to_owned();
        assert!(Mount::parse(bytes).is_ok_and(|mount| mount.directory.as_os_str().as_bytes() == b"\xff"));
    }
}
