//! What both components share: one service per instance, and the tree over WASI 0.2. Knows no version of `wasi:http`.

mod listing;
mod tree;

pub use tree::{OpenFile, PreopenedTree};

use glasshouse_core::config::BodyPath;
use glasshouse_core::{PublicTree, Refusal, Reply, Request, SiteOptions, answer};
use listing::Root;
use std::fmt::Display;

/// The data from which an instance answers all its requests.
pub struct SiteService {
    tree: PublicTree<PreopenedTree>,
    site: SiteOptions,
}

impl SiteService {
    /// Creates a service from the environment variables and the preopened directory. Logs an error and returns `None`
    /// if a variable is invalid or the directory does not exist.
    pub fn start(environment: Vec<(String, String)>) -> Option<SiteService> {
        let site = SiteOptions::new(environment).map_err(|error| log_error(&error)).ok()?;
        let root = Root::preopened(site.root()).map_err(|error| log_error(&error)).ok()?;
        let tree = PreopenedTree::new(root, site.body());
        Some(SiteService { tree: PublicTree::new(tree), site })
    }

    /// The tree, for bodies that read it after the head is sent.
    pub fn tree(service: Option<&SiteService>) -> Option<&PublicTree<PreopenedTree>> {
        service.map(|service| &service.tree)
    }

    /// Answers a request. Also returns how the bytes of files leave the handler. Without a service the response is an
    /// error.
    pub async fn answer(service: Option<&SiteService>, request: &Request<'_>) -> (Reply<OpenFile>, BodyPath) {
        // A function: the format of the response depends on a field, which is read only if it is needed.
        let unable = || (Reply::refused(request, Refusal::Misconfigured), BodyPath::Pumped);
        let Some(SiteService { tree, site }) = service else { return unable() };
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
