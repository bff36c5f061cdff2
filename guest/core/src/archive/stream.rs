//! An archive that is being sent, piece by piece.

use crate::archive::entry::CHUNK;
use crate::archive::left_out::{LeftOut, LeftOutReason};
use crate::archive::plan::{Plan, add_path, note_item};
use crate::archive::walk::{Walk, WalkItem, WalkStep};
use crate::archive::writer::Writer;
use crate::body::block::{Truncated, read_block};
use crate::http::range::Span;
use crate::number::{byte_count, to_usize};
use crate::tree::{Metadata, OpenedNode, Tree, optional};
use crate::visible::visible;
use flate2::Crc;

/// The bytes that are collected before they are sent. A small file is not worth a call.
pub(super) const PIECE: usize = 64 << 10;

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
                Some(WalkStep::Item(item)) => self.begin(tree, item, piece).await?,
                Some(WalkStep::LeftOut { path, reason }) => self.left_out.add(&path, reason),
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
