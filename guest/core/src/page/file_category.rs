//! What kind of thing an entry is to a person, and the picture that stands for it. It refuses to know more of a file than
//! its name.

use crate::listing::Row;
use crate::media_type::{MediaType, suffix};
use std::collections::BTreeMap;

/// What an entry is to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileCategory {
    Folder,
    File,
    Text,
    Image,
    Video,
    Audio,
    Archive,
}

/// The genres of files, by suffix: a directory has many files and few suffixes.
#[derive(Debug, Default)]
pub struct FileCategories<'a>(BTreeMap<&'a str, FileCategory>);

impl FileCategory {
    /// The picture, by the name that it has among those of a page.
    pub fn icon(self) -> &'static str {
        match self {
            FileCategory::Folder => "folder",
            FileCategory::File => "file",
            FileCategory::Text => "text",
            FileCategory::Image => "image",
            FileCategory::Video => "video",
            FileCategory::Audio => "audio",
            FileCategory::Archive => "archive",
        }
    }

    fn of_name(name: &str) -> FileCategory {
        let Some(media) = MediaType::of_name(name) else { return FileCategory::File };
        let essence = media.as_str().split(';').next().unwrap_or_default();
        match essence.split_once('/') {
            Some(("image", _)) => FileCategory::Image,
            Some(("video", _)) => FileCategory::Video,
            Some(("audio", _)) => FileCategory::Audio,
            _ if ARCHIVES.contains(&essence) => FileCategory::Archive,
            _ if media.is_compressible() || essence == "application/pdf" => FileCategory::Text,
            _ => FileCategory::File,
        }
    }
}

const ARCHIVES: &[&str] = &[
    "application/gzip",
    "application/java-archive",
    "application/vnd.rar",
    "application/x-7z-compressed",
    "application/x-bzip2",
    "application/x-debian-package",
    "application/x-rpm",
    "application/x-tar",
    "application/x-xz",
    "application/zip",
    "application/zstd",
];

impl<'a> FileCategories<'a> {
    /// The genre of an entry.
    pub fn of(&mut self, row: &'a Row) -> FileCategory {
        if row.is_directory() {
            return FileCategory::Folder;
        }
        let name = row.entry.name.as_str();
        match suffix(name) {
            Some(suffix) => *self.0.entry(suffix).or_insert_with(|| FileCategory::of_name(name)),
            None => FileCategory::File,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::http::target::Name;
    use crate::page::file_category::*;
    use crate::tree::{DirEntry, EntryKind};

    #[test]
    fn a_name_shows_what_it_is() {
        for (name, kind, icon) in [
            ("a", EntryKind::Directory, "folder"),
            ("a.png", EntryKind::LinkToDirectory, "folder"),
            ("a.png", EntryKind::Link, "image"),
            ("a.SVG", EntryKind::File, "image"),
            ("a.mp4", EntryKind::File, "video"),
            ("a.flac", EntryKind::File, "audio"),
            ("a.tar.gz", EntryKind::File, "archive"),
            ("a.zip", EntryKind::File, "archive"),
            ("a.md", EntryKind::File, "text"),
            ("a.rs", EntryKind::File, "text"),
            ("a.pdf", EntryKind::File, "text"),
            ("a.unknown", EntryKind::File, "file"),
            ("a", EntryKind::File, "file"),
        ] {
            let entry = Name::new(name).map(|name| DirEntry::new(name, kind));
            let row = entry.map(|entry| Row { above: String::new(), entry });
            assert_eq!(row.as_ref().map(|row| FileCategories::default().of(row).icon()), Some(icon), "{name} {kind:?}");
        }
    }
}
