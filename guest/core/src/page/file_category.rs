//! The category of a directory entry, which selects its icon.

use crate::media_type::{MediaType, suffix};
use std::collections::BTreeMap;

/// The category of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileCategory {
    /// A directory, or a link to one.
    Folder,
    /// Any other file.
    File,
    /// Text, sources and documents.
    Text,
    /// Pictures.
    Image,
    /// Films.
    Video,
    /// Sound.
    Audio,
    /// Archives and compressed files.
    Archive,
}

/// A cache of categories by suffix: a directory has many files and few suffixes.
#[derive(Debug, Default)]
pub struct FileCategories<'a>(BTreeMap<&'a str, FileCategory>);

impl FileCategory {
    /// The name of its icon (`icons.html`).
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
    /// The category of an entry.
    pub fn of(&mut self, name: &'a str, is_directory: bool) -> FileCategory {
        if is_directory {
            return FileCategory::Folder;
        }
        match suffix(name) {
            Some(suffix) => *self.0.entry(suffix).or_insert_with(|| FileCategory::of_name(name)),
            None => FileCategory::File,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::page::file_category::*;

    #[test]
    fn a_name_shows_what_it_is() {
        for (name, is_directory, icon) in [
            ("a", true, "folder"),
            ("a.png", true, "folder"),
            ("a.png", false, "image"),
            ("a.SVG", false, "image"),
            ("a.mp4", false, "video"),
            ("a.flac", false, "audio"),
            ("a.tar.gz", false, "archive"),
            ("a.zip", false, "archive"),
            ("a.md", false, "text"),
            ("a.rs", false, "text"),
            ("a.pdf", false, "text"),
            ("a.unknown", false, "file"),
            ("a", false, "file"),
        ] {
            assert_eq!(FileCategories::default().of(name, is_directory).icon(), icon, "{name} {is_directory}");
        }
    }
}
