//! Archives of a directory and everything below it, for download.
//!
//! An archive contains what the listings of these directories show. It omits symbolic links: their targets are
//! elsewhere, and are in the archive under their own names if they are below the directory. It omits files that cannot
//! be read, and names them in a note. Entries are in the byte order of their names, and a directory comes before its
//! entries, so an unchanged directory gives the same bytes again.

pub mod format;

mod entry;
mod left_out;
mod tar;
mod walk;
mod writer;
mod zip;

use crate::archive::entry::CHUNK;
use crate::archive::format::ArchiveFormat;
use crate::body::block::{Truncated, read_block};
use crate::config::Config;
use crate::http::field::disposition;
use crate::http::range::Span;
use crate::http::refusal::Refusal;
use crate::http::target::Target;
use crate::number::{byte_count, to_usize};
use crate::tree::dotfiles::Dotfiles;
use crate::tree::{Metadata, OpenedNode, Tree, optional};
use crate::visible::visible;
use flate2::Crc;
use left_out::{LeftOut, LeftOutReason};
use walk::{Walk, WalkItem};
use writer::Writer;

/// The name of the top directory in an archive of the root, which has no name for clients.
const ROOT: &str = "archive";
/// The bytes that are collected before they are sent. A small file is not worth a call.
const PIECE: usize = 64 << 10;

/// An archive before its first byte: what it contains, and its length. No file content is read for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The format.
    pub format: ArchiveFormat,
    /// The directory, relative to the root of the tree.
    pub path: String,
    /// The directory in the archive that contains everything.
    top: String,
    hidden: Dotfiles,
    /// The length of the archive in bytes, before gzip. An upper limit if the plan is not exact.
    length: u64,
    /// How many of these bytes are kept in memory until the end of the archive.
    trailer: u64,
    /// Whether every file was opened. For very many files that takes too long. Then files that cannot be opened are
    /// found while the archive is sent, and its length is unknown before.
    is_exact: bool,
    /// A checksum over all paths.
    sum: u32,
    left_out: LeftOut,
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
                walk::WalkStep::Item(item) => {
                    bytes = bytes.saturating_add(item.size());
                    if bytes > config.archive_max {
                        return Err(Refusal::TooLarge);
                    }
                    walk.has_item();
                    add_path(&mut sum, &item.path, &plan.top);
                    plan.add(writer.measure(&item));
                }
                walk::WalkStep::LeftOut { path, reason } => {
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

    fn walk(&self) -> Walk {
        Walk::new(self.path.clone(), self.top.clone(), self.hidden.clone())
    }
}

/// The file in an archive that names what is missing.
fn note_item(walk: &Walk, note: &[u8]) -> WalkItem<()> {
    WalkItem { path: walk.path_of_note(), modified: None, file: Some(((), byte_count(note))) }
}

/// An archive that is being sent.
#[derive(Debug)]
pub struct Archive<F> {
    plan: Plan,
    walk: Walk,
    writer: Writer,
    step: ArchiveStep<F>,
    /// The bytes for the end of the archive.
    trailer: Vec<u8>,
    /// The planned bytes that are not sent yet.
    left: u64,
    /// A checksum over all paths so far.
    sum: Crc,
    left_out: LeftOut,
    /// The path in the archive of the current entry.
    at: String,
}

#[derive(Debug)]
enum ArchiveStep<F> {
    Begin,
    /// Between two entries.
    Next,
    /// Sends the content of the file at `path`, as long as it was when it was opened.
    Content {
        file: F,
        span: Span,
        path: String,
        metadata: Metadata,
    },
    /// Sends the trailer from this offset on.
    Trailer(usize),
    Done,
}

impl<F> Archive<F> {
    /// The archive of a plan.
    pub fn new(plan: &Plan) -> Archive<F> {
        Archive {
            walk: plan.walk(),
            writer: Writer::new(plan.format),
            step: ArchiveStep::Begin,
            trailer: Vec::new(),
            left: plan.length,
            sum: Crc::new(),
            left_out: LeftOut::default(),
            at: plan.top.clone(),
            plan: plan.clone(),
        }
    }

    /// Returns the next piece, or `None` after the last one.
    ///
    /// # Errors
    /// [`Truncated`] if the directory has changed since the plan, or cannot be read. The log gets a message.
    pub async fn next<T: Tree<File = F>>(&mut self, tree: &T) -> Result<Option<Vec<u8>>, Truncated> {
        let piece = self.piece(tree).await;
        if piece.is_err() {
            let (path, at) = (visible(&self.plan.path), visible(self.below(&self.at).unwrap_or("/")));
            tree.report(&format_args!(
                "archive of '/{path}' aborted at '{at}': the folder changed during the download, or cannot be read"
            ));
        }
        piece
    }

    async fn piece<T: Tree<File = F>>(&mut self, tree: &T) -> Result<Option<Vec<u8>>, Truncated> {
        let mut piece = Vec::new();
        while piece.len() < PIECE && !matches!(self.step, ArchiveStep::Done) {
            self.advance(tree, &mut piece).await?;
        }
        match self.plan.is_exact {
            true => self.left = self.left.checked_sub(byte_count(&piece)).ok_or(Truncated)?,
            false => self.left = 0,
        }
        match (&self.step, self.left) {
            (ArchiveStep::Done, 1..) => Err(Truncated),
            _ => Ok(Some(piece).filter(|piece| !piece.is_empty())),
        }
    }

    async fn advance<T: Tree<File = F>>(&mut self, tree: &T, piece: &mut Vec<u8>) -> Result<(), Truncated> {
        match &mut self.step {
            ArchiveStep::Begin => {
                // One allocation: growing would take twice the memory for a moment.
                self.trailer.reserve_exact(to_usize(self.plan.trailer));
                self.walk.begin(tree).await.map_err(|_| Truncated)?;
                self.step = ArchiveStep::Next;
            }
            ArchiveStep::Next => match self.walk.next(tree).await.map_err(|_| Truncated)? {
                Some(walk::WalkStep::Item(item)) => self.begin(tree, item, piece).await?,
                Some(walk::WalkStep::LeftOut { path, reason }) => self.left_out.add(&path, reason),
                None => self.end_entries(tree, piece)?,
            },
            ArchiveStep::Content { file, span, path, metadata } => match read_block(tree, file, span, CHUNK).await? {
                Some(bytes) => self.writer.frame(&bytes, span.length() == 0, piece),
                None => {
                    let beyond = tree.read(file, span.end, 1).await.map_err(|_| Truncated)?;
                    // A file that was overwritten would be a mix of two versions with a valid checksum.
                    if !beyond.is_empty() || optional(tree.metadata(path).await)? != Some(*metadata) {
                        return Err(Truncated);
                    }
                    self.end(piece);
                }
            },
            ArchiveStep::Trailer(sent) => {
                let rest = self.trailer.get(*sent..).unwrap_or_default();
                let part = rest.get(..PIECE).unwrap_or(rest);
                piece.extend(part);
                *sent = sent.saturating_add(part.len());
                if part.is_empty() {
                    piece.extend(self.writer.finish());
                    self.step = ArchiveStep::Done;
                }
            }
            ArchiveStep::Done => {}
        }
        Ok(())
    }

    /// Begins an entry, or leaves it out if its file cannot be opened.
    async fn begin<T: Tree<File = F>>(
        &mut self,
        tree: &T,
        item: WalkItem<String>,
        to: &mut Vec<u8>,
    ) -> Result<(), Truncated> {
        let WalkItem { path, modified, file } = item;
        self.at.clone_from(&path);
        let Some((source, _)) = file else {
            add_path(&mut self.sum, &path, &self.plan.top);
            self.walk.has_item();
            to.extend(self.writer.begin(&WalkItem::<F> { path, modified, file: None }));
            self.end(to);
            return Ok(());
        };
        if let Some(OpenedNode::File(file, metadata)) = optional(tree.open(&source).await)? {
            add_path(&mut self.sum, &path, &self.plan.top);
            self.walk.has_item();
            let item = WalkItem { path, modified: metadata.modified, file: Some(((), metadata.size)) };
            to.extend(self.writer.begin(&item));
            let span = Span { start: 0, end: metadata.size };
            self.step = ArchiveStep::Content { file, span, path: source, metadata };
            return Ok(());
        }
        let reason = match optional(tree.metadata(&source).await)? {
            Some(_) => LeftOutReason::Unreadable,
            None => LeftOutReason::Special,
        };
        if reason == LeftOutReason::Unreadable {
            add_path(&mut self.sum, &path, &self.plan.top);
        }
        let below = self.below(&path).unwrap_or_default().to_owned();
        self.left_out.add(&below, reason);
        Ok(())
    }

    /// A path in the archive without its top directory.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.get(self.plan.top.len().saturating_add(1)..)
    }

    /// After the last entry: checks that the entries are those of the plan, and adds the note.
    fn end_entries<T: Tree<File = F>>(&mut self, tree: &T, to: &mut Vec<u8>) -> Result<(), Truncated> {
        let is_same = match self.plan.is_exact {
            // The length is not enough: a note could be as long as the files that it names.
            true => self.left_out == self.plan.left_out,
            false => self.sum.sum() == self.plan.sum,
        };
        if !is_same {
            self.at.clone_from(&self.plan.top);
            return Err(Truncated);
        }
        if let Some(note) = self.left_out.note() {
            to.extend(self.writer.begin(&note_item(&self.walk, &note)));
            self.writer.frame(&note, true, to);
            self.end(to);
        }
        if !self.left_out.is_empty() {
            let path = visible(&self.plan.path);
            tree.report(&format_args!("archive of '/{path}' leaves out {}", self.left_out));
        }
        self.step = ArchiveStep::Trailer(0);
        Ok(())
    }

    fn end(&mut self, piece: &mut Vec<u8>) {
        let end = self.writer.end();
        piece.extend(end.now);
        self.trailer.extend(end.trailer);
        self.step = ArchiveStep::Next;
    }
}

/// Adds the path of something below the top directory to a checksum.
fn add_path(sum: &mut Crc, path: &str, top: &str) {
    if path != top {
        sum.update(path.as_bytes());
        sum.update(&[0]);
    }
}

#[cfg(test)]
mod tests;
