//! Content that is made piece by piece while it is sent, so that it takes the same little memory however long it is. It
//! refuses to know how a piece is sent, and what the head said of the whole.

use crate::archive::Archive;
use crate::body::block::{BLOCK, Truncated, read_block};
use crate::body::encode::Encoder;
use crate::body::multipart::Multipart;
use crate::http::accept::Coding;
use crate::http::range::Span;
use crate::listing::stream::ListingStream;
use crate::tree::Tree;

/// Content under way. It asks the tree for what it needs when it needs it.
#[derive(Debug)]
pub struct GeneratedBody<F> {
    pub maker: Source<F>,
    /// The coding of what is sent, until it begins.
    pub coding: Option<Coding>,
    encoder: Option<Encoder>,
}

/// What makes content, a piece a call.
#[derive(Debug)]
pub enum Source<F> {
    /// A part of a file.
    Part(F, Span),
    /// Several parts of a file, each behind its head.
    Parts(F, Multipart),
    /// A folder.
    Archive(Box<Archive<F>>),
    /// A listing of many entries.
    ListingStream(Box<ListingStream>),
}

impl<F> GeneratedBody<F> {
    /// What `maker` makes, in a coding if there is one.
    pub fn new(maker: Source<F>, coding: Option<Coding>) -> GeneratedBody<F> {
        GeneratedBody { maker, coding, encoder: None }
    }

    /// The next piece, never empty; `None` behind the last. A piece is about a [`BLOCK`] long at most.
    ///
    /// # Errors
    /// [`Truncated`] where there is no next piece and should be one. Nothing may be asked for after it.
    pub async fn next<T: Tree<File = F>>(&mut self, tree: &T) -> Result<Option<Vec<u8>>, Truncated> {
        if let Some(coding) = self.coding.take() {
            self.encoder = Some(Encoder::new(coding).ok_or(Truncated)?);
        }
        loop {
            let piece = self.maker.next(tree).await?;
            let Some(encoder) = &mut self.encoder else { return Ok(piece) };
            match piece {
                Some(piece) => {
                    let mut encoded = encoder.push(&piece);
                    // It says that work goes on, so it must not wait for more.
                    if encoded.is_empty() && piece.len() == 1 {
                        encoded = encoder.flush();
                    }
                    if !encoded.is_empty() {
                        return Ok(Some(encoded));
                    }
                }
                None => return Ok(self.encoder.take().map(Encoder::finish).filter(|end| !end.is_empty())),
            }
        }
    }
}

impl<F> Source<F> {
    /// The next piece of what is made, before it is encoded; `None` behind the last, however often it is asked for.
    async fn next<T: Tree<File = F>>(&mut self, tree: &T) -> Result<Option<Vec<u8>>, Truncated> {
        match self {
            Source::Part(file, span) => read_block(tree, file, span, BLOCK).await,
            Source::ListingStream(sheet) => sheet.next(tree).await,
            Source::Parts(file, multipart) => {
                while let Some(part) = multipart.parts.front_mut() {
                    if !part.head.is_empty() {
                        return Ok(Some(std::mem::take(&mut part.head)));
                    }
                    match read_block(tree, file, &mut part.span, BLOCK).await? {
                        Some(block) => return Ok(Some(block)),
                        None => drop(multipart.parts.pop_front()),
                    }
                }
                Ok(Some(std::mem::take(&mut multipart.end)).filter(|end| !end.is_empty()))
            }
            Source::Archive(archive) => archive.next(tree).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::at_once;
    use crate::body::generated::*;
    use crate::media_type::MediaType;
    use crate::tree::memory::MemoryTree;

    const LENGTH: usize = 300_001;

    fn content() -> Vec<u8> {
        (0..LENGTH).map(|index| (index % 251).to_le_bytes()).map(|[first, ..]| first).collect()
    }

    /// All pieces, and how they end.
    fn made(maker: Source<Vec<u8>>, coding: Option<Coding>) -> (Vec<u8>, Result<(), Truncated>) {
        let mut made = GeneratedBody::new(maker, coding);
        let mut all = Vec::new();
        loop {
            match at_once(made.next(&MemoryTree::default())).unwrap_or(Err(Truncated)) {
                Ok(Some(piece)) => {
                    assert!(!piece.is_empty() && piece.len() < 150_000, "{}", piece.len());
                    all.extend(piece);
                }
                Ok(None) => {
                    assert_eq!(at_once(made.next(&MemoryTree::default())), Some(Ok(None)));
                    return (all, Ok(()));
                }
                Err(cut) => return (all, Err(cut)),
            }
        }
    }

    const fn span(start: u64, end: u64) -> Span {
        Span { start, end }
    }

    #[test]
    fn a_part_is_made_to_its_last_byte_and_no_further() {
        let content = content();
        for (start, end) in [(0, 0), (0, 1), (5, 300_001), (131_072, 262_144), (0, 131_073)] {
            let (all, ended) = made(Source::Part(content.clone(), span(start, end)), None);
            assert_eq!((all.as_slice(), ended), (&content[start as usize..end as usize], Ok(())), "{start} {end}");
        }
    }

    #[test]
    fn what_is_made_can_be_encoded() {
        let content = content();
        for &coding in crate::body::encode::CODINGS {
            let (all, ended) = made(Source::Part(content.clone(), span(0, 300_001)), Some(coding));
            assert_eq!((Some(all), ended), (Encoder::encode(coding, &content), Ok(())), "{coding:?}");
        }
    }

    #[test]
    fn several_parts_are_made_as_they_were_announced() {
        let multipart = Multipart::new(&[span(0, 3), span(9, 200_000)], 300_001, &MediaType::PLAIN, "");
        let length = multipart.length();
        let (all, ended) = made(Source::Parts(content(), multipart), None);
        assert_eq!((u64::try_from(all.len()), ended), (Ok(length), Ok(())));
    }

    #[test]
    fn a_file_that_has_shrunk_is_cut_off() {
        for coding in [None, Some(Coding::Gzip), Some(Coding::Brotli)] {
            let (_, ended) = made(Source::Part(content(), span(0, 300_002)), coding);
            assert_eq!(ended, Err(Truncated), "{coding:?}");
        }
    }
}
