//! Composes middleware and a handler into one component, which answers requests like a single handler.
//!
//! A middleware imports and exports the handler interface of `wasi:http`. Its import becomes the export of the next
//! component of the chain. Only the last component, the handler, gets the directories of the host: where a middleware
//! imports `wasi:filesystem/preopens`, it gets an empty list instead.
//!
//! The caller has inspected all components, so their size and depth are bounded.

#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::allow_attributes_without_reason,
        unreachable_pub
    )
)]
#![warn(missing_docs)]

mod composition;
mod empty_preopens;
mod error;
mod http_version;
mod interfaces;

pub use composition::is_composition;
pub use error::ComposeError;
pub use http_version::HttpVersion;

use interfaces::Interfaces;
use std::collections::BTreeMap;
use std::thread;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

/// A component of a chain.
#[derive(Clone, Copy, Debug)]
pub struct ChainPart<'a> {
    /// Its name in errors, such as the path of its file.
    pub name: &'a str,
    /// The component in the binary format.
    pub bytes: &'a [u8],
}

/// Whether the handler of a chain gets the directories of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directories {
    /// The composition imports them for the handler.
    FromHost,
    /// The handler gets an empty list, as the middleware does.
    Empty,
}

/// The middleware of a chain, which has one version of `wasi:http`.
#[derive(Debug)]
pub struct Middleware<'a> {
    parts: Vec<(ChainPart<'a>, Interfaces)>,
    version: HttpVersion,
}

impl<'a> Middleware<'a> {
    /// Checks the middleware of a chain, the outermost first.
    ///
    /// # Errors
    /// A component cannot be a middleware, or two components have different versions of `wasi:http`.
    pub fn new(parts: &[ChainPart<'a>]) -> Result<Middleware<'a>, ComposeError> {
        let read = |part: &ChainPart<'a>| Ok((*part, Interfaces::read(part)?));
        let parts = parts.iter().map(read).collect::<Result<Vec<_>, ComposeError>>()?;
        for (part, interfaces) in &parts {
            interfaces.check_middleware(part.name)?;
        }
        let is_common = |version: &HttpVersion| parts.iter().all(|(_, interfaces)| interfaces.passes_on(*version));
        let version = HttpVersion::ALL.into_iter().find(is_common).ok_or_else(|| mixed(&parts))?;
        Ok(Middleware { parts, version })
    }

    /// The version of `wasi:http` that the handler must export.
    pub fn version(&self) -> HttpVersion {
        self.version
    }

    /// Composes the middleware and a handler into one component in the binary format. Does not validate the result.
    ///
    /// # Errors
    /// The handler has another version of `wasi:http`, or the types of two components do not match.
    pub fn compose(&self, handler: ChainPart<'_>, directories: Directories) -> Result<Vec<u8>, ComposeError> {
        let of_handler = Interfaces::read(&handler)?;
        if !of_handler.answers(self.version) {
            return Err(of_handler.wrong_handler(handler.name, self.version));
        }
        // The library may panic on a component that it does not support.
        let composed = thread::scope(|scope| {
            let composing =
                scope.spawn(|| Composer::new(self.version).compose(self, (handler, of_handler), directories));
            composing.join()
        });
        composed.unwrap_or(Err(ComposeError::Unsupported))
    }
}

/// The error for middleware without a common version.
fn mixed(parts: &[(ChainPart<'_>, Interfaces)]) -> ComposeError {
    let only = |version: HttpVersion, other: HttpVersion| {
        let part = parts.iter().find(|(_, interfaces)| interfaces.passes_on(version) && !interfaces.passes_on(other));
        part.map_or_else(String::new, |(part, _)| part.name.to_owned())
    };
    ComposeError::Mixed { p2: only(HttpVersion::P2, HttpVersion::P3), p3: only(HttpVersion::P3, HttpVersion::P2) }
}

/// A composition under construction.
struct Composer {
    graph: CompositionGraph,
    version: HttpVersion,
    packages: usize,
    /// Instances without directories, by the versions of the interfaces that their users import.
    empty_preopens: BTreeMap<(String, String), NodeId>,
}

impl Composer {
    fn new(version: HttpVersion) -> Composer {
        let graph = CompositionGraph::new();
        Composer { graph, version, packages: 0, empty_preopens: BTreeMap::new() }
    }

    fn compose(
        mut self,
        middleware: &Middleware<'_>,
        (handler, of_handler): (ChainPart<'_>, Interfaces),
        directories: Directories,
    ) -> Result<Vec<u8>, ComposeError> {
        let instance = self.instantiate(&handler)?;
        if directories == Directories::Empty {
            self.deny_directories(instance, &handler, &of_handler)?;
        }
        let (mut next, mut name) = self.handler_of(instance, &handler, &of_handler)?;
        for (part, interfaces) in middleware.parts.iter().rev() {
            let instance = self.instantiate(part)?;
            self.deny_directories(instance, part, interfaces)?;
            let import = interfaces.import(self.version).ok_or(ComposeError::Unsupported)?;
            let mismatch = |error| ComposeError::mismatch(part.name, &error);
            self.graph.set_instantiation_argument(instance, import, next).map_err(mismatch)?;
            (next, name) = self.handler_of(instance, part, interfaces)?;
        }
        self.graph.export(next, name).map_err(|_| ComposeError::Unsupported)?;
        // The caller inspects the composition, which validates it.
        let options = EncodeOptions { validate: false, ..EncodeOptions::default() };
        self.graph.encode(options).map_err(|error| ComposeError::Conflict { reason: error::reason(&error) })
    }

    fn instantiate(&mut self, part: &ChainPart<'_>) -> Result<NodeId, ComposeError> {
        self.packages = self.packages.saturating_add(1);
        let name = format!("glasshouse:part-{}", self.packages);
        let package = Package::from_bytes(&name, None, part.bytes, self.graph.types_mut());
        let package = package.map_err(|error| ComposeError::broken(part.name, &*error))?;
        let package = self.graph.register_package(package).map_err(|_| ComposeError::Unsupported)?;
        Ok(self.graph.instantiate(package))
    }

    /// The handler interface of an instance, with its name.
    fn handler_of(
        &mut self,
        instance: NodeId,
        part: &ChainPart<'_>,
        interfaces: &Interfaces,
    ) -> Result<(NodeId, String), ComposeError> {
        let name = interfaces.export(self.version).ok_or(ComposeError::Unsupported)?;
        let export = self.graph.alias_instance_export(instance, name);
        let export = export.map_err(|error| ComposeError::broken(part.name, &error))?;
        Ok((export, name.to_owned()))
    }

    /// Satisfies each import of preopens with an empty list.
    fn deny_directories(
        &mut self,
        instance: NodeId,
        part: &ChainPart<'_>,
        interfaces: &Interfaces,
    ) -> Result<(), ComposeError> {
        for (preopens, types) in interfaces.preopens() {
            let key = (preopens.to_owned(), types.to_owned());
            let empty = match self.empty_preopens.get(&key) {
                Some(empty) => *empty,
                None => {
                    let bytes = empty_preopens::component(preopens, types);
                    let empty = self.instantiate(&ChainPart { name: preopens, bytes: &bytes })?;
                    let empty = self.graph.alias_instance_export(empty, preopens);
                    *self.empty_preopens.entry(key).or_insert(empty.map_err(|_| ComposeError::Unsupported)?)
                }
            };
            let mismatch = |error| ComposeError::mismatch(part.name, &error);
            self.graph.set_instantiation_argument(instance, preopens, empty).map_err(mismatch)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
