//! The rows of a listing: the entries of a directory, or the results of a search below it, in the requested order.
//!
//! The tree reads the metadata of each entry once: before the response for a short listing, and while the response is
//! sent for a long one.

pub mod html;
pub mod json;
pub mod natural;
pub mod query;
pub mod search;
pub mod stream;
pub mod text;
pub mod writer;

mod order;
mod pictures;

use crate::archive::format::ArchiveFormat;
use crate::config::Config;
use crate::http::request::Request;
use crate::http::target::{Name, Target, write_encoded};
use crate::listing::query::{Layout, Order, Query, Sort};
use crate::listing::search::Stopped;
use crate::output_format::OutputFormat;
use crate::tree::dotfiles::{DirVisibility, Dotfiles, Visibility};
use crate::tree::public::SITE_FILE;
use crate::tree::{DirEntry, EntryKind, OpenError, OpenedNode, Tree, TreeError, UnreadEntries, join, optional};
use std::fmt;
use std::ops::Range;

/// The most rows of a short listing, which is generated before the response and has a length and a tag.
pub const SHORT_LISTING: usize = 2_000;

/// Entries beyond the rows that are read before the response. Further entries are counted while the listing is sent:
/// a directory with a million entries takes longer than a client should wait for a status.
const READ_AHEAD: usize = 100_000;

/// The longest README.md that a page shows, in bytes.
const README_MAX: u64 = 256 << 10;

/// A directory and the entries to show.
#[derive(Debug)]
pub struct Listing {
    /// The directory, as the client requested it.
    pub target: Target,
    /// The query of the request.
    pub query: Query,
    /// The format of the response.
    pub format: OutputFormat,
    /// The entries to show.
    pub rows: Vec<ListingRow>,
    /// The number of further entries, as far as they are read.
    pub omitted: u64,
    /// The rest of the directory.
    unread: Option<Box<dyn UnreadEntries>>,
    dotfiles: Dotfiles,
    /// Why a search is incomplete; `None` if it is complete.
    pub stopped: Option<Stopped>,
    /// The README.md below the entries.
    pub readme: Option<Readme>,
    /// The archive formats that the page offers.
    pub archives: Vec<ArchiveFormat>,
    /// For each served directory above the tree, the number of names of the prefix that lead to it.
    pub above: Vec<usize>,
    shows_readme: bool,
    /// Whether the page has the script of `live`.
    pub live: bool,
    /// The layout without a choice of the visitor.
    usual_layout: Layout,
}

/// One entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingRow {
    /// The directories between the listed one and the entry, each with a slash at its end. Empty without a search.
    pub above: String,
    /// The entry.
    pub entry: DirEntry,
}

impl ListingRow {
    /// Whether the entry can be listed itself.
    pub fn is_directory(&self) -> bool {
        self.entry.is_directory()
    }
}

/// A relative reference to an entry (PY-38). It is percent-encoded, so HTML and JSON need no further escaping.
#[derive(Clone, Copy, Debug)]
pub struct Href<'a>(pub &'a ListingRow);

impl Href<'_> {
    /// Writes the reference.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(self, to: &mut dyn fmt::Write) -> fmt::Result {
        for name in self.0.above.split_terminator('/') {
            write_encoded(name, to)?;
            to.write_char('/')?;
        }
        write_encoded(self.0.entry.name.as_str(), to)?;
        if self.0.is_directory() { to.write_char('/') } else { Ok(()) }
    }
}

impl fmt::Display for Href<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// The README.md of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readme {
    /// Its name, which may differ in case.
    pub name: Name,
    /// Its text, or `None` if it is too long to show.
    pub text: Option<String>,
}

/// Whether a listing shows an entry with this name, if [`retain_shown`] keeps it.
pub fn is_shown(directory: &DirVisibility, name: &Name) -> bool {
    let is_site_file = directory.path.is_empty() && name.as_str() == SITE_FILE;
    !is_site_file && directory.of(name) != Visibility::Hidden
}

/// Removes entries that are shown only as directories and are not directories.
///
/// # Errors
/// [`TreeError`] if the target of a link is unknown.
pub async fn retain_shown<T: Tree>(
    tree: &T,
    directory: &DirVisibility<'_>,
    entries: &mut Vec<DirEntry>,
) -> Result<(), TreeError> {
    if directory.ignores_kinds() {
        return Ok(());
    }
    let is_parent = |entry: &DirEntry| directory.of(&entry.name) == Visibility::Parent;
    let links = entries.iter_mut().filter(|entry| entry.kind == EntryKind::Link && is_parent(entry));
    tree.stat_entries(directory.path, links).await?;
    entries.retain(|entry| directory.of(&entry.name).shows(entry.is_directory()));
    Ok(())
}

impl Listing {
    /// Reads a directory, or searches it and what is below. The rows are not sorted and have no metadata yet.
    ///
    /// # Errors
    /// [`OpenError`] if the directory cannot be read.
    pub async fn read<T: Tree>(
        request: &Request<'_>,
        target: &Target,
        tree: &T,
        config: &Config,
    ) -> Result<Listing, OpenError> {
        let query = Query::parse(target.query());
        let format = query.format.unwrap_or_else(|| OutputFormat::preferred(request));
        let path = target.path();
        let mut unread = None;
        let hits = match &query.search {
            Some(term) => search::search(tree, &path, term, &config.hidden).await?,
            None => {
                let directory = config.hidden.within(&path);
                let is_wanted = |name: &Name| is_shown(&directory, name);
                let (mut listed, rest) = tree.list_first(&path, is_wanted, config.listing_max, READ_AHEAD).await?;
                retain_shown(tree, &directory, &mut listed.entries).await?;
                unread = rest;
                let row = |entry| ListingRow { above: String::new(), entry };
                let rows = listed.entries.into_iter().map(row).collect();
                search::Hits { rows, omitted: listed.omitted, stopped: None }
            }
        };
        let shows_readme = config.readme && format == OutputFormat::Html && query.search.is_none();
        let archives = if query.search.is_none() { config.archives.clone() } else { Vec::new() };
        let search::Hits { rows, omitted, stopped } = hits;
        // Programs that read pages line by line, or follow each link, accept anything. They get what they always got.
        let is_browser = format == OutputFormat::Html && OutputFormat::Html.is_named_by(request);
        let is_gallery = config.grid && is_browser && query.search.is_none();
        let is_grid = is_gallery && pictures::are_mostly_pictures(&rows);
        Ok(Listing {
            target: target.clone(),
            query,
            format,
            rows,
            omitted,
            unread,
            dotfiles: config.hidden.clone(),
            stopped,
            readme: None,
            archives,
            above: config.above.clone(),
            shows_readme,
            live: config.live && is_browser,
            usual_layout: if is_grid { Layout::Grid } else { Layout::List },
        })
    }

    /// The layout of the page.
    pub fn layout(&self) -> Layout {
        self.query.layout.unwrap_or(self.usual_layout)
    }

    /// Whether the whole listing is generated before the response.
    pub fn is_short(&self) -> bool {
        self.rows.len() <= SHORT_LISTING && self.unread.is_none()
    }

    /// Whether reading metadata and sorting take long.
    pub fn takes_long(&self) -> bool {
        let most = if self.query.sort == Sort::Name { 100_000 } else { 50_000 };
        self.rows.len() > most
    }

    /// Reads up to `most` more entries and adds them to [`Listing::omitted`]. Returns `false` after the last entry.
    ///
    /// # Errors
    /// [`TreeError`] if the rest of the directory cannot be read.
    pub fn count(&mut self, most: usize) -> Result<bool, TreeError> {
        let path = self.target.path();
        let directory = self.dotfiles.within(&path);
        let Some(unread) = &mut self.unread else { return Ok(false) };
        match unread.count(most, &|name| is_shown(&directory, name))? {
            Some(count) => self.omitted = self.omitted.saturating_add(count),
            None => self.unread = None,
        }
        Ok(self.unread.is_some())
    }

    /// Reads the metadata of those rows in a range that cannot be sorted without it.
    ///
    /// # Errors
    /// [`TreeError`] if the metadata of a row cannot be read.
    pub async fn stat_for_sort<T: Tree>(&mut self, tree: &T, range: Range<usize>) -> Result<(), TreeError> {
        let sort = self.query.sort;
        self.stat(tree, range, |row| needs_stat(sort, row)).await
    }

    /// Sorts the rows, after [`Listing::stat_for_sort`] for all of them.
    pub fn sort(&mut self) {
        let (sort, is_reversed) = (self.query.sort, self.query.order == Order::Descending);
        order::sort(&mut self.rows, sort, is_reversed);
    }

    /// Reads the metadata of the other rows in a range.
    ///
    /// # Errors
    /// As [`Listing::stat_for_sort`].
    pub async fn stat_rest<T: Tree>(&mut self, tree: &T, range: Range<usize>) -> Result<(), TreeError> {
        let sort = self.query.sort;
        self.stat(tree, range, |row| !needs_stat(sort, row)).await
    }

    async fn stat<T: Tree>(
        &mut self,
        tree: &T,
        range: Range<usize>,
        is_wanted: impl Fn(&ListingRow) -> bool,
    ) -> Result<(), TreeError> {
        // A search has read the metadata of its results.
        if self.query.search.is_some() {
            return Ok(());
        }
        let rows = self.rows.get_mut(range).unwrap_or_default();
        let wanted = rows.iter_mut().filter(|row| is_wanted(row)).map(|row| &mut row.entry);
        tree.stat_entries(&self.target.path(), wanted).await
    }

    /// Reads the README.md of the directory, if there is one and the page shows it.
    ///
    /// # Errors
    /// As [`Listing::stat_for_sort`].
    pub async fn read_readme<T: Tree>(&mut self, tree: &T) -> Result<(), TreeError> {
        let is_readme =
            |row: &&ListingRow| !row.is_directory() && row.entry.name.as_str().eq_ignore_ascii_case("readme.md");
        let row = self.rows.iter().filter(|_| self.shows_readme).filter(is_readme).min_by_key(|row| &row.entry.name);
        let Some(name) = row.map(|row| row.entry.name.clone()) else { return Ok(()) };
        let path = join(&self.target.path(), &name);
        let Some(OpenedNode::File(file, metadata)) = optional(tree.open(&path).await)? else { return Ok(()) };
        let text = match metadata.size <= README_MAX {
            true => optional(tree.read(&file, 0, README_MAX).await)?,
            false => None,
        };
        self.readme = Some(Readme { name, text: text.map(|text| String::from_utf8_lossy(&text).into_owned()) });
        Ok(())
    }
}

/// Whether a row cannot be sorted without its metadata. The directory does not say what a link leads to.
fn needs_stat(sort: Sort, row: &ListingRow) -> bool {
    sort != Sort::Name || matches!(row.entry.kind, EntryKind::Link | EntryKind::LinkToDirectory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at_once;
    use crate::http::date::HttpTime;
    use crate::tree::memory::{MemoryNode, MemoryTree};

    fn tree() -> MemoryTree {
        let mut tree = MemoryTree::default();
        for (path, size, seconds) in
            [("b2", 5, 30), ("B10", 7, 20), ("a", 5, 10), ("sub/x", 1, 5), ("sub2/x", 1, 5), ("sub10/x", 1, 5)]
        {
            tree.insert(path, MemoryNode::File(vec![b'x'; size], HttpTime::new(seconds, 0)));
        }
        tree.insert("dir", MemoryNode::Link("sub".into()));
        tree.insert("broken", MemoryNode::Link("nowhere".into()));
        tree
    }

    #[track_caller]
    fn check(query: &str, expected: &[&str]) {
        let tree = tree();
        let request = Request::read("GET", Some(query), |_| Vec::new());
        let Ok(target) = &request.target else { panic!("{query} is a target") };
        let names = at_once(async {
            let mut listing = Listing::read(&request, target, &tree, &Config::default()).await?;
            let all = 0..listing.rows.len();
            listing.stat_for_sort(&tree, all).await?;
            listing.sort();
            Ok::<_, OpenError>(listing.rows.iter().map(|row| row.entry.name.as_str().to_owned()).collect::<Vec<_>>())
        });
        assert_eq!(names, Some(Ok(expected.iter().map(|name| (*name).to_owned()).collect())), "{query}");
    }

    #[test]
    fn directories_first_and_numbers_by_value() {
        check("/", &["dir", "sub", "sub2", "sub10", "a", "b2", "B10", "broken"]);
        check("/?sort=name&order=desc", &["sub10", "sub2", "sub", "dir", "broken", "B10", "b2", "a"]);
    }

    #[test]
    fn equals_are_sorted_by_name() {
        check("/?sort=size", &["dir", "sub", "sub2", "sub10", "broken", "a", "b2", "B10"]);
        check("/?sort=size&order=desc", &["dir", "sub", "sub2", "sub10", "B10", "a", "b2", "broken"]);
        check("/?sort=modified&order=desc", &["dir", "sub", "sub2", "sub10", "b2", "B10", "a", "broken"]);
    }
}
