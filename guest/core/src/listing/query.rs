//! The query of a listing, such as `?sort=size&order=desc`, and the queries that its page links to.

use crate::http::target::{encode, parameter};
use crate::output_format::OutputFormat;

/// The longest search term, in characters: longer than most names, and little work.
const TERM_MAX: usize = 100;

/// The parameters of a listing. Missing and invalid ones are as in [`Query::default`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The column that entries are sorted by.
    pub sort: Sort,
    /// The direction.
    pub order: Order,
    /// The layout of a page, if the query has it. Otherwise the directory decides.
    pub layout: Option<Layout>,
    /// The text to search in names, in this directory and below. Never empty.
    pub search: Option<String>,
    /// The format, if the query has it. Otherwise the Accept field selects it.
    pub format: Option<OutputFormat>,
}

/// The column that entries are sorted by. Directories always come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By name, in natural order.
    #[default]
    Name,
    /// By size.
    Size,
    /// By modification time.
    Modified,
}

/// The direction of the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// From a to z, from small to large, from old to new.
    #[default]
    Ascending,
    /// The reverse.
    Descending,
}

/// The layout of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// A table.
    #[default]
    List,
    /// Tiles with pictures.
    Grid,
}

impl Layout {
    const ALL: [Layout; 2] = [Layout::List, Layout::Grid];

    /// The name in a query.
    pub fn name(self) -> &'static str {
        match self {
            Layout::List => "list",
            Layout::Grid => "grid",
        }
    }
}

impl Sort {
    /// All columns, in the order of the page.
    pub const ALL: [Sort; 3] = [Sort::Name, Sort::Size, Sort::Modified];

    /// The name in a query.
    pub fn name(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Size => "size",
            Sort::Modified => "modified",
        }
    }

    /// The order of the first click: names from a to z, but the largest and the newest first.
    fn first(self) -> Order {
        match self {
            Sort::Name => Order::Ascending,
            Sort::Size | Sort::Modified => Order::Descending,
        }
    }
}

impl Order {
    /// The name in a query.
    pub fn name(self) -> &'static str {
        match self {
            Order::Ascending => "asc",
            Order::Descending => "desc",
        }
    }

    fn reversed(self) -> Order {
        match self {
            Order::Ascending => Order::Descending,
            Order::Descending => Order::Ascending,
        }
    }
}

impl Query {
    /// Reads a query as forms send it (`application/x-www-form-urlencoded`). The first value of a key counts, and
    /// unknown keys are ignored.
    pub fn parse(query: &str) -> Query {
        let value = |name| parameter(query, name);
        let sort = value("sort").and_then(|name| Sort::ALL.into_iter().find(|sort| sort.name() == name));
        let term = value("search").map(|text| {
            let term: String = text.trim_start().chars().take(TERM_MAX).collect();
            term.trim_end().to_owned()
        });
        Query {
            sort: sort.unwrap_or_default(),
            order: if value("order").as_deref() == Some("desc") { Order::Descending } else { Order::Ascending },
            layout: value("view").and_then(|name| Layout::ALL.into_iter().find(|layout| layout.name() == name)),
            search: term.filter(|term| !term.is_empty()),
            format: value("format").and_then(|name| OutputFormat::parse(&name)),
        }
    }

    /// The same, sorted by `sort`, or in the other direction if it is sorted by that.
    pub fn sorted_by(&self, sort: Sort) -> Query {
        let order = if self.sort == sort { self.order.reversed() } else { sort.first() };
        Query { sort, order, ..self.clone() }
    }

    /// The same in another layout, or in that of the directory.
    pub fn laid_out(&self, layout: Option<Layout>) -> Query {
        Query { layout, ..self.clone() }
    }

    /// The same without a search.
    pub fn of_all(&self) -> Query {
        Query { search: None, ..self.clone() }
    }

    /// A relative reference from the directory to itself with this query.
    pub fn link(&self) -> String {
        let mut link = String::from("./");
        let mut separator = '?';
        for (key, value) in self.pairs() {
            link.push(separator);
            link.push_str(key);
            link.push('=');
            encode(value, &mut link);
            separator = '&';
        }
        link
    }

    /// The parameters that differ from the defaults, and the layout if the query has it.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let usual = Query::default();
        let sorted = (self.sort, self.order) != (usual.sort, usual.order);
        let pairs = [
            self.search.as_deref().map(|term| ("search", term)),
            sorted.then(|| ("sort", self.sort.name())),
            sorted.then(|| ("order", self.order.name())),
            self.layout.map(|layout| ("view", layout.name())),
            self.format.map(|format| ("format", format.name())),
        ];
        pairs.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use crate::listing::query::*;
    use proptest::prelude::*;

    #[test]
    fn unknown_parameters_are_ignored() {
        let usual = Query::default();
        for (query, expected) in [
            ("", usual.clone()),
            ("&&=&x=y", usual.clone()),
            ("sort=colour&order=up&view=film&format=yaml&search=++", usual.clone()),
            ("sort=size", Query { sort: Sort::Size, ..usual.clone() }),
            ("sort=size&sort=name&order=desc", Query { sort: Sort::Size, order: Order::Descending, ..usual.clone() }),
            (
                "view=grid&format=json",
                Query { layout: Some(Layout::Grid), format: Some(OutputFormat::Json), ..usual.clone() },
            ),
            ("view=list", Query { layout: Some(Layout::List), ..usual.clone() }),
            ("search=a+b%2Bc%26%C3%A9", Query { search: Some("a b+c&\u{e9}".into()), ..usual.clone() }),
            ("search=%FF", Query { search: Some("\u{fffd}".into()), ..usual.clone() }),
        ] {
            assert_eq!(Query::parse(query), expected, "{query}");
        }
    }

    #[test]
    fn links_have_parameters_that_differ_from_the_defaults() {
        let query = Query::parse("search=a%26b&view=grid");
        assert_eq!(query.link(), "./?search=a%26b&view=grid");
        assert_eq!(query.of_all().laid_out(None).link(), "./");
        assert_eq!(query.of_all().laid_out(Some(Layout::List)).link(), "./?view=list");
        assert_eq!(Query::default().sorted_by(Sort::Name).link(), "./?sort=name&order=desc");
        assert_eq!(Query::default().sorted_by(Sort::Size).link(), "./?sort=size&order=desc");
        assert_eq!(Query::parse("sort=size&order=desc").sorted_by(Sort::Size).link(), "./?sort=size&order=asc");
    }

    proptest! {
        #[test]
        fn a_link_parses_as_the_query_that_it_shows(
            text in "((sort|order|view|search|format|x)=(name|size|modified|asc|desc|grid|list|html|json|text|%41\
                |[ -~é]{0,5})&?){0,5}"
        ) {
            let query = Query::parse(&text);
            prop_assert_eq!(Query::parse(query.link().trim_start_matches("./").trim_start_matches('?')), query);
        }
    }
}
