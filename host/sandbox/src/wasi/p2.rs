//! WASI 0.2 functions that read files. Both components list directories through them.

use crate::beneath::{DirReader, RawDirEntry, link_count};
use crate::errno;
use crate::errno::is_fault;
use crate::io_errors::Reporter;
use crate::number::to_u64;
use crate::override_import::override_import;
use crate::read_at::read_at;
use crate::replay::EntriesStep;
use crate::state::InstanceState;
use crate::wasi::fs;
use crate::wasi_version::WasiVersion::P2;
use bytes::Bytes;
use futures::FutureExt as _;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::sync::Arc;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut, bail};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, FsResult, InputStream, Pollable, StreamError, StreamResult};

/// Bytes of one read of a file.
const MAX_READ: usize = 64 << 10;

const FILES: &str = "wasi:filesystem/types";

/// Replaces the functions that read directories and metadata, and that open files.
pub(crate) fn override_imports(linker: &mut Linker<InstanceState>) -> Result<()> {
    override_import(linker, FILES, P2, "directory-entry-stream", |files, name| {
        files.resource(name, ResourceType::host::<DirStream>(), |mut store, handle| {
            store.data_mut().table.delete(Resource::<DirStream>::new_own(handle)).map(drop).map_err(Into::into)
        })
    })?;
    override_import(linker, FILES, P2, "[method]descriptor.read-directory", |files, name| {
        files.func_wrap(name, read_directory)
    })?;
    let read_entry = "[method]directory-entry-stream.read-directory-entry";
    override_import(linker, FILES, P2, read_entry, |files, name| files.func_wrap(name, read_directory_entry))?;
    let read = "[method]descriptor.read-via-stream";
    override_import(linker, FILES, P2, read, |files, name| files.func_wrap(name, read_via_stream))?;
    override_import(linker, FILES, P2, "[method]descriptor.stat", |files, name| files.func_wrap(name, stat))?;
    override_import(linker, FILES, P2, "[method]descriptor.stat-at", |files, name| files.func_wrap(name, stat_at))?;
    override_import(linker, FILES, P2, "[method]descriptor.open-at", |files, name| files.func_wrap(name, open_at))
}

/// A result for the handler, inside of one that traps.
type WasiResult<T> = Result<(Result<T, ErrorCode>,)>;

/// The resource `directory-entry-stream`.
struct DirStream {
    directory: Arc<File>,
    reader: DirReader,
    /// The recording to which the entries belong, and how it has them.
    step: Option<(u32, EntriesStep)>,
}

fn read_directory(
    mut store: StoreContextMut<'_, InstanceState>,
    (descriptor,): (Resource<Descriptor>,),
) -> WasiResult<Resource<DirStream>> {
    let state = store.data_mut();
    let directory = match state.table.get(&descriptor)? {
        Descriptor::Dir(directory) => Arc::clone(&directory.dir),
        Descriptor::File(_) => return Ok((Err(error_code(Errno::NOTDIR)),)),
    };
    let reader = DirReader::new(&*directory);
    let reader = state.files.reporter.check("read the directory", &directory, "", reader);
    let mut step = None;
    if let Some(recording) = &mut state.recording {
        match recording.directory(descriptor.rep()).zip(reader.as_ref().ok()) {
            Some((opened, _)) => step = Some((recording.id, recording.read_entries(opened, &*directory))),
            None => recording.mark_unreplayable(),
        }
    }
    Ok((match reader {
        Ok(reader) => Ok(state.table.push(DirStream { directory, reader, step })?),
        Err(error) => Err(error_code(error)),
    },))
}

fn read_directory_entry(
    mut store: StoreContextMut<'_, InstanceState>,
    (stream,): (Resource<DirStream>,),
) -> WasiResult<Option<DirectoryEntry>> {
    let state = store.data_mut();
    let DirStream { directory, reader, step } = state.table.get_mut(&stream)?;
    let entry = reader.next();
    let fault = entry.as_ref().and_then(|entry| entry.as_ref().err().copied()).filter(|error| is_fault(*error));
    if let Some(error) = fault {
        state.files.reporter.report("read the directory", directory, "", &error.into());
    }
    if let Some(recording) = &mut state.recording {
        match *step {
            Some((id, EntriesStep::Recorded(step))) if id == recording.id && fault.is_none() => {
                recording.push_entry(step, entry.clone());
            }
            Some((id, EntriesStep::Implied)) if id == recording.id && fault.is_none() => {}
            _ => recording.mark_unreplayable(),
        }
    }
    Ok((match entry {
        None => Ok(None),
        Some(Ok(RawDirEntry { name, file_type })) => {
            Ok(Some(DirectoryEntry { type_: descriptor_type(file_type), name }))
        }
        Some(Err(error)) => Err(error_code(error)),
    },))
}

/// A later change of the file changes its metadata, so they are recorded now, and not with each read.
fn read_via_stream(
    mut store: StoreContextMut<'_, InstanceState>,
    (descriptor, offset): (Resource<Descriptor>, u64),
) -> WasiResult<Resource<DynInputStream>> {
    let state = store.data_mut();
    let Descriptor::File(file) = state.table.get(&descriptor)? else { return Ok((Err(ErrorCode::IsDirectory),)) };
    let (file, reporter) = (Arc::clone(&file.file), Arc::clone(&state.files.reporter));
    state.record_content(&file);
    let stream: DynInputStream = Box::new(FileInput { file, offset, reporter });
    Ok((Ok(state.table.push(stream)?),))
}

/// The content of a file from an offset. It is read on the calling thread.
struct FileInput {
    file: Arc<File>,
    offset: u64,
    reporter: Arc<Reporter>,
}

#[wasmtime_wasi::async_trait]
impl Pollable for FileInput {
    async fn ready(&mut self) {}
}

impl InputStream for FileInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut block = vec![0; size.min(MAX_READ)];
        match read_at(&self.file, &mut block, self.offset) {
            Ok(0) if size > 0 => Err(StreamError::Closed),
            Ok(read) => {
                block.truncate(read);
                self.offset = self.offset.saturating_add(to_u64(read));
                Ok(block.into())
            }
            Err(error) => {
                self.reporter.report("read", &self.file, "", &error);
                Err(StreamError::LastOperationFailed(error.into()))
            }
        }
    }
}

fn stat(
    mut store: StoreContextMut<'_, InstanceState>,
    (descriptor,): (Resource<Descriptor>,),
) -> WasiResult<DescriptorStat> {
    let state = store.data_mut();
    if state.files.can_resolve {
        let stat = fs::stat(state, &descriptor)?;
        return Ok((stat.map(descriptor_stat).map_err(error_code),));
    }
    // Another time of the last change than that of `stat-at` would look like a change of the file.
    state.mark_unreplayable();
    from_library(HostDescriptor::stat(&mut state.filesystem(), descriptor))
}

type StatAtArgs = (Resource<Descriptor>, PathFlags, String);
type OpenAtArgs = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);

fn stat_at(
    mut store: StoreContextMut<'_, InstanceState>,
    (descriptor, flags, path): StatAtArgs,
) -> WasiResult<DescriptorStat> {
    let state = store.data_mut();
    if state.files.can_resolve {
        let stat = fs::stat_at(state, &descriptor, path, fs::symlinks!(flags))?;
        return Ok((stat.map(descriptor_stat).map_err(error_code),));
    }
    state.mark_unreplayable();
    from_library(HostDescriptor::stat_at(&mut state.filesystem(), descriptor, flags, path))
}

fn open_at(
    mut store: StoreContextMut<'_, InstanceState>,
    (descriptor, path_flags, path, open_flags, flags): OpenAtArgs,
) -> WasiResult<Resource<Descriptor>> {
    let options = match fs::open_options!(path_flags, open_flags, flags) {
        Ok(options) => options,
        Err(error) => return Ok((Err(error_code(error)),)),
    };
    let state = store.data_mut();
    if state.files.can_resolve {
        return Ok((fs::open_at(state, &descriptor, path, options)?.map_err(error_code),));
    }
    state.mark_unreplayable();
    let mut files = state.filesystem();
    // wasmtime-wasi would wait for the other end of a FIFO, so the type is checked first.
    let (directory, checked) = (Resource::new_borrow(descriptor.rep()), Resource::new_borrow(descriptor.rep()));
    let stat = from_library(HostDescriptor::stat_at(&mut files, checked, path_flags, path.clone()))?.0;
    match stat.map(|stat| stat.type_) {
        Ok(DescriptorType::RegularFile | DescriptorType::Directory) => {}
        Ok(_) => return Ok((Err(ErrorCode::NotPermitted),)),
        Err(error) => return Ok((Err(error),)),
    }
    let opened = HostDescriptor::open_at(&mut files, descriptor, path_flags, path, open_flags, flags);
    let opened = from_library(opened)?;
    if let (Ok(opened),) = &opened {
        fs::count_opened(state, &directory, opened)?;
    }
    Ok(opened)
}

/// Returns the result of a function of wasmtime-wasi, which does not wait: its descriptors permit blocking the thread.
/// An error without a code traps.
fn from_library<T>(call: impl Future<Output = FsResult<T>>) -> WasiResult<T> {
    match call.now_or_never() {
        Some(Ok(value)) => Ok((Ok(value),)),
        Some(Err(error)) => Ok((Err(error.downcast()?),)),
        None => bail!("a function of wasmtime-wasi waits for another thread"),
    }
}

/// Converts metadata. Leaves out times before 1970, which WASI 0.2 cannot express, and the access time, because a
/// response must not depend on it.
fn descriptor_stat(stat: Stat) -> DescriptorStat {
    let datetime = |seconds: i64, nanoseconds: u64| {
        let nanoseconds = u32::try_from(nanoseconds).unwrap_or(0);
        Some(Datetime { seconds: u64::try_from(seconds).ok()?, nanoseconds })
    };
    DescriptorStat {
        type_: descriptor_type(FileType::from_raw_mode(stat.st_mode)),
        link_count: link_count(&stat),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        data_access_timestamp: None,
        data_modification_timestamp: datetime(stat.st_mtime, stat.st_mtime_nsec),
        status_change_timestamp: datetime(stat.st_ctime, stat.st_ctime_nsec),
    }
}

fn descriptor_type(file_type: FileType) -> DescriptorType {
    match file_type {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::Unknown => DescriptorType::Unknown,
    }
}

fn error_code(error: Errno) -> ErrorCode {
    errno::to_wasi(error).into()
}
