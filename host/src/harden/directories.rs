//! Which directories must stay readable so that files can be read again, however they are renewed: by writing them, by replacing
//! them, and by turning a link that leads to them. It refuses to know what the files are for.

use rustix::fs::{Mode, OFlags, open};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{self, Component, Path, PathBuf};

/// Links that are followed on the way to a file, as many as the kernel does.
const LINKS: usize = 40;

/// The directories of files, and those that links on the way to them lead into: what a link will lead to next lies beside what it
/// leads to now (`live/site.pem` and `archive/site1.pem`, `..data` and its directories with a date, `current` and `releases/1`).
pub fn directories<'a>(files: impl Iterator<Item = &'a Path>) -> Vec<OwnedFd> {
    let found: BTreeSet<PathBuf> = files.flat_map(on_the_way).collect();
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    found.iter().filter_map(|directory| open(directory, flags, Mode::empty()).ok()).collect()
}

fn on_the_way(file: &Path) -> BTreeSet<PathBuf> {
    let Ok(typed) = path::absolute(file) else { return BTreeSet::new() };
    let mut found: BTreeSet<PathBuf> = typed.parent().map(Path::to_owned).into_iter().collect();
    let mut rest: Vec<OsString> = parts(&typed);
    let (mut at, mut links) = (PathBuf::from("/"), 0);
    while let Some(part) = rest.pop() {
        let next = if part == ".." { at.parent().unwrap_or(&at).to_owned() } else { at.join(&part) };
        let Some(link) = fs::read_link(&next).ok().filter(|_| part != "..") else {
            at = next;
            continue;
        };
        links += 1;
        if links > LINKS {
            return found;
        }
        let target = at.join(&link);
        let is_file = rest.is_empty();
        let beside = target.canonicalize().ok().and_then(|target| Some(target.parent()?.to_owned()));
        // What a system has arranged, such as `/var/run`, is not turned by anybody: with it, all of `/` could be read.
        found.extend(beside.filter(|beside| is_file || beside.components().count() > 2));
        // A link to a link leads to the next one from its own directory.
        found.extend(target.parent().filter(|_| is_file).map(Path::to_owned));
        if link.is_absolute() {
            at = PathBuf::from("/");
        }
        rest.extend(parts(&link));
    }
    found.extend(at.parent().map(Path::to_owned));
    found
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let named = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    named.map(|part| part.as_os_str().to_owned()).rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_a_link_leads_to_next_can_be_read() {
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
            let found = on_the_way(&at(name));
            for expected in *expected {
                let expected = at(expected);
                assert!(found.iter().any(|found| *found == expected), "{name}: {expected:?} is not in {found:?}");
            }
            assert!(found.iter().all(|found| found.starts_with(&root)), "{name}: {found:?}");
        }
    }

    #[test]
    fn the_root_is_never_among_them() {
        let Some(link) = ["/bin", "/lib", "/var/run"].iter().find(|path| Path::new(path).is_symlink()) else { return };
        let found = on_the_way(&Path::new(link).join("no-directory/a.pem"));
        assert!(!found.contains(Path::new("/")), "{found:?}");
    }
}
