//! No compiler process: on systems where the server keeps the right to make memory executable, a reload compiles in the
//! server.

use crate::chain::{Chain, ChainParts};
use crate::component_file::ComponentFile;
use crate::config::ServerConfig;
use glasshouse_sandbox::{Code, SandboxEngine, SandboxError};
use std::process::ExitCode;

/// The compiler process before its start. There is none.
pub(crate) enum PreparedCompiler {}

/// The compiler process. There is none.
pub(crate) enum Compiler {}

/// Components that were compiled because a file has changed, and their code.
pub(crate) struct Compiled<T> {
    pub(crate) components: T,
    pub(crate) code: Code<'static>,
}

/// Whether the server has started this process as its compiler.
pub(crate) fn is_requested() -> bool {
    false
}

/// Never called.
pub(crate) fn run() -> ExitCode {
    ExitCode::FAILURE
}

/// The engine of the server.
///
/// # Errors
/// The system cannot run components.
pub(crate) fn engine(_compiler: Option<&PreparedCompiler>) -> Result<SandboxEngine, SandboxError> {
    SandboxEngine::new()
}

impl PreparedCompiler {
    /// Returns `None`.
    pub(crate) fn new(_config: &ServerConfig) -> Option<PreparedCompiler> {
        None
    }

    pub(crate) fn start(self, _config: &ServerConfig) -> Option<Compiler> {
        match self {}
    }
}

impl Compiler {
    pub(crate) fn handler(&mut self, _before: &Chain<'_>) -> Result<Option<Compiled<ChainParts>>, String> {
        match *self {}
    }

    pub(crate) fn mounted(
        &mut self,
        _index: usize,
        _before: &ComponentFile,
    ) -> Result<Option<Compiled<ComponentFile>>, String> {
        match *self {}
    }
}
