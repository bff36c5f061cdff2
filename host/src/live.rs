//! `--live`: answers the requests below its reserved path in front of the trees.

use crate::config::ServerConfig;
use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use glasshouse_http::{Client, FileRange, Handler, HandlerCall, HandlerError, ParsedHead, ReplayedResponse};
use glasshouse_live::{LiveBody, LiveHub, WatchedTree};
use glasshouse_sandbox::{ResponseBody, ServedPath};
use glasshouse_site::Router;
use http::Response;
use http::request::Parts;
use http_body_util::Either;
use std::io;

/// The hub for the served trees, or `None` without the option.
///
/// # Errors
/// The working directory is not available.
pub(crate) fn hub(config: &ServerConfig) -> io::Result<Option<LiveHub>> {
    if !config.live {
        return Ok(None);
    }
    let value = |name: &str| {
        let variable = options::variable(name);
        config.guest.iter().find(|(key, _)| *key == variable).map(|(_, value)| value.as_str())
    };
    let prefix = value("prefix").and_then(|prefix| options::prefix(prefix).ok().flatten());
    let hidden = value("hidden").is_some();
    let trees = config.trees.iter().filter_map(|served| {
        let at = served.at.as_ref().or(prefix.as_ref()).map(Target::path);
        let directory = served.tree.as_ref().map(ServedPath::path)?;
        Some(WatchedTree { url_path: at.unwrap_or_default(), directory, hidden })
    });
    LiveHub::start(trees.collect()).map(Some)
}

/// The trees, with the events of `--live` in front of them.
#[derive(Clone)]
pub(crate) struct LiveHandler {
    pub(crate) router: Router,
    pub(crate) hub: Option<LiveHub>,
}

impl Handler for LiveHandler {
    type Body = Either<ResponseBody, LiveBody>;

    fn call(
        &self,
        request: Parts,
        client: &Client,
    ) -> HandlerCall<Self::Body, impl Future<Output = Result<Response<Self::Body>, HandlerError>> + Send> {
        if let Some(response) = self.hub.as_ref().and_then(|hub| hub.answer(&request)) {
            return HandlerCall::Cached(response.map(Either::Right));
        }
        match self.router.call(request, client) {
            HandlerCall::Cached(response) => HandlerCall::Cached(response.map(Either::Left)),
            HandlerCall::Pending(answer) => HandlerCall::Pending(async { Ok(answer.await?.map(Either::Left)) }),
        }
    }

    fn replay(
        &self,
        request: &ParsedHead<'_>,
        has_users: bool,
        client: &Client,
    ) -> Option<ReplayedResponse<Self::Body>> {
        let ReplayedResponse { status, lines, body } = self.router.replay(request, has_users, client)?;
        Some(ReplayedResponse { status, lines, body: Either::Left(body) })
    }

    fn file_range(body: &mut Self::Body, max: usize) -> Option<FileRange> {
        match body {
            Either::Left(body) => Router::file_range(body, max),
            Either::Right(_) => None,
        }
    }

    fn advance(body: &mut Self::Body, bytes: usize) {
        if let Either::Left(body) = body {
            Router::advance(body, bytes);
        }
    }

    fn bound(body: &mut Self::Body, room: usize) -> bool {
        match body {
            Either::Left(body) => Router::bound(body, room),
            Either::Right(_) => false,
        }
    }

    fn is_endless(body: &Self::Body) -> bool {
        matches!(body, Either::Right(body) if body.is_endless())
    }
}
