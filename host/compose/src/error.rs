//! Why components cannot be composed.

use crate::http_version::HttpVersion;
use std::error::Error;

/// Why components cannot be composed. Each message names the component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// A file is not a valid component.
    #[error("'{name}' is not a valid WebAssembly component: {reason}")]
    Broken {
        /// The name of the component.
        name: String,
        /// One line of the parser.
        reason: String,
    },
    /// A middleware does not import the handler interface.
    #[error(
        "'{name}' is not a middleware: it imports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2, so \
         it cannot pass a request on; a handler is named with --handler"
    )]
    ImportsNoHandler {
        /// The name of the component.
        name: String,
    },
    /// A middleware does not export the handler interface in the version that it imports.
    #[error("'{name}' is not a middleware: it imports {import}, but does not export that interface")]
    ExportsNoHandler {
        /// The name of the component.
        name: String,
        /// The imported interface.
        import: String,
    },
    /// The middleware has no common version of `wasi:http`.
    #[error("'{p2}' is for wasi:http 0.2, and '{p3}' is for wasi:http 0.3; build them for the same version")]
    Mixed {
        /// A component for 0.2.
        p2: String,
        /// A component for 0.3.
        p3: String,
    },
    /// The handler has another version of `wasi:http` than the middleware.
    #[error("the middleware is for wasi:http {middleware}, and the handler '{name}' is for {handler}; use one version")]
    OtherVersion {
        /// The name of the handler.
        name: String,
        /// The version of the handler.
        handler: HttpVersion,
        /// The version of the middleware.
        middleware: HttpVersion,
    },
    /// The last component of a chain is not a handler.
    #[error("'{name}' exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2")]
    NoHandler {
        /// The name of the component.
        name: String,
    },
    /// The handler imports the handler interface itself.
    #[error("the handler '{name}' imports {import}: it is a middleware; name it with --with")]
    HandlerIsMiddleware {
        /// The name of the component.
        name: String,
        /// The imported interface.
        import: String,
    },
    /// The types of an import and of the next component differ.
    #[error("'{name}' does not fit to the next component: {reason}")]
    Mismatch {
        /// The name of the component.
        name: String,
        /// One line of the library.
        reason: String,
    },
    /// Two components import the same interface with different types.
    #[error("the components import an interface with different types: {reason}")]
    Conflict {
        /// One line of the library.
        reason: String,
    },
    /// The library cannot compose these components.
    #[error("the components cannot be composed: one has a part that is not supported")]
    Unsupported,
}

impl ComposeError {
    pub(crate) fn broken(name: &str, error: &(dyn Error + 'static)) -> ComposeError {
        ComposeError::Broken { name: name.to_owned(), reason: reason(error) }
    }

    pub(crate) fn mismatch(name: &str, error: &(dyn Error + 'static)) -> ComposeError {
        ComposeError::Mismatch { name: name.to_owned(), reason: reason(error) }
    }
}

/// The first line of each cause. Further lines quote the component.
pub(crate) fn reason(error: &(dyn Error + 'static)) -> String {
    let (mut next, mut lines) = (Some(error), Vec::new());
    while let Some(error) = next {
        lines.push(error.to_string().lines().next().unwrap_or_default().to_owned());
        next = error.source();
    }
    lines.join(": ")
}
