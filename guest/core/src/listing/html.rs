//! Listings as HTML pages.

mod entry;

use crate::archive::format::ArchiveFormat;
use crate::listing::html::entry::EntryWriter;
use crate::listing::query::{Layout, Order, Query, Sort};
use crate::listing::search::Stopped;
use crate::listing::writer::ListingWriter;
use crate::listing::{Listing, ListingRow, pictures};
use crate::live::FOLDER_TAG;
use crate::output_format::RenderError;
use crate::page::crumbs::{Crumb, crumbs};
use crate::page::size::Size;
use crate::page::{BASE, GRID, GRID_SCRIPT, LISTING, SCRIPT, SELECTION_SCRIPT, markdown};
use crate::visible::visible;
use askama::Template;
use std::borrow::Cow;
use std::ops::Range;

/// A page with a table or a grid of the entries, a search form, and the README.md.
#[derive(Debug)]
pub struct HtmlListing;

impl ListingWriter for HtmlListing {
    fn begin(&self, listing: &Listing, to: &mut String) -> Result<(), RenderError> {
        Ok(begin(listing).render_into(to)?)
    }

    fn rows(&self, listing: &Listing, range: Range<usize>, to: &mut String) -> Result<(), RenderError> {
        // A browser lays out only the groups of rows in sight. With a group for each row, it takes long to find them.
        if range.start > 0 && listing.layout() == Layout::List {
            to.push_str("</tbody>\n<tbody>\n");
        }
        let rows = listing.rows.get(range).unwrap_or_default();
        EntryWriter::new(listing.layout(), !listing.archives.is_empty()).write(rows, to)
    }

    fn end(&self, listing: &Listing, to: &mut String) -> Result<(), RenderError> {
        Ok(end(listing).render_into(to)?)
    }
}

#[derive(Template)]
#[template(path = "begin.html")]
struct Begin<'a> {
    title: String,
    styles: &'static [&'static str],
    purpose: &'static str,
    path: String,
    crumbs: Vec<Crumb<'a>>,
    is_search: bool,
    /// The search term, for the form and as it is shown.
    term: &'a str,
    shown_term: Cow<'a, str>,
    /// The other parameters of the query.
    kept: Vec<(&'static str, &'a str)>,
    columns: [Column; 3],
    all: String,
    list: Query,
    grid: Query,
    is_grid: bool,
    /// Whether a browser should lay out only the visible rows.
    is_long: bool,
    has_images: bool,
    is_empty: bool,
    archives: &'a [ArchiveFormat],
    command: Option<&'static FetchCommand>,
}

/// The header of a column, a link that sorts by the column.
struct Column {
    name: &'static str,
    query: Query,
    /// The value of `aria-sort`, in the column that the rows are sorted by.
    order: Option<&'static str>,
    /// Whether the cells are times. The script shows them in the time zone of the reader; without it they are UTC.
    is_time: bool,
}

fn begin(listing: &Listing) -> Begin<'_> {
    let query = &listing.query;
    let usual_format = Query { format: None, ..query.clone() };
    let purpose = if query.search.is_some() { "Search below" } else { "Directory listing for" };
    let path = visible(&listing.target.title()).into_owned();
    let term = query.search.as_deref().unwrap_or_default();
    let shown_term = visible(term);
    let title = match &query.search {
        Some(_) => format!("Search for {shown_term} below {path}"),
        None => format!("Directory listing for {path}"),
    };
    let is_grid = listing.layout() == Layout::Grid;
    let other = |layout| query.laid_out((listing.usual_layout != layout).then_some(layout));
    Begin {
        title,
        styles: if is_grid { &[LISTING, GRID] } else { &[LISTING] },
        purpose,
        path,
        crumbs: crumbs(&listing.target, &listing.above),
        is_search: query.search.is_some(),
        term,
        shown_term,
        kept: query.pairs().filter(|(key, _)| *key != "search").collect(),
        columns: Sort::ALL.map(|sort| column(sort, &usual_format)),
        all: query.of_all().link(),
        list: other(Layout::List),
        grid: other(Layout::Grid),
        is_grid,
        is_long: !listing.is_short(),
        has_images: pictures::has_pictures(&listing.rows),
        is_empty: listing.rows.is_empty(),
        archives: &listing.archives,
        command: COMMANDS.iter().find(|command| listing.archives.contains(&command.format)),
    }
}

/// The command that fetches the directory in a terminal: the options of curl, and what reads the archive.
///
/// The page says `ADDRESS` instead of a Host field, which may be invented and would divide recorded responses. An
/// absolute URL would also be an entry for fsspec. The script inserts the address of the page.
#[derive(Clone, Copy)]
struct FetchCommand {
    format: ArchiveFormat,
    options: &'static str,
    unpack: &'static str,
}

/// The command for each format. The length of a tar file is known, so curl reports one that is cut off. unzip reads
/// no pipe.
const COMMANDS: &[FetchCommand] = &[
    FetchCommand { format: ArchiveFormat::Tar, options: "-fsS", unpack: " | tar xf -" },
    FetchCommand { format: ArchiveFormat::TarGz, options: "-fsS", unpack: " | tar xzf -" },
    FetchCommand { format: ArchiveFormat::Zip, options: "-fsSOJ", unpack: "" },
];

fn column(sort: Sort, query: &Query) -> Column {
    let name = match sort {
        Sort::Name => "Name",
        Sort::Size => "Size",
        Sort::Modified => "Modified",
    };
    let order = match query.order {
        Order::Ascending => "ascending",
        Order::Descending => "descending",
    };
    let order = (query.sort == sort).then_some(order);
    Column { name, query: query.sorted_by(sort), order, is_time: sort == Sort::Modified }
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
    scripts: Vec<&'static str>,
    live: Option<&'static str>,
}

fn end(listing: &Listing) -> End<'_> {
    let stopped = listing.stopped.map(|stopped| match stopped {
        Stopped::Entries => "The search stopped after 20,000 entries: there may be more. Search a folder below.",
        Stopped::Hits => "The search stopped after 1,000 finds: there are more. Search for a longer part of the name.",
        Stopped::Levels => "Folders more than 16 levels below were not searched.",
    });
    let readme = listing.readme.as_ref();
    let is_grid = listing.layout() == Layout::Grid;
    let more = [(is_grid, GRID_SCRIPT), (!listing.archives.is_empty(), SELECTION_SCRIPT)];
    let more = more.into_iter().filter(|(is_used, _)| *is_used).map(|(_, script)| script);
    End {
        is_grid,
        is_search: listing.query.search.is_some(),
        is_empty: listing.rows.is_empty(),
        term: visible(listing.query.search.as_deref().unwrap_or_default()),
        sum: sum(&listing.rows),
        omitted: listing.omitted,
        stopped,
        readme: readme.map(|readme| visible(readme.name.as_str())),
        readme_html: readme.and_then(|readme| readme.text.as_deref()).map(markdown::render),
        scripts: [SCRIPT].into_iter().chain(more).collect(),
        live: listing.live.then_some(FOLDER_TAG),
    }
}

/// The totals, as in `1 folder, 2 files, 3.0 KiB`.
fn sum(rows: &[ListingRow]) -> String {
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
