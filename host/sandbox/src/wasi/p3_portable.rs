//! WASI 0.3 functions that open or stat a path, on systems without `openat2`: as wasmtime-wasi implements them, for
//! exact names and for a single file.

use crate::override_import::override_import;
use crate::state::InstanceState;
use crate::wasi::{exact_names, portable};
use crate::wasi_version::WasiVersion::P3;
use std::io;
use wasmtime::Result;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p3::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, HostDescriptorWithStore, OpenFlags, PathFlags,
};
use wasmtime_wasi::p3::filesystem::FilesystemResult;

const FILES: &str = "wasi:filesystem/types";

/// Replaces `stat-at` and `open-at`.
pub(crate) fn override_imports(linker: &mut Linker<InstanceState>) -> Result<()> {
    override_import(linker, FILES, P3, "[method]descriptor.stat-at", |files, name| {
        files.func_wrap_concurrent(name, |accessor, (descriptor, flags, path): StatAtArgs| {
            Box::pin(async move { Ok((stat_at(accessor, &descriptor, flags, path).await?,)) })
        })
    })?;
    override_import(linker, FILES, P3, "[method]descriptor.open-at", |files, name| {
        files.func_wrap_concurrent(name, |accessor, arguments| {
            Box::pin(async move { Ok((open_at(accessor, arguments).await?,)) })
        })
    })
}

type StatAtArgs = (Resource<Descriptor>, PathFlags, String);
type OpenAtArgs = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);
/// A result for the handler, inside of one that traps.
type WasiResult<T> = Result<Result<T, ErrorCode>>;

async fn stat_at(
    accessor: &Accessor<InstanceState>,
    directory: &Resource<Descriptor>,
    flags: PathFlags,
    path: String,
) -> WasiResult<DescriptorStat> {
    let files = accessor.with_getter::<WasiFilesystem>(<InstanceState as WasiFilesystemView>::filesystem);
    if let Some(opened) = single_file(accessor, directory, &path)? {
        let file = match opened {
            Ok(file) => file,
            Err(error) => return Ok(Err(error.into())),
        };
        let borrowed = Resource::new_borrow(file.rep());
        let stat = <WasiFilesystem as HostDescriptorWithStore<InstanceState>>::stat(&files, borrowed).await;
        accessor.with(|mut access| access.data_mut().table.delete(file))?;
        return from_library(stat);
    }
    let borrowed = Resource::new_borrow(directory.rep());
    let stat =
        <WasiFilesystem as HostDescriptorWithStore<InstanceState>>::stat_at(&files, borrowed, flags, path.clone());
    // Most paths that a handler tries are absent. A listing would take longer.
    match from_library(stat.await)? {
        Ok(stat) => {
            let exact = accessor.with(|mut access| exact_names::check(access.data_mut(), directory, &path))?;
            Ok(exact.map(|()| stat).map_err(portable::to_p3))
        }
        Err(error) => Ok(Err(error)),
    }
}

async fn open_at(
    accessor: &Accessor<InstanceState>,
    (descriptor, path_flags, path, open_flags, flags): OpenAtArgs,
) -> WasiResult<Resource<Descriptor>> {
    if let Some(opened) = single_file(accessor, &descriptor, &path)? {
        return Ok(opened.map_err(ErrorCode::from));
    }
    // wasmtime-wasi would wait for the other end of a FIFO, so the type is checked first.
    match stat_at(accessor, &descriptor, path_flags, path.clone()).await?.map(|stat| stat.type_) {
        Ok(DescriptorType::RegularFile | DescriptorType::Directory) => {}
        Ok(_) => return Ok(Err(ErrorCode::NotPermitted)),
        Err(error) => return Ok(Err(error)),
    }
    let files = accessor.with_getter::<WasiFilesystem>(<InstanceState as WasiFilesystemView>::filesystem);
    let directory = Resource::new_borrow(descriptor.rep());
    let opened = <WasiFilesystem as HostDescriptorWithStore<InstanceState>>::open_at(
        &files, directory, path_flags, path, open_flags, flags,
    );
    let opened = from_library(opened.await)?;
    if let Ok(opened) = &opened {
        accessor.with(|mut access| portable::number(access.data_mut(), &descriptor, opened));
    }
    Ok(opened)
}

type SingleFile = Option<io::Result<Resource<Descriptor>>>;

fn single_file(accessor: &Accessor<InstanceState>, directory: &Resource<Descriptor>, path: &str) -> Result<SingleFile> {
    accessor.with(|mut access| portable::single_file(access.data_mut(), directory, path))
}

/// Converts a result of wasmtime-wasi. An error without a code traps.
fn from_library<T>(result: FilesystemResult<T>) -> WasiResult<T> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(error.downcast()?)),
    }
}
