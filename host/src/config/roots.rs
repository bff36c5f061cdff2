//! Decides whether a file is in a served tree, by the identity of the directories above it. A path alone does not tell,
//! because of links, `..` and mount points.

use crate::file_facts::{FileIdentity, LOOKUP, identity};
use glasshouse_sandbox::ServedPath;
use rustix::fs::{CWD, Mode, fstat, openat, stat};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The maximum number of directories above a directory: a path has no more bytes.
const MAX_DEPTH: usize = 4096;

/// The served files and directories at the time of the last [`Roots::add`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Roots {
    directories: Vec<FileIdentity>,
    files: Vec<FileIdentity>,
    /// Single served files, by directory and name, because a replacement is served too.
    names: Vec<(FileIdentity, OsString)>,
}

impl Roots {
    /// Adds the current identity of a tree. An earlier identity stays.
    pub(crate) fn add(&mut self, tree: &ServedPath) {
        let path = tree.path();
        // Also the target of links.
        for path in [Some(path.clone()), path.canonicalize().ok()].into_iter().flatten() {
            let found = stat(&path).ok().map(|stat| identity(&stat));
            match tree {
                ServedPath::Directory(_) => {
                    self.directories.extend(found);
                    self.add_mounts(&path);
                }
                ServedPath::File { .. } => {
                    self.files.extend(found);
                    let above = stat(path.parent().unwrap_or(Path::new("/"))).ok();
                    self.names.extend(above.and_then(|above| Some((identity(&above), path.file_name()?.to_owned()))));
                }
            }
        }
        for list in [&mut self.directories, &mut self.files] {
            list.sort_unstable();
            list.dedup();
        }
        self.names.sort_unstable();
        self.names.dedup();
    }

    /// Adds the mount points beneath a directory: they are served, although the directories above their source are not.
    fn add_mounts(&mut self, root: &Path) {
        let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
        let points = table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
        for point in points.map(unescaped).filter(|point| point != root && point.starts_with(root)) {
            let Ok(found) = stat(&point) else { continue };
            let is_directory = rustix::fs::FileType::from_raw_mode(found.st_mode).is_dir();
            let list = if is_directory { &mut self.directories } else { &mut self.files };
            list.push(identity(&found));
        }
    }

    /// Whether a file of this name in this directory would be served.
    pub(crate) fn has_in(&self, directory: impl AsFd, name: &OsStr) -> bool {
        let is_name = |above: FileIdentity| self.names.iter().any(|(at, known)| *at == above && known == name);
        let mut above = above(&directory);
        above.next().is_some_and(|first| self.directories.contains(&first) || is_name(first))
            || above.any(|one| self.directories.contains(&one))
    }

    /// Whether this is a single served file.
    pub(crate) fn has_file(&self, file: FileIdentity) -> bool {
        self.files.contains(&file)
    }

    /// Whether the file at a path is served, after following links.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let Ok(real) = path.canonicalize() else { return false };
        let (Some(above), Some(name)) = (real.parent(), real.file_name()) else { return false };
        stat(&real).is_ok_and(|file| self.has_file(identity(&file)))
            || open_directory(CWD, above).is_ok_and(|directory| self.has_in(directory, name))
    }
}

/// Opens a directory for lookups, which needs no permission to read it.
pub(crate) fn open_directory(at: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(at, path, LOOKUP, Mode::empty())?)
}

/// A directory and its parents, up to the root, or up to the first that this process cannot open.
pub(crate) fn above(directory: impl AsFd) -> impl Iterator<Item = FileIdentity> {
    let mut next = open_directory(directory, Path::new(".")).ok();
    let mut before = None;
    std::iter::from_fn(move || {
        let directory = next.take()?;
        let found = fstat(&directory).ok().map(|stat| identity(&stat)).filter(|found| before != Some(*found))?;
        before = Some(found);
        next = open_directory(directory, Path::new("..")).ok();
        Some(found)
    })
    .take(MAX_DEPTH)
}

/// Decodes a path of `/proc/self/mountinfo`, where white space is in octal.
fn unescaped(text: &[u8]) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let [first, others @ ..] = rest {
        let digits = if *first == b'\\' { others.get(..3) } else { None };
        let octal = digits.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { others.get(3..).unwrap_or_default() } else { others };
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_identity_decides_and_not_the_path() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir_all(at("site/sub")).unwrap();
        fs::create_dir(at("logs")).unwrap();
        symlink("site/sub", at("short")).unwrap();
        symlink("site", at("served")).unwrap();
        for name in ["site/sub/a", "logs/a", "one", "site/b"] {
            fs::write(at(name), "").unwrap();
        }
        fs::hard_link(at("one"), at("logs/same")).unwrap();
        symlink("../logs/a", at("site/out")).unwrap();
        let mut roots = Roots::default();
        roots.add(&ServedPath::Directory(at("served")));
        roots.add(&ServedPath::File { directory: at(""), name: "one".into() });
        for (name, expected) in [
            ("site/b", true),
            ("short/a", true),
            ("logs/../site/sub/../b", true),
            ("logs/a", false),
            ("site/out", false),
            ("one", true),
            ("logs/same", true),
            ("nowhere", false),
        ] {
            assert_eq!(roots.has(&at(name)), expected, "{name}");
        }
        let directory = |name: &str| open_directory(CWD, &at(name)).unwrap();
        for (name, file, expected) in [
            ("short", "new", true),
            ("site", "new", true),
            ("logs", "new", false),
            (".", "new", false),
            (".", "one", true),
            ("logs", "one", false),
        ] {
            assert_eq!(roots.has_in(directory(name), OsStr::new(file)), expected, "{name}/{file}");
        }
    }

    #[test]
    fn a_path_of_the_kernel_is_decoded() {
        for (text, expected) in
            [("/a", "/a"), (r"/a\040b\011", "/a b\t"), (r"/a\134040", r"/a\040"), (r"/a\", r"/a\"), (r"\9", r"\9")]
        {
            assert_eq!(unescaped(text.as_bytes()), Path::new(expected), "{text}");
        }
    }
}
