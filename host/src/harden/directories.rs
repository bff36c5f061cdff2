//! Finds the directories that must stay readable so that files can be read again after a renewal.
//!
//! A renewal may write a file, replace it, or change a symbolic link on the way to it.

use crate::file_facts::LOOKUP;
use rustix::fs::{Mode, open};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{self, Component, Path, PathBuf};

/// The maximum number of symbolic links in a path, as in the kernel.
const MAX_LINKS: usize = 40;

/// Opens the directories of files and of the targets of links on the way. The next target of a link is usually beside
/// the current one (`live/site.pem` and `archive/site1.pem`, `..data` and its dated directories, `current` and
/// `releases/1`).
pub(crate) fn directories<'a>(files: impl Iterator<Item = &'a Path>) -> Vec<OwnedFd> {
    let found: BTreeSet<PathBuf> = files.flat_map(directories_on_path).collect();
    found.iter().filter_map(|directory| open(directory, LOOKUP, Mode::empty()).ok()).collect()
}

fn directories_on_path(file: &Path) -> BTreeSet<PathBuf> {
    let Ok(absolute) = path::absolute(file) else { return BTreeSet::new() };
    let mut found: BTreeSet<PathBuf> = absolute.parent().map(Path::to_owned).into_iter().collect();
    let mut rest: Vec<OsString> = reversed_components(&absolute);
    let (mut at, mut links) = (PathBuf::from("/"), 0_usize);
    while let Some(part) = rest.pop() {
        let next = if part == ".." { at.parent().unwrap_or(&at).to_owned() } else { at.join(&part) };
        let Some(link) = fs::read_link(&next).ok().filter(|_| part != "..") else {
            at = next;
            continue;
        };
        links = links.saturating_add(1);
        if links > MAX_LINKS {
            return found;
        }
        let target = at.join(&link);
        let is_file = rest.is_empty();
        let beside = target.canonicalize().ok().and_then(|target| Some(target.parent()?.to_owned()));
        // Skips links of the system such as `/var/run`. They do not change, and the parent of the target is `/`.
        found.extend(beside.filter(|beside| is_file || beside.components().count() > 2));
        // The target may be a link itself, relative to its directory.
        found.extend(target.parent().filter(|_| is_file).map(Path::to_owned));
        if link.is_absolute() {
            at = PathBuf::from("/");
        }
        rest.extend(reversed_components(&link));
    }
    found.extend(at.parent().map(Path::to_owned));
    found
}

/// The components of a path in reverse order.
fn reversed_components(path: &Path) -> Vec<OsString> {
    let components = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    components.map(|part| part.as_os_str().to_owned()).rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_next_target_of_a_link_is_readable() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        for name in ["live", "archive", "pod/..1", "store/1"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        for name in ["plain.pem", "archive/a1.pem", "pod/..1/tls.crt", "store/1/a.pem"] {
            fs::write(at(name), "").unwrap();
        }
        for (target, link) in [
            ("../archive/a1.pem", "live/a.pem"),
            ("live/a.pem", "again.pem"),
            ("..1", "pod/..data"),
            ("..data/tls.crt", "pod/tls.crt"),
            ("store/1", "current"),
            ("loop", "loop"),
        ] {
            symlink(target, at(link)).unwrap();
        }
        let rows: &[(&str, &[&str])] = &[
            ("plain.pem", &[""]),
            ("live/../plain.pem", &["", "live/.."]),
            ("live/a.pem", &["archive", "live"]),
            ("again.pem", &["", "archive", "live"]),
            ("pod/tls.crt", &["pod", "pod/..1"]),
            ("current/a.pem", &["current", "store", "store/1"]),
            ("loop", &[""]),
        ];
        for (name, expected) in rows {
            let found = directories_on_path(&at(name));
            for expected in *expected {
                let expected = at(expected);
                assert!(found.iter().any(|found| *found == expected), "{name}: {expected:?} is not in {found:?}");
            }
            assert!(found.iter().all(|found| found.starts_with(&root)), "{name}: {found:?}");
        }
    }

    #[test]
    fn the_root_directory_is_excluded() {
        let Some(link) = ["/bin", "/lib", "/var/run"].iter().find(|path| Path::new(path).is_symlink()) else { return };
        let found = directories_on_path(&Path::new(link).join("no-directory/a.pem"));
        assert!(!found.contains(Path::new("/")), "{found:?}");
    }
}
