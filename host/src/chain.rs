//! The handler with the middleware in front of it: judges each component, and composes all of them into one.

use crate::component_file::{ComponentFile, Packed};
use glasshouse_compose::{ChainPart, ComposeError, Directories, HttpVersion, Middleware};
use glasshouse_sandbox::{Code, Handoff, Inspection, P2, P3, Rejection};
use std::fmt;
use thiserror::Error;

const BUILT_IN: &str = "built-in handler";

/// The source of the handler.
#[derive(Debug)]
pub(crate) enum HandlerSource {
    Embedded,
    File(ComponentFile),
}

impl HandlerSource {
    /// Whether the handler is a packed site.
    pub(crate) fn packed(&self) -> Packed {
        match self {
            HandlerSource::Embedded => Packed::No,
            HandlerSource::File(file) => file.facts.packed,
        }
    }

    /// Whether the handler reads a directory.
    pub(crate) fn needs_directory(&self) -> bool {
        match self {
            HandlerSource::Embedded => true,
            HandlerSource::File(file) => file.facts.needs_directory,
        }
    }
}

/// The owned parts of a [`Chain`].
pub(crate) type ChainParts = (HandlerSource, Vec<ComponentFile>);

/// A handler and its middleware, the outermost first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain<'a> {
    pub(crate) handler: &'a HandlerSource,
    pub(crate) middleware: &'a [ComponentFile],
}

/// The code of a chain.
pub(crate) enum ChainCode<'a> {
    BuiltIn,
    File(&'a [u8]),
    Composition(Vec<u8>),
}

/// Why there is no chain of these components.
#[derive(Debug, Error)]
pub(crate) enum ChainError {
    #[error("'{name}' cannot be used: {reason}{}", more(*.others))]
    Rejected { name: String, reason: Rejection, others: usize },
    #[error(transparent)]
    Compose(#[from] ComposeError),
}

fn more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" (and {others} more)") }
}

impl<'a> Chain<'a> {
    /// The code of the handler, or the composition of all components.
    ///
    /// # Errors
    /// A component would be rejected, or two of them do not fit together.
    pub(crate) fn code(&self) -> Result<ChainCode<'a>, ChainError> {
        match self.handler {
            _ if !self.middleware.is_empty() => self.compose().map(ChainCode::Composition),
            HandlerSource::Embedded => Ok(ChainCode::BuiltIn),
            HandlerSource::File(file) => Ok(ChainCode::File(&file.bytes)),
        }
    }

    /// The composition in the binary format. Its imports are not judged yet.
    ///
    /// # Errors
    /// As [`Chain::code`].
    pub(crate) fn compose(&self) -> Result<Vec<u8>, ChainError> {
        let named: Vec<(String, &[u8])> =
            self.middleware.iter().map(|file| (file.path.display().to_string(), file.bytes.as_slice())).collect();
        for (name, bytes) in &named {
            accept(name, Inspection::new(bytes).middleware_reasons())?;
        }
        let parts: Vec<ChainPart<'_>> = named.iter().map(|(name, bytes)| ChainPart { name, bytes }).collect();
        let middleware = Middleware::new(&parts)?;
        let directories = match self.handler.needs_directory() {
            true => Directories::FromHost,
            false => Directories::Empty,
        };
        let composed = match self.handler {
            HandlerSource::Embedded => {
                let bytes = match middleware.version() {
                    HttpVersion::P2 => &P2,
                    HttpVersion::P3 => &P3,
                };
                middleware.compose(ChainPart { name: BUILT_IN, bytes }, directories)?
            }
            HandlerSource::File(file) => {
                let name = file.path.display().to_string();
                // The composition reports better that a middleware is in the place of the handler.
                accept(&name, Inspection::new(&file.bytes).middleware_reasons())?;
                middleware.compose(ChainPart { name: &name, bytes: &file.bytes }, directories)?
            }
        };
        Ok(composed)
    }

    /// Whether the code is that of the built-in handler for WASI 0.3. Its responses depend only on the request and on
    /// the files, and the host can record what it reads.
    pub(crate) fn can_be_replayed(&self) -> bool {
        let is_own = match self.handler {
            HandlerSource::Embedded => true,
            HandlerSource::File(file) => file.facts.packed == Packed::WithOwnP3Code,
        };
        is_own && self.middleware.is_empty()
    }

    /// How bodies leave an instance. In a chain, a middleware may read the body of the next component.
    pub(crate) fn handoff(&self) -> Handoff {
        match self.handler {
            _ if !self.middleware.is_empty() => Handoff::Pumped,
            HandlerSource::Embedded => Handoff::Direct,
            HandlerSource::File(file) => file.facts.handoff(),
        }
    }

    /// Reads the files again. `None` if none has changed.
    ///
    /// # Errors
    /// The first file that cannot be read, with the reason.
    pub(crate) fn read_again(&self) -> Result<Option<ChainParts>, String> {
        let named = |file: &ComponentFile, reason: String| format!("'{}': {reason}", file.path.display());
        let again = |file: &ComponentFile| ComponentFile::read(&file.path).map_err(|reason| named(file, reason));
        let handler = match self.handler {
            HandlerSource::Embedded => HandlerSource::Embedded,
            HandlerSource::File(file) => HandlerSource::File(again(file)?),
        };
        let middleware = self.middleware.iter().map(again).collect::<Result<Vec<_>, _>>()?;
        let next = Chain { handler: &handler, middleware: &middleware };
        let is_unchanged = self.files().zip(next.files()).all(|(before, now)| before.is_same(now));
        Ok((!is_unchanged).then_some((handler, middleware)))
    }

    /// The files of the components: that of the handler, unless it is built in, and those of its middleware.
    pub(crate) fn files(&self) -> impl Iterator<Item = &'a ComponentFile> + use<'a> {
        let handler = match self.handler {
            HandlerSource::Embedded => None,
            HandlerSource::File(file) => Some(file),
        };
        handler.into_iter().chain(self.middleware)
    }

    /// The names of the components, the outermost first.
    pub(crate) fn names(&self) -> Vec<String> {
        let middleware = self.middleware.iter().map(|file| file.path.display().to_string());
        middleware.chain([self.handler_name()]).collect()
    }

    fn handler_name(&self) -> String {
        match self.handler {
            HandlerSource::Embedded => BUILT_IN.to_owned(),
            HandlerSource::File(file) => file.path.display().to_string(),
        }
    }
}

impl ChainCode<'_> {
    pub(crate) fn code(&self) -> Code<'_> {
        match self {
            ChainCode::BuiltIn => Code::BuiltIn,
            ChainCode::File(bytes) => Code::Component(bytes),
            ChainCode::Composition(bytes) => Code::Component(bytes),
        }
    }
}

impl fmt::Display for Chain<'_> {
    /// The handler, and the middleware if there is any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.handler {
            HandlerSource::Embedded => f.write_str("that is built in")?,
            HandlerSource::File(file) => write!(f, "'{}'", file.path.display())?,
        }
        match self.middleware {
            [] => Ok(()),
            middleware => {
                let names = middleware.iter().map(|file| format!("'{}'", file.path.display()));
                write!(f, " behind {}", names.collect::<Vec<_>>().join(" and "))
            }
        }
    }
}

/// Fails with the first reason.
fn accept(name: &str, reasons: Vec<Rejection>) -> Result<(), ChainError> {
    let mut reasons = reasons.into_iter();
    match reasons.next() {
        None => Ok(()),
        Some(reason) => Err(ChainError::Rejected { name: name.to_owned(), reason, others: reasons.len() }),
    }
}
