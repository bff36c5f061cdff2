//! What a listing shows: the entries of a directory, or those below it that a search finds, in the order that is asked
//! for. It refuses to know how they are written down.
//!
//! Entries are looked at once each. Those of a short listing are when it is made; those of a long one a few at a time,
//! while it is sent.

pub mod html;
pub mod json;
pub mod natural;
pub mod query;
pub mod search;
pub mod stream;
pub mod text;

mod order;

use crate::archive::format::ArchiveFormat;
use crate::config::Config;
use crate::http::request::Request;
use crate::http::target::{Name, Target, write_encoded};
use crate::listing::query::{Order, Query, Sort};
use crate::listing::search::Stopped;
use crate::output_format::OutputFormat;
use crate::tree::dotfiles::{Dotfiles, Visibility, Within};
use crate::tree::public::SITE_FILE;
use crate::tree::{DirEntry, EntryKind, Node, OpenError, Tree, TreeError, Unread, found, join};
use std::fmt;
use std::ops::Range;

/// Entries up to which a listing is made at once, with a length and a tag. More are sent while they are looked at.
pub const AT_ONCE: usize = 2_000;

/// Entries beyond those that are shown that are read before there is an answer. If there are more, they are counted while
/// the listing is sent: a directory of a million costs more than a head may.
const AHEAD: usize = 100_000;

/// The longest README.md that is shown, in bytes.
const LONGEST_README: u64 = 256 << 10;

/// A directory as it is shown.
#[derive(Debug)]
pub struct Listing {
    /// The directory, as the client named it.
    pub target: Target,
    pub view: Query,
    pub form: OutputFormat,
    pub rows: Vec<Row>,
    /// How many more entries there are, as far as they are read.
    pub omitted: u64,
    /// What is left of the directory.
    unread: Option<Box<dyn Unread>>,
    dotfiles: Dotfiles,
    /// Why a search did not look at all there is.
    pub stopped: Option<Stopped>,
    pub readme: Option<Readme>,
    /// The archives that can be had of it.
    pub archives: Vec<ArchiveFormat>,
    /// How many names of the prefix lead to each directory above the tree that is served as well.
    pub above: Vec<usize>,
    shows_readme: bool,
}

/// An entry that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The directories between the one that is shown and the entry, each with a slash behind it: none but in a search.
    pub above: String,
    pub entry: DirEntry,
}

impl Row {
    /// Whether it can be listed itself.
    pub fn is_directory(&self) -> bool {
        self.entry.is_directory()
    }
}

/// A relative reference to an entry (S38). Percent-encoded, it holds nothing that HTML or JSON would read.
#[derive(Clone, Copy, Debug)]
pub struct Href<'a>(pub &'a Row);

impl Href<'_> {
    /// Writes it down.
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

/// A file that says what is in its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readme {
    pub name: Name,
    /// Its text; `None` where it is too long to be shown.
    pub text: Option<String>,
}

/// Whether a directory shows that it has an entry of this name, if that is what [`retain_shown`] keeps.
pub fn is_shown(within: &Within, name: &Name) -> bool {
    let is_site = within.directory.is_empty() && name.as_str() == SITE_FILE;
    !is_site && within.look(name) != Visibility::Hidden
}

/// Leaves out the entries of which only directories are shown, and that are none.
///
/// # Errors
/// [`TreeError`], where the machine fails to tell what a link leads to.
pub async fn retain_shown<T: Tree>(
    tree: &T,
    within: &Within<'_>,
    entries: &mut Vec<DirEntry>,
) -> Result<(), TreeError> {
    if within.is_plain() {
        return Ok(());
    }
    let is_parent = |entry: &DirEntry| within.look(&entry.name) == Visibility::Parent;
    let links = entries.iter_mut().filter(|entry| entry.kind == EntryKind::Link && is_parent(entry));
    tree.describe(within.directory, links).await?;
    entries.retain(|entry| within.look(&entry.name).shows(entry.is_directory()));
    Ok(())
}

impl Listing {
    /// Reads a directory, or searches it and what is below. Nothing is sorted and looked at yet.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub async fn read<T: Tree>(
        request: &Request<'_>,
        target: &Target,
        tree: &T,
        config: &Config,
    ) -> Result<Listing, OpenError> {
        let view = Query::parse(target.query());
        let form = view.form.unwrap_or_else(|| OutputFormat::preferred(request));
        let path = target.path();
        let mut unread = None;
        let found = match &view.search {
            Some(term) => search::search(tree, &path, term, &config.hidden).await?,
            None => {
                let within = config.hidden.within(&path);
                let is_wanted = |name: &Name| is_shown(&within, name);
                let (mut listed, rest) = tree.list_first(&path, is_wanted, config.listing_max, AHEAD).await?;
                retain_shown(tree, &within, &mut listed.entries).await?;
                unread = rest;
                let row = |entry| Row { above: String::new(), entry };
                let rows = listed.entries.into_iter().map(row).collect();
                search::Hits { rows, omitted: listed.omitted, stopped: None }
            }
        };
        let shows_readme = config.readme && form == OutputFormat::Page && view.search.is_none();
        let archives = if view.search.is_none() { config.archives.clone() } else { Vec::new() };
        let search::Hits { rows, omitted, stopped } = found;
        Ok(Listing {
            target: target.clone(),
            view,
            form,
            rows,
            omitted,
            unread,
            dotfiles: config.hidden.clone(),
            stopped,
            readme: None,
            archives,
            above: config.above.clone(),
            shows_readme,
        })
    }

    /// Whether it is made at once.
    pub fn is_short(&self) -> bool {
        self.rows.len() <= AT_ONCE && self.unread.is_none()
    }

    /// Whether it takes long to look at the rows and to sort them.
    pub fn takes_long(&self) -> bool {
        let most = if self.view.sort == Sort::Name { 100_000 } else { 50_000 };
        self.rows.len() > most
    }

    /// Reads up to `most` more entries, to know how many there are; `false` behind the last.
    ///
    /// # Errors
    /// [`TreeError`], where nobody knows.
    pub fn count(&mut self, most: usize) -> Result<bool, TreeError> {
        let path = self.target.path();
        let within = self.dotfiles.within(&path);
        let Some(unread) = &mut self.unread else { return Ok(false) };
        match unread.count(most, &|name| is_shown(&within, name))? {
            Some(count) => self.omitted = self.omitted.saturating_add(count),
            None => self.unread = None,
        }
        Ok(self.unread.is_some())
    }

    /// Looks at the rows in a range whose facts decide where they belong.
    ///
    /// # Errors
    /// [`TreeError`], where the machine fails to tell of one of them.
    pub async fn look_to_sort<T: Tree>(&mut self, tree: &T, range: Range<usize>) -> Result<(), TreeError> {
        let sort = self.view.sort;
        self.look(tree, range, |row| decides(sort, row)).await
    }

    /// Puts the rows, which were looked at as far as that decides it, into their order.
    pub fn sort(&mut self) {
        let (sort, is_reversed) = (self.view.sort, self.view.order == Order::Descending);
        order::sort(&mut self.rows, sort, is_reversed);
    }

    /// Looks at the rows in a range that were not looked at to sort them.
    ///
    /// # Errors
    /// As [`Listing::look_to_sort`].
    pub async fn look_at<T: Tree>(&mut self, tree: &T, range: Range<usize>) -> Result<(), TreeError> {
        let sort = self.view.sort;
        self.look(tree, range, |row| !decides(sort, row)).await
    }

    async fn look<T: Tree>(
        &mut self,
        tree: &T,
        range: Range<usize>,
        is_due: impl Fn(&Row) -> bool,
    ) -> Result<(), TreeError> {
        // A search has looked at what it found.
        if self.view.search.is_some() {
            return Ok(());
        }
        let rows = self.rows.get_mut(range).unwrap_or_default();
        let due = rows.iter_mut().filter(|row| is_due(row)).map(|row| &mut row.entry);
        tree.describe(&self.target.path(), due).await
    }

    /// Reads the README.md of the directory, if there is one and it is to be shown.
    ///
    /// # Errors
    /// As [`Listing::look_to_sort`].
    pub async fn read_readme<T: Tree>(&mut self, tree: &T) -> Result<(), TreeError> {
        let is_readme = |row: &&Row| !row.is_directory() && row.entry.name.as_str().eq_ignore_ascii_case("readme.md");
        let row = self.rows.iter().filter(|_| self.shows_readme).filter(is_readme).min_by_key(|row| &row.entry.name);
        let Some(name) = row.map(|row| row.entry.name.clone()) else { return Ok(()) };
        let path = join(&self.target.path(), &name);
        let Some(Node::File(file, facts)) = found(tree.open(&path).await)? else { return Ok(()) };
        let text = match facts.size <= LONGEST_README {
            true => found(tree.read(&file, 0, LONGEST_README).await)?,
            false => None,
        };
        self.readme = Some(Readme { name, text: text.map(|text| String::from_utf8_lossy(&text).into_owned()) });
        Ok(())
    }
}

/// Whether a row cannot be put into its place before it was looked at. Of a link not even the kind is known.
fn decides(sort: Sort, row: &Row) -> bool {
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
            listing.look_to_sort(&tree, all).await?;
            listing.sort();
            Ok::<_, OpenError>(listing.rows.iter().map(|row| row.entry.name.as_str().to_owned()).collect::<Vec<_>>())
        });
        assert_eq!(names, Some(Ok(expected.iter().map(|name| (*name).to_owned()).collect())), "{query}");
    }

    #[test]
    fn s36_directories_first_and_numbers_by_value() {
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
