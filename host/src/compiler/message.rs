//! What the server and the compiler process send to each other.

use crate::chain::HandlerSource;
use crate::component_file::ComponentFacts;
use crate::config::ServerConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::ops::Range;
use std::path::Path;

/// The name of the compiler process, by which the program finds that it is one.
pub(super) const NAME: &str = "glasshouse-compiler";

/// The first message of the server: the files that the compiler process may read.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ComponentPaths {
    /// `None` for the built-in handler.
    pub(super) handler: Option<OsString>,
    pub(super) middleware: Vec<OsString>,
    pub(super) mounted: Vec<OsString>,
    /// Directories that may contain the next files.
    pub(super) directories: Vec<OsString>,
}

impl ComponentPaths {
    pub(super) fn of(config: &ServerConfig) -> ComponentPaths {
        let name = |path: &Path| path.as_os_str().to_owned();
        let handler = match &config.handler {
            HandlerSource::Embedded => None,
            HandlerSource::File(file) => Some(name(&file.path)),
        };
        let mounted = config.mounted_files().map(|file| name(&file.path)).collect();
        let middleware = config.middleware.iter().map(|file| name(&file.path)).collect();
        let directories = config.harden_also.iter().map(|(path, _)| name(path)).collect();
        ComponentPaths { handler, middleware, mounted, directories }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.handler.iter().chain(&self.middleware).chain(&self.mounted).map(Path::new)
    }
}

/// The first message of the compiler process: only it can write to the region, and it has given up its rights.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ready;

/// The components to compile.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Subject {
    /// The handler behind its middleware.
    Handler,
    /// The mounted component with this index.
    Mounted(usize),
}

/// Asks to compile the components if a file has changed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CompileRequest {
    pub(super) subject: Subject,
    /// The components in use: the handler, unless it is built in, and its middleware; or the mounted component.
    pub(super) before: Vec<ComponentFacts>,
    /// The parts of the region without code.
    pub(super) free: Vec<Range<usize>>,
}

/// The response to a [`CompileRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum CompileResponse {
    Unchanged,
    /// The reason, as text for the operator.
    Failed(String),
    /// The machine code is in the region.
    Compiled {
        /// In the order of the request.
        facts: Vec<ComponentFacts>,
        start: usize,
        length: usize,
        packed_folder: usize,
    },
}

/// Writes a message.
///
/// # Errors
/// The other process has ended.
pub(super) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// Reads a message. `None` if the other process has ended.
///
/// # Errors
/// The message is invalid.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    match from.read_until(b'\n', &mut line)? {
        0 => Ok(None),
        _ => Ok(Some(serde_json::from_slice(&line)?)),
    }
}
