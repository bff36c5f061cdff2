//! The generated files that every server serves.

use crate::works::Work;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

pub const SMALL: &str = "/1k.bin";
pub const SMALL_LENGTH: u64 = 1 << 10;
pub const MEDIUM: &str = "/16k.bin";
pub const MEDIUM_LENGTH: u64 = 16 << 10;
pub const MIDDLE: &str = "/100k.bin";
pub const LARGE: &str = "/512m.bin";
pub const LARGE_LENGTH: u64 = 512 << 20;
pub const HUGE: &str = "/1g.bin";
pub const LISTING: &str = "/list/";

/// The number of files in the listed directory.
pub const ENTRIES: usize = 1000;

/// The number of small files for random requests.
pub const FILES: usize = 20_000;

/// The text files: their number, their length in bytes, and the number of them in one folder. A folder has 512 MiB.
pub const TEXTS: usize = 16_384;
pub const TEXT_LENGTH: usize = 64 << 10;
pub const TEXTS_PER_FOLDER: usize = 8192;
pub const TEXT_FOLDER: &str = "/text/0/";
pub const TEXT: &str = "/text/0/0000.txt";

/// The name of a file in the listed directory.
pub fn entry(number: usize) -> String {
    format!("entry-{number:04}.txt")
}

/// The path of a small file; `requests.lua` forms the same.
pub fn small_file(number: usize) -> String {
    format!("/many/{number:05}.bin")
}

/// The path of a text file; `requests.lua` forms the same.
pub fn text_file(number: usize) -> String {
    format!("/text/{}/{:04}.txt", number / TEXTS_PER_FOLDER, number % TEXTS_PER_FOLDER)
}

/// Writes the files that the works need, in memory and on the disk, so that the kernel writes nothing back during a
/// measurement.
///
/// # Errors
/// If the disk is full.
pub fn write(tree: &Path, works: &[Work]) -> io::Result<()> {
    let at = |path: &str| tree.join(path.trim_matches('/'));
    let any = |wanted: &[Work]| works.iter().any(|work| wanted.contains(work));
    let mut sizes = vec![(SMALL, 1 << 10), (MEDIUM, 16 << 10), (MIDDLE, 100 << 10)];
    sizes.extend(any(&[Work::Large, Work::TlsLarge]).then_some((LARGE, 512 << 20)));
    sizes.extend(any(&[Work::Range, Work::Slow]).then_some((HUGE, 1 << 30)));
    fs::create_dir(tree)?;
    let block = random_block();
    for (path, size) in sizes {
        write_file(&at(path), size, &block)?;
    }
    fs::create_dir(at(LISTING))?;
    for number in 0..ENTRIES {
        fs::write(at(LISTING).join(entry(number)), "an entry\n")?;
    }
    if any(&[Work::Uniform, Work::Skewed]) {
        fs::create_dir(at("/many"))?;
        for number in 0..FILES {
            write_file(&at(&small_file(number)), 1 << 10, &block)?;
        }
    }
    if any(&[Work::FirstGzip, Work::RepeatedGzip, Work::Tar, Work::Zip, Work::TarGz]) {
        write_texts(&at)?;
    }
    rustix::fs::syncfs(File::open(tree)?)?;
    Ok(())
}

/// Lehmer's generator.
fn random_numbers() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1), |state: &u64| Some(state * 48_271 % 0x7fff_ffff))
}

/// A MiB that a file system cannot compress.
fn random_block() -> Vec<u8> {
    random_numbers().flat_map(u64::to_le_bytes).take(1 << 20).collect()
}

fn write_file(path: &Path, size: usize, block: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut left = size;
    while left > 0 {
        let piece = block.get(..left).unwrap_or(block);
        file.write_all(piece)?;
        left -= piece.len();
    }
    Ok(())
}

/// Writes the text files. All differ, and deflate makes each about a third as long.
fn write_texts(at: &impl Fn(&str) -> std::path::PathBuf) -> io::Result<()> {
    for folder in 0..TEXTS / TEXTS_PER_FOLDER {
        fs::create_dir_all(at(&format!("/text/{folder}")))?;
    }
    let text = text_block(4 << 20);
    let range = text.len() - TEXT_LENGTH;
    for number in 0..TEXTS {
        let start = number * 251 % range;
        let title = format!("Text {number}\n");
        let rest = text.get(start..start + TEXT_LENGTH - title.len()).unwrap_or_default();
        fs::write(at(&text_file(number)), [title.as_bytes(), rest].concat())?;
    }
    Ok(())
}

/// Words of 2 to 9 letters, few of them often and most of them rarely, in lines.
fn text_block(length: usize) -> Vec<u8> {
    let mut numbers = random_numbers().map(|number| usize::try_from(number >> 4).unwrap_or(0));
    let mut next = move |limit: usize| numbers.next().unwrap_or(0) % limit;
    let mut words = Vec::new();
    for _ in 0..4096 {
        let letters = 2 + next(8);
        let word: Vec<u8> = (0..letters).filter_map(|_| b"etaoinshrdlucmfwypvbgk".get(next(22)).copied()).collect();
        words.push(word);
    }
    let mut text = Vec::with_capacity(length + 16);
    while text.len() < length {
        let (first, second) = (next(words.len()), next(words.len()));
        text.extend_from_slice(words.get(first * second / words.len()).map_or(&[][..], Vec::as_slice));
        text.push(if next(12) == 0 { b'\n' } else { b' ' });
    }
    text.truncate(length);
    text
}
