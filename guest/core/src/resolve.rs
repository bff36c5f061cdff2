//! Resolves a target: to the file, index, listing, archive, redirect or error, and to the variant of the file.

use crate::archive::format::ArchiveFormat;
use crate::archive::{Plan, Selection};
use crate::body::encode;
use crate::config::Config;
use crate::http::accept;
use crate::http::accept::{AcceptEncoding, Choice, Coding};
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::http::target::{Name, Target, encode_path, parameter};
use crate::listing::{Href, Listing, ListingRow, is_shown, natural, retain_shown};
use crate::live::Insertion;
use crate::markdown_page::{MarkdownPage, is_markdown};
use crate::media_type::MediaType;
use crate::output_format::OutputFormat;
use crate::suggest;
use crate::suggest::{Link, Suggestions};
use crate::tree::dotfiles::Visibility;
use crate::tree::public::SITE_FILE;
use crate::tree::{DirEntry, ListLimits, Metadata, OpenedNode, Tree, TreeError, join, optional};

/// What a target resolves to.
#[derive(Debug)]
pub(crate) enum Resolved<F> {
    /// An open regular file.
    File(ServedFile<F>),
    /// A Markdown file that is shown as a page.
    Page(MarkdownPage),
    /// The page of the site for paths without a file.
    NotFound(ServedFile<F>),
    /// A directory without an index. The rows of a short listing are sorted and have their metadata.
    Listing(Listing),
    /// A directory that is sent as an archive.
    Archive(Box<Plan>),
    /// A redirect.
    Redirect { status: u16, location: String },
    /// An error, with suggestions for the client.
    Refused(Refusal, Suggestions),
}

/// An open file and how it is sent.
#[derive(Debug)]
pub(crate) struct ServedFile<F> {
    /// The file whose bytes are sent, which is the sibling for [`Variant::Sibling`].
    pub file: F,
    /// The metadata of `file`.
    pub metadata: Metadata,
    /// The path of the requested file, relative to the root.
    pub path: String,
    /// The media type of the requested file.
    pub media_type: MediaType,
    /// How the bytes relate to the requested file.
    pub variant: Variant,
    /// The request fields that selected the variant (RFC 9110 12.5.5).
    pub vary: Vec<&'static str>,
    /// The script of `live` and its place, in a page.
    pub insertion: Option<Insertion>,
    /// The name for Content-Disposition, if the path does not end in it.
    pub save_as: Option<Name>,
}

/// A representation of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The file itself.
    Plain,
    /// A precompressed file next to it.
    Sibling(Coding),
    /// The file, encoded while it is sent.
    Encoded(Coding),
}

/// Resolves a target in this order: redirect rules, the file, the index of the directory (PY-33), its listing, and the
/// fallbacks for a path without a file.
pub(crate) async fn resolve<T: Tree>(
    request: &Request<'_>,
    target: &Target,
    tree: &T,
    config: &Config,
) -> Resolved<T::File> {
    if let Some((status, location)) = redirect(target, config) {
        return Resolved::Redirect { status, location };
    }
    let below = config.prefix.as_ref().map(|prefix| target.below(prefix));
    let target = match &below {
        None => target,
        Some(Some(below)) => below,
        Some(None) => return Resolved::Refused(Refusal::NotFound, Suggestions::default()),
    };
    let resolver = Resolver { request, tree, config };
    if let Some(name) = &config.file {
        return resolver.single_file(name, target).await;
    }
    let resolved = match resolver.resolve(target).await {
        Err(refusal @ (Refusal::NotFound | Refusal::NotListable)) => {
            resolver.fall_back(target, refusal).await.map_err(Refusal::from)
        }
        resolved => resolved,
    };
    match resolved {
        Ok(resolved) => resolved,
        // After a fault, nothing is known about the surroundings either.
        Err(Refusal::Fault) => Resolved::Refused(Refusal::Fault, Suggestions::default()),
        // The other errors are about the query: the directory itself is there.
        Err(refusal) => {
            let back = Link { name: target.title(), href: "./".to_owned() };
            Resolved::Refused(refusal, Suggestions { up: Some(back), ..Suggestions::default() })
        }
    }
}

fn redirect(target: &Target, config: &Config) -> Option<(u16, String)> {
    let path = if config.redirects.is_empty() { return None } else { target.title() };
    let (status, mut location) = config.redirects.iter().find_map(|redirect| redirect.apply(&path, encode_path))?;
    target.append_query(&mut location);
    Some((status, location))
}

/// Levels above a missing path on which a directory is suggested.
const MAX_LEVELS_UP: usize = 8;
/// Entries of a directory that are read to find similar names, so that the cost of a 404 does not grow with the
/// directory.
const MAX_READ: usize = 10_000;
/// Similar names that are compared with each other.
const MAX_SIMILAR: usize = 100;
/// Similar names that a response suggests.
const MAX_SUGGESTIONS: usize = 5;

/// The parts that stay the same while one target is resolved.
struct Resolver<'a, T> {
    request: &'a Request<'a>,
    tree: &'a T,
    config: &'a Config,
}

impl<T: Tree> Resolver<'_, T> {
    /// The only file of the tree, by its name and as the content of the root.
    async fn single_file(&self, name: &Name, target: &Target) -> Resolved<T::File> {
        let refused = |refusal| Resolved::Refused(refusal, Suggestions::default());
        let is_root = match (target.names(), target.is_directory()) {
            ([], false) => return Resolved::Redirect { status: 301, location: target.as_directory() },
            ([], true) => true,
            ([last], false) if last == name => false,
            _ => return refused(Refusal::NotFound),
        };
        let served = match optional(self.tree.open(name.as_str()).await) {
            Ok(Some(OpenedNode::File(file, metadata))) => {
                self.page_or_file(target, (name.as_str().to_owned(), name, file, metadata)).await
            }
            Ok(Some(OpenedNode::Directory) | None) => return refused(Refusal::NotFound),
            Err(TreeError) => Err(TreeError),
        };
        match served {
            Ok(Resolved::File(served)) => {
                Resolved::File(ServedFile { save_as: is_root.then(|| name.clone()), ..served })
            }
            Ok(page) => page,
            Err(TreeError) => refused(Refusal::Fault),
        }
    }

    async fn resolve(&self, target: &Target) -> Result<Resolved<T::File>, Refusal> {
        let path = target.path();
        let visibility = self.config.hidden.visibility(&path);
        if visibility == Visibility::Hidden {
            return Err(Refusal::NotFound);
        }
        let is_shown = |node: &OpenedNode<T::File>| visibility.shows(matches!(node, OpenedNode::Directory));
        match (self.open(&path).await?.filter(is_shown), target.names().last()) {
            (Some(OpenedNode::Directory), _) if target.is_directory() => self.directory(target, &path).await,
            (Some(OpenedNode::File(file, metadata)), Some(name)) if !target.is_directory() => {
                Ok(match self.canonical_url(target, &path).await? {
                    Some(location) => Resolved::Redirect { status: 308, location },
                    None => self.page_or_file(target, (path, name, file, metadata)).await?,
                })
            }
            (node, name) if !target.is_directory() => match (self.page(&path, name).await?, node) {
                (Some((path, name, file, metadata)), _) => {
                    Ok(self.page_or_file(target, (path, &name, file, metadata)).await?)
                }
                (None, Some(_)) => Ok(Resolved::Redirect { status: 301, location: target.as_directory() }),
                (None, None) => Err(Refusal::NotFound),
            },
            // PY-23: a path with a slash at its end does not name a file.
            _ => Err(Refusal::NotFound),
        }
    }

    /// Opens a path. `glasshouse.toml` is never served, not even if an option names it.
    async fn open(&self, path: &str) -> Result<Option<OpenedNode<T::File>>, TreeError> {
        if path == SITE_FILE { Ok(None) } else { optional(self.tree.open(path).await) }
    }

    /// The `Location` with the clean URL of a page that was requested with its suffix, or `None` if the clean URL does
    /// not lead to this file. Clients cache a 308, so it must never name another resource (RFC 9110 15.4.9).
    async fn canonical_url(&self, target: &Target, path: &str) -> Result<Option<String>, TreeError> {
        // With `download`, a directory may be answered with an archive.
        let is_plain = self.config.clean_urls && parameter(target.query(), "download").is_none();
        let Some((last, above)) = target.names().split_last().filter(|_| is_plain) else { return Ok(None) };
        let Some(stem) = last.as_str().strip_suffix(".html") else { return Ok(None) };
        let directory = target.at(above.to_vec(), true);
        let is_index = self.config.index.contains(last)
            && self.index(&directory.path()).await?.is_some_and(|(index, ..)| index == path);
        let clean = match Name::new(stem) {
            _ if is_index => directory,
            Some(page) => target.at([above, &[page]].concat(), false),
            None => return Ok(None),
        };
        // A file with exactly this name takes precedence over the page.
        let is_taken = !is_index && matches!(self.open(&clean.path()).await?, Some(OpenedNode::File(..)));
        let is_elsewhere =
            redirect(&clean, self.config).is_some() || self.config.mounts.iter().any(|mount| clean.is_below(mount));
        Ok((!is_taken && !is_elsewhere).then(|| target.redirect(clean.names(), clean.is_directory())))
    }

    /// With `clean-urls`, the page for a path without its suffix, or else with `markdown` the Markdown file. The root
    /// has no name and so no page.
    async fn page(
        &self,
        path: &str,
        name: Option<&Name>,
    ) -> Result<Option<(String, Name, T::File, Metadata)>, TreeError> {
        let Some(name) = name.filter(|_| self.config.clean_urls) else { return Ok(None) };
        for suffix in if self.config.markdown { &["html", "md"][..] } else { &["html"] } {
            let (path, name) = (format!("{path}.{suffix}"), Name::new(format!("{}.{suffix}", name.as_str())));
            // `.well-known` is not a dotfile, but `.well-known.html` is.
            let is_shown = self.config.hidden.visibility(&path) == Visibility::Shown;
            let Some(name) = name.filter(|_| is_shown) else { continue };
            if let Some(OpenedNode::File(file, metadata)) = self.open(&path).await? {
                return Ok(Some((path, name, file, metadata)));
            }
        }
        Ok(None)
    }

    /// The index file of a directory.
    async fn index(&self, path: &str) -> Result<Option<(String, &Name, T::File, Metadata)>, TreeError> {
        let directory = self.config.hidden.within(path);
        // A hidden directory may be visible only as a parent; then its index must be shown in its own right.
        let is_shown =
            |name: &Name| directory.visibility == Visibility::Shown || directory.of(name) == Visibility::Shown;
        for name in self.config.index.iter().filter(|name| is_shown(name)) {
            let index = join(path, name);
            if let Some(OpenedNode::File(file, metadata)) = self.open(&index).await? {
                return Ok(Some((index, name, file, metadata)));
            }
        }
        Ok(None)
    }

    async fn directory(&self, target: &Target, path: &str) -> Result<Resolved<T::File>, Refusal> {
        // The page of a directory has relative links, which need the canonical path.
        if !target.is_canonical() {
            return Ok(Resolved::Redirect { status: 301, location: target.as_directory() });
        }
        // The client requests an archive explicitly, so an index does not replace it.
        let download = parameter(target.query(), "download");
        let format = download.as_deref().and_then(ArchiveFormat::parse);
        match format {
            Some(format) if self.config.listing && self.config.archives.contains(&format) => {
                let selection = Selection::parse(target.query())?;
                let plan = Plan::make(format, selection, target, self.tree, self.config).await?;
                return Ok(Resolved::Archive(Box::new(plan)));
            }
            // A client would save a page as the archive.
            Some(_) => return Err(Refusal::NoSuchFormat),
            None => {}
        }
        if let Some((index, name, file, metadata)) = self.index(path).await? {
            return Ok(self.page_or_file(target, (index, name, file, metadata)).await?);
        }
        if !self.config.listing {
            return Err(Refusal::NotFound);
        }
        let format = parameter(target.query(), "format");
        if download.is_some() || format.is_some_and(|format| OutputFormat::parse(&format).is_none()) {
            return Err(Refusal::NoSuchFormat);
        }
        let listing = Listing::read(self.request, target, self.tree, self.config).await;
        let mut listing = optional(listing)?.ok_or(Refusal::NotListable)?;
        if listing.is_short() {
            let all = 0..listing.rows.len();
            listing.stat_for_sort(self.tree, all.clone()).await?;
            listing.sort();
            listing.stat_rest(self.tree, all).await?;
            listing.read_readme(self.tree).await?;
        }
        Ok(Resolved::Listing(listing))
    }

    /// The answer for a path without a file: the page of `spa`, the page of `not-found`, or an error.
    async fn fall_back(&self, target: &Target, refusal: Refusal) -> Result<Resolved<T::File>, TreeError> {
        let is_route = target.names().last().is_none_or(|name| !name.as_str().contains('.'));
        if let Some(spa) = self.config.spa.as_ref().filter(|_| is_route)
            && accept::accepts(&self.request.values("accept"), ("text", "html"))
            && let Some(mut served) = self.configured_file(spa).await?
        {
            served.vary.push("Accept");
            return Ok(Resolved::File(served));
        }
        let page = match &self.config.not_found {
            Some(page) => self.configured_file(page).await?,
            None => None,
        };
        Ok(match page {
            Some(mut page) => {
                page.insertion = page.insertion.map(Insertion::of_error_page);
                Resolved::NotFound(page)
            }
            None => Resolved::Refused(refusal, self.suggestions(target).await?),
        })
    }

    /// Suggestions for a client that names HTML or JSON in its Accept field. Other clients get none: each missing
    /// picture of a page would cost the reading of a directory.
    async fn suggestions(&self, target: &Target) -> Result<Suggestions, TreeError> {
        let mut suggestions = Suggestions::default();
        if ![OutputFormat::Html, OutputFormat::Json].iter().any(|format| format.is_named_by(self.request)) {
            return Ok(suggestions);
        }
        let mut above = target.clone();
        for level in 0..MAX_LEVELS_UP {
            let Some(missing) = above.go_up() else { break };
            let path = above.path();
            let is_visible = self.config.hidden.visibility(&path) != Visibility::Hidden;
            if is_visible && matches!(self.open(&path).await?, Some(OpenedNode::Directory)) {
                let up = target.reference(above.names(), true);
                if level == 0 && self.config.listing {
                    suggestions.near = self.similar_names(&path, &missing, &up).await?;
                }
                suggestions.up = Some(Link { name: above.title(), href: up });
                break;
            }
        }
        Ok(suggestions)
    }

    /// The entries of a directory with a name similar to a missing one, as far as a listing would show them.
    async fn similar_names(&self, path: &str, missing: &Name, up: &str) -> Result<Vec<Link>, TreeError> {
        let directory = self.config.hidden.within(path);
        let is_similar =
            |name: &Name| is_shown(&directory, name) && suggest::distance(missing.as_str(), name.as_str()).is_some();
        let limits = ListLimits { read: MAX_READ, kept: MAX_SIMILAR };
        let mut entries = optional(self.tree.list(path, is_similar, limits).await)?.unwrap_or_default().entries;
        self.tree.stat_entries(path, entries.iter_mut()).await?;
        retain_shown(self.tree, &directory, &mut entries).await?;
        entries.sort_by(|one, other| natural::compare(one.name.as_str(), other.name.as_str()));
        entries.sort_by_cached_key(|entry| suggest::distance(missing.as_str(), entry.name.as_str()));
        let link = |entry: DirEntry| {
            let row = ListingRow { above: String::new(), entry };
            let slash = if row.is_directory() { "/" } else { "" };
            Link { name: format!("{}{slash}", row.entry.name.as_str()), href: format!("{up}{}", Href(&row)) }
        };
        Ok(entries.into_iter().take(MAX_SUGGESTIONS).map(link).collect())
    }

    /// A file that an option names.
    async fn configured_file(&self, target: &Target) -> Result<Option<ServedFile<T::File>>, TreeError> {
        let (path, Some(name)) = (target.path(), target.names().last()) else { return Ok(None) };
        match self.open(&path).await? {
            Some(OpenedNode::File(file, metadata)) => self.select_variant(path, name, file, metadata).await.map(Some),
            Some(OpenedNode::Directory) | None => Ok(None),
        }
    }

    /// A file that the target names, or the page of a Markdown file.
    async fn page_or_file(
        &self,
        target: &Target,
        (path, name, file, metadata): (String, &Name, T::File, Metadata),
    ) -> Result<Resolved<T::File>, TreeError> {
        let has_page = self.config.markdown && is_markdown(name);
        if has_page {
            let (asked, site) = ((self.request, target), (self.tree, self.config));
            if let Some(page) = MarkdownPage::read(asked, site, (&path, name), (&file, metadata)).await? {
                return Ok(Resolved::Page(page));
            }
        }
        let mut served = self.select_variant(path, name, file, metadata).await?;
        if has_page {
            served.vary.push("Accept");
        }
        Ok(Resolved::File(served))
    }

    /// Selects the variant of a file: a precompressed sibling, encoding while it is sent, or the file itself.
    async fn select_variant(
        &self,
        path: String,
        name: &Name,
        file: T::File,
        metadata: Metadata,
    ) -> Result<ServedFile<T::File>, TreeError> {
        let config = self.config;
        let media_type = config.media_type_of(name);
        let variant = Variant::Plain;
        let insertion = match config.live && media_type.is_html() {
            true => Insertion::find(self.tree, &file, metadata.size, &path, config).await?,
            false => None,
        };
        let (vary, save_as) = (Vec::new(), None);
        let mut served = ServedFile { file, metadata, path, media_type, variant, vary, insertion, save_as };
        let is_live = served.insertion.is_some();
        // A precompressed page has no place for the script.
        let has_siblings = config.precompressed && config.file.is_none() && !is_live;
        if !served.media_type.is_compressible() || !(has_siblings || config.compress) {
            return Ok(served);
        }
        served.vary.push("Accept-Encoding");
        let accepted = AcceptEncoding::parse(&self.request.values("accept-encoding"));
        if has_siblings && let Some((coding, file, metadata)) = self.sibling(&served, &accepted).await? {
            return Ok(ServedFile { file, metadata, variant: Variant::Sibling(coding), ..served });
        }
        let worthwhile = config.compress && encode::WORTHWHILE.contains(&served.metadata.size);
        if let (true, Choice::Coded(coding)) = (worthwhile, accepted.choose(encode::CODINGS)) {
            // A range is a range of the file. The client could not combine it with an encoded rest.
            if is_live || self.request.range().is_empty() {
                served.variant = Variant::Encoded(coding);
            }
        }
        Ok(served)
    }

    /// The preferred precompressed file next to this one that fits it and is not older.
    async fn sibling(
        &self,
        of: &ServedFile<T::File>,
        accepted: &AcceptEncoding,
    ) -> Result<Option<(Coding, T::File, Metadata)>, TreeError> {
        let mut candidates = vec![Coding::Brotli, Coding::Zstd, Coding::Gzip];
        while let Choice::Coded(coding) = accepted.choose(&candidates) {
            let path = format!("{}.{}", of.path, coding.suffix());
            if let Some(OpenedNode::File(file, metadata)) = optional(self.tree.open(&path).await)?
                && metadata.modified.zip(of.metadata.modified).is_some_and(|(sibling, original)| sibling >= original)
                && self.config.siblings.fits(self.tree, (&path, &file, metadata), coding, of.metadata.size).await?
            {
                return Ok(Some((coding, file, metadata)));
            }
            candidates.retain(|candidate| *candidate != coding);
        }
        Ok(None)
    }
}
