//! The same for the files of WASI 0.2, through which both components list directories.

use crate::beneath::{Entries, Entry};
use crate::io_errors;
use crate::io_errors::is_fault;
use crate::replay::Step;
use crate::sandbox::State;
use crate::wasi::fs::{open_options, symlinks};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};

/// Replaces the calls by which a handler learns something about paths.
pub fn override_imports(linker: &mut Linker<State>) -> Result<()> {
    let mut files = linker.instance("wasi:filesystem/types@0.2.12")?;
    let entries = ResourceType::host::<Reading>();
    files.resource("directory-entry-stream", entries, |mut store, handle| {
        store.data_mut().table.delete(Resource::<Reading>::new_own(handle)).map(drop).map_err(Into::into)
    })?;
    files.func_wrap("[method]descriptor.read-directory", read_directory)?;
    files.func_wrap("[method]directory-entry-stream.read-directory-entry", read_directory_entry)?;
    files.func_wrap("[method]descriptor.stat", stat)?;
    files.func_wrap_async("[method]descriptor.stat-at", |store, arguments| Box::new(stat_at(store, arguments)))?;
    files.func_wrap_async("[method]descriptor.open-at", |store, arguments| Box::new(open_at(store, arguments)))?;
    Ok(())
}

type Told<T> = Result<(Result<T, ErrorCode>,)>;

/// A directory that is being read, and where that is written down: the recording and its step.
struct Reading {
    entries: Entries,
    step: Option<(u32, usize)>,
}

fn read_directory(
    mut store: StoreContextMut<'_, State>,
    (descriptor,): (Resource<Descriptor>,),
) -> Told<Resource<Reading>> {
    let state = store.data_mut();
    let read = match state.table.get(&descriptor)? {
        Descriptor::Dir(directory) => {
            let directory = &*directory.dir;
            state.faults.note("read the directory", directory, "", Entries::of(directory))
        }
        Descriptor::File(_) => Err(Errno::NOTDIR),
    };
    let mut step = None;
    if let Some(recording) = &mut state.recording {
        match recording.directory(descriptor.rep()) {
            Some(opened) if read.is_ok() => {
                step = Some((recording.number, recording.push(Step::Entries(opened, Vec::new()))));
            }
            _ => recording.spoil(),
        }
    }
    Ok((match read {
        Ok(entries) => Ok(state.table.push(Reading { entries, step })?),
        Err(error) => Err(error_code(error)),
    },))
}

fn read_directory_entry(
    mut store: StoreContextMut<'_, State>,
    (reading,): (Resource<Reading>,),
) -> Told<Option<DirectoryEntry>> {
    let state = store.data_mut();
    let Reading { entries, step } = state.table.get_mut(&reading)?;
    let told = entries.next();
    let fault = told.as_ref().and_then(|told| told.as_ref().err().copied()).filter(|error| is_fault(*error));
    if let Some(error) = fault {
        state.faults.tell("read the directory", entries.directory()?, "", &error.into());
    }
    if let Some(recording) = &mut state.recording {
        match *step {
            Some((number, step)) if number == recording.number && fault.is_none() => recording.tell(step, told.clone()),
            _ => recording.spoil(),
        }
    }
    Ok((match told {
        None => Ok(None),
        Some(Ok(Entry { name, kind: found })) => Ok(Some(DirectoryEntry { type_: kind(found), name })),
        Some(Err(error)) => Err(error_code(error)),
    },))
}

fn stat(mut store: StoreContextMut<'_, State>, (descriptor,): (Resource<Descriptor>,)) -> Told<DescriptorStat> {
    let found = crate::wasi::fs::stat_of(store.data_mut(), &descriptor)?;
    Ok((found.map(describe).map_err(error_code),))
}

type Named = (Resource<Descriptor>, PathFlags, String);
type Opening = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);

async fn stat_at(mut store: StoreContextMut<'_, State>, (descriptor, flags, path): Named) -> Told<DescriptorStat> {
    let state = store.data_mut();
    if !state.can_walk {
        crate::wasi::fs::spoil_in(state);
        return told(HostDescriptor::stat_at(&mut state.filesystem(), descriptor, flags, path).await);
    }
    let links = symlinks!(flags);
    let found = crate::wasi::fs::beneath(state, &descriptor, "look at", &path, |lent, at| lent.look(at, &path, links))?;
    if let Some(recording) = &mut state.recording {
        match recording.directory(descriptor.rep()) {
            Some(opened) if !matches!(found, Err(error) if is_fault(error)) => {
                recording.push(Step::Entry(opened, path, links, found.map(Into::into)));
            }
            _ => recording.spoil(),
        }
    }
    Ok((found.map(describe).map_err(error_code),))
}

async fn open_at(
    mut store: StoreContextMut<'_, State>,
    (descriptor, path_flags, path, open_flags, flags): Opening,
) -> Told<Resource<Descriptor>> {
    let how = match open_options!(path_flags, open_flags, flags) {
        Ok(how) => how,
        Err(refused) => return Ok((Err(error_code(refused)),)),
    };
    let state = store.data_mut();
    if state.can_walk {
        return Ok((match crate::wasi::fs::open_in(state, &descriptor, path, how)? {
            Ok(opened) => {
                let opened = state.table.push(opened)?;
                if let Some(recording) = &mut state.recording {
                    recording.name_directory(opened.rep());
                }
                Ok(opened)
            }
            Err(error) => Err(error_code(error)),
        },));
    }
    crate::wasi::fs::spoil_in(state);
    let mut files = state.filesystem();
    // The library waits for what it opens, so it is shown nothing that could keep it waiting.
    let borrowed = Resource::new_borrow(descriptor.rep());
    match told(HostDescriptor::stat_at(&mut files, borrowed, path_flags, path.clone()).await)?
        .0
        .map(|found| found.type_)
    {
        Ok(DescriptorType::RegularFile | DescriptorType::Directory) => {}
        Ok(_) => return Ok((Err(ErrorCode::NotPermitted),)),
        Err(error) => return Ok((Err(error),)),
    }
    told(HostDescriptor::open_at(&mut files, descriptor, path_flags, path, open_flags, flags).await)
}

/// A result in the form in which a handler is told it; what is no error of the call ends the handler.
fn told<T>(result: FsResult<T>) -> Told<T> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// What a handler is told of an entry; times before 1970 cannot be.
fn describe(stat: Stat) -> DescriptorStat {
    let at = |seconds: i64, nanoseconds: u64| {
        let nanoseconds = u32::try_from(nanoseconds).unwrap_or(0);
        Some(Datetime { seconds: u64::try_from(seconds).ok()?, nanoseconds })
    };
    DescriptorStat {
        type_: kind(FileType::from_raw_mode(stat.st_mode)),
        link_count: stat.st_nlink,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        data_access_timestamp: None,
        data_modification_timestamp: at(stat.st_mtime, stat.st_mtime_nsec),
        status_change_timestamp: at(stat.st_ctime, stat.st_ctime_nsec),
    }
}

fn kind(kind: FileType) -> DescriptorType {
    match kind {
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

/// The library's word for an error.
fn error_code(error: Errno) -> ErrorCode {
    io_errors::told(error).into()
}
