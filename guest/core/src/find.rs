//! From a path to what lies there and the variant of it that is sent. The only step that looks at the tree; it refuses
//! to know conditions, ranges and fields of the answer.

use crate::accept::{self, AcceptEncoding, Choice, Coding};
use crate::archive::{Form, Plan};
use crate::config::Config;
use crate::encode;
use crate::kind::MediaType;
use crate::reply::Refusal;
use crate::request::Request;
use crate::site;
use crate::target::{Name, Target, encode_path};
use crate::tree::{Entry, Facts, Missing, Node, Tree};

/// What a target leads to.
#[derive(Debug)]
pub enum Found<F> {
    /// A regular file, held open.
    File(Served<F>),
    /// A file to send in place of what was not found.
    NotFound(Served<F>),
    /// A directory without an index, seen as the target says.
    Listing(Target, Vec<Entry>),
    /// A directory, to be sent as an archive.
    Archive(Plan),
    /// Another place.
    Moved { status: u16, location: String },
    /// Nothing that may be served.
    Refused(Refusal),
}

/// A file and how it is sent.
#[derive(Debug)]
pub struct Served<F> {
    /// The open file whose bytes are sent, and its own facts: those of a sibling if it is one.
    pub file: F,
    pub facts: Facts,
    /// Where the file that was asked for lies, relative to the root.
    pub path: String,
    /// The media type of the file that was asked for.
    pub media: MediaType,
    pub variant: Variant,
    /// The fields of the request that the choice depended on (RFC 9110 12.5.5).
    pub vary: Vec<&'static str>,
}

/// Which representation of a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The file as it is.
    Plain,
    /// A file beside it that holds its content encoded.
    Sibling(Coding),
    /// Its content, encoded on the way.
    Encoded(Coding),
}

/// Looks for the target: where it has moved, the file, the index of the directory (S33), or else its entries.
pub async fn find<T: Tree>(request: &Request<'_>, target: &Target, tree: &T, config: &Config) -> Found<T::File> {
    if let Some((status, location)) = moved(target, config) {
        return Found::Moved { status, location };
    }
    let below = match &config.prefix {
        Some(prefix) => target.below(prefix),
        None => Some(target.clone()),
    };
    let Some(target) = below else { return Found::Refused(Refusal::NotFound) };
    let search = Search { request, tree, config };
    match search.look(&target).await {
        Found::Refused(refusal) => search.fall_back(&target, refusal).await,
        found => found,
    }
}

fn moved(target: &Target, config: &Config) -> Option<(u16, String)> {
    let path = if config.redirects.is_empty() { return None } else { target.title() };
    let (status, mut location) = config.redirects.iter().find_map(|redirect| redirect.of(&path, encode_path))?;
    target.keep_query(&mut location);
    Some((status, location))
}

/// What does not change while one target is looked for.
struct Search<'a, T> {
    request: &'a Request<'a>,
    tree: &'a T,
    config: &'a Config,
}

impl<T: Tree> Search<'_, T> {
    async fn look(&self, target: &Target) -> Found<T::File> {
        if target.is_hidden() && !self.config.hidden {
            return Found::Refused(Refusal::NotFound);
        }
        let path = target.path();
        match (self.open(&path).await, target.names().last(), target.is_directory()) {
            (Ok(Node::File(file, facts)), Some(name), false) => match self.cleaned(target) {
                Some(location) => Found::Moved { status: 308, location },
                None => Found::File(self.serve(path, name, file, facts).await),
            },
            (Ok(Node::Directory), _, false) => Found::Moved { status: 301, location: target.location() },
            (Ok(Node::Directory), _, true) => self.directory(target, &path).await,
            (Err(_), Some(name), false) if self.config.clean_urls => self.page(path, name).await,
            // S23: a file is no directory, so a path with a slash at its end does not name it.
            (Ok(Node::File(..)) | Err(_), _, _) => Found::Refused(Refusal::NotFound),
        }
    }

    /// What lies at a path. The file of the site is not for sending, whoever names it: a client, or an option.
    async fn open(&self, path: &str) -> Result<Node<T::File>, Missing> {
        if path == site::FILE { Err(Missing) } else { self.tree.open(path).await }
    }

    /// Where a page is that was asked for by the name of its file.
    fn cleaned(&self, target: &Target) -> Option<String> {
        if self.config.clean_urls { target.clean_location(&self.config.index) } else { None }
    }

    /// The page that a path without suffix means.
    async fn page(&self, path: String, name: &Name) -> Found<T::File> {
        // `.well-known` is no dotfile, `.well-known.html` is one.
        let page = Name::new(format!("{}.html", name.as_str())).filter(|page| self.config.hidden || !page.is_hidden());
        let suffixed = (format!("{path}.html"), page);
        match (self.open(&suffixed.0).await, suffixed.1) {
            (Ok(Node::File(file, facts)), Some(name)) => Found::File(self.serve(suffixed.0, &name, file, facts).await),
            _ => Found::Refused(Refusal::NotFound),
        }
    }

    async fn directory(&self, target: &Target, path: &str) -> Found<T::File> {
        // Asked for by name, so it is given whether or not there is a page to be shown in place of the listing.
        if let (Some(form), true) = (self.archive(target), self.config.listing) {
            return match Plan::make(form, target, self.tree, self.config).await {
                Ok(plan) => Found::Archive(plan),
                Err(refusal) => Found::Refused(refusal),
            };
        }
        for name in &self.config.index {
            let index = join(path, name);
            if let Ok(Node::File(file, facts)) = self.open(&index).await {
                return Found::File(self.serve(index, name, file, facts).await);
            }
        }
        if !self.config.listing {
            return Found::Refused(Refusal::NotFound);
        }
        let wanted = |name: &Name| is_shown(path, name, self.config.hidden);
        match self.tree.list(path, wanted, usize::MAX).await {
            Ok(mut listed) => {
                self.tree.describe(path, listed.entries.iter_mut()).await;
                Found::Listing(target.clone(), listed.entries)
            }
            Err(Missing) => Found::Refused(Refusal::NotListable),
        }
    }

    /// The form of archive that is asked for; a word that stands for none that may be had is no more than any query.
    fn archive(&self, target: &Target) -> Option<Form> {
        Form::parse(&target.parameter("download")?).filter(|form| self.config.archives.contains(form))
    }

    /// What is sent where nothing was found: the page of an application that routes by itself, or a page that says so.
    async fn fall_back(&self, target: &Target, refusal: Refusal) -> Found<T::File> {
        if refusal.status() != 404 {
            return Found::Refused(refusal);
        }
        let is_route = target.names().last().is_none_or(|name| !name.as_str().contains('.'));
        if let Some(spa) = self.config.spa.as_ref().filter(|_| is_route)
            && accept::accepts(&self.request.values("accept"), "text", "html")
            && let Some(mut served) = self.fixed(spa).await
        {
            served.vary.push("Accept");
            return Found::File(served);
        }
        match &self.config.not_found {
            Some(page) => self.fixed(page).await.map_or(Found::Refused(refusal), Found::NotFound),
            None => Found::Refused(refusal),
        }
    }

    /// A file that the configuration names.
    async fn fixed(&self, target: &Target) -> Option<Served<T::File>> {
        let (path, name) = (target.path(), target.names().last()?);
        match self.open(&path).await {
            Ok(Node::File(file, facts)) => Some(self.serve(path, name, file, facts).await),
            _ => None,
        }
    }

    /// Chooses the variant of a file: one that lies beside it, one made on the way, or the file itself.
    async fn serve(&self, path: String, name: &Name, file: T::File, facts: Facts) -> Served<T::File> {
        let config = self.config;
        let media = config.media_of(name);
        let mut served = Served { file, facts, path, media, variant: Variant::Plain, vary: Vec::new() };
        if !served.media.is_compressible() || !(config.precompressed || config.compress) {
            return served;
        }
        served.vary.push("Accept-Encoding");
        let accepted = AcceptEncoding::parse(&self.request.values("accept-encoding"));
        if let (true, Some((coding, file, facts))) = (config.precompressed, self.sibling(&served, &accepted).await) {
            return Served { file, facts, variant: Variant::Sibling(coding), ..served };
        }
        let worthwhile = config.compress && encode::WORTHWHILE.contains(&served.facts.size);
        if let (true, Choice::Coded(coding)) = (worthwhile, accepted.choose(encode::CODINGS)) {
            // A part is a part of the file: encoding it would make the rest unfit.
            if self.request.values("range").is_empty() {
                served.variant = Variant::Encoded(coding);
            }
        }
        served
    }

    /// The best file beside this one that holds its content encoded, and is not older than it.
    async fn sibling(&self, of: &Served<T::File>, accepted: &AcceptEncoding) -> Option<(Coding, T::File, Facts)> {
        let mut candidates = vec![Coding::Brotli, Coding::Zstd, Coding::Gzip];
        while let Choice::Coded(coding) = accepted.choose(&candidates) {
            let path = format!("{}.{}", of.path, coding.suffix());
            if let Ok(Node::File(file, facts)) = self.tree.open(&path).await
                && facts.modified.zip(of.facts.modified).is_some_and(|(sibling, original)| sibling >= original)
            {
                return Some((coding, file, facts));
            }
            candidates.retain(|candidate| *candidate != coding);
        }
        None
    }
}

/// Whether an entry of the directory at `path` is shown to anybody: in its listing, and in archives.
pub fn is_shown(path: &str, name: &Name, hidden: bool) -> bool {
    let is_site = path.is_empty() && name.as_str() == site::FILE;
    (hidden || !name.is_hidden()) && !is_site
}

/// The path of an entry of the directory at `path`.
pub fn join(path: &str, name: &Name) -> String {
    match path {
        "" => name.as_str().to_owned(),
        _ => format!("{path}/{}", name.as_str()),
    }
}
