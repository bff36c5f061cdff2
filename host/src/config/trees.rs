//! What is served, and where. It refuses to know how it is opened.

use crate::args::{HandlerOptions, Meant, Mount};
use crate::config::StartupError;
use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use glasshouse_http::bounded_file;
use glasshouse_sandbox::ServedPath;
use rustix::fs::{Access, access};
use std::cmp::Reverse;
use std::io::{self, ErrorKind};
use std::path::{self, Path};
use std::{fmt, fs};

/// A tree that is served.
#[derive(Debug)]
pub struct ServedTree {
    /// The path that it is served at, where that is not the root.
    pub at: Option<Target>,
    /// Absolute, and a directory that could be entered or a file that could be read. Links in it are kept, so opening it anew
    /// follows them anew.
    pub tree: ServedPath,
}

impl fmt::Display for ServedTree {
    /// As it is typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "/{}={}", at.path(), self.tree.path().display()),
            None => self.tree.path().display().fmt(f),
        }
    }
}

/// The trees in the order in which they are asked whether a path is theirs: what lies deeper comes first, and the root, to which every
/// path belongs, last.
///
/// # Errors
/// Two trees at one path, a directory that cannot be entered, a file that cannot be read.
///
/// `meant` is what else the path of the root may have been meant as.
pub fn trees(root: Option<&Path>, meant: Option<&Meant>, mounts: &[Mount]) -> Result<Vec<ServedTree>, StartupError> {
    let mut mounts: Vec<&Mount> = mounts.iter().collect();
    mounts.sort_by_key(|mount| (Reverse(mount.at.names().len()), mount.at.path()));
    for (one, other) in mounts.iter().zip(mounts.iter().skip(1)) {
        if one.at.names() == other.at.names() {
            return Err(StartupError::Usage(format!(
                "--mount: two directories are to be served at '/{}'; leave one out",
                one.at.path()
            )));
        }
    }
    let mounts =
        mounts.into_iter().map(|mount| Ok(ServedTree { at: Some(mount.at.clone()), tree: mounted(&mount.directory)? }));
    let root = root.map(|root| Ok(ServedTree { at: None, tree: rooted(root, meant)? }));
    mounts.chain(root).collect()
}

/// The path of the tree at the root, below its prefix, or where there is none that of a mount, as a URL has it.
pub fn entry(trees: &[ServedTree], prefix: Option<&HandlerOptions>) -> String {
    let root = || prefix.and_then(|prefix| options::prefix(&prefix.text).ok().flatten());
    let at = trees.last().and_then(|served| served.at.clone()).or_else(root);
    at.map_or_else(|| "/".to_owned(), |at| at.location())
}

/// What is at the root: a directory or a file.
fn rooted(typed: &Path, meant: Option<&Meant>) -> Result<ServedPath, StartupError> {
    let reason = match (look(typed), meant) {
        (Ok(ServedPath::File { .. }), Some(meant @ Meant::Value { flag, .. })) if flag == "--spa" => {
            return Err(StartupError::Usage(format!(
                "cannot serve '{}' with --spa: one file has no other paths; {meant}",
                typed.display()
            )));
        }
        (Ok(tree), _) => return Ok(tree),
        (Err(error), Some(meant)) if error.kind() == ErrorKind::NotFound => {
            return Err(StartupError::Usage(format!(
                "cannot serve '{}': no such directory or file; {meant}",
                typed.display()
            )));
        }
        (Err(error), _) => match error.kind() {
            ErrorKind::NotFound => "no such directory or file; name an existing one".to_owned(),
            ErrorKind::NotADirectory => "not a directory or a file; name one".to_owned(),
            ErrorKind::PermissionDenied => "permission denied; name one that you may read".to_owned(),
            ErrorKind::InvalidInput => "a file whose name is not UTF-8 has no URL; give it another one".to_owned(),
            _ => format!("{}; name another one", bounded_file::reason(&error)),
        },
    };
    Err(unable(typed, &reason))
}

/// What is at a path of its own: a directory.
fn mounted(typed: &Path) -> Result<ServedPath, StartupError> {
    let found = look(typed).and_then(|tree| match tree {
        ServedPath::Directory(_) => Ok(tree),
        ServedPath::File { .. } => Err(ErrorKind::NotADirectory.into()),
    });
    let found = found.map_err(|error| match error.kind() {
        ErrorKind::NotFound => "no such directory; name an existing one with --mount".to_owned(),
        ErrorKind::NotADirectory => "not a directory; name the one that holds it with --mount".to_owned(),
        ErrorKind::PermissionDenied => "permission denied; name one that you may read with --mount".to_owned(),
        _ => format!("{}; name another one with --mount", bounded_file::reason(&error)),
    });
    found.map_err(|reason| unable(typed, &reason))
}

fn unable(typed: &Path, reason: &str) -> StartupError {
    StartupError::CannotServe(format!("cannot serve '{}': {reason}", typed.display()))
}

fn look(path: &Path) -> io::Result<ServedPath> {
    let found = fs::metadata(path)?;
    let absolute = path::absolute(path)?;
    if found.is_dir() {
        // Without the right to search it every request would be a 404, which tells nobody why; and it is opened to be read.
        access(path, Access::READ_OK | Access::EXEC_OK)?;
        return Ok(ServedPath::Directory(absolute));
    }
    let (true, Some(directory), Some(name)) = (found.is_file(), absolute.parent(), absolute.file_name()) else {
        return Err(ErrorKind::NotADirectory.into());
    };
    access(path, Access::READ_OK)?;
    let name = name.to_str().ok_or(ErrorKind::InvalidInput)?;
    Ok(ServedPath::File { directory: directory.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(paths: &[&str], root: Option<&str>) -> Result<Vec<String>, StartupError> {
        let mounts: Vec<_> =
            paths.iter().map(|path| Mount::parse(format!("{path}=src").into()).expect("a mount")).collect();
        let trees = trees(root.map(Path::new), None, &mounts)?;
        Ok(trees.iter().map(|served| served.at.as_ref().map(Target::path).unwrap_or_default()).collect())
    }

    #[test]
    fn what_lies_deeper_is_asked_first() {
        let expected = ["a/b/c", "a/b", "a c", "b"].map(str::to_owned);
        assert_eq!(at(&["/b", "/a/b", "/a c", "/a/b/c"], None), Ok(expected.to_vec()));
        assert_eq!(at(&["/b"], Some(".")), Ok(vec!["b".to_owned(), String::new()]));
    }

    #[test]
    fn people_are_led_to_where_something_is() {
        let passed = HandlerOptions { name: "prefix", text: "p q".into(), place: String::new() };
        let mounts = ["/a/b", "/a c"].map(|path| Mount::parse(format!("{path}=src").into()).expect("a mount"));
        for (root, prefix, expected) in
            [(Some("."), None, "/"), (Some("."), Some(&passed), "/p%20q/"), (None, None, "/a%20c/")]
        {
            let trees = trees(root.map(Path::new), None, &mounts).unwrap();
            assert_eq!(entry(&trees, prefix), expected);
        }
    }

    #[test]
    fn a_path_has_one_directory() {
        let fault = StartupError::Usage("--mount: two directories are to be served at '/a/b'; leave one out".into());
        assert_eq!(at(&["/a/b", "/b/c", "//a/b/"], None), Err(fault));
    }
}
