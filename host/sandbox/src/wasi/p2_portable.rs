//! WASI 0.2 functions that open or stat a path, on systems without `openat2`: as wasmtime-wasi implements them, for
//! exact names and for a single file.

use crate::override_import::override_import;
use crate::state::InstanceState;
use crate::wasi::exact_names::{self, from_library};
use crate::wasi::portable;
use crate::wasi_version::WasiVersion::P2;
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};

const FILES: &str = "wasi:filesystem/types";

/// Replaces `stat-at` and `open-at`.
pub(crate) fn override_imports(linker: &mut Linker<InstanceState>) -> Result<()> {
    override_import(linker, FILES, P2, "[method]descriptor.stat-at", |files, name| files.func_wrap(name, stat_at))?;
    override_import(linker, FILES, P2, "[method]descriptor.open-at", |files, name| files.func_wrap(name, open_at))
}

type StatAtArgs = (Resource<Descriptor>, PathFlags, String);
type OpenAtArgs = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);
/// A result for the handler, inside of one that traps.
type WasiResult<T> = Result<(Result<T, ErrorCode>,)>;

fn stat_at(
    mut store: StoreContextMut<'_, InstanceState>,
    (descriptor, flags, path): StatAtArgs,
) -> WasiResult<DescriptorStat> {
    Ok((stat(store.data_mut(), &descriptor, flags, path)?,))
}

fn stat(
    state: &mut InstanceState,
    directory: &Resource<Descriptor>,
    flags: PathFlags,
    path: String,
) -> Result<Result<DescriptorStat, ErrorCode>> {
    if let Some(opened) = portable::single_file(state, directory, &path)? {
        let file = match opened {
            Ok(file) => file,
            Err(error) => return Ok(Err(error.into())),
        };
        let stat = from_library(HostDescriptor::stat(&mut state.filesystem(), Resource::new_borrow(file.rep())));
        state.table.delete(file)?;
        return stat;
    }
    let borrowed = Resource::new_borrow(directory.rep());
    // Most paths that a handler tries are absent. A listing would take longer.
    match from_library(HostDescriptor::stat_at(&mut state.filesystem(), borrowed, flags, path.clone()))? {
        Ok(stat) => Ok(exact_names::check(state, directory, &path)?.map(|()| stat)),
        Err(error) => Ok(Err(error)),
    }
}

fn open_at(
    mut store: StoreContextMut<'_, InstanceState>,
    (descriptor, path_flags, path, open_flags, flags): OpenAtArgs,
) -> WasiResult<Resource<Descriptor>> {
    let state = store.data_mut();
    if let Some(opened) = portable::single_file(state, &descriptor, &path)? {
        return Ok((opened.map_err(ErrorCode::from),));
    }
    // wasmtime-wasi would wait for the other end of a FIFO, so the type is checked first.
    match stat(state, &descriptor, path_flags, path.clone())?.map(|stat| stat.type_) {
        Ok(DescriptorType::RegularFile | DescriptorType::Directory) => {}
        Ok(_) => return Ok((Err(ErrorCode::NotPermitted),)),
        Err(error) => return Ok((Err(error),)),
    }
    let directory = Resource::new_borrow(descriptor.rep());
    let mut files = state.filesystem();
    let opened = HostDescriptor::open_at(&mut files, directory, path_flags, path, open_flags, flags);
    let opened = from_library(opened)?;
    if let Ok(opened) = &opened {
        portable::number(state, &descriptor, opened);
    }
    Ok((opened,))
}
