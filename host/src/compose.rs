//! `glasshouse compose`: writes middleware and a handler as one component, for other hosts.

use crate::args::Compose;
use crate::chain::{Chain, HandlerSource};
use crate::component_file::{self, ComponentFile};
use crate::error::StartupError;
use glasshouse_sandbox::Inspection;
use std::path::Path;

/// Composes the components and writes the result.
///
/// # Errors
/// A file cannot be read or written, the components do not fit together, or the composition cannot serve here.
pub(crate) fn compose(arguments: &Compose) -> Result<(), StartupError> {
    let cannot = |reason: String| StartupError::CannotServe(format!("cannot compose: {reason}"));
    let read = |path: &Path| {
        ComponentFile::read(path).map_err(|reason| cannot(format!("'{}': {reason}; name another file", path.display())))
    };
    let middleware = arguments.with.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let handler = match &arguments.handler {
        None => HandlerSource::Embedded,
        Some(path) => HandlerSource::File(read(path)?),
    };
    let chain = Chain { handler: &handler, middleware: &middleware };
    let composed = chain.compose().map_err(|error| cannot(error.to_string()))?;
    if let Some(reason) = Inspection::new(&composed).reasons().first() {
        return Err(cannot(format!("the result cannot serve: {reason}")));
    }
    component_file::write(&arguments.output, &composed, "composition")
}
