//! An archive before its first byte: what it contains, and its length.

use crate::archive::format::ArchiveFormat;
use crate::archive::left_out::{LeftOut, LeftOutReason};
use crate::archive::walk::{Walk, WalkItem, WalkStep};
use crate::archive::writer::Writer;
use crate::config::Config;
use crate::http::field::disposition;
use crate::http::refusal::Refusal;
use crate::http::target::Target;
use crate::number::byte_count;
use crate::tree::Tree;
use crate::tree::dotfiles::Dotfiles;
use flate2::Crc;

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
    /// The length of the archive in bytes, before gzip. An upper limit if the plan is not exact.
    pub(super) length: u64,
    /// How many of these bytes are kept in memory until the end of the archive.
    pub(super) trailer: u64,
    /// Whether every file was opened. For very many files that takes too long. Then files that cannot be opened are
    /// found while the archive is sent, and its length is unknown before.
    pub(super) is_exact: bool,
    /// A checksum over all paths.
    pub(super) sum: u32,
    pub(super) left_out: LeftOut,
}

impl Plan {
    /// Walks through everything below a directory.
    ///
    /// # Errors
    /// [`Refusal::NotListable`] if the directory cannot be read, [`Refusal::TooLarge`] for more bytes in files than
    /// `archive_max`, for a longer archive than `made_max` and for too many entries, [`Refusal::Fault`] if the tree
    /// fails.
    pub async fn make<T: Tree>(
        format: ArchiveFormat,
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
            length: 0,
            trailer: 0,
            is_exact: true,
            sum: 0,
            left_out: LeftOut::default(),
        };
        let mut walk = plan.walk().into_plan();
        walk.begin(tree).await?;
        let (mut writer, mut bytes) = (Writer::new(format), 0_u64);
        let (mut sum, mut left_out) = (Crc::new(), LeftOut::default());
        while let Some(step) = walk.next(tree).await? {
            match step {
                WalkStep::Item(item) => {
                    bytes = bytes.saturating_add(item.size());
                    if bytes > config.archive_max {
                        return Err(Refusal::TooLarge);
                    }
                    walk.has_item();
                    add_path(&mut sum, &item.path, &plan.top);
                    plan.add(writer.measure(&item));
                }
                WalkStep::LeftOut { path, reason } => {
                    if reason == LeftOutReason::Unreadable {
                        add_path(&mut sum, &format!("{}/{path}", plan.top), &plan.top);
                    }
                    left_out.add(&path, reason);
                }
            }
        }
        if let Some(note) = left_out.note() {
            plan.add(writer.measure(&note_item(&walk, &note)));
        }
        let end = byte_count(&writer.finish());
        plan.length = plan.length.saturating_add(plan.trailer).saturating_add(end);
        (plan.is_exact, plan.sum, plan.left_out) = (walk.is_exact(), sum.sum(), left_out);
        if plan.most() > config.made_max { Err(Refusal::TooLarge) } else { Ok(plan) }
    }

    fn add(&mut self, (now, trailer): (u64, u64)) {
        self.length = self.length.saturating_add(now);
        self.trailer = self.trailer.saturating_add(trailer);
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
        Walk::new(self.path.clone(), self.top.clone(), self.hidden.clone())
    }
}

/// The file in an archive that names what is missing.
pub(super) fn note_item(walk: &Walk, note: &[u8]) -> WalkItem<()> {
    WalkItem { path: walk.path_of_note(), modified: None, file: Some(((), byte_count(note))) }
}

/// Adds the path of something below the top directory to a checksum.
pub(super) fn add_path(sum: &mut Crc, path: &str, top: &str) {
    if path != top {
        sum.update(path.as_bytes());
        sum.update(&[0]);
    }
}
