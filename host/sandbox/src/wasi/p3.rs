//! WASI 0.3 functions that read files or request headers. They do not block, and they are recorded for replay.
//!
//! If the kernel lacks `openat2`, wasmtime-wasi resolves paths instead, and the response is not replayed.

use crate::beneath::link_count;
use crate::errno;
use crate::override_import::override_import;
use crate::state::InstanceState;
use crate::wasi::fs;
use crate::wasi_version::WasiVersion::P3;
use http::HeaderName;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p3::bindings::clocks::system_clock::Instant;
use wasmtime_wasi::p3::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, HostDescriptorWithStore, OpenFlags, PathFlags,
};
use wasmtime_wasi::p3::filesystem::FilesystemResult;
use wasmtime_wasi_http::p3::bindings::http::types::HostFields;
use wasmtime_wasi_http::{FieldMap, WasiHttpView};

const FILES: &str = "wasi:filesystem/types";

/// Replaces `stat`, `stat-at`, `open-at` and `fields.get`.
pub(crate) fn override_imports(linker: &mut Linker<InstanceState>) -> Result<()> {
    override_import(linker, FILES, P3, "[method]descriptor.stat-at", |files, name| {
        files.func_wrap_concurrent(name, |accessor, arguments| Box::pin(stat_at(accessor, arguments)))
    })?;
    override_import(linker, FILES, P3, "[method]descriptor.open-at", |files, name| {
        files.func_wrap_concurrent(name, |accessor, arguments| Box::pin(open_at(accessor, arguments)))
    })?;
    override_import(linker, FILES, P3, "[method]descriptor.stat", |files, name| {
        files.func_wrap_concurrent(name, |accessor, arguments| Box::pin(stat(accessor, arguments)))
    })?;
    override_import(linker, "wasi:http/types", P3, "[method]fields.get", |http, name| http.func_wrap(name, fields_get))
}

type StatAtArgs = (Resource<Descriptor>, PathFlags, String);
type OpenAtArgs = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);
/// A result for the handler, inside of one that traps.
type WasiResult<T> = Result<(Result<T, ErrorCode>,)>;

async fn stat_at(
    accessor: &Accessor<InstanceState>,
    (descriptor, flags, path): StatAtArgs,
) -> WasiResult<DescriptorStat> {
    if can_resolve(accessor) {
        let symlinks = fs::symlinks!(flags);
        let stat = accessor.with(|mut access| fs::stat_at(access.data_mut(), &descriptor, path, symlinks))?;
        return Ok((stat.map(descriptor_stat).map_err(error_code),));
    }
    accessor.with(|mut access| access.data_mut().mark_unreplayable());
    let files = accessor.with_getter::<WasiFilesystem>(<InstanceState as WasiFilesystemView>::filesystem);
    from_library(
        <WasiFilesystem as HostDescriptorWithStore<InstanceState>>::stat_at(&files, descriptor, flags, path).await,
    )
}

async fn open_at(
    accessor: &Accessor<InstanceState>,
    (descriptor, path_flags, path, open_flags, flags): OpenAtArgs,
) -> WasiResult<Resource<Descriptor>> {
    let options = match fs::open_options!(path_flags, open_flags, flags) {
        Ok(options) => options,
        Err(error) => return Ok((Err(error_code(error)),)),
    };
    if can_resolve(accessor) {
        return accessor
            .with(|mut access| Ok((fs::open_at(access.data_mut(), &descriptor, path, options)?.map_err(error_code),)));
    }
    // wasmtime-wasi would wait for the other end of a FIFO, so the type is checked first.
    let stat = stat_at(accessor, (Resource::new_borrow(descriptor.rep()), path_flags, path.clone())).await?.0;
    match stat.map(|stat| stat.type_) {
        Ok(DescriptorType::RegularFile | DescriptorType::Directory) => {}
        Ok(_) => return Ok((Err(ErrorCode::NotPermitted),)),
        Err(error) => return Ok((Err(error),)),
    }
    let files = accessor.with_getter::<WasiFilesystem>(<InstanceState as WasiFilesystemView>::filesystem);
    let directory = Resource::new_borrow(descriptor.rep());
    let opened = <WasiFilesystem as HostDescriptorWithStore<InstanceState>>::open_at(
        &files, descriptor, path_flags, path, open_flags, flags,
    );
    let opened = from_library(opened.await)?;
    if let (Ok(opened),) = &opened {
        accessor.with(|mut access| fs::count_opened(access.data_mut(), &directory, opened))?;
    }
    Ok(opened)
}

async fn stat(
    accessor: &Accessor<InstanceState>,
    (descriptor,): (Resource<Descriptor>,),
) -> WasiResult<DescriptorStat> {
    if can_resolve(accessor) {
        let stat = accessor.with(|mut access| fs::stat(access.data_mut(), &descriptor))?;
        return Ok((stat.map(descriptor_stat).map_err(error_code),));
    }
    // Another time of the last change than that of `stat-at` would look like a change of the file.
    accessor.with(|mut access| access.data_mut().mark_unreplayable());
    let files = accessor.with_getter::<WasiFilesystem>(<InstanceState as WasiFilesystemView>::filesystem);
    from_library(<WasiFilesystem as HostDescriptorWithStore<InstanceState>>::stat(&files, descriptor).await)
}

fn fields_get(
    mut store: StoreContextMut<'_, InstanceState>,
    (fields, name): (Resource<FieldMap>, String),
) -> Result<(Vec<Vec<u8>>,)> {
    let key = store.data().recording.as_ref().map(|_| HeaderName::try_from(&name));
    let values = HostFields::get(&mut store.data_mut().http(), fields, name)?;
    if let Some(recording) = &mut store.data_mut().recording {
        match key.and_then(Result::ok) {
            Some(name) => recording.push_field(name, &values),
            None => recording.mark_unreplayable(),
        }
    }
    Ok((values,))
}

fn can_resolve(accessor: &Accessor<InstanceState>) -> bool {
    accessor.with(|mut access| access.data_mut().files.can_resolve)
}

/// Converts a result of wasmtime-wasi. An error without a code traps.
fn from_library<T>(result: FilesystemResult<T>) -> WasiResult<T> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// Converts metadata. Leaves out the access time, because a response must not depend on it.
fn descriptor_stat(stat: Stat) -> DescriptorStat {
    let instant = |seconds: i64, nanoseconds: u64| {
        let nanoseconds = u32::try_from(nanoseconds).unwrap_or(0);
        Some(Instant { seconds, nanoseconds })
    };
    DescriptorStat {
        type_: match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => DescriptorType::RegularFile,
            FileType::Directory => DescriptorType::Directory,
            FileType::Symlink => DescriptorType::SymbolicLink,
            FileType::BlockDevice => DescriptorType::BlockDevice,
            FileType::CharacterDevice => DescriptorType::CharacterDevice,
            FileType::Fifo => DescriptorType::Fifo,
            FileType::Socket => DescriptorType::Socket,
            FileType::Unknown => DescriptorType::Other(None),
        },
        link_count: link_count(&stat),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        data_access_timestamp: None,
        data_modification_timestamp: instant(stat.st_mtime, stat.st_mtime_nsec),
        status_change_timestamp: instant(stat.st_ctime, stat.st_ctime_nsec),
    }
}

fn error_code(error: Errno) -> ErrorCode {
    errno::to_wasi(error).into()
}
