//! Reads the entries of a folder that a handler would serve, beneath an open directory.

#[cfg_attr(not(target_os = "linux"), path = "folder/disk_portable.rs")]
mod disk;

use crate::error::PackError;
pub(crate) use disk::is_denied;
use disk::{FolderDirectory, FolderEntries, FolderIdentity, FolderStat};
use glasshouse_core::Config;
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::http::target::Name;
use glasshouse_core::listing::is_shown;
use glasshouse_core::tree::dotfiles::Visibility;
use glasshouse_core::tree::packed::index::{ImageEntry, ImageNode};
use glasshouse_core::tree::public::SITE_FILE;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NodeType {
    Directory,
    File,
    Link,
    Special,
}

/// A folder, or one file in it, open for reading.
#[derive(Debug)]
pub struct Folder {
    directory: FolderDirectory,
    /// The only entry that is read.
    only: Option<Name>,
    /// A file that is left out.
    output: Option<FolderIdentity>,
}

/// The modification times in a packed site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Those of the files.
    OfFiles,
    /// The same for all entries (`SOURCE_DATE_EPOCH`).
    All(HttpTime),
}

/// An entry that is not in the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnpackedEntry {
    /// The path relative to the folder.
    pub path: String,
    /// The reason.
    pub reason: UnpackedReason,
}

/// Why an entry is not in the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnpackedReason {
    /// The component itself.
    Output,
    /// A dotfile that the options do not show.
    Hidden,
    /// The name is not UTF-8, so no request can name it.
    NotUtf8,
    /// The content: the name stays, and a request for it gets 404.
    Unreadable,
    /// A directory and all that is in it: the name stays, and a request for it or for what is in it gets 404.
    UnreadableDirectory,
    /// The content of a FIFO, a socket or a device. The name stays.
    Special,
    /// The target of a link: it is not within the folder, or it is hidden. The name stays.
    LinkTarget,
}

impl fmt::Display for UnpackedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            UnpackedReason::Output => "the output file",
            UnpackedReason::Hidden => "a dotfile; --hidden packs it",
            UnpackedReason::NotUtf8 => "the name is not UTF-8",
            UnpackedReason::Unreadable => "the file is not readable; its name is packed",
            UnpackedReason::UnreadableDirectory => "the directory is not readable; only its name is packed",
            UnpackedReason::Special => "not a regular file; its name is packed",
            UnpackedReason::LinkTarget => "the link leads to nothing that is packed; its name is packed",
        };
        write!(f, "{}: {reason}", self.path.escape_debug())
    }
}

/// The entries of a folder. The digests of files are not known yet.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) entries: Vec<ImageEntry>,
    pub(crate) left_out: Vec<UnpackedEntry>,
}

/// The most links that the kernel follows in a path.
const MAX_LINKS: u32 = 40;

impl Folder {
    /// Opens a folder, or the folder of a file, of which only that file is read.
    ///
    /// # Errors
    /// The error of the kernel. [`ErrorKind::InvalidInput`] for a file whose name is not UTF-8. A file must be
    /// readable, because nothing else is packed.
    pub fn open(path: &Path) -> io::Result<Folder> {
        let (path, only) = match path.file_name() {
            Some(name) if path.is_file() => {
                let name = name.to_str().and_then(Name::new).ok_or(ErrorKind::InvalidInput)?;
                (path.parent().unwrap_or(Path::new("")), Some(name))
            }
            _ => (path, None),
        };
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let folder = Folder { directory: FolderDirectory::open(path)?, only, output: None };
        if let Some(only) = &folder.only {
            folder.file(only.as_str())?;
        }
        Ok(folder)
    }

    /// The name of the only file.
    pub(crate) fn only(&self) -> Option<&Name> {
        self.only.as_ref()
    }

    /// Leaves out the file at `path`, if it exists: a component must not contain its previous version.
    #[must_use]
    pub fn without(self, path: &Path) -> Folder {
        Folder { output: FolderIdentity::at(path), ..self }
    }

    /// Whether this is the file that is left out.
    pub(crate) fn is_output(&self, stat: &FolderStat) -> bool {
        self.output.as_ref().is_some_and(|output| *output == stat.identity())
    }

    /// The path of what a path leads to, without links, for a report.
    pub(crate) fn without_links(&self, path: &str) -> String {
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut names: Vec<String> = Vec::new();
        let mut links = 0..MAX_LINKS;
        while let Some(name) = rest.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    names.pop();
                    continue;
                }
                _ => names.push(name),
            }
            if let Ok(target) = self.directory.link(OsStr::new(&names.join("/")))
                && links.next().is_some()
            {
                names.pop();
                rest.extend(target.to_string_lossy().split('/').rev().map(str::to_owned));
            }
        }
        names.join("/")
    }

    /// Opens a regular file, behind links within the folder.
    ///
    /// # Errors
    /// The error of the kernel. One that [`is_denied`] does not recognize for another type of file.
    pub(crate) fn file(&self, path: &str) -> io::Result<(File, FolderStat)> {
        self.directory.file(path)
    }

    /// Reads all entries that the options show.
    ///
    /// # Errors
    /// [`PackError::Read`] for a directory that cannot be read.
    pub(crate) fn scan(&self, config: &Config, times: Times) -> Result<Scan, PackError> {
        let mut left_out = Vec::new();
        let root = self.directory.subdirectory("").map_err(|error| PackError::read(".", error))?;
        let entries = self.scan_directory("", root, config, times, &mut left_out)?;
        Ok(Scan { entries, left_out })
    }

    fn scan_directory(
        &self,
        path: &str,
        (directory, opened): (FolderDirectory, FolderEntries),
        config: &Config,
        times: Times,
        left_out: &mut Vec<UnpackedEntry>,
    ) -> Result<Vec<ImageEntry>, PackError> {
        let failed = |error: io::Error| PackError::read(if path.is_empty() { "." } else { path }, error);
        let visible = config.hidden.within(path);
        let mut entries = Vec::new();
        for read in opened {
            let raw = read.map_err(failed)?;
            let is_other = |only: &Name| path.is_empty() && raw != only.as_str();
            if self.only.as_ref().is_some_and(is_other) {
                continue;
            }
            let lossy = join(path, &raw.to_string_lossy());
            let mut leave_out = |reason| left_out.push(UnpackedEntry { path: lossy.clone(), reason });
            let Some(name) = raw.to_str().and_then(Name::new) else {
                leave_out(UnpackedReason::NotUtf8);
                continue;
            };
            let stat = match directory.stat(&raw) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                stat => stat.map_err(failed)?,
            };
            if self.is_output(&stat) {
                leave_out(UnpackedReason::Output);
                continue;
            }
            let node_type = stat.node_type();
            // The handler never serves the site file, under any name. It needs the file to know it.
            let is_site_file = path.is_empty() && name.as_str() == SITE_FILE;
            // A name that the operator gives is served even if it is a dotfile.
            if !is_site_file && self.only.is_none() {
                let is_directory = node_type == NodeType::Directory;
                match visible.of(&name) {
                    Visibility::Shown if is_shown(&visible, &name) => {}
                    // A link to a directory is shown in this place as well.
                    Visibility::Parent if is_directory || node_type == NodeType::Link => {}
                    Visibility::Shown => continue,
                    Visibility::Parent | Visibility::Hidden => {
                        leave_out(UnpackedReason::Hidden);
                        continue;
                    }
                }
            }
            let below = join(path, name.as_str());
            let node = match node_type {
                NodeType::Directory => match self.directory.subdirectory(&below) {
                    Ok(opened) => ImageNode::Directory(self.scan_directory(&below, opened, config, times, left_out)?),
                    Err(error) if is_denied(&error) => {
                        leave_out(UnpackedReason::UnreadableDirectory);
                        ImageNode::Special
                    }
                    Err(error) => return Err(PackError::read(&below, error)),
                },
                NodeType::Link => link(&directory, &raw).map_err(failed)?,
                NodeType::File => match self.file(&below) {
                    Ok((_, stat)) => ImageNode::File { length: length(&stat)?, digest: 0 },
                    Err(error) if is_denied(&error) => {
                        leave_out(UnpackedReason::Unreadable);
                        ImageNode::Special
                    }
                    Err(error) => return Err(PackError::read(&below, error)),
                },
                NodeType::Special => {
                    leave_out(UnpackedReason::Special);
                    ImageNode::Special
                }
            };
            let modified = times.of(&stat);
            entries.push(ImageEntry { name: name.as_str().to_owned(), modified, is_listed: true, node });
        }
        Ok(entries)
    }

    /// The time of the folder itself.
    pub(crate) fn modified(&self, times: Times) -> Option<HttpTime> {
        times.of(&self.directory.own_stat().ok()?)
    }
}

impl Times {
    pub(crate) fn of(self, stat: &FolderStat) -> Option<HttpTime> {
        match self {
            Times::OfFiles => stat.modified(),
            Times::All(time) => Some(time),
        }
    }
}

/// The length of a file. The sum of all lengths is checked with the index.
pub(crate) fn length(stat: &FolderStat) -> Result<u32, PackError> {
    let bytes = stat.length();
    u32::try_from(bytes).map_err(|_| PackError::TooLarge { bytes, max: u32::MAX.into() })
}

fn link(directory: &FolderDirectory, name: &OsStr) -> io::Result<ImageNode> {
    Ok(match directory.link(name)?.to_str() {
        Some(target) if !target.starts_with('/') => ImageNode::Link(target.to_owned()),
        // A path from the root of the file system leads out of the folder.
        _ => ImageNode::DeadLink,
    })
}

/// A path with one more name at its end.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
