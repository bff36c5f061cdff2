//! The compiler process: standard input is the file behind the region, standard output the socket of the server.

use crate::chain::{Chain, ChainCode, HandlerSource};
use crate::compiler::message::{CompileRequest, CompileResponse, ComponentPaths, NAME, Ready, Subject, receive, send};
use crate::component_file::{ComponentFacts, ComponentFile};
use crate::harden::{self, KeptRights};
use crate::setup::first_line;
use glasshouse_sandbox::{CodeWriter, MachineCode, ReadScope};
use std::env;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufReader};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;

/// Whether the server has started this process as its compiler.
pub(crate) fn is_requested() -> bool {
    env::args_os().next().is_some_and(|name| name == NAME)
}

/// Compiles for the server until it ends.
pub(crate) fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // The server has ended, or reports that this process has.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve() -> io::Result<()> {
    let mut writer = CodeWriter::new(io::stdin().as_fd().try_clone_to_owned()?)?;
    let socket = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let (mut requests, mut responses) = (BufReader::new(socket.try_clone()?), socket);
    let Some(paths) = receive::<ComponentPaths>(&mut requests)? else { return Ok(()) };
    drop_other_rights(&paths);
    send(&mut responses, &Ready)?;
    while let Some(request) = receive::<CompileRequest>(&mut requests)? {
        send(&mut responses, &respond(&paths, &request, &mut writer))?;
    }
    Ok(())
}

/// Keeps the right to read the components. If the system does not support a restriction, the server reports its own.
fn drop_other_rights(paths: &ComponentPaths) {
    // As in the server, this cannot fail on a supported system.
    let _ = harden::forbid_dumps();
    let directories = harden::directories(paths.all());
    let readable = directories.iter().map(|directory| ReadScope::Files(directory.as_fd())).collect();
    harden::apply(&KeptRights { readable, ..KeptRights::default() });
}

fn respond(paths: &ComponentPaths, request: &CompileRequest, writer: &mut CodeWriter) -> CompileResponse {
    let next = match request.subject {
        Subject::Handler => handler(paths, &request.before),
        Subject::Mounted(index) => mounted(paths, index, &request.before),
    };
    let (facts, machine_code) = match next {
        Ok(None) => return CompileResponse::Unchanged,
        Ok(Some(next)) => next,
        Err(reason) => return CompileResponse::Failed(reason),
    };
    let (length, packed_folder) = (machine_code.bytes.len(), machine_code.packed_folder);
    match writer.write(&request.free, &machine_code.bytes) {
        Some(start) => CompileResponse::Compiled { facts, start, length, packed_folder },
        None => CompileResponse::Failed(
            "open responses need the memory for machine code; reload again when they have ended".to_owned(),
        ),
    }
}

type Next = Option<(Vec<ComponentFacts>, MachineCode)>;

/// Compiles the handler behind its middleware. `None` if no file has changed.
fn handler(paths: &ComponentPaths, before: &[ComponentFacts]) -> Result<Next, String> {
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
    let failed = |reason: &dyn Display| format!("the handler {chain}: {reason}");
    let machine_code = match chain.code().map_err(|error| failed(&error))? {
        ChainCode::BuiltIn => return Ok(None),
        ChainCode::File(bytes) => MachineCode::compile(bytes),
        ChainCode::Composition(bytes) => MachineCode::compile(&bytes),
    };
    Ok(Some((facts, machine_code.map_err(|error| failed(&first_line(&error)))?)))
}

/// Compiles a mounted component. `None` if its file has not changed.
fn mounted(paths: &ComponentPaths, index: usize, before: &[ComponentFacts]) -> Result<Next, String> {
    let path = paths.mounted.get(index).ok_or("no such component")?;
    let file = ComponentFile::read(Path::new(path))?;
    if *before == [file.facts.clone()] {
        return Ok(None);
    }
    let machine_code = MachineCode::compile(&file.bytes).map_err(|error| first_line(&error))?;
    Ok(Some((vec![file.facts], machine_code)))
}

fn read(path: &Path) -> Result<ComponentFile, String> {
    ComponentFile::read(path).map_err(|reason| format!("'{}': {reason}", path.display()))
}
