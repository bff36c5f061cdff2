//! An archive before its first byte: what it contains, and its length.

use crate::archive::entry::EntryLength;
use crate::archive::fingerprint::{ContentVersions, Fingerprint};
use crate::archive::format::ArchiveFormat;
use crate::archive::left_out::{LeftOut, LeftOutReason};
use crate::archive::selection::Selection;
use crate::archive::walk::{Walk, WalkItem, WalkStep};
use crate::archive::writer::Writer;
use crate::config::Config;
use crate::http::etag::ETag;
use crate::http::field::disposition;
use crate::http::refusal::Refusal;
use crate::http::target::Target;
use crate::number::byte_count;
use crate::tree::Tree;
use crate::tree::dotfiles::Dotfiles;
use std::hash::{DefaultHasher, Hasher as _};

/// The name of the top directory in an archive of the root, which has no name for clients.
const ROOT: &str = "archive";

/// An archive before its first byte: what it contains, and its length. No file content is read for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The format.
    pub format: ArchiveFormat,
    /// The directory, relative to the root of the tree.
    pub path: String,
    /// The directory in the archive that contains everything.
    pub(super) top: String,
    hidden: Dotfiles,
    selection: Selection,
    /// The length of the archive in bytes, before gzip. An upper limit if the plan is not exact.
    pub(super) length: u64,
    /// The offset of the part that is kept in memory until the end of the archive.
    pub(super) trailer_start: u64,
    /// How many of these bytes are kept in memory until the end of the archive.
    pub(super) trailer: u64,
    /// Whether every file was opened. For very many files that takes too long. Then files that cannot be opened are
    /// found while the archive is sent, and its length is unknown before.
    pub(super) is_exact: bool,
    /// The [`Fingerprint`] of the entries: their paths, and all but their contents.
    pub(super) paths: u32,
    pub(super) entries: u64,
    tag: Option<ETag>,
    pub(super) left_out: LeftOut,
}

impl Plan {
    /// Walks through the selected entries of a directory and everything below them.
    ///
    /// # Errors
    /// [`Refusal::NotListable`] if the directory cannot be read, [`Refusal::NoSuchEntry`] if a selected entry is
    /// missing, [`Refusal::TooLarge`] for more bytes in files than
    /// `archive_max`, for a longer archive than `made_max` and for too many entries, [`Refusal::Fault`] if the tree
    /// fails.
    pub async fn make<T: Tree>(
        format: ArchiveFormat,
        selection: Selection,
        target: &Target,
        tree: &T,
        config: &Config,
    ) -> Result<Plan, Refusal> {
        let top = target.name().map_or(ROOT, |name| name.as_str()).to_owned();
        let mut plan = Plan {
            format,
            path: target.path(),
            top,
            hidden: config.hidden.clone(),
            selection,
            length: 0,
            trailer_start: 0,
            trailer: 0,
            is_exact: true,
            paths: 0,
            entries: 0,
            tag: None,
            left_out: LeftOut::default(),
        };
        let mut walk = plan.walk().into_plan();
        walk.begin(tree).await?;
        let (mut writer, mut bytes) = (Writer::new(format), 0_u64);
        let (mut fingerprint, mut versions) = (Fingerprint::default(), ContentVersions::default());
        let mut left_out = LeftOut::default();
        while let Some(step) = walk.next(tree).await? {
            match step {
                WalkStep::Item(item) => {
                    bytes = bytes.saturating_add(item.size());
                    if bytes > config.archive_max {
                        return Err(Refusal::TooLarge);
                    }
                    walk.has_item();
                    fingerprint.add(&item, &plan.top);
                    if walk.is_exact() {
                        versions.add(tree, &item).await?;
                    }
                    plan.add(writer.measure(&item));
                }
                WalkStep::LeftOut { path, reason } => {
                    if reason == LeftOutReason::Unreadable {
                        fingerprint.add_unreadable(&format!("{}/{path}", plan.top), &plan.top);
                    }
                    left_out.add(&path, reason);
                }
            }
        }
        let note = left_out.note();
        if let Some(note) = &note {
            plan.add(writer.measure(&note_item(&walk, note)));
        }
        let end = byte_count(&writer.finish());
        plan.trailer_start = plan.length;
        plan.length = plan.length.saturating_add(plan.trailer).saturating_add(end);
        (plan.is_exact, plan.left_out) = (walk.is_exact(), left_out);
        (plan.paths, plan.entries) = (fingerprint.paths(), fingerprint.entries());
        plan.tag = plan.tag_of(versions.hash(), &note.unwrap_or_default());
        if plan.most() > config.made_max { Err(Refusal::TooLarge) } else { Ok(plan) }
    }

    fn add(&mut self, entry: EntryLength) {
        self.length = self.length.saturating_add(entry.now);
        self.trailer = self.trailer.saturating_add(entry.trailer);
    }

    /// The strong ETag, if the length is known and `versions` show each change of a content. Another version of this
    /// program may write other bytes, so it has other tags.
    fn tag_of(&self, versions: Option<u64>, note: &[u8]) -> Option<ETag> {
        let (length, versions) = (self.length()?, versions?);
        let mut hasher = DefaultHasher::new();
        for text in [env!("CARGO_PKG_VERSION"), self.format.extension(), &self.top] {
            hasher.write(text.as_bytes());
            hasher.write(&[0]);
        }
        [self.entries, versions].into_iter().for_each(|hash| hasher.write_u64(hash));
        hasher.write(note);
        Some(ETag::of_archive(length, hasher.finish()))
    }

    /// The value of ETag, if a client may combine ranges of the archive.
    pub fn tag(&self) -> Option<&ETag> {
        self.tag.as_ref()
    }

    /// The most bytes that are sent. Gzip makes incompressible content a little longer.
    fn most(&self) -> u64 {
        match self.format {
            ArchiveFormat::Tar | ArchiveFormat::Zip => self.length,
            ArchiveFormat::TarGz => self.length.saturating_add(self.length / 1000).saturating_add(1 << 10),
        }
    }

    /// The length of the body in bytes, or `None` if it is unknown: after gzip, or if the plan is not exact.
    pub fn length(&self) -> Option<u64> {
        match self.format {
            ArchiveFormat::Tar | ArchiveFormat::Zip if self.is_exact => Some(self.length),
            ArchiveFormat::Tar | ArchiveFormat::Zip | ArchiveFormat::TarGz => None,
        }
    }

    /// The value of Content-Disposition.
    pub fn disposition(&self) -> String {
        disposition("attachment", &format!("{}.{}", self.top, self.format.extension()))
    }

    pub(super) fn walk(&self) -> Walk {
        Walk::new(self.path.clone(), self.top.clone(), self.hidden.clone(), self.selection.clone())
    }

    /// The walk for a part of the archive, which passes files without opening them. If some could not be opened, it
    /// opens all files again to find these.
    pub(super) fn walk_with_sizes(&self) -> Walk {
        if self.left_out.has_unreadable() { self.walk().into_plan() } else { self.walk().with_sizes() }
    }
}

/// The file in an archive that names what is missing.
pub(super) fn note_item(walk: &Walk, note: &[u8]) -> WalkItem<()> {
    WalkItem { path: walk.path_of_note(), modified: None, file: Some(((), byte_count(note))) }
}
