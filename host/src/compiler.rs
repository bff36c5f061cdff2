//! Replaces components in a server that has given up the right to make memory executable: the server starts another
//! process before, which compiles for it.
//!
//! The compiler process reads the files of the components and nothing else, and writes machine code into memory that
//! the server can execute. The two processes exchange messages over a socket, one JSON value on each line. The server
//! sends no code.

mod message;
mod process;

use crate::chain::{Chain, ChainParts, HandlerSource};
use crate::component_file::ComponentFile;
use crate::config::{Rights, ServerConfig};
use glasshouse_sandbox::{Code, CodeFile, CodeRegion, CodeSlot, SandboxEngine, SandboxError};
use message::{CompileRequest, CompileResponse, ComponentPaths, NAME, Ready, Subject, receive, send};
use std::io::{self, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

pub(crate) use process::{is_requested, run};

/// The time for a response: somewhat more than the time that compiling may take.
const TIMEOUT: Duration = Duration::from_secs(330);

/// The memory for machine code, before the compiler process has it.
pub(crate) struct PreparedCompiler {
    file: CodeFile,
    region: Arc<CodeRegion>,
}

/// The server's end of the compiler process. The process ends when this is dropped.
pub(crate) struct Compiler {
    socket: BufReader<UnixStream>,
    region: Arc<CodeRegion>,
    /// Whether a response is missing. A later one would be taken for it.
    is_lost: bool,
}

/// Components that were compiled because a file has changed, and their code.
pub(crate) struct Compiled<T> {
    pub(crate) components: T,
    pub(crate) code: Code<'static>,
}

impl PreparedCompiler {
    /// `None` if no component comes from a file, if the process keeps its rights, or if the system lacks something. In
    /// the last case it warns.
    pub(crate) fn new(config: &ServerConfig) -> Option<PreparedCompiler> {
        // Processors of other architectures keep the previous instructions in their caches.
        let is_supported = cfg!(target_arch = "x86_64");
        if config.rights == Rights::AreKept || config.component_files().next().is_none() || !is_supported {
            return None;
        }
        let prepare = || {
            let file = CodeFile::create()?;
            Ok(PreparedCompiler { region: file.region()?, file })
        };
        prepare().inspect_err(|error: &io::Error| warn_without_reload(error)).ok()
    }

    /// Starts the process. From then on this process cannot change the memory. `None` with a warning if the system
    /// cannot start it.
    pub(crate) fn start(self, config: &ServerConfig) -> Option<Compiler> {
        let PreparedCompiler { file, region } = self;
        let start = |file: OwnedFd| {
            let (mut socket, other) = UnixStream::pair()?;
            socket.set_read_timeout(Some(TIMEOUT))?;
            // The program that runs, even if its file was replaced.
            let mut command = Command::new("/proc/self/exe");
            command.arg0(NAME).env_clear().stdin(file).stdout(OwnedFd::from(other));
            // Signals of a terminal are for the server, whose end ends the compiler.
            command.stderr(Stdio::inherit()).process_group(0).spawn()?;
            send(&mut socket, &ComponentPaths::of(config))?;
            let mut socket = BufReader::new(socket);
            match receive(&mut socket)? {
                Some(Ready) => Ok(Compiler { socket, region, is_lost: false }),
                None => Err(io::Error::other("it has ended")),
            }
        };
        let started = file.descriptor().and_then(start);
        // Without the process, only a seal prevents that this process changes the mapping.
        let started = started.or_else(|error| file.seal().and(Err(error)));
        started.inspect_err(|error: &io::Error| warn_without_reload(error)).ok()
    }
}

/// The engine of the server, which runs the code of the compiler process if there is one.
///
/// # Errors
/// The system cannot run components.
pub(crate) fn engine(compiler: Option<&PreparedCompiler>) -> Result<SandboxEngine, SandboxError> {
    match compiler {
        Some(PreparedCompiler { region, .. }) => SandboxEngine::with_code_region(Arc::clone(region)),
        None => SandboxEngine::new(),
    }
}

fn warn_without_reload(error: &io::Error) {
    warn!("cannot start the compiler process: {error}; a reload keeps the components");
}

impl Compiler {
    /// Compiles the handler and its middleware if a file has changed.
    ///
    /// # Errors
    /// Why they cannot be replaced, as text for the operator.
    pub(crate) fn handler(&mut self, before: &Chain<'_>) -> Result<Option<Compiled<ChainParts>>, String> {
        let files: Vec<&ComponentFile> = before.files().collect();
        let Some(Compiled { components, code }) = self.compile(Subject::Handler, &files)? else { return Ok(None) };
        let mut components = components.into_iter();
        let handler = match before.handler {
            HandlerSource::Embedded => HandlerSource::Embedded,
            HandlerSource::File(_) => HandlerSource::File(components.next().ok_or_else(ended)?),
        };
        Ok(Some(Compiled { components: (handler, components.collect()), code }))
    }

    /// Compiles the mounted component with this index if its file has changed.
    ///
    /// # Errors
    /// As [`Compiler::handler`].
    pub(crate) fn mounted(
        &mut self,
        index: usize,
        before: &ComponentFile,
    ) -> Result<Option<Compiled<ComponentFile>>, String> {
        let Some(Compiled { components, code }) = self.compile(Subject::Mounted(index), &[before])? else {
            return Ok(None);
        };
        Ok(Some(Compiled { components: components.into_iter().next().ok_or_else(ended)?, code }))
    }

    fn compile(
        &mut self,
        subject: Subject,
        before: &[&ComponentFile],
    ) -> Result<Option<Compiled<Vec<ComponentFile>>>, String> {
        if self.is_lost {
            return Err(ended());
        }
        let request = CompileRequest {
            subject,
            before: before.iter().map(|file| file.facts.clone()).collect(),
            free: self.region.free(),
        };
        let response = send(self.socket.get_mut(), &request).and_then(|()| receive(&mut self.socket));
        self.is_lost = !matches!(response, Ok(Some(_)));
        match response.ok().flatten().ok_or_else(ended)? {
            CompileResponse::Unchanged => Ok(None),
            CompileResponse::Failed(reason) => Err(reason),
            CompileResponse::Compiled { facts, start, length, packed_folder } => {
                let files = before.iter().zip(facts);
                let file = |(before, facts): (&&ComponentFile, _)| ComponentFile {
                    path: before.path.clone(),
                    bytes: Vec::new(),
                    facts,
                };
                let code = Code::InRegion { slot: CodeSlot { start, length }, packed_folder };
                Ok(Some(Compiled { components: files.map(file).collect(), code }))
            }
        }
    }
}

fn ended() -> String {
    "the compiler process has ended or does not respond; restart the server".to_owned()
}
