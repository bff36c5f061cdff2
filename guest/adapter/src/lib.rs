//! What both components share: one service per instance, and the tree over WASI 0.2. Knows no version of `wasi:http`.

mod listing;
mod packed;
mod site_tree;
mod tree;

pub use site_tree::{OpenFile, SiteTree, part};
pub use tree::PreopenedFile;

use glasshouse_core::config::BodyPath;
use glasshouse_core::tree::packed::PackedTree;
use glasshouse_core::tree::packed::image::SiteImage;
use glasshouse_core::{PublicTree, Refusal, Reply, Request, SiteOptions, answer};
use listing::Root;
use std::fmt::Display;
use tree::PreopenedTree;

/// The data from which an instance answers all its requests.
pub struct HandlerService {
    tree: PublicTree<SiteTree>,
    site: SiteOptions,
}

impl HandlerService {
    /// Creates a service from the environment variables, and from the folder inside the component or else the
    /// preopened directory. Logs an error and returns `None` if a variable is invalid or there is no directory.
    pub fn start(environment: Vec<(String, String)>) -> Option<HandlerService> {
        let image = packed::image().map_err(|error| log_error(&error)).ok()?;
        // A later variable replaces an earlier one, so the environment overrides the packed options.
        let packed_options = image.as_ref().map(SiteImage::options).unwrap_or_default();
        let options = packed_options.into_iter().chain(environment);
        let site = SiteOptions::new(options).map_err(|error| log_error(&error)).ok()?;
        let tree = match image {
            Some(image) => SiteTree::Packed(PackedTree::new(image)),
            None => SiteTree::Preopened(preopened(&site)?),
        };
        Some(HandlerService { tree: PublicTree::new(tree), site })
    }

    /// The tree, for bodies that read it after the head is sent.
    pub fn tree(service: Option<&HandlerService>) -> Option<&PublicTree<SiteTree>> {
        service.map(|service| &service.tree)
    }

    /// Answers a request. Also returns how the bytes of files leave the handler. Without a service the response is an
    /// error.
    pub async fn answer(service: Option<&HandlerService>, request: &Request<'_>) -> (Reply<OpenFile>, BodyPath) {
        // A function: the format of the response depends on a field, which is read only if it is needed.
        let unable = || (Reply::refused(request, Refusal::Misconfigured), BodyPath::Pumped);
        let Some(HandlerService { tree, site }) = service else { return unable() };
        match site.config(tree, |error| log_error(error)).await {
            Some(config) => {
                let reply = answer(request, tree, &config).await;
                config.siblings.take_mismatches().iter().for_each(|complaint| log_error(complaint));
                (reply, config.body)
            }
            None => unable(),
        }
    }
}

fn preopened(site: &SiteOptions) -> Option<PreopenedTree> {
    let root = Root::preopened(site.root()).map_err(|error| log_error(&error)).ok()?;
    Some(PreopenedTree::new(root, site.body()))
}

/// Writes an error to the log of the host.
pub fn log_error(reason: &dyn Display) {
    eprintln!("glasshouse: {reason}");
}

/// The name of a method, or an empty string for methods that the core does not distinguish. The first argument is the
/// path of `Method` in one version of `wasi:http`; the types of the two versions have no common trait.
#[macro_export]
macro_rules! method_name {
    ($($method:ident)::+, $value:expr) => {
        match $value {
            $($method)::+::Get => "GET",
            $($method)::+::Head => "HEAD",
            $($method)::+::Options => "OPTIONS",
            _ => "",
        }
    };
}
