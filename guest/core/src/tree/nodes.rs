//! Walks a tree whose nodes are in memory: paths, links and listings, by the rules of a file system.

use crate::http::date::HttpTime;
use crate::http::target::Name;
use crate::number::to_u64;
use crate::tree::{DirEntries, DirEntry, EntryKind, ListLimits, OpenError, TreeError, UnreadEntries, join};
use std::vec;

/// The most symbolic links in one path, as in Linux (path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// A tree whose nodes are in memory.
pub(crate) trait Nodes {
    type Directory: Copy;
    type File: Copy;

    fn root(&self) -> Self::Directory;

    /// The entry of a directory with a name.
    ///
    /// # Errors
    /// There is no such entry, or it can never be opened.
    fn entry(&self, directory: Self::Directory, name: &str) -> Result<Node<'_, Self>, OpenError>;

    /// The names and kinds of at most `most` entries, in the order of the names.
    fn entries(&self, directory: Self::Directory, most: usize) -> impl Iterator<Item = Result<DirEntry, OpenError>>;

    /// The size and the modification time that a listing shows.
    fn size_and_time(&self, found: Found<Self>) -> (Option<u64>, Option<HttpTime>);
}

/// An entry of a directory.
pub(crate) enum Node<'a, N: Nodes + ?Sized> {
    File(N::File),
    Directory(N::Directory),
    /// A symbolic link: the path that it contains.
    Link(&'a str),
}

/// The end of a path, behind all links.
pub(crate) enum Found<N: Nodes + ?Sized> {
    File(N::File),
    Directory(N::Directory),
}

/// Follows a path and the links in it. A link out of the tree is absent.
pub(crate) fn follow<N: Nodes>(nodes: &N, path: &str) -> Result<Found<N>, OpenError> {
    let mut here = nodes.root();
    let mut above: Vec<N::Directory> = Vec::new();
    let mut rest: Vec<&str> = path.split('/').rev().collect();
    let mut links = 0;
    let mut file = None;
    while let Some(segment) = rest.pop() {
        match segment {
            "" | "." => continue,
            _ if file.is_some() => return Err(OpenError::Absent),
            ".." => here = above.pop().ok_or(OpenError::Absent)?,
            name => match nodes.entry(here, name)? {
                Node::File(found) => file = Some(found),
                Node::Directory(directory) => above.push(std::mem::replace(&mut here, directory)),
                Node::Link(to) if to.starts_with('/') || links == MAX_LINKS => return Err(OpenError::Absent),
                Node::Link(to) => {
                    links = links.saturating_add(1);
                    rest.extend(to.split('/').rev());
                }
            },
        }
    }
    Ok(file.map_or(Found::Directory(here), Found::File))
}

fn directory<N: Nodes>(nodes: &N, path: &str) -> Result<N::Directory, OpenError> {
    match follow(nodes, path)? {
        Found::Directory(directory) => Ok(directory),
        Found::File(_) => Err(OpenError::Absent),
    }
}

/// As [`crate::tree::Tree::list`].
pub(crate) fn list<N: Nodes>(
    nodes: &N,
    path: &str,
    wanted: impl Fn(&Name) -> bool,
    limits: ListLimits,
) -> Result<DirEntries, OpenError> {
    let mut listed = DirEntries::default();
    for entry in nodes.entries(directory(nodes, path)?, limits.read) {
        let entry = entry?;
        if wanted(&entry.name) {
            listed.push(entry, limits);
        }
    }
    Ok(listed)
}

/// As [`crate::tree::Tree::list_first`].
pub(crate) fn list_first<N: Nodes>(
    nodes: &N,
    path: &str,
    wanted: impl Fn(&Name) -> bool,
    kept: usize,
    ahead: usize,
) -> Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError> {
    let mut listed = list(nodes, path, &wanted, ListLimits::keep(usize::MAX))?;
    let first = kept.saturating_add(ahead);
    let rest: Vec<Name> = listed.entries.drain(first.min(listed.entries.len())..).map(|entry| entry.name).collect();
    listed.omitted = to_u64(listed.entries.len().saturating_sub(kept));
    listed.entries.truncate(kept);
    let unread: Option<Box<dyn UnreadEntries>> =
        if rest.is_empty() { None } else { Some(Box::new(UnreadNames(rest.into_iter()))) };
    Ok((listed, unread))
}

/// As [`crate::tree::Tree::stat_entries`].
pub(crate) fn stat_entries<'a, N: Nodes>(
    nodes: &N,
    path: &str,
    entries: impl Iterator<Item = &'a mut DirEntry>,
) -> Result<(), TreeError> {
    for entry in entries {
        match follow(nodes, &join(path, &entry.name)) {
            Ok(found) => {
                if entry.kind == EntryKind::Link && matches!(found, Found::Directory(_)) {
                    entry.kind = EntryKind::LinkToDirectory;
                }
                (entry.size, entry.modified) = nodes.size_and_time(found);
            }
            Err(OpenError::Absent) => {}
            Err(OpenError::Fault) => return Err(TreeError),
        }
    }
    Ok(())
}

/// The unread names of a directory.
#[derive(Debug)]
struct UnreadNames(vec::IntoIter<Name>);

impl UnreadEntries for UnreadNames {
    fn count(&mut self, most: usize, wanted: &dyn Fn(&Name) -> bool) -> Result<Option<u64>, TreeError> {
        let read: Vec<Name> = self.0.by_ref().take(most).collect();
        let count = read.iter().filter(|name| wanted(name)).count();
        Ok(Some(to_u64(count)).filter(|_| !read.is_empty()))
    }
}
