//! The imports and exports of a component that matter for a chain.

use crate::ChainPart;
use crate::error::ComposeError;
use crate::http_version::HttpVersion;
use semver::Version;
use wasmparser::{Parser, Payload};

const PREOPENS: &str = "wasi:filesystem/preopens";
const FILE_TYPES: &str = "wasi:filesystem/types";

/// The names of the imports and exports of a component.
#[derive(Debug)]
pub(crate) struct Interfaces {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

impl Interfaces {
    /// # Errors
    /// The bytes are not a component.
    pub(crate) fn read(part: &ChainPart<'_>) -> Result<Interfaces, ComposeError> {
        let broken = |error| ComposeError::broken(part.name, &error);
        let (mut interfaces, mut depth) = (Interfaces { imports: Vec::new(), exports: Vec::new() }, 0_u32);
        for payload in Parser::new(0).parse_all(part.bytes) {
            match payload.map_err(broken)? {
                Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth = depth.saturating_add(1),
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        interfaces.imports.push(import.map_err(broken)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        interfaces.exports.push(export.map_err(broken)?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(interfaces)
    }

    /// The import of the handler interface.
    pub(crate) fn import(&self, version: HttpVersion) -> Option<&str> {
        self.imports.iter().find(|name| version.is_handler(name)).map(String::as_str)
    }

    /// The export of the handler interface.
    pub(crate) fn export(&self, version: HttpVersion) -> Option<&str> {
        self.exports.iter().find(|name| version.is_handler(name)).map(String::as_str)
    }

    /// Whether the component is a handler for a version.
    pub(crate) fn answers(&self, version: HttpVersion) -> bool {
        self.export(version).is_some() && self.any_import().is_none()
    }

    /// Whether the component is a middleware for a version.
    pub(crate) fn passes_on(&self, version: HttpVersion) -> bool {
        self.import(version).is_some() && self.export(version).is_some()
    }

    /// # Errors
    /// The component is not a middleware for any version.
    pub(crate) fn check_middleware(&self, name: &str) -> Result<(), ComposeError> {
        if HttpVersion::ALL.iter().any(|version| self.passes_on(*version)) {
            return Ok(());
        }
        let name = name.to_owned();
        Err(match self.any_import() {
            Some(import) => ComposeError::ExportsNoHandler { name, import: import.to_owned() },
            None => ComposeError::ImportsNoHandler { name },
        })
    }

    /// Why the component cannot be the handler behind middleware of this version.
    pub(crate) fn wrong_handler(&self, name: &str, middleware: HttpVersion) -> ComposeError {
        let name = name.to_owned();
        if let Some(import) = self.any_import() {
            return ComposeError::HandlerIsMiddleware { name, import: import.to_owned() };
        }
        match HttpVersion::ALL.into_iter().find(|version| self.export(*version).is_some()) {
            Some(handler) => ComposeError::OtherVersion { name, handler, middleware },
            None => ComposeError::NoHandler { name },
        }
    }

    fn any_import(&self) -> Option<&str> {
        HttpVersion::ALL.iter().find_map(|version| self.import(*version))
    }

    /// Each import of preopens, with the import of its types.
    pub(crate) fn preopens(&self) -> impl Iterator<Item = (&str, &str)> {
        let is = |name: &str, interface: &str| name.split('@').next() == Some(interface);
        self.imports.iter().filter(move |name| is(name, PREOPENS)).filter_map(move |preopens| {
            let minor = |name: &str| Some(Version::parse(name.split_once('@')?.1).ok()?.minor);
            let mut types = self.imports.iter().filter(|name| is(name, FILE_TYPES));
            let same = types.find(|name| minor(name) == minor(preopens))?;
            Some((preopens.as_str(), same.as_str()))
        })
    }
}
