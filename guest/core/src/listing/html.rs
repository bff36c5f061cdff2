//! The page of a directory, in the three pieces that a long one is sent in: what is before the entries, entries, and what
//! is behind them. It refuses to know how entries were found and sorted.

use crate::archive::format::ArchiveFormat;
use crate::http::date::Rfc3339;
use crate::listing::query::{Layout, Order, Query, Sort};
use crate::listing::search::Stopped;
use crate::listing::{AT_ONCE, Href, Listing, Row};
use crate::page::file_category::{FileCategories, FileCategory};
use crate::page::size::Size;
use crate::page::{BASE, LISTING, SCRIPT, markdown};
use crate::tree::EntryKind;
use crate::visible::visible;
use askama::filters::HtmlSafe;
use askama::{FastWritable, Template, Values};
use std::borrow::Cow;
use std::fmt;

#[derive(Template)]
#[template(path = "begin.html")]
struct Begin<'a> {
    title: String,
    style: &'static str,
    purpose: &'static str,
    path: String,
    crumbs: Vec<Crumb<'a>>,
    is_search: bool,
    /// What is searched for, to be searched for again, and as it is shown.
    term: &'a str,
    shown_term: Cow<'a, str>,
    /// What the query says beside what is searched for.
    kept: Vec<(&'static str, &'a str)>,
    columns: [Column; 3],
    all: String,
    list: Query,
    grid: Query,
    is_grid: bool,
    /// Whether there are so many rows that a browser should lay out those alone that are seen.
    is_long: bool,
    has_images: bool,
    archives: &'a [ArchiveFormat],
}

/// A directory on the way from the top to the one that is shown.
struct Crumb<'a> {
    name: Cow<'a, str>,
    /// `None` for the one that is shown, and for those above the tree.
    link: Option<String>,
    is_top: bool,
    is_here: bool,
}

/// The head of a column, which sorts by it.
struct Column {
    name: &'static str,
    view: Query,
    /// The word for the order, in the column that is sorted by.
    order: Option<&'static str>,
    /// Whether its entries are times: those of the reader where a script can tell, or else of UTC.
    is_time: bool,
}

/// What is before the entries.
pub fn begin(listing: &Listing) -> String {
    let view = &listing.view;
    let usual_form = Query { form: None, ..view.clone() };
    let purpose = if view.search.is_some() { "Search below" } else { "Directory listing for" };
    let path = visible(&listing.target.title()).into_owned();
    let term = view.search.as_deref().unwrap_or_default();
    let shown_term = visible(term);
    let title = match &view.search {
        Some(_) => format!("Search for {shown_term} below {path}"),
        None => format!("Directory listing for {path}"),
    };
    let mut genres = FileCategories::default();
    let page = Begin {
        title,
        style: LISTING,
        purpose,
        path,
        crumbs: crumbs(listing),
        is_search: view.search.is_some(),
        term,
        shown_term,
        kept: view.pairs().filter(|(key, _)| *key != "search").collect(),
        columns: Sort::ALL.map(|sort| column(sort, &usual_form)),
        all: view.of_all().link(),
        list: view.laid_out(Layout::List),
        grid: view.laid_out(Layout::Grid),
        is_grid: view.layout == Layout::Grid,
        is_long: !listing.is_short(),
        has_images: listing.rows.iter().take(AT_ONCE).any(|row| genres.of(row.entry.name.as_str(), row.is_directory()) == FileCategory::Image),
        archives: &listing.archives,
    };
    written(&page)
}

/// Templates are written to memory, which cannot fail.
fn written(page: &impl Template) -> String {
    page.render().unwrap_or_default()
}

fn column(sort: Sort, view: &Query) -> Column {
    let name = match sort {
        Sort::Name => "Name",
        Sort::Size => "Size",
        Sort::Modified => "Modified",
    };
    let order = match view.order {
        Order::Ascending => "ascending",
        Order::Descending => "descending",
    };
    let order = (view.sort == sort).then_some(order);
    Column { name, view: view.sorted_by(sort), order, is_time: sort == Sort::Modified }
}

/// The way from the top down. Its links are relative, as those of entries are (S38): they hold wherever the tree is shown.
fn crumbs(listing: &Listing) -> Vec<Crumb<'_>> {
    let (prefix, names) = (listing.target.prefix(), listing.target.names());
    let depth = names.len();
    let up = |steps: usize| (steps > 0).then(|| "../".repeat(steps));
    // Names that a prefix puts in front are above the tree: only its host knows what is there.
    let is_served = |above: usize| above == prefix.len() || listing.above.contains(&above);
    let link = |above: usize| up(depth + prefix.len() - above).filter(|_| is_served(above));
    let is_here = |above: usize| depth == 0 && above == prefix.len();
    let top = Crumb { name: Cow::Borrowed(""), link: link(0), is_top: true, is_here: is_here(0) };
    let above = prefix.iter().enumerate().map(|(index, name)| {
        let at = index + 1;
        Crumb { name: visible(name.as_str()), link: link(at), is_top: false, is_here: is_here(at) }
    });
    let below = names.iter().enumerate().map(|(index, name)| {
        let steps = depth - index - 1;
        Crumb { name: visible(name.as_str()), link: up(steps), is_top: false, is_here: steps == 0 }
    });
    [top].into_iter().chain(above).chain(below).collect()
}

#[derive(Template)]
#[template(path = "row.html")]
struct Line<'a> {
    href: Href<'a>,
    icon: &'static str,
    above: Cow<'a, str>,
    name: Cow<'a, str>,
    /// S37: what an entry is shows behind its name.
    slash: &'static str,
    is_link: bool,
    size: Option<Size>,
    modified: Option<Rfc3339>,
}

#[derive(Template)]
#[template(path = "tile.html")]
struct Tile<'a> {
    href: Href<'a>,
    icon: &'static str,
    is_image: bool,
    above: Cow<'a, str>,
    name: Cow<'a, str>,
    slash: &'static str,
    is_link: bool,
    size: Option<Size>,
}

impl HtmlSafe for Href<'_> {}

impl FastWritable for Href<'_> {
    fn write_into(&self, to: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(self.write(to)?)
    }
}

/// About how long a row is, in bytes.
const ROW: usize = 320;

/// Entries, one after the other.
pub fn rows(listing: &Listing, rows: &[Row], to: &mut String) {
    to.reserve(rows.len() * ROW);
    let mut genres = FileCategories::default();
    for row in rows {
        let genre = genres.of(row.entry.name.as_str(), row.is_directory());
        let (slash, is_link) = match row.entry.kind {
            EntryKind::File | EntryKind::Closed => ("", false),
            EntryKind::Directory => ("/", false),
            EntryKind::LinkToDirectory | EntryKind::Link => ("", true),
        };
        let (href, icon) = (Href(row), genre.icon());
        let (above, name) = (visible(&row.above), visible(row.entry.name.as_str()));
        let size = row.entry.size.map(Size);
        // Writing to memory cannot fail.
        drop(match listing.view.layout {
            Layout::List => {
                let modified = row.entry.modified.map(Rfc3339::from);
                Line { href, icon, above, name, slash, is_link, size, modified }.render_into(to)
            }
            Layout::Grid => {
                Tile { href, icon, is_image: genre == FileCategory::Image, above, name, slash, is_link, size }
                    .render_into(to)
            }
        });
        // Some programs read a listing line by line, and take one entry from each.
        to.push('\n');
    }
}

#[derive(Template)]
#[template(path = "end.html")]
struct End<'a> {
    is_grid: bool,
    is_search: bool,
    is_empty: bool,
    term: Cow<'a, str>,
    sum: String,
    omitted: u64,
    stopped: Option<&'static str>,
    readme: Option<Cow<'a, str>>,
    readme_html: Option<String>,
}

/// What is behind the entries.
pub fn end(listing: &Listing) -> String {
    let stopped = listing.stopped.map(|stopped| match stopped {
        Stopped::Entries => "The search stopped after 20,000 entries: there may be more. Search a folder below.",
        Stopped::Hits => "The search stopped after 1,000 finds: there are more. Search for a longer part of the name.",
        Stopped::Levels => "Folders more than 16 levels below were not searched.",
    });
    let readme = listing.readme.as_ref();
    let page = End {
        is_grid: listing.view.layout == Layout::Grid,
        is_search: listing.view.search.is_some(),
        is_empty: listing.rows.is_empty(),
        term: visible(listing.view.search.as_deref().unwrap_or_default()),
        sum: sum(&listing.rows),
        omitted: listing.omitted,
        stopped,
        readme: readme.map(|readme| visible(readme.name.as_str())),
        readme_html: readme.and_then(|readme| readme.text.as_deref()).map(markdown::render),
    };
    written(&page)
}

/// How much there is: `1 folder, 2 files, 3.0 KiB`.
fn sum(rows: &[Row]) -> String {
    let folders = rows.iter().filter(|row| row.is_directory()).count();
    let files = rows.len().saturating_sub(folders);
    let bytes = rows.iter().filter_map(|row| row.entry.size).fold(0_u64, u64::saturating_add);
    let count = |number: usize, what: &str| match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{number} {what}s")),
    };
    let size = (files > 0).then(|| Size(bytes).to_string());
    let parts = [count(folders, "folder"), count(files, "file"), size];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
