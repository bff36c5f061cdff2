//! An archive, or ranges of it, while it is sent.
//!
//! The walk passes every entry, so that its fingerprint shows whether the directory is still that of the plan. Files
//! without a wanted byte are not opened. A zip file has the checksums of its files after them: the stream reads a
//! skipped file again when the response reaches its checksum.

use crate::archive::entry::CHUNK;
use crate::archive::extent::ArchiveExtent;
use crate::archive::fingerprint::{Fingerprint, version};
use crate::archive::format::ArchiveFormat;
use crate::archive::left_out::{LeftOut, LeftOutReason};
use crate::archive::member::Member;
use crate::archive::plan::{Plan, note_item};
use crate::archive::walk::{Walk, WalkItem, WalkStep};
use crate::archive::writer::Writer;
use crate::archive::zip;
use crate::body::block::{BLOCK, Truncated};
use crate::body::multipart::Multipart;
use crate::http::range::Span;
use crate::number::{byte_count, to_usize};
use crate::tree::{Tree, optional};
use crate::visible::visible;
use flate2::Crc;
use std::collections::VecDeque;

/// The bytes that are collected before they are sent. A small file is not worth a call.
pub(super) const PIECE: usize = 64 << 10;
/// The bytes that are read for checksums before a piece is sent, even if it is short: a host limits the processor time
/// between two pieces. Opening a file counts as [`OPEN`] bytes.
const SUMMED: u64 = 32 << 20;
const OPEN: u64 = 64 << 10;
/// The bytes that wait while files are read for checksums, to be sent one by one.
const RESERVE: usize = 1 << 10;

/// An archive that is being sent.
#[derive(Debug)]
pub struct Archive<F> {
    plan: Plan,
    walk: Walk,
    writer: Writer,
    step: ArchiveStep<F>,
    extent: ArchiveExtent,
    /// The bytes for the end of the archive, if the response contains any of them.
    trailer: Vec<u8>,
    has_trailer: bool,
    /// The entries of the trailer without a checksum, in order.
    unsummed: VecDeque<Unsummed>,
    /// The bytes at the end of the last piece, if checksums may be missing.
    reserve: Option<Vec<u8>>,
    fingerprint: Fingerprint,
    left_out: LeftOut,
    /// The path in the archive of the current entry.
    at: String,
}

#[derive(Debug)]
enum ArchiveStep<F> {
    Begin,
    /// Between two entries.
    Next,
    Content(Member<F>),
    /// Reads a file again for its checksum.
    Sum {
        member: Member<F>,
        sum: Crc,
        place: SumPlace,
    },
    /// Sends the trailer from this offset on.
    Trailer(usize),
    Done,
}

/// Where a checksum belongs.
#[derive(Clone, Copy, Debug)]
enum SumPlace {
    /// After the content of the current entry.
    Current,
    /// In the entry at this offset of the trailer.
    Trailer(usize),
}

/// An entry of the trailer without a checksum.
#[derive(Debug)]
struct Unsummed {
    /// Its offset in the trailer.
    at: usize,
    /// The [`version`] of its file.
    version: u64,
}

impl<F> Archive<F> {
    /// The archive of a plan whose length is unknown.
    pub fn whole(plan: Plan) -> Archive<F> {
        let end = if plan.is_exact { plan.length } else { u64::MAX };
        Archive::new(plan.walk(), plan, ArchiveExtent::of(Span { start: 0, end }), None)
    }

    /// A range of the archive of an exact plan.
    pub fn part(plan: Plan, span: Span) -> Archive<F> {
        match span.length() == plan.length {
            true => Archive::new(plan.walk(), plan, ArchiveExtent::of(span), None),
            false => Archive::of_ranges(plan, ArchiveExtent::of(span)),
        }
    }

    /// Ranges of the archive of an exact plan.
    pub fn parts(plan: Plan, multipart: Multipart) -> Archive<F> {
        Archive::of_ranges(plan, ArchiveExtent::of_parts(multipart))
    }

    fn of_ranges(plan: Plan, extent: ArchiveExtent) -> Archive<F> {
        let reserve = (plan.format == ArchiveFormat::Zip).then(Vec::new);
        Archive::new(plan.walk_with_sizes(), plan, extent, reserve)
    }

    fn new(walk: Walk, plan: Plan, extent: ArchiveExtent, reserve: Option<Vec<u8>>) -> Archive<F> {
        Archive {
            walk,
            writer: Writer::new(plan.format),
            step: ArchiveStep::Begin,
            trailer: Vec::new(),
            has_trailer: plan.trailer > 0 && extent.wants_after(plan.trailer_start),
            unsummed: VecDeque::new(),
            reserve,
            extent,
            fingerprint: Fingerprint::default(),
            left_out: LeftOut::default(),
            at: plan.top.clone(),
            plan,
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
        let mut piece = self.reserve.as_mut().map(std::mem::take).unwrap_or_default();
        let mut summed = 0_u64;
        // The last bytes are sent after the fingerprint has been compared: a client with all bytes sees no abort.
        while !matches!(self.step, ArchiveStep::Done) && (piece.len() < PIECE || self.extent.is_complete()) {
            summed = summed.saturating_add(self.advance(tree, &mut piece).await?);
            if summed >= SUMMED && !piece.is_empty() && !self.extent.is_complete() {
                break;
            }
        }
        if let Some(reserve) = self.reserve.as_mut().filter(|_| !matches!(self.step, ArchiveStep::Done)) {
            let sent = piece.len().saturating_sub(RESERVE).max(1).min(piece.len());
            *reserve = piece.split_off(sent);
        }
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// Takes the next step. Returns the bytes that it read for checksums.
    async fn advance<T: Tree<File = F>>(&mut self, tree: &T, piece: &mut Vec<u8>) -> Result<u64, Truncated> {
        match &mut self.step {
            ArchiveStep::Begin => {
                if self.has_trailer {
                    // One allocation: growing would take twice the memory for a moment.
                    self.trailer.reserve_exact(to_usize(self.plan.trailer));
                }
                self.walk.begin(tree).await.map_err(|_| Truncated)?;
                self.step = ArchiveStep::Next;
            }
            ArchiveStep::Next => match self.walk.next(tree).await.map_err(|_| Truncated)? {
                Some(WalkStep::Item(item)) => self.begin(tree, item, piece).await?,
                Some(WalkStep::LeftOut { path, reason }) => self.left_out.add(&path, reason),
                None => self.end_entries(tree, piece)?,
            },
            ArchiveStep::Content(member) => {
                let skipped = self.writer.skip(self.extent.gap(), member.left());
                member.skip(skipped.content);
                self.extent.skip(skipped.framed);
                match member.read(tree, CHUNK).await? {
                    Some(bytes) => {
                        let mark = piece.len();
                        self.writer.frame(&bytes, member.left() == 0, piece);
                        self.extent.clip(piece, mark);
                    }
                    None => {
                        let version = member.version();
                        if self.extent.wants(self.writer.length_without_sum()) {
                            let path = member.path().to_owned();
                            return self.begin_sum(tree, path, version, SumPlace::Current).await;
                        }
                        self.end(version, piece);
                    }
                }
            }
            ArchiveStep::Sum { member, sum, place } => match member.read(tree, BLOCK).await? {
                Some(bytes) => {
                    sum.update(&bytes);
                    return Ok(byte_count(&bytes));
                }
                None => match *place {
                    SumPlace::Current => {
                        self.writer.set_sum(std::mem::take(sum));
                        let version = member.version();
                        self.end(version, piece);
                    }
                    SumPlace::Trailer(at) => {
                        let after = zip::put_sum(&mut self.trailer, at, sum.sum());
                        self.step = ArchiveStep::Trailer(after);
                    }
                },
            },
            ArchiveStep::Trailer(sent) => {
                let sent = *sent;
                return self.send_trailer(tree, sent, piece).await;
            }
            ArchiveStep::Done => {}
        }
        Ok(0)
    }

    /// Begins an entry, or leaves it out if its file cannot be opened.
    async fn begin<T: Tree<File = F>>(
        &mut self,
        tree: &T,
        item: WalkItem<String>,
        to: &mut Vec<u8>,
    ) -> Result<(), Truncated> {
        self.at.clone_from(&item.path);
        let length = self.writer.length(&item).now;
        if !self.extent.wants(length) {
            self.skip(&item, length);
            return Ok(());
        }
        let WalkItem { path, modified, file } = item;
        let Some((source, _)) = file else {
            self.begin_entry(&WalkItem::<F> { path, modified, file: None }, to);
            self.end(0, to);
            return Ok(());
        };
        if let Some(member) = Member::open(tree, source.clone()).await? {
            let metadata = member.metadata();
            let item = WalkItem { path, modified: metadata.modified, file: Some(((), metadata.size)) };
            self.begin_entry(&item, to);
            self.step = ArchiveStep::Content(member);
            return Ok(());
        }
        let reason = match optional(tree.metadata(&source).await)? {
            Some(_) => LeftOutReason::Unreadable,
            None => LeftOutReason::Special,
        };
        if reason == LeftOutReason::Unreadable {
            self.fingerprint.add_unreadable(&path, &self.plan.top);
        }
        let below = self.below(&path).unwrap_or_default().to_owned();
        self.left_out.add(&below, reason);
        Ok(())
    }

    fn begin_entry<T>(&mut self, item: &WalkItem<T>, to: &mut Vec<u8>) {
        self.fingerprint.add(item, &self.plan.top);
        self.walk.has_item();
        let head = self.writer.begin(item);
        self.extent.push(&head, to);
    }

    /// Passes an entry without a wanted byte.
    fn skip<T>(&mut self, item: &WalkItem<T>, length: u64) {
        self.fingerprint.add(item, &self.plan.top);
        self.walk.has_item();
        if self.has_trailer {
            self.writer.begin(item);
            self.writer.skip(u64::MAX, item.size());
            let end = self.writer.end();
            self.add_to_trailer(end.trailer, end.lacks_sum, version(item.size(), item.modified));
        } else {
            self.writer.measure(item);
        }
        self.extent.skip(length);
    }

    /// Begins to read a file for its checksum.
    async fn begin_sum<T: Tree<File = F>>(
        &mut self,
        tree: &T,
        path: String,
        version: u64,
        place: SumPlace,
    ) -> Result<u64, Truncated> {
        let member = Member::open(tree, path).await?.filter(|member| member.version() == version).ok_or(Truncated)?;
        self.step = ArchiveStep::Sum { member, sum: Crc::new(), place };
        Ok(OPEN)
    }

    /// A path in the archive without its top directory.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.get(self.plan.top.len().saturating_add(1)..)
    }

    /// After the last entry: checks that the entries are those of the plan, and adds the note.
    fn end_entries<T: Tree<File = F>>(&mut self, tree: &T, to: &mut Vec<u8>) -> Result<(), Truncated> {
        let is_same = match self.plan.is_exact {
            true => self.left_out == self.plan.left_out && self.fingerprint.entries() == self.plan.entries,
            false => self.fingerprint.paths() == self.plan.paths,
        };
        if !is_same {
            self.at.clone_from(&self.plan.top);
            return Err(Truncated);
        }
        if let Some(note) = self.left_out.note() {
            let head = self.writer.begin(&note_item(&self.walk, &note));
            self.extent.push(&head, to);
            let mark = to.len();
            self.writer.frame(&note, true, to);
            self.extent.clip(to, mark);
            self.end(0, to);
        }
        if !self.left_out.is_empty() {
            let path = visible(&self.plan.path);
            tree.report(&format_args!("archive of '/{path}' leaves out {}", self.left_out));
        }
        if !self.has_trailer {
            self.extent.skip(self.plan.trailer);
        }
        self.step = ArchiveStep::Trailer(0);
        Ok(())
    }

    /// Ends the current entry, whose file has this [`version`].
    fn end(&mut self, version: u64, to: &mut Vec<u8>) {
        let end = self.writer.end();
        self.extent.push(&end.now, to);
        self.add_to_trailer(end.trailer, end.lacks_sum, version);
        self.step = ArchiveStep::Next;
    }

    fn add_to_trailer(&mut self, bytes: Vec<u8>, lacks_sum: bool, version: u64) {
        if self.has_trailer {
            if lacks_sum {
                self.unsummed.push_back(Unsummed { at: self.trailer.len(), version });
            }
            self.trailer.extend(bytes);
        }
    }

    /// Sends the trailer from an offset to the next missing checksum, or a piece of it, or the end of the archive.
    async fn send_trailer<T: Tree<File = F>>(
        &mut self,
        tree: &T,
        sent: usize,
        to: &mut Vec<u8>,
    ) -> Result<u64, Truncated> {
        let missing = self.unsummed.front().map(|unsummed| zip::sum_position(unsummed.at));
        if missing == Some(sent)
            && let Some(Unsummed { at, version }) = self.unsummed.pop_front()
            && self.extent.wants(zip::SUM)
        {
            let path = zip::name_at(&self.trailer, at).and_then(|path| self.below(path)).ok_or(Truncated)?;
            self.at = format!("{}/{path}", self.plan.top);
            return self.begin_sum(tree, self.walk.source(path), version, SumPlace::Trailer(at)).await;
        }
        let stop = self.unsummed.front().map_or(usize::MAX, |unsummed| zip::sum_position(unsummed.at));
        let end = stop.min(sent.saturating_add(PIECE)).min(self.trailer.len());
        let part = self.trailer.get(sent..end).unwrap_or_default();
        self.extent.push(part, to);
        self.step = ArchiveStep::Trailer(end);
        if end == self.trailer.len() && part.is_empty() {
            self.extent.push(&self.writer.finish(), to);
            if self.plan.is_exact && self.extent.position() != self.plan.length {
                return Err(Truncated);
            }
            self.extent.finish(to);
            self.step = ArchiveStep::Done;
        }
        Ok(0)
    }
}
