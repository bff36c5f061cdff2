//! What both components share: one service per instance, and directory listings over WASI 0.2. Knows no version of
//! `wasi:http`.

mod listing;

pub use listing::{Root, open_error, served, stamp};

use glasshouse_core::config::BodyPath;
use glasshouse_core::{PublicTree, Refusal, Reply, Request, SiteOptions, Tree, answer};
use std::fmt::Display;

/// The data from which an instance answers all its requests.
pub struct SiteService<T> {
    tree: PublicTree<T>,
    site: SiteOptions,
}

impl<T: Tree> SiteService<T> {
    /// Creates a service from the environment variables and the preopened directory. `tree` opens the tree. Logs an
    /// error and returns `None` if a variable is invalid or there is no tree.
    pub fn start(
        environment: Vec<(String, String)>,
        tree: impl FnOnce(Root, BodyPath) -> Option<T>,
    ) -> Option<SiteService<T>> {
        let site = SiteOptions::new(environment).map_err(|error| log_error(&error)).ok()?;
        let tree = Root::preopened().and_then(|root| tree(root, site.body()));
        if tree.is_none() {
            log_error(&"no directory to serve: the host preopened none");
        }
        Some(SiteService { tree: PublicTree::new(tree?), site })
    }

    /// The tree, for bodies that read it after the head is sent.
    pub fn tree(service: Option<&SiteService<T>>) -> Option<&PublicTree<T>> {
        service.map(|service| &service.tree)
    }

    /// Answers a request. Also returns how the bytes of files leave the handler. Without a service the response is an
    /// error.
    pub async fn answer(service: Option<&SiteService<T>>, request: &Request<'_>) -> (Reply<T::File>, BodyPath) {
        let unable = (Reply::refused(request, Refusal::Misconfigured), BodyPath::Pumped);
        let Some(SiteService { tree, site }) = service else { return unable };
        match site.config(tree, |error| log_error(error)).await {
            Some(config) => {
                let reply = answer(request, tree, &config).await;
                config.siblings.take_mismatches().iter().for_each(|complaint| log_error(complaint));
                (reply, config.body)
            }
            None => unable,
        }
    }
}

/// Writes an error to the log of the host.
pub fn log_error(reason: &dyn Display) {
    eprintln!("glasshouse: {reason}");
}

/// A pattern of the error codes that mean absence. All other codes are faults. The argument is the path of `ErrorCode`
/// in one version of `wasi:filesystem`; the types of the two versions have no common trait.
#[macro_export]
macro_rules! absent {
    ($($code:ident)::+) => {
        $($code)::+::Access
            | $($code)::+::IllegalByteSequence
            | $($code)::+::Invalid
            | $($code)::+::IsDirectory
            | $($code)::+::Loop
            | $($code)::+::NameTooLong
            | $($code)::+::NoEntry
            | $($code)::+::NotDirectory
            | $($code)::+::NotPermitted
    };
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
