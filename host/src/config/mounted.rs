//! The source of a mount: a directory, or a component with or without a directory. What exists decides, because a
//! directory may have the name of a component.

use crate::os_bytes::os_str;
use std::path::Path;

/// The end of the name of a component.
const EXTENSION: &[u8] = b".wasm";

/// The source of a mount.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MountSource<'a> {
    Directory(&'a Path),
    Component { file: &'a Path, directory: Option<&'a Path> },
}

/// Reads `DIR`, `FILE.wasm` or `FILE.wasm:DIR`. A path that does not exist is the one that its name describes.
pub(crate) fn source(path: &Path) -> MountSource<'_> {
    let bytes = path.as_os_str().as_encoded_bytes();
    let ends_as_component = bytes.ends_with(EXTENSION);
    match path.exists() {
        true if ends_as_component && path.is_file() => return MountSource::Component { file: path, directory: None },
        true => return MountSource::Directory(path),
        false => {}
    }
    let pairs = bytes.iter().enumerate().filter(|(_, byte)| **byte == b':').filter_map(|(at, _)| {
        let (file, directory) = (bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?);
        let is_pair = file.ends_with(EXTENSION) && !directory.is_empty();
        let path = |bytes| os_str(bytes).map(Path::new);
        if is_pair { path(file).zip(path(directory)) } else { None }
    });
    let pairs: Vec<_> = pairs.collect();
    match pairs.iter().find(|(file, _)| file.is_file()).or(pairs.first()) {
        Some((file, directory)) => MountSource::Component { file, directory: Some(directory) },
        None if ends_as_component => MountSource::Component { file: path, directory: None },
        None => MountSource::Directory(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_exists_decides() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for name in ["dir.wasm", "a.wasm:site", "plain"] {
            fs::create_dir(at(name)).unwrap();
        }
        for name in ["b.wasm", "c.wasm:d.wasm", "plain.txt"] {
            fs::write(at(name), "").unwrap();
        }
        for (name, file, directory) in [
            ("dir.wasm", None, Some("dir.wasm")),
            ("a.wasm:site", None, Some("a.wasm:site")),
            ("plain", None, Some("plain")),
            ("plain.txt", None, Some("plain.txt")),
            ("absent", None, Some("absent")),
            ("b.wasm", Some("b.wasm"), None),
            ("absent.wasm", Some("absent.wasm"), None),
            ("c.wasm:d.wasm", Some("c.wasm:d.wasm"), None),
        ] {
            let path = at(name);
            let expected = match (file, directory) {
                (Some(file), None) => (Some(at(file)), None),
                (_, directory) => (None, directory.map(at)),
            };
            let found = match source(&path) {
                MountSource::Directory(path) => (None, Some(path.to_owned())),
                MountSource::Component { file, directory } => (Some(file.to_owned()), directory.map(Path::to_owned)),
            };
            assert_eq!(found, expected, "{name}");
        }
        for (name, file, directory) in [
            ("b.wasm:plain", "b.wasm", "plain"),
            ("b.wasm:x:y", "b.wasm", "x:y"),
            ("c.wasm:d.wasm:plain", "c.wasm:d.wasm", "plain"),
            ("none.wasm:plain", "none.wasm", "plain"),
        ] {
            let (path, file) = (at(name), at(file));
            let expected = MountSource::Component { file: &file, directory: Some(Path::new(directory)) };
            assert_eq!(source(&path), expected, "{name}");
        }
    }
}
