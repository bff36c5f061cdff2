//! The served trees: which directory or file belongs to which URL path. The sandbox opens them.

use crate::args::{HandlerOption, Mount, OperandHint};
use crate::bounded_file;
use crate::error::StartupError;
use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use glasshouse_sandbox::ServedPath;
use rustix::fs::{Access, access};
use std::cmp::Reverse;
use std::io::{self, ErrorKind};
use std::path::{self, Path};
use std::{fmt, fs};

/// A served directory or file with its URL path.
#[derive(Debug)]
pub(crate) struct ServedTree {
    /// The URL path; `None` for the root.
    pub(crate) at: Option<Target>,
    /// Absolute, and readable at the start. Links in the path are kept, so a reload follows them again.
    pub(crate) tree: ServedPath,
}

impl fmt::Display for ServedTree {
    /// In the form of `--mount` or `--directory`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "/{}={}", at.path(), self.tree.path().display()),
            None => self.tree.path().display().fmt(f),
        }
    }
}

/// The trees in the order in which a request tries them: deeper URL paths first, and the root, which every path belongs
/// to, last. `hint` is for the error about a root that does not exist.
///
/// # Errors
/// Two trees at one URL path, a directory or a file that cannot be read.
pub(crate) fn trees(
    root: Option<&Path>,
    hint: Option<&OperandHint>,
    mounts: &[Mount],
) -> Result<Vec<ServedTree>, StartupError> {
    let mut mounts: Vec<&Mount> = mounts.iter().collect();
    mounts.sort_by_key(|mount| (Reverse(mount.at.names().len()), mount.at.path()));
    for (one, other) in mounts.iter().zip(mounts.iter().skip(1)) {
        if one.at.names() == other.at.names() {
            return Err(StartupError::Usage(format!(
                "--mount: two directories for '/{}'; leave one out",
                one.at.path()
            )));
        }
    }
    let mounts =
        mounts.into_iter().map(|mount| Ok(ServedTree { at: Some(mount.at.clone()), tree: mounted(&mount.directory)? }));
    let root = root.map(|root| Ok(ServedTree { at: None, tree: rooted(root, hint)? }));
    mounts.chain(root).collect()
}

/// The URL path of the last tree: that of the root with its prefix, or else that of a mount.
pub(crate) fn entry(trees: &[ServedTree], prefix: Option<&HandlerOption>) -> String {
    let root = || prefix.and_then(|prefix| options::prefix(&prefix.text).ok().flatten());
    let at = trees.last().and_then(|served| served.at.clone()).or_else(root);
    at.map_or_else(|| "/".to_owned(), |at| at.location())
}

/// The directory or file of the root.
fn rooted(path: &Path, hint: Option<&OperandHint>) -> Result<ServedPath, StartupError> {
    let name = path.display();
    let error = match (inspect(path), hint) {
        (Ok(ServedPath::File { .. }), Some(hint @ OperandHint::Value { flag, .. })) if flag == "--spa" => {
            return Err(StartupError::Usage(format!(
                "cannot serve '{name}' with --spa: a single file has no other paths; {hint}"
            )));
        }
        (Ok(tree), _) => return Ok(tree),
        (Err(error), Some(hint)) if error.kind() == ErrorKind::NotFound => {
            return Err(StartupError::Usage(format!("cannot serve '{name}': no such directory or file; {hint}")));
        }
        (Err(error), _) => error,
    };
    let reason = match error.kind() {
        ErrorKind::NotFound => "no such directory or file; name an existing one".to_owned(),
        ErrorKind::NotADirectory => "not a directory or a file; name one".to_owned(),
        ErrorKind::PermissionDenied => "permission denied; name one that you may read".to_owned(),
        ErrorKind::InvalidInput => "a file whose name is not UTF-8 has no URL; rename it".to_owned(),
        _ => format!("{}; name another one", bounded_file::reason(&error)),
    };
    Err(StartupError::io(format!("cannot serve '{name}': {reason}"), error))
}

/// The directory of a mount.
fn mounted(path: &Path) -> Result<ServedPath, StartupError> {
    let found = inspect(path).and_then(|tree| match tree {
        ServedPath::Directory(_) => Ok(tree),
        ServedPath::File { .. } => Err(ErrorKind::NotADirectory.into()),
    });
    found.map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::NotFound => "no such directory; name an existing one with --mount".to_owned(),
            ErrorKind::NotADirectory => "not a directory; name the directory of the file with --mount".to_owned(),
            ErrorKind::PermissionDenied => "permission denied; name one that you may read with --mount".to_owned(),
            _ => format!("{}; name another one with --mount", bounded_file::reason(&error)),
        };
        StartupError::io(format!("cannot serve '{}': {reason}", path.display()), error)
    })
}

fn inspect(path: &Path) -> io::Result<ServedPath> {
    let found = fs::metadata(path)?;
    let absolute = path::absolute(path)?;
    if found.is_dir() {
        // Without search permission every request would be a 404 without a reason. The sandbox opens it for reading.
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
    fn deeper_paths_come_first() {
        let expected = ["a/b/c", "a/b", "a c", "b"].map(str::to_owned);
        assert_eq!(at(&["/b", "/a/b", "/a c", "/a/b/c"], None), Ok(expected.to_vec()));
        assert_eq!(at(&["/b"], Some(".")), Ok(vec!["b".to_owned(), String::new()]));
    }

    #[test]
    fn the_banner_links_to_a_served_path() {
        let passed = HandlerOption { name: "prefix", text: "p q".into(), location: String::new() };
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
        let error = StartupError::Usage("--mount: two directories for '/a/b'; leave one out".into());
        assert_eq!(at(&["/a/b", "/b/c", "//a/b/"], None), Err(error));
    }
}
