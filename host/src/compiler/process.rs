//! The compiler process: standard input is the file behind the region, standard output the socket of the server.

use crate::bounded_file::PERMISSION_DENIED;
use crate::chain::{Chain, ChainCode, HandlerSource};
use crate::compiler::message::{CompileRequest, CompileResponse, ComponentPaths, NAME, Ready, Subject, receive, send};
use crate::component_file::{ComponentFacts, ComponentFile};
use crate::harden::{self, KeptRights};
use crate::reload::ignore_hangups;
use crate::setup::first_line;
use glasshouse_sandbox::{CodeWriter, CompileError, MachineCode, ReadScope, SandboxError};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::Path;
use std::process::{self, ExitCode};
use std::{env, thread};

/// Whether the server has started this process as its compiler.
pub(crate) fn is_requested() -> bool {
    env::args_os().next().is_some_and(|name| name == NAME)
}

/// Compiles for the server until it ends.
pub(crate) fn run() -> ExitCode {
    prepare();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // The server has ended, or reports that this process has.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Sets the name of the process, and ignores the signal for a reload, which may be sent to all processes of a service.
/// The kernel ends this process before the server when memory runs out.
fn prepare() {
    #[expect(unsafe_code, reason = "the standard library cannot rename a process")]
    // SAFETY: the name ends with a NUL.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"glasshouse-compiler".as_ptr());
    }
    ignore_hangups();
    // A privileged system may reject it. The order of the kernel then decides.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
}

fn serve() -> io::Result<()> {
    let mut writer = CodeWriter::new(io::stdin().as_fd().try_clone_to_owned()?)?;
    // A component called /dev/stdin must not be the file behind the region.
    let null = File::open("/dev/null")?;
    #[expect(unsafe_code, reason = "rustix has this call with a feature that would compile wasmtime again")]
    // SAFETY: no value owns the standard input, and it stays open.
    unsafe {
        libc::dup2(null.as_raw_fd(), libc::STDIN_FILENO);
    }
    drop(null);
    let socket = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let (mut requests, mut responses) = (BufReader::new(socket.try_clone()?), socket);
    let Some(paths) = receive::<ComponentPaths>(&mut requests)? else { return Ok(()) };
    drop_other_rights(&paths);
    end_with_server(responses.try_clone()?);
    send(&mut responses, &Ready)?;
    while let Some(request) = receive::<CompileRequest>(&mut requests)? {
        let (response, is_timeout) = match respond(&paths, &request, &mut writer) {
            Ok(response) => (response, false),
            Err(Failure { reason, is_timeout }) => (CompileResponse::Failed(reason), is_timeout),
        };
        send(&mut responses, &response)?;
        if is_timeout {
            // The compilation would go on, and keep the processors busy.
            break;
        }
    }
    Ok(())
}

/// Why components cannot be compiled, as text for the operator.
struct Failure {
    reason: String,
    is_timeout: bool,
}

impl From<String> for Failure {
    fn from(reason: String) -> Failure {
        Failure { reason, is_timeout: false }
    }
}

/// Ends the process when the server ends, also during a compilation.
fn end_with_server(socket: File) {
    thread::spawn(move || {
        // Without requested events, the kernel reports that the other end is closed.
        while let Ok(0) | Err(Errno::INTR) = poll(&mut [PollFd::new(&socket, PollFlags::empty())], None) {}
        process::exit(1);
    });
}

/// Keeps the right to read the components. If the system does not support a restriction, the server reports its own.
fn drop_other_rights(paths: &ComponentPaths) {
    // As in the server, this cannot fail on a supported system.
    let _ = harden::forbid_dumps();
    let also = paths.directories.iter().filter_map(|path| File::open(path).ok());
    let directories: Vec<OwnedFd> =
        harden::directories(paths.files()).into_iter().chain(also.map(OwnedFd::from)).collect();
    let readable = directories.iter().map(|directory| ReadScope::Files(directory.as_fd())).collect();
    harden::apply(&KeptRights { readable, ..KeptRights::default() });
}

fn respond(
    paths: &ComponentPaths,
    request: &CompileRequest,
    writer: &mut CodeWriter,
) -> Result<CompileResponse, Failure> {
    let next = match request.subject {
        Subject::Handler => handler(paths, &request.before),
        Subject::Mounted(index) => mounted(paths, index, &request.before),
    };
    let Some((facts, machine_code)) = next? else { return Ok(CompileResponse::Unchanged) };
    let (length, packed_folder) = (machine_code.bytes.len(), machine_code.packed_folder);
    let start = writer.write(&request.free, &machine_code.bytes).ok_or_else(|| {
        "open responses need the memory for machine code; reload again when they have ended".to_owned()
    })?;
    Ok(CompileResponse::Compiled { facts, start, length, packed_folder })
}

type Next = Option<(Vec<ComponentFacts>, MachineCode)>;

/// Compiles the handler behind its middleware. `None` if no file has changed.
fn handler(paths: &ComponentPaths, before: &[ComponentFacts]) -> Result<Next, Failure> {
    let handler = match &paths.handler {
        None => HandlerSource::Embedded,
        Some(path) => HandlerSource::File(read(Path::new(path))?),
    };
    let middleware = paths.middleware.iter().map(|path| read(Path::new(path))).collect::<Result<Vec<_>, _>>()?;
    let chain = Chain { handler: &handler, middleware: &middleware };
    let facts: Vec<_> = chain.files().map(|file| file.facts.clone()).collect();
    if facts == before {
        return Ok(None);
    }
    let describe = |reason: &dyn Display| format!("the handler {chain}: {reason}");
    let machine_code = match chain.code().map_err(|error| describe(&error))? {
        ChainCode::BuiltIn => return Ok(None),
        ChainCode::File(bytes) => compile(bytes, describe)?,
        ChainCode::Composition(bytes) => compile(&bytes, describe)?,
    };
    Ok(Some((facts, machine_code)))
}

/// Compiles a mounted component. `None` if its file has not changed.
fn mounted(paths: &ComponentPaths, index: usize, before: &[ComponentFacts]) -> Result<Next, Failure> {
    let path = paths.mounted.get(index).ok_or_else(|| "no such component".to_owned())?;
    let file = ComponentFile::read(Path::new(path)).map_err(with_fix)?;
    if *before == [file.facts.clone()] {
        return Ok(None);
    }
    let machine_code = compile(&file.bytes, |reason| reason.to_string())?;
    Ok(Some((vec![file.facts], machine_code)))
}

fn compile(component: &[u8], describe: impl Fn(&dyn Display) -> String) -> Result<MachineCode, Failure> {
    MachineCode::compile(component).map_err(|error| Failure {
        reason: describe(&first_line(&error)),
        is_timeout: matches!(error, SandboxError::Compile(CompileError::Timeout)),
    })
}

fn read(path: &Path) -> Result<ComponentFile, String> {
    ComponentFile::read(path).map_err(|reason| format!("'{}': {}", path.display(), with_fix(reason)))
}

/// Adds the options for a file that this process may not read.
fn with_fix(reason: String) -> String {
    match reason == PERMISSION_DENIED {
        true => {
            format!("{reason}; restart the server with --harden-also and a directory above it, or with --no-harden")
        }
        false => reason,
    }
}
