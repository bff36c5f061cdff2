//! Whether a directory has pictures, and whether it has mostly pictures.
//!
//! The response begins before the metadata of a long directory are read, so only names and kinds count. A link counts
//! as a file until it is known to lead to a directory.

use crate::listing::{ListingRow, SHORT_LISTING};
use crate::page::file_category::{FileCategories, FileCategory};

/// The fewest pictures that make a directory one of pictures: a few figures beside a text do not.
const FEWEST: usize = 3;

/// Whether there is a picture, among the first rows of a long directory.
pub(super) fn has_pictures(rows: &[ListingRow]) -> bool {
    categories(rows).any(|category| category == FileCategory::Image)
}

/// Whether more than half of the files, and at least three, are pictures, among the first rows of a long directory.
pub(super) fn are_mostly_pictures(rows: &[ListingRow]) -> bool {
    let (mut pictures, mut others) = (0_usize, 0_usize);
    for category in categories(rows) {
        match category {
            FileCategory::Folder => {}
            FileCategory::Image => pictures = pictures.saturating_add(1),
            _ => others = others.saturating_add(1),
        }
    }
    pictures >= FEWEST && pictures > others
}

/// The categories of as many rows as a short listing has, so that a long one begins soon.
fn categories(rows: &[ListingRow]) -> impl Iterator<Item = FileCategory> {
    let mut known = FileCategories::default();
    rows.iter().take(SHORT_LISTING).map(move |row| known.of(row.entry.name.as_str(), row.is_directory()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::target::Name;
    use crate::tree::{DirEntry, EntryKind};

    #[test]
    fn a_folder_of_pictures_has_more_pictures_than_other_files() {
        for (names, has_one, are_most) in [
            (&[][..], false, false),
            (&["a.png", "b.png"], true, false),
            (&["a.png", "b.JPG", "c.svg"], true, true),
            (&["a.png", "b.png", "c.png", "d/", "e/", "f/", "g.png/"], true, true),
            (&["a.png", "b.png", "c.png", "d", "e.txt"], true, true),
            (&["a.png", "b.png", "c.png", "d", "e.txt", "f.mp4"], true, false),
            (&["a.txt", "b.png/"], false, false),
        ] {
            let row = |name: &&str| {
                let kind = if name.ends_with('/') { EntryKind::Directory } else { EntryKind::File };
                let name = Name::new(name.trim_end_matches('/')).expect("a name");
                ListingRow { above: String::new(), entry: DirEntry::new(name, kind) }
            };
            let rows: Vec<ListingRow> = names.iter().map(row).collect();
            assert_eq!((has_pictures(&rows), are_mostly_pictures(&rows)), (has_one, are_most), "{names:?}");
        }
    }
}
