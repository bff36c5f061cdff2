//! What both WASI versions share on systems without `openat2`.

use crate::state::InstanceState;
use std::io;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{self, Descriptor, FsPerms, OpenMode};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode as P2Error;
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode as P3Error;

/// Opens the single file that an instance may read. `None` if the descriptor is not its handle.
///
/// # Errors
/// The instance has too many resources.
pub(crate) fn single_file(
    state: &mut InstanceState,
    directory: &Resource<Descriptor>,
    path: &str,
) -> Result<Option<io::Result<Resource<Descriptor>>>> {
    if !is_root(state, directory) {
        return Ok(None);
    }
    Ok(match state.files.preopen.single_file(path) {
        None => None,
        Some(Err(error)) => Some(Err(error)),
        Some(Ok(file)) => {
            let file = filesystem::File::new(file, FsPerms::ReadOnly, OpenMode::READ, true);
            let opened = state.table.push(Descriptor::File(file))?;
            state.opened.push(opened.rep(), (), true);
            Some(Ok(opened))
        }
    })
}

/// Numbers a descriptor that wasmtime-wasi has opened.
pub(crate) fn number(state: &mut InstanceState, directory: &Resource<Descriptor>, opened: &Resource<Descriptor>) {
    let is_root = is_root(state, directory);
    state.opened.push(opened.rep(), (), is_root);
}

/// Whether a descriptor is the preopen.
fn is_root(state: &InstanceState, descriptor: &Resource<Descriptor>) -> bool {
    matches!(
        state.table.get(descriptor),
        Ok(Descriptor::Dir(directory)) if state.files.preopen.is_root(&directory.dir)
    )
}

/// The error of a check that both versions share.
pub(crate) fn to_p3(error: P2Error) -> P3Error {
    match error {
        P2Error::NoEntry => P3Error::NoEntry,
        P2Error::NotDirectory => P3Error::NotDirectory,
        P2Error::Access => P3Error::Access,
        P2Error::InsufficientMemory => P3Error::InsufficientMemory,
        P2Error::NotPermitted => P3Error::NotPermitted,
        _ => P3Error::Io,
    }
}
