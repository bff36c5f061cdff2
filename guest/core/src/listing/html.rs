//! Listings as HTML pages.

use crate::archive::format::ArchiveFormat;
use crate::http::date::Rfc3339;
use crate::listing::query::{Layout, Order, Query, Sort};
use crate::listing::search::Stopped;
use crate::listing::writer::ListingWriter;
use crate::listing::{Href, Listing, ListingRow, SHORT_LISTING};
use crate::live::FOLDER_TAG;
use crate::output_format::RenderError;
use crate::page::crumbs::{Crumb, crumbs};
use crate::page::file_category::{FileCategories, FileCategory};
use crate::page::size::Size;
use crate::page::{BASE, LISTING, SCRIPT, markdown};
use crate::tree::EntryKind;
use crate::visible::visible;
use askama::filters::HtmlSafe;
use askama::{FastWritable, Template, Values};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A page with a table or a grid of the entries, a search form, and the README.md.
#[derive(Debug)]
pub struct HtmlListing;

impl ListingWriter for HtmlListing {
    fn begin(&self, listing: &Listing, to: &mut String) -> Result<(), RenderError> {
        Ok(begin(listing).render_into(to)?)
    }

    fn rows(&self, listing: &Listing, range: Range<usize>, to: &mut String) -> Result<(), RenderError> {
        let rows = listing.rows.get(range).unwrap_or_default();
        to.reserve(rows.len().saturating_mul(ROW_LENGTH));
        let mut categories = FileCategories::default();
        for row in rows {
            write_row(row, listing.query.layout, &mut categories, to)?;
        }
        Ok(())
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
    archives: &'a [ArchiveFormat],
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
    let mut categories = FileCategories::default();
    let first = listing.rows.iter().take(SHORT_LISTING);
    let has_images = first.map(|row| category(&mut categories, row)).any(|category| category == FileCategory::Image);
    Begin {
        title,
        styles: &[LISTING],
        purpose,
        path,
        crumbs: crumbs(&listing.target, &listing.above),
        is_search: query.search.is_some(),
        term,
        shown_term,
        kept: query.pairs().filter(|(key, _)| *key != "search").collect(),
        columns: Sort::ALL.map(|sort| column(sort, &usual_format)),
        all: query.of_all().link(),
        list: query.laid_out(Layout::List),
        grid: query.laid_out(Layout::Grid),
        is_grid: query.layout == Layout::Grid,
        is_long: !listing.is_short(),
        has_images,
        archives: &listing.archives,
    }
}

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
#[template(path = "row.html")]
struct TableRow<'a> {
    href: Href<'a>,
    icon: &'static str,
    above: Cow<'a, str>,
    name: Cow<'a, str>,
    /// The character after the name (PY-37).
    slash: &'static str,
    is_link: bool,
    size: Option<Size>,
    modified: Option<Rfc3339>,
}

#[derive(Template)]
#[template(path = "tile.html")]
struct GridTile<'a> {
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

/// The approximate length of a row in bytes.
const ROW_LENGTH: usize = 320;

fn category<'a>(categories: &mut FileCategories<'a>, row: &'a ListingRow) -> FileCategory {
    categories.of(row.entry.name.as_str(), row.is_directory())
}

fn write_row<'a>(
    row: &'a ListingRow,
    layout: Layout,
    categories: &mut FileCategories<'a>,
    to: &mut String,
) -> Result<(), RenderError> {
    let category = category(categories, row);
    let (slash, is_link) = match row.entry.kind {
        EntryKind::File | EntryKind::Unreadable => ("", false),
        EntryKind::Directory => ("/", false),
        EntryKind::LinkToDirectory | EntryKind::Link => ("", true),
    };
    let (href, icon) = (Href(row), category.icon());
    let (above, name) = (visible(&row.above), visible(row.entry.name.as_str()));
    let size = row.entry.size.map(Size);
    match layout {
        Layout::List => {
            let modified = row.entry.modified.map(Rfc3339::from);
            TableRow { href, icon, above, name, slash, is_link, size, modified }.render_into(to)?;
        }
        Layout::Grid => {
            let is_image = category == FileCategory::Image;
            GridTile { href, icon, is_image, above, name, slash, is_link, size }.render_into(to)?;
        }
    }
    // Some programs read a listing line by line and take one entry from each line.
    to.push('\n');
    Ok(())
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
    live: Option<&'static str>,
}

fn end(listing: &Listing) -> End<'_> {
    let stopped = listing.stopped.map(|stopped| match stopped {
        Stopped::Entries => "The search stopped after 20,000 entries: there may be more. Search a folder below.",
        Stopped::Hits => "The search stopped after 1,000 finds: there are more. Search for a longer part of the name.",
        Stopped::Levels => "Folders more than 16 levels below were not searched.",
    });
    let readme = listing.readme.as_ref();
    End {
        is_grid: listing.query.layout == Layout::Grid,
        is_search: listing.query.search.is_some(),
        is_empty: listing.rows.is_empty(),
        term: visible(listing.query.search.as_deref().unwrap_or_default()),
        sum: sum(&listing.rows),
        omitted: listing.omitted,
        stopped,
        readme: readme.map(|readme| visible(readme.name.as_str())),
        readme_html: readme.and_then(|readme| readme.text.as_deref()).map(markdown::render),
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
