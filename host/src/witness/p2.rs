//! The same for the files of WASI 0.2, through which both components list directories. None of it is written down: what
//! is learned here makes an answer that is not given again.
//!
//! Entries come one by one as the system has them, so a directory takes no more memory for being large; and what an
//! entry is stands in the directory itself, so nobody has to look at each for it.

use crate::look::{self, Links};
use crate::replay::Recording;
use crate::sandbox::State;
use rustix::fs::{Dir, FileType, Stat};
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
    let entries = ResourceType::host::<Entries>();
    files.resource("directory-entry-stream", entries, |mut store, handle| {
        store.data_mut().table.delete(Resource::<Entries>::new_own(handle)).map(drop).map_err(Into::into)
    })?;
    files.func_wrap("[method]descriptor.read-directory", read_directory)?;
    files.func_wrap("[method]directory-entry-stream.read-directory-entry", read_directory_entry)?;
    files.func_wrap("[method]descriptor.stat-at", stat_at)?;
    files.func_wrap_async("[method]descriptor.open-at", |store, arguments| Box::new(open_at(store, arguments)))?;
    Ok(())
}

type Told<T> = Result<(Result<T, ErrorCode>,)>;

/// A directory that is being read.
struct Entries(Dir);

fn read_directory(
    mut store: StoreContextMut<'_, State>,
    (descriptor,): (Resource<Descriptor>,),
) -> Told<Resource<Entries>> {
    let state = store.data_mut();
    spoil(state);
    let read = match state.table.get(&descriptor)? {
        Descriptor::Dir(directory) => Dir::read_from(&*directory.dir),
        Descriptor::File(_) => Err(Errno::NOTDIR),
    };
    Ok((match read {
        Ok(entries) => Ok(state.table.push(Entries(entries))?),
        Err(error) => Err(error_code(error)),
    },))
}

fn read_directory_entry(
    mut store: StoreContextMut<'_, State>,
    (entries,): (Resource<Entries>,),
) -> Told<Option<DirectoryEntry>> {
    let Entries(directory) = store.data_mut().table.get_mut(&entries)?;
    loop {
        let entry = match directory.read() {
            None => return Ok((Ok(None),)),
            Some(Ok(entry)) => entry,
            Some(Err(error)) => return Ok((Err(error_code(error)),)),
        };
        let name = match entry.file_name().to_str() {
            Ok("." | "..") => continue,
            Ok(name) => name.to_owned(),
            Err(_) => return Ok((Err(ErrorCode::IllegalByteSequence),)),
        };
        // Not every file system says it in the directory.
        let type_ = match entry.file_type() {
            FileType::Unknown => match directory.fd().and_then(|here| look::look(here, &name, Links::AreTold)) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(error) => return Ok((Err(error_code(error)),)),
            },
            known => known,
        };
        return Ok((Ok(Some(DirectoryEntry { type_: kind(type_), name })),));
    }
}

fn stat_at(
    mut store: StoreContextMut<'_, State>,
    (descriptor, flags, path): (Resource<Descriptor>, PathFlags, String),
) -> Told<DescriptorStat> {
    let state = store.data_mut();
    spoil(state);
    let links = if flags == PathFlags::SYMLINK_FOLLOW { Links::AreFollowed } else { Links::AreTold };
    let found = match state.table.get(&descriptor)? {
        Descriptor::Dir(directory) => look::look(&*directory.dir, &path, links),
        Descriptor::File(_) => Err(Errno::NOTDIR),
    };
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
    spoil(state);
    let is_plain = (path_flags, flags) == (PathFlags::SYMLINK_FOLLOW, DescriptorFlags::READ)
        && OpenFlags::DIRECTORY.contains(open_flags);
    if is_plain && let Some(opened) = super::open_beneath(state, &descriptor, &path) {
        let wants_directory = open_flags == OpenFlags::DIRECTORY;
        return Ok((match opened {
            Ok((Descriptor::File(_), _)) if wants_directory => Err(ErrorCode::NotDirectory),
            Ok((opened, _)) => Ok(state.table.push(opened)?),
            Err(error) => Err(error_code(error)),
        },));
    }
    let mut files = state.filesystem();
    match HostDescriptor::open_at(&mut files, descriptor, path_flags, path, open_flags, flags).await {
        Ok(opened) => Ok((Ok(opened),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

fn spoil(state: &mut State) {
    state.recording.as_mut().map(Recording::spoil);
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
