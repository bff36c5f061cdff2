//! What both components are made of: one service an instance, and directories read the one way that survives any name.
//! It refuses to know the version of `wasi:http` that asks.

mod listing;

pub use listing::{Root, missing, served, stamp};

use glasshouse_core::config::BodyPath;
use glasshouse_core::{PublicTree, Refusal, Reply, Request, SiteOptions, Tree, answer};
use std::fmt::Display;

/// What an instance answers from, for as long as it lives.
pub struct Service<T> {
    tree: PublicTree<T>,
    site: SiteOptions,
}

impl<T: Tree> Service<T> {
    /// The service with these variables, over the preopened directory as `tree` sees it in such a host; `None` where either is wrong,
    /// which the log is told.
    pub fn start(
        environment: Vec<(String, String)>,
        tree: impl FnOnce(Root, BodyPath) -> Option<T>,
    ) -> Option<Service<T>> {
        let site = SiteOptions::new(environment).map_err(|error| complain(&error)).ok()?;
        let tree = Root::preopened().and_then(|root| tree(root, site.body()));
        if tree.is_none() {
            complain(&"no directory to serve: the host preopened none");
        }
        Some(Service { tree: PublicTree::new(tree?), site })
    }

    /// The tree that it answers from, for what is still to be read of it when the head is sent.
    pub fn tree(service: Option<&Service<T>>) -> Option<&PublicTree<T>> {
        service.map(|service| &service.tree)
    }

    /// Answers a request, and says how the bytes of files are to leave. Without a service nothing can be answered.
    pub async fn answer(service: Option<&Service<T>>, request: &Request<'_>) -> (Reply<T::File>, BodyPath) {
        let unable = (Reply::refused(request, Refusal::Misconfigured), BodyPath::Pumped);
        let Some(Service { tree, site }) = service else { return unable };
        match site.config(tree, |error| complain(error)).await {
            Some(config) => {
                let reply = answer(request, tree, &config).await;
                config.siblings.take_mismatches().iter().for_each(|complaint| complain(complaint));
                (reply, config.body)
            }
            None => unable,
        }
    }
}

/// Tells the log of the host what the client is not told.
pub fn complain(reason: &dyn Display) {
    eprintln!("glasshouse: {reason}");
}

/// Which codes of an error say that there is nothing to be had, given the path of the `ErrorCode` of one version of
/// `wasi:filesystem`. All others are faults: what is not known to mean absence must not pass for it.
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

/// The token of a method, given the path of the `Method` of one version of `wasi:http`: to Rust their types differ, and
/// nothing else does. What is not answered in any way of its own has none.
#[macro_export]
macro_rules! token {
    ($($method:ident)::+, $asked:expr) => {
        match $asked {
            $($method)::+::Get => "GET",
            $($method)::+::Head => "HEAD",
            $($method)::+::Options => "OPTIONS",
            _ => "",
        }
    };
}
