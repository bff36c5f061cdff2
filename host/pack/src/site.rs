//! A folder that was read once, and the component with it.

use crate::content::{self, Content, EncodedVariant, Spool};
use crate::error::PackError;
use crate::folder::{Folder, Scan, Times, UnpackedEntry, UnpackedReason, join, length};
use crate::layout::PackedLayout;
use crate::options::{EffectiveOptions, MissingPage};
use crate::size::SiteSize;
use glasshouse_core::http::accept::Coding;
use glasshouse_core::http::target::Name;
use glasshouse_core::tree::OpenError;
use glasshouse_core::tree::Tree as _;
use glasshouse_core::tree::packed::PackedTree;
use glasshouse_core::tree::packed::image::SiteImage;
use glasshouse_core::tree::packed::index::{ImageEntry, ImageIndex, ImageNode, TooLarge};
use glasshouse_core::tree::public::SITE_FILE;
use glasshouse_core::{Config, at_once};
use glasshouse_protocol::FILE_ENV;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;

/// Whether files get encoded variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encode {
    /// No.
    No,
    /// Those whose media type is worth it.
    Compressible,
}

/// An event while a folder is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The length of all files in bytes, once.
    Total(u64),
    /// The length of a file that was read.
    Read(u64),
}

/// A link that became a copy of a file that has no name of its own in the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenCopy {
    /// The path of the link.
    pub path: String,
    /// The path of the file.
    pub of: String,
}

impl fmt::Display for HiddenCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, of) = (self.path.escape_debug(), self.of.escape_debug());
        write!(f, "{path}: a copy of the hidden file {of}; remove the link to leave it out")
    }
}

/// A folder with its digests and variants, ready to be written.
pub struct EncodedSite {
    folder: Folder,
    spool: Spool,
    index: ImageIndex,
    /// By path, with the length in bytes.
    contents: BTreeMap<String, (Content, u32)>,
    left_out: Vec<UnpackedEntry>,
    copies: Vec<HiddenCopy>,
    missing_pages: Vec<MissingPage>,
}

impl EncodedSite {
    /// Reads a folder with the options of the operator, given as variables. `progress` gets the events, on any
    /// thread. A folder that is longer than `max` bytes in a site image is refused before its files are read.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn read(
        folder: Folder,
        variables: &[(String, String)],
        times: Times,
        encode: Encode,
        max: u64,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<EncodedSite, PackError> {
        let only = folder.only().map(|name| (FILE_ENV.to_owned(), name.as_str().to_owned()));
        let variables: Vec<_> = variables.iter().cloned().chain(only).collect();
        let options = EffectiveOptions::read(&folder, &variables)?;
        let config = &options.config;
        let Scan { entries, left_out } = folder.scan(config, times)?;
        let mut site = Reader { folder: &folder, config, left_out, copies: Vec::new(), contents: BTreeMap::new() };
        let entries = site.resolve_links(entries, times, max)?;
        site.check_only(&entries)?;
        let spool = Spool::new()?;
        let entries = site.read_contents(entries, encode, &spool, progress)?;
        let Reader { left_out, copies, contents, .. } = site;
        let too_large = |TooLarge(bytes): TooLarge| PackError::TooLarge { bytes, max };
        let index = ImageIndex::encode(&variables, entries, folder.modified(times)).map_err(too_large)?;
        let image = SiteImage::parse(&index.bytes);
        let missing_pages = image.map(|image| options.missing_pages(&PackedTree::new(image))).unwrap_or_default();
        Ok(EncodedSite { folder, spool, index, contents, left_out, copies, missing_pages })
    }

    /// The entries that are not in the component, sorted by path.
    pub fn left_out(&self) -> &[UnpackedEntry] {
        &self.left_out
    }

    /// The links that became copies of hidden files, sorted by path.
    pub fn copies(&self) -> &[HiddenCopy] {
        &self.copies
    }

    /// The pages that options name and that are not in the component.
    pub fn missing_pages(&self) -> &[MissingPage] {
        &self.missing_pages
    }

    /// The files and the variants.
    pub fn size(&self) -> SiteSize {
        let mut size = SiteSize::default();
        for (content, length) in self.contents.values() {
            match content {
                Content::File { .. } => size.files.add(*length),
                Content::Spooled { .. } => size.variants.add(*length),
            }
        }
        size
    }

    /// The length of the site image in bytes.
    pub fn length(&self) -> u32 {
        self.index.length
    }

    /// The layout of the component around the image.
    ///
    /// # Errors
    /// As [`PackedLayout::new`].
    pub fn layout(&self, handler: &[u8]) -> Result<PackedLayout, PackError> {
        PackedLayout::new(handler, self.length(), &self.size().to_json().to_string())
    }

    /// Writes the component.
    ///
    /// # Errors
    /// [`PackError::Changed`] if a file has changed since it was read, and errors of the output.
    pub fn write(&self, layout: &PackedLayout, to: &mut impl Write) -> Result<(), PackError> {
        to.write_all(&layout.before)?;
        to.write_all(&self.index.bytes)?;
        for path in &self.index.files {
            let (content, length) = self.contents.get(path).ok_or_else(|| PackError::Changed { path: path.clone() })?;
            content.write(&self.folder, *length, &self.spool, to)?;
        }
        to.write_all(&layout.after)?;
        Ok(())
    }
}

/// Completes the entries of a scan.
struct Reader<'a> {
    folder: &'a Folder,
    config: &'a Config,
    left_out: Vec<UnpackedEntry>,
    copies: Vec<HiddenCopy>,
    contents: BTreeMap<String, (Content, u32)>,
}

impl Reader<'_> {
    /// Replaces links that lead to nothing that is packed. A link to a hidden file becomes a copy of it, because a
    /// server would follow it.
    fn resolve_links(
        &mut self,
        mut entries: Vec<ImageEntry>,
        times: Times,
        max: u64,
    ) -> Result<Vec<ImageEntry>, PackError> {
        let too_large = |TooLarge(bytes): TooLarge| PackError::TooLarge { bytes, max };
        let index = ImageIndex::encode(&[], entries.clone(), None).map_err(too_large)?;
        if u64::from(index.length) > max {
            return Err(too_large(TooLarge(index.length.into())));
        }
        if let Some(image) = SiteImage::parse(&index.bytes) {
            self.resolve_in(&mut entries, "", &PackedTree::new(image), times)?;
        }
        self.left_out.sort_by(|one, other| one.path.cmp(&other.path));
        self.copies.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(entries)
    }

    /// Checks that the only file is packed, if only one is: a component without it serves nothing.
    fn check_only(&self, entries: &[ImageEntry]) -> Result<(), PackError> {
        let is_file = |entry: &ImageEntry| matches!(entry.node, ImageNode::File { .. });
        match self.folder.only() {
            Some(only) if !entries.iter().any(is_file) => {
                let is_output = self.left_out.iter().any(|left_out| left_out.reason == UnpackedReason::Output);
                // It was readable when the folder was opened.
                let gone = || PackError::Changed { path: only.as_str().to_owned() };
                Err(if is_output { PackError::OutputOnly } else { gone() })
            }
            _ => Ok(()),
        }
    }

    fn resolve_in(
        &mut self,
        entries: &mut [ImageEntry],
        above: &str,
        tree: &PackedTree<'_>,
        times: Times,
    ) -> Result<(), PackError> {
        for entry in entries {
            let path = join(above, &entry.name);
            match &mut entry.node {
                ImageNode::Directory(entries) => self.resolve_in(entries, &path, tree, times)?,
                ImageNode::DeadLink => self.left_out.push(UnpackedEntry { path, reason: UnpackedReason::LinkTarget }),
                // The contents are not there yet, so an open file is a fault.
                ImageNode::Link(_) if !matches!(at_once(tree.open(&path)), Some(Err(OpenError::Absent))) => {}
                ImageNode::Link(_) => match self.folder.file(&path) {
                    Ok((_, stat)) if self.folder.is_output(&stat) => {
                        entry.node = ImageNode::DeadLink;
                        self.left_out.push(UnpackedEntry { path, reason: UnpackedReason::Output });
                    }
                    Ok((_, stat)) => {
                        let of = self.folder.without_links(&path);
                        // With a single file, the one that a link leads to need not be hidden.
                        if !self.config.hidden.visibility(&of).shows(false) {
                            self.copies.push(HiddenCopy { path, of });
                        }
                        entry.modified = times.of(&stat);
                        entry.node = ImageNode::File { length: length(&stat)?, digest: 0 };
                    }
                    Err(_) => {
                        entry.node = ImageNode::DeadLink;
                        self.left_out.push(UnpackedEntry { path, reason: UnpackedReason::LinkTarget });
                    }
                },
                ImageNode::File { .. } | ImageNode::Special => {}
            }
        }
        Ok(())
    }

    /// Computes digests and encodes variants, on all processors.
    fn read_contents(
        &mut self,
        entries: Vec<ImageEntry>,
        encode: Encode,
        spool: &Spool,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<ImageEntry>, PackError> {
        let mut files = Vec::new();
        list_files(&entries, "", self.config, &mut files);
        progress(Progress::Total(files.iter().fold(0, |sum, file| sum.saturating_add(file.length.into()))));
        let folder = self.folder;
        let read = files.par_iter().map(|file| {
            let read = match encode {
                Encode::Compressible if file.is_compressible => {
                    content::encode(folder, &file.path, file.length, &file.variants, spool)?
                }
                Encode::Compressible | Encode::No => (content::digest(folder, &file.path, file.length)?, Vec::new()),
            };
            progress(Progress::Read(file.length.into()));
            Ok(read)
        });
        let read: Result<Vec<(u128, Vec<EncodedVariant>)>, PackError> = read.collect();
        let mut found: BTreeMap<String, (u128, Vec<EncodedVariant>)> =
            files.into_iter().map(|file| file.path).zip(read?).collect();
        // The handler recognizes the site file by its content, under any name, but not an encoded form of it.
        if let Some((site_file, _)) = found.get(SITE_FILE) {
            let site_file = *site_file;
            found.values_mut().filter(|(digest, _)| *digest == site_file).for_each(|(_, variants)| variants.clear());
        }
        Ok(self.complete(entries, "", &mut found))
    }

    fn complete(
        &mut self,
        entries: Vec<ImageEntry>,
        above: &str,
        found: &mut BTreeMap<String, (u128, Vec<EncodedVariant>)>,
    ) -> Vec<ImageEntry> {
        let mut completed = Vec::with_capacity(entries.len());
        for mut entry in entries {
            let path = join(above, &entry.name);
            match &mut entry.node {
                ImageNode::Directory(entries) => *entries = self.complete(std::mem::take(entries), &path, found),
                ImageNode::File { length, digest } => {
                    let Some((known, variants)) = found.remove(&path) else { continue };
                    *digest = known;
                    self.contents.insert(path.clone(), (Content::File { path: path.clone(), digest: known }, *length));
                    for EncodedVariant { coding, content, length, digest } in variants {
                        let suffix = coding.suffix();
                        self.contents.insert(format!("{path}.{suffix}"), (content, length));
                        completed.push(ImageEntry {
                            name: format!("{}.{suffix}", entry.name),
                            modified: entry.modified,
                            // The listing is that of the folder.
                            is_listed: false,
                            node: ImageNode::File { length, digest },
                        });
                    }
                }
                ImageNode::Link(_) | ImageNode::DeadLink | ImageNode::Special => {}
            }
            completed.push(entry);
        }
        completed
    }
}

/// A regular file of the folder.
struct FolderFile {
    path: String,
    length: u32,
    is_compressible: bool,
    /// The codings for which there is an entry with the name of a variant.
    variants: Vec<Coding>,
}

fn list_files(entries: &[ImageEntry], above: &str, config: &Config, files: &mut Vec<FolderFile>) {
    let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    for ImageEntry { name, node, .. } in entries {
        let path = join(above, name);
        match node {
            ImageNode::Directory(entries) => list_files(entries, &path, config, files),
            ImageNode::File { length, .. } => {
                let has = |coding: &Coding| names.contains(format!("{name}.{}", coding.suffix()).as_str());
                let variants = Coding::ALL.into_iter().filter(has).collect();
                let media_type = Name::new(name.as_str()).map(|name| config.media_type_of(&name));
                let is_compressible = media_type.is_some_and(|media_type| media_type.is_compressible());
                files.push(FolderFile { path, length: *length, is_compressible, variants });
            }
            ImageNode::Link(_) | ImageNode::DeadLink | ImageNode::Special => {}
        }
    }
}

#[cfg(test)]
mod tests;
