//! WASI 0.3 functions that read the file system or a request, implemented without waiting and recorded for replay.
//!
//! Where the kernel lacks `openat2`, wasmtime-wasi resolves the path instead, and the response is not replayed.

use crate::io_errors;
use crate::replay::Step;
use crate::sandbox::State;
use crate::wasi::fs::{look_at, open_in, open_options, spoil_in, stat_of, symlinks};
use http::{HeaderName, HeaderValue};
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

/// Replaces the calls by which a handler learns something.
pub fn override_imports(linker: &mut Linker<State>) -> Result<()> {
    let mut files = linker.instance("wasi:filesystem/types@0.3.0")?;
    files.func_wrap_concurrent("[method]descriptor.stat-at", |accessor, arguments| {
        Box::pin(stat_at(accessor, arguments))
    })?;
    files.func_wrap_concurrent("[method]descriptor.open-at", |accessor, arguments| {
        Box::pin(open_at(accessor, arguments))
    })?;
    files.func_wrap_concurrent("[method]descriptor.stat", |accessor, arguments| Box::pin(stat(accessor, arguments)))?;
    linker.instance("wasi:http/types@0.3.0")?.func_wrap("[method]fields.get", fields_get)?;
    Ok(())
}

type Named = (Resource<Descriptor>, PathFlags, String);
type Opening = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);
type Told<T> = Result<(Result<T, ErrorCode>,)>;

async fn stat_at(accessor: &Accessor<State>, (descriptor, flags, path): Named) -> Told<DescriptorStat> {
    if accessor.with(|mut access| access.data_mut().can_walk) {
        let looked = accessor.with(|mut access| look_at(access.data_mut(), &descriptor, path, symlinks!(flags)))?;
        return Ok((looked.map(describe).map_err(error_code),));
    }
    spoil(accessor);
    let files = accessor.with_getter::<WasiFilesystem>(<State as WasiFilesystemView>::filesystem);
    told(<WasiFilesystem as HostDescriptorWithStore<State>>::stat_at(&files, descriptor, flags, path).await)
}

async fn open_at(
    accessor: &Accessor<State>,
    (descriptor, path_flags, path, open_flags, flags): Opening,
) -> Told<Resource<Descriptor>> {
    let how = match open_options!(path_flags, open_flags, flags) {
        Ok(how) => how,
        Err(refused) => return Ok((Err(error_code(refused)),)),
    };
    if accessor.with(|mut access| access.data_mut().can_walk) {
        return accessor.with(|mut access| {
            let opened = open_in(access.data_mut(), &descriptor, path, how)?;
            let opened = opened.map(|opened| access.data_mut().table.push(opened)).map_err(error_code);
            Ok((opened.map_or_else(|error| Ok(Err(error)), |pushed| pushed.map(Ok))?,))
        });
    }
    // The library waits for what it opens, so it is shown nothing that could keep it waiting.
    let found = stat_at(accessor, (Resource::new_borrow(descriptor.rep()), path_flags, path.clone())).await?.0;
    match found.map(|found| found.type_) {
        Ok(DescriptorType::RegularFile | DescriptorType::Directory) => {}
        Ok(_) => return Ok((Err(ErrorCode::NotPermitted),)),
        Err(error) => return Ok((Err(error),)),
    }
    let files = accessor.with_getter::<WasiFilesystem>(<State as WasiFilesystemView>::filesystem);
    let opened = <WasiFilesystem as HostDescriptorWithStore<State>>::open_at(
        &files, descriptor, path_flags, path, open_flags, flags,
    );
    told(opened.await)
}

async fn stat(accessor: &Accessor<State>, (descriptor,): (Resource<Descriptor>,)) -> Told<DescriptorStat> {
    let found = accessor.with(|mut access| stat_of(access.data_mut(), &descriptor))?;
    Ok((found.map(describe).map_err(error_code),))
}

fn fields_get(
    mut store: StoreContextMut<'_, State>,
    (fields, name): (Resource<FieldMap>, String),
) -> Result<(Vec<Vec<u8>>,)> {
    let key = store.data().recording.as_ref().map(|_| HeaderName::try_from(&name));
    let values = HostFields::get(&mut store.data_mut().http(), fields, name)?;
    if let Some(recording) = &mut store.data_mut().recording {
        let read: Option<Vec<_>> = values.iter().map(|value| HeaderValue::from_bytes(value).ok()).collect();
        match key.and_then(Result::ok).zip(read) {
            Some((name, values)) => drop(recording.push(Step::Field(name, values))),
            None => recording.spoil(),
        }
    }
    Ok((values,))
}

/// A result in the form in which a handler is told it; what is no error of the call ends the handler.
fn told<T>(result: FilesystemResult<T>) -> Told<T> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

fn spoil(accessor: &Accessor<State>) {
    accessor.with(|mut access| spoil_in(access.data_mut()));
}

/// What a handler is told of an entry. When it was last read is left out: no answer may depend on that.
fn describe(stat: Stat) -> DescriptorStat {
    let at = |seconds: i64, nanoseconds: u64| {
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
        link_count: stat.st_nlink,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        data_access_timestamp: None,
        data_modification_timestamp: at(stat.st_mtime, stat.st_mtime_nsec),
        status_change_timestamp: at(stat.st_ctime, stat.st_ctime_nsec),
    }
}

/// The library's word for an error.
fn error_code(error: Errno) -> ErrorCode {
    io_errors::told(error).into()
}
