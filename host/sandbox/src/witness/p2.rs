//! The same for the files of WASI 0.2, through which both components list directories.

use crate::look::{self, Entries, Entry, Links};
use crate::replay::Step;
use crate::sandbox::State;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use std::io;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};

/// Replaces the calls by which a handler learns something about paths.
pub fn shadow(linker: &mut Linker<State>) -> Result<()> {
    let mut files = linker.instance("wasi:filesystem/types@0.2.12")?;
    let entries = ResourceType::host::<Reading>();
    files.resource("directory-entry-stream", entries, |mut store, handle| {
        store.data_mut().table.delete(Resource::<Reading>::new_own(handle)).map(drop).map_err(Into::into)
    })?;
    files.func_wrap("[method]descriptor.read-directory", read_directory)?;
    files.func_wrap("[method]directory-entry-stream.read-directory-entry", read_directory_entry)?;
    files.func_wrap("[method]descriptor.stat-at", stat_at)?;
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
        Descriptor::Dir(directory) => Entries::of(&*directory.dir),
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
    if let Some(recording) = &mut state.recording {
        match *step {
            Some((number, step)) if number == recording.number => recording.tell(step, told.clone()),
            _ => recording.spoil(),
        }
    }
    Ok((match told {
        None => Ok(None),
        Some(Ok(Entry { name, kind: found })) => Ok(Some(DirectoryEntry { type_: kind(found), name })),
        Some(Err(error)) => Err(error_code(error)),
    },))
}

fn stat_at(
    mut store: StoreContextMut<'_, State>,
    (descriptor, flags, path): (Resource<Descriptor>, PathFlags, String),
) -> Told<DescriptorStat> {
    let state = store.data_mut();
    let links = if flags == PathFlags::SYMLINK_FOLLOW { Links::AreFollowed } else { Links::AreTold };
    let found = match state.table.get(&descriptor)? {
        Descriptor::Dir(directory) => look::look(&*directory.dir, &path, links),
        Descriptor::File(_) => Err(Errno::NOTDIR),
    };
    if let Some(recording) = &mut state.recording {
        match recording.directory(descriptor.rep()) {
            Some(opened) => drop(recording.push(Step::Entry(opened, path, links, found.map(Into::into)))),
            None => recording.spoil(),
        }
    }
    Ok((found.map(describe).map_err(error_code),))
}

async fn open_at(
    mut store: StoreContextMut<'_, State>,
    (descriptor, path_flags, path, open_flags, flags): (
        Resource<Descriptor>,
        PathFlags,
        String,
        OpenFlags,
        DescriptorFlags,
    ),
) -> Told<Resource<Descriptor>> {
    let state = store.data_mut();
    let is_plain = (path_flags, flags) == (PathFlags::SYMLINK_FOLLOW, DescriptorFlags::READ)
        && OpenFlags::DIRECTORY.contains(open_flags);
    if is_plain && let Some(opened) = super::open_beneath(state, &descriptor, &path) {
        let seen = opened.as_ref().map(|(_, stat)| *stat).map_err(|error| *error);
        super::record(state, &descriptor, |seen| Step::Open(path, seen), seen);
        let wants_directory = open_flags == OpenFlags::DIRECTORY;
        return Ok((match opened {
            Ok((Descriptor::File(_), _)) if wants_directory => Err(ErrorCode::NotDirectory),
            Ok((opened, _)) => {
                let opened = state.table.push(opened)?;
                if let Some(recording) = &mut state.recording {
                    recording.name_directory(opened.rep());
                }
                Ok(opened)
            }
            Err(error) => Err(error_code(error)),
        },));
    }
    if let Some(recording) = &mut state.recording {
        recording.spoil();
    }
    let mut files = state.filesystem();
    match HostDescriptor::open_at(&mut files, descriptor, path_flags, path, open_flags, flags).await {
        Ok(opened) => Ok((Ok(opened),)),
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

/// The library's word for an error; a path that leads out is one that is not permitted.
fn error_code(error: Errno) -> ErrorCode {
    match error {
        Errno::XDEV => ErrorCode::NotPermitted,
        error => io::Error::from(error).into(),
    }
}
