//! How a client wants to see a directory: what the query of its request says (`?sort=size&order=desc`), and the queries
//! that its page links to. It refuses to know the directory.

use crate::http::target::{encode, parameter};
use crate::output_format::OutputFormat;

/// The longest term that is searched for, in letters: longer than most names, and little work in any case.
const LONGEST_TERM: usize = 100;

/// What is asked of a listing. What the query does not say, or not well, is as in [`Query::default`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pub sort: Sort,
    pub order: Order,
    pub layout: Layout,
    /// What is searched for in this directory and below; never empty.
    pub search: Option<String>,
    /// The form, where the query says it and not the Accept field.
    pub form: Option<OutputFormat>,
}

/// What entries are sorted by. Directories come first in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Name,
    Size,
    Modified,
}

/// In which direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Ascending,
    Descending,
}

/// How a page lays entries out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    #[default]
    List,
    Grid,
}

impl Sort {
    /// All of them, as they are shown.
    pub const ALL: [Sort; 3] = [Sort::Name, Sort::Size, Sort::Modified];

    /// The name in a query.
    pub fn name(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Size => "size",
            Sort::Modified => "modified",
        }
    }

    /// The order that is wanted first: names from a to z, but the largest and the newest.
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
    /// Reads a query as a form sends it (`application/x-www-form-urlencoded`). Of a key that is there twice the first
    /// counts, and keys that mean nothing here are passed over.
    pub fn parse(query: &str) -> Query {
        let value = |name| parameter(query, name);
        let sort = value("sort").and_then(|name| Sort::ALL.into_iter().find(|sort| sort.name() == name));
        let term = value("search").map(|text| {
            let term: String = text.trim_start().chars().take(LONGEST_TERM).collect();
            term.trim_end().to_owned()
        });
        Query {
            sort: sort.unwrap_or_default(),
            order: if value("order").as_deref() == Some("desc") { Order::Descending } else { Order::Ascending },
            layout: if value("view").as_deref() == Some("grid") { Layout::Grid } else { Layout::List },
            search: term.filter(|term| !term.is_empty()),
            form: value("format").and_then(|name| OutputFormat::named(&name)),
        }
    }

    /// The same, sorted by `sort`; in the other direction if it is already.
    pub fn sorted_by(&self, sort: Sort) -> Query {
        let order = if self.sort == sort { self.order.reversed() } else { sort.first() };
        Query { sort, order, ..self.clone() }
    }

    /// The same, laid out as `layout`.
    pub fn laid_out(&self, layout: Layout) -> Query {
        Query { layout, ..self.clone() }
    }

    /// The same of all entries of the directory, whatever is searched for.
    pub fn of_all(&self) -> Query {
        Query { search: None, ..self.clone() }
    }

    /// A relative reference to the directory seen like this.
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

    /// What a query must say to ask for this.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let usual = Query::default();
        let sorted = (self.sort, self.order) != (usual.sort, usual.order);
        let pairs = [
            self.search.as_deref().map(|term| ("search", term)),
            sorted.then(|| ("sort", self.sort.name())),
            sorted.then(|| ("order", self.order.name())),
            (self.layout == Layout::Grid).then_some(("view", "grid")),
            self.form.map(|form| ("format", form.name())),
        ];
        pairs.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use crate::listing::query::*;
    use proptest::prelude::*;

    #[test]
    fn a_query_is_read_as_far_as_it_means_something() {
        let usual = Query::default();
        for (query, expected) in [
            ("", usual.clone()),
            ("&&=&x=y", usual.clone()),
            ("sort=colour&order=up&view=film&format=yaml&search=++", usual.clone()),
            ("sort=size", Query { sort: Sort::Size, ..usual.clone() }),
            ("sort=size&sort=name&order=desc", Query { sort: Sort::Size, order: Order::Descending, ..usual.clone() }),
            ("view=grid&format=json", Query { layout: Layout::Grid, form: Some(OutputFormat::Json), ..usual.clone() }),
            ("search=a+b%2Bc%26%C3%A9", Query { search: Some("a b+c&\u{e9}".into()), ..usual.clone() }),
            ("search=%FF", Query { search: Some("\u{fffd}".into()), ..usual.clone() }),
        ] {
            assert_eq!(Query::parse(query), expected, "{query}");
        }
    }

    #[test]
    fn links_say_what_is_not_usual() {
        let view = Query::parse("search=a%26b&view=grid");
        assert_eq!(view.link(), "./?search=a%26b&view=grid");
        assert_eq!(view.of_all().laid_out(Layout::List).link(), "./");
        assert_eq!(Query::default().sorted_by(Sort::Name).link(), "./?sort=name&order=desc");
        assert_eq!(Query::default().sorted_by(Sort::Size).link(), "./?sort=size&order=desc");
        assert_eq!(Query::parse("sort=size&order=desc").sorted_by(Sort::Size).link(), "./?sort=size&order=asc");
    }

    proptest! {
        #[test]
        fn a_link_asks_for_what_it_shows(query in "((sort|order|view|search|format|x)=(name|size|modified|asc|desc|grid|list|html|json|text|%41|[ -~é]{0,5})&?){0,5}") {
            let view = Query::parse(&query);
            prop_assert_eq!(Query::parse(view.link().trim_start_matches("./").trim_start_matches('?')), view);
        }
    }
}
