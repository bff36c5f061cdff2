//! Reads component files with a limit for their length, and writes them.

use crate::args::Output;
use crate::bounded_file;
use crate::error::StartupError;
use crate::sha256::sha256;
use crate::{output_file, stdout};
use glasshouse_compose::is_composition;
use glasshouse_pack::{packed_image, site_description};
use glasshouse_sandbox::{Handoff, P2, P3, needs_directory};
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

/// Whether a component has a folder inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Packed {
    No,
    /// Its code is that of the built-in handler for WASI 0.3, whose responses can be replayed.
    WithOwnP3Code,
    /// Its code is that of the built-in handler for WASI 0.2.
    WithOwnP2Code,
    WithOtherCode,
}

impl Packed {
    fn of(component: &[u8]) -> Packed {
        match site_description(component) {
            None => Packed::No,
            Some(_) if packed_image(component, &P3).is_some() => Packed::WithOwnP3Code,
            Some(_) if packed_image(component, &P2).is_some() => Packed::WithOwnP2Code,
            Some(_) => Packed::WithOtherCode,
        }
    }
}

/// The facts about a component that the server needs after it has compiled it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ComponentFacts {
    /// SHA-256 of the bytes, in hexadecimal.
    digest: String,
    /// Whether the component reads a directory.
    pub(crate) needs_directory: bool,
    /// Whether the component consists of several others.
    is_composition: bool,
    pub(crate) packed: Packed,
}

impl ComponentFacts {
    fn of(component: &[u8]) -> ComponentFacts {
        ComponentFacts {
            digest: sha256(component),
            needs_directory: needs_directory(component),
            is_composition: is_composition(component),
            packed: Packed::of(component),
        }
    }

    /// How bodies leave its instances.
    pub(crate) fn handoff(&self) -> Handoff {
        if self.is_composition { Handoff::Pumped } else { Handoff::Direct }
    }
}

/// A file that was read as a component. It is not validated yet.
#[derive(Debug)]
pub(crate) struct ComponentFile {
    pub(crate) path: PathBuf,
    /// Empty after [`ComponentFile::discard_bytes`], and if another process compiles the component.
    pub(crate) bytes: Vec<u8>,
    pub(crate) facts: ComponentFacts,
}

impl ComponentFile {
    /// Reads a file.
    ///
    /// # Errors
    /// The reason why it cannot be read, to follow its name in a message.
    pub(crate) fn read(path: &Path) -> Result<ComponentFile, String> {
        Ok(ComponentFile::new(path.to_owned(), read(path)?))
    }

    /// A file with these bytes.
    pub(crate) fn new(path: PathBuf, bytes: Vec<u8>) -> ComponentFile {
        let facts = ComponentFacts::of(&bytes);
        ComponentFile { path, bytes, facts }
    }

    /// Frees the bytes of a component that was compiled. A packed folder may have many.
    pub(crate) fn discard_bytes(&mut self) {
        self.bytes = Vec::new();
    }

    /// Whether both files had the same bytes.
    pub(crate) fn is_same(&self, other: &ComponentFile) -> bool {
        self.facts.digest == other.facts.digest
    }
}

/// The maximum length of a component in bytes: that of a packed folder. Engines reject longer modules.
pub(crate) const MAX_LENGTH: usize = 1 << 30;

/// Reads a file.
///
/// # Errors
/// The reason why it cannot be read, to follow its name in a message.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    bounded_file::read(path, MAX_LENGTH)
}

/// Reads an open source to its end.
///
/// # Errors
/// The reason why it cannot be read, to follow its name in a message.
pub(crate) fn read_from(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_LENGTH).unwrap_or(u64::MAX).saturating_add(1);
    source.take(limit).read_to_end(&mut bytes).map_err(|error| bounded_file::reason(&error))?;
    match bytes.len() {
        ..=MAX_LENGTH => Ok(bytes),
        _ => Err(format!("longer than {} MiB", MAX_LENGTH >> 20)),
    }
}

/// Writes a component. `what` names it in the error.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(output: &Output, component: &[u8], what: &str) -> Result<(), StartupError> {
    let Output::File(path) = output else { return stdout::print(component) };
    output_file::replace(path, |file| file.write_all(component)).map_err(|error: io::Error| {
        let reason = match error.kind() {
            ErrorKind::NotFound => "no such directory".to_owned(),
            _ => bounded_file::reason(&error),
        };
        let name = path.display();
        StartupError::CannotServe(format!("cannot write the {what} to '{name}': {reason}; name another file with -o"))
    })
}

#[cfg(test)]
mod tests {
    use crate::component_file::*;
    use std::io;

    #[test]
    fn an_endless_source_is_rejected() {
        assert_eq!(read_from(io::repeat(0)), Err("longer than 1024 MiB".into()));
        assert_eq!(read_from(io::empty()), Ok(Vec::new()));
    }

    #[test]
    fn unreadable_files_have_a_reason() {
        for (path, expected) in [("nope", "no such file"), (".", "a directory")] {
            assert_eq!(read(Path::new(path)), Err(expected.into()));
        }
    }
}
