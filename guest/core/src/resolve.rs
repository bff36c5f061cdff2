//! From a path to what lies there and the variant of it that is sent. The only step that looks at the tree; it refuses
//! to know conditions, ranges and fields of the answer.

use crate::archive::Plan;
use crate::archive::format::ArchiveFormat;
use crate::body::encode;
use crate::config::Config;
use crate::http::accept;
use crate::http::accept::{AcceptEncoding, Choice, Coding};
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::http::target::{Name, Target, encode_path, parameter};
use crate::listing::{Href, Listing, Row, is_shown, natural, retain_shown};
use crate::media_type::MediaType;
use crate::output_format::OutputFormat;
use crate::suggest;
use crate::suggest::{Link, Suggestions};
use crate::tree::dotfiles::Visibility;
use crate::tree::public::SITE_FILE;
use crate::tree::{Bounds, DirEntry, Metadata, Node, Tree, TreeError, found, join};

/// What a target leads to.
#[derive(Debug)]
pub enum Found<F> {
    /// A regular file, held open.
    File(ServedFile<F>),
    /// A file to send in place of what was not found.
    NotFound(ServedFile<F>),
    /// A directory without an index. A short listing is ready; a long one is still to be sorted and looked at.
    Listing(Listing),
    /// A directory, to be sent as an archive.
    Archive(Plan),
    /// Another place.
    Moved { status: u16, location: String },
    /// Nothing that may be served, and where else to go.
    Refused(Refusal, Suggestions),
}

/// A file and how it is sent.
#[derive(Debug)]
pub struct ServedFile<F> {
    /// The open file whose bytes are sent, and its own facts: those of a sibling if it is one.
    pub file: F,
    pub facts: Metadata,
    /// Where the file that was asked for lies, relative to the root.
    pub path: String,
    /// The media type of the file that was asked for.
    pub media: MediaType,
    pub variant: Variant,
    /// The fields of the request that the choice depended on (RFC 9110 12.5.5).
    pub vary: Vec<&'static str>,
    /// The name to save it by, where that is not the end of its path.
    pub save_as: Option<Name>,
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
pub async fn resolve<T: Tree>(request: &Request<'_>, target: &Target, tree: &T, config: &Config) -> Found<T::File> {
    if let Some((status, location)) = moved(target, config) {
        return Found::Moved { status, location };
    }
    let below = match &config.prefix {
        Some(prefix) => target.below(prefix),
        None => Some(target.clone()),
    };
    let Some(target) = below else { return Found::Refused(Refusal::NotFound, Suggestions::default()) };
    let search = Resolver { request, tree, config };
    if let Some(name) = &config.file {
        return search.only(name, &target).await;
    }
    let looked = match search.look(&target).await {
        Err(refusal @ (Refusal::NotFound | Refusal::NotListable)) => {
            search.fall_back(&target, refusal).await.map_err(Refusal::from)
        }
        looked => looked,
    };
    match looked {
        Ok(found) => found,
        // Nothing is known of what is around it.
        Err(Refusal::Fault) => Found::Refused(Refusal::Fault, Suggestions::default()),
        // Of a directory that is there, and can be seen without what was asked for.
        Err(refusal) => {
            let back = Link { name: target.title(), href: "./".to_owned() };
            Found::Refused(refusal, Suggestions { up: Some(back), ..Suggestions::default() })
        }
    }
}

fn moved(target: &Target, config: &Config) -> Option<(u16, String)> {
    let path = if config.redirects.is_empty() { return None } else { target.title() };
    let (status, mut location) = config.redirects.iter().find_map(|redirect| redirect.of(&path, encode_path))?;
    target.keep_query(&mut location);
    Some((status, location))
}

/// Levels above a path that leads nowhere on which a directory is looked for, and that can be gone to.
const MOST_LEVELS_UP: usize = 8;
/// Entries of a directory, as the system has them one after the other, among which close names are looked for: what it costs to be
/// wrong must not grow with the directory.
const MOST_READ: usize = 10_000;
/// Names that are compared with each other, of those that are close to the one that was asked for.
const MOST_NEAR: usize = 100;
/// Names that a client is told of.
const MOST_WAYS: usize = 5;

/// What does not change while one target is looked for.
struct Resolver<'a, T> {
    request: &'a Request<'a>,
    tree: &'a T,
    config: &'a Config,
}

impl<T: Tree> Resolver<'_, T> {
    /// The one file that there is: by its name, and as what the root holds.
    async fn only(&self, name: &Name, target: &Target) -> Found<T::File> {
        let nothing = |refusal| Found::Refused(refusal, Suggestions::default());
        let is_root = match (target.names(), target.is_directory()) {
            ([], false) => return Found::Moved { status: 301, location: target.as_directory() },
            ([], true) => true,
            ([asked], false) if asked == name => false,
            _ => return nothing(Refusal::NotFound),
        };
        let served = match found(self.tree.open(name.as_str()).await) {
            Ok(Some(Node::File(file, facts))) => self.serve(name.as_str().to_owned(), name, file, facts).await,
            Ok(Some(Node::Directory) | None) => return nothing(Refusal::NotFound),
            Err(TreeError) => Err(TreeError),
        };
        match served {
            Ok(served) => Found::File(ServedFile { save_as: is_root.then(|| name.clone()), ..served }),
            Err(TreeError) => nothing(Refusal::Fault),
        }
    }

    async fn look(&self, target: &Target) -> Result<Found<T::File>, Refusal> {
        let path = target.path();
        let visibility = self.config.hidden.look(&path);
        if visibility == Visibility::Hidden {
            return Err(Refusal::NotFound);
        }
        let shown = |node: &Node<T::File>| visibility.shows(matches!(node, Node::Directory));
        match (self.open(&path).await?.filter(shown), target.names().last()) {
            (Some(Node::Directory), _) if target.is_directory() => self.directory(target, &path).await,
            (Some(Node::File(file, facts)), Some(name)) if !target.is_directory() => {
                Ok(match self.cleaned(target, &path).await? {
                    Some(location) => Found::Moved { status: 308, location },
                    None => Found::File(self.serve(path, name, file, facts).await?),
                })
            }
            (node, name) if !target.is_directory() => match (self.page(&path, name).await?, node) {
                (Some((path, name, file, facts)), _) => Ok(Found::File(self.serve(path, &name, file, facts).await?)),
                (None, Some(_)) => Ok(Found::Moved { status: 301, location: target.as_directory() }),
                (None, None) => Err(Refusal::NotFound),
            },
            // S23: a file is no directory, so a path with a slash at its end does not name it.
            _ => Err(Refusal::NotFound),
        }
    }

    /// What lies at a path. The file of the site is not for sending, whoever names it: a client, or an option.
    async fn open(&self, path: &str) -> Result<Option<Node<T::File>>, TreeError> {
        if path == SITE_FILE { Ok(None) } else { found(self.tree.open(path).await) }
    }

    /// The `Location` of a page that was asked for by the name of its file; `None` where no shorter path leads to this very file.
    /// Clients keep a 308, so it must never name another resource (RFC 9110 15.4.9).
    async fn cleaned(&self, target: &Target, path: &str) -> Result<Option<String>, TreeError> {
        // With this parameter a directory may be answered with an archive.
        let is_plain = self.config.clean_urls && parameter(target.query(), "download").is_none();
        let Some((last, above)) = target.names().split_last().filter(|_| is_plain) else { return Ok(None) };
        let Some(stem) = last.as_str().strip_suffix(".html") else { return Ok(None) };
        let directory = target.at(above.to_vec(), true);
        let is_index = self.config.index.contains(last)
            && self.index(&directory.path()).await?.is_some_and(|(index, ..)| index == path);
        let cleaned = match Name::new(stem) {
            _ if is_index => directory,
            Some(page) => target.at([above, &[page]].concat(), false),
            None => return Ok(None),
        };
        // A file of the very name comes before the page.
        let is_taken = !is_index && matches!(self.open(&cleaned.path()).await?, Some(Node::File(..)));
        let is_elsewhere =
            moved(&cleaned, self.config).is_some() || self.config.mounts.iter().any(|mount| cleaned.is_below(mount));
        Ok((!is_taken && !is_elsewhere).then(|| target.redirect(cleaned.names(), cleaned.is_directory())))
    }

    /// The page that a path without suffix means, if there is one; the root has no name, and no page.
    async fn page(
        &self,
        path: &str,
        name: Option<&Name>,
    ) -> Result<Option<(String, Name, T::File, Metadata)>, TreeError> {
        let page =
            name.filter(|_| self.config.clean_urls).and_then(|name| Name::new(format!("{}.html", name.as_str())));
        // `.well-known` is no dotfile, `.well-known.html` is one.
        let path = format!("{path}.html");
        let shown = page.filter(|_| self.config.hidden.look(&path) == Visibility::Shown);
        let Some(name) = shown else { return Ok(None) };
        Ok(match self.open(&path).await? {
            Some(Node::File(file, facts)) => Some((path, name, file, facts)),
            Some(Node::Directory) | None => None,
        })
    }

    /// The file that stands for a directory, if there is one.
    async fn index(&self, path: &str) -> Result<Option<(String, &Name, T::File, Metadata)>, TreeError> {
        let within = self.config.hidden.within(path);
        // A page of a directory that is only the way to something else has to be shown itself.
        let may_stand = |name: &Name| within.visibility == Visibility::Shown || within.look(name) == Visibility::Shown;
        for name in self.config.index.iter().filter(|name| may_stand(name)) {
            let index = join(path, name);
            if let Some(Node::File(file, facts)) = self.open(&index).await? {
                return Ok(Some((index, name, file, facts)));
            }
        }
        Ok(None)
    }

    async fn directory(&self, target: &Target, path: &str) -> Result<Found<T::File>, Refusal> {
        // What is sent for a directory has relative references in it, and may be kept by its URL.
        if !target.is_canonical() {
            return Ok(Found::Moved { status: 301, location: target.as_directory() });
        }
        // Asked for by name, so it is given whether or not there is a page to be shown in place of the listing.
        let download = parameter(target.query(), "download");
        let form = download.as_deref().and_then(ArchiveFormat::parse);
        match form {
            Some(form) if self.config.listing && self.config.archives.contains(&form) => {
                return Plan::make(form, target, self.tree, self.config).await.map(Found::Archive);
            }
            // A page in the place of an archive would be saved as one.
            Some(_) => return Err(Refusal::NoSuchForm),
            None => {}
        }
        if let Some((index, name, file, facts)) = self.index(path).await? {
            return Ok(Found::File(self.serve(index, name, file, facts).await?));
        }
        if !self.config.listing {
            return Err(Refusal::NotFound);
        }
        let format = parameter(target.query(), "format");
        if download.is_some() || format.is_some_and(|format| OutputFormat::named(&format).is_none()) {
            return Err(Refusal::NoSuchForm);
        }
        let listing = Listing::read(self.request, target, self.tree, self.config).await;
        let mut listing = found(listing)?.ok_or(Refusal::NotListable)?;
        if listing.is_short() {
            let all = 0..listing.rows.len();
            listing.look_to_sort(self.tree, all.clone()).await?;
            listing.sort();
            listing.look_at(self.tree, all).await?;
            listing.read_readme(self.tree).await?;
        }
        Ok(Found::Listing(listing))
    }

    /// What is sent where nothing was found: the page of an application that routes by itself, or a page that says so.
    async fn fall_back(&self, target: &Target, refusal: Refusal) -> Result<Found<T::File>, TreeError> {
        let is_route = target.names().last().is_none_or(|name| !name.as_str().contains('.'));
        if let Some(spa) = self.config.spa.as_ref().filter(|_| is_route)
            && accept::accepts(&self.request.values("accept"), ("text", "html"))
            && let Some(mut served) = self.fixed(spa).await?
        {
            served.vary.push("Accept");
            return Ok(Found::File(served));
        }
        let page = match &self.config.not_found {
            Some(page) => self.fixed(page).await?,
            None => None,
        };
        Ok(match page {
            Some(page) => Found::NotFound(page),
            None => Found::Refused(refusal, self.ways(target).await?),
        })
    }

    /// Where else a person may go, or a program that speaks JSON. Who takes anything is not told: that would cost a
    /// directory for every picture that a page is missing.
    async fn ways(&self, target: &Target) -> Result<Suggestions, TreeError> {
        let mut ways = Suggestions::default();
        if !OutputFormat::is_asked_for(self.request) {
            return Ok(ways);
        }
        let mut above = target.clone();
        for level in 0..MOST_LEVELS_UP {
            let Some(asked) = above.go_up() else { break };
            let path = above.path();
            let is_visible = self.config.hidden.look(&path) != Visibility::Hidden;
            if is_visible && matches!(self.open(&path).await?, Some(Node::Directory)) {
                let up = target.reference(above.names(), true);
                if level == 0 && self.config.listing {
                    ways.near = self.near(&path, &asked, &up).await?;
                }
                ways.up = Some(Link { name: above.title(), href: up });
                break;
            }
        }
        Ok(ways)
    }

    /// The names in a directory that are close to one that is not there, as far as a listing would show them.
    async fn near(&self, path: &str, asked: &Name, up: &str) -> Result<Vec<Link>, TreeError> {
        let within = self.config.hidden.within(path);
        let is_near =
            |name: &Name| is_shown(&within, name) && suggest::distance(asked.as_str(), name.as_str()).is_some();
        let bounds = Bounds { read: MOST_READ, kept: MOST_NEAR };
        let mut entries = found(self.tree.list(path, is_near, bounds).await)?.unwrap_or_default().entries;
        self.tree.describe(path, entries.iter_mut()).await?;
        retain_shown(self.tree, &within, &mut entries).await?;
        entries.sort_by(|one, other| natural::compare(one.name.as_str(), other.name.as_str()));
        entries.sort_by_cached_key(|entry| suggest::distance(asked.as_str(), entry.name.as_str()));
        let way = |entry: DirEntry| {
            let row = Row { above: String::new(), entry };
            let slash = if row.is_directory() { "/" } else { "" };
            Link { name: format!("{}{slash}", row.entry.name.as_str()), href: format!("{up}{}", Href(&row)) }
        };
        Ok(entries.into_iter().take(MOST_WAYS).map(way).collect())
    }

    /// A file that the configuration names.
    async fn fixed(&self, target: &Target) -> Result<Option<ServedFile<T::File>>, TreeError> {
        let (path, Some(name)) = (target.path(), target.names().last()) else { return Ok(None) };
        match self.open(&path).await? {
            Some(Node::File(file, facts)) => self.serve(path, name, file, facts).await.map(Some),
            Some(Node::Directory) | None => Ok(None),
        }
    }

    /// Chooses the variant of a file: one that lies beside it, one made on the way, or the file itself.
    async fn serve(
        &self,
        path: String,
        name: &Name,
        file: T::File,
        facts: Metadata,
    ) -> Result<ServedFile<T::File>, TreeError> {
        let config = self.config;
        let media = config.media_of(name);
        let variant = Variant::Plain;
        let mut served = ServedFile { file, facts, path, media, variant, vary: Vec::new(), save_as: None };
        let has_siblings = config.precompressed && config.file.is_none();
        if !served.media.is_compressible() || !(has_siblings || config.compress) {
            return Ok(served);
        }
        served.vary.push("Accept-Encoding");
        let accepted = AcceptEncoding::parse(&self.request.values("accept-encoding"));
        if has_siblings && let Some((coding, file, facts)) = self.sibling(&served, &accepted).await? {
            return Ok(ServedFile { file, facts, variant: Variant::Sibling(coding), ..served });
        }
        let worthwhile = config.compress && encode::WORTHWHILE.contains(&served.facts.size);
        if let (true, Choice::Coded(coding)) = (worthwhile, accepted.choose(encode::CODINGS)) {
            // A part is a part of the file: encoding it would make the rest unfit.
            if self.request.range().is_empty() {
                served.variant = Variant::Encoded(coding);
            }
        }
        Ok(served)
    }

    /// The best file beside this one that can hold its content encoded, and is not older than it.
    async fn sibling(
        &self,
        of: &ServedFile<T::File>,
        accepted: &AcceptEncoding,
    ) -> Result<Option<(Coding, T::File, Metadata)>, TreeError> {
        let mut candidates = vec![Coding::Brotli, Coding::Zstd, Coding::Gzip];
        while let Choice::Coded(coding) = accepted.choose(&candidates) {
            let path = format!("{}.{}", of.path, coding.suffix());
            if let Some(Node::File(file, facts)) = found(self.tree.open(&path).await)?
                && facts.modified.zip(of.facts.modified).is_some_and(|(sibling, original)| sibling >= original)
                && self.config.siblings.fit(self.tree, (&path, &file, facts), coding, of.facts.size).await?
            {
                return Ok(Some((coding, file, facts)));
            }
            candidates.retain(|candidate| *candidate != coding);
        }
        Ok(None)
    }
}
