//! A Markdown file as a page: which requests get it, what the handler reads for it, and its template.

use crate::config::Config;
use crate::http::accept;
use crate::http::accept::Type;
use crate::http::request::Request;
use crate::http::target::{Name, Target, parameter};
use crate::live;
use crate::media_type;
use crate::output_format::RenderError;
use crate::page::crumbs::{Crumb, crumbs};
use crate::page::document::{self, Document, Note};
use crate::page::outline::OutlineHeading;
use crate::page::{self, BASE, COPY_SCRIPT, LISTING, MARKDOWN};
use crate::tree::{Metadata, Tree, TreeError, optional};
use crate::visible::visible;
use askama::Template;
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The longest file that is shown as a page, in bytes. Rendering it takes some ten milliseconds.
const PAGE_MAX: u64 = 1 << 20;

/// The representations of a Markdown file. Clients that accept anything, such as curl, get the file.
const FORMS: &[(MarkdownForm, Type)] = &[
    (MarkdownForm::File, ("text", "markdown")),
    (MarkdownForm::File, ("text", "plain")),
    (MarkdownForm::Page, ("text", "html")),
];

/// A representation of a Markdown file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MarkdownForm {
    File,
    Page,
}

/// Whether a name is that of a Markdown file.
pub(crate) fn is_markdown(name: &Name) -> bool {
    let suffix = media_type::suffix(name.as_str()).unwrap_or_default();
    ["md", "markdown"].iter().any(|known| suffix.eq_ignore_ascii_case(known))
}

/// The text of a Markdown file that is sent as a page.
#[derive(Debug)]
pub(crate) struct MarkdownPage {
    /// The path of the file, relative to the root.
    pub path: String,
    /// The metadata of the file.
    pub metadata: Metadata,
    name: Name,
    text: String,
    target: Target,
    above: Vec<usize>,
    /// The tag of the script of `live`.
    live: Option<String>,
}

impl MarkdownPage {
    /// Reads an open Markdown file at `path`. `None` if the client does not prefer HTML or requests the file itself
    /// (`?raw`), and for a file that would take too long to render.
    ///
    /// # Errors
    /// [`TreeError`] if the file cannot be read because of a fault.
    pub(crate) async fn read<T: Tree>(
        (request, target): (&Request<'_>, &Target),
        (tree, config): (&T, &Config),
        (path, name): (&str, &Name),
        (file, metadata): (&T::File, Metadata),
    ) -> Result<Option<MarkdownPage>, TreeError> {
        let is_raw = parameter(target.query(), "raw").is_some();
        if is_raw || metadata.size > PAGE_MAX || !is_page_preferred(request) {
            return Ok(None);
        }
        let bytes = optional(tree.read(file, 0, PAGE_MAX).await)?;
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(text.filter(|text| document::is_affordable(text)).map(|text| MarkdownPage {
            path: path.to_owned(),
            metadata,
            name: name.clone(),
            text,
            target: target.clone(),
            above: config.above.clone(),
            live: config.live.then(|| live::tag_of_file(path, config)),
        }))
    }

    /// A word that differs for each version of this program, and for each path of the file: the page has both in it.
    pub(crate) fn version(&self) -> String {
        let mut hasher = DefaultHasher::new();
        (env!("CARGO_PKG_VERSION"), page::POLICY, TEMPLATE, self.target.title(), &self.above, &self.live)
            .hash(&mut hasher);
        format!("page-{:016x}", hasher.finish())
    }

    /// Renders the page.
    ///
    /// # Errors
    /// [`RenderError`] if the template cannot be written.
    pub(crate) fn render(&self) -> Result<Vec<u8>, RenderError> {
        let Document { title, contents, body, notes } = document::render(&self.text);
        let title = title.as_deref().unwrap_or(self.name.as_str());
        let template = MarkdownTemplate {
            title: visible(title),
            styles: &[LISTING, MARKDOWN],
            purpose: "Page",
            crumbs: crumbs(&self.target, &self.above),
            contents: contents.iter().map(ContentsEntry::from).collect(),
            body,
            notes,
            live: self.live.as_deref(),
        };
        Ok(template.render()?.into_bytes())
    }
}

fn is_page_preferred(request: &Request) -> bool {
    accept::preferred(&request.values("accept"), FORMS) == Some(MarkdownForm::Page)
}

const TEMPLATE: &str = include_str!("../templates/markdown.html");

#[derive(Template)]
#[template(path = "markdown.html")]
struct MarkdownTemplate<'a> {
    title: Cow<'a, str>,
    styles: &'static [&'static str],
    purpose: &'static str,
    crumbs: Vec<Crumb<'a>>,
    contents: Vec<ContentsEntry<'a>>,
    body: String,
    notes: Vec<Note>,
    live: Option<&'a str>,
}

/// A heading in the table of contents.
struct ContentsEntry<'a> {
    depth: usize,
    id: &'a str,
    text: Cow<'a, str>,
}

impl<'a> From<&'a OutlineHeading> for ContentsEntry<'a> {
    fn from(heading: &'a OutlineHeading) -> ContentsEntry<'a> {
        let text = if heading.text.is_empty() { Cow::Borrowed(heading.id.as_str()) } else { visible(&heading.text) };
        ContentsEntry { depth: heading.depth, id: &heading.id, text }
    }
}

#[cfg(test)]
mod tests;
