//! A folder and all that is below it as one file: which forms there are, what such a file comes to before its first byte,
//! and its bytes. It refuses to know who asked and how they are sent.
//!
//! What the listings of these folders show is in it: the same names are hidden. Symbolic links are left out, files and
//! directories alike, because what they lead to lies elsewhere, and is there under its own name if it may be had. So is
//! what cannot be read, which the archive says itself. Entries come in the byte order of their names, a folder before what
//! is in it, so that a folder that did not change makes the same bytes again.

pub mod format;

mod left_out;
mod tar;
mod walk;
mod zip;

use crate::archive::format::ArchiveFormat;
use crate::body::block::{Truncated, read_block};
use crate::config::Config;
use crate::http::target::Target;
use crate::http::field::disposition;
use crate::http::range::Span;
use crate::http::refusal::Refusal;
use crate::tree::dotfiles::Dotfiles;
use crate::tree::{Metadata, Node, Tree, found};
use crate::visible::visible;
use flate2::Crc;
use left_out::{LeftOut, LeftOutReason};
use tar::Tar;
use walk::{Walk, WalkItem};
use zip::Zip;

/// What the folder at the root is called, which has no name that a client may know.
const ROOT: &str = "archive";
/// Bytes of a file that are read at once: what one block of deflate can hold (RFC 1951 3.2.4).
const CHUNK: u64 = 0xFFFF;
/// How many bytes are collected before they are sent: a small file is worth no call of its own.
const PIECE: usize = 64 << 10;

/// An archive before its first byte: what it will be, for which no content is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub form: ArchiveFormat,
    /// The folder, relative to the root of the tree.
    pub path: String,
    /// The folder that everything lies in, once the archive is unpacked.
    top: String,
    hidden: Dotfiles,
    /// The length of the archive in bytes, before gzip; of one that is not exact the most that it may be.
    length: u64,
    /// How much of it is kept in memory until its end.
    kept: u64,
    /// Whether each file was opened. That takes too long for very many: then those that cannot be opened show while the
    /// archive is sent, and nobody knows its length before.
    is_exact: bool,
    /// A sum over all paths.
    sum: u32,
    left_out: LeftOut,
}

impl Plan {
    /// Looks at all that is below a folder.
    ///
    /// # Errors
    /// [`Refusal::NotListable`] if the folder cannot be read, [`Refusal::TooLarge`] for more bytes in files than the
    /// configuration allows, for more than may be made, and for more entries than are kept track of.
    pub async fn make<T: Tree>(
        form: ArchiveFormat,
        target: &Target,
        tree: &T,
        config: &Config,
    ) -> Result<Plan, Refusal> {
        let top = target.name().map_or(ROOT, |name| name.as_str()).to_owned();
        let (path, hidden) = (target.path(), config.hidden.clone());
        let mut plan =
            Plan { form, path, top, hidden, length: 0, kept: 0, is_exact: true, sum: 0, left_out: LeftOut::default() };
        let mut walk = plan.walk().into_plan();
        walk.begin(tree).await?;
        let (mut writer, mut bytes) = (Writer::new(form), 0_u64);
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
                walk::WalkStep::LeftOut { path, why } => {
                    if why == LeftOutReason::Closed {
                        add_path(&mut sum, &format!("{}/{path}", plan.top), &plan.top);
                    }
                    left_out.add(&path, why);
                }
            }
        }
        if let Some(note) = left_out.note() {
            plan.add(writer.measure(&note_item(&walk, &note)));
        }
        let end = length(&writer.finish());
        plan.length = plan.length.saturating_add(plan.kept).saturating_add(end);
        (plan.is_exact, plan.sum, plan.left_out) = (walk.is_exact(), sum.sum(), left_out);
        if plan.most() > config.made_max { Err(Refusal::TooLarge) } else { Ok(plan) }
    }

    fn add(&mut self, (now, later): (u64, u64)) {
        self.length = self.length.saturating_add(now);
        self.kept = self.kept.saturating_add(later);
    }

    /// The most bytes that are sent. What gzip cannot make less of becomes a little more.
    fn most(&self) -> u64 {
        match self.form {
            ArchiveFormat::Tar | ArchiveFormat::Zip => self.length,
            ArchiveFormat::TarGz => self.length.saturating_add(self.length / 1000).saturating_add(1 << 10),
        }
    }

    /// The length in bytes of what is sent. How far gzip gets nobody knows before.
    pub fn length(&self) -> Option<u64> {
        match self.form {
            ArchiveFormat::Tar | ArchiveFormat::Zip if self.is_exact => Some(self.length),
            ArchiveFormat::Tar | ArchiveFormat::Zip | ArchiveFormat::TarGz => None,
        }
    }

    /// The value of Content-Disposition.
    pub fn disposition(&self) -> String {
        disposition("attachment", &format!("{}.{}", self.top, self.form.word()))
    }

    fn walk(&self) -> Walk {
        Walk::new(self.path.clone(), self.top.clone(), self.hidden.clone())
    }
}

/// The file in an archive that says what is not in it.
fn note_item(walk: &Walk, note: &[u8]) -> WalkItem<()> {
    WalkItem { path: walk.path_of_note(), modified: None, file: Some(((), length(note))) }
}

/// An archive under way.
#[derive(Debug)]
pub struct Archive<F> {
    plan: Plan,
    walk: Walk,
    writer: Writer,
    step: ArchiveStep<F>,
    /// What stands at the end of the archive.
    kept: Vec<u8>,
    /// How many bytes of what was planned are still to come.
    left: u64,
    /// A sum over all paths until now.
    sum: Crc,
    left_out: LeftOut,
    /// The path of the entry that was begun last, in the archive.
    at: String,
}

#[derive(Debug)]
enum ArchiveStep<F> {
    Begin,
    /// Between two entries.
    Next,
    /// The content of the file at a path, as much of it as was there when it was opened.
    Content {
        file: F,
        span: Span,
        place: String,
        facts: Metadata,
    },
    /// What was kept for the end; so much of it was sent.
    Kept(usize),
    Done,
}

impl<F> Archive<F> {
    /// The archive that was planned.
    pub fn new(plan: &Plan) -> Archive<F> {
        Archive {
            walk: plan.walk(),
            writer: Writer::new(plan.form),
            step: ArchiveStep::Begin,
            kept: Vec::new(),
            left: plan.length,
            sum: Crc::new(),
            left_out: LeftOut::default(),
            at: plan.top.clone(),
            plan: plan.clone(),
        }
    }

    /// The next piece; `None` behind the last.
    ///
    /// # Errors
    /// [`Truncated`] where the tree is not what was planned with any more: the archive that was announced cannot be had.
    pub async fn next<T: Tree<File = F>>(&mut self, tree: &T) -> Result<Option<Vec<u8>>, Truncated> {
        let piece = self.piece(tree).await;
        if piece.is_err() {
            let below = self.at.get(self.plan.top.len().saturating_add(1)..).unwrap_or("/");
            let (path, at) = (visible(&self.plan.path), visible(below));
            tree.complain(&format_args!(
                "the archive of '/{path}' was cut off at '{at}': it changed while it was packed, or could not be read"
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
            true => self.left = self.left.checked_sub(length(&piece)).ok_or(Truncated)?,
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
                // All of it at once: if it grew by doubling, there would be twice as much of it for a moment.
                self.kept.reserve_exact(usize::try_from(self.plan.kept).unwrap_or_default());
                self.walk.begin(tree).await.map_err(|_| Truncated)?;
                self.step = ArchiveStep::Next;
            }
            ArchiveStep::Next => match self.walk.next(tree).await.map_err(|_| Truncated)? {
                Some(walk::WalkStep::Item(item)) => self.begin(tree, item, piece).await?,
                Some(walk::WalkStep::LeftOut { path, why }) => self.left_out.add(&path, why),
                None => self.end_entries(tree, piece)?,
            },
            ArchiveStep::Content { file, span, place, facts } => match read_block(tree, file, span, CHUNK).await? {
                Some(bytes) => self.writer.frame(&bytes, span.length() == 0, piece),
                None => {
                    let beyond = tree.read(file, span.end, 1).await.map_err(|_| Truncated)?;
                    // What was written over in place would be a mix of two versions, under a checksum that is right.
                    if !beyond.is_empty() || found(tree.facts(place).await)? != Some(*facts) {
                        return Err(Truncated);
                    }
                    self.end(piece);
                }
            },
            ArchiveStep::Kept(sent) => {
                let rest = self.kept.get(*sent..).unwrap_or_default();
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

    /// Begins an entry, if it can be had.
    async fn begin<T: Tree<File = F>>(
        &mut self,
        tree: &T,
        item: WalkItem<String>,
        to: &mut Vec<u8>,
    ) -> Result<(), Truncated> {
        let WalkItem { path, modified, file } = item;
        self.at.clone_from(&path);
        let Some((place, _)) = file else {
            add_path(&mut self.sum, &path, &self.plan.top);
            self.walk.has_item();
            to.extend(self.writer.begin(&WalkItem::<F> { path, modified, file: None }));
            self.end(to);
            return Ok(());
        };
        if let Some(Node::File(file, facts)) = found(tree.open(&place).await)? {
            add_path(&mut self.sum, &path, &self.plan.top);
            self.walk.has_item();
            let item = WalkItem { path, modified: facts.modified, file: Some(((), facts.size)) };
            to.extend(self.writer.begin(&item));
            self.step = ArchiveStep::Content { file, span: Span { start: 0, end: facts.size }, place, facts };
            return Ok(());
        }
        let why =
            if found(tree.facts(&place).await)?.is_some() { LeftOutReason::Closed } else { LeftOutReason::Special };
        if why == LeftOutReason::Closed {
            add_path(&mut self.sum, &path, &self.plan.top);
        }
        let below = path.get(self.plan.top.len().saturating_add(1)..).unwrap_or_default();
        self.left_out.add(below, why);
        Ok(())
    }

    /// Behind the last entry: a note of what is missing, if something is.
    fn end_entries<T: Tree<File = F>>(&mut self, tree: &T, to: &mut Vec<u8>) -> Result<(), Truncated> {
        let is_same = match self.plan.is_exact {
            // By its length alone a note could take the place of what it names.
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
            let path = visible(&self.plan.path).into_owned();
            tree.complain(&format_args!("the archive of '/{path}' leaves out {}", self.left_out));
        }
        self.step = ArchiveStep::Kept(0);
        Ok(())
    }

    fn end(&mut self, piece: &mut Vec<u8>) {
        let end = self.writer.end();
        piece.extend(end.now);
        self.kept.extend(end.later);
        self.step = ArchiveStep::Next;
    }
}

/// Adds the path of something below the folder to a sum.
fn add_path(sum: &mut Crc, path: &str, top: &str) {
    if path != top {
        sum.update(path.as_bytes());
        sum.update(&[0]);
    }
}

/// What is around the contents of files.
#[derive(Debug)]
enum Writer {
    Tar(Tar),
    Zip(Zip),
}

/// What ends an entry: behind its content, and at the end of the archive.
#[derive(Debug, Default)]
struct ArchiveEnd {
    now: Vec<u8>,
    later: Vec<u8>,
}

impl Writer {
    fn new(format: ArchiveFormat) -> Writer {
        match format {
            ArchiveFormat::Tar | ArchiveFormat::TarGz => Writer::Tar(Tar::default()),
            ArchiveFormat::Zip => Writer::Zip(Zip::default()),
        }
    }

    /// What stands before the content of an entry.
    fn begin<F>(&mut self, item: &WalkItem<F>) -> Vec<u8> {
        match self {
            Writer::Tar(tar) => tar.begin(item),
            Writer::Zip(zip) => zip.begin(item),
        }
    }

    /// Writes a part of the content that is no longer than a [`CHUNK`], as long as one if it is not the last.
    fn frame(&mut self, bytes: &[u8], is_last: bool, to: &mut Vec<u8>) {
        match self {
            Writer::Tar(_) => to.extend(bytes),
            Writer::Zip(zip) => zip.frame(bytes, is_last, to),
        }
    }

    /// Passes over an entry, and returns how many bytes it takes here, and how many at the end of the archive.
    fn measure<F>(&mut self, item: &WalkItem<F>) -> (u64, u64) {
        match self {
            Writer::Tar(_) => (Tar::measure(item), 0),
            Writer::Zip(zip) => zip.measure(item),
        }
    }

    /// What ends the entry that was begun.
    fn end(&mut self) -> ArchiveEnd {
        match self {
            Writer::Tar(tar) => tar.end(),
            Writer::Zip(zip) => zip.end(),
        }
    }

    /// The last bytes of the archive.
    fn finish(&self) -> Vec<u8> {
        match self {
            Writer::Tar(_) => tar::END.to_vec(),
            Writer::Zip(zip) => zip.finish(),
        }
    }
}

pub fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
