//! Rejects other names of a file than the one in its directory, on systems without `openat2`.
//!
//! Windows and macOS find a file under several names: in another case or normalization, as `NAME~1`, with dots or
//! spaces at the end, or as `name::$DATA`. Windows also finds devices such as `CON` everywhere. A rule about names, for
//! example the one for hidden files, would miss them. A name is therefore valid if its directory lists it.

use crate::state::InstanceState;
use futures::FutureExt as _;
use wasmtime::component::Resource;
use wasmtime::{Result, bail};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView, WasiFilesystemView as _};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DirectoryEntryStream, ErrorCode, HostDescriptor, HostDirectoryEntryStream, OpenFlags, PathFlags,
};

/// Whether each name of a path is in the listing of its directory. A path with `..` is not.
///
/// # Errors
/// A directory cannot be read.
pub(crate) fn check(
    state: &mut InstanceState,
    directory: &Resource<Descriptor>,
    path: &str,
) -> Result<Result<(), ErrorCode>> {
    let mut files = state.filesystem();
    let mut parent = String::new();
    for name in path.split('/').filter(|name| !matches!(*name, "" | ".")) {
        match lists(&mut files, directory, &parent, name)? {
            Ok(true) => {}
            Ok(false) => return Ok(Err(ErrorCode::NoEntry)),
            Err(error) => return Ok(Err(error)),
        }
        if !parent.is_empty() {
            parent.push('/');
        }
        parent.push_str(name);
    }
    Ok(Ok(()))
}

/// Whether the directory at `path` lists `name`.
fn lists(
    files: &mut WasiFilesystemCtxView<'_>,
    directory: &Resource<Descriptor>,
    path: &str,
    name: &str,
) -> Result<Result<bool, ErrorCode>> {
    let borrowed = Resource::new_borrow(directory.rep());
    if path.is_empty() {
        return directory_lists(files, borrowed, name);
    }
    let (follow, only) = (PathFlags::SYMLINK_FOLLOW, OpenFlags::DIRECTORY);
    let opened = HostDescriptor::open_at(files, borrowed, follow, path.to_owned(), only, DescriptorFlags::READ);
    let opened = match from_library(opened)? {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(error)),
    };
    let lists = directory_lists(files, Resource::new_borrow(opened.rep()), name);
    files.table.delete(opened)?;
    lists
}

fn directory_lists(
    files: &mut WasiFilesystemCtxView<'_>,
    directory: Resource<Descriptor>,
    name: &str,
) -> Result<Result<bool, ErrorCode>> {
    let stream = match from_library(HostDescriptor::read_directory(files, directory))? {
        Ok(stream) => stream,
        Err(error) => return Ok(Err(error)),
    };
    let found = find(files, &stream, name);
    files.table.delete(stream)?;
    found.map(Ok)
}

fn find(files: &mut WasiFilesystemCtxView<'_>, stream: &Resource<DirectoryEntryStream>, name: &str) -> Result<bool> {
    loop {
        let stream = Resource::new_borrow(stream.rep());
        match from_library(HostDirectoryEntryStream::read_directory_entry(files, stream))? {
            Ok(Some(entry)) if entry.name == name => return Ok(true),
            Ok(None) => return Ok(false),
            // An entry that is not Unicode, or that was removed, has another name.
            Ok(Some(_)) | Err(_) => {}
        }
    }
}

/// Returns the result of a function of wasmtime-wasi, which does not wait: its descriptors permit blocking the thread.
/// An error without a code traps.
pub(crate) fn from_library<T>(call: impl Future<Output = FsResult<T>>) -> Result<Result<T, ErrorCode>> {
    match call.now_or_never() {
        Some(Ok(value)) => Ok(Ok(value)),
        Some(Err(error)) => Ok(Err(error.downcast()?)),
        None => bail!("a function of wasmtime-wasi waits for another thread"),
    }
}
