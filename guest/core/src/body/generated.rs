//! A body that is generated while it is sent, in constant memory.

use crate::archive::Archive;
use crate::body::block::{BLOCK, Truncated, read_block};
use crate::body::encode::Encoder;
use crate::body::inserted::Inserted;
use crate::body::multipart::Multipart;
use crate::http::accept::Coding;
use crate::http::range::Span;
use crate::listing::stream::ListingStream;
use crate::tree::Tree;

/// A body that reads the tree when it needs the next piece. `F` is an open file of the tree.
#[derive(Debug)]
pub struct GeneratedBody<F> {
    /// The source of the bytes before they are encoded.
    pub source: Source<F>,
    /// The content coding of the body. The first call of [`GeneratedBody::next`] takes it.
    pub coding: Option<Coding>,
    encoder: Option<Encoder>,
}

/// The source of a generated body.
#[derive(Debug)]
pub enum Source<F> {
    /// A range of a file.
    Part(F, Span),
    /// Several ranges of a file, each after its header.
    Parts(F, Multipart),
    /// A file with text inserted at one place.
    Inserted(F, Inserted),
    /// An archive of a directory.
    Archive(Box<Archive<F>>),
    /// A long listing.
    Listing(Box<ListingStream>),
}

impl<F> GeneratedBody<F> {
    /// A body with the bytes of `source`, encoded if there is a coding.
    pub fn new(source: Source<F>, coding: Option<Coding>) -> GeneratedBody<F> {
        GeneratedBody { source, coding, encoder: None }
    }

    /// Returns the next piece, or `None` after the last one. A piece has at least one byte and about [`BLOCK`] at most.
    ///
    /// # Errors
    /// [`Truncated`] if the next piece is not available. Do not call this again after an error.
    pub async fn next<T: Tree<File = F>>(&mut self, tree: &T) -> Result<Option<Vec<u8>>, Truncated> {
        if let Some(coding) = self.coding.take() {
            self.encoder = Some(Encoder::new(coding).ok_or(Truncated)?);
        }
        loop {
            let piece = self.source.next(tree).await?;
            let Some(encoder) = &mut self.encoder else { return Ok(piece) };
            match piece {
                Some(piece) => {
                    let mut encoded = encoder.push(&piece).map_err(|_| Truncated)?;
                    // A single byte shows the client that work goes on, so it must not wait in the encoder.
                    if encoded.is_empty() && piece.len() == 1 {
                        encoded = encoder.flush().map_err(|_| Truncated)?;
                    }
                    if !encoded.is_empty() {
                        return Ok(Some(encoded));
                    }
                }
                None => {
                    let Some(encoder) = self.encoder.take() else { return Ok(None) };
                    let end = encoder.finish().map_err(|_| Truncated)?;
                    return Ok(Some(end).filter(|end| !end.is_empty()));
                }
            }
        }
    }
}

impl<F> Source<F> {
    /// Returns the next piece before it is encoded, or `None` at the end, also in further calls.
    async fn next<T: Tree<File = F>>(&mut self, tree: &T) -> Result<Option<Vec<u8>>, Truncated> {
        match self {
            Source::Part(file, span) => read_block(tree, file, span, BLOCK).await,
            Source::Listing(listing) => listing.next(tree).await,
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
            Source::Inserted(file, inserted) => inserted.next(tree, file).await,
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

    /// The concatenated pieces, and how they end.
    fn generate(source: Source<Vec<u8>>, coding: Option<Coding>) -> (Vec<u8>, Result<(), Truncated>) {
        let mut body = GeneratedBody::new(source, coding);
        let mut all = Vec::new();
        loop {
            match at_once(body.next(&MemoryTree::default())).unwrap_or(Err(Truncated)) {
                Ok(Some(piece)) => {
                    assert!(!piece.is_empty() && piece.len() < 150_000, "{}", piece.len());
                    all.extend(piece);
                }
                Ok(None) => {
                    assert_eq!(at_once(body.next(&MemoryTree::default())), Some(Ok(None)));
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
    fn a_part_ends_at_its_last_byte() {
        let content = content();
        for (start, end) in [(0, 0), (0, 1), (5, 300_001), (131_072, 262_144), (0, 131_073)] {
            let (all, ended) = generate(Source::Part(content.clone(), span(start, end)), None);
            assert_eq!((all.as_slice(), ended), (&content[start as usize..end as usize], Ok(())), "{start} {end}");
        }
    }

    #[test]
    fn generated_content_can_be_encoded() {
        let content = content();
        for &coding in crate::body::encode::CODINGS {
            let (all, ended) = generate(Source::Part(content.clone(), span(0, 300_001)), Some(coding));
            assert_eq!((all, ended), (Encoder::encode(coding, &content).expect("it is listed"), Ok(())), "{coding:?}");
        }
    }

    #[test]
    fn an_insertion_stands_at_its_place() {
        let content = content();
        for at in [0, 1, 131_072, 300_001] {
            let inserted = Inserted::new(b"new".to_vec(), at, 300_001);
            let length = inserted.length();
            let (all, ended) = generate(Source::Inserted(content.clone(), inserted), None);
            let (before, after) = content.split_at(at as usize);
            assert_eq!((&all, ended), (&[before, b"new", after].concat(), Ok(())), "{at}");
            assert_eq!(u64::try_from(all.len()), Ok(length));
        }
    }

    #[test]
    fn several_parts_have_the_announced_length() {
        let multipart = Multipart::new(&[span(0, 3), span(9, 200_000)], 300_001, &MediaType::PLAIN, "");
        let length = multipart.length();
        let (all, ended) = generate(Source::Parts(content(), multipart), None);
        assert_eq!((u64::try_from(all.len()), ended), (Ok(length), Ok(())));
    }

    #[test]
    fn a_file_that_became_shorter_is_truncated() {
        for coding in [None, Some(Coding::Gzip), Some(Coding::Brotli)] {
            let (_, ended) = generate(Source::Part(content(), span(0, 300_002)), coding);
            assert_eq!(ended, Err(Truncated), "{coding:?}");
        }
    }
}
